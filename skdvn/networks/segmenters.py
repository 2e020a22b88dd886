"""Networks that guess a mask from the image alone."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from .layers import (
    HalfPrecision,
    cross_entropies,
    probabilities,
    reset_parameters,
    unset,
)


class Guesser(HalfPrecision, nn.Module):
    """A network that maps images to logits of masks: ``forward(x)``.

    As a value network it has a guess and no opinion on other outputs.

    Attributes
    ----------
    multiple : int
        Of what heights and widths of images must be multiples.
    slope : torch.Tensor of shape ()
        What `encode` multiplies the logits by, but for training: 1, until
        `skdvn.training.sharpen` knows better.
    """

    multiple = 1
    memory_format = torch.channels_last

    def __init__(self):
        super().__init__()
        self.register_buffer("slope", torch.ones(()))

    def encode(self, x):
        """Logits of the guess, in single precision."""
        with self.autocast(x.device):
            logits = self(x.contiguous(memory_format=self.memory_format))
        logits = logits.to(x.dtype)
        return logits if self.training else self.slope * logits

    def guess(self, context):
        """The guess, in [0, 1]."""
        return probabilities(context)

    def guess_losses(self, context, y, known=None):
        """Cross-entropy of the guess, shape (n,)."""
        return cross_entropies(context, y, known)

    def score(self, context, y):
        """Mean log-likelihood of y under the guess, shape (n,)."""
        return -cross_entropies(context, y)


class FCN(Guesser):
    """The fully convolutional network that the paper compares with (section 5.2).

    The convolutions of `ConvNetwork` on the image alone, and two transposed ones that
    undo their strides (Long et al., 2015).

    Parameters
    ----------
    n_channels, n_outputs : int
        Channels of images and masks.
    widths : tuple of int, default=(64, 128, 128)
        Channels of the convolutions.
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    multiple = 4

    def __init__(self, n_channels, n_outputs, widths=(64, 128, 128), generator=None):
        super().__init__()
        first, second, third = widths
        up = {"kernel_size": 4, "stride": 2, "padding": 1}
        self.layers = nn.Sequential(
            unset(nn.Conv2d, n_channels, first, 5, padding=2),
            nn.SiLU(),
            unset(nn.Conv2d, first, second, 5, stride=2, padding=2),
            nn.SiLU(),
            unset(nn.Conv2d, second, third, 5, stride=2, padding=2),
            nn.SiLU(),
            unset(nn.ConvTranspose2d, third, second, **up),
            nn.SiLU(),
            unset(nn.ConvTranspose2d, second, n_outputs, **up),
        )
        reset_parameters(self, generator)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        """Logits of the masks."""
        return self.layers(x)


def _block(n_in, n_out):
    layers = []
    for width in (n_in, n_out):
        layers += [
            unset(nn.Conv2d, width, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.SiLU(),
        ]
    return nn.Sequential(*layers)


class UNet(Guesser):
    """A small U-Net (Ronneberger et al., 2015) with batch normalisation.

    Parameters
    ----------
    n_channels, n_outputs : int
        Channels of images and masks.
    width : int, default=32
        Channels of the finest level; each further level has twice as many.
    n_levels : int, default=3
        Levels, each of half the resolution of the one before.
    stride : int, default=1
        Side of the squares of pixels that the finest level sees as one: it reads all
        their channels side by side, and writes the mask of all (sub-pixel
        convolution, Shi et al., 2016).
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    def __init__(
        self, n_channels, n_outputs, width=32, n_levels=3, stride=1, generator=None
    ):
        super().__init__()
        self.stride = stride
        widths = [width * 2**level for level in range(n_levels)]
        self.down = nn.ModuleList(
            _block(n_in, n_out)
            for n_in, n_out in pairwise([n_channels * stride**2, *widths])
        )
        self.up = nn.ModuleList(
            _block(coarse + fine, fine) for fine, coarse in pairwise(widths)
        )
        self.head = unset(nn.Conv2d, width, n_outputs * stride**2, 1)
        # That of torch's own convolutions, worth half a point of IOU on the horses.
        for blocks in (self.down, self.up):
            reset_parameters(blocks, generator, variance=1 / 3)
        reset_parameters(self.head, generator, variance=1.0)
        self.to(memory_format=torch.channels_last)

    @property
    def multiple(self):
        """Of what heights and widths of images must be multiples."""
        return self.stride * 2 ** len(self.up)

    def forward(self, x):
        """Logits of the masks."""
        x, skips = F.pixel_unshuffle(x, self.stride), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        x = skips.pop()
        for block in reversed(self.up):
            x = F.interpolate(x, scale_factor=2.0)
            x = block(torch.cat([x, skips.pop()], 1))
        return F.pixel_shuffle(self.head(x), self.stride)


def logits_in(output):
    """The logits among what a module returns.

    Parameters
    ----------
    output : torch.Tensor or Mapping of them
        Of a mapping "out" or "logits" is taken.

    Raises
    ------
    ValueError
        If it has neither.
    """
    if not isinstance(output, Mapping):
        return output
    for name in ("out", "logits"):
        if name in output:
            return output[name]
    raise ValueError(
        f"it returned a dictionary of {sorted(map(str, output))}; allowed are a tensor "
        "and a dictionary with 'out' or 'logits'"
    )


class Backbone(Guesser):
    """A module of the user's that maps images to logits of masks.

    Parameters
    ----------
    module : torch.nn.Module
        Maps (n, n_channels, height, width) to (n, n_outputs, height, width), or to a
        whole fraction of height and width, which is enlarged. Of a dictionary "out"
        or "logits" is taken; two channels are those of two classes.
    multiple : int, default=1
        Of what heights and widths of images must be multiples.
    """

    memory_format = torch.contiguous_format

    def __init__(self, module, multiple=1):
        super().__init__()
        self.module, self.multiple = module, multiple

    def forward(self, x):
        """Logits of the masks, at the size of the images."""
        logits = logits_in(self.module(x))
        if logits.shape[1] == 2:
            logits = logits[:, 1:] - logits[:, :1]
        if logits.shape[2:] != x.shape[2:]:
            logits = F.interpolate(logits, x.shape[2:], mode="bilinear")
        return logits

    def train(self, mode=True):
        """Set the mode; what is frozen keeps the statistics of its normalisation."""
        super().train(mode)
        for layer in self.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                weights = list(layer.parameters())
                if weights and not any(weight.requires_grad for weight in weights):
                    layer.eval()
        return self
