"""Tests of the decision rules on label probabilities."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skdvn.baselines import PlugInClassifier, ThresholdClassifier, plug_in_labels
from skdvn.metrics import relaxed_f1_score, relaxed_f1_scorer

every_rule = pytest.mark.parametrize("Rule", [PlugInClassifier, ThresholdClassifier])
# With one column per label, and with a list of one (n, 2) array per label.
ESTIMATORS = {
    "one vs rest": OneVsRestClassifier(LogisticRegression()),
    "pipeline": make_pipeline(
        StandardScaler(), OneVsRestClassifier(LogisticRegression())
    ),
    "neighbours": KNeighborsClassifier(7),
    "forest": RandomForestClassifier(5, max_depth=3, random_state=0),
    "multi-output": MultiOutputClassifier(LogisticRegression()),
}
every_estimator = pytest.mark.parametrize(
    "estimator", ESTIMATORS.values(), ids=ESTIMATORS.keys()
)


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    Y = (X @ rng.normal(size=(4, 3)) + rng.normal(size=(90, 3)) > 0.8).astype(int)
    return X, Y


class Told(ClassifierMixin, BaseEstimator):
    """Its features are the probabilities."""

    def fit(self, X, Y):
        self.classes_ = np.arange(Y.shape[1])
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):  # cross_val_predict wants it, though it is not called
        raise NotImplementedError


class Memoriser(Told):
    """Certain of the rows it was fitted to, and only of those."""

    def fit(self, X, Y):
        self.known_ = {row.tobytes(): labels for row, labels in zip(X, Y, strict=True)}
        return super().fit(X, Y)

    def predict_proba(self, X):
        return np.array([self.known_.get(row.tobytes(), row) for row in X], dtype=float)


# -- the plug-in rule -----------------------------------------------------------------

probabilities = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: arrays(float, shape, elements=st.floats(0, 1, allow_subnormal=False))
)


def criterion(labels, row):
    """F1 of the expected counts: 2 sum_chosen p / (k + sum p)."""
    return 2 * row[labels.astype(bool)].sum() / (labels.sum() + row.sum())


@given(probabilities)
def test_no_set_of_labels_does_better(P):
    found = plug_in_labels(P)
    assert found.shape == P.shape
    assert ((found == 0) | (found == 1)).all()
    subsets = np.array(list(itertools.product([0, 1], repeat=P.shape[1])))[1:]
    for labels, row in zip(found, P, strict=True):
        best = max(criterion(subset, row) for subset in subsets)
        assert criterion(labels, row) == pytest.approx(best)


@given(probabilities)
def test_brute_force_over_the_number_of_labels(P):
    for labels, row in zip(plug_in_labels(P), P, strict=True):
        top = np.sort(row)[::-1]
        scores = [2 * top[:k].sum() / (k + row.sum()) for k in range(1, len(row) + 1)]
        k = int(labels.sum())
        assert scores[k - 1] == pytest.approx(max(scores))
        np.testing.assert_array_equal(np.sort(row[labels == 1])[::-1], top[:k])


@given(probabilities)
def test_labels_are_those_above_half_the_best_value(P):
    """The same rule as a threshold: label i pays just if p_i > F / 2."""
    for labels, row in zip(plug_in_labels(P), P, strict=True):
        if row.max() > 0:
            half = criterion(labels, row) / 2
            assert (row[labels == 1] >= half - 1e-12).all()
            assert (row[labels == 0] <= half + 1e-12).all()


def test_certain_labels_are_predicted_as_they_are():
    Y = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(plug_in_labels(Y.astype(float)), Y)


def test_by_hand():
    P = np.array([[0.6, 0.35, 0.05], [0.4, 0.1, 0.1], [0.0, 0.0, 0.0]])
    # Row 1: .6, .633, .5. Row 2: .5, .385, .333. Row 3: at least one label.
    np.testing.assert_array_equal(plug_in_labels(P), [[1, 1, 0], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(plug_in_labels(np.array([[0.6, 0.5]])), [[1, 1]])


def test_beats_a_threshold_of_one_half_in_expectation():
    """Over all outcomes of independent labels of moderate probability."""
    rng = np.random.default_rng(0)
    outcomes = np.array(list(itertools.product([0, 1], repeat=5)))
    plug_in, half = [], []
    for _ in range(30):
        row = rng.uniform(0.1, 0.6, size=(1, 5))
        weights = np.where(outcomes, row, 1 - row).prod(axis=1)
        for scores, labels in (
            (plug_in, plug_in_labels(row)),
            (half, (row >= 0.5).astype(int)),
        ):
            labels = np.repeat(labels, len(outcomes), axis=0)
            scores.append(relaxed_f1_score(outcomes, labels, sample_weight=weights))
    assert np.mean(plug_in) > np.mean(half) + 0.1


def test_the_probabilities_stay_as_they_are():
    P = np.random.default_rng(0).random((4, 3))
    P.setflags(write=False)
    plug_in_labels(P)


# -- both classifiers -----------------------------------------------------------------


@every_rule
@every_estimator
def test_works_with_any_multi_label_classifier(Rule, estimator, toy):
    X, Y = toy
    model = Rule(estimator)
    assert model.fit(X, Y) is model
    P, labels = model.predict_proba(X), model.predict(X)
    assert P.shape == labels.shape == Y.shape
    assert ((P >= 0) & (P <= 1)).all()
    assert ((labels == 0) | (labels == 1)).all()
    reference = clone(estimator).fit(X, Y).predict_proba(X)
    for i in range(3):
        expected = reference[i][:, 1] if isinstance(reference, list) else None
        if expected is None:
            expected = reference[:, i]
        np.testing.assert_allclose(P[:, i], expected)
    assert relaxed_f1_score(Y, labels) > 0.6
    assert not hasattr(estimator, "classes_")  # a clone was fitted


@every_rule
def test_parameters_reach_into_the_estimator(Rule, toy):
    model = Rule(OneVsRestClassifier(LogisticRegression()))
    assert clone(model).get_params().keys() == model.get_params().keys()
    model.set_params(estimator__estimator__C=0.25)
    assert model.estimator.estimator.C == 0.25
    assert model.fit(*toy).estimator_.estimators_[0].C == 0.25
    twin = clone(model)
    assert not hasattr(twin, "estimator_")
    assert twin.estimator is not model.estimator


@every_rule
def test_works_in_pipelines_and_model_selection(Rule, toy):
    pipeline = make_pipeline(
        StandardScaler(), Rule(OneVsRestClassifier(LogisticRegression()))
    )
    scores = cross_val_score(pipeline, *toy, scoring=relaxed_f1_scorer, cv=3)
    assert (scores > 0.4).all()
    name = f"{Rule.__name__.lower()}__estimator__estimator__C"
    search = GridSearchCV(
        pipeline, {name: [1e-4, 1.0]}, scoring=relaxed_f1_scorer, cv=2
    ).fit(*toy)
    assert search.best_params_[name] in (1e-4, 1.0)
    assert search.predict(toy[0][:2]).shape == (2, 3)


@every_rule
def test_score_is_the_f1_that_the_default_has(Rule, toy):
    X, Y = toy
    model = Rule(OneVsRestClassifier(LogisticRegression())).fit(X, Y)
    assert model.score(X, Y) == relaxed_f1_score(Y, model.predict(X))
    weight = np.arange(len(X))
    expected = relaxed_f1_score(Y, model.predict(X), sample_weight=weight)
    assert model.score(X, Y, weight) == expected != model.score(X, Y)


@every_rule
def test_sparse_inputs_and_labels(Rule, toy):
    X, Y = toy
    model = Rule(OneVsRestClassifier(LogisticRegression()))
    expected = model.fit(X, Y).predict(X)
    found = model.fit(sparse.csr_matrix(X), sparse.csr_matrix(Y))
    agreement = (found.predict(sparse.csr_matrix(X)) == expected).mean()
    assert agreement > 0.98


@every_rule
def test_sparse_labels_for_an_estimator_that_takes_none(Rule, toy):
    X, Y = toy
    dense, scarce = (
        Rule(KNeighborsClassifier(7)).fit(X, y) for y in (Y, sparse.csr_array(Y))
    )
    np.testing.assert_array_equal(scarce.predict(X), dense.predict(X))
    assert scarce.score(X, sparse.csr_array(Y)) == dense.score(X, Y)


@every_rule
@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("kind", ["neighbours", "forest", "one vs rest"])
@pytest.mark.filterwarnings("ignore:Label .* is present in")
def test_a_label_without_variety_is_predicted_as_it_was_seen(Rule, value, kind, toy):
    """As rare labels are in a small sample: all rows lack it, or all have it."""
    X, Y = toy[0], toy[1].copy()
    Y[:, 1] = value
    model = Rule(ESTIMATORS[kind]).fit(X, Y)
    assert model.predict_proba(X).shape == Y.shape
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], value)
    some = Y[:, [0, 2]].any(axis=1)  # the plug-in rule predicts at least one label
    assert (model.predict(X)[some, 1] == value).mean() > 0.9


@every_rule
def test_unfitted_models_say_so(Rule, toy):
    with pytest.raises(NotFittedError):
        Rule(KNeighborsClassifier()).predict(toy[0])


@every_rule
@pytest.mark.parametrize("estimator", [None, "lr", StandardScaler()])
def test_something_without_probabilities_is_refused(Rule, estimator, toy):
    with pytest.raises(InvalidParameterError, match="'estimator' parameter") as caught:
        Rule(estimator).fit(*toy)
    assert "predict_proba" in str(caught.value)


@every_rule
def test_pickles(Rule, toy):
    model = Rule(KNeighborsClassifier(7)).fit(*toy)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(toy[0]), model.predict(toy[0]))


@every_rule
def test_fitted_attributes(Rule, toy):
    model = Rule(KNeighborsClassifier(7)).fit(*toy)
    assert len(model.classes_) == 3
    assert all(kinds.tolist() == [0, 1] for kinds in model.classes_)


# -- the plug-in classifier -----------------------------------------------------------


def test_the_plug_in_classifier_follows_the_rule(toy):
    model = PlugInClassifier(KNeighborsClassifier(7)).fit(*toy)
    np.testing.assert_array_equal(
        model.predict(toy[0]), plug_in_labels(model.predict_proba(toy[0]))
    )


def test_fit_parameters_reach_the_estimator(toy):
    X, Y = toy
    weight = np.r_[np.ones(60), np.zeros(30)]
    forest = RandomForestClassifier(5, random_state=0, bootstrap=False)
    weighted = PlugInClassifier(forest).fit(X, Y, sample_weight=weight)
    expected = clone(forest).fit(X, Y, sample_weight=weight).predict_proba(X)
    for i in range(3):
        np.testing.assert_allclose(weighted.predict_proba(X)[:, i], expected[i][:, 1])


# -- the threshold classifier ---------------------------------------------------------


@pytest.mark.parametrize("cut", [0.15, 0.37, 0.8])
def test_the_threshold_that_separates_is_found(cut):
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, size=(200, 4))
    X[np.abs(X - cut) < 0.02] += 0.04
    Y = np.greater_equal(X, cut).astype(int)
    model = ThresholdClassifier(Told()).fit(X, Y)
    assert abs(model.threshold_ - cut) < 0.03
    np.testing.assert_array_equal(model.predict(X), Y)


def test_no_other_threshold_has_a_better_score():
    rng = np.random.default_rng(1)
    X = rng.uniform(0, 1, size=(150, 5))
    Y = (rng.uniform(0, 1, size=X.shape) < X**2).astype(int)
    model = ThresholdClassifier(Told()).fit(X, Y)
    scores = [
        relaxed_f1_score(Y, np.greater_equal(X, t)) for t in np.linspace(0.02, 0.98, 49)
    ]
    assert relaxed_f1_score(Y, model.predict(X)) == pytest.approx(max(scores))
    assert max(scores) > relaxed_f1_score(Y, X >= 0.5) + 0.001


def test_the_threshold_is_chosen_on_rows_the_estimator_has_not_seen():
    """On rows it has seen any threshold is perfect for one that remembers them."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, size=(200, 4))
    Y = (X >= 0.7).astype(int)
    model = ThresholdClassifier(Memoriser()).fit(X, Y)
    assert model.threshold_ == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("threshold", [0, 0.3, 1, np.float32(0.5)])
