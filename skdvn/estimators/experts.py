"""Label probabilities from classic learners, also out of sample on training rows.

An expert knows what it would have said about each training row had it not seen that
row's labels: `cross_fitted_`. What is learned on top of experts is learned from that.
"""

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from scipy.linalg import get_lapack_funcs
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from ..data import (
    batches_of,
    canonical,
    check_binary,
    read_labels,
    rows_at_once,
    stacked,
)
from .input_views import InputView, dense
from .logistic import logistic_regressions
from .parameters import check_range, checked_weight, reading_numbers

# Probabilities count as no nearer to 0 and 1 than this where logarithms are taken.
LIMIT = 1e-4
# Sparse rows with no more entries are multiplied faster if they are made dense.
MAX_DENSE = 2**24


class Expert(BaseEstimator):
    """What all experts share: checks, rows of weight 0, prediction in batches.

    A subclass has ``_fit(X, Y, weight)``, which returns the cross-fitted probabilities
    of the rows, and ``_probabilities(X)``.

    Attributes
    ----------
    cross_fitted_ : ndarray of shape (n_samples, n_labels)
        Probabilities of the training rows, each predicted without its own labels.
    n_labels_, n_features_in_ : int
    """

    def fit(self, X, Y, sample_weight=None):
        """Fit to inputs and binary labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative. Rows of weight 0 are as good as absent.

        Returns
        -------
        self : Expert
        """
        X, Y = numbers(X), binary_matrix(Y)
        check_consistent_length(X, Y)
        weight = checked_weight(sample_weight, X)
        used = np.arange(X.shape[0]) if weight is None else np.flatnonzero(weight)
        if len(used) < 2:
            raise ValueError(
                f"X has {len(used)} different row(s) of positive weight; at least 2 "
                "are needed, since each is predicted by what was learned from others."
            )
        self.n_features_in_, self.n_labels_ = X.shape[1], Y.shape[1]
        if len(used) == X.shape[0]:
            self.cross_fitted_ = self._fit(X, Y, weight).astype(np.float32)
            return self
        known = self._fit(X[used], Y[used], weight[used])
        self.cross_fitted_ = self.predict_proba(X)
        self.cross_fitted_[used] = known
        return self

    def predict_proba(self, X):
        """Probabilities of the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels)
        """
        check_is_fitted(self, "n_labels_")
        X = numbers(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features; {type(self).__name__} was fitted with "
                f"{self.n_features_in_}."
            )
        width = rows_at_once(self._width())
        if X.shape[0] <= width:
            return self._probabilities(X)
        return stacked(
            map(
                self._probabilities, (X[rows] for rows in batches_of(X.shape[0], width))
            ),
            X.shape[0],
        )

    def _width(self):
        """Numbers that a row takes while it is predicted."""
        return max(self.n_labels_, self.n_features_in_)


class LogisticExpert(Expert):
    """Logistic regression per label, cross-fitted by folds.

    Parameters
    ----------
    C : float or sequence of float, default=None
        Inverse strength of the penalty. Of several the one of the least cross-fitted
        log loss. None is 5 for tf-idf; for other inputs .01, .03 or .1, or .1 where
        there is much to compute.
    n_folds : int, default=5
    n_jobs, random_state : int, RandomState instance or None
    """

    def __init__(self, C=None, n_folds=5, n_jobs=None, random_state=None):
        self.C = C
        self.n_folds = n_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, X, Y, weight):
        self.view_ = InputView().fit(X, weight)
        seen = self.view_.transform(X)
        rng = check_random_state(self.random_state)
        folds = shuffled_folds(self.n_folds, X.shape[0], rng)
        best = np.inf
        for C in self._candidates(seen, Y):
            held_out = self._held_out(seen, Y, weight, folds, C)
            loss = log_loss(held_out, Y, weight)
            if loss < best:
                best, self.C_, chosen = loss, C, held_out
        self.coef_, self.intercept_ = self._regressions(seen, Y, weight, self.C_)
        return chosen

    def _candidates(self, seen, Y):
        if self.C is not None:
            return np.atleast_1d(self.C).tolist()
        if self.view_.kind != "standardised":
            return [5.0]
        return [0.01, 0.03, 0.1] if seen.size * Y.shape[1] < 2**24 else [0.1]

    def _regressions(self, seen, Y, weight, C):
        # Directions of standardised columns are harder to tell apart.
        max_iter = 25 if self.view_.kind == "standardised" else 8
        return logistic_regressions(seen, Y, weight, C, max_iter)

    def _held_out(self, seen, Y, weight, folds, C):
        def one(train):
            part = None if weight is None else weight[train]
            return self._regressions(seen[train], Y[train], part, C)

        pool = Parallel(n_jobs=self.n_jobs, prefer="threads")
        fitted = pool(delayed(one)(train) for train, _ in folds)
        held_out = np.empty(Y.shape, dtype=np.float32)
        for (_, test), (coef, intercept) in zip(folds, fitted, strict=True):
            held_out[test] = expit(seen[test] @ coef + intercept)
        return held_out

    def _probabilities(self, X):
        return expit(self.view_.transform(X) @ self.coef_ + self.intercept_)


