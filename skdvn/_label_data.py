"""Labels and inputs of the user on their way to the network."""

import math
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from .data import ComputedRows, ConstantRows, Examples, Queries, Rows
from .networks import GuessLabelNetwork, LabelNetwork, copy_network
from .plans import Split
from .prior import LinearPrior, has_thresholds
from .starts import EstimatorStart, check_constant
from .targets import LabelTargets, check_no_label_lists

# Up to so many rows double precision costs nothing, since overhead dominates.
SMALL_N_ROWS = 256
# Below so many rows a held-out part says little; nothing is chosen then.
MIN_ROWS_TO_HOLD_OUT = 100
# With more labels times rows or features than this, "auto" goes without a prior if rows
# have more features that are not 0 than this: it would take longer than all the rest.
MAX_PRIOR_ENTRIES = 5_000_000
MAX_FEATURES_PER_ROW = 500
# With fewer multiplications per row than this in the local part a CPU is faster than
# an H200: 3 times and more with 19,000, as fast with 550,000, 2.4 times slower with 8
# million.
PRODUCTS_WORTH_A_GPU = 500_000


class LabelData(NamedTuple):
    """Checked arrays: inputs, binary labels, where inference starts, weights."""

    X: np.ndarray
    Y: np.ndarray
    starts: np.ndarray | None
    weight: np.ndarray | None

    def at(self, rows):
        """The data at these positions."""
        return LabelData(*(None if part is None else part[rows] for part in self))


