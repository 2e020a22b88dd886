"""Mini-batches and images of any size, down to one example of one pixel."""

import numpy as np
import pytest
import torch
from image_doors import SEGMENTERS, TRAINED, X, Y
from torch import nn

from skdvn import Crops, DVNSegmenter, MaskNet
from skdvn.baselines import PixelwiseSegmenter
from skdvn.networks import single_values_normalised


def pooled(kind):
    """Logits that see the mean of the image, normalised: one value per channel."""

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 2, 1)
            self.norm = kind(2)
            self.last = nn.Conv2d(2, 1, 1)

        def forward(self, x):
            mean = self.norm(self.first(x).mean((2, 3), keepdim=True))
            return self.last(self.first(x) + mean)

    return Pooled()


def normalised(*sizes):
    """A network with batch normalisation of whole channels."""
    return nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2), *sizes)


NETWORKS = {
    "pooled": lambda: pooled(nn.BatchNorm2d),
    "frozen": lambda: pooled(nn.BatchNorm2d).requires_grad_(False),
    "momentum": lambda: pooled(lambda n: nn.BatchNorm2d(n, momentum=None)),
    "plain": lambda: normalised(nn.Conv2d(2, 1, 1)),
    "strided": lambda: normalised(nn.Conv2d(2, 1, 8, stride=8)),
    "instances": lambda: nn.Sequential(
        nn.Conv2d(3, 2, 8, stride=8), nn.InstanceNorm2d(2), nn.Conv2d(2, 1, 1)
    ),
}


def masks_of(n, height, width):
    """Masks that hold both classes together."""
    return np.arange(n * height * width).reshape(n, height, width) % 2


@pytest.mark.one_in(7)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 3), (5, 5), (1, 8), (8, 3)])
@pytest.mark.parametrize("kind", TRAINED)
def test_images_of_few_pixels(kind, size, method):
    height, width = size
    n = 1 if height * width > 1 else 2
    images, masks = X[:n, :height, :width], masks_of(n, height, width)
    segmenter = getattr(SEGMENTERS[kind](batch_size=1), method)(images, masks)
    assert segmenter.predict(images).shape == (n, height, width)
    assert np.isfinite(segmenter.predict_proba(images)).all()
    assert 0 <= segmenter.score(images, masks) <= 1


@pytest.mark.one_in(5)
@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", ["dvn", "unet"])
def test_any_number_of_small_images_in_any_batches(kind, method, batch_size, n):
    """A U-Net sees each as a single value at its coarsest level."""
    levels = {"network": MaskNet()} if kind == "dvn" else {"n_levels": 3}
    segmenter = SEGMENTERS[kind](batch_size=batch_size, **levels)
    getattr(segmenter, method)(X[:n, 2:6, 2:6], masks_of(n, 4, 4))
    assert np.isfinite(segmenter.predict_proba(X)).all()


def test_the_last_batch_may_hold_one_image():
    images, masks = np.tile(X[:3], (7, 1, 1, 1)), np.tile(Y[:3], (7, 1, 1))
    segmenter = SEGMENTERS["dvn"](batch_size=20)
    assert segmenter.fit(images[:, :5, :5], masks[:, 2:7, 2:7]).n_iter_ == 1


@pytest.mark.one_in(2)
@pytest.mark.parametrize("params", [{}, {"n_networks": 2}, {"crops": Crops(4)}])
@pytest.mark.parametrize("kind", ["dvn", "conv", "unet"])
def test_one_image_is_enough(kind, params):
    segmenter = SEGMENTERS[kind](**params).fit(X[:1], Y[:1])
    segmenter.partial_fit(X[1:2], Y[1:2])
    assert np.isfinite(segmenter.predict_proba(X)).all()
    with pytest.raises(ValueError, match="needs at least 2 images, got 1.*X_val"):
        segmenter.set_params(early_stopping=True).fit(X[:1], Y[:1])


@pytest.mark.one_in(5)
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("network", ["pooled", "momentum", "plain", "strided"])
def test_networks_of_the_user_in_any_batches(network, batch_size, n):
    for segmenter in (
        PixelwiseSegmenter(NETWORKS[network](), max_iter=2, batch_size=batch_size),
        DVNSegmenter(NETWORKS[network](), max_iter=2, batch_size=batch_size),
    ):
        segmenter.fit(X[:n], Y[:n]).partial_fit(X[:1], Y[:1])
        assert np.isfinite(segmenter.predict_proba(X)).all()
        assert not any(
            layer._forward_hooks or layer._forward_pre_hooks
            for layer in segmenter.network_.modules()
        )


def test_tuples_made_in_another_thread():
    segmenter = DVNSegmenter(
        NETWORKS["pooled"](),
        tuples={"inference": 1.0},
        n_steps=2,
        max_iter=2,
        batch_size=1,
    )
    lagged = segmenter.fit(X[:3], Y[:3])
    assert np.isfinite(lagged.predict_proba(X)).all()


def test_frozen_statistics_stay():
    network = nn.Sequential(NETWORKS["frozen"](), nn.Conv2d(1, 1, 1))
    segmenter = PixelwiseSegmenter(network, max_iter=2, batch_size=1).fit(X[:2], Y[:2])
    norm = next(
        layer
        for layer in segmenter.network_.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )
    assert (norm.running_mean == 0).all() and norm.num_batches_tracked == 0


def test_instances_are_made_large_enough():
    """A layer that normalises each image needs more than one pixel of each."""
    segmenter = PixelwiseSegmenter(NETWORKS["instances"](), max_iter=1)
    segmenter.fit(X, Y)
    assert segmenter.crop_size_ == 16
    assert segmenter.predict(X).shape == Y.shape


def test_single_values_are_normalised_as_in_prediction():
    """Others by themselves, and modes stay what they are."""
    norm = nn.BatchNorm2d(3)
    norm.running_mean += 2.0
    one, two = torch.full((1, 3, 1, 1), 5.0), torch.rand(2, 3, 1, 1)
    expected = norm.eval()(one)
    norm.train()
    with single_values_normalised(norm):
        torch.testing.assert_close(norm(one), expected)
        assert norm.training and norm.num_batches_tracked == 0
        torch.testing.assert_close(norm(two).mean(0), torch.zeros(3, 1, 1))
        norm.eval()
        norm(one)
        assert not norm.training
    norm.train()
    with pytest.raises(ValueError, match="more than 1 value"):
        norm(one)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("n_levels", [1, 5, 7, 8])
@pytest.mark.parametrize("stride", ["auto", 1, 2])
def test_levels_of_small_images(n_levels, stride):
    """Images are padded to what the levels need, whatever "auto" makes of that."""
    network = MaskNet(n_levels=n_levels, stride=stride)
    segmenter = DVNSegmenter(network, n_channels=1, max_iter=1).fit(X[:1], Y[:1])
    assert segmenter.crop_size_ % 2 ** (n_levels - 1) == 0
    assert segmenter.predict(X[:1]).shape == (1, 8, 8)
