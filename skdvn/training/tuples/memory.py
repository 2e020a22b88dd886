"""Outputs of earlier visits (experience replay)."""

import torch


class ReplayBuffer:
    """The outputs that each example was last trained on.

    Kept per example, so that replay needs no second encoding of its input.

    Parameters
    ----------
    n_slots : int
        Outputs kept per example; the oldest goes first.
    n_rows : int
        Number of examples.
    """

    def __init__(self, n_slots, n_rows):
        self._n_slots = n_slots
        self._n_stored = torch.zeros(n_rows, dtype=torch.long)
        self._outputs = None

    def state(self):
        """What it remembers."""
        outputs = None if self._outputs is None else self._outputs.cpu()
        return {"n_stored": self._n_stored, "outputs": outputs}

    def resume(self, state):
        """Remember what another buffer did."""
        self._n_stored, self._outputs = state["n_stored"], state["outputs"]

    def store(self, rows, y):
        """Remember the outputs `y` of the examples `rows`."""
        if self._outputs is None:
            shape = (self._n_slots, len(self._n_stored), *y.shape[1:])
            self._outputs = torch.zeros(shape, dtype=torch.float16, device=y.device)
        self._outputs = self._outputs.to(y.device)  # as resumed, it is on the CPU
        self._outputs[self._n_stored[rows] % self._n_slots, rows] = y.half()
        self._n_stored[rows] += 1

    def forget(self, rows):
        """Forget the outputs of these examples, whose inputs have changed."""
        self._n_stored[rows] = 0

    def age(self, rows):
        """How many outputs each example was given since it was last forgotten."""
        return self._n_stored[rows].clone()

    def last(self, rows, default):
        """The output stored last for each of `rows`, `default` where there is none."""
        return self._at((self._n_stored[rows] - 1) % self._n_slots, rows, default)

    def draw(self, rows, default, rng):
        """One remembered output for each of `rows`, `default` where there is none."""
        if self._outputs is None:
            return default
        filled = self._n_stored[rows].clamp(max=self._n_slots)
        slot = (torch.rand(len(rows), generator=rng) * filled).long()
        return self._at(slot, rows, default)

    def _at(self, slot, rows, default):
        if self._outputs is None:
            return default
        missing = self._n_stored[rows] == 0
        missing = missing.view(-1, *[1] * (default.ndim - 1))
        remembered = self._outputs[slot, rows].to(default)
        return torch.where(missing.to(default.device), default, remembered)
