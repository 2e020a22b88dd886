"""Tests of what comes before, and instead of, the local part of the label network."""

import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from scipy.stats import spearmanr
from settings import QUICK_LABELS
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch import nn

from skdvn import DVNMultiLabelClassifier, EarlyStopping, Loss
from skdvn.baselines import FeedForwardClassifier, PlugInClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.networks import (
    GuessLabelNetwork,
    LabelNetwork,
    autograd_score_and_grad,
    check_network,
    members,
)
from skdvn.oracles import ORACLES, relaxed_f1
from skdvn.persistence import load, save

X, Y = load_digit_attributes(noise=3, return_X_y=True)
X = X.reshape(-1, 8, 8, 1)
X, X_TEST, Y, Y_TEST = X[:300], X[300:400], Y[:300], Y[300:400]


class Encoder(nn.Module):
    """A convolution of small images."""

    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, stride=2)

    def forward(self, x):
        return torch.relu(self.conv(x.movedim(-1, 1)))


def make(**params):
    return DVNMultiLabelClassifier(
        **{**QUICK_LABELS, "max_iter": 20, "encoder": Encoder, **params}
    )


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, Y)


def test_images_are_tagged(fitted):
    assert fitted.predict(X_TEST).shape == (100, 10)
    assert fitted.score(X_TEST, Y_TEST) > 0.65
    assert fitted.network_.encoder.conv.weight.shape == (8, 1, 3, 3)


def test_a_fit_is_reproducible(fitted, global_randomness_untouched):
    again = make().fit(X, Y)
    np.testing.assert_array_equal(
        again.predict_proba(X_TEST), fitted.predict_proba(X_TEST)
    )
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(X_TEST), fitted.predict(X_TEST))


def test_a_module_keeps_its_weights_and_is_not_changed():
    encoder = Encoder()
    before = encoder.conv.weight.detach().clone()
    clf = make(encoder=encoder, max_iter=1, learning_rate_init=1e-9).fit(X, Y)
    torch.testing.assert_close(clf.network_.encoder.conv.weight.cpu(), before)
    clf.set_params(learning_rate_init=0.3).fit(X, Y)
    assert not torch.allclose(clf.network_.encoder.conv.weight.cpu(), before)
    assert torch.equal(encoder.conv.weight, before)


def test_several_networks_have_encoders_of_their_own():
    clf = make(n_networks=2, max_iter=1).fit(X, Y)
    first, second = (one.encoder.conv.weight for one in members(clf.network_))
    assert not torch.allclose(first, second)


def test_many_rows_of_pixels_are_standardised_alike(fitted):
    moved = make().fit(100 * X + 7, Y)
    np.testing.assert_allclose(
        moved.predict_proba(100 * X_TEST + 7), fitted.predict_proba(X_TEST), atol=1e-3
    )


def test_flat_inputs_and_cross_validation():
    flat = nn.Sequential(nn.Linear(64, 8), nn.ReLU())
    scores = cross_val_score(make(encoder=flat), X.reshape(300, -1), Y, cv=2)
    assert scores.min() > 0.5
    assert cross_val_score(make(max_iter=1), X, Y, cv=2).shape == (2,)


# -- an encoder that makes the guess --------------------------------------------------

GUESSING = {"encoder": Encoder, "cv": 2, "max_iter": 3, "random_state": 0}


def networks_behind(clf):
    ((_, expert),) = clf.guess_.experts_
    return expert.estimators_


@pytest.fixture(scope="module")
def guessing():
    return DVNMultiLabelClassifier(**GUESSING).fit(X, Y)


def test_an_encoder_guesses_once_per_fold(guessing):
    first, second = networks_behind(guessing)
    assert not torch.equal(
        first.network_.encoder.conv.weight, second.network_.encoder.conv.weight
    )
    assert first.random_state != second.random_state
    both = [one.predict_proba(X_TEST) for one in (first, second)]
    middle = expit(np.mean([logit(p) for p in both], axis=0))
    # What is learned on top is one monotone function of it for each label.
    found = guessing.predict_proba(X_TEST)
    for label in range(Y.shape[1]):
        assert spearmanr(found[:, label], middle[:, label]).statistic > 0.999
    again = DVNMultiLabelClassifier(**GUESSING).fit(X, Y)
    np.testing.assert_array_equal(again.predict(X_TEST), guessing.predict(X_TEST))


