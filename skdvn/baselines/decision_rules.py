"""Rules that decide on the label probabilities of any classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
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

from ..data import batches_of, rows_at_once
from ..data.typing import MatrixLike, NDArray, Self
from ..estimators import PlainStateMixin, VersionedMixin, with_checked_parameters
from ..metrics import relaxed_f1_score
from ..networks import CountNetwork
from ..oracles import relaxed_f1

N_FOLDS = 5


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


def _out_of_fold(estimator, X, Y, n_folds, fit_params=None):
    """Probabilities of each row, of clones that have not seen it."""
    folds = KFold(n_folds, shuffle=True, random_state=0)
    found = cross_val_predict(
        estimator, X, Y, cv=folds, method="predict_proba", params=fit_params
    )
    return _as_matrix(found, [np.unique(column) for column in Y.T])


class _DecisionRule(
    VersionedMixin, PlainStateMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
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
        ``OneVsRestClassifier(LogisticRegression())`` or `skdvn.StackedGuess`.
    counts : bool, default=False
        Whether to learn how many labels rows have, too. The expectation is then that
        of labels which are independent given their number, and its maximum is exact
        (Dembczynski et al., 2011); only then can a row be predicted no label. Learned
        on out-of-fold probabilities, of five folds unless the estimator has its own.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    counts_ : skdvn.networks.CountNetwork or None
        The expectation, with ``counts=True``.
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

    _parameter_constraints = {
        **_DecisionRule._parameter_constraints,
        "counts": ["boolean"],
    }

    def __init__(self, estimator: Any, *, counts: bool = False) -> None:
        self.estimator = estimator
        self.counts = counts

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
        self._fit_estimator(X, Y, **fit_params)
        self.counts_ = self._fit_counts(X, Y, fit_params) if self.counts else None
        return self

    def _fit_counts(self, X, Y, fit_params):
        """The expected F1, given what is learned of the number of labels."""
        Y = Y.toarray() if sparse.issparse(Y) else np.asarray(Y)
        p = getattr(self.estimator_, "cross_fitted_", None)
        if p is None:
            p = _out_of_fold(self.estimator, X, Y, N_FOLDS, fit_params)
        p, Y = (torch.tensor(np.array(part), dtype=torch.float64) for part in (p, Y))
        network = CountNetwork(Y.shape[1], relaxed_f1).double()
        return network.fit_counts(p, Y, torch.Generator().manual_seed(0)).eval()

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
        probabilities = self.predict_proba(X)
        if self.counts_ is None:
            return plug_in_labels(probabilities)
        p = torch.as_tensor(probabilities, dtype=torch.float64)
        size = p.shape[1] * (self.counts_.counts.max_count + 1)
        with torch.no_grad():
            parts = [
                self.counts_.best(self.counts_.encode(p[rows]))[0]
                for rows in batches_of(len(p), rows_at_once(size))
            ]
        return torch.cat(parts).numpy().astype(int)


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
            held_out = _out_of_fold(self.estimator, X, dense, self.cv)
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
