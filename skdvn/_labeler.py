"""What the classifiers of labels share: prediction and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._base import BaseDVN
from ._label_data import LabelDataMixin
from ._label_parameters import LabelParametersMixin
from ._typing import ArrayLike, Labels, NDArray, Rows
from ._value_metrics import encoded_values
from .data import stacked


class BaseLabelClassifier(
    ClassifierMixin, LabelDataMixin, LabelParametersMixin, BaseDVN
):
    """Skeleton of the classifiers: rows in, labels out."""

    def predict(self, X: Rows) -> Labels:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        Y : ndarray or CSR matrix of shape (n_samples, n_labels), or (n_samples,)
            Labels in the form of the y given to `fit`.
        """
        targets, queries = self._targets_fitted(), self._ready(X)
        return targets.decode_parts(self._inferred(queries), self.min_labels)

    def predict_proba(self, X: Rows) -> NDArray[Any]:
        """Predict relaxed labels, before rounding.

        Of a Deep Value Network these are the outputs y of section 3.1, which the ascent
        pushes towards 0 and 1, rather than calibrated probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_labels)
            Entries in [0, 1]. For a one-dimensional y one column per class, and rows
            that add up to 1.
        """
        targets, queries = self._targets_fitted(), self._ready(X)
        parts = map(targets.probabilities, self._inferred(queries))
        return stacked(parts, len(queries))

    def score(self, X: Rows, y: Rows, sample_weight: ArrayLike | None = None) -> float:
        """Mean oracle value of the predicted labels.

        With the default oracle this is the example-averaged F1, which for a
        one-dimensional y is the accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            True labels, or classes of shape (n_samples,).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        encode = self._targets_fitted().encode
        values = encoded_values(self, encode(y, "y"), encode(self.predict(X)))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, values)
        return float(np.average(values, weights=sample_weight))

    def _targets_fitted(self):
        check_is_fitted(self)
        return self._targets

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags
