"""Processes that fit one estimator together (data parallelism).

Each process works on its part of every mini-batch; gradients are added up before each
update, so that all have the same weights at any time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import distributed


class Team:
    """The processes that train together, as one of them sees it.

    Parameters
    ----------
    rank : int, default=0
        Which of them this process is.
    size : int, default=1
        How many there are.

    Examples
    --------
    >>> import torch
    >>> from skdvn.training import Team
    >>> Team(rank=1, size=2).share(torch.tensor([4, 7, 2, 3]))
    tensor([7, 3])
    """

    def __init__(self, rank=0, size=1):
        self.rank, self.size = rank, size

    def __repr__(self):
        return f"Team(rank={self.rank}, size={self.size})"

    def share(self, rows):
        """Those of the rows that this process works on.

        A row is always worked on by the same process, which may remember things of it.
        """
        return rows if self.size == 1 else rows[rows % self.size == self.rank]

    def generator(self, rng):
        """A source of randomness of this process's own; `rng` if it is alone."""
        if self.size == 1:
            return rng
        seed = rng.initial_seed() + (self.rank + 1) * 0x9E3779B97F4A7C15
        return torch.Generator().manual_seed(seed % 2**63)

    def agree(self, network):
        """Give all processes the weights that the first one has."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                self._together(distributed.broadcast, tensor, src=0)

    def sum(self, tensor):
        """The sum over all processes."""
        if self.size > 1:
            self._together(distributed.all_reduce, tensor)
        return tensor

    @torch.no_grad()
    def add_gradients(self, params, share):
        """Make each gradient the sum over all processes, here times `share`."""
        if self.size == 1:
            return
        used = [p.grad is not None for p in params]
        parts = [
            share * p.grad.flatten() if known else p.new_zeros(p.numel())
            for p, known in zip(params, used, strict=True)
        ]
        counts = params[0].new_tensor(used, dtype=params[0].dtype)
        *grads, counts = self.sum(torch.cat([*parts, counts])).split(
            [*(p.numel() for p in params), len(params)]
        )
        for p, grad, count in zip(params, grads, counts.tolist(), strict=True):
            p.grad = grad.view_as(p).clone() if count else None

    @torch.no_grad()
    def average_buffers(self, network):
        """Means over the processes of what a network counts, as in batch norms."""
        if self.size == 1:
            return
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.copy_(self.sum(buffer / self.size))
            else:
                self._together(distributed.broadcast, buffer, src=0)

    def gather(self, thing):
        """What each process has, in order."""
        if self.size == 1:
            return [thing]
        things = [None] * self.size
        self._together(distributed.all_gather_object, things, thing)
        return things

    def from_first(self, thing):
        """What the first process has."""
        if self.size == 1:
            return thing
        things = [thing]
        self._together(distributed.broadcast_object_list, things, src=0)
        return things[0]

    def any(self, condition):
        """Whether the condition holds in any process."""
        return bool(self.sum(torch.tensor(float(condition))) > 0)

    def _together(self, communicate, *arguments, **keywords):
        """Do what takes all processes; say so if one of them does not take part."""
        try:
            communicate(*arguments, **keywords)
        except RuntimeError as error:
            raise RuntimeError(
                f"Another of the {self.size} processes within data_parallel() has "
                "ended, or cannot be reached, so this one cannot go on. Remedy: see "
                "what that one reports, and start all of them again; with "
                f"checkpoint_dir they go on from the last checkpoint. ({error})"
            ) from error


ALONE = Team()


_current = ContextVar("team", default=ALONE)


def current_team():
    """The team that a fit is to be shared with."""
    return _current.get()


@contextmanager
def data_parallel() -> Iterator[Team]:
    """Share each ``fit`` in its block among the processes that torchrun has started.

    Start your script with ``torchrun --nproc-per-node 2 script.py``, and let all
    processes call `fit` with the same estimator, X and y, with an int as
    ``random_state``. Each works on its share of every mini-batch, and all end up with
    the same fitted estimator, as if one process had done it with the same mini-batches:
    the same up to rounding, which long trainings magnify, where training draws no
    samples (the default of `skdvn.DVNMultiLabelClassifier`), a result as good where it
    does, as with crops of images. Without torchrun there is one process, and nothing
    changes.

    Yields
    ------
    team : Team
        ``team.rank`` is 0 in the process that should print and save.

    Raises
    ------
    ValueError
        In `fit` by several processes, if ``random_state`` is None, if ``n_jobs`` asks
        for more processes, or if they were not given the same parameters and data.
    RuntimeError
        In `fit`, if another of the processes has ended; the estimator is as it was.

    Notes
    -----
    Communication is torch.distributed's, by gloo for CPUs and NCCL for CUDA; an
    existing process group is used as it is; it must work on CPU tensors too, as that
    of the backend ``"cpu:gloo,cuda:nccl"`` does. Ctrl-C ends the fit in all processes
    without a result. Every process holds all of X and y. With
    batch normalisation each process normalises its own share of a mini-batch.

    Examples
    --------
    >>> from skdvn.training import data_parallel
    >>> with data_parallel() as team:
    ...     print(team)  # here you would call clf.fit(X, y)
    Team(rank=0, size=1)
    """
    started = _start()
    team = ALONE
    if distributed.is_available() and distributed.is_initialized():
        team = Team(distributed.get_rank(), distributed.get_world_size())
    token = _current.set(team)
    try:
        yield team
    finally:
        _current.reset(token)
        if started:
            distributed.destroy_process_group()


def _start():
    """Join the processes that torchrun has started; whether there was need to."""
    if not distributed.is_available() or distributed.is_initialized():
        return False
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return False
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(
            int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()
        )
    distributed.init_process_group(backend)
    return True
