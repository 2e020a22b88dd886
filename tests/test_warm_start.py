"""Going on from the last fit: parameters that would make other networks are refused."""

import copy

import numpy as np
import pytest
import torch
from settings import QUICK_LABELS

from skdvn import DVNMultiLabelClassifier, LabelNet, Loss
from skdvn.baselines import FeedForwardClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = (X[:, :3] > 0).astype(int)
FAST = QUICK_LABELS | {"hidden_layer_sizes": (4,), "n_steps": 3, "max_iter": 1}
OWN_GUESS = {"network": "oracle", "estimators": ()}


class Network(torch.nn.Module):
    def __init__(self, n_features, n_labels, width=2):
        super().__init__()
        self.of_x = torch.nn.Linear(n_features, width)
        self.of_y = torch.nn.Linear(n_labels, width)

    def encode(self, x):
        return self.of_x(x)

    def score(self, context, y):
        return (context * self.of_y(y)).sum(1)


def make(**params):
    return DVNMultiLabelClassifier(**FAST | {"warm_start": True} | params)


def check_refused(clf, method="fit", **params):
    """Going on with these parameters is refused, and leaves the estimator as it was."""
    before = clf.network_, clf.history_
    clf.set_params(**params)
    name = next(iter(params)).partition("__")[0]
    with pytest.raises(ValueError, match=rf"{name}=.*other networks.*warm_start=False"):
        getattr(clf, method)(X, Y)
    assert (clf.network_, clf.history_) == before


CHANGES = [
    {"hidden_layer_sizes": (5,)},
    {"hidden_layer_sizes": (4, 4)},
    {"network": LabelNet(activation="relu")},
    {"network": LabelNet(n_global_units=3)},
    {"network": "oracle", "estimators": ()},
    {"network": Network},
    {"encoder": torch.nn.Linear(4, 4)},
    {"n_networks": 2},
]


@pytest.mark.parametrize("params", CHANGES, ids=str)
def test_other_networks_are_refused(params):
    check_refused(make().fit(X, Y), **params)


@pytest.mark.parametrize("params", [CHANGES[0], CHANGES[2], CHANGES[-1]], ids=str)
def test_partial_fit_refuses_them_too(params):
    check_refused(make().partial_fit(X, Y), "partial_fit", **params)


def test_fewer_networks_and_other_objects_of_the_user():
    check_refused(make(n_networks=2).fit(X, Y), n_networks=1)
    check_refused(
        make(network=Network).fit(X, Y), network=lambda n, m: Network(n, m, 3)
    )
    clf = make(encoder=torch.nn.Linear(4, 4)).fit(X, Y)
    check_refused(clf, encoder=torch.nn.Linear(4, 5))


def test_what_is_built_into_a_value_on_a_guess():
    check_refused(make(**OWN_GUESS).fit(X, Y), oracle="iou")
    check_refused(make(**OWN_GUESS).fit(X, Y), loss=Loss(guess_weight=0))


@pytest.mark.parametrize(
    "params", [{"hidden_layer_sizes": 5}, {"activation": "relu"}, {"n_networks": 2}]
)
def test_feed_forward_networks(params):
    fast = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
    clf = FeedForwardClassifier(**fast, warm_start=True).fit(X, Y)
    check_refused(clf, **params)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": 4},
        {"network": LabelNet("linear")},
        {"oracle": "iou", "alpha": 0.1, "tau": 0.1, "solver": "adam", "init": 0.3},
    ],
    ids=str,
)
def test_all_else_may_change(params):
    clf = make().fit(X, Y).set_params(**params)
    assert clf.fit(X, Y).partial_fit(X, Y).n_iter_ == 2


def test_networks_of_folds_go_on():
    rows = np.tile(X, (5, 1)), np.tile(Y, (5, 1))
    clf = make(refit=False, n_steps="auto").fit(*rows)
    assert clf.n_networks == 1
    copy.deepcopy(clf).fit(*rows).partial_fit(*rows).fit(*rows)
