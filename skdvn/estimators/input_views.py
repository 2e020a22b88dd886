"""Inputs as linear models, kernels and neighbours like to see them."""

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import MaxAbsScaler, StandardScaler, normalize

from ..data import CLIP_HIGH, CLIP_LOW, batches_of, rows_at_once

# Up to so many rows double precision costs nothing.
FEW_ROWS = 256
# Share of entries other than 0 below which inputs are thin.
THIN = 0.2


def rounding_below_zero():
    """For scalers: weighted variances of constant columns may; scales are 1 anyway."""
    return np.errstate(invalid="ignore", over="ignore")


class ClippingScaler(StandardScaler):
    """Standardises inputs and clips them as those of networks are."""

    def transform(self, X):
        """Columns of mean 0 and variance 1, clipped."""
        return np.clip(super().transform(X), CLIP_LOW, CLIP_HIGH)


class InputView:
    """Tf-idf of thin non-negative inputs, standardised columns of others.

    Inputs are thin if less than a fifth of their entries differ from 0, in whatever
    form they come, so that a sparse matrix and the same matrix made dense are one.
    Thin inputs with negative entries are divided by the largest entry of each column.

    Attributes
    ----------
    kind : {"tfidf", "scaled", "standardised"}
    """

    def fit(self, X, sample_weight=None):
        """Settle the kind of view, and its statistics.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        sample_weight : ndarray of shape (n_samples,), default=None
            Used in means and variances.

        Returns
        -------
        self : InputView
        """
        self.kind = kind_of(X)
        self._is_double = X.shape[0] <= FEW_ROWS
        if self.kind == "standardised":
            X = X.toarray() if sparse.issparse(X) else X
            with rounding_below_zero():
                self._transformer = ClippingScaler().fit(X, sample_weight=sample_weight)
        else:
            found = TfidfTransformer() if self.kind == "tfidf" else MaxAbsScaler()
            self._transformer = found.fit(sparse.csr_matrix(X))
        return self

    def transform(self, X):
        """Rows of X as seen, a CSR matrix or an ndarray.

        In double precision if fitted to few rows, else in single precision.
        """
        dtype = np.float64 if self._is_double else np.float32
        if self.kind != "standardised":
            seen = self._transformer.transform(sparse.csr_matrix(X))
            return sparse.csr_matrix(seen, dtype=dtype)
        seen = np.empty(X.shape, dtype=dtype)
        for rows in batches_of(X.shape[0], rows_at_once(X.shape[1])):
            seen[rows] = self._transformer.transform(dense(X[rows]))
        return seen

    def directions(self, X):
        """The same, each row divided by its length."""
        return normalize(self.transform(X), copy=False)


def kind_of(X):
    """Which view suits X; see `InputView`."""
    if sparse.issparse(X):
        filled, low = X.count_nonzero(), X.data.min() if X.nnz else 0
    else:
        filled, low = np.count_nonzero(X), X.min()
    if filled >= THIN * X.shape[0] * X.shape[1]:
        return "standardised"
    return "scaled" if low < 0 else "tfidf"


def dense(X):
    """X as an ndarray."""
    return X.toarray() if sparse.issparse(X) else X
