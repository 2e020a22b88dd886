"""Tests of the linear expert that gives the ascent a lead."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdvn.baselines import plug_in_labels
from skdvn.estimators import LIMIT, LinearExpert, decision_thresholds, linear_expert
from skdvn.oracles import (
    ORACLES,
    FBeta,
    has_threshold,
    relaxed_accuracy,
    relaxed_f1,
    relaxed_iou,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X @ RNG.normal(size=(4, 3)) + RNG.normal(size=(120, 3)) > 0.5).astype(int)
PROBABILITIES = RNG.beta(0.5, 1.0, size=(50, 5))


@pytest.mark.parametrize("weighted", [False, True])
def test_is_logistic_regression(monkeypatch, weighted):
    monkeypatch.setattr(linear_expert, "MAX_ITER", 1000)
    weight = np.arange(120) % 3 + 0.5 if weighted else np.ones(120)
    weight = weight / weight.mean()
    expert = LinearExpert(relaxed_accuracy).fit(X, Y, weight if weighted else None)
    seen = StandardScaler().fit_transform(X).clip(-3, 5)
    for i, margin in enumerate(expert.margins(X).T):
        regression = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
        expected = regression.fit(seen, Y[:, i], weight).decision_function(seen)
        limit = logit(1 - LIMIT)
        np.testing.assert_allclose(margin, expected.clip(-limit, limit), atol=5e-3)


@pytest.mark.parametrize("as_form", [np.asarray, sparse.csr_array])
def test_blocks_of_rows_and_labels_do_not_matter(as_form, monkeypatch):
    monkeypatch.setattr(linear_expert, "MAX_ITER", 1000)
    weight = np.arange(120) % 3 + 0.5
    whole, blocks = LinearExpert(relaxed_f1), LinearExpert(relaxed_f1)
    whole.fit(as_form(X), as_form(Y), weight)
    monkeypatch.setattr(linear_expert, "MAX_COEFFICIENTS", 10)  # two labels
    monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", 99)
    blocks.fit(as_form(X), as_form(Y), weight)
    np.testing.assert_allclose(blocks.margins(X), whole.margins(X), atol=5e-3)


@pytest.mark.parametrize("oracle", [relaxed_f1, relaxed_iou, relaxed_accuracy])
def test_few_iterations_come_close(oracle):
    expert = LinearExpert(oracle).fit(X, Y)
    assert ((expert.margins(X) > 0) == Y).mean() > 0.75


def test_sparse_inputs_have_two_views_unless_negative():
    counts = RNG.poisson(0.3, size=(120, 9)).astype(float)
    labels = (counts[:, :2] > 0).astype(int)
    thin = sparse.csr_matrix(counts)
    assert len(LinearExpert(relaxed_f1).fit(thin, labels).views_) == 2
    assert len(LinearExpert(relaxed_f1).fit(-thin, labels).views_) == 1
    assert len(LinearExpert(relaxed_f1).fit(counts, labels).views_) == 1
    expert = LinearExpert(relaxed_accuracy).fit(thin, sparse.csr_matrix(labels))
    assert ((expert.margins(thin) > 0) == labels).mean() > 0.95


def test_margins_do_not_overflow():
    labels = np.column_stack([np.zeros(120, int), np.ones(120, int), X[:, 0] > 0])
    expert = LinearExpert(relaxed_f1).fit(1e3 * X, labels.astype(int))
    assert np.isfinite(expert.margins(1e6 * X)).all()


def expected_value(oracle, p, chosen):
    """Value of the expected counts."""
    if oracle is relaxed_accuracy:
        return np.where(np.isin(np.arange(len(p)), chosen), p, 1 - p).mean()
    shared, size, size_true = p[chosen].sum(), len(chosen), p.sum()
    if oracle is relaxed_iou:
        return shared / (size + size_true - shared)
    b = oracle.beta**2
    return (1 + b) * shared / (size + b * size_true)


@pytest.mark.parametrize(
    "oracle", [relaxed_accuracy, relaxed_f1, relaxed_iou, FBeta(0.5), FBeta(2.0)]
)
def test_thresholds_against_all_subsets(oracle):
    thresholds = decision_thresholds(oracle, PROBABILITIES)
    assert thresholds.shape == (50, 1)
    for p, threshold in zip(PROBABILITIES, thresholds[:, 0], strict=True):
        subsets = (
            list(chosen)
            for k in range(oracle is not relaxed_accuracy, 6)
            for chosen in itertools.combinations(range(5), k)
        )
        best = max(subsets, key=lambda chosen: expected_value(oracle, p, chosen))
        assert set(best) == set(np.flatnonzero(p > threshold))


def test_threshold_of_accuracy():
    found = decision_thresholds(relaxed_accuracy, PROBABILITIES)
    np.testing.assert_array_equal(found, np.full((50, 1), 0.5))


def test_sign_of_the_margins_is_the_plug_in_rule():
    expert = LinearExpert(relaxed_f1).fit(X, Y)
    view, coefficients, intercepts = expert.views_[0]
    p = expit(view.transform(X) @ coefficients + intercepts)
    np.testing.assert_array_equal(expert.margins(X) > 0, plug_in_labels(p))
    assert (plug_in_labels(p) != (p > 0.5)).any()  # not all thresholds are 0.5


def test_has_threshold():
    assert all(has_threshold(oracle) for oracle in ORACLES.values())
    assert not has_threshold(lambda y, y_true: relaxed_f1(y, y_true))
