"""Projected gradient ascent on the value (section 3.1 of the paper)."""

from collections import deque
from dataclasses import dataclass
from functools import partial

import torch

from ..networks import LabelScore, score_and_grad

# Of masks with no more, swapping whole channels is several times faster than `sort`.
FEW_CHANNELS = 16


def project_box(y):
    """Project onto the box [0, 1], in place."""
    return y.clamp_(0, 1)


def project_simplex(y):
    """Project onto the probability simplex along the second axis, in place.

    The nearest point with non-negative entries that add up to 1 (Held et al., 1974).
    """
    excess = _descending(y).cumsum(1) - 1
    counts = torch.arange(1, y.shape[1] + 1, dtype=y.dtype, device=y.device)
    counts = counts.view(-1, *[1] * (y.ndim - 2))
    return y.sub_((excess / counts).amax(1, keepdim=True)).clamp_(min=0)


def _descending(y):
    """Entries in order along the second axis, the largest first."""
    if y.ndim == 2 or y.shape[1] > FEW_CHANNELS:
        return y.sort(1, descending=True).values
    channels = list(y.unbind(1))
    for first in range(len(channels)):
        for i in range(first % 2, len(channels) - 1, 2):
            one, other = channels[i : i + 2]
            channels[i] = torch.maximum(one, other)
            channels[i + 1] = torch.minimum(one, other)
    return torch.stack(channels, 1)


def _anywhere(grad):
    return grad


def _along_simplex(grad):
    return grad - grad.mean(1, keepdim=True)


# The set of outputs that are allowed: projection onto it, and the part of a gradient
# along which one can move within it.
PROJECTIONS = {
    "box": (project_box, _anywhere),
    "simplex": (project_simplex, _along_simplex),
}


def _value_factor(score, grad):
    """Turns the gradient of the logit into that of the value."""
    return torch.sigmoid(score) * torch.sigmoid(-score)


def _logit_factor(score, grad):
    return torch.ones_like(score)


def _normalizing_factor(score, grad):
    largest = grad.abs().flatten(1).amax(1)
    return 1 / largest.clamp_min(torch.finfo(grad.dtype).tiny)


def _rms_factor(score, grad):
    mean_square = grad.flatten(1).square().mean(1)
    return mean_square.clamp_min(torch.finfo(grad.dtype).tiny).rsqrt()


# What the gradient of the logit is multiplied by, per example.
STEP_RULES = {
    "value": _value_factor,
    "logit": _logit_factor,
    "normalized": _normalizing_factor,
    "rms": _rms_factor,
}


# Those whose steps are of the size of the gradient.
SCALED_RULES = ("value", "logit")


@dataclass(frozen=True)
class GradientAscent:
    """Projected gradient ascent (eq. 8): ``y <- P(y + step_size * direction)``.

    Parameters
    ----------
    n_steps : int, default=20
        Number of steps.
    step_size : float, default=0.5
        Step size.
    step_rule : {"value", "logit", "normalized", "rms"}, default="value"
        Direction of a step: the gradient of the value, of its logit, or the latter
        divided by its largest absolute entry or by the root of its mean square.
    momentum : float, default=0.0
        Share of the last step that the next one keeps, in [0, 1).
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each direction, scaled by the
        square root of the step size as in Langevin dynamics.
    step_decay : float or "linear", default=1.0
        Size of the last step relative to the first, in (0, 1]; in between it falls
        geometrically. "linear" falls in equal parts, to 0 after the last step.
    projection : {"box", "simplex"}, default="box"
        Which outputs are allowed: all in [0, 1], or those that add up to 1 along the
        second axis.
    """

    n_steps: int = 20
    step_size: float = 0.5
    step_rule: str = "value"
    momentum: float = 0.0
    noise: float = 0.0
    step_decay: float | str = 1.0
    projection: str = "box"

    def iterates(self, field, y, draw=None):
        """Yield y after each step, always the same tensor: copy what you keep.

        Parameters
        ----------
        field : callable
            ``field(y) -> (score, grad)``, the function to climb.
        y : torch.Tensor of shape (n, ...)
            Where to start; it is not changed.
        draw : torch.Generator or callable, default=None
            Source of the noise; ``draw(step, y)`` returns standard normal numbers of
            the shape of y.
        """
        if not callable(draw):
            draw = partial(_draw_normal, draw)
        rule, y, velocity = STEP_RULES[self.step_rule], y.clone(), None
        project, along = PROJECTIONS[self.projection]
        per_example = (-1, *[1] * (y.ndim - 1))
        for step in range(self.n_steps):
            score, grad = field(y)
            grad = along(grad)
            factor = rule(score, grad).view(per_example)
            size = self._size_of(step)
            if self.momentum:
                push = grad * factor
                velocity = push if velocity is None else self.momentum * velocity + push
                y.add_(velocity, alpha=size)
            else:
                y.addcmul_(grad, factor, value=size)
            if self.noise:
                y.add_(draw(step, y), alpha=self.noise * size**0.5)
            yield project(y)

    def _size_of(self, step):
        if self.step_decay == "linear":
            return self.step_size * (1 - step / self.n_steps)
        return self.step_size * self.step_decay ** (step / max(self.n_steps - 1, 1))

    def step(self, field, y, steps):
        """One step without momentum and noise, of examples at steps of their own.

        Parameters
        ----------
        field : callable
            ``field(y) -> (score, grad)``, the function to climb.
        y : torch.Tensor of shape (n, ...)
            Where each example is; it is not changed.
        steps : torch.Tensor of shape (n,)
            How many steps each has done.

        Returns
        -------
        y : torch.Tensor of shape (n, ...)
        """
        project, along = PROJECTIONS[self.projection]
        score, grad = field(y)
        grad = along(grad)
        factor = STEP_RULES[self.step_rule](score, grad) * self._size_of(steps)
        return project(y + grad * factor.view(-1, *[1] * (y.ndim - 1)))

    def climb(self, field, y, draw=None):
        """The last iterate; parameters as for `iterates`."""
        return last(self.iterates(field, y, draw)) if self.n_steps else y


def _draw_normal(rng, step, y):
    return torch.randn(y.shape, generator=rng, dtype=y.dtype).to(y.device)


def last(iterates):
    """The last of the iterates."""
    return deque(iterates, maxlen=1).pop()


def value_field(network, context):
    """The function that inference climbs, for `GradientAscent.iterates`.

    Parameters
    ----------
    network : torch.nn.Module
        A value network.
    context : tensor or tuple of tensors
        What ``network.encode`` returned.

    Returns
    -------
    field : callable
    """
    if isinstance(network, LabelScore):
        return network.field(context)
    return partial(score_and_grad, network, context)


def starting_points(network, context, given):
    """Where inference starts: where it is given, else the network's own guess."""
    if given is not None:
        return given
    with torch.no_grad():
        return network.guess(context)
