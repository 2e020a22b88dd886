"""Tests of the multi-label estimator as its users meet it."""

import itertools
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from settings import QUICK_LABELS
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skdvn import (
    SGD,
    Ascent,
    DVNMultiLabelClassifier,
    EarlyStopping,
    Initializer,
    LabelNet,
    Mixture,
    recipes,
)
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.metrics import relaxed_f1_score, relaxed_f1_scorer
from skdvn.networks import members
from skdvn.training import GENERATORS, Trainer


def make(**params):
    return DVNMultiLabelClassifier(**(QUICK_LABELS | params))


def f1_per_row(Y_true, Y_pred):
    return np.array(
        [
            relaxed_f1_score(t[None], p[None])
            for t, p in zip(Y_true, Y_pred, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def digits():
    """Noisy digits: training rows, test rows."""
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    return X[:300], Y[:300], X[1000:], Y[1000:]


@pytest.fixture(scope="module")
def small():
    """80 rows of 6 counts, half of them 0, and 4 labels that depend on them."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.7, size=(80, 6)).astype(float)
    Y = (X @ rng.normal(size=(6, 4)) + 0.3 * rng.normal(size=(80, 4)) > 0.4).astype(int)
    return X, Y


@pytest.fixture(scope="module")
def fitted(small):
    return make().fit(*small)


@pytest.fixture(scope="module")
def digit_model(digits):
    X, Y, *_ = digits
    return make(max_iter=40).fit(X, Y)


def weights(clf):
    return torch.cat([p.detach().flatten() for p in clf.network_.parameters()])


# -- learning --------------------------------------------------------------------


def test_beats_every_constant_and_logistic_regression(digits, digit_model):
    X, Y, X_test, Y_test = digits
    score = digit_model.score(X_test, Y_test)
    constants = np.array(list(itertools.product([0, 1], repeat=Y.shape[1])))
    shared = Y_test @ constants.T
    sizes = Y_test.sum(1)[:, None] + constants.sum(1)
    best_constant = (2 * shared / np.maximum(sizes, 1)).mean(0).max()
    regression = OneVsRestClassifier(LogisticRegression(max_iter=300)).fit(X, Y)
    baseline = relaxed_f1_score(Y_test, regression.predict(X_test))
    assert score > best_constant + 0.1
    assert score > baseline + 0.01


def test_learns_which_labels_go_together():
    """x says nothing of two of three pairs; labels of a pair exclude each other."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=400)
    Y = np.zeros((400, 4), dtype=int)
    Y[np.arange(400), kind] = 1
    Y[np.arange(400), 2 + kind] = 1
    X = (2 * kind - 1)[:, None] * 0.7 + rng.normal(size=(400, 1))
    clf = make(max_iter=40, n_steps=40).fit(X[:200], Y[:200])
    predicted = clf.predict(X[200:])
    consistent = (predicted == [1, 0, 1, 0]).all(1) | (predicted == [0, 1, 0, 1]).all(1)
    assert consistent.mean() > 0.75
    # The value tells consistent from inconsistent outputs where x cannot decide.
    undecided = np.zeros((1, 1))
    good, mixed = (
        [clf.predict_value(undecided, [row]).item() for row in rows]
        for rows in ([[1, 0, 1, 0], [0, 1, 0, 1]], [[1, 0, 0, 1], [0, 1, 1, 0]])
    )
    assert min(good) > max(mixed) + 0.01


@pytest.mark.slow
def test_global_term_knows_impossible_outputs():
    """With no information in x, only the global term can tell pairs of labels."""
    rng = np.random.default_rng(0)
    first = rng.integers(2, size=200)
    Y = np.column_stack([first, first, 1 - first, 1 - first])
    X = rng.normal(size=(200, 2))
    mixture = {"ground_truth": 1.0, "inference": 1.0, "stratified": 1.0}
    clf = make(tuples=mixture, tau=0.5, max_iter=40).fit(X, Y)
    possible = clf.predict_value(X, np.tile([1, 1, 0, 0], (200, 1))).mean()
    impossible = clf.predict_value(X, np.tile([1, 0, 1, 0], (200, 1))).mean()
    assert possible > impossible + 0.05


def test_loss_falls(digit_model):
    losses = [entry["loss"] for entry in digit_model.history_]
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.01
    assert [entry["epoch"] for entry in digit_model.history_] == list(range(1, 41))
    assert digit_model.n_iter_ == 40


# -- forms of X and Y ------------------------------------------------------------


@pytest.mark.one_in(2)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    "form", ["csr", pytest.param("csc", marks=pytest.mark.slow), "coo"]
)
def test_sparse_x_predicts_as_dense_x(small, form, standardize):
    X, Y = small
    rare = X * (np.arange(X.size).reshape(X.shape) % 7 == 0)  # kept sparse throughout
    for part in (X, rare):
        given = sparse.coo_matrix(part).asformat(form)
        params = {"standardize": standardize and form != "csr", "max_iter": 4}
        dense = make(**params).fit(part, Y)
        thin = make(**params).fit(given, Y)
        np.testing.assert_allclose(
            thin.predict_proba(given), thin.predict_proba(part), atol=1e-6
        )
        if not params["standardize"]:
            np.testing.assert_allclose(
                thin.predict_proba(given), dense.predict_proba(part), atol=1e-6
            )


def test_sparse_x_is_standardised_by_its_scale(small):
    """As StandardScaler does: sparse inputs are scaled like dense ones."""
    X, Y = small
    clf = make(max_iter=3).fit(sparse.csr_array(X), Y)
    np.testing.assert_allclose(clf.scaler_.scale_, X.std(axis=0))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(small, fitted, frame):
    X, Y = small
    names = [f"word {i}" for i in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    if not hasattr(StandardScaler().fit(table), "feature_names_in_"):
        pytest.skip("this scikit-learn cannot read the names of this kind of frame")
    clf = make().fit(table, Y)
    assert clf.feature_names_in_.tolist() == names
    assert clf.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(clf.predict(table), fitted.predict(X))
    other = frame(dict(zip(names[::-1], X.T, strict=True)))
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(other)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_labels_in_a_data_frame(small, fitted, frame):
    X, Y = small
    table = frame({str(i): column for i, column in enumerate(Y.T)})
    np.testing.assert_array_equal(make().fit(X, table).predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array]
)
def test_sparse_y_gives_sparse_predictions(small, fitted, form):
    X, Y = small
    clf = make().fit(X, form(Y))
    predicted = clf.predict(X)
    assert sparse.issparse(predicted) and predicted.format == "csr"
    np.testing.assert_array_equal(predicted.toarray(), fitted.predict(X))
    assert clf.score(X, form(Y)) == fitted.score(X, Y)


def test_classes_of_labels(small, fitted):
    assert len(fitted.classes_) == 4
    for classes in fitted.classes_:
        np.testing.assert_array_equal(classes, [0, 1])


@pytest.mark.parametrize(
    "classes", [["no", "yes"], ["ant", "bee", "cat"], [0, 1], [3, 5, 9]]
)
def test_one_dimensional_y(classes):
    rng = np.random.default_rng(0)
    codes = rng.integers(len(classes), size=90)
    X = np.eye(len(classes))[codes] + 0.2 * rng.normal(size=(90, len(classes)))
    y = np.array(classes)[codes]
    clf = make(max_iter=40).fit(X[:60], y[:60])
    assert clf.classes_.tolist() == classes
    predicted, probabilities = clf.predict(X[60:]), clf.predict_proba(X[60:])
    assert predicted.shape == (30,) and predicted.dtype == y.dtype
    assert (predicted == y[60:]).mean() > 0.9
    assert probabilities.shape == (30, len(classes))
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(clf.classes_[probabilities.argmax(1)], predicted)
    assert clf.score(X[60:], y[60:]) == pytest.approx((predicted == y[60:]).mean())
    values = clf.predict_value(X[60:], y[60:])
    assert values.shape == (30,)
    refined = clf.refine(X[60:], y[60:])
    assert set(refined) <= set(classes)


# -- the citizen of scikit-learn -------------------------------------------------


@pytest.mark.slow
def test_grid_search_over_a_pipeline(small):
    X, Y = small
    grid = {
        "dvnmultilabelclassifier__tau": [0.02, 0.5],
        "dvnmultilabelclassifier__step_size": [1e-4, 0.5],
    }
    pipeline = make_pipeline(
        StandardScaler(), make(max_iter=20, tuples={"stratified": 1, "inference": 1})
    )
    search = GridSearchCV(pipeline, grid, scoring=relaxed_f1_scorer, cv=2)
    search.fit(X, Y)
    # So small steps predict nothing.
    assert search.best_params_["dvnmultilabelclassifier__step_size"] == 0.5
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all() and search.best_score_ > 0.5
    np.testing.assert_array_equal(search.predict(X), search.best_estimator_.predict(X))


def test_cross_val_score(small):
    scores = cross_val_score(make(max_iter=20), *small, scoring=relaxed_f1_scorer, cv=3)
    assert scores.shape == (3,) and (scores > 0.4).all()
    own = cross_val_score(make(max_iter=20), *small, cv=3)
    np.testing.assert_allclose(own, scores)


def test_clone(fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(twin)


@pytest.mark.parametrize("store", ["pickle", "joblib"])
def test_persistence(small, fitted, tmp_path, store):
    X, _ = small
    if store == "pickle":
        loaded = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "clf.joblib")
        loaded = joblib.load(tmp_path / "clf.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert all(p.device.type == "cpu" for p in loaded.network_.parameters())
    assert loaded.get_params() == fitted.get_params()


def test_persistence_after_partial_fit(small):
    clf = make().partial_fit(*small)
    loaded = pickle.loads(pickle.dumps(clf))
    for one in (clf, loaded):
        one.partial_fit(*small)
    torch.testing.assert_close(weights(clf), weights(loaded))


def test_inference_parameters_act_after_fit(small):
    X, Y = small
    clf = make(max_iter=5).fit(X, Y)
    before = clf.predict_proba(X)
    clf.set_params(step_size=1e-6, n_steps=1)
    np.testing.assert_allclose(clf.predict_proba(X), 0, atol=1e-5)
    assert len(list(clf.staged_predict(X))) == 1
    clf.set_params(step_size=0.5, n_steps=20)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    clf.set_params(n_steps=7)
    np.testing.assert_array_equal(
        clf.predict_proba(X),
        list(clf.set_params(n_steps=20).staged_predict_relaxed(X))[6],
    )
    clf.set_params(min_labels=3)
    assert clf.predict(X).sum(1).min() >= 3
    clf.set_params(ascent=Ascent("normalized"), n_steps=1)
    assert (clf.predict_proba(X).max(1) <= 0.5 + 1e-9).all()  # one step of at most 0.5


# -- predicting ------------------------------------------------------------------


def test_stages_end_in_the_prediction(small, fitted):
    X, _ = small
    stages = list(fitted.staged_predict(X))
    assert len(stages) == 20
    np.testing.assert_array_equal(stages[-1], fitted.predict(X))
    relaxed = list(fitted.staged_predict_relaxed(X))
    np.testing.assert_array_equal(relaxed[-1], fitted.predict_proba(X))
    assert not np.array_equal(relaxed[0], relaxed[-1])  # no view of one buffer


def test_the_ascent_raises_the_value(small, fitted):
    X, _ = small
    relaxed = [
        fitted.predict_value(X, Y).mean() for Y in fitted.staged_predict_relaxed(X)
    ]
    assert relaxed[-1] > relaxed[0]


def test_refine_starts_where_it_is_told(small, fitted):
    X, Y = small
    tiny = clone(fitted).fit(*small).set_params(step_size=1e-6, n_steps=1)
    np.testing.assert_array_equal(tiny.refine(X, Y), Y)
    np.testing.assert_array_equal(tiny.refine(X, sparse.csr_matrix(Y)), Y)
    np.testing.assert_array_equal(tiny.refine(X, Y * 0.4), 0 * Y)
    np.testing.assert_array_equal(fitted.refine(X, 0.0 * Y), fitted.predict(X))


def test_refine_improves_a_poor_output(digits, digit_model):
    _, _, X, Y = digits
    rng = np.random.default_rng(0)
    wrong = np.where(rng.random(Y.shape) < 0.4, 1 - Y, Y)
    refined = digit_model.refine(X, 0.5 * wrong)
    assert relaxed_f1_score(Y, refined) > relaxed_f1_score(Y, wrong) + 0.05


def test_predict_value(digits, digit_model):
    _, _, X, Y = digits
    predicted = digit_model.predict(X)
    values = digit_model.predict_value(X)
    assert values.shape == (len(X),) and values.min() >= 0 and values.max() <= 1
    np.testing.assert_array_equal(values, digit_model.predict_value(X, predicted))
    np.testing.assert_allclose(
        values, digit_model.predict_value(X, sparse.csr_matrix(predicted))
    )
    # Of outputs of all qualities, the better get the higher value.
    rng = np.random.default_rng(0)
    rate = rng.random((len(Y), 1)) * 0.8
    outputs = np.where(rng.random(Y.shape) < rate, 1 - Y, Y)
    truth = f1_per_row(Y, outputs)
    assert np.corrcoef(digit_model.predict_value(X, outputs), truth)[0, 1] > 0.4
    # The network knows from x alone on which rows it does well.
    assert np.corrcoef(values, f1_per_row(Y, predicted))[0, 1] > 0.1


@pytest.mark.parametrize("n", [1, 2, 4])
def test_min_labels(small, n):
    X, Y = small
    clf = make(max_iter=3, min_labels=n, n_steps=1, step_size=1e-3).fit(X, Y)
    predicted = clf.predict(X)
    assert (predicted.sum(1) == n).all()
    if n == 1:
        np.testing.assert_array_equal(
            predicted.argmax(1), clf.predict_proba(X).argmax(1)
        )


@pytest.mark.parametrize("size", [1, 7, 80])
def test_batch_size_of_prediction_does_not_matter(small, fitted, size):
    X, Y = small
    clf = clone(fitted).set_params(prediction_batch_size=size).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), fitted.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(clf.predict_value(X), fitted.predict_value(X), rtol=1e-9)


def test_score_takes_weights(small, fitted):
    X, Y = small
    weight = np.arange(len(X))
    per_row = f1_per_row(Y, fitted.predict(X))
    assert fitted.score(X, Y) == pytest.approx(per_row.mean())
    assert fitted.score(X, Y, weight) == pytest.approx(
        np.average(per_row, weights=weight)
    )


# -- good manners ----------------------------------------------------------------


@pytest.mark.usefixtures("global_randomness_untouched")
def test_no_trace_is_left(small):
    X, Y = (part.copy() for part in small)
    n_threads = torch.get_num_threads()
    every = dict.fromkeys(GENERATORS, 1.0)
    clf = make(tuples=every, max_iter=2, ascent=Ascent(noise=0.1), step_size="auto")
    clf.fit(X, Y, X_val=X, y_val=Y).predict(X)
    clf.refine(X, Y)
    clf.partial_fit(X, Y)
    assert torch.get_num_threads() == n_threads
    assert torch.is_grad_enabled()
    for part, original in zip((X, Y), small, strict=True):
        np.testing.assert_array_equal(part, original)


def test_random_state(small, fitted):
    X, Y = small
    again, other = clone(fitted).fit(X, Y), make(random_state=1).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert not torch.equal(weights(other), weights(fitted))
    assert not torch.equal(
        weights(make(random_state=None, max_iter=1).fit(X, Y)),
        weights(make(random_state=None, max_iter=1).fit(X, Y)),
    )
    instances = (
        make(random_state=np.random.RandomState(3), max_iter=2).fit(X, Y)
        for _ in range(2)
    )
    torch.testing.assert_close(*(weights(clf) for clf in instances), rtol=0, atol=0)


def test_noise_depends_on_random_state(small):
    X, Y = small
    clf = make(ascent=Ascent(noise=0.3), max_iter=3).fit(X, Y)
    first = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.predict_proba(X), first)
    assert not np.array_equal(clf.set_params(random_state=9).predict_proba(X), first)


@pytest.mark.slow
def test_lag_does_not_depend_on_timing(small):
    X, Y = small
    runs = [make(tuples=Mixture(lag=2), batch_size=8).fit(X, Y) for _ in range(2)]
    torch.testing.assert_close(*(weights(clf) for clf in runs), rtol=0, atol=0)
    assert runs[0].score(X, Y) > 0.6


def test_verbose(small, capsys):
    X, Y = small
    make(max_iter=3).fit(X, Y)
    assert not capsys.readouterr().out
    make(max_iter=3, verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.search(r"training 1 of 1, epoch +3, loss = 0\.\d+", lines[2], re.I)
    assert re.search(r"about \d+ s left$", lines[1])
    assert "left" not in lines[2]


def test_verbose_tells_how_many_trainings_and_what_was_chosen(clean_digits, capsys):
    X, Y = clean_digits
    clf = DVNMultiLabelClassifier(
        network="linear",
        hidden_layer_sizes=(8,),
        max_iter=1,
        random_state=0,
        verbose=True,
    )
    clf.fit(X[:150], Y[:150])
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(clf.history_) == 9
    assert lines[-1].startswith("Training 9 of 9, epoch   1, loss = ")
    assert f"validation score = {clf.validation_score_:.4f}" in last
    assert f"n_steps = {clf.n_steps_}" in last and "step_size = " in last


def test_device_cpu(small, fitted):
    X, Y = small
    for device in ("cpu", torch.device("cpu")):
        clf = make(device=device).fit(X, Y)
        assert clf.device_ == torch.device("cpu")
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))


