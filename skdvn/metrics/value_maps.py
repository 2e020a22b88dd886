"""Increasing maps from predicted to true values."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from ..data import inner
from ..data.typing import ArrayLike, NDArray, Self


class SigmoidMap(RegressorMixin, BaseEstimator):
    """Platt's map of values: ``sigmoid(slope * logit(value) + intercept)``.

    Attributes
    ----------
    slope_ : float
        From 0 on: where the truth falls with the value, the map is constant.
    intercept_ : float
    """

    def fit(
        self,
        values_pred: NDArray[Any],
        values_true: NDArray[Any],
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Maximise the likelihood of true values, read as shares of successes.

        Parameters
        ----------
        values_pred, values_true : ndarray of shape (n_samples,)
            Values in [0, 1].
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the pairs.

        Returns
        -------
        self : SigmoidMap
        """
        weight = np.ones(len(values_true)) if sample_weight is None else sample_weight
        # Each example stands there twice: as a success and as a failure.
        outcome = np.repeat([1, 0], len(values_true))
        weight = np.concatenate([values_true, 1 - values_true]) * np.tile(weight, 2)
        scores = np.tile(_logit(values_pred), 2)[:, np.newaxis]
        regression = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
        regression.fit(scores, outcome, sample_weight=weight)
        self.slope_ = float(regression.coef_.item())
        self.intercept_ = float(regression.intercept_.item())
        if self.slope_ < 0:
            self.slope_ = 0.0
            self.intercept_ = float(_logit(np.average(outcome, weights=weight)))
        return self

    def predict(self, values_pred: NDArray[Any]) -> NDArray[Any]:
        """Calibrated values.

        Parameters
        ----------
        values_pred : ndarray of shape (n_samples,)
            Values in [0, 1].

        Returns
        -------
        values : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return expit(self.slope_ * _logit(values_pred) + self.intercept_)


def _logit(values):
    return logit(inner(values))


def new_map(method: str) -> Any:
    """Make a map that is not yet fitted.

    Parameters
    ----------
    method : {"isotonic", "sigmoid"}
        Its kind.

    Returns
    -------
    value_map : IsotonicRegression or SigmoidMap
    """
    if method == "sigmoid":
        return SigmoidMap()
    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
