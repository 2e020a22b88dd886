"""What a network is trained to do: losses of values and of their gradients."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .tuples.batch import TupleSettings
from .tuples.mixture import TupleMixture

LOSSES = {
    "cross_entropy": lambda score, value: F.binary_cross_entropy_with_logits(
        score, value, reduction="none"
    ),
    "squared": lambda score, value: (torch.sigmoid(score) - value) ** 2,
}


def _steepest(wanted):
    """The largest entry of the oracle's gradient; for IOU one over the union."""
    largest = wanted.flatten(2).abs().amax(2).clamp_min(1e-12)
    return largest.view(*largest.shape, *[1] * (wanted.ndim - 2))


def _squared_gradient_loss(scores, grads, wanted):
    """Squared error of dv/dy, in units of the oracle's steepest entry."""
    values = torch.sigmoid(scores)
    slopes = (values * (1 - values)).view(*scores.shape, *[1] * (grads.ndim - 2))
    errors = (slopes * grads - wanted) / _steepest(wanted)
    return errors.flatten(2).square().mean(2)


def _signed_gradient_loss(scores, grads, wanted):
    """Cross-entropy of ds/dy, in the same units, as logits of "more is better"."""
    logits, better = grads / _steepest(wanted), (wanted > 0).to(grads.dtype)
    losses = F.binary_cross_entropy_with_logits(logits, better, reduction="none")
    return losses.flatten(2).mean(2)


# How far the gradient of the value is from that of the oracle: functions of scores
# (n_tuples, n), their gradients and those of the oracle (n_tuples, n, ...).
GRADIENT_LOSSES = {
    "squared": _squared_gradient_loss,
    "cross_entropy": _signed_gradient_loss,
}


@dataclass(frozen=True)
class Objective:
    """What a network is trained to do.

    Parameters
    ----------
    mixture : TupleMixture or None
        Where the tuples come from; None trains the guess alone.
    settings : TupleSettings
        What their generators need to know.
    loss : {"cross_entropy", "squared", "hinge"}
        Discrepancy of value and oracle value: eq. 11, or the squared error; or by how
        much an output comes too close to the score of the truth, given its value.
    replay_size : int
        Outputs remembered per example for replay.
    guess_weight : float
        Weight of the cross-entropy of the network's own guess, entry by entry,
        beside the value loss.
    gradient_weight : float
        Weight of the difference of the gradients of value and oracle in y (Sobolev
        training).
    gradient_loss : {"squared", "cross_entropy"}
        Measure of this difference: squared, or by signs.
    """

    mixture: TupleMixture | None
    settings: TupleSettings
    loss: str = "cross_entropy"
    replay_size: int = 8
    guess_weight: float = 0.0
    gradient_weight: float = 0.0
    gradient_loss: str = "squared"