# -- ways to train ---------------------------------------------------------------


def test_warm_start_goes_on(small):
    X, Y = small
    clf = make(max_iter=5, warm_start=True).fit(X, Y)
    first = clf.history_[0]["loss"], clf.history_[-1]["loss"]
    before = weights(clf)
    clf.fit(X, Y)
    assert clf.history_[0]["loss"] < first[0] - 0.5 * (first[0] - first[1])
    assert not torch.equal(weights(clf), before)
    cold = make(max_iter=5).fit(X, Y).fit(X, Y)
    assert cold.history_[0]["loss"] == first[0]


def test_warm_start_keeps_what_was_chosen(small):
    X, Y = small
    auto = dict.fromkeys(("step_size", "n_steps"), "auto")
    clf = make(warm_start=True, max_iter=6, **auto).fit(X, Y, X_val=X, y_val=Y)
    chosen = clf.step_size_, clf.n_steps_
    clf.fit(X, Y)
    assert (clf.step_size_, clf.n_steps_) == chosen


def test_partial_fit_learns(digits):
    X, Y, X_test, Y_test = digits
    clf = make(max_iter="auto", step_size="auto", n_steps="auto", alpha="auto")
    scores = []
    for _ in range(8):
        for rows in (slice(0, 150), slice(150, 300)):
            clf.partial_fit(X[rows], Y[rows])
        scores.append(clf.score(X_test, Y_test))
    assert clf.n_iter_ == len(clf.history_) == 16
    assert scores[-1] > max(scores[0], 0.65)