def test_values_on_an_encoder_know_what_it_has_not_seen():
    clf = DVNMultiLabelClassifier(**GUESSING | {"max_iter": 30}).fit(X, Y)
    assert clf.predict_value(X_TEST).mean() == pytest.approx(
        clf.score(X_TEST, Y_TEST), abs=0.04
    )
    own = make(network="oracle", estimators=(), refit=True).fit(X, Y)
    assert own.guess_ is None
    assert own.predict_value(X_TEST).mean() > own.score(X_TEST, Y_TEST) + 0.06


def test_what_is_said_of_training_is_for_the_encoder(guessing):
    clf = clone(guessing).set_params(learning_rate_init=0.2, n_networks=2).fit(X, Y)
    for one in networks_behind(clf):
        assert (one.n_iter_, one.learning_rate_init_) == (3, 0.2)
        assert len(members(one.network_)) == 2
    assert clf.n_iter_ == 1
    assert len(members(clf.network_)) == 1
    assert len(networks_behind(clf.set_params(refit=True).fit(X, Y))) == 1


@pytest.mark.parametrize(("name", "value"), [("solver", "lbfgs"), ("cv", "prefit")])
def test_encoders_learn_in_mini_batches_by_folds(name, value):
    clf = DVNMultiLabelClassifier(**{**GUESSING, name: value})
    with pytest.raises(ValueError, match=f"{name}='{value}' is for estimators.*Leave"):
        clf.fit(X, Y)


def test_a_guess_by_an_encoder_is_saved_without_it(guessing, tmp_path):
    path = tmp_path / "clf.safetensors"
    with pytest.raises(ValueError, match=r"encoder=.*without=\['encoder'\]"):
        save(guessing, path)
    save(guessing, path, without=["encoder"])
    loaded = load(path, encoder=Encoder)
    np.testing.assert_array_equal(
        loaded.predict_value(X_TEST), guessing.predict_value(X_TEST)
    )
    assert loaded.fit(X, Y).guess_ is not None


def test_estimators_with_an_encoder_are_saved_without_it(tmp_path):
    path = tmp_path / "clf.safetensors"
    behind = FeedForwardClassifier((4,), encoder=Encoder, max_iter=1, random_state=0)
    clf = DVNMultiLabelClassifier([("net", behind)], cv=2, random_state=0).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"once they are fitted.*without=\['encoder'\]"
    ):
        save(clf, path)
    save(clf, path, without=["encoder"])
    loaded = load(path, encoder=Encoder)
    np.testing.assert_array_equal(loaded.predict(X_TEST), clf.predict(X_TEST))
    assert loaded.encoder is None
    np.testing.assert_array_equal(loaded.fit(X, Y).predict(X), clf.predict(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"encoder": nn.Conv2d(3, 4, 3)}, r"encoder=.* failed on x of shape \(2, 8, 8"),
        ({"encoder": lambda: 3}, "encoder must be a torch.nn.Module.*got int"),
        ({"encoder": lambda: 1 / 0}, "failed when called with no arguments"),
        ({"encoder": "resnet"}, "encoder"),
        ({"encoder": None}, r"n_features\).*Flatten.*encoder"),
    ],
)
def test_bad_encoders(params, message):
    clf = make(**params)
    with pytest.raises((TypeError, ValueError), match=message):
        clf.fit(X, Y)
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize("estimators", ["auto", ()])
def test_a_bad_encoder_is_no_matter_of_folds(estimators):
    clf = DVNMultiLabelClassifier(estimators, encoder=nn.Conv2d(3, 4, 3))
    with pytest.raises(ValueError, match=r"^encoder=.*of shape \(8, 8, 1\); torch's"):
        clf.fit(X, Y)


def test_other_shapes_at_predict_are_refused(fitted):
    with pytest.raises(ValueError, match=r"rows of shape \(8, 4, 1\).*\(8, 8, 1\)"):
        fitted.predict(X_TEST[:, :, :4])


# -- a value on top of a guess --------------------------------------------------------


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
@pytest.mark.parametrize("apart", [False, True])
def test_the_closed_form_is_the_gradient(oracle, apart, make_network, uniform):
    network = GuessLabelNetwork(make_network(), oracle, apart)
    with torch.no_grad():
        network.labels.interaction.readout.fill_(0.3)
    network = network.double()
    x, y = uniform(6, 5), uniform(6, 4, seed=1)
    check_network(network, x, y)
    context = network.encode(x).detach()
    _, expected = autograd_score_and_grad(network, context, y)
    torch.testing.assert_close(network.score_and_grad(context, y)[1], expected)


