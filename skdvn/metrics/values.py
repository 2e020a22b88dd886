"""How good outputs are by an oracle, and how well predicted values tell."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, column_or_1d

from ..data import batches_of, rows_at_once
from ..data.typing import Float64s, NDArray


def values_of_rows(oracle, shape, take):
    """Oracle values of many rows, few of which are held as tensors at once.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``.
    shape : tuple of int
        Of all outputs, (n, ...).
    take : callable
        ``take(rows) -> (y, y_true)``, tensors of the rows in a slice.

    Returns
    -------
    values : ndarray of shape (n,)
    """
    batches = batches_of(shape[0], rows_at_once(math.prod(shape[1:])))
    return np.concatenate([oracle(*take(rows)).cpu().numpy() for rows in batches])


def value_calibration_error(
    values_true: ArrayLike,
    values_pred: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: str = "quantile",
) -> float:
    """Expected calibration error of predicted values.

    Examples are put into bins by their predicted value; the error is the mean over
    examples of the absolute difference of predicted and true value, each averaged over
    the bin.

    Parameters
    ----------
    values_true, values_pred : array-like of shape (n_samples,)
        True and predicted values, in [0, 1], for example of `oracle_values` and
        ``predict_value``.
    n_bins : int, default=10
        Number of bins, at least 1. Equal predictions stay together, so that there may
        be fewer.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of as many examples each, or of the same width.

    Returns
    -------
    error : float
        In [0, 1], best is 0.

    Examples
    --------
    >>> from skdvn.metrics import value_calibration_error
    >>> value_calibration_error([0.5, 0.5, 1], [0.7, 0.7, 1], n_bins=2)
    0.133...
    """
    bin_true, bin_pred, sizes = value_bins(values_true, values_pred, n_bins, strategy)
    return float(np.average(np.abs(bin_true - bin_pred), weights=sizes))


def value_bins(
    values_true: ArrayLike,
    values_pred: ArrayLike,
    n_bins: int = 10,
    strategy: str = "quantile",
) -> tuple[Float64s, Float64s, NDArray[np.int64]]:
    """Mean true and predicted values of examples with like predictions.

    Parameters
    ----------
    values_true, values_pred, n_bins, strategy
        As for `value_calibration_error`.

    Returns
    -------
    bin_true, bin_pred : ndarray of shape (n_bins_filled,)
        Means, in increasing order of the predictions.
    sizes : ndarray of shape (n_bins_filled,)
        Examples in each bin.
    """
    values_true, values_pred = check_values(values_true, values_pred)
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be a positive integer, got {n_bins!r}.")
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    if strategy == "quantile":
        inner = np.quantile(values_pred, inner)
    elif strategy != "uniform":
        raise ValueError(f"strategy must be 'quantile' or 'uniform', got {strategy!r}.")
    _, bins = np.unique(np.searchsorted(inner, values_pred), return_inverse=True)
    sizes = np.bincount(bins)
    bin_true, bin_pred = (
        np.bincount(bins, values) / sizes for values in (values_true, values_pred)
    )
    return bin_true, bin_pred, sizes


def risk_coverage_curve(
    values_true: ArrayLike, values_pred: ArrayLike
) -> tuple[Float64s, Float64s]:
    """Mean true value of the examples kept, by how many of them are.

    Examples of the highest predicted value are kept first. Of equal predictions any
    may be first: the curve is the mean over their orders. For the ideal curve, pass
    the true values as the predicted ones.

    Parameters
    ----------
    values_true, values_pred : array-like of shape (n_samples,)
        True and predicted values, in [0, 1].

    Returns
    -------
    coverage : ndarray of shape (n_samples,)
        Share of the examples kept: ``1 / n_samples`` to 1.
    kept_value : ndarray of shape (n_samples,)
        Mean true value of those kept; the last entry is that of all.

    Examples
    --------
    >>> from skdvn.metrics import risk_coverage_curve
    >>> coverage, kept_value = risk_coverage_curve([0.5, 1, 0], [0.9, 0.8, 0.1])
    >>> kept_value
    array([0.5 , 0.75, 0.5 ])
    """
    values_true, values_pred = check_values(values_true, values_pred)
    _, ranks, sizes = np.unique(-values_pred, return_inverse=True, return_counts=True)
    among_equals = np.bincount(ranks, values_true) / sizes
    kept = np.arange(1, len(values_true) + 1)
    return kept / len(kept), np.cumsum(np.repeat(among_equals, sizes)) / kept


def check_values(
    values_true: ArrayLike, values_pred: ArrayLike
) -> tuple[Float64s, Float64s]:
    """Check true and predicted values.

    Parameters
    ----------
    values_true, values_pred : array-like of shape (n_samples,)
        Numbers in [0, 1], at least one.

    Returns
    -------
    values_true, values_pred : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If they are anything else, or not as many.
    """
    checked = []
    for name, values in (("values_true", values_true), ("values_pred", values_pred)):
        values = column_or_1d(values, dtype=np.float64)
        if not len(values) or not ((values >= 0) & (values <= 1)).all():
            found = (
                f"from {values.min():.4g} to {values.max():.4g}" if len(values) else ""
            )
            raise ValueError(
                f"{name} must hold numbers in [0, 1], at least one; got {len(values)} "
                f"{found}."
            )
        checked.append(values)
    check_consistent_length(*checked)
    return checked[0], checked[1]