def test_partial_fit_goes_on_after_fit(small):
    X, Y = small
    clf = make(max_iter=20).fit(X, Y)
    before = weights(clf)
    clf.partial_fit(X, Y)
    assert clf.n_iter_ == 21
    assert not torch.equal(weights(clf), before)
    assert clf.history_[-1]["loss"] < clf.history_[0]["loss"]


def test_partial_fit_with_classes(small):
    X, _ = small
    y = np.where(X[:, 0] > 1, "b", "a")
    clf = make().partial_fit(X[:20], np.full(20, "a"), classes=["a", "b", "c"])
    for _ in range(20):
        clf.partial_fit(X, y)
    assert clf.classes_.tolist() == ["a", "b", "c"]
    assert clf.predict_proba(X).shape == (80, 3)
    assert clf.score(X, y) > 0.8
    with pytest.raises(ValueError, match=r"unknown class.*'d'.*'a', 'b', 'c'"):
        clf.partial_fit(X[:1], ["d"])


def test_several_networks_predict_jointly(small):
    X, Y = small
    clf = make(n_networks=3, max_iter=4).fit(X, Y)
    members = list(clf.network_.networks)
    assert len(members) == 3 and len(clf.history_) == 12
    assert not torch.equal(members[0].input.weight, members[1].input.weight)
    # The joint value is that of the mean logit.
    alone, logits = pickle.loads(pickle.dumps(clf)), []
    for member in members:
        alone.network_ = member
        value = alone.predict_value(X, Y)
        logits.append(np.log(value / (1 - value)))
    expected = 1 / (1 + np.exp(-np.mean(logits, axis=0)))
    np.testing.assert_allclose(clf.predict_value(X, Y), expected, rtol=1e-6)


