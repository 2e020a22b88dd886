"""Labels and inputs of the user as examples for the network, and back."""

import math
from hashlib import blake2b
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_y,
    _num_samples,
    check_consistent_length,
    validate_data,
)

from ..data import ConstantRows, Examples, Queries, Rows
from ..oracles import get_oracle
from .components import Initializer, LabelNet
from .initializers import EstimatorStart, constant_row
from .label_targets import LabelTargets, check_no_label_lists
from .parameters import checked_weight, resolve_device
from .plain_state import PlainStateMixin

# Up to so many rows double precision costs nothing, since overhead dominates.
SMALL_N_ROWS = 256
# With fewer multiplications per row than this in the local part a CPU is faster than
# an H200: 3 times and more with 19,000, as fast with 550,000, 2.4 times slower with 8
# million.
PRODUCTS_WORTH_A_GPU = 500_000


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


def checked_rows(estimator, X, y=NO_Y, *, shape=None, reset=False):
    """X, and y if given, as arrays of numbers; counts and names are noted or compared.

    Parameters
    ----------
    estimator : estimator
        Its `network` and `encoder` decide which shapes of X are fine.
    X, y : object
        What the user gave.
    shape : tuple of int, default=None
        Of a row as it must be.
    reset : bool, default=False
        Whether the estimator takes note of features instead of comparing them.

    Returns
    -------
    checked : array, or tuple of two
    """
    if takes_anything(estimator):
        return _rows_as_given(estimator, X, y, reset)
    allowed = {
        "accept_sparse": "csr",
        "dtype": (np.float64, np.float32),
        "allow_nd": has_own_modules(estimator),
    }
    if y is NO_Y:
        X = checked = validate_data(estimator, X, reset=reset, **allowed)
    else:
        check_no_label_lists(y)
        X, y = checked = validate_data(
            estimator, X, y, reset=reset, multi_output=True, **allowed
        )
    if shape is not None and X.shape[1:] != shape:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}; {type(estimator).__name__} was fitted "
            f"on rows of shape {shape}."
        )
    return checked


def takes_anything(params):
    """Whether X is for estimators of the user's, who know what they take."""
    given = getattr(params, "estimators", ())
    return not isinstance(given, str) and len(given) > 0


def _rows_as_given(estimator, X, y, reset):
    """The same for an X that is left as it is."""
    X = X.tocsr() if sparse.issparse(X) else X
    _check_feature_names(estimator, X, reset=reset)
    if len(getattr(X, "shape", ())) == 2:
        _check_n_features(estimator, X, reset=reset)
    if y is NO_Y:
        return X
    check_no_label_lists(y)
    y = _check_y(y, multi_output=True, estimator=estimator)
    check_consistent_length(X, y)
    return X, y


def read_rows(estimator, X, y, sample_weight):
    """What `fit` is given, checked, without rows of weight 0."""
    X_given = X
    X, y = checked_rows(estimator, X, y, reset=True)
    weight = checked_weight(sample_weight, X)
    rows = LabelRows(X, y, weight, X_given)
    if weight is None or weight.all():
        return rows
    return rows.at(np.flatnonzero(weight))


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
    pairs = zip(_bytes_of(rows.X), _bytes_of(Y), strict=True)
    digests = [blake2b(x + labels, digest_size=8).digest() for x, labels in pairs]
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    if rows.weight is None and len(first) == len(digests):
        return rows
    return rows.at(first)._replace(weight=np.bincount(group.ravel(), rows.weight))


def _bytes_of(array):
    """Yield the content of each row."""
    if not sparse.issparse(array):
        yield from (row.tobytes() for row in np.asarray(array))
        return
    array = sparse.csr_matrix(array, copy=True)
    array.sum_duplicates()
    array.eliminate_zeros()
    for low, high in pairwise(array.indptr):
        yield array.indices[low:high].tobytes() + array.data[low:high].tobytes()


def has_own_modules(params):
    """Whether inputs go through a module of the user's, which take any shape."""
    own = is_own_network(getattr(params, "network", None))
    return own or params.encoder is not None


def is_own_network(network):
    """Whether `network` is a module or function of the user's, and no setting."""
    return not isinstance(network, str | LabelNet | None)


def check_positives(Y):
    """Raise if no row has any label."""
    if not Y.sum():
        raise ValueError(
            f"y has no positive at all: all entries of its shape {Y.shape} are 0. At "
            "least one label of one row must be 1."
        )


