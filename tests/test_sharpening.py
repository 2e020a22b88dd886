"""Tests of how sure guesses of masks are."""

import copy

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn
from torch.nn import functional as F

from skdvn import Augmentation, DVNSegmenter, Mixture
from skdvn.baselines import PixelwiseSegmenter, PlugInSegmenter, UNetSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.networks import UNet, members
from skdvn.persistence import load, save
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


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_slope_is_that_of_the_least_cross_entropy_where_pixels_are_known(n_classes):
    Y_known = TRAIN[1].copy()
    if n_classes == 3:
        Y_known[:, 12:] *= 2
    Y_known[:, :2] = 7
    still = Augmentation(0, flips="none")
    params = {**BRIEF, "max_iter": 60}
    unet = UNetSegmenter(**params, ignore_label=7, augmentation=still)
    unet.fit(TRAIN[0], Y_known)
    network, examples = unet.network_, examples_of(unet, Y_known)
    sharpen(network, examples, n_epochs=0, batch_size=20)
    drawn = examples.draw(torch.arange(40), torch.Generator())
    with torch.no_grad():
        logits = network.encode(drawn.x) / network.slope

    def loss(slope):
        kind = F.binary_cross_entropy_with_logits
        if n_classes == 3:
            kind = F.cross_entropy
        losses = kind(slope * logits, drawn.y, reduction="none")
        return losses.view(40, 24, 24)[:, 2:].mean()

    best = loss(float(network.slope))
    assert best < loss(float(network.slope) * 1.05)
    assert best < loss(float(network.slope) / 1.05)


def examples_of(unet, masks=TRAIN[1]):
    data = unet.codec_.read_more(TRAIN[0], masks, None)
    return unet._examples(unet.codec_, data)


def test_long_trainings_are_believed_less():
    """They know their images by heart."""
    unet = UNetSegmenter(**BRIEF).fit(*TRAIN)
    examples, slopes = examples_of(unet), []
    for n_epochs in (0, 100, 1000):
        sharpen(unet.network_, examples, n_epochs, batch_size=20)
        slopes.append(float(unet.network_.slope))
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] > 1.1
    assert slopes[-1] == pytest.approx(1, abs=0.05)


def test_a_slope_is_for_predictions_alone(unet):
    network, x = copy.deepcopy(unet.network_), torch.ones(2, 3, 24, 24)
    network.half = False
    torch.testing.assert_close(network.eval().encode(x), network.slope * network(x))
    torch.testing.assert_close(network.train().encode(x), network(x))


def test_a_part_of_a_training_takes_logits_as_they_are():
    unet = UNetSegmenter(**BRIEF).fit(*TRAIN)
    assert unet.network_.slope > 1
    assert unet.partial_fit(*TRAIN).network_.slope == 1


def test_where_nothing_is_known_nothing_is_scaled():
    unet = UNetSegmenter(**{**BRIEF, "max_iter": 1}, ignore_label=7).fit(*TRAIN)
    examples = examples_of(unet, np.full_like(TRAIN[1], 7))
    sharpen(unet.network_, examples, n_epochs=1, batch_size=20)
    assert unet.network_.slope == 1


class Behind(nn.Module):
    """A module of the user's with a network of ours in it."""

    def __init__(self):
        super().__init__()
        self.grey, self.unet = nn.Conv2d(3, 1, 1), UNet(1, 1, 4, 2)

    def forward(self, x):
        return self.unet(self.grey(x))


def test_parts_of_a_module_are_left_alone():
    params = {"max_iter": 2, "random_state": 0}
    model = PixelwiseSegmenter(Behind(), **params).fit(*TRAIN)
    assert model.network_.slope != 1
    assert model.network_.module.unet.slope == 1


def test_a_value_learned_on_top_takes_logits_as_they_are():
    dvn = DVNSegmenter(**{**BRIEF, "max_iter": 2}, tuples=Mixture()).fit(*TRAIN)
    assert dvn.network_.encoder.slope == 1


def test_ctrl_c_while_it_is_sought_loses_nothing(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdvn.estimators.segmenter.sharpen", interrupt)
    unet = UNetSegmenter(**{**BRIEF, "max_iter": 1}).fit(*TRAIN)
    assert unet.predict(TEST[0]).shape == TEST[1].shape


def test_a_slope_is_saved(unet, tmp_path):
    save(unet, tmp_path / "unet.npz")
    loaded = load(tmp_path / "unet.npz")
    assert loaded.network_.slope == unet.network_.slope
    np.testing.assert_array_equal(
        loaded.predict_proba(TEST[0]), unet.predict_proba(TEST[0])
    )
