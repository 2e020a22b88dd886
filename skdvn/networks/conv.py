"""The value network of the paper for masks."""

import torch
from torch import nn
from torch.nn import functional as F

from .layers import HalfPrecision, SeededDropout, reset_parameters


class ConvNetwork(HalfPrecision, nn.Module):
    """Image and mask side by side through one convolutional network (figure 2).

    Convolutions of 5x5 with 64, 128 and 128 channels, the last two with stride 2, then
    fully connected layers of 384, with dropout, and 192 units and the score. The
    activations are smooth, since inference climbs their gradient. What the first
    convolution makes of the image is computed once per image.

    Parameters
    ----------
    n_channels, n_outputs : int
        Channels of images and masks.
    crop_size : int
        Side of the images, a multiple of 4.
    widths : tuple of int, default=(64, 128, 128)
        Channels of the convolutions.
    hidden_layer_sizes : tuple of int, default=(384, 192)
        Units of the fully connected layers.
    keep : float, default=0.75
        Share of the units that the dropout after the first of them keeps.
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    def __init__(
        self,
        n_channels,
        n_outputs,
        crop_size,
        widths=(64, 128, 128),
        hidden_layer_sizes=(384, 192),
        keep=0.75,
        generator=None,
    ):
        super().__init__()
        first, second, third = widths
        self.of_image = nn.Conv2d(n_channels, first, 5, padding=2)
        self.of_mask = nn.Conv2d(n_outputs, first, 5, padding=2, bias=False)
        self.second = nn.Conv2d(first, second, 5, stride=2, padding=2)
        self.third = nn.Conv2d(second, third, 5, stride=2, padding=2)
        n_features = third * (crop_size // 4) ** 2
        self.fourth = nn.Linear(n_features, hidden_layer_sizes[0])
        self.dropout = SeededDropout(keep, generator)
        self.fifth = nn.Linear(*hidden_layer_sizes)
        self.readout = nn.Linear(hidden_layer_sizes[1], 1)
        reset_parameters(self, generator)
        self.to(memory_format=torch.channels_last)

    def encode(self, x):
        """What the first convolution makes of the image, (n, 64, height, width)."""
        with self.autocast(x.device):
            return self.of_image(x.contiguous(memory_format=torch.channels_last))

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        with self.autocast(y.device):
            hidden = F.silu(context + self.of_mask(y))
            hidden = F.silu(self.second(hidden))
            hidden = F.silu(self.third(hidden)).flatten(1)
            hidden = self.dropout(F.silu(self.fourth(hidden)))
            hidden = F.silu(self.fifth(hidden))
        # In half precision the score would move in visible steps.
        return self.readout(hidden.to(self.readout.weight.dtype))[:, 0]
