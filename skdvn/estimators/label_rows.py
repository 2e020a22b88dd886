"""Inputs and labels of the user, checked; which rows count, and how much."""

from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_y,
    _num_samples,
    check_consistent_length,
    validate_data,
)

from ..data import canonical
from .label_targets import labels_of
from .parameters import (
    check_range,
    checked_weight,
    has_own_modules,
    reading_numbers,
)

# Tells "not given" from a y of None, which is refused.
NO_Y = object()


class LabelData(NamedTuple):
    """Checked arrays: network's inputs, binary labels, starts of inference, weights."""

    X: np.ndarray
    Y: np.ndarray
    starts: np.ndarray | None
    weight: np.ndarray | None

    def at(self, rows):
        """The data at these positions."""
        return LabelData(*(None if part is None else part[rows] for part in self))


class LabelRows(NamedTuple):
    """What `fit` was given, checked: inputs as numbers and as given, y and weights."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    X_given: object

    def at(self, rows):
        """Those at these positions."""
        X, y = (_safe_indexing(part, rows) for part in (self.X, self.y))
        weight = None if self.weight is None else self.weight[rows]
        if sparse.issparse(self.X_given) or not hasattr(self.X_given, "__getitem__"):
            return LabelRows(X, y, weight, X)
        return LabelRows(X, y, weight, _safe_indexing(self.X_given, rows))


def checked_rows(estimator, X, y=NO_Y, *, y_name="y", shape=None, reset=False):
    """X, and y if given, as plain arrays; counts and names are noted or compared.

    Parameters
    ----------
    estimator : estimator
        Its `network` and `encoder` decide which shapes of X are fine.
    X, y : object
        What the user gave.
    y_name : str, default="y"
        What error messages call y.
    shape : tuple of int, default=None
        Of a row as it must be.
    reset : bool, default=False
        Whether the estimator takes note of features instead of comparing them.

    Returns
    -------
    checked : array, or tuple of two
    """
    X = canonical(X)
    _num_samples(X)  # raises for what is no container
    if y is not NO_Y and y is not None:
        y = labels_of(y, y_name)
    if takes_anything(estimator):
        return _rows_as_given(estimator, X, y, reset)
    takes_images = has_own_modules(estimator)
    if getattr(X, "ndim", 2) > 2 and not takes_images:
        raise ValueError(
            f"X must have shape (n_samples, n_features); got {X.shape}. Flatten "
            "the rows, as by X.reshape(len(X), -1), or set encoder to a "
            "torch.nn.Module that makes features of them."
        )
    allowed = {
        "accept_sparse": "csr",
        "dtype": (np.float64, np.float32),
        "allow_nd": takes_images,
    }
    with reading_numbers():
        if y is NO_Y:
            X = checked = validate_data(estimator, X, reset=reset, **allowed)
        else:
            X, _ = checked = validate_data(
                estimator, X, y, reset=reset, multi_output=True, **allowed
            )
    check_range(X)
    if shape is not None and X.shape[1:] != shape:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}; {type(estimator).__name__} was fitted "
            f"on rows of shape {shape}."
        )
    return checked


def takes_anything(params):
    """Whether X is for estimators of the user's, who know what they take."""
    given = getattr(params, "estimators", ())
    return isinstance(given, list | tuple) and len(given) > 0


def _rows_as_given(estimator, X, y, reset):
    """The same for an X that is left as it is."""
    _check_feature_names(estimator, X, reset=reset)
    if len(getattr(X, "shape", ())) == 2:
        _check_n_features(estimator, X, reset=reset)
    if y is NO_Y:
        return X
    y = _check_y(y, multi_output=True, estimator=estimator)
    check_consistent_length(X, y)
    return X, y


def read_rows(estimator, X, y, sample_weight, **how):
    """What `fit` is given, checked, without rows of weight 0.

    Parameters
    ----------
    estimator, X, y
        As for `checked_rows`.
    sample_weight : array-like or None
    **how : object
        More for `checked_rows`.

    Returns
    -------
    rows : LabelRows
    """
    _, X, y, weight = without_weightless(X, y, sample_weight)
    return LabelRows(*checked_rows(estimator, X, y, **how), weight, X)


def without_weightless(X, y, sample_weight):
    """Rows that count, and X, y and weights of these; weight 0 is as good as absent."""
    X, y = canonical(X), canonical(y)
    weight = checked_weight(sample_weight, X)
    used = np.arange(_num_samples(X)) if weight is None else np.flatnonzero(weight)
    if weight is None or weight.all() or y is None:
        return used, X, y, weight
    check_consistent_length(X, y)
    return used, _safe_indexing(X, used), _safe_indexing(y, used), weight[used]


def merged(rows, Y):
    """Rows that occur several times as one of their weight, in an order of its own.

    What is cross-fitted would otherwise know the labels of their twins, and weights
    would not be what repetitions are.

    Parameters
    ----------
    rows : LabelRows
    Y : {ndarray, CSR matrix} of shape (n_samples, n_labels)
        Their labels.

    Returns
    -------
    rows : LabelRows
    """
    pairs = zip(_bytes_of(rows.X, np.float64), _bytes_of(Y, np.int64), strict=True)
    digests = [blake2b(x + labels, digest_size=8).digest() for x, labels in pairs]
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    if rows.weight is None and len(first) == len(digests):
        return rows
    return rows.at(first)._replace(weight=np.bincount(group.ravel(), rows.weight))


def _bytes_of(array, kind):
    """Yield the content of each row as numbers of one kind."""
    if not sparse.issparse(array):
        yield from (row.astype(kind, copy=False).tobytes() for row in array)
        return
    for low, high in pairwise(array.indptr):
        indices = array.indices[low:high].astype(np.int32)
        yield indices.tobytes() + array.data[low:high].astype(kind).tobytes()
