"""What the classifiers of labels share: reading data, prediction, scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..data import stacked
from ..data.typing import ArrayLike, Labels, MatrixLike, NDArray
from ..inference import inferred
from ..metrics import encoded_truth, encoded_values
from .base import BaseDVN
from .label_rows import checked_rows
from .parameters import checked_weight, continues, has_own_modules
from .threads import on_one_thread


class LabelEstimator(ClassifierMixin, BaseDVN):
    """A classifier with a network: rows in, labels out."""

    @abstractmethod
    def _ascent(self):
        """Inference as the parameters stand now, a `GradientAscent`."""

    def _has_large_modules(self):
        """Whether there is so much to compute at once that threads pay."""
        return has_own_modules(self)

    def _rows_together(self):
        """Rows that are predicted together."""
        return self.prediction_batch_size

    def _placed(self, network):
        """The network on the device, in the precision of the data."""
        return network.to(self.codec_.device, self.codec_.dtype)

    def _check_continuity(self, draft, codec):
        """Raise if `fit` goes on from the last one with data of another kind."""
        if not continues(draft):
            return
        before = self.n_features_in_, self.codec_.targets.n_labels_
        after = draft.n_features_in_, codec.targets.n_labels_
        if after != before:
            raise ValueError(
                "warm_start=True needs data of the same shape as in the last fit, "
                f"{before[0]} features and {before[1]} labels; got {after[0]} and "
                f"{after[1]}. Set warm_start=False to start anew."
            )
        classes, known = codec.targets.classes_, self.classes_
        if not np.array_equal(classes, known):
            raise ValueError(
                f"warm_start=True needs the classes of the last fit, {known.tolist()}; "
                f"got {classes.tolist()}. Set warm_start=False to start anew."
            )

    def _checked(self, X):
        check_is_fitted(self)
        return checked_rows(self, X, shape=self.codec_.shape)

    def _queries(self, X):
        """New rows as queries, from where inference starts by itself."""
        checked = self._checked(X)
        starts = self.codec_.starts_of(checked)
        return self.codec_.queries(checked, starts)

    def _inferred(self, queries):
        """Relaxed outputs, one mini-batch of rows after the other."""
        self._validate_params()  # they may have been set since fit
        ascent, size = self._ascent(), self._rows_together()
        rng = self._noise(ascent)
        parts = inferred(self.network_, ascent, queries, batch_size=size, rng=rng)
        return (y.numpy() for y in parts)

    @on_one_thread
    def predict(self, X: MatrixLike) -> Labels:
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
        queries = self._queries(X)
        return self._decoded(self._inferred(queries))

    def _decoded(self, parts):
        return self.codec_.targets.decode_parts(parts)

    @on_one_thread
    def predict_proba(self, X: MatrixLike) -> NDArray[Any]:
        """Predict probabilities of the labels.

        They are what is guessed before any ascent: by the estimators, or by the
        network itself where it has a guess of its own. Networks without one, as that of
        the paper, have relaxed labels in their place, which the ascent pushes towards
        0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels)
            Entries in (0, 1). For a one-dimensional y one column per class, and rows
            that add up to 1.
        """
        queries = self._queries(X)
        parts = map(self.codec_.targets.probabilities, self._guessed(queries))
        return stacked(parts, len(queries))

    def _guessed(self, queries):
        """Relaxed labels to be taken for probabilities, one part after the other."""
        return self._inferred(queries)

    def score(
        self, X: MatrixLike, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean oracle value of the predicted labels.

        With the default oracle this is the example-averaged F1, which for a
        one-dimensional y is the accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            True labels, or classes of shape (n_samples,), of which those that `fit`
            has not seen count as mistaken for others.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the examples.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        truth = encoded_truth(self, y, "y")
        predicted = self.codec_.targets.encode(self.predict(X))
        values = encoded_values(self, truth, predicted)
        weight = checked_weight(sample_weight, values)
        return float(np.average(values, weights=weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags
