"""Tests of thousands of labels, and of many labels per row."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from settings import QUICK_LABELS

from skdvn import Ascent, DVNMultiLabelClassifier
from skdvn.baselines import plug_in_labels
from skdvn.estimators import LabelTargets
from skdvn.metrics import relaxed_f1_score

N_ROWS, N_LABELS = 300, 2000
FIXED = QUICK_LABELS | {
    "hidden_layer_sizes": (8,),
    "step_size": 4.0,
    "n_steps": 10,
    "alpha": 1e-3,
    "max_iter": 2,
}


def make(**params):
    return DVNMultiLabelClassifier(**(FIXED | params))


def draw(n_rows, n_features, n_labels, n_each, seed=0):
    """Sparse binary X, and Y with the n_each best labels of each row."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_rows, 8))
    words = factors @ rng.normal(size=(8, n_features)) - 2
    X = sparse.csr_matrix((rng.random(words.shape) < expit(words)).astype(float))
    frequency = -np.log(5 + rng.permutation(n_labels))
    scores = factors @ rng.normal(size=(8, n_labels)) + frequency
    scores += rng.gumbel(size=scores.shape)
    best = np.argsort(-scores, axis=1)[:, :n_each]
    starts = np.arange(0, n_rows * n_each + 1, n_each)
    ones = np.ones(n_rows * n_each, dtype=int)
    return X, sparse.csr_matrix((ones, best.ravel(), starts), scores.shape)


@pytest.fixture(scope="module")
def large():
    return draw(N_ROWS, 40, N_LABELS, 6)


@pytest.fixture(scope="module")
def fitted(large):
    return make().fit(*large)


@pytest.fixture(scope="module")
def many_rows(large):
    """Ten times the rows, to predict."""
    X, Y = large
    return sparse.vstack([X] * 10, "csr"), sparse.vstack([Y] * 10, "csr")


@pytest.fixture
def largest_made_dense(monkeypatch):
    """Entries of the largest sparse matrix that became dense since."""
    sizes = [0]
    for kind in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array):

        def watched(self, *args, _toarray=kind.toarray, **kwargs):
            sizes.append(self.shape[0] * self.shape[1])
            return _toarray(self, *args, **kwargs)

        monkeypatch.setattr(kind, "toarray", watched)
        monkeypatch.setattr(kind, "todense", watched)
    return lambda: max(sizes)


# -- sparse and dense -----------------------------------------------------------------


def test_sparse_labels_give_what_dense_ones_give(large, fitted):
    X, Y = large
    dense = make().fit(X, Y.toarray())
    for name, arguments in {
        "predict": (X,),
        "refine": (X, 0.5 * Y),
    }.items():
        found, expected = (getattr(clf, name)(*arguments) for clf in (fitted, dense))
        assert sparse.issparse(found) and isinstance(expected, np.ndarray)
        assert found.dtype == expected.dtype == int and found.nnz
        np.testing.assert_array_equal(found.toarray(), expected)
    for found, expected in zip(
        fitted.staged_predict(X), dense.staged_predict(X), strict=True
    ):
        np.testing.assert_array_equal(found.toarray(), expected)
    assert fitted.score(X, Y) == pytest.approx(dense.score(X, Y.toarray()))
    np.testing.assert_allclose(
        fitted.predict_value(X, Y), dense.predict_value(X, Y.toarray()), rtol=1e-5
    )


@pytest.mark.parametrize("batch_size", [1, 7, 300, 512])
def test_rows_keep_their_order_in_any_batches(large, fitted, batch_size):
    X = large[0][:50]
    clf = make(prediction_batch_size=batch_size, min_labels=2)
    clf.__dict__ = {**vars(fitted), **clf.get_params()}
    relaxed = fitted.predict_proba(X)
    np.testing.assert_allclose(clf.predict_proba(X), relaxed, atol=1e-5)
    predicted = clf.predict(X)
    assert (predicted.sum(axis=1) >= 2).all()
    clear = abs(relaxed - 0.5) > 1e-3
    expected = LabelTargets(large[1]).round(relaxed, min_labels=2)
    assert (predicted.toarray() == expected)[clear].all()


@given(st.data())
def test_at_least_so_many_labels(data):
    n_labels = data.draw(st.integers(2, 8))
    steps = st.lists(
        st.integers(0, 4).map(lambda k: k / 4), min_size=n_labels, max_size=n_labels
    )
    relaxed = np.array(data.draw(st.lists(steps, min_size=1, max_size=4)))
    least = data.draw(st.integers(0, n_labels))
    expected = relaxed >= 0.5
    top = np.argsort(-relaxed, axis=1, kind="stable")[:, :least]
    np.put_along_axis(expected, top, True, axis=1)
    targets = LabelTargets(np.eye(n_labels, dtype=int))
    np.testing.assert_array_equal(targets.round(relaxed, least), expected)


# -- memory ---------------------------------------------------------------------------


