"""Classes and labels that fit has not seen: as truths they count, as outputs not."""

import warnings

import numpy as np
import pytest
from doors import (
    CLASS_DOORS,
    CLASSES,
    MAKERS,
    ON_LABELS,
    SLOW,
    X,
    Y,
    feed_forward,
    linear,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

RARE = CLASSES.copy()
RARE[5] = "dog"
TRUTHS = ("y_val", "score of", "truth of oracle", "value_pairs", "Display")
OUTPUTS = ("predict_value", "refine", "output of oracle")


def doors(parts):
    return [
        pytest.param(name, marks=pytest.mark.slow if name.endswith(SLOW) else ())
        for name in CLASS_DOORS
        if any(part in name for part in parts)
    ]


@pytest.mark.parametrize("name", doors(TRUTHS))
def test_unseen_truths_count_as_wrong(name):
    with pytest.warns(UserWarning, match=r"'dog'.*not there in fit.*count as wrong"):
        found = CLASS_DOORS[name](RARE)
    assert np.isfinite(found).all() and np.max(found) <= 1


@pytest.mark.parametrize("name", doors(OUTPUTS))
def test_unseen_outputs_are_refused(name):
    with pytest.raises(ValueError, match=r"unknown class\(es\) \['dog'\].*'ant'"):
        CLASS_DOORS[name](RARE)


def test_partial_fit_refuses_new_classes():
    clf = linear().partial_fit(X, CLASSES)
    with pytest.raises(ValueError, match=r"y holds the unknown class\(es\) \['dog'\]"):
        clf.partial_fit(X, RARE)


@pytest.mark.parametrize("oracle", ["f1", "iou", "f2", "accuracy"])
@pytest.mark.filterwarnings("ignore:y holds")
def test_score_is_the_share_of_right_classes(oracle):
    clf = linear(oracle=oracle).fit(X, CLASSES)
    right = clf.predict(X) == RARE
    # Of three labels the accuracy is that of each: of the unseen class two are right.
    values = np.where(right, 1, 0 if oracle != "accuracy" else 1 / 3)
    if oracle == "accuracy":
        values[5] = 2 / 3
    assert clf.score(X, RARE) == pytest.approx(values.mean())
    assert clf.score(X, np.full(len(X), "dog")) == pytest.approx(
        0 if oracle != "accuracy" else 2 / 3
    )


@pytest.mark.parametrize("make", [linear, feed_forward])
@pytest.mark.filterwarnings("ignore:y holds")
def test_folds_without_a_rare_class(make):
    """As with scikit-learn's own classifiers, no fold is NaN."""
    scores = cross_val_score(make(), X, RARE, cv=KFold(3))
    own = cross_val_score(LogisticRegression(), X, RARE, cv=KFold(3))
    assert np.isfinite(scores).all() and np.isfinite(own).all()
    search = GridSearchCV(make(), {"alpha": [1e-3, 1e-2]}, cv=KFold(3)).fit(X, RARE)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("name", [make.__name__ for make in MAKERS + ON_LABELS])
@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.slow
def test_a_label_that_never_changes(name, value):
    """Its rows are learned from, and others than those of fit are scored."""
    make = {make.__name__: make for make in MAKERS + ON_LABELS}[name]
    constant = Y.copy()
    constant[:, 1] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of OneVsRestClassifier
        clf = make().fit(X, constant)
    assert np.isfinite(clf.predict_proba(X)).all()
    if hasattr(clf, "score"):
        assert 0 <= clf.score(X, Y) <= 1
