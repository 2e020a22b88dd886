"""Values that can be taken at their word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    InvalidParameterError,
    StrOptions,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..data import canonical, read_labels
from ..data.typing import ArrayLike, Float64s, MatrixLike, Method, Self
from ..metrics import new_map, value_pairs
from .label_targets import labels_of
from .parameters import checked_weight, with_checked_parameters
from .versions import VersionedMixin


def _held_out_values(estimator, X, y, weight, rows, held_out):
    """True and predicted values of rows that a clone has not been trained on."""
    fitted = clone(estimator).fit(
        _safe_indexing(X, rows), _safe_indexing(y, rows), **_at(weight, rows)
    )
    return value_pairs(fitted, _safe_indexing(X, held_out), _safe_indexing(y, held_out))


def _at(weight, rows):
    """Weights of these rows as an argument of `fit`."""
    return {} if weight is None else {"sample_weight": weight[rows]}


def _if_estimator_has(name: str) -> Callable[[Method], Method]:
    """Decorate a method that is there if the wrapped estimator has it."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return available_if(check)


class CalibratedValueCV(
    VersionedMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Deep Value Network whose predicted values are calibrated by cross-validation.

    The value that a network expects of its own predictions is too high, since these
    are where it looks best. Here the estimator is fitted to the training part of
    each split, its predictions for the held-out part are compared with the truth, and
    one increasing map from predicted to true values is fitted to the pairs of all
    splits. The estimator itself is then fitted to all data. Predictions are its own;
    only `predict_value` differs.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, DVNSegmenter or FrozenEstimator
        Cloned, not changed. One that is fitted already and wrapped in
        `sklearn.frozen.FrozenEstimator` is taken as it is: nothing is trained, and all
        data given to `fit`, which it must not have been trained on, serve the map.
    method : {"isotonic", "sigmoid"}, default="isotonic"
        "isotonic" is the best increasing step function, which wants a few hundred
        held-out examples or more and gives the same value to many of them. "sigmoid" is
        Platt's map ``sigmoid(a * logit(value) + b)`` with a non-negative a, which does
        with fewer and keeps the order of the values.
    cv : int, splitter or iterable, default=None
        Splits of the data. None is 5 folds and an integer so many, without shuffling;
        an iterable yields pairs of index arrays, training and held-out rows. Each
        split costs a fit; where a fit takes minutes,
        ``ShuffleSplit(1, test_size=0.2)`` costs one more than without calibration.
        Ignored with a `FrozenEstimator`.
    n_jobs : int, default=None
        Splits that are fitted in parallel, as in `joblib.Parallel`.

    Attributes
    ----------
    estimator_ : estimator
        The one that predicts, fitted to all data.
    calibrator_ : IsotonicRegression or SigmoidMap
        The map, with a method ``predict``.
    values_true_, values_pred_ : ndarray of shape (n_held_out,)
        The pairs that the map was fitted to, before calibration.
    classes_ : ndarray
        Those of `estimator_`.
    n_features_in_ : int
        Number of features, where the estimator counts them.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skdvn.metrics.value_calibration_error : How far values are off.
    skdvn.inspection.ValueCalibrationDisplay : Draws it.
    sklearn.calibration.CalibratedClassifierCV : The same for class probabilities.

    Notes
    -----
    The map is learned on what the estimator itself predicts. `predict_value` applies
    it to the value of any output, which keeps the order but need not be calibrated for
    outputs of other origin.

    The network fitted to all data may be surer of itself than those of the splits,
    which their map cannot see: a few hundredths have been measured. Where that matters,
    hold examples out, fit to the others, and calibrate a `FrozenEstimator` on them.

    References
    ----------
    J. Platt. Probabilistic outputs for support vector machines. Advances in Large
    Margin Classifiers, 1999.

    B. Zadrozny, C. Elkan. Transforming classifier scores into accurate multiclass
    probability estimates. KDD 2002.

    Examples
    --------
    >>> from sklearn.model_selection import ShuffleSplit
    >>> from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(noise=6, return_X_y=True)
    >>> dvn = DVNMultiLabelClassifier(max_iter=5, refit=True, random_state=0)
    >>> split = ShuffleSplit(1, test_size=0.3, random_state=0)
    >>> clf = CalibratedValueCV(dvn, method="sigmoid", cv=split)
    >>> clf.fit(X[:300], Y[:300]).predict_value(X[300:400]).shape
    (100,)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict", "predict_value"])],
        "method": [StrOptions({"isotonic", "sigmoid"})],
        "cv": ["cv_object"],
        "n_jobs": [int, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "isotonic",
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.n_jobs = n_jobs

    def _validate_params(self):
        if isinstance(self.estimator, Pipeline):
            raise InvalidParameterError(
                "estimator must have predict_value, which a Pipeline lacks. Take its "
                "last step, and put those before into the estimators of that: "
                "DVNMultiLabelClassifier([('guess', make_pipeline(steps, "
                "StackedGuess()))])."
            )
        super()._validate_params()

    @with_checked_parameters
    def fit(
        self, X: MatrixLike, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the estimator and the map of its values.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs, as the estimator takes them.
        y : {array-like, sparse matrix} or list of arrays
            True labels or masks.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the examples, for estimator and map.

        Returns
        -------
        self : CalibratedValueCV
        """
        if y is None:
            raise ValueError(
                "CalibratedValueCV requires y to be passed, but the target y is None; "
                "it must hold the true labels or masks."
            )
        has_labels = get_tags(self.estimator).input_tags.two_d_array
        X, y = indexable(canonical(X), read_labels(y) if has_labels else y)
        weight = checked_weight(sample_weight, np.empty(_num_samples(X)))
        values_true, values_pred, rows = self._judge(X, y, weight, has_labels)
        calibrator = new_map(self.method)
        calibrator.fit(values_pred, values_true, **_at(weight, rows))
        arguments = {} if weight is None else {"sample_weight": weight}
        self.estimator_ = clone(self.estimator).fit(X, y, **arguments)
        self.calibrator_ = calibrator
        self.values_true_, self.values_pred_ = values_true, values_pred
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _judge(self, X, y, weight, has_labels):
        """True and predicted values of held-out rows, and which rows these are."""
        rows = np.arange(_num_samples(X)) if weight is None else np.flatnonzero(weight)
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(self.estimator)
            part = _safe_indexing(X, rows), _safe_indexing(y, rows)
            return *value_pairs(self.estimator, *part), rows
        splits = self._splits(X, y, rows, has_labels)
        pairs = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out_values)(self.estimator, X, y, weight, *split)
            for split in splits
        )
        values_true, values_pred = map(np.concatenate, zip(*pairs, strict=True))
        return values_true, values_pred, np.concatenate([held for _, held in splits])

    def _splits(self, X, y, rows, has_labels):
        """Training and held-out rows of each split, among those that count."""
        everywhere = np.arange(_num_samples(X))
        is_rule = hasattr(self.cv, "split") or not isinstance(self.cv, Iterable)
        if not is_rule or isinstance(self.cv, PredefinedSplit):  # of all rows, by place
            splits = check_cv(self.cv).split(everywhere)
            parts = [[everywhere[part] for part in split] for split in splits]
            return [[part[np.isin(part, rows)] for part in split] for split in parts]
        y = _safe_indexing(y, rows)
        y = labels_of(y) if has_labels else y
        try:
            # Masks are no classes to stratify by.
            cv = check_cv(self.cv, y, classifier=has_labels)
            splits = list(cv.split(_safe_indexing(X, rows), y))
        except ValueError as error:
            raise ValueError(
                f"cv={self.cv!r} cannot split {len(rows)} example(s) of positive "
                f"weight: {error}"
            ) from error
        return [[rows[part] for part in split] for split in splits]

    def predict_value(self, X: MatrixLike, Y: MatrixLike | None = None) -> Float64s:
        """Predict how good an output is, calibrated, without knowing the truth.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.
        Y : {array-like, sparse matrix} or list of arrays, default=None
            Outputs to judge. None judges what `predict` returns, for which the map
            was learned.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            In [0, 1].
        """
        check_is_fitted(self)
        raw = self.estimator_.predict_value(X, Y)
        return self.calibrator_.predict(raw.astype(np.float64))

    def predict(self, X: MatrixLike) -> Any:
        """Predict with the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.

        Returns
        -------
        Y : array, sparse matrix or list of arrays
            Labels or masks.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @_if_estimator_has("predict_proba")
    def predict_proba(self, X: MatrixLike) -> Any:
        """Predict probabilities of labels, or of classes of pixels, with the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.

        Returns
        -------
        Y : ndarray or list of arrays
            Entries in [0, 1].
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @_if_estimator_has("score")
    def score(
        self, X: MatrixLike, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean oracle value of the estimator's predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.
        y : {array-like, sparse matrix} or list of arrays
            True labels or masks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        return self.estimator_.score(X, y, sample_weight)

    @_if_estimator_has("refine")
    def refine(self, X: MatrixLike, Y_init: MatrixLike) -> Any:
        """Improve the output of another model with the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.
        Y_init : {array-like, sparse matrix} or list of arrays
            Outputs to start from.

        Returns
        -------
        Y : array, sparse matrix or list of arrays
            Labels or masks.
        """
        check_is_fitted(self)
        return self.estimator_.refine(X, Y_init)

    @_if_estimator_has("staged_predict")
    def staged_predict(self, X: MatrixLike) -> Iterator[Any]:
        """Predict with the estimator after each step of the ascent.

        Parameters
        ----------
        X : {array-like, sparse matrix} or list of arrays
            Inputs.

        Returns
        -------
        stages : generator of arrays, sparse matrices or lists of arrays
        """
        check_is_fitted(self)
        return self.estimator_.staged_predict(X)

    @_if_estimator_has("predict_relaxed")
    def predict_relaxed(self, X: MatrixLike) -> Any:
        """Predict relaxed labels or masks with the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix}
            Inputs.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_labels)
        """
        check_is_fitted(self)
        return self.estimator_.predict_relaxed(X)

    @_if_estimator_has("staged_predict_relaxed")
    def staged_predict_relaxed(self, X: MatrixLike) -> Iterator[Any]:
        """Predict relaxed labels or masks after each step of the ascent.

        Parameters
        ----------
        X : {array-like, sparse matrix}
            Inputs.

        Returns
        -------
        stages : generator of ndarray
        """
        check_is_fitted(self)
        return self.estimator_.staged_predict_relaxed(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        tags.classifier_tags = inner.classifier_tags
        return tags
