"""Tests of modules of the user's as segmentation networks."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skdvn import DVNSegmenter
from skdvn.baselines import PixelwiseSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.networks import Backbone

X, Y = make_silhouettes(40, size=16, random_state=0)
QUICK = {"max_iter": 2, "batch_size": 10, "random_state": 0}


def plain(n_outputs=1):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, n_outputs, 3, padding=1)
    )


class Fraction(nn.Module):
    """Logits at a fraction of the resolution, as a dictionary."""

    def __init__(self, stride, n_outputs=1):
        super().__init__()
        self.layer = nn.Conv2d(3, n_outputs, stride, stride)

    def forward(self, x):
        return {"out": self.layer(x)}


class Strict(nn.Module):
    """Takes only multiples of 8."""

    def __init__(self):
        super().__init__()
        self.layers = plain()

    def forward(self, x):
        if x.shape[2] % 8 or x.shape[3] % 8:
            raise ValueError("multiples of 8, please")
        return self.layers(x)


class Named(nn.Module):
    def forward(self, x):
        return {"masks": x}


NETWORKS = {
    "module": plain(),
    "two channels": plain(2),
    "half": Fraction(2),
    "quarter": Fraction(4),
    "function": lambda n_channels, n_outputs, crop_size: plain(n_outputs),
    "class": lambda *sizes: Strict(),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", [DVNSegmenter, PixelwiseSegmenter])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_any_module_is_a_network(kind, network):
    segmenter = kind(network, **QUICK).fit(X, Y)
    assert segmenter.predict(X[:3]).shape == (3, 16, 16)
    assert segmenter.predict([X[0, :7, :9]])[0].shape == (7, 9)
    if kind is DVNSegmenter:
        assert (
            (segmenter.predict_value(X) > 0) & (segmenter.predict_value(X) < 1)
        ).all()


@pytest.mark.parametrize("kind", [DVNSegmenter, PixelwiseSegmenter])
def test_the_module_is_copied_with_its_weights(kind):
    network = plain()
    before = [p.detach().clone() for p in network.parameters()]
    segmenter = kind(network, **QUICK).fit(X, Y)
    for old, now in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, now)
    again = pickle.loads(pickle.dumps(segmenter))
    np.testing.assert_array_equal(again.predict(X), segmenter.predict(X))


def test_several_classes():
    masks = Y + (np.arange(16) < 4)
    segmenter = DVNSegmenter(plain(3), oracle="mean_iou", **QUICK).fit(X, masks)
    assert set(np.unique(segmenter.predict(X))) <= {0, 1, 2}


def test_frozen_layers_keep_their_statistics():
    norm = nn.BatchNorm2d(8)
    network = nn.Sequential(nn.Conv2d(3, 8, 1), norm, nn.Conv2d(8, 1, 1))
    for p in norm.parameters():
        p.requires_grad_(False)
    segmenter = DVNSegmenter(network, **QUICK).fit(X, Y)
    (inside,) = (
        one for one in segmenter.network_.modules() if isinstance(one, nn.BatchNorm2d)
    )
    assert torch.equal(inside.running_mean, torch.zeros(8))
    norm.requires_grad_(True)
    segmenter.fit(X, Y)
    (inside,) = (
        one for one in segmenter.network_.modules() if isinstance(one, nn.BatchNorm2d)
    )
    assert not torch.equal(inside.running_mean, torch.zeros(8))


BAD = {
    "channels": (plain(4), r"logits \(n, 1, .*returned shape \(1, 4, "),
    "no fraction": (nn.Conv2d(3, 1, 4), "whole fraction of height and width"),
    "fails": (nn.Conv2d(5, 1, 1), "it failed: "),
    "another dictionary": (
        lambda *sizes: Named(),
        "dictionary of .'masks'.; allowed are a tensor",
    ),
    "no module": (lambda *sizes: 3, "must be, or make, a torch.nn.Module; got int"),
}


@pytest.mark.parametrize(("network", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("kind", [DVNSegmenter, PixelwiseSegmenter])
def test_modules_that_are_no_segmentation_networks(kind, network, message):
    with pytest.raises((ValueError, TypeError), match=message):
        kind(network, **QUICK).fit(X, Y)


def test_two_channels_are_those_of_two_classes(uniform):
    x, module = uniform(2, 3, 8, 8), plain(2).double()
    guess = torch.sigmoid(Backbone(module)(x))
    torch.testing.assert_close(guess[:, 0], module(x).softmax(1)[:, 1])


class Pooled(nn.Module):
    """Normalises a vector per image, and flattens pixels by `view`."""

    def __init__(self):
        super().__init__()
        self.pixels, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        pixels = self.pixels(x)
        pooled = self.norm(pixels.view(*pixels.shape[:2], -1).mean(2))
        return {"logits": self.head(pixels + pooled[..., None, None])}


def test_a_batch_of_one_is_none_and_memory_is_laid_out_as_usual():
    segmenter = DVNSegmenter(Pooled(), max_iter=1, batch_size=13, random_state=0)
    assert segmenter.fit(X, Y).predict(X[:2]).shape == (2, 16, 16)


def test_networks_in_double_precision_are_cast():
    segmenter = DVNSegmenter(plain().double(), **QUICK).fit(X, Y)
    assert {p.dtype for p in segmenter.network_.parameters()} == {torch.float32}


def test_logits_are_enlarged(uniform):
    x = uniform(1, 3, 8, 12)
    module = Fraction(4).double()
    found = Backbone(module, 4)(x)
    assert found.shape == (1, 1, 8, 12)
    coarse = module(x)["out"]
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        torch.testing.assert_close(found[0, 0][corner], coarse[0, 0][corner])
    torch.testing.assert_close(found.mean(), coarse.mean())
