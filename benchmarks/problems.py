"""Synthetic multilabel problems in the shapes of well-known real sets.

Labels follow latent factors non-linearly and compete within a row, so they are
correlated; features are noisy views of the same factors. `make_large_problem` does the
same for thousands of labels.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Shape:
    """Size and difficulty of one problem.

    Attributes
    ----------
    n_train, n_test, n_features, n_labels : int
        Sizes.
    cardinality : float
        Mean number of labels per row, at least 1.
    n_factors : int
        Latent factors behind labels and features.
    label_noise, feature_noise : float
        Standard deviation of the noise on label scores (which have unit variance)
        and on dense features.
    skew : float
        How unequal the labels' frequencies are.
    density : float or None
        Mean fraction of ones in binary features; None for dense real features.
    signal : float
        Strength of the factors in the binary features.
    """

    n_train: int
    n_test: int
    n_features: int
    n_labels: int
    cardinality: float
    n_factors: int
    label_noise: float
    feature_noise: float = 0.0
    skew: float = 1.0
    density: float | None = None
    signal: float = 1.0


SHAPES = {
    "dense-narrow": Shape(1500, 917, 103, 14, 4.2, 10, 0.7, 2.0, skew=1.2),
    "dense-tiny": Shape(391, 202, 72, 6, 1.9, 4, 0.2, 0.5, skew=0.4),
    "one-per-row": Shape(1211, 1196, 294, 6, 1.07, 4, 0.1, 0.3, skew=0.3),
    "few-rows-sparse": Shape(
        333, 645, 1449, 45, 1.2, 8, 0.1, skew=1.7, density=0.006, signal=3.0
    ),
    "many-labels-sparse": Shape(
        1123, 579, 1001, 53, 3.4, 9, 0.6, skew=1.7, density=0.08, signal=1.0
    ),
}


@dataclass(frozen=True)
class LargeShape:
    """Size and difficulty of a problem with many labels, inputs and labels sparse.

    Attributes
    ----------
    n_train, n_test, n_features, n_labels : int
        Sizes.
    cardinality : float
        Mean number of labels per row, at least 1.
    n_words : float
        About the mean number of features per row that are not 0.
    n_factors : int
        Latent factors behind labels and features; each depends on about three.
    label_signal, word_signal : float
        Strength of the factors in labels and features.
    """

    n_train: int
    n_test: int
    n_features: int
    n_labels: int
    cardinality: float
    n_words: float
    n_factors: int = 30
    label_signal: float = 1.5
    word_signal: float = 1.0


N_ROWS, N_FEATURES, N_LABELS = 4880, 1836, 159  # of Bibtex
WORDS_PER_ROW, LABELS_PER_ROW = 68, 2.4
DELICIOUS = LargeShape(12_920, 3_185, 500, 983, cardinality=19, n_words=18)
N_ROWS_TOGETHER = 512


def large_shape(n_labels, n_train=20_000, n_test=2_000, cardinality=5.0):
    """Bibtex's features, with many rows and labels."""
    return LargeShape(n_train, n_test, 1836, n_labels, cardinality, n_words=68)


def make_problem(name, random_state=0):
    """Draw a multilabel problem.

    Parameters
    ----------
    name : str
        A key of `SHAPES`.
    random_state : int, default=0
        Seed; the same seed gives the same problem.

    Returns
    -------
    X_train, Y_train, X_test, Y_test : ndarray or csr_array
        Features (sparse for the binary shapes) and 0/1 label matrices. Every row
        has at least one label.
    """
    if name not in SHAPES:
        raise ValueError(f"name must be one of {sorted(SHAPES)}, got {name!r}")
    shape = SHAPES[name]
    rng = np.random.default_rng(random_state)
    n_rows = shape.n_train + shape.n_test
    factors = rng.standard_normal((n_rows, shape.n_factors))
    Y = _draw_labels(factors, shape, rng)
    draw_features = _draw_dense if shape.density is None else _draw_binary
    X = draw_features(factors, shape, rng)
    train, test = slice(shape.n_train), slice(shape.n_train, None)
    return X[train], Y[train], X[test], Y[test]


def _unit_variance(scores):
    return (scores - scores.mean(axis=0)) / scores.std(axis=0)


def _draw_labels(factors, shape, rng):
    """Give every row its best-scoring labels, 1 + Poisson many."""
    n_rows, n_factors = factors.shape
    hidden = np.tanh(factors @ rng.standard_normal((n_factors, 4 * n_factors)))
    linear = _unit_variance(factors @ rng.standard_normal((n_factors, shape.n_labels)))
    curved = _unit_variance(
        hidden @ rng.standard_normal((4 * n_factors, shape.n_labels))
    )
    scores = _unit_variance(linear + curved)
    scores += shape.label_noise * rng.standard_normal(scores.shape)
    scores += shape.skew * rng.standard_normal(shape.n_labels)
    n_each = 1 + rng.poisson(shape.cardinality - 1, n_rows)
    ranks = (-scores).argsort(axis=1).argsort(axis=1)
    return (ranks < n_each[:, None]).astype(np.int64)


