"""The ascent of an estimator on some examples, and what its outputs are worth."""

import math

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..data import batches_of, canonical, check_images, parts_of, rows_at_once
from ..estimators import BaseSegmenter, CalibratedValueCV, labels_of
from ..metrics import encoded_truth, encoded_values


def fitted_within(estimator):
    """The fitted estimator inside CalibratedValueCV and FrozenEstimator."""
    check_is_fitted(estimator)
    while isinstance(estimator, CalibratedValueCV | FrozenEstimator):
        name = "estimator" if isinstance(estimator, FrozenEstimator) else "estimator_"
        estimator = getattr(estimator, name)
    return estimator


def names_of_labels(estimator, names, n_labels):
    """Names of labels as given, or the classes of a one-dimensional y, or numbers."""
    if names is None and np.ndim(estimator.classes_) == 1:
        names = estimator.classes_
    elif names is None:
        names = [f"label {i}" for i in range(n_labels)]
    if len(names) != n_labels:
        raise ValueError(
            f"label_names must hold {n_labels} names, one per label; got {len(names)}."
        )
    return list(map(str, names))


class Climber:
    """An estimator's ascent, of another number of steps if wanted.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
        Fitted. It is not changed.
    n_steps : int, default=None
        Steps of the ascent instead of those that `predict` takes.
    """

    def __init__(self, estimator, n_steps=None):
        fitted = fitted_within(estimator)
        if not hasattr(fitted, "staged_predict"):
            raise TypeError(
                "estimator must predict by an ascent, as DVNMultiLabelClassifier, "
                "DVNSegmenter and CalibratedValueCV of one do; got "
                f"{type(fitted).__name__}."
            )
        self.n_steps_predict = fitted._ascent().n_steps
        self.calibrator = getattr(estimator, "calibrator_", None)
        self.fitted = fitted._draft()
        if n_steps is not None:
            self.fitted.set_params(n_steps=n_steps)
        self.fitted._validate_params()

    @property
    def ascent(self):
        """The ascent in use."""
        return self.fitted._ascent()

    @property
    def n_steps_marked(self):
        """Steps that `predict` takes; None if its steps are of other sizes."""
        is_prefix = self.ascent.step_decay == 1
        is_same = self.ascent.n_steps == self.n_steps_predict
        return self.n_steps_predict if is_prefix or is_same else None

    @property
    def is_segmenter(self):
        """Whether outputs are masks rather than labels."""
        return isinstance(self.fitted, BaseSegmenter)

    def parts(self, X, y):
        """Yield parts of X and y of which all stages can be held at once."""
        if self.is_segmenter:
            X, y = parts_of(X, "X"), None if y is None else parts_of(y, "y")
        else:
            X, y = canonical(X), labels_of(y)
        X, y = indexable(X, y)
        n_samples, size = _num_samples(X), self._rows_at_once(X)
        for rows in batches_of(n_samples, size):
            yield _safe_indexing(X, rows), _safe_indexing(y, rows)

    def _rows_at_once(self, X):
        if self.fitted._ascent().noise:  # the noise is drawn for all rows together
            return _num_samples(X)
        if self.is_segmenter:
            images = check_images(X)
            n_pixels = max(math.prod(image.shape[1:]) for image in images)
            n_entries = n_pixels * self.fitted.codec_.targets.n_outputs_
        else:
            n_entries = self.fitted.codec_.targets.n_labels_
        return rows_at_once(n_entries * (self.ascent.n_steps + 1))

    def stages(self, X):
        """Relaxed outputs at the start and after each step."""
        return list(self.fitted._relaxed_stages(X))

    def round(self, stage):
        """Outputs of a stage as `predict` decides them, 0 and 1."""
        return self.fitted._round(stage)

    def values_pred(self, X, stages):
        """Predicted values at each stage, (n_stages, n_samples)."""
        found = self.fitted._values_of_stages(X, stages).astype(np.float64)
        if self.calibrator is None:
            return found
        return self.calibrator.predict(found.ravel()).reshape(found.shape)

    def values_true(self, y, stages):
        """Oracle values at each stage, (n_stages, n_samples); None without y."""
        if y is None:
            return None
        truth = encoded_truth(self.fitted, y, "y")
        return np.stack([encoded_values(self.fitted, truth, stage) for stage in stages])


def check_paths(name, values):
    """Values in [0, 1] by stage and example, (n_stages, n_samples)."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"{name} must have shape (n_stages, n_samples), none of them 0, or "
            f"(n_stages,); got {values.shape}."
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"{name} must hold numbers in [0, 1], got values from {values.min():.4g} "
            f"to {values.max():.4g}."
        )
    return values


def check_same_shape(name, values, other_name, other):
    """Raise unless two arrays have one shape."""
    if values.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {other.shape}; got "
            f"{values.shape}."
        )
