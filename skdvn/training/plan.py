"""What is to be learned, how, and what there is to select from."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..data import Examples
from .tuples.mixture import TupleMixture, TupleSettings

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


# Factor on the learning rate as a function of the share of training done. "step" is
# the schedule of the authors' code: 150, 150 and 90 of 390 epochs.
SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "step": lambda done: 0.1 ** ((done >= 150 / 390) + (done >= 300 / 390)),
}


@dataclass(frozen=True)
class Optimization:
    """How it is trained.

    Parameters
    ----------
    solver : {"sgd", "adam", "adamw", "lbfgs"}
        "lbfgs" is for networks with a `summary`; only `alpha`, `n_epochs` and
        `batch_size`, the rows taken at once, matter to it.
    learning_rate_init : float
    schedule : {"constant", "cosine", "step"}
    momentum : float
        Of SGD.
    alpha : float
        Weight decay: ``alpha * W`` is added to the gradient of weights (not biases),
        with "adamw" to the update.
    n_epochs : int
        Length of the schedule.
    batch_size : int
    max_grad_norm : float
        Gradients of larger norm are scaled down to it; infinity leaves them alone.
    lag : int
        With ``lag > 0`` the tuples of a mini-batch are inferred in a parallel thread
        with the weights of `lag` steps ago, as in section 3.3.
    averaging : float
        With more than 0, the weights to keep are an exponential moving average with
        this decay per mini-batch.
    """

    solver: str = "sgd"
    learning_rate_init: float = 0.6
    schedule: str = "cosine"
    momentum: float = 0.9
    alpha: float = 1e-3
    n_epochs: int = 16
    batch_size: int = 128
    max_grad_norm: float = 1.0
    lag: int = 0
    averaging: float = 0.0


# Candidates for the training are compared on so many splits, the best is trained on
# all.
N_PROBES = 2


class Split(NamedTuple):
    """Rows to train on, and what to choose on.

    Parameters
    ----------
    rows : torch.Tensor
        Positions in the examples.
    held_out : Examples
        Other examples.
    """

    rows: torch.Tensor
    held_out: Examples


@dataclass(frozen=True)
class Plan:
    """What to learn, what to choose from, and on which rows.

    Parameters
    ----------
    build : callable
        ``build(rng, index) -> network``, where the training of one of several networks
        starts from.
    objective : Objective
    optimizations : tuple of Optimization
        Candidates, the one to use without a choice first.
    decide : callable
        Rounds relaxed outputs, ndarray to ndarray, as `predict` will.
    ascents : tuple of GradientAscent
        Candidates, the one to use without a choice first.
    choose_n_steps : bool
        Whether every prefix of an ascent is a candidate too.
    splits : tuple of Split
        Each holds out other rows to choose on.
    n_networks : int
        Networks to train finally, for joint inference.
    refit : bool
        Whether there is a final training if there was a choice; otherwise the
        networks trained on the splits are the final ones.
    early_stopping : bool
        Whether to score the held-out rows after each epoch, stop when they no
        longer improve and go back to the best weights.
    n_iter_no_change : int
        Epochs without improvement before stopping.
    tol : float
        Improvement that counts.
    """

    build: Callable
    objective: Objective
    optimizations: tuple
    decide: Callable
    ascents: tuple
    choose_n_steps: bool
    splits: tuple
    n_networks: int = 1
    refit: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    tol: float = 1e-4

    @property
    def n_trainings_planned(self):
        """All trainings."""
        return len(self._lengths_planned())

    @property
    def n_epochs_planned(self):
        """Epochs of all trainings together, at most."""
        return sum(self._lengths_planned())

    def _lengths_planned(self):
        """Epochs of each training, at most."""
        lengths = [optimization.n_epochs for optimization in self.optimizations]
        n_probes = min(N_PROBES, len(self.splits))
        n_others = len(self.splits) - n_probes
        if self.refit or not self.splits:
            n_others += self.n_networks
        return n_probes * lengths + n_others * [max(lengths)]