def _draw_dense(factors, shape, rng):
    """Mix factors and their products into noisy, correlated real features."""
    n_rows, n_factors = factors.shape
    squashed = np.tanh(factors @ rng.standard_normal((n_factors, n_factors)))
    basis = np.hstack([factors, squashed])
    loadings = rng.standard_normal((2 * n_factors, shape.n_features))
    X = _unit_variance(basis @ loadings)
    # Noise of low rank is shared between features; the rest is their own.
    shared = rng.standard_normal((n_rows, n_factors))
    X += shape.feature_noise * (
        0.5 * _unit_variance(shared @ rng.standard_normal((n_factors, X.shape[1])))
        + rng.standard_normal(X.shape)
    )
    return X * np.exp(rng.standard_normal(shape.n_features))


def _draw_binary(factors, shape, rng):
    """Draw words whose log-odds follow a few factors each, with Zipf frequencies."""
    n_factors, n_features = factors.shape[1], shape.n_features
    loadings = rng.standard_normal((n_factors, n_features))
    loadings *= rng.random(loadings.shape) < 2 / n_factors
    frequency = 1 / (5 + rng.permutation(n_features))
    frequency *= shape.density * n_features / frequency.sum()
    frequency = np.clip(frequency, 1e-4, 0.8)
    log_odds = np.log(frequency / (1 - frequency)) + shape.signal * (factors @ loadings)
    words = rng.random(log_odds.shape) < 1 / (1 + np.exp(-log_odds))
    return sparse.csr_array(words.astype(np.float64))


def make_large_problem(shape=DELICIOUS, random_state=0):
    """Draw a problem with many labels, a few rows at a time.

    Frequencies of labels and words follow Zipf's law. A row's labels are drawn without
    replacement, with log-odds that depend on its factors, linearly and through tanh.

    Parameters
    ----------
    shape : LargeShape, default=DELICIOUS
    random_state : int, default=0
        Seed; the same seed gives the same problem.

    Returns
    -------
    X_train, Y_train, X_test, Y_test : csr_array
        Binary features and 0/1 labels. Every row has at least one label.
    """
    rng = np.random.default_rng(random_state)
    draw_rows = _LargeDraw(shape, rng)
    n_left = shape.n_train + shape.n_test
    parts = []
    while n_left:
        n_rows = min(N_ROWS_TOGETHER, n_left)
        parts.append(draw_rows(n_rows))
        n_left -= n_rows
    X, Y = (
        sparse.vstack(columns, format="csr") for columns in zip(*parts, strict=True)
    )
    train, test = slice(shape.n_train), slice(shape.n_train, None)
    return X[train], Y[train], X[test], Y[test]


class _LargeDraw:
    """The relation of factors, words and labels; draws rows of them."""

    def __init__(self, shape, rng):
        self.shape, self.rng = shape, rng
        k = shape.n_factors
        self.mixing = rng.standard_normal((k, 2 * k)) * 2 / np.sqrt(k)
        self.of_words = shape.word_signal * self._loadings(k, shape.n_features)
        self.of_labels = shape.label_signal * self._loadings(3 * k, shape.n_labels)
        frequency = self._zipf(shape.n_features)
        # Factors raise the mean of the odds, by about this much at a signal of 1.
        frequency *= shape.n_words / frequency.sum() / 2.2
        frequency = np.clip(frequency, 1e-4, 0.8)
        self.word_odds = np.log(frequency / (1 - frequency))
        self.label_odds = np.log(self._zipf(shape.n_labels))

    def _zipf(self, n):
        return 1 / (5 + self.rng.permutation(n))

    def _loadings(self, n_factors, n):
        loadings = self.rng.standard_normal((n_factors, n))
        return loadings * (self.rng.random(loadings.shape) < 3 / n_factors)

    def __call__(self, n_rows):
        """Features and labels of so many new rows, sparse."""
        factors = self.rng.standard_normal((n_rows, self.shape.n_factors))
        log_odds = self.word_odds + factors @ self.of_words
        words = self.rng.random(log_odds.shape) < 1 / (1 + np.exp(-log_odds))
        causes = np.hstack([factors, 1.3 * np.tanh(factors @ self.mixing)])
        scores = self.label_odds + causes @ self.of_labels
        scores += self.rng.gumbel(size=scores.shape)
        return sparse.csr_array(words.astype(np.float64)), self._best(scores)

    def _best(self, scores):
        """The best labels of each row, 1 + Poisson many, as a sparse matrix."""
        n_rows, n_labels = scores.shape
        n_each = 1 + self.rng.poisson(self.shape.cardinality - 1, n_rows)
        n_each = np.minimum(n_each, n_labels)
        most = n_each.max()
        best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        ranked = np.take_along_axis(best, order, axis=1)
        columns = ranked[np.arange(most) < n_each[:, None]]
        starts = np.append(0, n_each.cumsum())
        values = np.ones(len(columns), dtype=np.int64)
        labels = sparse.csr_array((values, columns, starts), shape=scores.shape)
        labels.sort_indices()
        return labels


def make_independent(n_rows=N_ROWS, n_features=N_FEATURES, n_labels=N_LABELS):
    """Random sparse binary inputs and labels that do not depend on them."""
    rng = np.random.default_rng(0)
    X = sparse.random(
        n_rows,
        n_features,
        density=min(1.0, WORDS_PER_ROW / n_features),
        format="csr",
        random_state=rng,
    )
    X.data[:] = 1
    Y = (rng.random((n_rows, n_labels)) < LABELS_PER_ROW / n_labels).astype(int)
    Y[np.arange(n_rows), rng.integers(n_labels, size=n_rows)] = 1
    return X, Y
