"""NumPy faces of the oracles, and scorers for scikit-learn's `scoring=`."""

import numpy as np
import torch
from scipy import sparse
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from .oracles import FBeta, relaxed_accuracy, relaxed_f1, relaxed_iou


def _as_tensor(Y, name):
    Y = Y.toarray() if sparse.issparse(Y) else np.asarray(Y)
    try:
        Y = Y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric, got dtype {Y.dtype}.") from error
    if Y.ndim < 2:
        raise ValueError(
            f"{name} must have one row per example and at least one column, shape "
            f"(n_samples, n_labels), got shape {Y.shape}."
        )
    if not (np.isfinite(Y).all() and (Y >= 0).all() and (Y <= 1).all()):
        raise ValueError(
            f"{name} must hold numbers in [0, 1], got values from {Y.min():.4g} to "
            f"{Y.max():.4g}."
        )
    return torch.from_numpy(Y)


def _mean_value(oracle, Y_true, Y_pred, sample_weight):
    y_true, y_pred = _as_tensor(Y_true, "Y_true"), _as_tensor(Y_pred, "Y_pred")
    check_consistent_length(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"Y_pred must have the shape of Y_true, {tuple(y_true.shape)}, got "
            f"{tuple(y_pred.shape)}."
        )
    if not len(y_true):
        raise ValueError("Y_true must have at least one row, got none.")
    values = oracle(y_pred, y_true).numpy()
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, values)
        if not sample_weight.any():
            raise ValueError("Sample weights must hold at least one non-zero number.")
    return float(np.average(values, weights=sample_weight))


def relaxed_f1_score(Y_true, Y_pred, *, sample_weight=None):
    """Mean relaxed F1 score over examples (Gygli et al., 2017, eqs. 7, 9, 10).

    On binary input it equals
    ``f1_score(Y_true, Y_pred, average="samples", zero_division=1)``.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...)
        Truth and output, entries in [0, 1].
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Empty against empty counts as 1.

    Examples
    --------
    >>> from skdvn.metrics import relaxed_f1_score
    >>> relaxed_f1_score([[1, 1, 0]], [[1, 0, 0]])
    0.666...
    """
    return _mean_value(relaxed_f1, Y_true, Y_pred, sample_weight)


def relaxed_fbeta_score(Y_true, Y_pred, *, beta, sample_weight=None):
    """Mean relaxed F-beta score over examples.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...)
        Truth and output, entries in [0, 1].
    beta : float
        Weight of recall against precision, in (0, inf).
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Empty against empty counts as 1.
    """
    return _mean_value(FBeta(beta), Y_true, Y_pred, sample_weight)


def relaxed_iou_score(Y_true, Y_pred, *, sample_weight=None):
    """Mean relaxed intersection over union (Gygli et al., 2017, eqs. 6, 9, 10).

    On binary input it equals
    ``jaccard_score(Y_true, Y_pred, average="samples", zero_division=1)``.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...)
        Truth and output, entries in [0, 1].
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Empty against empty counts as 1.
    """
    return _mean_value(relaxed_iou, Y_true, Y_pred, sample_weight)


def relaxed_accuracy_score(Y_true, Y_pred, *, sample_weight=None):
    """Mean share of labels that agree; 1 minus the Hamming loss on binary input.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...)
        Truth and output, entries in [0, 1].
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1.
    """
    return _mean_value(relaxed_accuracy, Y_true, Y_pred, sample_weight)


relaxed_f1_scorer = make_scorer(relaxed_f1_score)
relaxed_iou_scorer = make_scorer(relaxed_iou_score)
relaxed_accuracy_scorer = make_scorer(relaxed_accuracy_score)
