"""What is to be learned, and what there is to choose from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..data import ComputedRows, Examples
from .objective import Objective

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
    margins : ComputedRows or None
        Prior margins of the held-out examples, of an expert that has not seen them.
    """

    rows: torch.Tensor
    held_out: Examples
    margins: ComputedRows | None = None


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
    asides : tuple of torch.Tensor
        For each final network the rows that are set aside from the training of its
        guess; see `ImageExamples.set_aside`. Empty to set none aside.
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
    asides: tuple = ()

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
