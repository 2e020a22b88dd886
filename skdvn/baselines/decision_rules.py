"""Rules that decide on the label probabilities of any classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
)
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..data.typing import MatrixLike, NDArray, Self
from ..estimators import VersionedMixin, with_checked_parameters
from ..metrics import relaxed_f1_score


def plug_in_labels(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Labels of the greatest expected F1, by the plug-in rule.

    Per row the k most probable labels, with the k that maximises
    ``2 * sum_top_k p / (k + sum p)``, the F1 of the expected counts.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_labels)
        Marginal probabilities of the labels.

    Returns
    -------
    Y : ndarray of shape (n_samples, n_labels)
        Binary; at least one label per row.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    gains = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    sizes = np.arange(1, probabilities.shape[1] + 1)
    best = np.argmax(gains / (sizes + gains[:, -1:]), axis=1)
    Y = np.zeros(probabilities.shape, dtype=int)
    np.put_along_axis(Y, order, (sizes - 1 <= best[:, None]).astype(int), axis=1)
    return Y


def _as_matrix(probabilities, classes):
    """What a `predict_proba` returned, as an array of shape (n_samples, n_labels)."""
    if isinstance(probabilities, list):  # one (n_samples, 2) array per label
        columns = zip(probabilities, classes, strict=True)
        probabilities = np.column_stack([p @ (kinds == 1) for p, kinds in columns])
    return np.asarray(probabilities)


class _DecisionRule(VersionedMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A multi-label classifier that decides on another one's probabilities."""

    _parameter_constraints = {"estimator": [HasMethods(["fit", "predict_proba"])]}

    def _fit_estimator(self, X, Y, **fit_params):
        self.estimator_ = clone(self.estimator).fit(X, Y, **fit_params)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X: MatrixLike) -> NDArray[Any]:
        """Label probabilities of the wrapped estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels)
        """
        check_is_fitted(self)
        return _as_matrix(self.estimator_.predict_proba(X), self.estimator_.classes_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.two_d_labels = True
        return tags


class PlugInClassifier(_DecisionRule):
    """Predict the labels of the greatest expected F1, see `plug_in_labels`.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        Any multi-label classifier, for example
        ``OneVsRestClassifier(LogisticRegression())``.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray or list of ndarray
        Those of `estimator_`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from skdvn.baselines import PlugInClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> lr = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    >>> PlugInClassifier(lr).fit(X[:100], Y[:100]).predict(X[:2]).shape[0]
    2
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @with_checked_parameters
    def fit(self, X: MatrixLike, Y: MatrixLike, **fit_params: Any) -> Self:
        """Fit the wrapped estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        Y : array-like of shape (n_samples, n_labels)
            Binary labels.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : PlugInClassifier
        """
        return self._fit_estimator(X, Y, **fit_params)

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_labels)
            Binary.
        """
        return plug_in_labels(self.predict_proba(X))


class ThresholdClassifier(_DecisionRule):
    """Predict the labels whose probability reaches one threshold.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        Any multi-label classifier.
    threshold : float or "auto", default="auto"
        In [0, 1]. "auto" takes the threshold of the best mean F1 on out-of-fold
        predictions.
    cv : int, default=5
        Number of folds for "auto".

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    threshold_ : float
        The threshold in use.
    classes_ : ndarray or list of ndarray
        Those of `estimator_`.
    """

    _parameter_constraints = {
        **_DecisionRule._parameter_constraints,
        "threshold": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
        "cv": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self, estimator: Any, threshold: float | str = "auto", cv: int = 5
    ) -> None:
        self.estimator = estimator
        self.threshold = threshold
        self.cv = cv

    @with_checked_parameters
    def fit(self, X: MatrixLike, Y: MatrixLike) -> Self:
        """Fit the wrapped estimator and choose the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        Y : array-like of shape (n_samples, n_labels)
            Binary labels.

        Returns
        -------
        self : ThresholdClassifier
        """
        threshold = self.threshold
        if threshold == "auto":
            dense = Y.toarray() if sparse.issparse(Y) else np.asarray(Y)
            folds = KFold(self.cv, shuffle=True, random_state=0)
            held_out = cross_val_predict(
                self.estimator, X, dense, cv=folds, method="predict_proba"
            )
            held_out = _as_matrix(held_out, [np.unique(column) for column in dense.T])
            thresholds = np.linspace(0.02, 0.98, 49)
            scores = [relaxed_f1_score(Y, held_out >= t) for t in thresholds]
            threshold = thresholds[np.argmax(scores)]
        self._fit_estimator(X, Y)
        self.threshold_ = float(threshold)
        return self

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_labels)
            Binary.
        """
        return (self.predict_proba(X) >= self.threshold_).astype(int)
