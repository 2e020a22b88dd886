"""Oracle value functions: how good is an output, given the truth?

An oracle maps a relaxed output ``y`` and the truth ``y_true``, both tensors of
shape ``(n, ...)`` with entries in [0, 1], to one value in [0, 1] per example, a
tensor of shape ``(n,)``. On binary outputs each oracle equals the metric it is
named after; on relaxed ones intersection and union become sums of element-wise
minima and maxima (Gygli et al., 2017, eqs. 9-10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real
from typing import TypeAlias

import torch

Oracle: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _is_below(y, y_true):
    """Where the minimum is y; at a tie, where the gradient inside the box is its."""
    return (y < y_true) | ((y == y_true) & (y_true > 0.5))


def _overlap(y, y_true):
    """Relaxed intersection and the two relaxed sizes, each of shape (n,)."""
    y, y_true = y.flatten(1), y_true.flatten(1)
    if y.requires_grad:
        shared = torch.where(_is_below(y, y_true), y, y_true)
    else:
        shared = torch.minimum(y, y_true)
    return shared.sum(1), y.sum(1), y_true.sum(1)


def _ratio(numerator, denominator):
    """Divide; 0 / 0, which is empty against empty, is 1 by convention."""
    empty = denominator <= 0
    return torch.where(empty, 1.0, numerator / denominator.masked_fill(empty, 1.0))


def at_least_one(total: torch.Tensor) -> torch.Tensor:
    """Raise entries below 1 to 1, with the gradient of those above where equal.

    PyTorch has changed what its own functions take for the gradient there (2.15).

    Parameters
    ----------
    total : torch.Tensor
        What is claimed in all, non-negative.

    Returns
    -------
    claimed : torch.Tensor of the shape of total
    """
    return torch.where(total >= 1, total, 1.0)


def relaxed_iou(y: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    """Relaxed intersection over union (Gygli et al., 2017, eq. 6).

    Parameters
    ----------
    y, y_true : torch.Tensor of shape (n, ...)
        Output and truth, entries in [0, 1].

    Returns
    -------
    values : torch.Tensor of shape (n,)
        Values in [0, 1]; 1 where both are empty.
    """
    shared, size, size_true = _overlap(y, y_true)
    return _ratio(shared, size + size_true - shared)


@dataclass(frozen=True)
class FBeta:
    """Relaxed F-beta score; ``beta=1`` is eq. 7 of Gygli et al. (2017).

    Since minima and maxima of two numbers add up to their sum, the relaxed
    intersection plus union is the total size of the two outputs.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of recall against precision, in (0, inf).
    """

    beta: float = 1.0

    def __post_init__(self):
        if not isinstance(self.beta, Real) or not 0 < self.beta < math.inf:
            raise ValueError(
                f"beta must be a positive, finite number, got {self.beta!r}."
            )

    def __call__(self, y: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
        shared, size, size_true = _overlap(y, y_true)
        weight = float(self.beta) ** 2
        return _ratio((1 + weight) * shared, size + weight * size_true)


relaxed_f1 = FBeta(1.0)


def relaxed_accuracy(y: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    """Mean agreement ``1 - |y - y_true|`` over all entries of an example.

    Parameters
    ----------
    y, y_true : torch.Tensor of shape (n, ...)
        Output and truth, entries in [0, 1].

    Returns
    -------
    values : torch.Tensor of shape (n,)
        Values in [0, 1].
    """
    # At a tie with 0 or 1 the gradient is that of the side inside the box.
    above = (y > y_true) | ((y == y_true) & (y_true < 0.5))
    return 1 - torch.where(above, y - y_true, y_true - y).flatten(1).mean(1)


def relaxed_pixel_accuracy(y: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    """Mean share of each pixel's truth that is found (section 5.3).

    Over the channels of a pixel it is the relaxed intersection of eq. 9, divided by
    what is claimed in all where that is more than 1; on distributions over classes 1
    minus their total variation distance. On one channel, of foreground, it is
    `relaxed_accuracy`.

    Parameters
    ----------
    y, y_true : torch.Tensor of shape (n, n_channels, height, width)
        Output and truth, entries in [0, 1].

    Returns
    -------
    values : torch.Tensor of shape (n,)
        Values in [0, 1].
    """
    if y.shape[1] == 1:
        return relaxed_accuracy(y, y_true)
    shared = torch.where(_is_below(y, y_true), y, y_true).sum(1)
    return (shared / at_least_one(y.sum(1))).flatten(1).mean(1)


def relaxed_mean_iou(y: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    """Mean over the classes of the relaxed intersection over union.

    Parameters
    ----------
    y, y_true : torch.Tensor of shape (n, n_channels, height, width)
        Output and truth, entries in [0, 1]; one channel is the foreground, the rest
        of which is a class too.

    Returns
    -------
    values : torch.Tensor of shape (n,)
        Values in [0, 1]. A class that neither has counts as 1.
    """
    if y.shape[1] == 1:
        y, y_true = (torch.cat([1 - part, part], 1) for part in (y, y_true))
    per_class = relaxed_iou(y.flatten(0, 1), y_true.flatten(0, 1))
    return per_class.view(y.shape[:2]).mean(1)


ORACLES: dict[str, Oracle] = {
    "f1": relaxed_f1,
    "iou": relaxed_iou,
    "accuracy": relaxed_accuracy,
    "f0.5": FBeta(0.5),
    "f2": FBeta(2.0),
}
# For maps of classes, one channel each; of two classes the foreground alone.
MAP_ORACLES: dict[str, Oracle] = {
    **ORACLES,
    "dice": relaxed_f1,
    "accuracy": relaxed_pixel_accuracy,
    "mean_iou": relaxed_mean_iou,
}


def did_you_mean(name: object, allowed: Iterable[object]) -> str:
    """Say what is allowed, and which of it is nearest to a misspelt name.

    Parameters
    ----------
    name : object
        What was given.
    allowed : iterable
        What could have been given.

    Returns
    -------
    message : str
    """
    near = get_close_matches(str(name).lower(), [str(one) for one in allowed], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Allowed are {sorted(allowed, key=str)}.{hint}"


def get_oracle(oracle: str | Oracle, known: Mapping[str, Oracle] = ORACLES) -> Oracle:
    """Resolve an oracle's name; a callable is returned as it is.

    Parameters
    ----------
    oracle : str or callable
        A key of `known` or a callable ``oracle(y, y_true) -> values``.
    known : dict, default=ORACLES
        Oracles by name.

    Returns
    -------
    oracle : callable

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `oracle` is neither a name nor callable.
    """
    if callable(oracle):
        return oracle
    if not isinstance(oracle, str):
        raise TypeError(
            f"oracle must be a name or a callable, got {oracle!r} of type "
            f"{type(oracle).__name__}."
        )
    if oracle not in known:
        raise ValueError(
            f"Unknown oracle {oracle!r}. {did_you_mean(oracle, known)} A callable "
            "oracle(y, y_true) on tensors is allowed too."
        )
    return known[oracle]


def reach(oracle: Oracle, y_true: torch.Tensor) -> float:
    """How many entries of the truth must be set for a unit of oracle value.

    This is about how large the steps of an ascent along the oracle's gradient must be
    together to get from nothing to the truth: for F1 and IOU the number of labels of
    an example, for accuracy that of all labels.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``.
    y_true : torch.Tensor of shape (n, ...)
        True outputs.

    Returns
    -------
    reach : float
        0 where the truth is worth no more than nothing.
    """
    rise = oracle(y_true, y_true) - oracle(torch.zeros_like(y_true), y_true)
    return (y_true.sum() / rise.sum()).item() if rise.sum() > 0 else 0.0


def check_oracle(oracle: Oracle, y_true: torch.Tensor) -> None:
    """Try a user's oracle on the truth, on nothing and on a blend of the two.

    Parameters
    ----------
    oracle : callable
        As for `get_oracle`.
    y_true : torch.Tensor of shape (n, ...)
        A few true outputs.

    Raises
    ------
    ValueError
        If the oracle raises, returns another shape than ``(n,)``, or leaves
        [0, 1].
    TypeError
        If it does not return a tensor.
    """
    for y in (y_true, torch.zeros_like(y_true), 0.5 * y_true + 0.25):
        try:
            values = oracle(y, y_true)
        except Exception as error:
            raise ValueError(
                f"The oracle {oracle!r} failed on tensors y and y_true of shape "
                f"{tuple(y_true.shape)}: {error}"
            ) from error
        check_oracle_values(values, len(y_true))


def check_oracle_values(values: object, n: int) -> None:
    """Raise unless `values` is a tensor of n numbers in [0, 1].

    Parameters
    ----------
    values : object
        What an oracle returned.
    n : int
        Number of examples.

    Raises
    ------
    TypeError
        If it is no tensor of floating point numbers.
    ValueError
        If it has another shape, or numbers outside [0, 1].
    """
    if not isinstance(values, torch.Tensor):
        raise TypeError(
            "The oracle must return a torch.Tensor with one value per example, got "
            f"{type(values).__name__}."
        )
    if not values.is_floating_point():
        raise TypeError(
            f"The oracle must return floating point values, got {values.dtype}. "
            "Return values.to(y.dtype)."
        )
    if values.shape != (n,):
        raise ValueError(
            f"The oracle must return one value per example, shape {(n,)}, got shape "
            f"{tuple(values.shape)}."
        )
    low, high = values.min().item(), values.max().item()
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(
            f"The oracle must return values in [0, 1], got values from {low:.4g} to "
            f"{high:.4g}. Rescale it, for example (value - worst) / (best - worst)."
        )