class LabelCodec(PlainStateMixin):
    """Settles once what all calls share, and turns arrays into examples and back.

    Attributes
    ----------
    targets : LabelTargets
    shape : tuple of int
        Of a row of X.
    device, dtype
        Where tensors go, and their precision.
    scaler : StandardScaler or None
    experts : StackedGuess or None
        What makes a guess of the labels that the network takes as its input.
    initializer : EstimatorStart or None
        What says where inference starts, if another estimator does.
    start : ndarray of shape (n_labels,) or None
        Where inference starts if it is the same everywhere. With neither it is the
        network's own guess.
    """

    default_oracle = "f1"

    def fit_transform(self, rows, params, guesses, experts=None, classes=None):
        """Settle everything on the first rows.

        Parameters
        ----------
        rows : LabelRows
        params : estimator
            Its parameters say how. It is not kept.
        guesses : bool
            Whether inference starts at the network's guess.
        experts : StackedGuess, default=None
            Not fitted.
        classes : array-like, default=None
            All that a one-dimensional y will ever hold; None for those of y.

        Returns
        -------
        data : LabelData
        """
        self.targets = LabelTargets(rows.y if classes is None else classes)
        self.experts = experts
        if experts is not None and not takes_anything(params):
            rows = merged(rows, self.targets.encode(rows.y))
        X, y, weight, X_given = rows
        self.shape = getattr(X, "shape", (0,))[1:]
        self._settle(X, weight, params)
        starts = self._fit_start(X_given, y, params, guesses)
        if experts is not None:
            X = experts.fit(X, y, weight).cross_fitted_
            del experts.cross_fitted_  # as large as the labels
        return LabelData(X, self.targets.encode(y), starts, weight)

    def transform(self, X, y, name="Y", weight=None, X_given=None):
        """Further rows, checked, as `LabelData`."""
        starts = self.starts_of(X if X_given is None else X_given)
        return LabelData(self._seen(X), self.targets.encode(y, name), starts, weight)

    def _seen(self, X):
        """What the network sees of rows: their features, or a guess of the labels."""
        return X if self.experts is None else self.experts.predict_proba(X)

    def _settle(self, X, weight, params):
        self.device = resolve_device(params.device)
        small = self.experts is not None or is_small(X, params, self.targets.n_labels_)
        if params.device == "auto" and small:
            self.device = torch.device("cpu")
        few = _num_samples(X) <= SMALL_N_ROWS
        self.dtype = torch.float64 if few else torch.float32
        self._keep_sparse = not has_own_modules(params)
        self.scaler = None
        if params.standardize and self.experts is None:
            scaler = StandardScaler(with_mean=not sparse.issparse(X))
            if X.ndim > 2:  # all entries alike, as of an image
                X, weight = X.reshape(-1, 1), None
            self.scaler = scaler.fit(X, sample_weight=weight)

    def _fit_start(self, X, y, params, guesses):
        """Where inference starts on the training rows; None where it is no array."""
        self.initializer = self.start = None
        if guesses:
            return None
        init = params.init
        if not isinstance(init, Initializer) and hasattr(init, "predict"):
            init = Initializer(init)
        if not isinstance(init, Initializer):
            self.start = constant_row(init, self.targets.n_labels_)
            return None
        self.initializer = EstimatorStart(init.estimator, init.scale, self.targets)
        seed = check_random_state(params.random_state).randint(2**31 - 1)
        return self.initializer.fit(X, y, seed)

    def oracle(self, oracle):
        """The oracle in use, a function on tensors."""
        return get_oracle(oracle)

    def starts_of(self, X):
        """Where inference on new rows starts, if another estimator says so."""
        return None if self.initializer is None else self.initializer.predict(X)

    def inputs(self, X):
        """Checked rows as the network sees them."""
        return self._rows(self._seen(X))

    def _rows(self, X):
        mean, scale = None, None
        if self.scaler is not None:
            mean, scale = self.scaler.mean_, self.scaler.scale_
        elif (largest := float(abs(X).max())) > torch.finfo(self.dtype).max:
            raise ValueError(
                f"X holds {largest:.4g}, more than single precision can. Rescale X or "
                "set standardize=True."
            )
        return Rows(
            X,
            self.device,
            self.dtype,
            mean=mean,
            scale=scale,
            keep_sparse=self._keep_sparse,
        )

    def outputs(self, Y):
        """Rows of binary or relaxed labels as tensors."""
        return Rows(Y, self.device, self.dtype)

    def tensor(self, Y):
        """A few rows of labels as one tensor."""
        Y = Y.toarray() if sparse.issparse(Y) else Y
        Y = np.ascontiguousarray(Y)  # torch reads no array backwards
        return torch.tensor(Y, dtype=self.dtype, device=self.device)

    def _start_rows(self, starts, n_rows):
        if starts is not None:
            return self.outputs(starts)
        if self.start is None:
            return None
        row = torch.tensor(self.start, dtype=self.dtype, device=self.device)
        return ConstantRows(row, n_rows)

    def examples(self, data):
        """What a network learns from."""
        weight = data.weight
        if weight is not None:
            weight = torch.as_tensor(weight / weight.mean(), dtype=self.dtype)
            weight = weight.to(self.device)
        return Examples(
            self._rows(data.X),
            self.outputs(data.Y),
            self._start_rows(data.starts, data.X.shape[0]),
            weight,
        )

    def queries(self, X, starts=None):
        """What inference needs of checked rows; `starts` as of `starts_of`."""
        return Queries(self.inputs(X), self._start_rows(starts, _num_samples(X)))


def is_small(X, params, n_labels):
    """Whether a mini-batch is done before a GPU has been told what to do."""
    if has_own_modules(params):
        return False
    hidden = widths("hidden_layer_sizes", params.hidden_layer_sizes)
    sizes = X.shape[1], *hidden, n_labels
    return sum(map(math.prod, pairwise(sizes))) < PRODUCTS_WORTH_A_GPU


def widths(name, value):
    """Layer widths as a tuple; a plain 0 means no layer."""
    found = () if np.ndim(value) == 0 and value == 0 else tuple(np.atleast_1d(value))
    if not all(isinstance(w, Integral) and w > 0 for w in found):
        raise ValueError(f"{name} must hold positive integers, got {value!r}.")
    return tuple(map(int, found))
