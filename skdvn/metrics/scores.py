"""The oracles as scores of NumPy arrays, and scores of label maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from ..data import (
    as_one_kind,
    as_tensor,
    check_label_maps,
    check_same_shapes,
    read_labels,
)
from ..data.typing import MatrixLike, NDArray
from ..oracles import FBeta, relaxed_accuracy, relaxed_f1, relaxed_iou
from .foregrounds import holds_masks, values_of_masks
from .superpixels import most_frequent, numbered_superpixels
from .values import values_of_rows


def _as_tensor(Y, name):
    Y = Y.toarray() if sparse.issparse(Y) else Y
    if not ((Y >= 0) & (Y <= 1)).all():
        raise ValueError(
            f"{name} must hold numbers in [0, 1], got values from {Y.min():.4g} to "
            f"{Y.max():.4g}."
        )
    return as_tensor(Y, torch.float64, "cpu")


def _mean_value(oracle, Y_true, Y_pred, sample_weight):
    if holds_masks(Y_true) or holds_masks(Y_pred):
        values = values_of_masks(oracle, Y_true, Y_pred)
        return average_value(values, sample_weight)
    pair = read_labels(Y_true, "Y_true"), read_labels(Y_pred, "Y_pred")
    check_consistent_length(*pair)
    if all(map(_are_classes, pair)):
        return average_value(_agreement(*pair), sample_weight)
    shape, shape_pred = (Y.shape for Y in pair)
    for name, Y in zip(("Y_true", "Y_pred"), pair, strict=True):
        if Y.ndim == 1:
            raise ValueError(
                f"{name} holds one class per row, shape {Y.shape}, where the other has "
                f"a column per label, shape (n_samples, n_labels). A single row of "
                f"labels is {name}[np.newaxis]."
            )
    if shape != shape_pred:
        raise ValueError(
            f"Y_pred must have the shape of Y_true, {shape}, got {shape_pred}."
        )

    def take(rows):
        y_true, y_pred = (Y[rows] for Y in pair)
        return _as_tensor(y_pred, "Y_pred"), _as_tensor(y_true, "Y_true")

    return average_value(values_of_rows(oracle, shape, take), sample_weight)


def _are_classes(Y):
    """Whether there is one class per row; in a column of fractions there is a label."""
    if Y.ndim == 1:
        return True
    is_column = not sparse.issparse(Y) and Y.size == len(Y)
    return is_column and not (Y.dtype.kind == "f" and (Y % 1).any())


def _agreement(y_true, y_pred):
    """1 where the classes are the same, else 0."""
    pair = y_true.ravel(), y_pred.ravel()
    for y in pair:
        check_classification_targets(y)
    if len({y.dtype.kind in "biuf" for y in pair}) > 1:
        raise ValueError(
            "Y_true and Y_pred must both hold strings or both hold numbers; got "
            f"{pair[0][:3].tolist()} and {pair[1][:3].tolist()}."
        )
    return (pair[0] == pair[1]).astype(np.float64)


def read_weights(sample_weight: ArrayLike, X: Any) -> NDArray[Any]:
    """Weights of examples, as numbers in double precision.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,)
        Weights.
    X : array-like of shape (n_samples, ...)
        The examples.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
    """
    try:
        weights = np.asarray(sample_weight)
        if np.iscomplexobj(weights):
            raise TypeError("complex numbers are no weights")
        weights.astype(np.float64)
    except (TypeError, ValueError) as error:
        hint = " Pass list(sample_weight)." * isinstance(sample_weight, Iterator)
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"sample_weight must hold a number for each example: {error}.{hint}"
        ) from error
    return _check_sample_weight(sample_weight, X, dtype=np.float64)


def average_value(values, sample_weight, sizes=1):
    """Average the values of examples, which count by weight and size."""
    if sample_weight is not None:
        sample_weight = read_weights(sample_weight, values)
        if not sample_weight.any():
            raise ValueError("Sample weights must hold at least one non-zero number.")
    weights = np.ones(len(values)) if sample_weight is None else sample_weight
    return float(np.average(values, weights=weights * sizes))


def pairs_of_maps(Y_true, Y_pred):
    """Checked label maps, truth and output of each image together."""
    truths = check_label_maps(Y_true, "Y_true")
    predicted = check_label_maps(Y_pred, "Y_pred")
    check_same_shapes(truths, predicted, "Y_true", "Y_pred")
    as_one_kind([part.flat[0] for part in (*truths, *predicted)], "Y_true or Y_pred")
    return list(zip(truths, predicted, strict=True))


def relaxed_f1_score(
    Y_true: MatrixLike, Y_pred: MatrixLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean relaxed F1 score over examples (Gygli et al., 2017, eqs. 7, 9, 10).

    On binary input it equals
    ``f1_score(Y_true, Y_pred, average="samples", zero_division=1)``.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...), or list \
of masks
        Truth and output, entries in [0, 1]; or one class per row, shape (n_samples,),
        which is right or wrong. Masks, which may differ in size, may also hold two
        classes; the second in sorted order is the foreground.
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


def relaxed_fbeta_score(
    Y_true: MatrixLike,
    Y_pred: MatrixLike,
    *,
    beta: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean relaxed F-beta score over examples.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...), or list \
of masks
        Truth and output, entries in [0, 1]; or one class per row, shape (n_samples,),
        which is right or wrong. Masks, which may differ in size, may also hold two
        classes; the second in sorted order is the foreground.
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


def relaxed_iou_score(
    Y_true: MatrixLike, Y_pred: MatrixLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean relaxed intersection over union (Gygli et al., 2017, eqs. 6, 9, 10).

    On binary input it equals
    ``jaccard_score(Y_true, Y_pred, average="samples", zero_division=1)``.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...), or list \
of masks
        Truth and output, entries in [0, 1]; or one class per row, shape (n_samples,),
        which is right or wrong. Masks, which may differ in size, may also hold two
        classes; the second in sorted order is the foreground.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Empty against empty counts as 1.
    """
    return _mean_value(relaxed_iou, Y_true, Y_pred, sample_weight)


