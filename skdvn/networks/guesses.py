"""The default network for masks: a value on top of the network's own guess."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from .expected import expected_term
from .layers import (
    HalfPrecision,
    cross_entropies,
    probabilities,
    reset_parameters,
)


class Correction(nn.Module):
    """What the values of a guess leave out: a small network on coarse maps.

    A convolution sees output, guess, their overlap and features of the image, each
    averaged over patches; its mean activation becomes a number that starts at 0.

    Parameters
    ----------
    n_features, n_outputs : int
        Channels of features and masks.
    n_units : int
        Channels of the convolution.
    generator : torch.Generator, default=None
        Source of the weights.
    """

    patch = 4

    def __init__(self, n_features, n_outputs, n_units, generator=None):
        super().__init__()
        self.of_output = skip_init(
            nn.Conv2d, 2 * n_outputs, n_units, 3, padding=1, bias=False
        )
        self.of_image = skip_init(
            nn.Conv2d, n_features + n_outputs, n_units, 3, padding=1
        )
        self.readout = skip_init(nn.Linear, n_units, 1)
        reset_parameters(self, generator)
        nn.init.zeros_(self.readout.weight)

    def encode(self, features, guess):
        """What depends on the image alone."""
        maps = torch.cat([features, guess], 1)
        return self.of_image(F.avg_pool2d(maps, self.patch))

    def forward(self, context, y, guess):
        """The correction, shape (n,)."""
        maps = F.avg_pool2d(torch.cat([y, y * guess], 1), self.patch)
        hidden = F.silu(context + self.of_output(maps))
        return self.readout(hidden.mean((2, 3)))[:, 0]

    def grad(self, context, y, guess):
        """Gradient of the correction in y, in closed form, of the shape of y."""
        maps = F.avg_pool2d(torch.cat([y, y * guess], 1), self.patch)
        hidden = context + self.of_output(maps)
        gate = torch.sigmoid(hidden)
        slope = gate * (1 + hidden * (1 - gate)) / hidden[0, 0].numel()
        slope = slope * self.readout.weight.view(1, -1, 1, 1)
        grad = F.conv_transpose2d(slope, self.of_output.weight, padding=1)
        grad = F.interpolate(grad, scale_factor=float(self.patch)) / self.patch**2
        # Pixels beyond the last whole patch have no say.
        beyond = (y.shape[3] - grad.shape[3], y.shape[2] - grad.shape[2])
        of_output, of_overlap = F.pad(grad, (0, beyond[0], 0, beyond[1])).chunk(2, 1)
        return of_output + guess * of_overlap


class GuessNetwork(HalfPrecision, nn.Module):
    """A value on top of the network's own guess of the output.

    An encoder makes, once per image, a guess p(x) and features. The score is the
    logit of the value that the oracle would have if entries were independent with
    the probabilities p, scaled, and a learned correction (beyond the paper)::

        s(x, y) = a * logit(oracle(y, sharpened p(x))) + c + g(x, y)

    Entries are not independent, which makes the truth better known than p says;
    the logits of p are multiplied with a learned factor for it.

    With ``local_term="linear"`` the first term is linear in y as in the paper's
    network for labels, ``a * mean(y * l(x)) + c``, where l are the logits of p.

    Parameters
    ----------
    encoder : UNet
        Has ``features(x)`` and ``head(features)``.
    oracle : callable
        The oracle that the value is shaped after.
    local_term : {"oracle", "linear"}, default="oracle"
    n_global_units : int, default=16
        Units of the correction; 0 leaves it out.
    apart : bool, default=False
        Whether the value takes the guess as it is: its loss trains only what stands on
        top of it.
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    def __init__(
        self,
        encoder,
        oracle,
        local_term="oracle",
        n_global_units=16,
        apart=False,
        generator=None,
    ):
        super().__init__()
        self.encoder = encoder
        self.oracle, self.local_term, self.apart = oracle, local_term, apart
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.log_sharpness = nn.Parameter(torch.tensor(1.5).log())
        self.bias = nn.Parameter(torch.zeros(()))
        self.correction = None
        if n_global_units:
            self.correction = Correction(
                encoder.head.in_channels,
                encoder.head.out_channels,
                n_global_units,
                generator,
            )

    def encode(self, x):
        """Logits of the guess, and what the correction makes of the image."""
        with self.autocast(x.device):
            features = self.encoder.features(
                x.contiguous(memory_format=torch.channels_last)
            ).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            logits = self.encoder.head(features)
            if self.correction is None:
                return (logits,)
            guess = probabilities(logits).detach()
            return logits, self.correction.encode(features.detach(), guess)

    def guess(self, context):
        """The guess, in [0, 1]."""
        return probabilities(context[0])

    def guess_losses(self, context, y):
        """Cross-entropy of the guess, shape (n,)."""
        return cross_entropies(context[0], y)

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        score, _ = self.local(context[0], y)
        if self.correction is None:
            return score
        return score + self._correct(context, y)

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y; that of the term in closed form."""
        score, grad = self.local(context[0], y)
        if self.correction is None:
            return score, grad
        tracked = torch.is_grad_enabled()
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            more = self._correct(context, y)
            (steeper,) = torch.autograd.grad(more.sum(), y, create_graph=tracked)
        return score + (more if tracked else more.detach()), grad + steeper

    def local(self, logits, y):
        """The part of the score without the correction, and its gradient in y."""
        slope = self.log_slope.exp()
        logits = logits.detach() if self.apart else logits
        if self.local_term == "linear":
            term = (y * logits).flatten(1).mean(1)
            grad = logits / logits[0].numel()
        else:
            sharp = probabilities(self.log_sharpness.exp() * logits)
            term, grad = expected_term(self.oracle)(y, sharp)
        return slope * term + self.bias, slope * grad

    def _correct(self, context, y):
        return self.correction(context[1], y, probabilities(context[0]).detach())
