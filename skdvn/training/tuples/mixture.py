"""What generators see of a mini-batch, and tuples of several of them in proportions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from ...inference import GradientAscent
from .generators import GENERATORS, chain, ground_truth, replay


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
    known : torch.Tensor of shape (n, 1, height, width), or None
        1 where the truth is known, else 0; elsewhere all outputs agree with it.
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
    known: torch.Tensor | None = None

    def random_rows(self, chance):
        """A mask over the examples that selects each with this chance."""
        shape = (len(self.y_true), *[1] * (self.y_true.ndim - 1))
        draw = torch.rand(shape, generator=self.rng)
        return draw.to(self.y_true.device) < chance

    def truth_or_start(self):
        """Per example the truth or where inference starts, at even odds."""
        return torch.where(self.random_rows(0.5), self.y_true, self.y_init)


class Tuples(NamedTuple):
    """Outputs with their oracle values and weights, for one mini-batch of n.

    Parameters
    ----------
    outputs : torch.Tensor of shape (n_tuples, n, ...)
    values : torch.Tensor of shape (n_tuples, n)
    weights : torch.Tensor of shape (n_tuples,)
        They add up to 1.
    """

    outputs: torch.Tensor
    values: torch.Tensor
    weights: torch.Tensor


def _generate_checked(generate, batch):
    """The outputs of a user's generator, or an error that tells what is wrong."""
    shape = tuple(batch.y_true.shape)
    try:
        generated = generate(batch)
    except Exception as error:
        raise ValueError(
            f"The generator {generate!r} in tuples failed: {error}"
        ) from error
    good = isinstance(generated, list) and bool(generated)
    good = good and all(
        isinstance(y, torch.Tensor)
        and y.shape == shape
        and bool((y >= 0).all())
        and bool((y <= 1).all())
        for y in generated
    )
    if not good:
        found = generated if isinstance(generated, list) else [generated]
        raise ValueError(
            f"The generator {generate!r} in tuples must return a list of tensors of "
            f"shape {shape} with entries in [0, 1]; got "
            f"{type(generated).__name__} of {[_described(y) for y in found]}."
        )
    return generated


def _described(y):
    if not isinstance(y, torch.Tensor) or not y.numel():
        return getattr(y, "shape", y)
    return f"shape {tuple(y.shape)}, from {y.min():.4g} to {y.max():.4g}"


@dataclass(frozen=True)
class TupleMixture:
    """Tuples of several generators, in proportions.

    Parameters
    ----------
    generators : dict of callable to float
        Generators with their non-negative shares, at least one positive.
    one_at_a_time : bool, default=False
        Whether each mini-batch gets the tuples of one generator, drawn by share
        (Algorithm 1), instead of those of all, weighted by share.
    """

    generators: dict
    one_at_a_time: bool = False

    @property
    def has_replay(self):
        """Whether earlier outputs are asked for."""
        return bool(self.generators.get(replay))

    @property
    def has_chains(self):
        """Whether trajectories go on from visit to visit."""
        return bool(self.generators.get(chain))

    def __call__(self, batch):
        """Generate the tuples of a mini-batch, without gradients."""
        outputs, weights = [], []
        with torch.no_grad():
            for generate, share in self._shares(batch.rng).items():
                if generate in GENERATORS.values():
                    generated = generate(batch)
                else:
                    generated = _generate_checked(generate, batch)
                outputs += generated
                weights += [share / len(generated)] * len(generated)
                if self.has_replay and generate not in (replay, ground_truth):
                    for y in generated:
                        batch.replay.store(batch.rows, y)
            outputs = torch.stack(outputs)
            if batch.known is not None:
                outputs = torch.where(batch.known > 0, outputs, batch.y_true)
            y_true = batch.y_true.expand_as(outputs).flatten(0, 1)
            values = batch.settings.oracle(outputs.flatten(0, 1), y_true)
            return Tuples(
                outputs,
                values.clamp(0, 1).view(len(outputs), -1),
                torch.tensor(weights, dtype=values.dtype, device=values.device),
            )

    def _shares(self, rng):
        total = sum(self.generators.values())
        shares = {g: share / total for g, share in self.generators.items() if share}
        if not self.one_at_a_time:
            return shares
        odds = torch.tensor(list(shares.values()))
        return {list(shares)[torch.multinomial(odds, 1, generator=rng).item()]: 1.0}
