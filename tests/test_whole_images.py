"""Tests of whole images: sizes, padding, views, tiles, and the size worked on."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.frozen import FrozenEstimator

from skdvn import Crops, DVNSegmenter, MaskNet
from skdvn.baselines import PlugInSegmenter, UNetSegmenter
from skdvn.data import mirrored, padded, resized, working_size
from skdvn.datasets import make_silhouettes
from skdvn.inference import WholeImages, whole_images
from skdvn.metrics import relaxed_iou_score
from skdvn.networks import FCN, UNet, logits_of

X, Y = make_silhouettes(40, size=16, random_state=0)
QUICK = {"n_channels": 4, "max_iter": 2, "batch_size": 10, "random_state": 0}
SINGLE = {**QUICK, "precision": "single"}


@pytest.fixture(scope="module")
def fitted():
    return DVNSegmenter(**SINGLE).fit(X, Y)


@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    longest=st.one_of(st.none(), st.integers(1, 200)),
)
def test_images_are_reduced_in_proportion_and_never_enlarged(height, width, longest):
    found = working_size((height, width), longest)
    assert found <= (height, width)
    assert longest is None or max(found) <= longest
    if longest is not None and max(height, width) > longest:
        assert max(found) == longest
        ratio = min(height, width) / max(height, width)
        assert abs(min(found) - ratio * longest) <= 1


def test_a_reduced_pixel_is_a_mean():
    array = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    smaller = resized(array, (4, 4))
    assert smaller.mean() == pytest.approx(array.mean())
    assert (np.diff(smaller[0]) > 0).all()
    assert resized(array, (8, 8)) is array
    assert resized(array.astype(np.uint8), (3, 5)).dtype == np.uint8


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kind", ["unet", "fcn"])
def test_a_whole_image_that_fits_is_seen_as_it_is(kind, stride, seeded, uniform):
    network = FCN(3, 1, (4, 4, 4), seeded())
    if kind == "unet":
        network = UNet(3, 1, 4, 2, stride, seeded())
    network = network.double().eval()
    x = uniform(2, 3, 16, 24)
    with torch.no_grad():
        expected = network.encode(x)
        assert torch.equal(WholeImages(network).encode(x), expected)


def test_views_are_averaged(seeded, uniform):
    network = UNet(3, 2, 4, 2, generator=seeded()).double().eval()
    x = uniform(1, 3, 8, 8)
    with torch.no_grad():
        both = WholeImages(network, flip=True)
        found = both.guess(both.encode(x))
        parts = [network.guess(network.encode(one)) for one in (x, x.flip(-1))]
    torch.testing.assert_close(found, (parts[0] + parts[1].flip(-1)) / 2)


class Copy(torch.nn.Module):
    """Guesses the image itself, and remembers how much it has seen at once."""

    multiple, largest = 4, 0

    def encode(self, x):
        self.largest = max(self.largest, x[0, 0].numel())
        return logits_of(x)

    def guess(self, context):
        return torch.sigmoid(context)


def test_shifted_views_come_back_to_their_places(uniform):
    """With a network that copies its input all views agree, but at the border."""
    x = uniform(2, 1, 9, 11)
    network = WholeImages(Copy(), flip=True, shift=2)
    found = network.guess(network.encode(x))
    assert found.shape == x.shape
    torch.testing.assert_close(found[..., 2:-2, 2:-2], x[..., 2:-2, 2:-2])


def test_the_network_sees_no_more_at_once_than_a_tile(uniform):
    copy, x = Copy(), uniform(1, 1, 700, 1100, dtype=torch.float32)
    found = torch.sigmoid(WholeImages(copy).encode(x))
    torch.testing.assert_close(found, x, atol=1e-4, rtol=0)
    assert copy.largest <= 512**2


def test_small_images_have_ten_views_and_large_ones_one(fitted):
    segmenter = pickle.loads(pickle.dumps(fitted))
    small, large = X[:3], np.tile(X[:1], (1, 3, 1, 1))
    small_found, large_found = map(segmenter.predict_proba, (small, large))
    segmenter.set_params(crops=Crops(flip=True, shift=1))
    np.testing.assert_allclose(segmenter.predict_proba(small), small_found, atol=1e-6)
    assert np.abs(segmenter.predict_proba(large) - large_found).max() > 1e-4
    for fewer in (Crops(flip=True, shift=0), Crops(flip=False, shift=1)):
        found = segmenter.set_params(crops=fewer).predict_proba(small)
        assert np.abs(found - small_found).max() > 1e-4
    segmenter.set_params(crops=Crops(flip=False, shift=0))
    np.testing.assert_allclose(segmenter.predict_proba(large), large_found, atol=1e-6)


@given(height=st.integers(1, 9), width=st.integers(1, 9), side=st.integers(1, 20))
def test_padded_images_continue_as_their_mirror_image(height, width, side):
    array = np.arange(height * width).reshape(1, height, width)
    found = padded(array, side)
    assert found.shape == (1, max(height, side), max(width, side))
    np.testing.assert_array_equal(found[:, :height, :width], array)
    rows, columns = (
        mirrored(torch.arange(n), length).numpy()
        for n, length in zip(found.shape[1:], (height, width), strict=True)
    )
    np.testing.assert_array_equal(found[0], array[0][rows][:, columns])


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 30), (33, 17)])
def test_images_of_any_size(fitted, size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    (mask,) = fitted.predict([image])
    assert mask.shape == size
    assert fitted.predict_proba([image])[0].shape == (2, *size)
    assert 0 < fitted.predict_value([image])[0] < 1
    assert fitted.refine([image], [np.ones(size, int)])[0].shape == size


def test_tiles_give_what_the_whole_image_gives(seeded, uniform, monkeypatch):
    """Beyond the margin a pixel does not depend on what lies further away."""
    network = UNet(1, 1, 4, 2, generator=seeded()).double().eval()
    x = uniform(1, 1, 50, 61)
    with torch.no_grad():
        expected = WholeImages(network).encode(x)
        for name, value in (("TILE", 16), ("MARGIN", 16), ("MAX_PIXELS", 48**2)):
            monkeypatch.setattr(whole_images, name, value)
        found = WholeImages(network).encode(x)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_one_odd_image_changes_nothing_but_its_own_result():
    odd = [*X[:30], X[30, :10, :12]]
    masks = [*Y[:30], Y[30, :10, :12]]
    segmenter = DVNSegmenter(**SINGLE).fit(odd, masks)
    assert segmenter.crop_size_ == 16
    large = [*X[:30], np.tile(X[30], (4, 5, 1))]
    segmenter = DVNSegmenter(**SINGLE)
    segmenter.fit(large, [*Y[:30], np.tile(Y[30], (4, 5))])
    assert segmenter.crop_size_ == 16
    alone = segmenter.predict_proba(X[:3])
    together = segmenter.predict_proba([*X[:3], large[-1], odd[-1]])[:3]
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.slow
def test_masks_have_the_size_of_the_image_whatever_the_size_worked_on():
    large = [np.kron(x, np.ones((4, 5, 1), np.uint8)) for x in X]
    masks = [np.kron(y, np.ones((4, 5), y.dtype)) for y in Y]
    params = {"n_channels": 8, "max_iter": 30, "random_state": 0}
    segmenter = DVNSegmenter(image_size=20, **params).fit(large[:30], masks[:30])
    assert segmenter.crop_size_ == 20
    predicted = segmenter.predict(large[30:])
    assert {mask.shape for mask in predicted} == {(64, 80)}
    values = segmenter.predict_value(large[30:])
    np.testing.assert_allclose(
        values, segmenter.predict_value(large[30:], predicted), atol=1e-6
    )
    truth = segmenter.predict_value(large[30:], masks[30:])
    garbage = segmenter.predict_value(
        large[30:], [np.roll(mask, 30, 1) for mask in masks[30:]]
    )
    assert (truth > garbage).mean() > 0.8


@pytest.mark.parametrize("oracle", ["accuracy", "iou"])
def test_masks_of_reduced_images_are_sought_and_judged_at_their_own_size(oracle):
    params = {"n_channels": 8, "max_iter": 10, "random_state": 0}
    segmenter = DVNSegmenter(image_size=8, oracle=oracle, **params).fit(X, Y)
    rule = PlugInSegmenter(FrozenEstimator(segmenter), oracle=oracle).fit(X, Y)
    images = [*X[:10], *X[10:20, :15]]  # of two sizes, which are 8x8 when worked on
    found, best = segmenter.predict(images), rule.predict(images)
    if oracle == "accuracy":
        for mask, p in zip(found, segmenter.predict_proba(images), strict=True):
            np.testing.assert_array_equal(mask, p.argmax(0))
    values = segmenter.predict_value(images)
    np.testing.assert_allclose(values, segmenter.predict_value(images, best), atol=1e-3)
    np.testing.assert_allclose(values, rule.predict_value(images, found), atol=1e-5)
    start = segmenter.set_params(init="zeros").predict_value(images)
    np.testing.assert_allclose(start, values, atol=2e-3)


def test_large_images_are_worked_on_smaller_with_a_word():
    large = [np.kron(x, np.ones((33, 33, 1), np.uint8)) for x in X[:4]]
    masks = [np.kron(y, np.ones((33, 33), y.dtype)) for y in Y[:4]]
    with pytest.warns(UserWarning, match="528 pixels are worked on at 128.*image_size"):
        segmenter = UNetSegmenter(2, max_iter=1, random_state=0).fit(large, masks)
    assert segmenter.crop_size_ == 128
    assert segmenter.predict(large[:1])[0].shape == (528, 528)


def test_crops_stay_by_choice(fitted):
    segmenter = DVNSegmenter(crops=Crops(8, n_crops=9), **SINGLE).fit(X[:10], Y[:10])
    assert segmenter.crop_size_ == 8
    assert segmenter.predict(X[:2]).shape == (2, 16, 16)
    (mask,) = segmenter.predict([X[0, :5]])  # smaller than a crop
    assert mask.shape == (5, 16)
    conv = DVNSegmenter("conv", max_iter=1, batch_size=20, n_steps=3).fit(
        X[:10], Y[:10]
    )
    assert conv.crop_size_ == 12


@pytest.mark.parametrize("stride", [1, 2])
def test_the_batch_size_changes_nothing(fitted, stride):
    segmenter = DVNSegmenter(MaskNet(stride=stride), **SINGLE).fit(X[:20], Y[:20])
    images = [X[0], X[1, :9], np.tile(X[2], (3, 3, 1)), X[3]]
    expected = segmenter.predict_proba(images)
    segmenter.set_params(prediction_batch_size=1)
    for found, wanted in zip(segmenter.predict_proba(images), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def learned():
    params = {"n_channels": 4, "learning_rate_init": 0.01, "batch_size": 10}
    return DVNSegmenter(max_iter=15, random_state=0, **params).fit(X, Y)


@pytest.mark.parametrize(
    "start", ["dilated", pytest.param("ones", marks=pytest.mark.slow), "noise"]
)
def test_refine_gets_as_far_as_predict_from_anywhere(learned, start):
    segmenter = learned
    starts = {
        "dilated": np.stack([ndimage.binary_dilation(y, iterations=4) for y in Y]),
        "ones": np.ones_like(Y),
        "noise": np.random.default_rng(0).integers(0, 2, Y.shape),
    }
    refined = segmenter.refine(X, starts[start].astype(Y.dtype))
    reached = segmenter.predict_value(X, refined)
    best = segmenter.predict_value(X)
    np.testing.assert_allclose(reached, best, atol=2e-3)
    assert relaxed_iou_score(Y, refined) > segmenter.score(X, Y) - 0.03