def test_a_given_threshold_is_used(threshold, toy):
    model = ThresholdClassifier(KNeighborsClassifier(7), threshold).fit(*toy)
    assert model.threshold_ == pytest.approx(threshold)
    np.testing.assert_array_equal(
        model.predict(toy[0]), model.predict_proba(toy[0]) >= threshold
    )


def test_a_given_threshold_needs_no_folds(toy):
    fits = []

    class Counting(Told):
        def fit(self, X, Y):
            fits.append(len(X))
            return super().fit(X, Y)

    X, Y = toy[0][:, :3], toy[1]
    ThresholdClassifier(Counting(), 0.5).fit(X, Y)
    assert fits == [90]
    ThresholdClassifier(Counting(), cv=3).fit(X, Y)
    assert fits == [90, 60, 60, 60, 90]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, "best", None])
def test_an_unfit_threshold_is_refused(threshold, toy):
    with pytest.raises(InvalidParameterError, match="'threshold' parameter") as caught:
        ThresholdClassifier(KNeighborsClassifier(), threshold).fit(*toy)
    assert "'auto'" in str(caught.value) and "[0.0, 1.0]" in str(caught.value)


@pytest.mark.parametrize("cv", [1, 0, 2.5, None])
def test_an_unfit_number_of_folds_is_refused(cv, toy):
    with pytest.raises(InvalidParameterError, match="'cv' parameter"):
        ThresholdClassifier(KNeighborsClassifier(), cv=cv).fit(*toy)


