"""Labels guessed by estimators, and the network that stands on what they say."""

import itertools
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from skdvn import DVNMultiLabelClassifier, LabelNet, Loss, recipes
from skdvn.data import Examples, Rows
from skdvn.datasets import load_digit_attributes
from skdvn.inference import GradientAscent
from skdvn.metrics import relaxed_f1_score, value_pairs
from skdvn.networks import CountNetwork, conditional_labels
from skdvn.oracles import ORACLES, relaxed_f1
from skdvn.persistence import load, save
from skdvn.training import (
    Batch,
    FullBatchTrainer,
    Objective,
    Optimization,
    TupleMixture,
    TupleSettings,
    guess,
    inference,
    other_truths,
    stratified,
)
from skdvn.training.optimizers import LBFGS

PERMUTED = np.random.default_rng(0).permutation(1797)
X, Y = (part[PERMUTED] for part in load_digit_attributes(noise=6, return_X_y=True))
X, X_TEST, Y, Y_TEST = X[:300], X[300:900], Y[:300], Y[300:900]
CPU, DOUBLE = torch.device("cpu"), torch.float64
LR = OneVsRestClassifier(LogisticRegression(solver="liblinear", C=0.01))


def seeded():
    return torch.Generator().manual_seed(0)


def make(estimators="auto", **params):
    return DVNMultiLabelClassifier(estimators, random_state=0, **params)


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, Y)


# -- estimators ------------------------------------------------------------------------


def test_who_guesses(fitted):
    assert [name for name, _ in fitted.guess_.experts_] == [
        *("logistic", "trees", "neighbors", "kernel_ridge")
    ]
    own = make((), max_iter=1, step_size=0.5, n_steps=5, refit=True).fit(X, Y)
    assert own.guess_ is None
    assert not np.allclose(own.predict_proba(X), own.predict_relaxed(X))
    paper = make(network="linear", max_iter=1, refit=True).fit(X, Y)
    assert paper.guess_ is None
    assert_array_equal(paper.predict_proba(X), paper.predict_relaxed(X))


def test_the_guess_is_that_of_the_stack(fitted):
    assert_allclose(fitted.predict_proba(X_TEST), fitted.guess_.predict_proba(X_TEST))
    assert not hasattr(fitted.guess_, "cross_fitted_")  # not kept twice


def test_better_than_a_threshold_on_the_guess(fitted):
    assert fitted.score(X_TEST, Y_TEST) > 0.78
    above = fitted.predict_proba(X_TEST) >= 0.5
    assert fitted.score(X_TEST, Y_TEST) > relaxed_f1_score(Y_TEST, above)


def test_estimators_of_ones_own():
    names = [("lr", LR), ("drop", "drop"), ("nb", OneVsRestClassifier(GaussianNB()))]
    clf = make(names, cv=2)
    clf.fit(X, Y)
    assert [name for name, _ in clf.guess_.experts_] == ["lr", "nb"]
    assert clf.score(X_TEST, Y_TEST) > 0.7
    names = [f"pixel {i}" for i in range(64)]
    frame = pd.DataFrame(X, columns=names)
    piped = make([("lr", make_pipeline(StandardScaler(), LR))], cv=2).fit(frame, Y)
    assert piped.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="64 features|63 features"):
        piped.predict(frame.iloc[:, :63].to_numpy())


def test_parameters_of_named_estimators():
    clf = make([("lr", LR), ("nb", OneVsRestClassifier(GaussianNB()))], cv=3)
    twin = clone(clf).set_params(lr__estimator__C=0.5, nb="drop", tau=0.1)
    assert twin.get_params()["lr__estimator__C"] == 0.5 and twin.tau == 0.1
    assert dict(twin.estimators)["nb"] == "drop" and LR.estimator.C == 0.01
    assert "lr" not in clf.get_params(deep=False)
    with pytest.raises(ValueError, match="rl"):
        clf.set_params(rl__estimator__C=1)
    search = GridSearchCV(
        make([("lr", LR)], cv=2), {"lr__estimator__C": [1e-6, 0.01]}, cv=2
    )
    assert search.fit(X[:120], Y[:120]).best_params_ == {"lr__estimator__C": 0.01}


def test_texts():
    words = np.array(["red", "green", "blue"])
    rng = np.random.default_rng(0)
    truth = rng.random((80, 3)) < 0.5
    truth[:, 0] |= ~truth.any(1)
    texts = [" ".join(words[row]) for row in truth]
    clf = make([("tf-idf", make_pipeline(TfidfVectorizer(), LR))], cv=4)
    clf.fit(texts, truth.astype(int))
    assert clf.score(texts[:20], truth[:20].astype(int)) > 0.9
    assert clf.predict_value(texts[:20]).shape == (20,)