def test_labels_become_dense_a_few_rows_at_a_time(
    large, monkeypatch, largest_made_dense
):
    budget = 60 * N_LABELS
    monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", budget)
    clf = make(
        batch_size=60,
        prediction_batch_size=60,
        step_size="auto",
        n_steps="auto",
    )
    X, Y = large
    clf.fit(X, Y)
    for result in (
        clf.predict(X),
        clf.refine(X, 0.5 * Y),
        clf.predict_value(X, Y),
        clf.predict_value(X),
        clf.score(X, Y),
        relaxed_f1_score(Y, Y),
    ):
        assert result is not None
    assert 0 < largest_made_dense() <= budget


def test_starts_of_another_classifier_stay_sparse(large, largest_made_dense):
    class FirstLabels(DVNMultiLabelClassifier):
        """The first row has the first label, and so on."""

        def fit(self, X, y):
            self.width = y.shape[1]
            return self

        def predict(self, X):
            return sparse.eye(X.shape[0], self.width, dtype=int, format="csr")

    X, Y = large
    clf = make(init=FirstLabels(), batch_size=20, prediction_batch_size=20)
    clf.fit(X, Y).predict(X)
    assert 0 < largest_made_dense() <= 20 * N_LABELS


def peak_of(function):
    """Bytes that NumPy held at most meanwhile."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_rows_times_labels(
    large, many_rows, fitted, monkeypatch
):
    monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", 2**16)
    X, Y = many_rows
    fitted = fitted.set_params(prediction_batch_size=64)
    allowed = Y.shape[0] * Y.shape[1] / 2 + 40 * fitted.predict(X).nnz
    assert peak_of(lambda: fitted.predict(X)) < allowed
    assert peak_of(lambda: fitted.score(X, Y)) < allowed
    assert peak_of(lambda: relaxed_f1_score(Y, Y)) < allowed


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.coo_matrix, np.asarray])
def test_scores_do_not_depend_on_the_batches(convert, monkeypatch):
    rng = np.random.default_rng(0)
    Y_true, Y_pred = (rng.random((2, 50, 30)) < 0.2).astype(float)
    weight = rng.random(50)
    expected = relaxed_f1_score(Y_true, Y_pred, sample_weight=weight)
    for budget in (1, 100, 10_000):
        monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", budget)
        found = relaxed_f1_score(convert(Y_true), convert(Y_pred), sample_weight=weight)
        assert found == pytest.approx(expected)


# -- many labels per row --------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded():
    """50 of 400 labels per row: training and test rows."""
    X, Y = draw(600, 60, 400, 50, seed=1)
    return X[:400], Y[:400], X[400:], Y[400:]


@pytest.mark.slow
def test_many_labels_per_row_do_not_end_in_empty_rows(crowded):
    X, Y, X_test, Y_test = crowded
    clf = DVNMultiLabelClassifier(
        network="linear", max_iter=10, refit=True, random_state=0
    ).fit(X, Y)
    predicted = clf.predict(X_test)
    rates = Y.mean(axis=0).A
    constant = np.repeat(plug_in_labels(rates), Y_test.shape[0], axis=0)
    best_constant = relaxed_f1_score(Y_test, constant)
    assert (predicted.sum(axis=1) > 0).all()
    assert clf.score(X_test, Y_test) > best_constant + 0.03


def step_sizes(n_labels_per_row, **params):
    """The size of steps chosen where rows have so many labels."""
    X, Y = draw(120, 10, 60, n_labels_per_row)
    return make(**{"step_size": "auto", **params}).fit(X, Y).step_size_


def test_steps_grow_with_the_labels_per_row():
    assert step_sizes(5) in (0.25, 0.5, 1.0)
    assert step_sizes(20) in (1.0, 2.0, 4.0)
    assert step_sizes(20, ascent=Ascent("normalized")) in (0.25, 0.5, 1.0)
    assert step_sizes(20, step_size=0.3) == 0.3
    assert step_sizes(5, oracle="accuracy") in (3.0, 6.0, 12.0)  # for 60


def test_steps_of_partial_fit_grow_once(crowded):
    X, Y, *_ = crowded
    clf = make(step_size="auto").partial_fit(X, Y)
    assert clf.step_size_ == pytest.approx(0.5 * 50 / 5)
    fewer = Y.multiply(np.arange(400) < 40).tocsr()
    assert clf.partial_fit(X, fewer).step_size_ == pytest.approx(0.5 * 50 / 5)


def test_the_last_fit_says_how_large_steps_are(crowded):
    X, Y, *_ = crowded
    clf = make(step_size="auto").fit(X, Y)
    one_each = Y.multiply(np.arange(400) < 8).tocsr()
    assert clf.fit(X, one_each).step_size_ in (0.25, 0.5, 1.0)


def test_an_oracle_that_prefers_nothing_leaves_steps_alone(crowded):
    X, Y, *_ = crowded

    def emptiness(y, y_true):
        return 1 - y.mean(1)

    clf = make(step_size="auto", oracle=emptiness).fit(X, Y)
    assert clf.step_size_ in (0.25, 0.5, 1.0)
