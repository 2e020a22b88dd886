"""What networks learn from and what is asked of them, row by row."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from .rows import ComputedRows, ConstantRows, Rows


@dataclass
class Queries:
    """Inputs and what else inference needs of them, row by row.

    Parameters
    ----------
    x : Rows
        Inputs.
    y_init : Rows or ConstantRows, default=None
        Where inference starts; None means the network's own guess.
    margins : ComputedRows, default=None
        A term linear in y that inference may add to the score.
    """

    x: Rows
    y_init: Rows | ConstantRows | None = None
    margins: ComputedRows | None = None

    def __len__(self):
        return len(self.x)


class Draw(NamedTuple):
    """A mini-batch of n examples as tensors.

    Parameters
    ----------
    x, y : torch.Tensor of shape (n, ...)
        Inputs and truths.
    y_init : torch.Tensor of the shape of y, or None
        Where inference starts; None means the network's own guess.
    weight : torch.Tensor of shape (n,), or None
        Weights in the value loss; None weighs all alike.
    guess_weight : torch.Tensor of shape (n,), or None
        Weights in the loss of the network's own guess.
    renewed : torch.Tensor of shape (n,), or None
        Which inputs differ from those of the last draw of the same rows; None where
        they never do.
    """

    x: torch.Tensor
    y: torch.Tensor
    y_init: torch.Tensor | None
    weight: torch.Tensor | None = None
    guess_weight: torch.Tensor | None = None
    renewed: torch.Tensor | None = None


@dataclass
class Examples:
    """Inputs, truths, starting points of inference and weights, row by row.

    Parameters
    ----------
    x, y : Rows
    y_init : Rows or ConstantRows, default=None
        None means the network's own guess.
    weight : torch.Tensor of shape (n,), default=None
        Weights of mean 1; None weighs all rows alike.
    """

    x: Rows
    y: Rows
    y_init: Rows | ConstantRows | None = None
    weight: torch.Tensor | None = None

    def __len__(self):
        return len(self.y)

    @property
    def starts_vary(self):
        """Whether inference starts elsewhere for each example."""
        return not isinstance(self.y_init, ConstantRows)

    def draw(self, rows, rng):
        """The examples at these positions (a CPU tensor), as a `Draw`."""
        start = None if self.y_init is None else self.y_init.take(rows)
        weight = None if self.weight is None else self.weight[rows]
        return Draw(self.x.take(rows), self.y.take(rows), start, weight, weight)

    def state(self):
        """What they remember of earlier draws."""
        return {}

    def resume(self, state):
        """Remember earlier draws: there is nothing to remember."""

    def subset(self, rows):
        """The examples at these positions."""
        weight = None if self.weight is None else self.weight[rows]
        start = None if self.y_init is None else self.y_init.subset(rows)
        return Examples(self.x.subset(rows), self.y.subset(rows), start, weight)
