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
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_method_params, check_is_fitted

from ..data import as_tensor, batches_of, canonical, rows_at_once
from ..data.typing import ArrayLike, MatrixLike, NDArray, Self
from ..estimators import (
    PlainStateMixin,
    VersionedMixin,
    checked_weight,
    labels_of,
    reading_numbers,
    with_checked_parameters,
    without_weightless,
)
from ..metrics import relaxed_f1_score
from ..networks import CountNetwork
from ..oracles import relaxed_f1

N_FOLDS = 5


def plug_in_labels(probabilities: ArrayLike) -> NDArray[Any]:
    """Labels with the highest expected F1, by the plug-in rule.

    Per row the k most probable labels, with the k that maximises
    ``2 * sum_top_k p / (k + sum p)``, the F1 of the expected counts.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_labels)
        Marginal probabilities of the labels.

    Returns
    -------
    Y : ndarray of shape (n_samples, n_labels)
        Binary; at least one label per row.
    """
    probabilities = check_array(probabilities, input_name="probabilities")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(
            f"probabilities must lie in [0, 1]; got values from "
            f"{probabilities.min():.4g} to {probabilities.max():.4g}."
        )
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


def _out_of_fold(estimator, X, Y, n_folds, asked_by, fit_params=None):
    """Probabilities of each row, of clones that have not seen it."""
    if not 2 <= n_folds <= len(Y):
        raise ValueError(
            f"{asked_by} asks for folds of the rows, 2 at least and no more than there "
            f"are rows; X has {len(Y)} row(s) of positive weight."
        )
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

    def _labels(self, Y, name="Y"):
        """Y as an array, since not all classifiers take sparse labels."""
        Y = labels_of(Y, name)
        if Y.ndim == 1:
            raise ValueError(
                f"{name} must have two columns or more, one per label; got one class "
                f"per row, shape {Y.shape}. Of classes the most probable one is best, "
                f"which {type(self.estimator).__name__} predicts by itself."
            )
        return Y.toarray() if sparse.issparse(Y) else Y

    def score(
        self, X: MatrixLike, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """F1 of the labels, averaged over rows, which the rules are made for.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples.

        Returns
        -------
        score : float
            In [0, 1], best is 1, as that of `skdvn.DVNMultiLabelClassifier`.
        """
        truth, found = self._labels(y, "y"), self.predict(X)
        weight = checked_weight(sample_weight, truth)
        return relaxed_f1_score(truth, found, sample_weight=weight)

    def _fitted(self, X, Y, **fit_params):
        with reading_numbers():
            return clone(self.estimator).fit(X, Y, **fit_params)

    def _keep(self, estimator):
        self.estimator_, self.classes_ = estimator, estimator.classes_

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
        with reading_numbers():
            said = self.estimator_.predict_proba(X)
        return _as_matrix(said, self.estimator_.classes_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.two_d_labels = True
        return tags


class PlugInClassifier(_DecisionRule):
    """Predict the labels with the highest expected F1, see `plug_in_labels`.

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
        Y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels.
        **fit_params : dict
            Passed on to the estimator's `fit`. Rows whose `sample_weight` is 0 are left
            out.

        Returns
        -------
        self : PlugInClassifier
        """
        given, weight = X, fit_params.get("sample_weight")
        used, X, Y, weight = without_weightless(X, Y, weight)
        Y = self._labels(Y)
        fit_params = _check_method_params(given, fit_params, used)
        estimator, counts = self._fitted(X, Y, **fit_params), None
        if self.counts:
            p = getattr(estimator, "cross_fitted_", None)
            counts = self._fitted_counts(p, X, Y, weight, fit_params)
        self._keep(estimator)
        self.counts_ = counts
        return self

    def _fitted_counts(self, p, X, Y, weight, fit_params):
        """The expected F1, given what is learned of the number of labels."""
        if p is None:
            n_folds = min(N_FOLDS, len(Y))
            p = _out_of_fold(self.estimator, X, Y, n_folds, "counts=True", fit_params)
        p, Y = (as_tensor(part, torch.float64, "cpu") for part in (p, Y))
        if weight is not None:
            weight = as_tensor(weight / weight.mean(), torch.float64, "cpu")
        network, rng = CountNetwork(Y.shape[1], relaxed_f1), torch.Generator()
        return network.double().fit_counts(p, Y, rng.manual_seed(0), weight).eval()

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
        Y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels.

        Returns
        -------
        self : ThresholdClassifier
        """
        X, Y, threshold = canonical(X), self._labels(Y), self.threshold
        if threshold == "auto":
            held_out = _out_of_fold(self.estimator, X, Y, self.cv, f"cv={self.cv}")
            thresholds = np.linspace(0.02, 0.98, 49)
            scores = [relaxed_f1_score(Y, held_out >= t) for t in thresholds]
            threshold = thresholds[np.argmax(scores)]
        self._keep(self._fitted(X, Y))
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