@pytest.mark.parametrize(("refit", "n_kept"), [("auto", 1), (True, 1), (False, 3)])
def test_who_predicts_new_rows(refit, n_kept):
    clf = make([("lr", LR)], cv=3, refit=refit).fit(X, Y)
    assert len(clf.guess_.experts_[0][1].estimators_) == n_kept
    assert clf.score(X_TEST, Y_TEST) > 0.65


def test_prefit_estimators_stay_as_they_are():
    first = clone(LR).fit(X_TEST, Y_TEST)
    before = first.estimators_[0].coef_.copy()
    clf = make([("lr", first)], cv="prefit").fit(X, Y)
    assert clf.guess_.experts_[0][1].estimators_[0] is first
    assert_array_equal(first.estimators_[0].coef_, before)


BAD = {
    "no classifier": ({"estimators": (20,)}, "list of .name, classifier."),
    "a name twice": ({"estimators": [("a", LR), ("a", LR)]}, "'a'.*more than once"),
    "no folds": ({"estimators": [("lr", LR)], "cv": 400}, r"cv=400.*300 rows.*'lr'"),
    "linear": (
        {"estimators": [("lr", LR)], "network": "linear"},
        r"network='oracle'.*Set estimators to 'auto' or \(\)",
    ),
    "encoder": (
        {"estimators": [("lr", LR)], "encoder": torch.nn.Identity},
        r"without an encoder.*Set estimators to 'auto' or \(\)",
    ),
    "lbfgs": (
        {"network": "linear", "solver": "lbfgs"},
        "solver='lbfgs' is for networks.*LabelNetwork.*Allowed are 'sgd'",
    ),
    "hinge": ({"loss": "hinge"}, "solver='lbfgs' minimises.*loss='hinge'"),
    "loss of the guess": ({"loss": Loss(guess_weight=1)}, "guess_weight to 0"),
    "a name of a parameter": ({"estimators": [("cv", LR)]}, "'cv'.*other names"),
    "no such solver": ({"solver": "newton"}, "solver"),
    "no such estimators": ({"estimators": "all"}, "estimators"),
    "one alone": ({"estimators": LR}, r"list of .*Write \[\('name', classifier\)\]"),
}


@pytest.mark.parametrize("params, message", BAD.values(), ids=BAD)
def test_what_is_refused_leaves_the_last_fit(fitted, params, message):
    clf = pickle.loads(pickle.dumps(fitted)).set_params(**params)
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(X, Y)
    state = vars(clf)["guess_"].weights_
    assert_array_equal(state, fitted.guess_.weights_)


