"""Labels and inputs of the user as examples for the network, and back."""

import math
from itertools import pairwise
from numbers import Integral

import numpy as np
import torch
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

from ..data import ConstantRows, Examples, Queries, Rows, as_tensor
from ..oracles import get_oracle
from .components import Initializer
from .initializers import EstimatorStart, constant_row
from .input_views import rounding_below_zero
from .label_rows import LabelData, merged, takes_anything
from .label_targets import LabelTargets
from .parameters import has_own_modules, resolve_device
from .plain_state import PlainStateMixin

# Up to so many rows double precision costs nothing, since overhead dominates.
SMALL_N_ROWS = 256
# With fewer multiplications per row than this in the local part a CPU is faster than
# an H200: 3 times and more with 19,000, as fast with 550,000, 2.4 times slower with 8
# million.
PRODUCTS_WORTH_A_GPU = 500_000


def check_positives(Y):
    """Raise if no row has any label."""
    if not Y.sum():
        raise ValueError(
            f"y has no positive label: all its entries, shape {Y.shape}, are 0; at "
            "least one must be 1."
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
        self.targets.check_min_labels(getattr(params, "min_labels", 0))
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

    def transform(self, rows, encode):
        """Further rows, `LabelRows`, as `LabelData`; `encode` makes a matrix of y."""
        starts = self.starts_of(rows.X_given)
        return LabelData(self._seen(rows.X), encode(rows.y), starts, rows.weight)

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
            if sparse.issparse(X):  # whose squares single precision may not hold
                X = X.astype(np.float64)
            if X.ndim > 2:  # all entries alike, as of an image
                X, weight = X.reshape(-1, 1), None
            with rounding_below_zero():
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
        return as_tensor(Y, self.dtype, self.device)

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
    return n_products((X.shape[1], *hidden, n_labels)) < PRODUCTS_WORTH_A_GPU


def n_products(sizes):
    """Weights between layers of these sizes."""
    return sum(map(math.prod, pairwise(sizes)))


def widths(name, value):
    """Layer widths as a tuple; a plain 0 means no layer."""
    found = () if np.ndim(value) == 0 and value == 0 else tuple(np.atleast_1d(value))
    if not all(isinstance(w, Integral) and w > 0 for w in found):
        raise ValueError(f"{name} must hold positive integers, got {value!r}.")
    return tuple(map(int, found))
