"""Whole images through networks with a guess: padded, in several views, by tiles."""

from itertools import product

import torch
from torch import nn
from torch.nn import functional as F

from ..data import mirrored
from ..networks import join, logits_of, members

# Images of more pixels go through the network in squares of this side, with a margin
# of further pixels around each.
TILE, MARGIN = 448, 32
MAX_PIXELS = (TILE + 2 * MARGIN) ** 2


class WholeImages(nn.Module):
    """A network with a guess, on whole images of any size.

    The guess is the mean over several views of an image (test-time augmentation):
    mirrored from left to right, and shifted by some pixels up, down, left and right.
    Beyond the border an image continues as its mirror image.

    Parameters
    ----------
    network : torch.nn.Module
        Has `guess`, made from what `encode` returns, logits; and `multiple`, of what
        heights and widths must be multiples.
    flip : bool, default=False
        Whether the mirror image is a view.
    shift : int, default=0
        Pixels of four further views.
    size : (int, int), default=None
        Height and width that the guess is enlarged to, at which masks are then sought
        and judged; None leaves it at those of the images.
    """

    def __init__(self, network, flip=False, shift=0, size=None):
        super().__init__()
        self.network, self.size = network, size
        away = [(-shift, 0), (shift, 0), (0, -shift), (0, shift)] if shift else []
        self.views = tuple(product([(0, 0), *away], [False, True] if flip else [False]))

    def encode(self, x):
        """Logits of the guess, (n, n_outputs, height, width)."""
        enlarges = self.size not in (None, x.shape[2:])
        if len(self.views) == 1 and self._fits(x) and not enlarges:
            return self.network.encode(x)
        total = 0.0
        for (down, across), flipped in self.views:
            total = total + self._guess_of_view(x, down, across, flipped)
        mean = total / len(self.views)
        if enlarges:
            mean = F.interpolate(mean, self.size, mode="bilinear")
        return logits_of(mean)

    def guess(self, context):
        """The guess, in [0, 1]."""
        return self.network.guess(context)

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        return self.network.score(context, y)

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y."""
        return self.network.score_and_grad(context, y)

    def _fits(self, x):
        height, width = x.shape[2:]
        whole = height % self.network.multiple == 0 == width % self.network.multiple
        return whole and height * width <= MAX_PIXELS

    def _guess_of_view(self, x, down, across, flipped):
        rows, columns = (torch.arange(n, device=x.device) for n in x.shape[2:])
        view = _at(
            x,
            mirrored(rows + down, len(rows)),
            mirrored(columns + across, len(columns)),
        )
        view = view.flip(-1) if flipped else view
        guess = self._guess_of_tiles(view)
        guess = guess.flip(-1) if flipped else guess
        return _at(
            guess,
            (rows - down).clamp(0, len(rows) - 1),
            (columns - across).clamp(0, len(columns) - 1),
        )

    def _guess_of_tiles(self, x):
        """The guess of images of any size, put together from tiles of them."""
        height, width = x.shape[2:]
        if self._fits(x):
            return self._guess(x)
        tall, wide = (_rounded_up(n, self.network.multiple) for n in (height, width))
        rows, columns = (torch.arange(n, device=x.device) for n in (tall, wide))
        x = _at(x, mirrored(rows, height), mirrored(columns, width))
        if tall * wide <= MAX_PIXELS:
            return self._guess(x)[..., :height, :width]
        core, margin = (_rounded_up(n, self.network.multiple) for n in (TILE, MARGIN))
        bands = []
        for top in range(0, tall, core):
            first = max(0, top - margin)
            band = x[:, :, first : top + core + margin]
            parts = []
            for left in range(0, wide, core):
                start = max(0, left - margin)
                guess = self._guess(band[..., start : left + core + margin])
                inside = slice(left - start, left - start + core)
                parts.append(guess[:, :, top - first : top - first + core, inside])
            bands.append(torch.cat(parts, 3))
        return torch.cat(bands, 2)[..., :height, :width]

    def _guess(self, x):
        return self.network.guess(self.network.encode(x))


def on_whole_images(network, flip, shift, size=None):
    """The networks that `network` is made of, each on whole images, joined."""
    return join([WholeImages(one, flip, shift, size) for one in members(network)])


def _at(x, rows, columns):
    return x[:, :, rows][:, :, :, columns]


def _rounded_up(n, multiple):
    return -(-n // multiple) * multiple
