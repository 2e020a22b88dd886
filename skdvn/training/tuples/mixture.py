"""Tuples of several generators, in proportions."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from .generators import GENERATORS, chain, ground_truth, replay


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
            f"{type(generated).__name__} of {[getattr(y, 'shape', y) for y in found]}."
        )
    return generated


@dataclass(frozen=True)
class TupleMixture:
    """Tuples of several generators, in proportions.

    Parameters
    ----------
    generators : dict of callable to float
        Generators with their shares, at least one above 0.
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
