"""Tests of what segmenters say of bad images, masks and parameters."""

import numpy as np
import pytest

from skdvn import Ascent, Augmentation, Crops, DVNSegmenter
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import make_silhouettes

X, Y = make_silhouettes(12, size=16, random_state=0)
SMALL = {"n_channels": 4, "max_iter": 1, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    return DVNSegmenter(**SMALL).fit(X, Y)


def changed(array, at, value):
    array = array.astype(float)
    array[at] = value
    return array


BAD_FITS = {
    "another size": (X, Y[:, :12], r"Y\[0\] has height and width \(12, 16\); X\[0\]"),
    "fewer masks": (X, Y[:5], r"12 image\(s\) and Y has 5 mask\(s\)"),
    "one mask of another size": (
        list(X),
        [*Y[:3], Y[3, :9], *Y[4:]],
        r"Y\[3\] has height and width \(9, 16\)",
    ),
    "fractions": (X, changed(Y, (2, 0, 0), 0.5), r"Y\[2\] must hold classes.*0\.5"),
    "NaN": (changed(X, (7, 1, 1, 0), np.nan), Y, r"X\[7\] contains NaN.*nan_to_num"),
    "infinity": (changed(X, (7, 1, 1, 0), np.inf), Y, r"X\[7\] contains infinity"),
    "NaN in a mask": (
        X,
        changed(Y, (6, 0, 0), np.nan),
        r"Y\[6\] .*NaN.*ignore_label",
    ),
    "nothing": ([], [], "X must hold at least one image, got none"),
    "all background": (X, np.zeros_like(Y), r"only the class.* at least one must show"),
    "one image": (X[0, :, :, 0], Y[0], "A single one is X"),
    "a string": (
        "horse.png",
        Y,
        "X must be an array, a list of arrays, or a sequence.*got str",
    ),
    "strings": ([np.full((16, 16), "a")] * 12, Y, r"X\[0\] must hold numbers"),
    "channels": (
        [*X[:11], X[11, :, :, :2]],
        Y,
        r"X\[11\] has 2 channel\(s\) and X\[0\]",
    ),
    "no pixels": ([X[0][:0]], [Y[0][:0]], r"X\[0\] must have shape"),
    "too many axes": (X[None, None], Y, "must have shape"),
    "masks of a channel": (X, Y[..., None], r"pass one of them, as Y\[0\]\[..., 0\]"),
    "one-hot masks": (X, np.stack([1 - Y, Y], -1), r"Y\[0\].argmax\(-1\)"),
    "flattened": (X.reshape(12, -1), Y, r"flattened ones are X.reshape\(n, height"),
    "shares": (X, Y * 0.5, r"Y\[0\] .*fractions such as 0.5. Pass Y >= threshold"),
}


@pytest.mark.parametrize(
    ("images", "masks", "message"), BAD_FITS.values(), ids=BAD_FITS
)
@pytest.mark.parametrize("kind", [DVNSegmenter, UNetSegmenter])
def test_bad_data_at_fit(kind, images, masks, message):
    segmenter = kind(**SMALL)
    with pytest.raises(ValueError, match=message):
        segmenter.fit(images, masks)
    assert not hasattr(segmenter, "network_")
    assert not hasattr(segmenter, "classes_")


def test_grey_levels_are_hardly_classes():
    grey = np.arange(12 * 16 * 16).reshape(12, 16, 16) % 100
    with pytest.warns(UserWarning, match=r"Y holds 100 classes.*Y >= threshold"):
        DVNSegmenter(**SMALL).fit(X, grey)


def test_bad_images_at_predict(fitted):
    with pytest.raises(ValueError, match=r"1 channel\(s\).*on 3.*X\[np.newaxis\]"):
        fitted.predict(X[..., 0])
    with pytest.raises(ValueError, match=r"X\[2\] contains NaN"):
        fitted.predict(changed(X, (2, 0, 0, 0), np.nan))


def test_bad_masks_at_refine_and_score(fitted):
    for method in (fitted.refine, fitted.predict_value):
        with pytest.raises(ValueError, match=r"\[0\] has height and width \(8, 16\)"):
            method(X, Y[:, :8])
        with pytest.raises(ValueError, match=r"\[3\] must hold numbers in \[0, 1\]"):
            method(X, changed(Y, (3, 0, 0), 1.5))
        with pytest.raises(ValueError, match=r"\[0\] holds the unknown class"):
            method(X, Y + 7)
    with pytest.raises(ValueError, match=r"12 image\(s\) and Y_init has 3"):
        fitted.refine(X, Y[:3])
    with pytest.raises(ValueError, match=r"Y_init\[0\].*shape \(height, width\)"):
        fitted.refine(X, np.full((12, 3, 16, 16), 0.5))


def test_bad_masks_of_several_classes():
    three = Y + (np.arange(16) < 4)
    segmenter = DVNSegmenter(**SMALL).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"Y\[0\] holds the unknown class.*\[3"):
        segmenter.partial_fit(X, 3 * three)
    with pytest.raises(ValueError, match=r"shape \(3, height, width\)"):
        segmenter.refine(X, np.full((12, 2, 16, 16), 0.5))
    with pytest.raises(ValueError, match=r"\[0, 1\].*values from 2 to 2"):
        segmenter.predict_value(X, np.full((12, 3, 16, 16), 2.0))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"crops": 7}, "crops must be of a size that is a multiple of 4"),
        ({"crops": 0}, "'crops' parameter"),
        ({"crops": Crops(0)}, "'size' parameter of Crops"),
        ({"network": "resnet"}, "network"),
        ({"crops": Crops(aggregation="sum")}, "aggregation"),
        ({"crops": Crops(n_crops=0)}, "n_crops"),
        ({"augmentation": Augmentation(flips="vertical")}, "flips"),
        ({"oracle": "dive"}, "Unknown oracle 'dive'.*'dice'"),
        ({"tuples": {"ground_thruth": 1}}, "Did you mean 'ground_truth'"),
        ({"init": 1.5}, "init"),
        ({"network": "conv", "init": "guess"}, "init='guess' needs a network with"),
        ({"ascent": Ascent(decay=0)}, "'decay' parameter"),
        ({"ascent": Ascent(projection="sphere")}, "projection"),
        ({"precision": "double"}, "precision"),
        ({"device": "tpu"}, "device='tpu' cannot be used"),
    ],
)
def test_bad_parameters(params, message):
    segmenter = DVNSegmenter(**{**SMALL, **params})
    with pytest.raises(ValueError, match=message):
        segmenter.fit(X, Y)
    assert not hasattr(segmenter, "network_")


def test_changed_parameters_are_checked_at_predict(fitted):
    fitted = DVNSegmenter(**SMALL).fit(X, Y).set_params(step_size=-1)
    with pytest.raises(ValueError, match="step_size"):
        fitted.predict(X)
