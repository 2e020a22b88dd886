"""Tests of calibrated values as their users meet them."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import load_bibtex, load_digit_attributes, make_silhouettes
from skdvn.metrics import (
    SigmoidMap,
    oracle_values,
    value_calibration_error,
    value_pairs,
)

# Nothing is left to choose, so that a fit costs a fraction of a second.
QUICK = {
    "hidden_layer_sizes": (16,),
    "step_size": 0.5,
    "n_steps": 20,
    "network": "linear",
    "learning_rate_init": 0.3,
    "alpha": 5e-3,
    "max_iter": 20,
    "refit": True,
    "random_state": 0,
}
QUICK_MASKS = {
    "n_channels": 4,
    "batch_size": 10,
    "max_iter": 2,
    "random_state": 0,
}
METHODS = ("isotonic", "sigmoid")
DIGITS, ATTRIBUTES = load_digit_attributes(noise=6, return_X_y=True)
NAMES = np.array([f"digit {d}" for d in load_digit_attributes().digit])
X, X_TEST = DIGITS[:600], DIGITS[600:]
Y, Y_TEST = ATTRIBUTES[:600], ATTRIBUTES[600:]
FEW = X[:200], Y[:200]
IMAGES, MASKS = make_silhouettes(20, size=16, random_state=0)

values = st.floats(0, 1, allow_subnormal=False)


def make(**params):
    return DVNMultiLabelClassifier(**(QUICK | params))


@pytest.fixture(scope="module")
def dvn():
    return make(device="cpu").fit(X, Y)


@pytest.fixture(
    scope="module",
    params=[pytest.param("isotonic", marks=pytest.mark.slow), "sigmoid"],
)
def calibrated(request):
    return CalibratedValueCV(make(), method=request.param, cv=3).fit(X, Y)


# -- the maps -------------------------------------------------------------------------


@given(arrays(float, st.integers(2, 20), elements=st.floats(0.01, 0.99), unique=True))
def test_calibrated_values_stay(true):
    kept = SigmoidMap().fit(true, true)
    np.testing.assert_allclose(kept.predict(true), true, atol=1e-3)


@given(st.lists(st.tuples(st.booleans(), values, st.integers(1, 3)), min_size=1))
def test_sigmoid_of_two_scores_is_their_mean_truth(examples):
    """With two raw values the likelihood is greatest at the mean truth of each."""
    high, true, weight = map(np.array, zip(*examples, strict=True))
    found = SigmoidMap().fit(np.where(high, 0.8, 0.3), true, weight)
    means = np.full(2, np.average(true, weights=weight))
    if high.any() and not high.all():
        apart = [np.average(true[p], weights=weight[p]) for p in (~high, high)]
        means = apart if apart[0] < apart[1] else means
        np.testing.assert_allclose(
            found.predict(np.array([0.3, 0.8])), means, atol=5e-3
        )
    assert found.slope_ >= 0
    np.testing.assert_allclose(
        np.average(found.predict(np.where(high, 0.8, 0.3)), weights=weight),
        np.average(true, weights=weight),
        atol=5e-3,
    )


def test_sigmoid_finds_the_parameters():
    raw = np.random.default_rng(0).uniform(size=200)
    found = SigmoidMap().fit(raw, expit(0.7 * logit(raw) - 1.2))
    assert found.slope_ == pytest.approx(0.7, abs=1e-3)
    assert found.intercept_ == pytest.approx(-1.2, abs=1e-3)


def test_sigmoid_takes_values_at_the_ends():
    found = SigmoidMap().fit(np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.4]))
    assert ((found.predict(np.array([0.0, 1.0])) - [0, 1]) ** 2 < 1e-2).all()


# -- calibrated values ----------------------------------------------------------------


def test_values_are_an_increasing_map_of_the_raw_ones(calibrated):
    inner = calibrated.estimator_
    guess = np.random.default_rng(0).integers(0, 2, Y_TEST.shape)
    for outputs in (None, guess, guess * 0.5, Y_TEST):
        raw = inner.predict_value(X_TEST, outputs)
        order = np.argsort(raw)
        found = calibrated.predict_value(X_TEST, outputs)
        assert found.shape == (len(X_TEST),)
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found[order]) >= 0).all()


def test_sigmoid_keeps_the_order():
    clf = CalibratedValueCV(make(), method="sigmoid", cv=2).fit(*FEW)
    raw = clf.estimator_.predict_value(X_TEST)
    np.testing.assert_array_equal(
        np.argsort(raw, kind="stable"),
        np.argsort(clf.predict_value(X_TEST), kind="stable"),
    )


def test_the_error_falls_on_new_data(calibrated):
    before = value_pairs(calibrated.estimator_, X_TEST, Y_TEST)
    after = value_pairs(calibrated, X_TEST, Y_TEST)
    np.testing.assert_array_equal(before[0], after[0])
    assert value_calibration_error(*before) > 0.08
    assert value_calibration_error(*after) < 0.5 * value_calibration_error(*before)
    assert abs(np.mean(after[0]) - np.mean(after[1])) < 0.04


def test_pairs_are_those_of_held_out_rows():
    split = ShuffleSplit(1, test_size=0.2, random_state=0)
    X, Y = FEW
    clf = CalibratedValueCV(make(), cv=split).fit(X, Y)
    rows, held_out = next(split.split(X))
    apart = make().fit(X[rows], Y[rows])
    true, raw = value_pairs(apart, X[held_out], Y[held_out])
    np.testing.assert_array_equal(clf.values_true_, true)
    np.testing.assert_allclose(clf.values_pred_, raw)
    # An isotonic map keeps the mean of what it was fitted to.
    assert clf.calibrator_.predict(raw).mean() == pytest.approx(true.mean())


def test_all_else_is_that_of_the_estimator_fitted_to_all(calibrated, dvn):
    few, labels = X_TEST[:50], Y_TEST[:50]
    np.testing.assert_array_equal(calibrated.predict(few), dvn.predict(few))
    np.testing.assert_array_equal(calibrated.predict_proba(few), dvn.predict_proba(few))
    assert calibrated.score(few, labels) == dvn.score(few, labels)
    weight = np.arange(50)
    assert calibrated.score(few, labels, weight) == dvn.score(few, labels, weight)
    start = np.full(labels.shape, 0.3)
    np.testing.assert_array_equal(calibrated.refine(few, start), dvn.refine(few, start))
    for name in ("staged_predict", "staged_predict_relaxed"):
        stages = [list(getattr(clf, name)(few)) for clf in (calibrated, dvn)]
        np.testing.assert_array_equal(*stages)
    np.testing.assert_array_equal(calibrated.classes_, dvn.classes_)
    assert calibrated.n_features_in_ == 64


# -- splits ---------------------------------------------------------------------------


@pytest.mark.slow
def test_forms_of_cv_agree():
    folds = KFold(2)
    reference = CalibratedValueCV(make(), cv=2).fit(X, Y)
    first_half = np.arange(600) < 300
    masks = [(~first_half, first_half), (first_half, ~first_half)]
    for cv in (folds, iter(masks), PredefinedSplit(1 - first_half)):
        found = CalibratedValueCV(make(), cv=cv).fit(X, Y)
        np.testing.assert_array_equal(found.values_true_, reference.values_true_)
        np.testing.assert_array_equal(found.values_pred_, reference.values_pred_)


def test_five_folds_by_default_and_parallel_the_same():
    few = X[:100], Y[:100]
    reference = CalibratedValueCV(make(max_iter=2)).fit(*few)
    assert reference.values_true_.shape == (100,)
    with joblib.parallel_config(backend="threading"):  # processes import torch anew
        found = CalibratedValueCV(make(max_iter=2), n_jobs=2).fit(*few)
    np.testing.assert_allclose(found.values_pred_, reference.values_pred_, rtol=1e-5)


def test_classes_are_stratified():
    """In sorted order, plain folds would hold out whole classes."""
    order = np.argsort(NAMES[:200], kind="stable")
    names = NAMES[:200][order]
    clf = CalibratedValueCV(make(), cv=2).fit(X[order], names)
    assert clf.predict(X_TEST).dtype == names.dtype
    np.testing.assert_array_equal(clf.classes_, np.unique(names))
    true, _ = value_pairs(clf, X_TEST, NAMES[600:])
    assert true.mean() == pytest.approx(clf.score(X_TEST, NAMES[600:]))


# -- fitted estimators ----------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_frozen_estimator_is_left_alone(dvn, method):
    before = pickle.dumps(dvn)
    clf = CalibratedValueCV(FrozenEstimator(dvn), method=method, cv=7)
    clf.fit(X_TEST[:400], Y_TEST[:400])
    assert clf.estimator_.estimator is dvn
    assert pickle.dumps(dvn) == before
    assert clf.values_true_.shape == (400,)
    rest = X_TEST[400:], Y_TEST[400:]
    errors = [value_calibration_error(*value_pairs(one, *rest)) for one in (dvn, clf)]
    assert errors[1] < 0.5 * errors[0]
    assert clf.score(*rest) == dvn.score(*rest)


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_repetitions(dvn, method):
    weight = np.arange(100) % 3
    rows = np.repeat(np.arange(100), weight)
    frozen = FrozenEstimator(dvn)
    weighted = CalibratedValueCV(frozen, method=method)
    weighted.fit(X_TEST[:100], Y_TEST[:100], sample_weight=weight)
    repeated = CalibratedValueCV(frozen, method=method)
    repeated.fit(X_TEST[rows], Y_TEST[rows])
    np.testing.assert_allclose(
        weighted.predict_value(X_TEST), repeated.predict_value(X_TEST), atol=1e-4
    )


def test_weights_reach_the_estimator():
    weight = np.r_[np.zeros(100), np.ones(100)]
    clf = CalibratedValueCV(make(), cv=KFold(2, shuffle=True, random_state=0))
    clf.fit(*FEW, sample_weight=weight)
    half = make().fit(X[100:200], Y[100:200])
    np.testing.assert_array_equal(clf.predict(X_TEST), half.predict(X_TEST))


def test_an_unfitted_frozen_estimator_is_refused():
    with pytest.raises(NotFittedError):
        CalibratedValueCV(FrozenEstimator(make())).fit(X, Y)


# -- forms of data --------------------------------------------------------------------


@pytest.mark.slow
def test_sparse_data_and_frames(dvn):
    split = ShuffleSplit(1, test_size=0.3, random_state=0)
    X, Y = FEW
    reference = CalibratedValueCV(make(), cv=split).fit(X, Y)
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    clf = CalibratedValueCV(make(), cv=split).fit(frame, pd.DataFrame(Y))
    np.testing.assert_allclose(clf.values_pred_, reference.values_pred_, rtol=1e-5)
    assert list(clf.feature_names_in_) == list(frame.columns)
    clf = CalibratedValueCV(make(), cv=split)
    clf.fit(sparse.coo_matrix(X), sparse.csc_matrix(Y))
    assert sparse.issparse(clf.predict(sparse.csr_matrix(X_TEST)))
    assert clf.predict_value(sparse.csr_matrix(X_TEST)).shape == (len(X_TEST),)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_images_in_arrays_and_lists(method):
    split = ShuffleSplit(1, test_size=0.4, random_state=0)
    clf = CalibratedValueCV(DVNSegmenter(**QUICK_MASKS), method=method, cv=split)
    clf.fit(IMAGES, MASKS)
    found = clf.predict_value(IMAGES)
    raw = clf.estimator_.predict_value(IMAGES)
    assert (np.diff(found[np.argsort(raw)]) >= 0).all()
    assert clf.values_true_.shape == (8,)
    assert clf.predict_value(IMAGES, MASKS).shape == (20,)
    listed = clone(clf).fit(list(IMAGES), list(MASKS))
    np.testing.assert_allclose(listed.predict_value(list(IMAGES)), found, atol=1e-3)
    assert isinstance(listed.predict(list(IMAGES)), list)


def test_images_of_different_sizes():
    images = [image[: 16 - i % 3 * 2] for i, image in enumerate(IMAGES)]
    names = np.array(["nothing", "animal"])[[1, 0]]
    masks = [names[mask[: 16 - i % 3 * 2]] for i, mask in enumerate(MASKS)]
    segmenter = DVNSegmenter(**QUICK_MASKS, crops=12)
    clf = CalibratedValueCV(segmenter, method="sigmoid", cv=2)
    clf.fit(images, masks, sample_weight=np.arange(20))
    true, calibrated_values = value_pairs(clf, images, masks)
    assert true.shape == calibrated_values.shape == (20,)
    assert true.mean() == pytest.approx(clf.score(images, masks), abs=1e-6)


# -- scikit-learn ---------------------------------------------------------------------


def test_clone_pickle_and_search(calibrated):
    copy = clone(calibrated)
    assert copy.get_params()["estimator__max_iter"] == 20
    assert not hasattr(copy, "calibrator_")
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(calibrated)).predict_value(X_TEST),
        calibrated.predict_value(X_TEST),
    )
    quick = CalibratedValueCV(make(max_iter=2), cv=2)
    search = GridSearchCV(quick, {"estimator__tau": [0, 0.1]}, cv=2).fit(*FEW)
    assert search.best_estimator_.predict_value(X_TEST).shape == (len(X_TEST),)
    assert (
        cross_val_score(make_pipeline(StandardScaler(), quick), X, Y, cv=2) > 0.4
    ).all()


def test_methods_before_fit_and_methods_lacking():
    clf = CalibratedValueCV(make())
    for name in ("predict", "predict_value", "predict_proba", "staged_predict"):
        with pytest.raises(NotFittedError):
            getattr(clf, name)(X)

    class ValueAlone:
        fit = predict = predict_value = None

    clf = CalibratedValueCV(ValueAlone())
    for name in ("refine", "score", "staged_predict_relaxed"):
        assert not hasattr(clf, name)
    assert hasattr(clf, "predict_value")


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"estimator": LogisticRegression()}, "predict_value"),
        ({"method": "temperature"}, "'method' parameter"),
        ({"cv": 1.5}, "'cv' parameter"),
        ({"n_jobs": "all"}, "'n_jobs' parameter"),
        ({"cv": 601}, "n_splits=601"),
    ],
)
def test_unfit_parameters_are_refused(params, part):
    clf = CalibratedValueCV(**{"estimator": make(), **params})
    with pytest.raises(ValueError, match=part):
        clf.fit(X, Y)


def test_a_failed_fit_changes_nothing(calibrated):
    clf = pickle.loads(pickle.dumps(calibrated))
    before = clf.predict_value(X_TEST)
    for arguments in ((X, Y[:5]), (X, Y * 2), (X[:, :5] * np.nan, Y), (X, None)):
        with pytest.raises(ValueError):
            clf.fit(*arguments)
    with pytest.raises(ValueError, match="sample_weight"):
        clf.fit(X, Y, sample_weight=np.full(600, -1))
    np.testing.assert_array_equal(clf.predict_value(X_TEST), before)


# -- true values ----------------------------------------------------------------------


def test_oracle_values_of_labels(dvn):
    predicted = dvn.predict(X_TEST)
    both = (predicted & Y_TEST).sum(1)
    sizes = predicted.sum(1) + Y_TEST.sum(1)
    found = oracle_values(dvn, Y_TEST, predicted)
    np.testing.assert_allclose(found, 2 * both / sizes, rtol=1e-6)
    as_sparse = sparse.csr_matrix(Y_TEST), sparse.csr_matrix(predicted)
    np.testing.assert_array_equal(oracle_values(dvn, *as_sparse), found)


def test_oracle_values_of_an_oracle_of_the_user():
    def share_found(y, y_true):
        return (y * y_true).sum(1) / y_true.sum(1).clamp(min=1)

    clf = make(oracle=share_found, max_iter=2).fit(*FEW)
    predicted = clf.predict(X_TEST)
    expected = (predicted & Y_TEST).sum(1) / Y_TEST.sum(1)
    np.testing.assert_allclose(oracle_values(clf, Y_TEST, predicted), expected, 1e-6)


def test_oracle_values_refuses_what_does_not_fit(dvn):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        oracle_values(dvn, Y_TEST, Y_TEST[1:])
    with pytest.raises(ValueError, match="Y_pred must have 10 labels"):
        oracle_values(dvn, Y_TEST, Y_TEST[:, 1:])
    with pytest.raises(TypeError, match="LogisticRegression"):
        oracle_values(LogisticRegression(), Y_TEST, Y_TEST)
    with pytest.raises(NotFittedError):
        oracle_values(make(), Y_TEST, Y_TEST)
    segmenter = DVNSegmenter(**QUICK_MASKS | {"max_iter": 1}).fit(IMAGES, MASKS)
    with pytest.raises(ValueError, match=r"Y_true\[0\] and Y_pred\[0\]"):
        oracle_values(segmenter, MASKS, MASKS[:, :8])


# -- real data ------------------------------------------------------------------------


@pytest.mark.slow
def test_bibtex(data_home):
    parts = [
        load_bibtex(data_home, subset=s, return_X_y=True) for s in ("train", "test")
    ]
    split = ShuffleSplit(1, test_size=0.3, random_state=0)
    dvn = DVNMultiLabelClassifier(network="linear", random_state=0)
    clf = CalibratedValueCV(dvn, cv=split)
    clf.fit(*parts[0])
    before = value_calibration_error(*value_pairs(clf.estimator_, *parts[1]))
    after = value_calibration_error(*value_pairs(clf, *parts[1]))
    assert before > 0.2
    assert after < 0.05


def test_a_pipeline_is_told_where_its_steps_may_go():
    pipeline = make_pipeline(StandardScaler(), DVNMultiLabelClassifier(**QUICK))
    with pytest.raises(ValueError, match=r"a Pipeline lacks.*StackedGuess\(\)"):
        CalibratedValueCV(pipeline).fit(X, Y)
