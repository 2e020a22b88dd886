"""Tests of experts, of cross-fitted classifiers, and of the stack on top."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skdvn.estimators.experts import (
    KernelRidgeExpert,
    LogisticExpert,
    NeighborsExpert,
    binary_matrix,
    log_loss,
)
from skdvn.estimators.forests import TreesExpert
from skdvn.estimators.input_views import InputView
from skdvn.estimators.logistic import logistic_regressions
from skdvn.estimators.perceptron import PerceptronExpert
from skdvn.estimators.stack import StackedGuess, experts_for

RNG = np.random.default_rng(0)
N, N_LABELS = 90, 4
X = RNG.normal(size=(N, 5))
Y = (X @ RNG.normal(size=(5, N_LABELS)) + RNG.normal(size=(N, 4)) > 0.3).astype(int)
COUNTS = RNG.poisson(0.15, size=(N, 12)).astype(float)
CLASSES = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
NOISE = (RNG.random((N, 3)) < 0.3).astype(int)
EXPERTS = [
    LogisticExpert(0.1, n_folds=3, random_state=0),
    TreesExpert(9, random_state=0),
    NeighborsExpert(10, random_state=0),
    NeighborsExpert(10, max_rows=60, random_state=0),
    KernelRidgeExpert(),
    PerceptronExpert(16, 0.1, 20, 0.05, n_folds=3, random_state=0),
]
INPUTS = [X, sparse.csr_matrix(COUNTS), sparse.csr_matrix(COUNTS * X[:, :1])]
OVR = OneVsRestClassifier(LogisticRegression())


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("skdvn.estimators.forests.MOST_TREES", 9)


def fresh(expert):
    return type(expert)(**expert.get_params())


def entropy(rates):
    return -np.mean(rates * np.log(rates) + (1 - rates) * np.log(1 - rates))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("inputs", INPUTS, ids=["dense", "counts", "signed"])
@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_probabilities_of_all_rows(expert, inputs):
    expert = fresh(expert).fit(inputs, Y)
    for found in (expert.cross_fitted_, expert.predict_proba(inputs)):
        assert found.shape == Y.shape
        assert found.dtype in (np.float32, np.float64)
        assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("expert", EXPERTS[1:], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("inputs", INPUTS[:2], ids=["dense", "counts"])
def test_rows_do_not_know_their_own_labels(expert, inputs):
    known, other = fresh(expert).fit(inputs, Y), Y.copy()
    other[3] = 1 - other[3]
    changed = fresh(expert).fit(inputs, other)
    np.testing.assert_allclose(
        changed.cross_fitted_[3], known.cross_fitted_[3], atol=2e-4
    )
    assert abs(changed.cross_fitted_ - known.cross_fitted_).max() > 0.005


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_noise_is_not_predicted(expert):
    expert = fresh(expert).fit(X, NOISE)
    assert log_loss(expert.cross_fitted_, NOISE) > entropy(NOISE.mean(axis=0)) - 0.01


def test_noise_is_not_predicted_by_the_stack():
    guess = StackedGuess(random_state=0).fit(X, NOISE)
    # Six numbers are fitted to 270 labels, and are worth about .01.
    assert log_loss(guess.cross_fitted_, NOISE) > entropy(NOISE.mean(axis=0)) - 0.02


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_signal_is_predicted(expert):
    expert = fresh(expert).fit(X, Y)
    assert log_loss(expert.cross_fitted_, Y) < 0.92 * entropy(Y.mean(axis=0))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("inputs", [X, COUNTS], ids=["full", "thin"])
@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_sparse_is_dense(expert, inputs):
    one = fresh(expert).fit(inputs, Y)
    other = fresh(expert).fit(sparse.csr_matrix(inputs), sparse.csr_matrix(Y))
    np.testing.assert_allclose(one.cross_fitted_, other.cross_fitted_, atol=1e-4)
    np.testing.assert_allclose(
        one.predict_proba(inputs), one.predict_proba(sparse.csc_matrix(inputs)), 1e-4
    )


@pytest.mark.one_in(2)
@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_rows_of_weight_0_are_absent(expert):
    weight = np.arange(N) % 4 * 1.0
    used = weight > 0
    weighted = fresh(expert).fit(X, Y, weight)
    part = fresh(expert).fit(X[used], Y[used], weight[used])
    np.testing.assert_allclose(weighted.cross_fitted_[used], part.cross_fitted_)
    np.testing.assert_allclose(
        weighted.cross_fitted_[~used], part.predict_proba(X[~used])
    )
    plain = fresh(expert).fit(X[used], Y[used])
    assert abs(plain.cross_fitted_ - part.cross_fitted_).max() > 1e-3


@pytest.mark.one_in(2)
@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
def test_batches_do_not_matter(expert, monkeypatch):
    whole = fresh(expert).fit(X, Y)
    monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", 500)
    parts = fresh(expert).fit(X, Y)
    np.testing.assert_allclose(whole.cross_fitted_, parts.cross_fitted_, atol=2e-3)
    np.testing.assert_allclose(
        whole.predict_proba(X), whole.predict_proba(X), atol=1e-5
    )


@pytest.mark.one_in(2)
@pytest.mark.parametrize("expert", EXPERTS, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("error")
def test_constant_labels_and_few_rows(expert):
    labels = np.column_stack([Y[:, 0], np.zeros(N), np.ones(N)])
    found = fresh(expert).fit(X, labels).cross_fitted_
    assert (found[:, 1] < 0.1).all() and (found[:, 2] > 0.9).all()
    for n in (2, 3, 7):
        few = fresh(expert).fit(X[:n] * 1e6, Y[:n])
        assert np.isfinite(few.cross_fitted_).all()
    with pytest.raises(ValueError, match="at least 2"):
        fresh(expert).fit(X[:3], Y[:3], [1, 0, 0])


def test_many_labels_share_trees():
    labels = (RNG.random((N, 40)) < 0.05).astype(int)
    labels[:, 7] = X[:, 0] > 0
    trees = TreesExpert(12, random_state=0).fit(X, sparse.csr_matrix(labels))
    assert sparse.issparse(trees.table_)
    assert log_loss(trees.cross_fitted_[:, [7]], labels[:, [7]]) < 0.5


def test_kernel_ridge_leaves_out_in_closed_form():
    weight = np.arange(N) % 3 + 1.0
    expert = KernelRidgeExpert(alphas=[0.3]).fit(X, Y, weight)
    seen, rest = expert.rows_, np.arange(N) != 5
    kernel = rbf_kernel(seen, gamma=expert.gamma_).astype(float) + 1
    penalty = np.diag(0.3 * weight.mean() / weight[rest])
    dual = np.linalg.solve(kernel[rest][:, rest] + penalty, Y[rest])
    expected = (kernel[5, rest] @ dual).clip(0, 1)
    np.testing.assert_allclose(expert.cross_fitted_[5], expected, atol=1e-3)


@pytest.mark.parametrize("inputs", [X, COUNTS], ids=["dense", "sparse"])
def test_is_logistic_regression(inputs):
    weight = np.arange(N) % 3 + 0.5
    weight /= weight.mean()
    seen = InputView().fit(inputs).transform(inputs)
    coef, intercept = logistic_regressions(seen, binary_matrix(Y), weight, 0.7, 500)
    for i in range(N_LABELS):
        one = LogisticRegression(C=0.7, tol=1e-8, max_iter=1000)
        one.fit(seen, Y[:, i], weight)
        np.testing.assert_allclose(coef[:, i], one.coef_[0], atol=3e-3)
        np.testing.assert_allclose(intercept[i], one.intercept_[0], atol=3e-3)


def test_experts_by_size():
    def names(n):
        empty = sparse.csr_matrix((n, 3))
        return [name for name, _ in experts_for(empty, empty)]

    assert names(2000) == ["logistic", "trees", "neighbors", "kernel_ridge"]
    assert names(10**6) == ["logistic", "trees", "neighbors"]


@pytest.mark.parametrize(
    "classifier",
    [
        MultiOutputClassifier(LogisticRegression()),
        OVR,
        ExtraTreesClassifier(5, random_state=0),
        KNeighborsClassifier(),
    ],
    ids=lambda c: type(c).__name__,
)
def test_classifiers_of_the_user(classifier):
    guess = StackedGuess([("own", classifier), ("no", "drop")], random_state=0)
    guess.fit(X, Y)
    assert [name for name, _ in guess.experts_] == ["own"]
    assert log_loss(guess.cross_fitted_, Y) < entropy(Y.mean(axis=0))
    assert log_loss(guess.predict_proba(X), Y) < entropy(Y.mean(axis=0))


def test_one_dimensional_targets():
    for estimators in ("auto", [("lr", LogisticRegression())]):
        guess = StackedGuess(estimators, random_state=0).fit(X, CLASSES)
        right = guess.classes_[guess.predict_proba(X).argmax(axis=1)] == CLASSES
        assert right.mean() > 0.8
        assert guess.cross_fitted_.shape == (N, 3)


def test_text_and_data_frames():
    words = np.array(["red", "green", "blue", "black"])
    texts = [" ".join([*words[row > 0], "the"]) for row in Y]
    bayes = make_pipeline(CountVectorizer(), OneVsRestClassifier(MultinomialNB()))
    guess = StackedGuess([("bayes", bayes)]).fit(texts, Y)
    assert ((guess.predict_proba(texts[:9]) > 0.5) == Y[:9]).mean() > 0.9
    frame = pd.DataFrame(X, columns=list("abcde"))
    guess = StackedGuess([("lr", OVR)]).fit(frame, pd.DataFrame(Y))
    assert guess.predict_proba(frame).shape == Y.shape


@pytest.mark.parametrize(
    ("inputs", "labels", "weight", "message"),
    [
        (X, 2 * Y, None, "binary"),
        (X[:5], Y, None, "inconsistent numbers of samples"),
        (np.where(X > 2, np.nan, X), Y, None, "NaN"),
        (X, Y, -np.ones(N), "non-negative"),
        (X, Y, np.zeros(N), "at least one"),
    ],
)
def test_bad_data(inputs, labels, weight, message):
    with pytest.raises(ValueError, match=message):
        StackedGuess().fit(inputs, labels, weight)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="X has 3 features"):
        LogisticExpert().fit(X, Y).predict_proba(X[:, :3])


def test_stack_weights():
    good = MultiOutputClassifier(LogisticRegression())
    bad = MultiOutputClassifier(DummyClassifier(strategy="stratified"))
    guess = StackedGuess([("good", good), ("bad", bad)], random_state=0).fit(X, Y)
    assert guess.weights_[0] > 0.5 > guess.weights_[1] + 0.4
    weight = np.arange(N) % 2 * 1.0
    guess = StackedGuess(random_state=0).fit(X, Y, weight)
    used = weight > 0
    part = StackedGuess(random_state=0).fit(X[used], Y[used])
    np.testing.assert_allclose(guess.cross_fitted_[used], part.cross_fitted_, atol=1e-3)
    assert not hasattr(guess.experts_[0][1], "cross_fitted_")


@pytest.mark.parametrize("own", [False, True])
def test_random_state(own):
    forest = ("forest", ExtraTreesClassifier(5))
    estimators = [forest] if own else "auto"
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        StackedGuess(estimators, n_jobs=jobs, random_state=seed).fit(X, Y)
        for jobs, seed in [(None, 1), (2, 1), (None, 2)]
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(first.cross_fitted_, again.cross_fitted_)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert (first.cross_fitted_ != other.cross_fitted_).any()
    assert forest[1].random_state is None


def test_callers_arrays_stay():
    inputs, labels = sparse.csr_matrix(COUNTS), sparse.csr_matrix(Y)
    kept = inputs.copy(), labels.copy()
    StackedGuess(random_state=0).fit(inputs, labels)
    for one, other in zip((inputs, labels), kept, strict=True):
        np.testing.assert_array_equal(one.data, other.data)
        assert one.dtype == other.dtype
