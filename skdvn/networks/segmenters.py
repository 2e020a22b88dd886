"""Networks that guess a mask from the image alone, and values on top of a guess."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from .layers import (
    HalfPrecision,
    cross_entropies,
    probabilities,
    reset_parameters,
)


class Guesser(HalfPrecision, nn.Module):
    """A network that maps images to logits of masks: ``forward(x)``.

    As a value network it has a guess and no opinion on other outputs.
    """

    def encode(self, x):
        """Logits of the guess, in single precision."""
        with self.autocast(x.device):
            logits = self(x.contiguous(memory_format=torch.channels_last))
        return logits.to(x.dtype)

    def guess(self, context):
        """The guess, in [0, 1]."""
        return probabilities(context)

    def guess_losses(self, context, y):
        """Cross-entropy of the guess, shape (n,)."""
        return cross_entropies(context, y)

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

    def __init__(self, n_channels, n_outputs, widths=(64, 128, 128), generator=None):
        super().__init__()
        first, second, third = widths
        up = {"kernel_size": 4, "stride": 2, "padding": 1}
        self.layers = nn.Sequential(
            skip_init(nn.Conv2d, n_channels, first, 5, padding=2),
            nn.SiLU(),
            skip_init(nn.Conv2d, first, second, 5, stride=2, padding=2),
            nn.SiLU(),
            skip_init(nn.Conv2d, second, third, 5, stride=2, padding=2),
            nn.SiLU(),
            skip_init(nn.ConvTranspose2d, third, second, **up),
            nn.SiLU(),
            skip_init(nn.ConvTranspose2d, second, n_outputs, **up),
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
            skip_init(nn.Conv2d, width, n_out, 3, padding=1, bias=False),
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
        Levels; heights and widths of images must be multiples of
        ``2 ** (n_levels - 1)``.
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    def __init__(self, n_channels, n_outputs, width=32, n_levels=3, generator=None):
        super().__init__()
        widths = [width * 2**level for level in range(n_levels)]
        self.down = nn.ModuleList(
            _block(n_in, n_out) for n_in, n_out in pairwise([n_channels, *widths])
        )
        self.up = nn.ModuleList(
            _block(coarse + fine, fine) for fine, coarse in pairwise(widths)
        )
        self.head = skip_init(nn.Conv2d, width, n_outputs, 1)
        reset_parameters(self, generator)
        self.to(memory_format=torch.channels_last)

    def features(self, x):
        """Features of every pixel, (n, width, height, width of the image)."""
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        x = skips.pop()
        for block in reversed(self.up):
            x = F.interpolate(x, scale_factor=2.0)
            x = block(torch.cat([x, skips.pop()], 1))
        return x

    def forward(self, x):
        """Logits of the masks."""
        return self.head(self.features(x))
