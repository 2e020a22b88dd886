"""Numbers beyond all use are refused, or training says that it diverged."""

import numpy as np
import pytest
import torch
from doors import X, Y, feed_forward, linear, on_experts
from sklearn.utils._param_validation import Interval

from skdvn import (
    SGD,
    Adam,
    Ascent,
    DVNMultiLabelClassifier,
    EarlyStopping,
    LabelNet,
    Loss,
    Mixture,
)
from skdvn.baselines import FeedForwardClassifier

TOO_LARGE = {
    "alpha": 2e6,
    "learning_rate_init": 1e300,
    "n_networks": 10**9,
    "n_steps": 10**9,
    "step_size": 1e300,
    "tau": 1e300,
}
PARTS = {
    "ascent": (Ascent, {"noise": 1e300}),
    "early_stopping": (EarlyStopping, {"tol": 2}),
    "loss": (Loss, {"guess_weight": 1e300, "gradient_weight": 1e300}),
    "tuples": (
        Mixture,
        dict.fromkeys(("n_iterates", "n_samples", "replay_size", "lag"), 10**9),
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_parameters(name):
    with pytest.raises(ValueError, match=rf"'{name}' parameter.*in the range.*00"):
        linear(**{name: TOO_LARGE[name]}).fit(X, Y)


@pytest.mark.parametrize("name", ["alpha", "learning_rate_init", "n_networks"])
def test_parameters_of_baselines(name):
    with pytest.raises(ValueError, match=rf"'{name}' parameter.*in the range.*00"):
        feed_forward(**{name: TOO_LARGE[name]}).fit(X, Y)


@pytest.mark.parametrize(
    ("part", "name"), [(part, name) for part in PARTS for name in PARTS[part][1]]
)
def test_parameters_of_parts(part, name):
    kind, values = PARTS[part]
    with pytest.raises(ValueError, match=rf"'{name}' parameter.*in the range.*\d"):
        linear(**{part: kind(**{name: values[name]})}).fit(X, Y)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": 10**9},
        {"hidden_layer_sizes": (10**5, 10**5)},
        {"network": LabelNet(n_global_units=10**9)},
    ],
)
def test_networks_that_no_memory_holds(params):
    with pytest.raises(
        ValueError, match=r"(sizes|units)=.* weights; allowed are 1e\+09"
    ):
        linear(**params).fit(X, Y)


@pytest.mark.parametrize(
    "name", ["batch_size", "prediction_batch_size", "max_iter", "n_iter_no_change"]
)
def test_numbers_that_harm_nothing(name):
    """Whatever exceeds what there is means all of it."""
    if name == "n_iter_no_change":
        params = {"early_stopping": EarlyStopping(10**30)}
    elif name == "max_iter":
        params = {"max_iter": 10**30, "early_stopping": EarlyStopping(1)}
    else:
        params = {name: 10**30}
    assert np.isfinite(linear(**params).fit(X, Y).predict_proba(X)).all()


# The largest that are allowed, and the smallest that computers know.
EXTREMES = [
    {name: value}
    for name in ("alpha", "learning_rate_init", "step_size", "tau")
    for value in (1e6, 1e-300)
] + [
    {"ascent": Ascent("logit", noise=1e6)},
    {"ascent": Ascent(momentum=1 - 1e-16, decay=1e-320)},
    {"loss": Loss(gradient_weight=1e6)},
    {"solver": SGD(1 - 1e-16, max_grad_norm=float("inf")), "learning_rate_init": 1e3},
    {"solver": SGD(max_grad_norm=1e-300)},
    {"solver": Adam(averaging=1 - 1e-16), "learning_rate_init": 1e6},
]
NETWORKS = [{}, {"network": "oracle", "estimators": ()}]


def check_all_finite_or_diverged(clf):
    try:
        clf.fit(X, Y)
    except ValueError as error:
        assert "Training diverged" in str(error)
        assert "learning_rate_init, now" in str(error) and "alpha, now" in str(error)
        return
    values = clf.predict_value(X), clf.predict_value(X, Y)
    for found in (*values, clf.predict_proba(X), clf.predict_relaxed(X)):
        assert np.isfinite(found).all()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("network", NETWORKS, ids=["linear", "oracle"])
@pytest.mark.parametrize("params", EXTREMES, ids=str)
def test_extremes(params, network):
    check_all_finite_or_diverged(linear(**network | params))


@pytest.mark.parametrize("params", EXTREMES[:8], ids=str)
@pytest.mark.parametrize("solver", ["auto", "sgd"])
@pytest.mark.slow
def test_extremes_on_experts(params, solver):
    check_all_finite_or_diverged(on_experts(solver=solver, **params))


@pytest.mark.parametrize(
    ("make", "method"),
    [(linear, "fit"), (linear, "partial_fit"), (feed_forward, "fit")],
)
def test_weights_without_bounds_are_no_model(make, method):
    clf = make(alpha=1e6)
    with pytest.raises(ValueError, match=r"diverged.*largest weight.*alpha, now 1e"):
        for _ in range(8):
            getattr(clf, method)(X, Y)


class Brittle(torch.nn.Module):
    """Finite weights, of which a single step makes values that are not."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(5, 3))

    def encode(self, x):
        return x @ self.weight.to(x)

    def score(self, context, y):
        return ((context * y).sum(1) * 1e6).exp() - 1


def test_values_that_are_not_finite_are_no_model():
    clf = linear(network=Brittle(), max_iter=1, learning_rate_init=1.0)
    with pytest.raises(ValueError, match="Training diverged"):
        clf.fit(X, Y)


@pytest.mark.parametrize(
    "kind", [DVNMultiLabelClassifier, FeedForwardClassifier, Ascent]
)
def test_all_real_numbers_have_bounds(kind):
    for name, allowed in kind._parameter_constraints.items():
        for one in allowed:
            if isinstance(one, Interval) and one.type.__name__ == "Real":
                assert one.right is not None, name