class NeighborsExpert(Expert):
    """Mean labels of the most similar rows, weighted by squared cosines.

    A training row is no neighbour of itself.

    Parameters
    ----------
    n_neighbors : int, default=40
    smoothing : float, default=.02
        Share of the mean labels of all rows in a prediction.
    max_rows : int, default=10_000
        Of more rows only a random sample of so many can be neighbours.
    random_state : int, RandomState instance or None
        Draws that sample.
    """

    def __init__(
        self, n_neighbors=40, smoothing=0.02, max_rows=10_000, random_state=None
    ):
        self.n_neighbors = n_neighbors
        self.smoothing = smoothing
        self.max_rows = max_rows
        self.random_state = random_state

    def _fit(self, X, Y, weight):
        n = X.shape[0]
        self.view_ = InputView().fit(X, weight)
        seen, known = self.view_.directions(X), np.arange(n)
        if n > self.max_rows:
            rng = check_random_state(self.random_state)
            known = np.sort(rng.choice(n, self.max_rows, replace=False))
        self.rows_, self.labels_ = seen[known], Y[known]
        self._columns = _columns(self.rows_)
        self.weight_ = np.ones(len(known)) if weight is None else weight[known]
        self.total_ = self.labels_.T @ self.weight_
        place = np.full(n, -1)
        place[known] = np.arange(len(known))
        held_out = np.empty(Y.shape, dtype=np.float32)
        for rows in batches_of(n, rows_at_once(self._width())):
            held_out[rows] = self._means(seen[rows], place[rows])
        return held_out

    def _width(self):
        return max(self.rows_.shape[0], super()._width())

    def _probabilities(self, X):
        return self._means(self.view_.directions(X), np.full(X.shape[0], -1))

    def _means(self, seen, place):
        """Mean labels around rows, without the known rows at `place` if not -1."""
        similar = dense(seen @ self._columns)
        own = np.flatnonzero(place >= 0)
        similar[own, place[own]] = -np.inf
        k = min(self.n_neighbors, similar.shape[1] - bool(len(own)))
        near = np.argpartition(similar, -k, axis=1)[:, -k:]
        strength = np.take_along_axis(similar, near, axis=1).clip(0) ** 2
        strength = strength * self.weight_[near]
        sums = strength.sum(axis=1, keepdims=True)
        strength /= np.where(sums > 0, sums, 1)
        starts = np.arange(0, near.size + 1, k)
        shape = len(near), similar.shape[1]
        mixing = sparse.csr_matrix((strength.ravel(), near.ravel(), starts), shape)
        share = np.where(sums > 0, self.smoothing, 1)
        return (1 - share) * (mixing @ self.labels_).toarray() + share * self._base(
            place
        )

    def _base(self, place):
        """Mean labels of all known rows but the one at `place`, for each row."""
        total = np.tile(self.total_, (len(place), 1))
        weight = np.full((len(place), 1), self.weight_.sum())
        own = np.flatnonzero(place >= 0)
        at = place[own]
        total[own] -= self.labels_[at].multiply(self.weight_[at, None]).toarray()
        weight[own] -= self.weight_[at, None]
        return np.clip(total / weight, 0, 1)

    def __getstate__(self):
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_columns"}

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "rows_"):
            self._columns = _columns(self.rows_)


