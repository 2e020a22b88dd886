"""Tests of how sure guesses of masks are."""

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from skdvn import DVNSegmenter
from skdvn.baselines import PlugInSegmenter, UNetSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.networks import members
from skdvn.training import sharpen

X, Y = make_silhouettes(80, size=24, random_state=0)
TRAIN, TEST = (X[:40], Y[:40]), (X[40:], Y[40:])
BRIEF = {"max_iter": 20, "n_channels": 8, "random_state": 0}


@pytest.fixture(scope="module")
def unet():
    return UNetSegmenter(**BRIEF).fit(*TRAIN)


def test_after_a_brief_training_values_are_near_the_truth(unet):
    """Or all probabilities are near a half, and masks of the whole image look best."""
    rule = PlugInSegmenter(FrozenEstimator(unet)).fit(*TRAIN)
    iou = rule.score(*TEST)
    assert iou > unet.score(*TEST) - 0.02
    assert abs(rule.predict_value(TEST[0]).mean() - iou) < 0.1


def test_the_default_is_as_sure_as_its_u_net(unet):
    dvn = DVNSegmenter(**BRIEF).fit(*TRAIN)
    assert dvn.network_.encoder.slope == unet.network_.slope > 1.05


def test_each_of_several_networks_has_its_own_slope():
    several = UNetSegmenter(**{**BRIEF, "max_iter": 10}, n_networks=2).fit(*TRAIN)
    first, second = (float(one.slope) for one in members(several.network_))
    assert first != second


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logits_half_as_large_get_twice_the_slope(ignored, n_classes):
    Y_known = TRAIN[1].copy()
    if n_classes == 3:
        Y_known[:, 12:] *= 2
    if ignored:
        Y_known[:, :2] = 7
    unet = UNetSegmenter(**BRIEF, ignore_label=7).fit(TRAIN[0], Y_known)
    before, slope = unet.predict_proba(TEST[0]), float(unet.network_.slope)
    with torch.no_grad():
        unet.network_.head.weight /= 2
        unet.network_.head.bias /= 2
    data = unet.codec_.read_more(TRAIN[0], Y_known, None)
    sharpen(unet.network_, unet._examples(unet.codec_, data))
    assert float(unet.network_.slope) == pytest.approx(2 * slope, rel=0.02)
    np.testing.assert_allclose(unet.predict_proba(TEST[0]), before, atol=0.02)


def test_training_goes_on_from_logits_as_they_were():
    """A slope is for predictions."""
    going = UNetSegmenter(**BRIEF, warm_start=True).fit(*TRAIN)
    last = going.history_[-1]["loss"]
    assert going.fit(*TRAIN).history_[0]["loss"] < last + 0.1