def test_counts_find_what_independent_labels_miss():
    """Each row has one label or none, which marginal probabilities cannot say."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    best = (X + rng.gumbel(size=X.shape)).argmax(1)
    Y = np.eye(3, dtype=int)[best] * (rng.random(600) < 0.5)[:, None]
    train, test = slice(400), slice(400, None)
    inner = OneVsRestClassifier(LogisticRegression())
    plain = PlugInClassifier(inner).fit(X[train], Y[train])
    counting = PlugInClassifier(inner, counts=True).fit(X[train], Y[train])
    scores = [
        relaxed_f1_score(Y[test], clf.predict(X[test])) for clf in (plain, counting)
    ]
    assert (counting.predict(X[test]).sum(axis=1) == 0).any()
    assert scores[1] > scores[0] + 0.1
    again = pickle.loads(pickle.dumps(counting))
    np.testing.assert_array_equal(again.predict(X[test]), counting.predict(X[test]))


def test_a_failed_fit_leaves_the_last(toy):
    rule = PlugInClassifier(DummyClassifier(), counts=True).fit(*toy)
    before = dict(vars(rule))
    with pytest.raises(ValueError, match=r"counts=True asks for folds.*1 row\(s\)"):
        rule.fit(*(part[:1] for part in toy))
    assert vars(rule) == before


@pytest.mark.parametrize("rule", [PlugInClassifier, ThresholdClassifier])
def test_ragged_rows_are_named(rule, toy):
    clf = rule(KNeighborsClassifier(1)).fit(*toy)
    with pytest.raises(ValueError, match="X must hold numbers, as many in each row"):
        clf.predict([*toy[0].tolist(), []])