def test_folds_become_a_joint_network(digits):
    X, Y, *_ = digits
    clf = make(refit=False, n_steps="auto", max_iter=4).fit(X[:150], Y[:150])
    assert len(clf.network_.networks) == 5
    assert len(clf.history_) == 20
    assert 0 < clf.validation_score_ <= 1
    two = make(refit=False, n_steps="auto", max_iter=2, validation_fraction=0.5)
    assert len(two.fit(X[:150], Y[:150]).network_.networks) == 2


def test_nothing_is_held_out_of_few_rows(small):
    clf = DVNMultiLabelClassifier(network="linear", max_iter=2, random_state=0)
    clf.fit(*small)
    assert np.isnan(clf.validation_score_)
    assert (clf.step_size_, clf.n_steps_) == (0.5, 20)


def test_early_stopping_goes_back_to_the_best_weights(small):
    X, Y = small
    params = {
        "early_stopping": EarlyStopping(4),
        "solver": SGD(schedule="constant"),
        "learning_rate_init": 3.0,
        "max_iter": 30,
        "refit": False,
    }
    clf = make(**params).fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    scores = [entry["validation_score"] for entry in clf.history_]
    assert len(scores) < 30
    assert clf.validation_score_ >= max(scores) - 2e-4
    assert clf.validation_score_ >= scores[-1]
    assert clf.score(X[60:], Y[60:]) == pytest.approx(clf.validation_score_, abs=1e-6)
    assert clf.n_iter_ == len(scores) - 4 == 1 + int(np.argmax(scores))


