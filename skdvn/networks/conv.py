"""The value network of the paper for masks."""

import torch
from torch import nn
from torch.nn import functional as F

from .layers import HalfPrecision, SeededDropout, reset_parameters, unset


def _slope(x):
    """Derivative of SiLU, the activation."""
    gate = torch.sigmoid(x)
    return gate * (1 + x * (1 - gate))


class ConvNetwork(HalfPrecision, nn.Module):
    """Image and mask side by side through one convolutional network (figure 2).

    Convolutions of 5x5 with 64, 128 and 128 channels, the last two with stride 2, then
    fully connected layers of 384, with dropout, and 192 units and the score. What the
    first convolution makes of the image is computed once per image. The activations
    are smooth, since inference climbs their gradient, which is written out, so that
    training on it needs no second-order autograd.

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
        self.of_image = unset(nn.Conv2d, n_channels, first, 5, padding=2)
        self.of_mask = unset(nn.Conv2d, n_outputs, first, 5, padding=2, bias=False)
        self.second = unset(nn.Conv2d, first, second, 5, stride=2, padding=2)
        self.third = unset(nn.Conv2d, second, third, 5, stride=2, padding=2)
        self.fourth = unset(
            nn.Linear, third * (crop_size // 4) ** 2, hidden_layer_sizes[0]
        )
        self.dropout = SeededDropout(keep, generator)
        self.fifth = unset(nn.Linear, *hidden_layer_sizes)
        self.readout = unset(nn.Linear, hidden_layer_sizes[1], 1)
        reset_parameters(self, generator)
        self.to(memory_format=torch.channels_last)

    def encode(self, x):
        """What the first convolution makes of the image, (n, 64, height, width)."""
        with self.autocast(x.device):
            return self.of_image(x.contiguous(memory_format=torch.channels_last))

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        return self._forward(context, y)[0]

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y, written out layer by layer."""
        score, *units, kept = self._forward(context, y)
        first, second, third, fourth, fifth = map(_slope, units)
        with self.autocast(y.device):
            grad = self.readout.weight * fifth
            grad = (grad @ self.fifth.weight) * fourth * kept
            grad = (grad @ self.fourth.weight).view(third.shape) * third
            grad = self._back(grad, self.third, second)
            grad = self._back(grad, self.second, first)
            grad = F.conv_transpose2d(grad, self.of_mask.weight, padding=2)
        # The mask goes from -1 to 1.
        return score, 2 * grad.to(y.dtype)

    def _forward(self, context, y):
        """The score, what goes into each activation, and what dropout keeps."""
        with self.autocast(y.device):
            signed = (2 * y - 1).contiguous(memory_format=torch.channels_last)
            first = context + self.of_mask(signed)
            second = self.second(F.silu(first))
            third = self.third(F.silu(second))
            fourth = self.fourth(F.silu(third).flatten(1))
            kept = self.dropout.draw(fourth)
            fifth = self.fifth(F.silu(fourth) * kept)
        # In half precision the score would move in visible steps.
        hidden = F.silu(fifth.to(y.dtype))
        return self.readout(hidden)[:, 0], first, second, third, fourth, fifth, kept

    @staticmethod
    def _back(grad, layer, slopes):
        """Through a convolution of stride 2 and the activation before it."""
        grad = grad.contiguous(memory_format=torch.channels_last)
        grad = F.conv_transpose2d(
            grad, layer.weight, stride=2, padding=2, output_padding=1
        )
        return grad * slopes
