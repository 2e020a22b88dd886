"""Inference on many rows, one mini-batch after the other."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from ..data import batches_of
from .ascent import _draw_normal, last, starting_points, value_field

# Refinement climbs anew at most so often, and stops once logits rise by less.
MAX_CLIMBS = 50
LEAST_RISE = 1e-3


class _NoiseForRows:
    """Noise that does not depend on which rows climb together.

    It is drawn for all rows at once, step by step, and each mini-batch takes its own;
    so all must be at the same step.
    """

    def __init__(self, rng, n_rows):
        self._rng, self._n_rows, self._step = rng, n_rows, None

    def of(self, rows):
        return partial(self._draw, rows)

    def _draw(self, rows, step, y):
        if step != self._step:
            self._step = step
            everywhere = y.new_empty(1).expand(self._n_rows, *y.shape[1:])
            self._noise = _draw_normal(self._rng, step, everywhere)
        return self._noise[rows]


@dataclass
class EncodedBatch:
    """All that any ascent needs to climb with a mini-batch of queries.

    Parameters
    ----------
    rows : slice
        Their positions.
    network : torch.nn.Module
        A value network.
    context : tensor or tuple of tensors
        What its `encode` returned.
    start : torch.Tensor of shape (n, ...)
        Where inference starts.
    """

    rows: slice
    network: torch.nn.Module
    context: Any
    start: torch.Tensor

    def iterates(self, ascent, draw=None):
        """What `GradientAscent.iterates` yields here; without gradients."""
        field = value_field(self.network, self.context)
        return _without_gradients(ascent.iterates(field, self.start, draw))

    def climb(self, ascent, draw=None):
        """The last of the iterates."""
        return last(self.iterates(ascent, draw)) if ascent.n_steps else self.start

    @torch.no_grad()
    def climb_on(self, ascent, draw=None):
        """The last of the iterates, of ascents anew from there while scores rise."""
        best, score = self.start, self.network.score(self.context, self.start)
        for _ in range(MAX_CLIMBS if ascent.n_steps else 0):
            y = replace(self, start=best).climb(ascent, draw)
            found = self.network.score(self.context, y)
            rises = found > score + LEAST_RISE
            if not rises.any():
                break
            best = torch.where(rises.view(-1, *[1] * (y.ndim - 1)), y, best)
            score = torch.where(rises, found, score)
        return best


@torch.no_grad()
def _without_gradients(iterates):
    yield from iterates


@torch.no_grad()
def encoded(network, queries, batches):
    """Yield mini-batches of the queries, slices, each encoded once, `EncodedBatch`."""
    for rows in batches:
        context = network.encode(queries.x.take(rows))
        given = None if queries.y_init is None else queries.y_init.take(rows)
        start = starting_points(network, context, given)
        yield EncodedBatch(rows, network, context, start)


def stages(network, ascent, queries, *, batch_size, rng=None):
    """Yield the outputs of all rows at the start and after each step.

    Parameters
    ----------
    network : torch.nn.Module
        A value network.
    ascent : GradientAscent
    queries : Queries
    batch_size : int
        Rows that climb together.
    rng : torch.Generator, default=None
        Source of the noise.

    Yields
    ------
    y : torch.Tensor of shape (n, ...)
        On the CPU; a new tensor at each step.
    """
    noise = _NoiseForRows(rng, len(queries))
    together = batches_of(len(queries), batch_size)
    batches = list(encoded(network, queries, together))
    yield torch.cat([batch.start for batch in batches]).cpu()
    climbs = [batch.iterates(ascent, noise.of(batch.rows)) for batch in batches]
    for parts in zip(*climbs, strict=True):
        yield torch.cat(parts).cpu()


def refined(network, ascent, queries, *, batch_size, rng=None):
    """The outputs of all rows once their values no longer rise; see `stages`."""
    noise = _NoiseForRows(rng, len(queries))
    return torch.cat(
        [
            batch.climb_on(ascent, noise.of(batch.rows)).cpu()
            for batch in encoded(network, queries, batches_of(len(queries), batch_size))
        ]
    )


def inferred(network, ascent, queries, *, batch_size, rng=None):
    """Yield the outputs after the last step, one mini-batch of rows after the other.

    Parameters as for `stages`. Only with noise, which is drawn for all rows at once,
    are the outputs of all rows held.
    """
    if ascent.noise:
        yield last(stages(network, ascent, queries, batch_size=batch_size, rng=rng))
        return
    for batch in encoded(network, queries, batches_of(len(queries), batch_size)):
        yield batch.climb(ascent).cpu()


def infer(network, ascent, queries, *, batch_size, rng=None):
    """The outputs of all rows after the last step; parameters as for `stages`."""
    return torch.cat(
        list(inferred(network, ascent, queries, batch_size=batch_size, rng=rng))
    )


@torch.no_grad()
def guesses(network, x, *, batch_size):
    """Yield the network's own guess of the outputs, one mini-batch after the other."""
    for rows in batches_of(len(x), batch_size):
        yield network.guess(network.encode(x.take(rows))).cpu()


def guessed(network, ascent, queries, *, batch_size, rng=None):
    """The network's own guess for all rows; what `infer` has beside is not needed."""
    return torch.cat(list(guesses(network, queries.x, batch_size=batch_size)))


@torch.no_grad()
def values(network, x, outputs, *, batch_size):
    """What the network thinks of several outputs of each input, encoded once.

    Parameters
    ----------
    network : torch.nn.Module
        A value network.
    x : Rows
        Inputs.
    outputs : sequence of Rows
        One output of each input, and another, and so on.
    batch_size : int
        Rows evaluated together.

    Returns
    -------
    values : torch.Tensor of shape (n_outputs, n)
        In [0, 1], on the CPU.
    """
    found = []
    for rows in batches_of(len(x), batch_size):
        context = network.encode(x.take(rows))
        scores = [network.score(context, y.take(rows)) for y in outputs]
        found.append(torch.sigmoid(torch.stack(scores)))
    return torch.cat(found, 1).cpu()
