"""What networks are made of."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class SeededDropout(nn.Module):
    """Dropout that draws from a source of its own instead of torch's global one.

    Parameters
    ----------
    keep : float
        Share of the entries to keep, in (0, 1].
    generator : torch.Generator, default=None
        Source of the seed.
    """

    def __init__(self, keep, generator=None):
        super().__init__()
        self.keep = keep
        # A buffer, so that whoever keeps the weights keeps its place, too.
        self.register_buffer("seed", torch.randint(2**62, (), generator=generator))

    def draw(self, x):
        """What to multiply x with: 0 or ``1 / keep`` in training, else 1."""
        if not self.training or self.keep == 1:
            return 1.0
        rng = torch.Generator(x.device).manual_seed(int(self.seed))
        self.seed.add_(1).remainder_(2**62)
        kept = torch.rand(x.shape, generator=rng, device=x.device) < self.keep
        return kept.to(x.dtype) / self.keep


def unset(kind, *args, **kwargs):
    """A layer of torch whose weights are yet to be drawn.

    As `torch.nn.utils.skip_init`, which imports SymPy: a second in each process.
    """
    layer = kind(*args, **kwargs, device="meta")
    for name, weight in layer.named_parameters():
        empty = torch.empty(weight.shape, dtype=weight.dtype, device="cpu")
        setattr(layer, name, nn.Parameter(empty))
    return layer


def reset_parameters(module, generator=None, variance=2.0):
    """Draw weights with variance ``variance / fan_in``, biases 0.

    By default what passes through keeps its variance (He et al., 2015). Where layers
    normalise it anyway, smaller weights only learn faster.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, generator=generator)
            with torch.no_grad():
                layer.weight.mul_(math.sqrt(variance / 2))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def probabilities(logits):
    """Probabilities of a guess: of one channel, or of classes that exclude each other.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_outputs, height, width)

    Returns
    -------
    guess : torch.Tensor of the shape of logits
        In [0, 1]; several channels add up to 1.
    """
    return torch.sigmoid(logits) if logits.shape[1] == 1 else logits.softmax(1)


def logits_of(guess):
    """Logits of which `probabilities` makes this guess."""
    guess = guess.clamp(1e-6, 1 - 1e-6)
    return torch.logit(guess) if guess.shape[1] == 1 else guess.log()


def cross_entropies(logits, y, known=None):
    """Mean cross-entropy of a guess over the pixels, or those known, shape (n,).

    Parameters
    ----------
    logits, y : torch.Tensor of shape (n, n_outputs, height, width)
    known : torch.Tensor of shape (n, 1, height, width), default=None
        1 where the truth is known, else 0; None is everywhere. An image of which
        nothing is known has the loss 0.
    """
    if logits.shape[1] == 1:
        losses = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    else:
        losses = -(y * logits.log_softmax(1)).sum(1, keepdim=True)
    if known is None:
        return losses.flatten(1).mean(1)
    n_known = known.flatten(1).sum(1).clamp_min(1)
    return (losses * known).flatten(1).sum(1) / n_known


class HalfPrecision:
    """Mixin: layers run in bfloat16 where `half` is set, all else in float32."""

    half = False

    def autocast(self, device):
        """A context in which layers run in the precision that is set."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.half)
