"""Rows of weight 0 are as good as absent, whatever they hold."""

import warnings

import numpy as np
import pandas as pd
import pytest
from doors import (
    CLASSES,
    FAST,
    X,
    Y,
    calibrated,
    feed_forward,
    linear,
    on_experts,
    on_regression,
    plug_in_with_counts,
    stacked,
    started,
)
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.tree import DecisionTreeClassifier

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier, PlugInClassifier
from skdvn.metrics import relaxed_f1_score

slow = pytest.mark.slow
N = len(X)
WEIGHT = 1 + np.arange(N) % 3 / 2


def stopped_early():
    return linear(early_stopping=True, validation_fraction=0.3)


def plug_in(**params):
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=0)
    return PlugInClassifier(tree, **params)


def counted():
    return plug_in(counts=True)


MAKERS = [
    *(linear, stopped_early, started, calibrated, feed_forward, plug_in, counted),
    *(pytest.param(make, marks=slow) for make in (on_experts, on_regression)),
    *(pytest.param(make, marks=slow) for make in (stacked, plug_in_with_counts)),
]


def with_strangers(form=np.asarray):
    """The rows above among rows of weight 0: where they are, X, Y, weights."""
    places = np.flatnonzero(np.arange(N + 20) % 3)[:N]
    inputs = np.full((N + 20, X.shape[1]), 1e30)
    labels = np.full((N + 20, Y.shape[1]), 7)
    weight = np.zeros(N + 20)
    inputs[places], labels[places], weight[places] = X, Y, WEIGHT
    return form(inputs), labels, weight


def fitted(make, X, Y, weight):
    return make().fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize("make", MAKERS)
def test_fit(make):
    inputs, labels, weight = with_strangers()
    found, wanted = fitted(make, inputs, labels, weight), fitted(make, X, Y, WEIGHT)
    np.testing.assert_array_equal(found.predict_proba(X), wanted.predict_proba(X))
    if hasattr(wanted, "predict_value"):
        np.testing.assert_array_equal(found.predict_value(X), wanted.predict_value(X))
    if hasattr(wanted, "scaler_"):
        np.testing.assert_array_equal(found.codec_.dtype, wanted.codec_.dtype)


@pytest.mark.parametrize("form", [sparse.csr_matrix, pd.DataFrame])
def test_fit_to_other_forms(form):
    inputs, labels, weight = with_strangers(form)
    found = linear().fit(inputs, labels, sample_weight=weight)
    wanted = linear().fit(form(X), Y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(
        found.predict_proba(form(X)), wanted.predict_proba(form(X))
    )


def test_partial_fit():
    inputs, labels, weight = with_strangers()
    found, wanted = linear(), linear()
    for _ in range(2):
        found.partial_fit(inputs, labels, sample_weight=weight)
        wanted.partial_fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(found.predict_proba(X), wanted.predict_proba(X))


def test_missing_values_and_classes():
    inputs = np.vstack([X, np.full(X.shape[1], np.nan)])
    classes = np.append(CLASSES, "dog")
    weight = np.append(np.ones(N), 0)
    clf = linear().fit(inputs, classes, sample_weight=weight)
    assert clf.classes_.tolist() == ["ant", "bee", "cat"]
    np.testing.assert_array_equal(
        clf.predict_proba(X),
        linear().fit(X, CLASSES, sample_weight=np.ones(N)).predict_proba(X),
    )


def test_score():
    clf, (_, _, weight) = linear().fit(X, Y), with_strangers()
    inputs, labels = np.ones((N + 20, X.shape[1])), np.zeros((N + 20, Y.shape[1]), int)
    inputs[weight > 0], labels[weight > 0] = X, Y
    score = clf.score(inputs, labels, sample_weight=weight)
    assert score == pytest.approx(clf.score(X, Y, sample_weight=WEIGHT))
    for bad in (-weight, 0 * weight):
        with pytest.raises(ValueError, match=r"ample.weight"):
            clf.score(inputs, labels, sample_weight=bad)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
def test_iterators_are_refused(method):
    clf = linear().fit(X, Y)
    with pytest.raises(TypeError, match=r"sample_weight.* Pass list\(sample_weight\)"):
        getattr(clf, method)(X, Y, sample_weight=iter(WEIGHT))
    with pytest.raises(TypeError, match=r"sample_weight.* Pass list\(sample_weight\)"):
        relaxed_f1_score(Y, Y, sample_weight=iter(WEIGHT))
    for strange in ({0: 1.0}, ["a"] * N, [1j] * N, [[1], [1, 2]] * (N // 2)):
        with pytest.raises((TypeError, ValueError), match="^sample_weight must hold"):
            getattr(clf, method)(X, Y, sample_weight=strange)


@pytest.mark.parametrize("column", [1.0, 0.1])
@pytest.mark.parametrize("make", [linear, FeedForwardClassifier])
def test_weights_and_constant_columns_cause_no_warning(make, column):
    """The weighted variance of such a column may round to less than 0."""
    inputs, labels = np.full((8, 1), column), np.eye(8, 2, dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for seed in range(20):
            weight = np.random.default_rng(seed).random(8) + 0.1
            make().set_params(max_iter=1).fit(inputs, labels, sample_weight=weight)


@pytest.mark.parametrize("kind", ["splitter", "by place", "pairs", "frozen"])
def test_calibration(kind):
    inputs, labels, weight = with_strangers()
    folds = list(KFold(2).split(X))
    everywhere = np.full(N + 20, -1)
    places = np.flatnonzero(weight)
    everywhere[places[folds[0][1]]], everywhere[places[folds[1][1]]] = 0, 1
    everywhere[weight == 0] = np.arange(20) % 2
    cv = {
        "splitter": KFold(2),
        "by place": PredefinedSplit(everywhere),
        "pairs": list(PredefinedSplit(everywhere).split()),
        "frozen": None,
    }[kind]
    inner = DVNMultiLabelClassifier(**FAST)
    if kind == "frozen":
        inner = FrozenEstimator(linear().fit(X, Y))
    pair = [
        CalibratedValueCV(inner, cv=split).fit(*data[:2], sample_weight=data[2])
        for split, data in (
            (cv, (inputs, labels, weight)),
            (KFold(2), (X, Y, WEIGHT)),
        )
    ]
    for name in ("values_true_", "values_pred_"):
        found, wanted = (getattr(one, name) for one in pair)
        np.testing.assert_array_equal(found, wanted)
