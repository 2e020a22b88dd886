"""Tests of classifiers of the user: cross-fitted by folds, bad ones refused."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier

from skdvn.estimators.cross_fitting import CrossFitted
from skdvn.estimators.stack import StackedGuess

RNG = np.random.default_rng(0)
N, N_LABELS = 90, 4
X = RNG.normal(size=(N, 5))
Y = (X @ RNG.normal(size=(5, N_LABELS)) + RNG.normal(size=(N, 4)) > 0.3).astype(int)
CLASSES = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
OVR = OneVsRestClassifier(LogisticRegression())


def test_cross_fitted_by_hand():
    folds = KFold(3)
    fitted = CrossFitted("own", OVR, folds).fit(X, Y)
    for train, test in folds.split(X):
        expected = OVR.fit(X[train], Y[train]).predict_proba(X[test])
        np.testing.assert_allclose(fitted.cross_fitted_[test], expected, atol=1e-6)


def test_the_classifiers_of_the_folds_predict_together():
    fitted = CrossFitted("own", OVR, KFold(3), refit=False).fit(X, Y)
    alone = CrossFitted("own", OVR, KFold(3)).fit(X, Y)
    np.testing.assert_array_equal(fitted.cross_fitted_, alone.cross_fitted_)
    folds = [train for train, _ in KFold(3).split(X)]
    said = [clone(OVR).fit(X[rows], Y[rows]).predict_proba(X) for rows in folds]
    expected = expit(np.mean([logit(p) for p in said], axis=0))
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-4)
    assert len(alone.estimators_) == 1


@pytest.mark.parametrize("inner", [LogisticRegression(), RandomForestClassifier(5)])
@pytest.mark.filterwarnings("ignore:Label not")
def test_labels_absent_in_a_fold(inner):
    rare = Y.copy()
    rare[:, 1] = np.arange(N) < 20
    forest = isinstance(inner, RandomForestClassifier)
    classifier = inner if forest else OneVsRestClassifier(inner)
    found = CrossFitted("own", classifier, KFold(3)).fit(X, rare).cross_fitted_
    assert (found[:30, 1] == 0).all()
    assert found[30:, 1].max() > 0


def test_classes_absent_in_a_fold():
    found = CrossFitted("own", LogisticRegression(), KFold(3))
    y = np.where(np.arange(N) < 10, "z", CLASSES)
    found = found.fit(X, y).cross_fitted_
    assert found.shape == (N, 4)
    assert (found[:30, 3] == 0).all() and (found[30:, 3] > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("classifier", [KNeighborsClassifier(3), OVR], ids=str)
def test_sparse_labels_reach_classifiers_that_do_not_take_them(classifier):
    dense, scarce = (
        CrossFitted("own", classifier, KFold(3)).fit(X, y).cross_fitted_
        for y in (Y, sparse.csr_matrix(Y))
    )
    np.testing.assert_array_equal(dense, scarce)


def test_prefit():
    fitted = OneVsRestClassifier(LogisticRegression()).fit(X[:40], Y[:40])
    guess = StackedGuess([("lr", fitted)], cv="prefit").fit(X[40:], Y[40:])
    assert guess.experts_[0][1].estimators_[0] is fitted
    narrow = OneVsRestClassifier(LogisticRegression()).fit(X[:40, :2], Y[:40, :2])
    with pytest.raises(ValueError, match=r"'lr'.*cannot predict as fitted before"):
        StackedGuess([("lr", narrow)], cv="prefit").fit(X, Y)
    narrow = OneVsRestClassifier(LogisticRegression()).fit(X, Y[:, :2])
    with pytest.raises(ValueError, match=r"'lr'.*shape \(90, 2\)"):
        StackedGuess([("lr", narrow)], cv="prefit").fit(X, Y)
    with pytest.raises(ValueError, match="Fit it first"):
        StackedGuess([("lr", LogisticRegression())], cv="prefit").fit(X, Y)


class Says(ClassifierMixin, BaseEstimator):
    """Returns what it is told to."""

    def __init__(self, what=None):
        self.what = what

    def fit(self, X, y):
        if self.what == "fails" and 0 in X[:, 0]:
            raise RuntimeError("no zeros please")
        return self

    def predict_proba(self, X):
        output = np.full((len(X), N_LABELS), 0.5)
        if self.what == "NaN":
            output[0, 0] = np.nan
        elif self.what == "large":
            output[0, 0] = 1.2
        elif self.what == "narrow":
            return output[:, :2]
        elif self.what == "list":
            return [output[:, :2]] * 3
        elif self.what == "triples":
            return [output[:, :3]] * N_LABELS
        elif self.what == "flat":
            return output[:, 0]
        elif self.what == "text":
            return output.astype(str)
        return output


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("NaN", "1 values that are NaN"),
        ("large", "values from 0.5 to 1.2"),
        ("narrow", r"shape \(30, 2\)"),
        ("list", "a list of 3 arrays"),
        ("triples", r"shape \(30, 3\) for a label"),
        ("flat", r"shape \(30,\)"),
        ("text", "an array of <U"),
    ],
)
def test_bad_outputs(what, message):
    with pytest.raises(ValueError, match=rf"'own' \(Says\), in fold 1 of 3.*{message}"):
        StackedGuess([("own", Says(what))], cv=3).fit(X, Y)


def test_failure_in_one_fold():
    inputs = X.copy()
    inputs[:30, 0] = 0
    with pytest.raises(ValueError, match=r"'own'.*in fold 2 of 3: RuntimeError: no z"):
        StackedGuess([("own", Says("fails"))], cv=KFold(3)).fit(inputs, Y)


@pytest.mark.parametrize(
    ("estimators", "cv", "message"),
    [
        ([("a", OVR), ("a", OVR)], 5, r"\['a'\] more than once"),
        ([("a__b", OVR)], 5, "without '__'"),
        ([("a", RidgeClassifier())], 5, "has no predict_proba"),
        ([("a", OneVsRestClassifier)], 5, "no classifier"),
        ([("a", "drop")], 5, "holds no classifier"),
        ([], 5, "holds no classifier"),
        (OVR, 5, "must be a list"),
        ("best", 5, "must be a list"),
        ([("a", OVR)], 91, "allowed are 2 to 90"),
        ([("a", OVR)], 1, "allowed are 2 to 90"),
        ([("a", OVR)], "fit", "cannot split 90 rows"),
        ([("a", OVR)], ShuffleSplit(3), "exactly once"),
    ],
)
def test_bad_estimators_and_cv(estimators, cv, message):
    with pytest.raises(ValueError, match=message):
        StackedGuess(estimators, cv=cv).fit(X, Y)


def test_weights_are_passed_on_where_taken():
    weight = np.arange(N) % 3 * 1.0
    used = weight > 0
    multi = MultiOutputClassifier(LogisticRegression())
    for classifier in (multi, OVR, MultiOutputClassifier(KNeighborsClassifier())):
        fitted = CrossFitted("own", classifier, 3, random_state=0).fit(X, Y, weight)
        part = CrossFitted("own", classifier, 3, random_state=0)
        part.fit(X[used], Y[used], weight[used])
        np.testing.assert_allclose(fitted.cross_fitted_[used], part.cross_fitted_)