def test_it_starts_as_the_expected_value_of_its_guess(make_network, uniform):
    network = GuessLabelNetwork(make_network(), relaxed_f1).double()
    x = uniform(6, 5)
    context = network.encode(x)
    guess = network.guess(context)
    certain = (guess > 0.5).double()
    sure = torch.where(guess > 0.5, 20.0, -20.0).double()
    value = torch.sigmoid(network.score(sure, certain))
    assert (value > 0.85).all()  # 1 but for the smoothing
    assert (torch.sigmoid(network.score(sure, 1 - certain)) < 0.2).all()


def test_apart_only_the_guess_trains_the_local_part(make_network, uniform):
    network = GuessLabelNetwork(make_network(), relaxed_f1, apart=True).double()
    x, y = uniform(6, 5), uniform(6, 4, seed=1)
    network.score(network.encode(x), y).sum().backward()
    assert all(p.grad is None for p in network.labels.hidden.parameters())
    network.guess_losses(network.encode(x), y).sum().backward()
    assert all(p.grad is not None for p in network.labels.hidden.parameters())


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"encoder": None},
        pytest.param({"oracle": "accuracy"}, marks=pytest.mark.slow),
        pytest.param({"init": "zeros"}, marks=pytest.mark.slow),
        pytest.param({"n_networks": 2}, marks=pytest.mark.slow),
        pytest.param({"tau": 0.3}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_oracle_shaped_values_learn(params):
    clf = make(network="oracle", estimators=(), **params)
    flat = clf.encoder is None
    x, x_test = (part.reshape(len(part), -1) if flat else part for part in (X, X_TEST))
    clf.fit(x, Y)
    assert clf.score(x_test, Y_TEST) > 0.65
    assert np.isfinite(clf.predict_value(x_test)).all()


def test_a_guess_is_asked_only_of_networks_that_have_one():
    class Plain(nn.Module):
        def __init__(self, n_features, n_labels):
            super().__init__()
            self.layer = nn.Linear(n_features, n_labels)

        def encode(self, x):
            return self.layer(x)

        def score(self, context, y):
            return (context * y).sum(1)

    flat = X.reshape(300, -1)
    plain = make(encoder=None, network=Plain)
    plain.fit(flat, Y)
    for params in ({"init": "guess"}, {"loss": Loss(guess_weight=1.0)}):
        with pytest.raises(ValueError, match=r"Plain lacks the method.*guess_losses"):
            make(encoder=None, network=Plain, **params).fit(flat, Y)
    with pytest.raises(ValueError, match="tuples names 'guess'.*Plain has no method"):
        make(encoder=None, network=Plain, tuples={"guess": 1}).fit(flat, Y)


def test_the_feed_forward_part_can_start_the_paper_s_network():
    clf = make(encoder=None, init="guess", loss=Loss(guess_weight=0.3))
    flat, flat_test = X.reshape(300, -1), X_TEST.reshape(100, -1)
    clf.fit(flat, Y)
    assert isinstance(clf.network_, LabelNetwork)
    assert clf.score(flat_test, Y_TEST) > 0.65


# -- the feed-forward network alone ---------------------------------------------------


def test_feed_forward_networks_share_encoders():
    clf = FeedForwardClassifier(
        (16,), encoder=Encoder, max_iter=20, learning_rate_init=0.3, random_state=0
    ).fit(X, Y)
    assert clf.score(X_TEST, Y_TEST) > 0.65
    proba = clf.predict_proba(X_TEST)
    np.testing.assert_array_equal(clf.predict(X_TEST), proba >= 0.5)
    # Trained on the likelihood, probabilities are about as high as labels are frequent.
    assert proba.mean() == pytest.approx(Y_TEST.mean(), abs=0.08)
    assert not hasattr(clf, "predict_value")


def test_feed_forward_networks_stop_early_and_predict_jointly():
    flat, flat_test = X.reshape(300, -1), X_TEST.reshape(100, -1)
    clf = FeedForwardClassifier(
        (16,), early_stopping=EarlyStopping(2), n_networks=2, random_state=0
    ).fit(flat, Y)
    scores = [e["validation_score"] for e in clf.history_ if "validation_score" in e]
    assert clf.validation_score_ == pytest.approx(max(scores))
    assert len(members(clf.network_)) == 2
    decided = PlugInClassifier(FeedForwardClassifier((16,), max_iter=5)).fit(flat, Y)
    assert (decided.predict(flat_test).sum(1) > 0).all()
