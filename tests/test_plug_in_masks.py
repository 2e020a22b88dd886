"""Tests of the plug-in rule for masks, and of the boundary score."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator

from skdvn import CalibratedValueCV, DVNSegmenter
from skdvn.baselines import PlugInSegmenter, UNetSegmenter
from skdvn.baselines.plug_in_masks import best_mask
from skdvn.datasets import make_silhouettes
from skdvn.metrics import boundary_f1_score, oracle_values, relaxed_iou_score
from skdvn.networks import expected_term
from skdvn.oracles import MAP_ORACLES, FBeta, relaxed_iou

X, Y = make_silhouettes(12, size=16, random_state=0)
PARAMS = {"batch_size": 4, "max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def unet():
    return UNetSegmenter(4, **PARAMS).fit(X, Y)


@given(seed=st.integers(0, 999), beta=st.sampled_from([None, 0.5, 1.0, 2.0]))
def test_the_rule_finds_the_best_of_all_masks(seed, beta):
    rng = torch.Generator().manual_seed(seed)
    guess = torch.rand(1, 1, 2, 4, generator=rng, dtype=torch.float64)
    oracle = relaxed_iou if beta is None else FBeta(beta)
    weight = 1.0 if beta is None else beta**2
    masks = torch.cartesian_prod(*[torch.arange(2.0)] * 8).double()
    shared = masks @ guess.flatten()
    values = (1 + weight) * shared / (masks.sum(1) + weight * guess.sum())
    best = best_mask(guess, oracle)
    assert torch.equal(best.flatten(), masks[values.nan_to_num().argmax()])


@pytest.mark.parametrize("name", sorted(MAP_ORACLES))
@pytest.mark.parametrize("n_channels", [1, 3])
def test_no_threshold_beats_the_mask_found(name, n_channels, uniform):
    guess = uniform(1, n_channels, 6, 6)
    if n_channels > 1:
        guess = guess / guess.sum(1, keepdim=True)
    term, found = expected_term(MAP_ORACLES[name]), best_mask(guess, MAP_ORACLES[name])
    rounded = (found >= 0.5).double()
    if n_channels > 1:
        rounded = torch.zeros_like(found).scatter_(1, found.argmax(1, True), 1.0)
    value = term(rounded, guess)[0]
    for threshold in (0.2, 0.35, 0.5, 0.65):
        other = (guess >= threshold).double()
        if n_channels > 1:
            other = torch.zeros_like(guess).scatter_(1, guess.argmax(1, True), 1.0)
        assert value >= term(other, guess)[0] - 1e-3


def test_the_default_is_a_unet_with_the_rule(unet):
    """Same weights, same expectation; the ascent finds what the rule computes."""
    dvn = DVNSegmenter(n_channels=4, **PARAMS).fit(X, Y)
    weights = dvn.network_.encoder.state_dict()
    for name, weight in unet.network_.state_dict().items():
        assert torch.equal(weights[name], weight)
    rule = PlugInSegmenter(FrozenEstimator(unet)).fit(X, Y)
    assert rule.estimator_.estimator is unet
    assert (dvn.predict(X) == rule.predict(X)).mean() > 0.97
    np.testing.assert_allclose(
        dvn.predict_value(X, Y), rule.predict_value(X, Y), atol=0.01
    )
    gap = rule.predict_value(X) - rule.predict_value(X, dvn.predict(X))
    assert -1e-6 < gap.max() < 1e-3


def test_it_fits_a_clone_and_scores():
    rule = PlugInSegmenter(UNetSegmenter(4, **PARAMS), oracle="dice").fit(X, Y)
    assert rule.estimator is not rule.estimator_
    predicted = rule.predict(list(X))
    assert isinstance(predicted, list)
    np.testing.assert_array_equal(np.stack(predicted), rule.predict(X))
    assert rule.predict_proba(X).shape == (12, 2, 16, 16)
    assert 0 < rule.score(X, Y) < 1
    iou = rule.set_params(oracle="iou").score(X, Y)
    assert iou == pytest.approx(relaxed_iou_score(Y, rule.predict(X)))


def test_segmenters_of_others():
    class Constant:
        def fit(self, X, y):
            self.fitted_ = True
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3, 16, 16), 1 / 3)

        def get_params(self, deep=True):
            return {}

    masks = Y + (np.arange(16) < 4)
    rule = PlugInSegmenter(Constant()).fit(X, masks)
    assert set(np.unique(rule.predict(X))) <= {0, 1, 2}
    np.testing.assert_allclose(rule.predict_value(X), 1 / 3, atol=0.01)
    with pytest.raises(ValueError, match=r"must be of shape \(2, height, width\)"):
        PlugInSegmenter(Constant()).fit(X, Y).predict(X)


def test_a_prefit_segmenter_says_what_classes_there_are(unet):
    rule = PlugInSegmenter(FrozenEstimator(unet)).fit(X[:2], 0 * Y[:2])
    assert rule.classes_.tolist() == [0, 1]
    assert set(np.unique(rule.predict(X))) <= {0, 1}


def test_values_and_scores_are_those_of_its_own_oracle(unet):
    rule = PlugInSegmenter(FrozenEstimator(unet), oracle="accuracy").fit(X, Y)
    predicted = rule.predict(X)
    found = oracle_values(rule, Y, predicted)
    np.testing.assert_allclose(found, (predicted == Y).mean((1, 2)))
    assert rule.score(X, Y) == pytest.approx(found.mean())
    weight = np.arange(12)
    assert rule.score(X, Y, weight) == pytest.approx(np.average(found, weights=weight))
    calibrated = CalibratedValueCV(FrozenEstimator(rule), method="sigmoid").fit(X, Y)
    assert calibrated.predict_value(X).shape == (12,)
    assert calibrated.score(X, Y) == pytest.approx(rule.score(X, Y))


def square(low, high):
    mask = np.zeros((12, 12), int)
    mask[low:high, low:high] = 1
    return mask


def test_boundary_score():
    truth = [square(3, 8)]
    assert boundary_f1_score(truth, truth) == 1
    assert boundary_f1_score(truth, [square(4, 9)], tolerance=1.5) == 1
    assert boundary_f1_score(truth, [square(4, 9)], tolerance=0) < 0.5
    assert boundary_f1_score(truth, [0 * square(3, 8)]) == 0
    assert boundary_f1_score([0 * square(1, 2)], [0 * square(1, 2)]) == 1
    half = boundary_f1_score(
        [*truth, *truth], [*truth, 0 * truth[0]], sample_weight=[1, 3]
    )
    assert half == 0.25
    full = np.ones((12, 12), int)
    assert boundary_f1_score([full, *truth], [0 * full, *truth]) == 0.5
    with pytest.raises(ValueError, match="tolerance must be a non-negative"):
        boundary_f1_score(truth, truth, tolerance=-1)


@given(seed=st.integers(0, 99))
def test_boundary_score_is_symmetric(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, (2, 1, 9, 9))
    one, other = boundary_f1_score(a, b), boundary_f1_score(b, a)
    assert one == pytest.approx(other)
    assert 0 <= one <= 1


def test_an_oracle_of_the_user(unet):
    rule = PlugInSegmenter(FrozenEstimator(unet)).fit(X, Y)
    expected = rule.set_params(oracle="accuracy").predict(X)

    def agreement(y, y_true):
        return (y * y_true + (1 - y) * (1 - y_true)).mean((1, 2, 3))

    values = rule.predict_value(X)
    found = rule.set_params(oracle=agreement).predict(X)
    assert (found == expected).mean() > 0.99
    np.testing.assert_allclose(rule.predict_value(X), values, atol=0.02)