def test_validation_rows_of_the_user_decide(small):
    """The held-out truth is all labels: the longest ascent is the best."""
    X, Y = small
    auto = {"n_steps": "auto", "step_size": "auto", "max_iter": 3}
    many = make(**auto).fit(X, Y, X_val=X, y_val=np.ones_like(Y))
    few = make(**auto).fit(X, Y, X_val=X, y_val=np.eye(4, dtype=int)[np.arange(80) % 4])
    assert many.step_size_ * many.n_steps_ > few.step_size_ * few.n_steps_
    assert many.predict(X).sum() > few.predict(X).sum()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_weight_zero_removes_rows(small, form):
    X, Y = small
    weight = np.where(np.arange(80) % 3 == 0, 0.0, 2.0)
    kept = weight > 0
    weighted = make(max_iter=4).fit(form(X), Y, sample_weight=weight)
    removed = make(max_iter=4).fit(form(X[kept]), Y[kept])
    np.testing.assert_allclose(
        weighted.predict_proba(X), removed.predict_proba(X), atol=1e-9
    )


def test_heavy_rows_count_more():
    """Two answers to the same x: the heavier one is learned."""
    X = np.ones((80, 1)) + 1e-3 * np.arange(80)[:, None]
    Y = np.eye(2, dtype=int)[np.arange(80) % 2]
    for heavy in (0, 1):
        weight = np.where(Y[:, heavy] == 1, 9.0, 1.0)
        clf = make(max_iter=30).fit(X, Y, sample_weight=weight)
        values = [
            clf.predict_value(X, np.tile(row, (80, 1))).mean() for row in np.eye(2)
        ]
        assert values[heavy] > values[1 - heavy] + 0.05
    parts = make().partial_fit(X, Y, sample_weight=weight)
    assert not torch.equal(weights(parts), weights(make().partial_fit(X, Y)))


def _raise_on_call(monkeypatch, n, error):
    calls, run_epoch = itertools.count(1), Trainer.run_epoch

    def interrupted(self):
        if next(calls) >= n:
            raise error
        return run_epoch(self)

    monkeypatch.setattr(Trainer, "run_epoch", interrupted)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("params", [{}, {"n_networks": 3}, {"early_stopping": True}])