def relaxed_accuracy_score(
    Y_true: MatrixLike, Y_pred: MatrixLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean share of labels that agree; 1 minus the Hamming loss on binary input.

    Parameters
    ----------
    Y_true, Y_pred : {array-like, sparse matrix} of shape (n_samples, ...), or list \
of masks
        Truth and output, entries in [0, 1]; or one class per row, shape (n_samples,),
        which is right or wrong. Masks, which may differ in size, may also hold two
        classes; the second in sorted order is the foreground.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each example.

    Returns
    -------
    score : float
        In [0, 1], best is 1.
    """
    return _mean_value(relaxed_accuracy, Y_true, Y_pred, sample_weight)


def pixel_accuracy_score(
    Y_true: ArrayLike, Y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean share of the pixels of an image that have the right class.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, height, width), or list of arrays
        True and predicted label maps of any number of classes.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Images count the same whatever their size.

    Examples
    --------
    >>> from skdvn.metrics import pixel_accuracy_score
    >>> pixel_accuracy_score([[[0, 1], [2, 2]]], [[[0, 1], [1, 2]]])
    0.75
    """
    pairs = pairs_of_maps(Y_true, Y_pred)
    values = np.array([np.mean(truth == found) for truth, found in pairs])
    return average_value(values, sample_weight)


def mean_iou_score(
    Y_true: ArrayLike, Y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean over images of the mean intersection over union of their classes.

    The classes of an image are those that its truth or its output holds, background
    among them. Its value is ``jaccard_score(y_true, y_pred, average="macro")`` of
    its pixels.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, height, width), or list of arrays
        True and predicted label maps of any number of classes.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image.

    Returns
    -------
    score : float
        In [0, 1], best is 1. Images count the same whatever their size.

    Examples
    --------
    >>> from skdvn.metrics import mean_iou_score
    >>> mean_iou_score([[[0, 1], [2, 2]]], [[[0, 1], [1, 2]]])
    0.666...
    """
    pairs = pairs_of_maps(Y_true, Y_pred)
    values = np.array([_iou_of_classes(*pair) for pair in pairs])
    return average_value(values, sample_weight)


def _iou_of_classes(truth, found):
    """Mean IOU of the classes of one image, from its confusion matrix."""
    classes, codes = np.unique(np.stack([truth, found]), return_inverse=True)
    k = len(classes)
    truth, found = codes.reshape(2, -1)
    confusion = np.bincount(truth * k + found, minlength=k * k).reshape(k, k)
    shared = confusion.diagonal()
    return np.mean(shared / (confusion.sum(axis=0) + confusion.sum(axis=1) - shared))


def superpixel_accuracy(
    Y_true: ArrayLike,
    Y_pred: ArrayLike,
    segments: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of superpixels whose most frequent label is the right one.

    A superpixel is right if the most frequent label of its pixels is the same in
    truth and output (Gygli et al., 2017, section 5.3); of labels that are equally
    frequent the smallest counts. As in the literature the share is taken over all
    superpixels of all images together: each counts the same whatever its area, and
    an image counts by how many it has.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, height, width), or list of arrays
        True and predicted label maps of any number of classes.
    segments : array-like of shape (n, height, width), or list of arrays
        Number of each pixel's superpixel in its image, integers.
    sample_weight : array-like of shape (n,), default=None
        Weight of each superpixel of an image.

    Returns
    -------
    score : float
        In [0, 1], best is 1.

    References
    ----------
    A. Kae, K. Sohn, H. Lee, E. Learned-Miller. Augmenting CRFs with Boltzmann machine
    shape priors for image labeling. CVPR 2013.

    Examples
    --------
    >>> from skdvn.metrics import superpixel_accuracy
    >>> superpixel_accuracy([[[0, 0, 0, 1]]], [[[0, 0, 1, 0]]], [[[1, 1, 1, 2]]])
    0.5
    """
    pairs = pairs_of_maps(Y_true, Y_pred)
    numbers = numbered_superpixels(segments, [truth for truth, _ in pairs], "Y_true")
    right = [
        most_frequent(truth, number) == most_frequent(found, number)
        for (truth, found), number in zip(pairs, numbers, strict=True)
    ]
    values = np.array([part.mean() for part in right])
    return average_value(values, sample_weight, list(map(len, right)))
