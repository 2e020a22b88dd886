"""Messages name what is wrong, not what broke because of it."""

import numpy as np
import pytest
from doors import (
    FAST,
    INPUT_DOORS,
    REGRESSION,
    X,
    Y,
    calibrated,
    each,
    feed_forward,
    linear,
    started,
    threshold,
)
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier, ThresholdClassifier, plug_in_labels

# Estimators of the user's own know what they take.
OWN = ("regression", "plug_in", "threshold", "started")


@pytest.mark.parametrize("name", each(INPUT_DOORS, but=OWN))
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("value", [1e39, -1e300])
def test_inputs_beyond_single_precision(name, form, value):
    inputs = X.copy()
    inputs[3, 1] = value
    with pytest.raises(ValueError, match=r"X holds 1e\+\d+ .* up to 3\.403e\+38"):
        INPUT_DOORS[name](form(inputs))


@pytest.mark.parametrize("name", each(INPUT_DOORS, but=OWN))
def test_inputs_that_are_no_numbers(name):
    ragged = [*X[1:].tolist(), [1.0]]
    for given in (ragged, [{1, 2}] * 36, ["words"] * 36, [{"a": 1}] * 36):
        with pytest.raises((TypeError, ValueError), match="X must hold numbers, as"):
            INPUT_DOORS[name](given)


@pytest.mark.parametrize("name", ["partial_fit", "predict", "refine", "score"])
def test_inputs_that_are_no_container(name):
    for given in (None, 1.0, (row for row in X)):
        with pytest.raises(TypeError, match="sequence or array-like, got"):
            INPUT_DOORS[name](given)


@pytest.mark.parametrize("make", [linear, feed_forward])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_inputs_just_within_single_precision(make, dtype, form):
    inputs = form(1e37 * X.astype(dtype))
    assert np.isfinite(make().fit(inputs, Y).predict_proba(inputs)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (started, r"init=DecisionTree.*at least 2 rows.*got 1"),
        (calibrated, r"cv=2 cannot split 1 example"),
        (threshold, r"cv=3 asks for folds.*1 row"),
        (
            lambda: PlugInClassifier(KNeighborsClassifier(1), counts=True),
            r"counts=True asks for folds.*1 row",
        ),
    ],
)
def test_a_single_row(make, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X[:1], Y[:1])


def test_more_folds_than_rows():
    with pytest.raises(ValueError, match=r"cv=50 asks for folds.*36 row"):
        ThresholdClassifier(REGRESSION, cv=50).fit(X, Y)
    with pytest.raises(ValueError, match=r"cv=50 cannot split 36 example"):
        CalibratedValueCV(linear(), cv=50).fit(X, Y)


def test_nothing_left_to_train_on():
    clf = linear(early_stopping=True, validation_fraction=0.99)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.99 of 36 rows"):
        clf.fit(X, Y)


def test_an_init_that_cannot_be_fitted():
    with pytest.raises(ValueError, match=r"init=SVC\(\) cannot be fitted.*ValueError"):
        linear(init=SVC()).fit(X, Y)


def test_an_init_that_cannot_predict():
    clf = linear(init=KNeighborsClassifier(algorithm="kd_tree")).fit(X, Y)
    with pytest.raises(ValueError, match=r"init=KNeigh.*cannot predict.*sparse"):
        clf.predict(sparse.csr_matrix(X))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_more_labels_wanted_than_there_are(method):
    clf = DVNMultiLabelClassifier(**FAST | {"min_labels": 4})
    with pytest.raises(ValueError, match=r"min_labels=4 is more than the 3 labels"):
        getattr(clf, method)(X, Y)
    clf.set_params(min_labels=2)
    with pytest.raises(ValueError, match=r"min_labels=2 is more than the one class"):
        getattr(clf, method)(X, Y[:, 0])
    assert getattr(clf, method)(X, Y).predict(X).sum(1).min() >= 2


@pytest.mark.parametrize(
    ("given", "message"),
    [([0.2, 0.7], "2D array"), ([[0.2, 1.7]], r"\[0, 1\].*1\.7"), ([[np.nan]], "NaN")],
)
def test_probabilities_to_decide_on(given, message):
    with pytest.raises(ValueError, match=message):
        plug_in_labels(given)


def test_probabilities_as_lists():
    np.testing.assert_array_equal(plug_in_labels([[0.9, 0.1]]), [[1, 0]])
