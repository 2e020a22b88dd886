"""What labels may come in; what is no matrix of labels is refused in the same words."""

from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pytest
from doors import (
    CLASS_DOORS,
    CLASSES,
    INPUT_DOORS,
    LABEL_DOORS,
    X,
    Y,
    calibrated,
    check_same,
    each,
    feed_forward,
    linear,
    on_experts,
    plug_in,
)
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from skdvn.estimators import LabelTargets
from skdvn.metrics import relaxed_f1_score

# Their inputs go to estimators of the user as they are.
OWN = ("regression", "plug", "threshold")
SOME = ["fit of linear", "score of linear", "refine of linear"]
LISTED = [["ant"], ["ant", "bee"]] * 18
NO_MATRIX = {
    "lists": LISTED,
    "sets": [set(row) for row in LISTED],
    "numbers": [[1], [1, 2]] * 18,
    "as many each": [["ant", "bee"]] * 36,
    "Series of lists": pd.Series(LISTED),
    "Series of sets": pd.Series([set(row) for row in LISTED]),
    "Series of arrays": pd.Series([np.array(row) for row in LISTED]),
    "frame of lists": pd.DataFrame({"tags": LISTED}),
    "polars": pl.Series(LISTED),
    "object array": np.array([frozenset(row) for row in LISTED]),
    "deque of lists": deque(LISTED),
}


@pytest.mark.parametrize("name", each(LABEL_DOORS))
def test_lists_of_labels_are_refused(name):
    for listed in ([set(row) for row in LISTED], pd.Series(LISTED)):
        with pytest.raises(ValueError, match=r"ant.*MultiLabelBinarizer"):
            LABEL_DOORS[name](listed)


@pytest.mark.parametrize("form", NO_MATRIX)
@pytest.mark.parametrize("name", ["partial_fit", "score of linear", "refine of linear"])
def test_lists_of_labels_in_any_container(name, form):
    with pytest.raises(ValueError, match=r"(ant|1).*MultiLabelBinarizer"):
        LABEL_DOORS[name](NO_MATRIX[form])


@pytest.mark.parametrize("name", each(LABEL_DOORS))
@pytest.mark.parametrize("given", [dict(enumerate(Y)), "labels", 1])
def test_what_is_no_container(name, given):
    with pytest.raises((TypeError, ValueError), match="must be an array|got"):
        LABEL_DOORS[name](given)


@pytest.mark.parametrize("name", SOME)
def test_generators_are_refused(name):
    with pytest.raises(TypeError, match=r"list of rows; got a generator"):
        LABEL_DOORS[name](row for row in Y)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", each(LABEL_DOORS))
@pytest.mark.parametrize("container", [np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_containers_of_labels(name, container):
    check_same(LABEL_DOORS[name], container(Y))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", each(CLASS_DOORS))
def test_containers_of_classes(name):
    for container in (
        np.ndarray.tolist,
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="category"),
        pl.Series,
    ):
        check_same(CLASS_DOORS[name], container(CLASSES))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", each(CLASS_DOORS))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_a_column_of_classes(name):
    check_same(CLASS_DOORS[name], pd.DataFrame({"kind": CLASSES}))


@pytest.mark.parametrize("name", each(INPUT_DOORS, but=OWN))
def test_containers_of_inputs(name):
    check_same(INPUT_DOORS[name], X.tolist())


# -- one column, and outputs that come back --------------------------------------------


@pytest.mark.one_in(2)
@pytest.mark.parametrize("make", [linear, feed_forward, calibrated])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_one_column_is_one_class_per_row(make, form):
    """As for scikit-learn's KNeighborsClassifier, dense or sparse."""
    with pytest.warns(DataConversionWarning, match="column-vector"):
        clf = make().fit(X, form(Y[:, :1]))
    assert clf.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(clf.predict(X), make().fit(X, Y[:, 0]).predict(X))
    with pytest.warns(DataConversionWarning):
        score = clf.score(X, form(Y[:, :1]))
    assert score == clf.score(X, Y[:, 0]) == np.mean(clf.predict(X) == Y[:, 0])


@pytest.mark.parametrize("labels", [Y, Y[:, 0], CLASSES, Y[:, :2]])
@pytest.mark.parametrize(
    "make", [linear, pytest.param(on_experts, marks=pytest.mark.slow)]
)
def test_every_output_can_be_judged_and_refined(labels, make):
    clf = make().fit(X, labels)
    for method in ("predict", "predict_proba", "predict_relaxed"):
        output = getattr(clf, method)(X)
        assert clf.predict_value(X, output).shape == (36,)
        assert clf.refine(X, output).shape == labels.shape


def test_classes_and_labels_are_not_mistaken_for_each_other():
    with pytest.raises(ValueError, match=r"y must have 3 labels.*one class per row"):
        linear().fit(X, Y).score(X, CLASSES)
    with pytest.raises(ValueError, match=r"y must hold one class per row.*\(36, 3\)"):
        linear().fit(X, CLASSES).score(X, Y)
    with pytest.raises(
        ValueError, match=r"kind of those in training, \['ant'.*got \[0"
    ):
        linear().fit(X, CLASSES).score(X, np.arange(36) % 3)
    with pytest.raises(ValueError, match=r"Y must have two columns.*\(36,\)"):
        plug_in().fit(X, CLASSES)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["ant", None] * 18, "none of them missing; it holds NoneType, str"),
        (pd.Series(["ant", pd.NA] * 18, dtype="string"), "none of them missing"),
        ([np.nan, 1.0] * 18, "contains NaN"),
    ],
)
@pytest.mark.parametrize("name", SOME)
def test_missing_classes(classes, message, name):
    with pytest.raises(ValueError, match=message):
        CLASS_DOORS[name](classes)


# -- scores ----------------------------------------------------------------------------


def test_scores_of_classes_are_the_share_of_those_that_are_right():
    right = np.mean(CLASSES[::-1] == CLASSES)
    for name in ("f1", "fbeta", "iou", "accuracy"):
        assert CLASS_DOORS[f"truth of relaxed_{name}_score"](CLASSES) == right


def test_scores_of_a_column_of_shares_are_those_of_a_label():
    assert relaxed_f1_score([[1], [0]], [[0.5], [0.5]]) == pytest.approx(1 / 3)


def test_scores_do_not_guess_what_numbers_in_a_row_mean():
    with pytest.raises(ValueError, match="continuous"):
        relaxed_f1_score([0.2, 0.7], [0.3, 0.5])
    with pytest.raises(ValueError, match=r"strings or both hold numbers"):
        relaxed_f1_score(CLASSES, np.arange(36) % 3)


def test_missing_labels_are_refused():
    table = pd.DataFrame(Y).astype("Int64")
    table.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match=r"0 and 1.*<NA>|contains NaN"):
        LabelTargets(table)
