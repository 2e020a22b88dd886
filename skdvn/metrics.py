"""NumPy faces of the oracles, scorers for scikit-learn, and scores of values."""

from numbers import Integral

import numpy as np
import torch
from scipy import sparse
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .oracles import FBeta, get_oracle, relaxed_accuracy, relaxed_f1, relaxed_iou


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


def oracle_values(estimator, Y_true, Y_pred):
    """True value of each output, by the oracle that an estimator is trained for.

    The mean over the outputs of ``estimator.predict(X)`` is ``estimator.score(X, y)``.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, segmenter or CalibratedValueCV
        Fitted; says what the oracle and the classes are.
    Y_true, Y_pred : {array-like, sparse matrix} or list of arrays
        Truth and output, labels or masks in the form of the y given to its `fit`.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        In [0, 1].
    """
    fitted = getattr(estimator, "estimator_", estimator)
    if not hasattr(fitted, "oracle"):
        raise TypeError(
            "estimator must have an oracle, as the classifiers and segmenters of skdvn "
            f"have; got {type(estimator).__name__}."
        )
    check_is_fitted(fitted)
    truth = fitted._targets.encode(Y_true, "Y_true")
    predicted = fitted._targets.encode(Y_pred, "Y_pred")
    check_consistent_length(truth, predicted)
    oracle, values = get_oracle(fitted.oracle), []
    pairs = zip(_batches(truth), _batches(predicted), strict=True)
    for i, (one_true, one) in enumerate(pairs):
        if one_true.shape != one.shape:
            raise ValueError(
                f"Y_pred must have the shape of Y_true; Y_true[{i}] and Y_pred[{i}] "
                f"have {one_true.shape[-2:]} and {one.shape[-2:]}."
            )
        pair = (
            torch.tensor(part, dtype=fitted._dtype, device=fitted.device_)
            for part in (one, one_true)
        )
        values.append(oracle(*pair).cpu().numpy())
    return np.clip(np.concatenate(values).astype(np.float64), 0, 1)


def _batches(encoded):
    """A matrix of labels as one batch, masks, which may differ in size, one by one."""
    if isinstance(encoded, list):
        return [mask[np.newaxis] for mask in encoded]
    return [encoded.toarray() if sparse.issparse(encoded) else encoded]


def value_calibration_error(
    values_true, values_pred, *, n_bins=10, strategy="quantile"
):
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


def value_bins(values_true, values_pred, n_bins=10, strategy="quantile"):
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
        raise ValueError(f"n_bins must be an integer from 1 on, got {n_bins!r}.")
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


def risk_coverage_curve(values_true, values_pred):
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


def check_values(values_true, values_pred):
    """True and predicted values as arrays; raise unless they are in [0, 1]."""
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
    return checked