def test_ctrl_c_keeps_a_usable_estimator(small, monkeypatch, n, params):
    X, Y = small
    _raise_on_call(monkeypatch, n, KeyboardInterrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf = make(**params).fit(X, Y, X_val=X, y_val=Y)
    assert len(clf.history_) == n - 1
    assert clf.predict(X).shape == Y.shape
    assert not clf.network_.training
    pickle.loads(pickle.dumps(clf))


def test_ctrl_c_while_choosing(digits, monkeypatch):
    X, Y, *_ = digits
    _raise_on_call(monkeypatch, 5, KeyboardInterrupt)
    clf = make(learning_rate_init="auto", n_steps="auto", refit="auto", max_iter=3)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(X[:150], Y[:150])
    assert len(clf.history_) == 4
    assert clf.predict(X).shape == Y.shape


def test_ctrl_c_warning_points_at_the_caller(small, monkeypatch):
    _raise_on_call(monkeypatch, 2, KeyboardInterrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted") as caught:
        make().fit(*small)
    assert "skdvn" not in caught[0].filename.replace("\\", "/").split("/")[-2:]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_fit_changes_nothing(small, monkeypatch, method):
    X, Y = small
    clf = make(max_iter=3).fit(X, Y)
    before, probabilities = set(vars(clf)), clf.predict_proba(X)
    _raise_on_call(monkeypatch, 1, RuntimeError("boom"))
    wide = np.hstack([X, X]) if method == "fit" else X
    with pytest.raises(RuntimeError, match="boom"):
        getattr(clf, method)(wide, Y)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="y_val|binary"):
        clf.fit(np.hstack([X, X]), Y[:, :2] + 7)
    assert set(vars(clf)) == before and clf.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(clf.predict_proba(X), probabilities)


# -- parts of the user's own -----------------------------------------------------


class Bilinear(torch.nn.Module):
    """A value network without a closed form."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.linear = torch.nn.Linear(n_features, n_labels)
        self.offset = torch.nn.Parameter(torch.zeros(()))
        self.seen = set()

    def encode(self, x):
        self.seen.add(type(x))
        return self.linear(x)

    def score(self, context, y):
        return (context * y).sum(1) - (y**2).sum(1) + self.offset


@pytest.mark.one_in(3)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("how", ["module", "factory"])
def test_network_of_the_user(small, how, form):
    X, Y = small
    module = Bilinear(6, 4)
    start = module.linear.weight.detach().clone()
    clf = make(network=module if how == "module" else Bilinear, max_iter=30)
    clf.fit(form(X), Y)
    assert clf.score(form(X), Y) > 0.75
    assert clf.network_.seen == {torch.Tensor}
    assert isinstance(clf.network_, Bilinear) and clf.network_ is not module
    torch.testing.assert_close(module.linear.weight, start)
    assert clf.network_.linear.weight.shape == (4, 6)


def test_factory_makes_each_member(small):
    X, Y = small
    joint = make(network=Bilinear, n_networks=2, max_iter=2).fit(X, Y)
    one, two = joint.network_.networks
    assert not torch.equal(one.linear.weight, two.linear.weight)
    again = make(network=Bilinear, n_networks=2, max_iter=2).fit(X, Y)
    torch.testing.assert_close(weights(again), weights(joint), rtol=0, atol=0)


def exact_match(y, y_true):
    """Not differentiable."""
    return ((y >= 0.5) == (y_true >= 0.5)).all(1).to(y.dtype)


@pytest.mark.parametrize("name", GENERATORS)
def test_oracle_of_the_user_with_every_generator(small, name):
    X, Y = small
    tuples = {name: 1.0} if name != "replay" else {name: 1.0, "inference": 1.0}
    clf = make(oracle=exact_match, tuples=tuples, max_iter=3).fit(X, Y)
    exact = (clf.predict(X) == Y).all(1).mean()
    assert clf.score(X, Y) == pytest.approx(exact)
    assert np.isfinite([entry["loss"] for entry in clf.history_]).all()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("oracle", ["iou", "accuracy", "f0.5", "f2"])
def test_every_oracle_learns(small, oracle):
    X, Y = small
    clf = make(oracle=oracle, max_iter=30).fit(X, Y)
    constant = max(
        make(oracle=oracle, max_iter=1, n_steps=1, step_size=1e-6)
        .fit(X, Y)
        .set_params(min_labels=k)
        .score(X, Y)
        for k in (0, 4)
    )
    assert clf.score(X, Y) > constant


def test_beta_trades_precision_for_recall(small):
    X, Y = small
    sizes = [
        make(oracle=name, max_iter=20).fit(X, Y).predict(X).sum()
        for name in ("f0.5", "f2")
    ]
    assert sizes[0] < sizes[1]


def test_generator_of_the_user(small):
    X, Y = small
    seen = []

    def empty(batch):
        seen.append((tuple(batch.y_true.shape), len(batch.rows)))
        return [torch.zeros_like(batch.y_true)]

    clf = make(tuples={"ground_truth": 1, "inference": 1, empty: 1}, max_iter=20)
    clf.fit(X, Y)
    assert set(seen) >= {((64, 4), 64), ((16, 4), 16)}
    # It has been told what nothing is worth: 0, but for rows without a label.
    some = Y.any(1)
    assert clf.predict_value(X, np.zeros_like(Y))[some].mean() < 0.5


@pytest.mark.one_in(3)
@pytest.mark.parametrize("mixing", ["all", "one"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_solvers_and_mixing(small, solver, mixing):
    X, Y = small
    rate = {"sgd": 0.3, "adam": 0.01}[solver]
    tuples = {"ground_truth": 1, "inference": 1, "replay": 0.5, "stratified": 0.5}
    clf = make(
        solver=solver,
        tuples=Mixture(tuples, mixing=mixing),
        learning_rate_init=rate,
        max_iter=40,
        batch_size=16,
    )
    assert clf.fit(X, Y).score(X, Y) > 0.7


@pytest.mark.slow
def test_squared_loss(small):
    X, Y = small
    clf = make(loss="squared", max_iter=60, batch_size=16)
    assert clf.fit(X, Y).score(X, Y) > 0.7


@pytest.mark.parametrize(
    ("units", "activation"),
    [
        (0, "relu"),
        pytest.param((), "tanh", marks=pytest.mark.slow),
        ((8, 4), "relu"),
        pytest.param([5], "tanh", marks=pytest.mark.slow),
    ],
)
@pytest.mark.one_in(2)
def test_shapes_of_the_network(small, activation, units):
    X, Y = small
    clf = make(
        hidden_layer_sizes=[12, 8],
        network=LabelNet(n_global_units=units, activation=activation),
    )
    clf.set_params(max_iter=40, batch_size=16).fit(X, Y)
    assert clf.score(X, Y) > 0.6
    n_layers = 0 if units in (0, ()) else len(units)
    assert len(clf.network_.interaction.layers) == n_layers


# -- where inference starts ------------------------------------------------------


@pytest.mark.parametrize("init", [0.3, [0.0, 0.2, 0.9, 1.0], np.float32(0.5)])
def test_constant_start(small, init):
    X, Y = small
    clf = make(init=init, max_iter=3).fit(X, Y).set_params(step_size=1e-9, n_steps=1)
    expected = np.broadcast_to(np.clip(init, 1e-6, 1 - 1e-6), Y.shape)
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-6)


class Memory(ClassifierMixin, BaseEstimator):
    """Knows the rows it has seen by heart, and nothing of others."""

    def fit(self, X, Y):
        self.known_ = {tuple(x): y for x, y in zip(X, Y, strict=True)}
        self.n_labels_ = Y.shape[1]
        self.classes_ = np.arange(Y.shape[1])
        return self

    def predict(self, X):
        nothing = np.zeros(self.n_labels_, dtype=int)
        return np.array([self.known_.get(tuple(x), nothing) for x in X])


def test_training_starts_are_out_of_fold(small):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(80, 6)), small[1]
    starts = []

    def spy(batch):
        starts.append(batch.y_init.clone())
        return [batch.y_true]

    memory = Memory()
    clf = make(
        init=Initializer(memory, scale=0.5), tuples={spy: 1, "inference": 1}, max_iter=1
    )
    clf.fit(X, Y)
    assert not torch.cat(starts).any()  # had it memorised them, they were the truth
    assert not hasattr(memory, "known_")
    np.testing.assert_array_equal(clf.init_.estimator.predict(X), Y)
    clf.set_params(step_size=1e-9, n_steps=1)
    np.testing.assert_allclose(clf.predict_proba(X), 0.5 * Y, atol=1e-5)


def test_classifier_start_helps(digits):
    """A network that has hardly learned does better from there than from zeros."""
    X, Y, X_test, Y_test = digits
    regression = OneVsRestClassifier(LogisticRegression(solver="liblinear", C=0.01))
    started = make(init=regression, max_iter=1).fit(X, Y)
    starts = 0.5 * clone(regression).fit(X, Y).predict(X_test)
    np.testing.assert_array_equal(
        started.predict(X_test), started.refine(X_test, starts)
    )
    plain = make(init="zeros", max_iter=1).fit(X, Y)
    assert started.score(X_test, Y_test) > plain.score(X_test, Y_test) + 0.03


@pytest.mark.one_in(3)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, pd.DataFrame])
def test_classifier_start_with_other_forms_and_classes(small, form):
    X, _ = small
    y = np.where(X[:, 0] > 0.5, "much", "little")
    given = form(X)
    clf = make(init=LogisticRegression(), max_iter=60).fit(given, y)
    assert clf.score(given, y) > 0.8
    weighted = make(init=LogisticRegression(), max_iter=2)
    weighted.fit(given, y, sample_weight=np.arange(80) % 2)
    assert weighted.predict(given).shape == (80,)
    clf.partial_fit(given, y)


# -- callbacks and recipes -------------------------------------------------------


def test_callbacks(digits):
    pytest.importorskip("sklearn.callback")
    X, Y, *_ = digits
    events = []

    class Recorder:
        def setup(self, estimator, context):
            events.append(("setup", context.max_subtasks))

        def on_fit_task_begin(self, estimator, context, **kwargs):
            events.append(("begin", context.task_name))

        def on_fit_task_end(self, estimator, context, **kwargs):
            events.append(("end", context.task_name))

        def teardown(self, estimator, context):
            events.append(("teardown", None))

    clf = make(n_steps="auto", refit="auto", max_iter=2)
    clf.set_callbacks(Recorder()).fit(X[:150], Y[:150])
    ends = [event for event in events if event == ("end", "epoch")]
    announced = dict(events)["setup"]
    assert 0 < len(ends) == len(clf.history_) <= announced
    assert events[0][0] == "setup" and events[-1][0] == "teardown"


def test_progress_bar(small, capsys):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    clf = make(max_iter=3).set_callbacks(callback.ProgressBar())
    clf.fit(*small)
    assert clf.n_iter_ == 3


def test_released_recipe(small):
    clf = DVNMultiLabelClassifier(**(recipes.RELEASED_BIBTEX | {"max_iter": 40}))
    assert set(recipes.RELEASED_BIBTEX) <= set(clf.get_params())
    X, Y = small
    clf.set_params(random_state=0).fit((X - X.mean(0)) / X.std(0), Y)
    assert clf.history_[-1]["loss"] < 0.9 * clf.history_[0]["loss"]
    assert np.isnan(clf.validation_score_)  # nothing is left to choose
    assert (clf.n_iter_, clf.n_steps_, clf.alpha_) == (40, 20, 1e-3)
    with pytest.raises(TypeError):
        recipes.RELEASED_BIBTEX["max_iter"] = 1


def test_quick_recipe_trains_one_network_and_learns(digits):
    X, Y, X_test, Y_test = digits
    clf = DVNMultiLabelClassifier(**recipes.QUICK).fit(X, Y)
    assert len(clf.history_) == clf.n_iter_
    assert np.isnan(clf.validation_score_)  # nothing is left to choose
    constant = np.tile(Y.mean(0) > 0.4, (len(Y_test), 1)).astype(int)
    assert clf.score(X_test, Y_test) > relaxed_f1_score(Y_test, constant) + 0.05


# -- real data -------------------------------------------------------------------


def test_reference_weights_give_the_published_result(data_home):
    from skdvn.data import ConstantRows, Queries, Rows
    from skdvn.inference import GradientAscent, infer
    from skdvn.networks import LabelNetwork

    stored = np.load(data_home / "reference_bibtex" / "weights.npz")
    W1, b1, W2, b2, C1, c2 = (
        torch.from_numpy(stored[name]) for name in ("W1", "b1", "W2", "b2", "C1", "c2")
    )
    network = LabelNetwork(1836, 159, (150,), (16,))
    network.load_state_dict(
        {
            "input.weight": W1,
            "input.bias": b1,
            "hidden.0.weight": W2.T,
            "hidden.0.bias": b2,
            "interaction.layers.0.weight": C1.T,
            "interaction.readout": c2,
        }
    )
    X, Y = load_bibtex(data_home, subset="test", return_X_y=True)
    inputs = (X.toarray() - stored["mean"]) / stored["std"]
    cpu = torch.device("cpu")
    queries = Queries(
        Rows(inputs, cpu, torch.float32), ConstantRows(torch.zeros(159), len(Y))
    )
    y = infer(
        network, GradientAscent(n_steps=20, step_size=0.5), queries, batch_size=512
    )
    assert relaxed_f1_score(Y, y.numpy() >= 0.5) == pytest.approx(0.4470, abs=5e-4)


@pytest.mark.slow
def test_short_fit_on_bibtex(data_home):
    X, Y = load_bibtex(data_home, return_X_y=True)
    X_test, Y_test = load_bibtex(data_home, subset="test", return_X_y=True)
    clf = make(hidden_layer_sizes=(100,), learning_rate_init=0.6, max_iter=25)
    clf.fit(X[:500], Y[:500])
    assert clf.score(X_test[:500], Y_test[:500]) > 0.25


@pytest.mark.slow
def test_default_on_bibtex(data_home):
    X, Y = load_bibtex(data_home, return_X_y=True)
    X_test, Y_test = load_bibtex(data_home, subset="test", return_X_y=True)
    clf = DVNMultiLabelClassifier(random_state=0).fit(X, Y)
    assert clf.score(X_test, Y_test) >= 0.48


# -- one fit after another -------------------------------------------------------


@pytest.fixture(scope="module")
def clean_digits():
    return load_digit_attributes(return_X_y=True)


def test_partial_fit_after_cross_fitting(clean_digits):
    X, Y = clean_digits
    clf = DVNMultiLabelClassifier(
        network="linear", max_iter=1, hidden_layer_sizes=(8,), random_state=0
    )
    clf.fit(X[:150], Y[:150]).partial_fit(X[150:300], Y[150:300])
    assert len(members(clf.network_)) == 5
    assert clf.predict(X[:3]).shape == (3, 10)


def test_partial_fit_fit_partial_fit(small):
    X, Y = small
    clf = make(max_iter=2).partial_fit(X, Y).fit(X, Y)
    before = clf.history_[-1]["loss"]
    for _ in range(5):
        clf.partial_fit(X, Y)
    assert clf.history_[-1]["loss"] < before


def test_warm_start_keeps_members_and_follows_the_data(clean_digits):
    """From double to single precision, with and without rows to choose on."""
    X, Y = clean_digits
    clf = DVNMultiLabelClassifier(
        network="linear",
        max_iter=1,
        hidden_layer_sizes=(8,),
        warm_start=True,
        random_state=0,
    )
    clf.fit(X[:120], Y[:120])
    clf.fit(X[:300], Y[:300])
    assert len(members(clf.network_)) == 5
    clf.fit(X[:300], Y[:300], X_val=X[300:400], y_val=Y[300:400])
    assert clf.predict(X[:3]).shape == (3, 10)


def test_warm_start_obeys_new_settings(small):
    X, Y = small
    clf = make(max_iter=2, warm_start=True).fit(X, Y)
    clf.set_params(learning_rate_init=0.01, alpha=0.5).fit(X, Y)
    assert (clf.learning_rate_init_, clf.alpha_) == (0.01, 0.5)


def test_warm_start_refuses_other_classes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    clf = make(max_iter=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="warm_start=True needs the classes"):
        clf.fit(X, y + 5)


def test_interrupt_while_choosing_keeps_what_is_trained(clean_digits, monkeypatch):
    X, Y = clean_digits
    clf = DVNMultiLabelClassifier(
        network="linear", max_iter=1, hidden_layer_sizes=(8,), random_state=0
    )

    def interrupt(*arguments, **keywords):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skdvn.training.scoring.encoded", interrupt)
        with pytest.warns(ConvergenceWarning, match="interrupted"):
            clf.fit(X[:150], Y[:150])
    assert clf.predict(X[:3]).shape == (3, 10)


def test_threads_fit_alike(small):
    """Weights come from no shared source of randomness."""
    X, Y = small
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda _: make(max_iter=1).fit(X, Y), range(8)))
    expected = fits[0].predict_proba(X)
    for clf in fits[1:]:
        np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_prediction_leaves_the_random_state_alone(small):
    X, Y = small
    state = np.random.RandomState(0)
    clf = make(max_iter=1).set_params(random_state=state).fit(X, Y)
    before = state.get_state()[2]
    clf.predict(X)
    assert state.get_state()[2] == before