class LabelDataMixin:
    """Turns arrays of a multi-label estimator into examples and queries."""

    def _prepare(self, X, y, sample_weight):
        """Check the data; settle what depends on it alone."""
        X_given = X
        before = (*self._sizes(), self.classes_) if self._continues() else None
        X, y = self._validate(X, y, reset=True)
        weight = checked_weight(sample_weight, X)
        if weight is not None and not weight.all():
            used = np.flatnonzero(weight)
            X_given = _safe_indexing(X_given, used)
            X, y, weight = X[used], y[used], weight[used]
        self._targets = LabelTargets(y)
        self.classes_ = self._targets.classes_
        if before is not None:
            self._check_continuity(*before)
        self._settle(X, weight)
        starts = self._fit_start(X_given, y)
        Y = self._targets.encode(y)
        if not Y.sum():
            raise ValueError(
                f"y has no positive at all: all entries of its shape {Y.shape} are 0. "
                "At least one label of one row must be 1."
            )
        return LabelData(X, Y, starts, weight)

    def _check_continuity(self, n_features, n_labels, classes):
        if self._sizes() != (n_features, n_labels):
            raise ValueError(
                "warm_start=True needs data of the same shape as in the last fit, "
                f"{n_features} features and {n_labels} labels; got {self._sizes()[0]} "
                f"and {self._sizes()[1]}. Set warm_start=False to start anew."
            )
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start=True needs the classes of the last fit, "
                f"{classes.tolist()}; got {self.classes_.tolist()}. Set "
                "warm_start=False to start anew."
            )

    def _sizes(self):
        return self.n_features_in_, self._targets.n_labels_

    def _validate(self, X, Y, reset):
        check_no_label_lists(Y)
        X, Y = validate_data(
            self, X, Y, reset=reset, multi_output=True, **self._allowed_inputs()
        )
        if reset:
            self._x_shape = X.shape[1:]
        self._check_shape(X)
        return X, Y

    def _allowed_inputs(self):
        """Which inputs are fine; those of the user's modules may have any shape."""
        own = self.network is not None or self.encoder is not None
        return {
            "accept_sparse": "csr",
            "dtype": (np.float64, np.float32),
            "allow_nd": own,
        }

    def _check_shape(self, X):
        if X.shape[1:] != self._x_shape:
            raise ValueError(
                f"X has rows of shape {X.shape[1:]}; {type(self).__name__} was fitted "
                f"on rows of shape {self._x_shape}."
            )

    def _settle(self, X, weight):
        """Fix what all later calls share: device, precision and input scaling."""
        self.device_ = self._resolve_device()
        if self.device == "auto" and self._is_small(X):
            self.device_ = torch.device("cpu")
        n_rows = X.shape[0]
        self._dtype = torch.float64 if n_rows <= SMALL_N_ROWS else torch.float32
        self._keep_sparse = self.network is None and self.encoder is None
        self.scaler_ = None
        if self.standardize:
            scaler = StandardScaler(with_mean=not sparse.issparse(X))
            if X.ndim > 2:  # all entries alike, as of an image
                X, weight = X.reshape(-1, 1), None
            self.scaler_ = scaler.fit(X, sample_weight=weight)

    def _is_small(self, X):
        """Whether a mini-batch is done before a GPU has been told what to do."""
        if self.network is not None or self.encoder is not None:
            return False
        widths = _widths("hidden_layer_sizes", self.hidden_layer_sizes)
        sizes = X.shape[1], *widths, self._targets.n_labels_
        n_products = sum(map(math.prod, pairwise(sizes)))
        return n_products < PRODUCTS_WORTH_A_GPU

    def _fit_start(self, X, Y):
        """Fit where inference starts; the starts of the training rows."""
        self.init_ = None
        if self._start_is_guess():
            self._start_row = None
            return None
        if not hasattr(self.init, "predict"):
            self._start_row = check_constant(self.init, self._targets.n_labels_)
            return None
        self.init_ = EstimatorStart(self.init, self.init_scale, self._targets)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return self.init_.fit(X, Y, seed)

    def _start_is_guess(self):
        """Whether inference starts at what the network itself says."""
        if not isinstance(self.init, str):
            return False
        automatic = self.local_term == "oracle" and self.network is None
        return self.init == "guess" or (self.init == "auto" and automatic)

    def _predict_start(self, X):
        return None if self.init_ is None else self.init_.predict(X)

    def _inputs(self, X):
        scaler = self.scaler_
        mean, scale = (scaler.mean_, scaler.scale_) if scaler else (None, None)
        if not scaler and (largest := abs(X).max()) > torch.finfo(self._dtype).max:
            raise ValueError(
                f"X holds {largest:.4g}, more than single precision can. Rescale X or "
                "set standardize=True."
            )
        return Rows(
            X,
            self.device_,
            self._dtype,
            mean=mean,
            scale=scale,
            keep_sparse=self._keep_sparse,
        )

    def _outputs(self, Y):
        return Rows(Y, self.device_, self._dtype)

    def _start_rows(self, starts, n_rows):
        if starts is not None:
            return self._outputs(starts)
        if self._start_row is None:
            return None
        row = torch.tensor(self._start_row, dtype=self._dtype, device=self.device_)
        return ConstantRows(row, n_rows)

    def _examples(self, data):
        weight = data.weight
        if weight is not None:
            weight = torch.as_tensor(weight / weight.mean(), dtype=self._dtype)
            weight = weight.to(self.device_)
        return Examples(
            self._inputs(data.X),
            self._outputs(data.Y),
            self._start_rows(data.starts, data.X.shape[0]),
            weight,
        )

    def _splits(self, data, X_val, y_val):
        """What to hold out, if there is something to choose."""
        n_rows = data.X.shape[0]
        if X_val is not None:
            starts = self._predict_start(X_val)
            X_val, y_val = self._validate(X_val, y_val, reset=False)
            held_out = LabelData(
                X_val, self._targets.encode(y_val, "y_val"), starts, None
            )
            return (self._split(data, np.arange(n_rows), held_out),)
        if not self._has_choice(n_rows):
            return ()
        if n_rows < (2 if self.early_stopping else MIN_ROWS_TO_HOLD_OUT):
            return ()
        rng = check_random_state(self.random_state)
        if self._refits(n_rows) or self._continues():
            fraction = self.validation_fraction
            splitter = ShuffleSplit(1, test_size=fraction, random_state=rng)
        else:
            n_folds = min(n_rows, max(2, round(1 / self.validation_fraction)))
            splitter = KFold(n_folds, shuffle=True, random_state=rng)
        return tuple(
            self._split(data, rows, data.at(held_out))
            for rows, held_out in splitter.split(data.X)
        )

    def _split(self, data, rows, held_out):
        margins = None
        if self._wants_prior(data):
            X, Y, _, weight = data.at(rows)
            prior = LinearPrior(self._oracle()).fit(X, Y, weight)
            margins = self._margins(prior, held_out.X)
        return Split(torch.from_numpy(rows), self._examples(held_out), margins)

    def _wants_prior(self, data):
        possible = has_thresholds(self._oracle()) and data.X.ndim == 2
        if self.prior_weight == "auto" and not self._continues():
            return possible and _has_cheap_prior(data)
        weight = self._ascent().prior_weight
        if weight and not possible:
            raise ValueError(
                f"prior_weight={weight} needs an oracle of skdvn, F-beta, IOU or "
                f"accuracy, to tell which labels pay, and X of two dimensions; got "
                f"{self.oracle!r} and {data.X.ndim} dimensions. Allowed with them are "
                "0 and 'auto'."
            )
        return weight > 0

    def _finish(self, data):
        """Fit the prior to all rows if the ascent is to listen to it."""
        self.prior_ = None
        if self.prior_weight_ and self._wants_prior(data):
            prior = LinearPrior(self._oracle())
            self.prior_ = prior.fit(data.X, data.Y, data.weight)

    def _margins(self, prior, X):
        return ComputedRows(prior.margins, X, self.device_, self._dtype)

    def _network_sizes(self):
        return dict(zip(("n_features", "n_labels"), self._sizes(), strict=True))

    def _default_network(self, rng):
        encoder, n_features = self._new_encoder(rng)
        network = LabelNetwork(
            n_features,
            self._targets.n_labels_,
            _widths("hidden_layer_sizes", self.hidden_layer_sizes),
            _widths("n_global_units", self.n_global_units),
            self.activation,
            encoder,
            rng,
        )
        if self.local_term == "linear":
            return network
        apart = self._guess_weight() > 0
        return GuessLabelNetwork(network, self._oracle(), apart)

    def _new_network(self, rng):
        network = super()._new_network(rng)
        if self._guess_weight() or self._start_is_guess():
            lacking = [
                name
                for name in ("guess", "guess_losses")
                if not callable(getattr(network, name, None))
            ]
            if lacking:
                raise ValueError(
                    f"The network {type(network).__name__} lacks the method(s) "
                    f"{lacking}, which init='guess' and guess_loss_weight above 0 need;"
                    f" got init={self.init!r} and guess_loss_weight="
                    f"{self.guess_loss_weight!r}."
                )
        return network

    def _new_encoder(self, rng):
        """The user's encoder, and how many features it makes of a row."""
        if self.encoder is None:
            return None, self.n_features_in_
        encoder = self.encoder
        if isinstance(encoder, torch.nn.Module):
            encoder = copy_network(encoder)
        else:
            encoder = self._called("encoder", rng)
        if not isinstance(encoder, torch.nn.Module):
            raise TypeError(
                "encoder must be a torch.nn.Module or a function that returns one, got "
                f"{type(encoder).__name__}."
            )
        encoder = encoder.to("cpu", self._dtype).eval()
        trial = torch.zeros(2, *self._x_shape, dtype=self._dtype)
        try:
            with torch.no_grad():
                features = encoder(trial).flatten(1)
        except Exception as error:
            raise ValueError(
                f"encoder={encoder!r} failed on x of shape {tuple(trial.shape)}: "
                f"{error}"
            ) from error
        return encoder.train(), features.shape[1]

    def _round(self, relaxed):
        return self._targets.round(relaxed, self.min_labels)

    def _checked(self, X):
        X = validate_data(self, X, reset=False, **self._allowed_inputs())
        self._check_shape(X)
        return X

    def _checked_pair(self, X, Y, name):
        X = self._checked(X)
        if X.shape[0] != Y.shape[0]:
            raise ValueError(
                f"X has {X.shape[0]} rows and {name} has {Y.shape[0]}; they must match."
            )
        return X, Y

    def _ready(self, X):
        """New rows and where inference starts for them."""
        check_is_fitted(self)
        checked = self._checked(X)
        starts = self._start_rows(self._predict_start(X), checked.shape[0])
        return self._queries(checked, starts)

    def _queries(self, X, starts):
        margins = None
        if self._ascent().prior_weight:
            if self.prior_ is None:
                raise ValueError(
                    f"prior_weight={self.prior_weight} needs a prior, but the last fit "
                    "was without. Fit again, or set prior_weight to 0 or 'auto'."
                )
            margins = self._margins(self.prior_, X)
        return Queries(self._inputs(X), starts, margins)


def _has_cheap_prior(data):
    n_entries = max(data.X.shape) * data.Y.shape[1]
    n_stored = data.X.nnz if sparse.issparse(data.X) else data.X.size
    thin = n_stored <= MAX_FEATURES_PER_ROW * data.X.shape[0]
    return thin or n_entries <= MAX_PRIOR_ENTRIES


def _widths(name, value):
    """Layer widths as a tuple; a plain 0 means no layer."""
    widths = () if np.ndim(value) == 0 and value == 0 else tuple(np.atleast_1d(value))
    if not all(isinstance(w, Integral) and w > 0 for w in widths):
        raise ValueError(f"{name} must hold integers above 0, got {value!r}.")
    return tuple(map(int, widths))


def checked_weight(sample_weight, X):
    """Weights as an array, None for none."""
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weight < 0).any() or not weight.any():
        raise ValueError(
            "sample_weight must hold numbers from 0 on, at least one above 0; got "
            f"values from {weight.min():.4g} to {weight.max():.4g}."
        )
    return weight