def _columns(rows):
    """Rows as columns, as products want them: dense unless that is too large."""
    if sparse.issparse(rows) and np.prod(rows.shape) <= MAX_DENSE:
        return np.ascontiguousarray(rows.T.toarray())
    return rows.T


class KernelRidgeExpert(Expert):
    """Ridge regression of the labels in an RBF kernel, each row left out.

    Leaving a row out has a closed form.

    Parameters
    ----------
    alphas : sequence of float, default=(.1, .3, 1)
        Strengths of the penalty to choose from, by the log loss on rows left out.
    """

    def __init__(self, alphas=(0.1, 0.3, 1.0)):
        self.alphas = alphas

    def _fit(self, X, Y, weight):
        self.view_ = InputView().fit(X, weight)
        self.rows_ = self.view_.transform(X)
        self._squares = _squared_lengths(self.rows_)
        distances = self._distances(self.rows_)
        self.gamma_ = 1 / max(np.median(distances), 1e-6)
        kernel = self._kernel(distances)
        truth, best = Y.toarray().astype(np.float32), np.inf
        for alpha in self.alphas:
            dual, left_out = _ridge(kernel, truth, weight, alpha)
            loss = log_loss(left_out, Y, weight)
            if loss < best:
                best, self.alpha_, self.dual_ = loss, alpha, dual
                chosen = left_out
        return chosen.clip(0, 1)

    def _distances(self, seen):
        products = dense(seen @ self.rows_.T)
        lengths = _squared_lengths(seen)[:, None] + self._squares
        return np.maximum(lengths - 2 * products, 0)

    def _kernel(self, distances):
        # The constant stands for an intercept.
        return np.exp(-self.gamma_ * distances) + 1

    def _width(self):
        return max(self.rows_.shape[0], super()._width())

    def _probabilities(self, X):
        kernel = self._kernel(self._distances(self.view_.transform(X)))
        return (kernel @ self.dual_).clip(0, 1)


def _squared_lengths(X):
    squares = X.multiply(X) if sparse.issparse(X) else X * X
    return np.asarray(squares.sum(axis=1)).ravel()


def _ridge(kernel, truth, weight, alpha):
    """Dual coefficients, and the prediction of each row without it."""
    penalty = np.full(len(kernel), alpha, dtype=kernel.dtype)
    if weight is not None:
        penalty *= weight.mean() / weight
    system = kernel + np.diag(penalty)
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (system,))
    factor, info = potrf(system, lower=True)
    if info:
        raise np.linalg.LinAlgError("The kernel matrix is singular.")
    inverse, _ = potri(factor, lower=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    dual = inverse @ truth
    return dual, truth - dual / np.diag(inverse)[:, None]


def logits_of(probabilities):
    """Logits, clipped where they would be infinite."""
    return logit(np.clip(probabilities, LIMIT, 1 - LIMIT))


def log_loss(probabilities, Y, weight=None):
    """Mean over rows and labels of the cross-entropy of clipped probabilities."""
    total = 0.0
    weight = np.ones(Y.shape[0]) if weight is None else weight
    for rows in batches_of(Y.shape[0], rows_at_once(Y.shape[1])):
        clipped = np.clip(probabilities[rows], LIMIT, 1 - LIMIT)
        right = np.where(dense(Y[rows]) > 0, clipped, 1 - clipped)
        total -= weight[rows] @ np.log(right).sum(axis=1, dtype=np.float64)
    return total / (weight.sum() * Y.shape[1])


def shuffled_folds(n_folds, n_rows, rng):
    """Pairs of the rows to fit to and the others, no more of them than rows."""
    seed = rng.randint(2**31 - 1)
    folds = KFold(min(n_folds, n_rows), shuffle=True, random_state=seed)
    return list(folds.split(np.empty(n_rows)))


def numbers(X):
    """X as a checked array or CSR matrix of numbers."""
    X, dtypes = canonical(X), (np.float64, np.float32)
    with reading_numbers():
        X = check_array(X, accept_sparse="csr", dtype=dtypes, input_name="X")
    check_range(X)
    return X


def binary_matrix(Y):
    """Y as a CSR matrix of 0 and 1 in single precision, checked."""
    Y = check_array(read_labels(Y, "Y"), accept_sparse="csr", input_name="Y")
    check_binary(Y, "Y")
    return sparse.csr_matrix(Y, dtype=np.float32)