@pytest.mark.parametrize("idle", [{"hidden_layer_sizes": 20}, {"standardize": False}])
def test_parameters_without_an_effect_are_named(idle):
    clf, (name,) = make([("lr", LR)], cv=2, **idle), idle
    few = X[:60], Y[:60]
    with pytest.warns(UserWarning, match=rf"{name}=.* has no effect"):
        clf.fit(*few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make([("lr", LR)], cv=2, hidden_layer_sizes=[300]).fit(*few)
        clf.set_params(**recipes.QUICK | idle | {"max_iter": 1}).set_params(
            estimators="auto"
        )
        clf.fit(*few)


# -- probabilities ---------------------------------------------------------------------


def test_probabilities_mean_what_they_say(fitted):
    p, relaxed = fitted.predict_proba(X_TEST), fitted.predict_relaxed(X_TEST)
    truth = Y_TEST.ravel()
    assert log_loss(truth, p.ravel()) < 0.4 < log_loss(truth, relaxed.ravel())
    for k in range(5):
        inside = (p >= k / 5) & (p < (k + 1) / 5)
        assert abs(p[inside].mean() - Y_TEST[inside].mean()) < 0.08
    for name in ("roc_auc", "average_precision"):
        assert get_scorer(name)(fitted, X_TEST, Y_TEST) > 0.85


def test_stages_end_in_relaxed_labels(fitted):
    stages = list(fitted.staged_predict_relaxed(X_TEST[:9]))
    assert len(stages) == fitted.n_steps_ == 10
    assert_allclose(stages[-1], fitted.predict_relaxed(X_TEST[:9]))
    assert_array_equal(stages[-1] >= 0.5, fitted.predict(X_TEST[:9]))


def test_classes():
    y = np.array(["even", "odd", "prime"])[Y[:, 0] + Y[:, 1]]
    clf = make(cv=2).fit(X, y)
    p = clf.predict_proba(X_TEST)
    assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert_array_equal(clf.classes_[p.argmax(1)], clf.predict(X_TEST))
    assert cross_val_score(clf, X, y, scoring="neg_log_loss", cv=2).min() > -1


def test_rows_get_their_most_probable_labels_where_many_are_asked_for(fitted):
    clf = pickle.loads(pickle.dumps(fitted)).set_params(min_labels=5)
    p, predicted = clf.predict_proba(X_TEST), clf.predict(X_TEST).astype(bool)
    plain = fitted.predict(X_TEST).astype(bool)
    few = plain.sum(1) < 5
    assert few.any() and (predicted.sum(1) >= 5).all()
    added = predicted & ~plain
    for row in np.flatnonzero(few):
        assert p[row][added[row]].min() >= p[row][~predicted[row]].max()


# -- values ----------------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("oracle", ["f1", "iou", "accuracy"])
def test_values_are_near_the_truth(oracle):
    clf = make(oracle=oracle).fit(X, Y)
    predicted, true = value_pairs(clf, X_TEST, Y_TEST)
    assert abs(predicted.mean() - true.mean()) < 0.03
    assert np.corrcoef(predicted, true)[0, 1] > 0.4
    # Of what has nothing to do with the truth of its row, too.
    others = np.roll(Y_TEST, 1, axis=0)
    of_rows = ORACLES[oracle](*map(torch.as_tensor, (others * 1.0, Y_TEST * 1.0)))
    assert abs(clf.predict_value(X_TEST, others).mean() - of_rows.mean()) < 0.05


def trained(generators, p, Y_true, tau=0.0):
    network = CountNetwork(p.shape[1], relaxed_f1).double()
    examples = Examples(Rows(p, CPU, DOUBLE), Rows(Y_true, CPU, DOUBLE))
    ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
    mixture = TupleMixture(dict.fromkeys(generators, 1.0))
    objective = Objective(mixture, TupleSettings(relaxed_f1, ascent, 1, tau))
    trainer = FullBatchTrainer(
        network,
        examples,
        objective,
        Optimization("lbfgs", alpha=1e-3, batch_size=500),
        1,
        torch.Generator().manual_seed(0),
    )
    trainer.run_epoch()
    return network


def test_only_tuples_that_know_nothing_of_the_truth_teach_what_to_expect():
    """Labels are drawn from p itself, so that expected values are known exactly."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.7, 0.9, size=(1500, 5)).clip(0.01, 0.99)
    truth = (rng.random(p.shape) < p).astype(float)
    y = torch.as_tensor((rng.random(p.shape) < p).astype(float))
    exact = CountNetwork(5, relaxed_f1).double()
    expected = torch.sigmoid(exact.score(exact.encode(torch.as_tensor(p)), y))
    errors = {}
    for name, generators in {
        "independent": (inference, guess, other_truths),
        "dependent": (stratified, inference),
    }.items():
        network = trained(generators, p, truth, tau=0.2)
        values = torch.sigmoid(network.score(network.encode(torch.as_tensor(p)), y))
        errors[name] = (values - expected).mean().item()
    assert abs(errors["independent"]) < 0.015
    assert errors["dependent"] > 0.05


def test_l_bfgs_ends_where_the_loss_is_flat():
    rng = np.random.default_rng(0)
    p = rng.beta(0.7, 0.9, size=(200, 4)).clip(0.01, 0.99)
    network = trained((guess,), p, (p > 0.5).astype(float))
    x, truth = torch.as_tensor(p), torch.as_tensor((p > 0.5).astype(float))
    context = network.encode(x)
    samples = [
        network.sample(context, torch.Generator().manual_seed(k)) for k in range(9)
    ]
    scores = torch.stack([network.score(context, y) for y in samples])
    values = torch.stack([relaxed_f1(y, truth) for y in samples])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, values)
    for grad in torch.autograd.grad(loss, (network.log_slope, network.bias)):
        assert abs(grad) < 0.03


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_guess_does_not_look_at_the_truth(seed, tau):
    rng = torch.Generator().manual_seed(seed)
    network = CountNetwork(4, relaxed_f1).double()
    context = network.encode(torch.rand(6, 4, generator=rng).double())
    settings = TupleSettings(relaxed_f1, GradientAscent(2), tau=tau)
    outputs = []
    for truth in (torch.zeros(6, 4), torch.ones(6, 4)):
        generator = torch.Generator().manual_seed(seed)
        batch = Batch(
            network,
            context,
            truth.double(),
            context[0],
            torch.arange(6),
            settings,
            generator,
        )
        (y,) = guess(batch)
        assert set(y.unique().tolist()) <= {0.0, 1.0}
        outputs.append(y)
    assert torch.equal(*outputs)


def test_tau_says_how_far_from_a_sample_of_the_guess():
    network = CountNetwork(6, relaxed_f1).double()
    context = network.encode(torch.full((300, 6), 0.5).double())
    y, agreement = torch.zeros(300, 6).double(), []
    for tau in (0.0, 0.1, 1.0):
        settings, rng = TupleSettings(relaxed_f1, GradientAscent(2), tau=tau), seeded()
        centre = network.sample(context, seeded())
        batch = Batch(network, context, y, y, torch.arange(300), settings, rng)
        agreement.append(relaxed_f1(guess(batch)[0], centre).mean().item())
    assert agreement[0] == 1 > agreement[1] > agreement[2] + 0.05


@pytest.mark.parametrize("n_steps", [1, 4])
def test_steps_that_fall_in_equal_parts(n_steps):
    ascent = GradientAscent(n_steps, 0.8, "logit", step_decay="linear")
    field = lambda y: (y.sum(1), torch.full_like(y, 0.01))  # noqa: E731
    ys = [
        torch.zeros(1, 1),
        *(y.clone() for y in ascent.iterates(field, torch.zeros(1, 1))),
    ]
    sizes = [100 * (b - a).item() for a, b in itertools.pairwise(ys)]
    assert_allclose(sizes, 0.8 * np.arange(n_steps, 0, -1) / n_steps, rtol=1e-4)


# -- weights, more rows, files ---------------------------------------------------------


def test_a_weight_is_a_number_of_repetitions():
    weight = np.arange(100) % 3
    repeated = np.repeat(np.arange(100), weight)
    order = np.random.default_rng(0).permutation(len(repeated))
    weighted = make(cv=2).fit(X[:100], Y[:100], weight)
    longer = make(cv=2).fit(X[repeated][order], Y[repeated][order])
    assert_allclose(
        weighted.predict_proba(X_TEST), longer.predict_proba(X_TEST), atol=1e-6
    )
    assert_allclose(
        weighted.predict_value(X_TEST), longer.predict_value(X_TEST), atol=1e-5
    )


def test_partial_fit_after_fit_trains_what_stands_on_the_estimators(fitted):
    clf = pickle.loads(pickle.dumps(fitted))
    empty = np.zeros_like(Y_TEST)
    empty[:, 0] = 1  # what was learned is wrong now
    for _ in range(10):
        clf.partial_fit(X_TEST, empty)
    assert_array_equal(clf.predict_proba(X_TEST), fitted.predict_proba(X_TEST))
    before, after = (one.predict_value(X_TEST, Y_TEST).mean() for one in (fitted, clf))
    assert after < before - 0.1
    with pytest.raises(ValueError, match="estimators=.*cannot be used in partial_fit"):
        make([("lr", LR)]).partial_fit(X, Y)
    with pytest.raises(
        ValueError, match="solver='lbfgs' cannot be used in partial_fit"
    ):
        make(solver="lbfgs").partial_fit(X, Y)


@pytest.mark.slow
def test_other_solvers_learn_the_same_few_weights(fitted):
    other = make(solver="adam", max_iter=20).fit(X, Y)
    assert len(other.history_) == 20
    values = [clf.predict_value(X_TEST).mean() for clf in (fitted, other)]
    assert abs(values[0] - values[1]) < 0.03


@pytest.mark.one_in(2)
@pytest.mark.parametrize("as_form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("kind", [pytest.param(int, marks=pytest.mark.slow), float])
def test_files(tmp_path, as_form, kind):
    features = as_form(np.where(X > 8, X, 0).astype(kind)[:100])
    clf = make(cv=2).fit(features, Y[:100])
    save(clf, tmp_path / "clf.safetensors")
    again = load(tmp_path / "clf.safetensors")
    assert_array_equal(again.predict(features), clf.predict(features))
    assert_array_equal(again.predict_value(features), clf.predict_value(features))
    with pytest.raises(ValueError, match="once they are fitted.*joblib"):
        own = make([("lr", LR)], cv=2).fit(X[:100], Y[:100])
        save(own, tmp_path / "own.safetensors")


def test_settings_of_the_network_matter(fitted):
    clf = make(network=LabelNet("oracle"), n_networks=2).fit(X, Y)
    assert len(clf.network_.networks) == 2
    assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))


def test_labels_given_their_number_stay_probabilities():
    p = torch.tensor([[0.9, 0.5, 0.01, 0.001, 0.001]]).double()
    _, labels = conditional_labels(p, 3, n_apart=2)
    assert (labels.table() >= 0).all() and (labels.table() <= 1 + 1e-9).all()


def counts_of_threads():
    found = ThreadpoolController().info()
    return {one["filepath"]: one["num_threads"] for one in found}


def test_threads_are_given_back():
    """Also where several Python threads fit and predict at once."""
    seen, before = [], counts_of_threads()

    class Watching(GaussianNB):
        def fit(self, X, y):
            seen.append({*counts_of_threads().values(), torch.get_num_threads()})
            return super().fit(X, y)

    def work(seed):
        torch.set_num_threads(2)
        names = [("nb", OneVsRestClassifier(Watching()))]
        clf = DVNMultiLabelClassifier(names, cv=2, random_state=seed)
        clf.fit(X[:60], Y[:60]).predict(X[:5])
        return torch.get_num_threads()

    with ThreadpoolController().limit(limits=2):
        within = counts_of_threads()
        with ThreadPoolExecutor(3) as pool:
            after = {*pool.map(work, range(3)), work(7)}
        assert after == {2} and seen and all(counts == {1} for counts in seen)
        assert counts_of_threads() == within
        with pytest.raises(ValueError):
            make().fit(X, Y[:3])
        assert counts_of_threads() == within
    torch.set_num_threads(1)
    assert counts_of_threads() == before


def test_partial_fit_alone_is_that_of_the_own_guess():
    params = {"max_iter": 1, "solver": "sgd", "hidden_layer_sizes": (8,)}
    one, other = (make(given, **params) for given in ("auto", ()))
    for _ in range(3):
        one.partial_fit(X[:200], Y[:200])
        other.partial_fit(X[:200], Y[:200])
    assert_array_equal(one.predict_proba(X_TEST), other.predict_proba(X_TEST))


@pytest.mark.slow
def test_rows_of_very_many_labels():
    rng = np.random.default_rng(0)
    rates = np.r_[np.full(100, 0.95), np.full(100, 0.6)]
    labels = (rng.random((150, 200)) < rates).astype(int)
    clf = make(cv=2).fit(rng.normal(size=(150, 3)), labels)
    rows = rng.normal(size=(20, 3))
    truth = (rng.random((20, 200)) < rates).astype(int)
    above = relaxed_f1_score(truth, clf.predict_proba(rows) >= 0.5)
    assert clf.score(rows, truth) > above - 0.01


def test_what_was_fitted_by_another_kind_is_no_start():
    few = X[:100], Y[:100]
    clf = make((), cv=2, max_iter=1, refit=True, hidden_layer_sizes=(8,)).fit(*few)
    clf.set_params(estimators="auto", warm_start=True, max_iter="auto").fit(*few)
    fresh = make(cv=2).fit(*few)
    assert clf.alpha_ == fresh.alpha_ and clf.n_steps_ == fresh.n_steps_
    assert_array_equal(clf.predict_value(X_TEST), fresh.predict_value(X_TEST))


def test_sparse_forms_and_iterators_for_estimators_of_ones_own():
    clf = make([("a", LR), ("b", clone(LR))], cv=KFold(3).split(X))
    clf.fit(sparse.coo_matrix(X), sparse.coo_matrix(Y))
    assert clf.predict(sparse.coo_matrix(X_TEST)).shape == Y_TEST.shape


def test_l_bfgs_decays_weights_but_no_biases():
    network = torch.nn.Linear(1, 1)
    unused = torch.nn.Parameter(torch.ones(2))
    network.register_parameter("unused", unused)

    def loss():
        return (network.weight - 1).square().sum() + (network.bias - 1).square().sum()

    found = LBFGS(network, alpha=2.0).minimise(loss)
    assert network.weight.item() == pytest.approx(0.5, abs=1e-4)
    assert network.bias.item() == pytest.approx(1.0, abs=1e-4)
    assert found == pytest.approx(0.5, abs=1e-4) and unused.tolist() == [1, 1]
    assert network.weight.dtype == torch.float32
