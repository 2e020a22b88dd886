"""What a tuple generator sees of a mini-batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...inference import GradientAscent


@dataclass(frozen=True)
class TupleSettings:
    """What generators may want to know, the same for all batches.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``.
    ascent : GradientAscent
        Inference as it will be done at test time.
    n_iterates : int, default=4
        Iterates of one inference trajectory that become tuples, evenly spaced and
        ending with the last.
    tau : float, default=0.0
        Temperature of the stratified samples; at 0 they are the truth.
    n_samples : int, default=1
        Stratified samples per example.
    n_candidates, n_strata : int, default=16, 20
        Random outputs per example that the stratified sampler chooses from, and
        the number of groups of equal value it sorts them into.
    """

    oracle: Callable
    ascent: GradientAscent
    n_iterates: int = 4
    tau: float = 0.0
    n_samples: int = 1
    n_candidates: int = 16
    n_strata: int = 20


@dataclass
class Batch:
    """What a generator sees of one mini-batch.

    Parameters
    ----------
    network : torch.nn.Module
        The value network, or a slightly older copy of it.
    context : tensor or tuple of tensors
        ``network.encode(x)``, detached.
    y_true, y_init : torch.Tensor of shape (n, ...)
        The truth, and where inference starts.
    rows : torch.Tensor of shape (n,)
        Positions of the examples in the training set.
    settings : TupleSettings
    rng : torch.Generator
    replay : ReplayBuffer or None
        Earlier outputs, where the mixture asks for them.
    chains : ReplayBuffer or None
        Where trajectories have come to that go on from visit to visit.
    """

    network: torch.nn.Module
    context: Any
    y_true: torch.Tensor
    y_init: torch.Tensor
    rows: torch.Tensor
    settings: TupleSettings
    rng: torch.Generator
    replay: Any = None
    chains: Any = None

    def random_rows(self, chance):
        """A mask over the examples that selects each with this chance."""
        shape = (len(self.y_true), *[1] * (self.y_true.ndim - 1))
        draw = torch.rand(shape, generator=self.rng)
        return draw.to(self.y_true.device) < chance

    def truth_or_start(self):
        """Per example the truth or where inference starts, at even odds."""
        return torch.where(self.random_rows(0.5), self.y_true, self.y_init)
