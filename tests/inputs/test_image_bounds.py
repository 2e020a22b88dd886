"""Numbers that segmenters are given have bounds, which docstring and error name."""

import re

import numpy as np
import pytest
from image_doors import SEGMENTERS, X, Y

from skdvn import Augmentation, Crops, DVNSegmenter, MaskNet
from skdvn.baselines import FCNSegmenter, UNetSegmenter
from skdvn.data import Distortion

docscrape = pytest.importorskip("numpydoc.docscrape")

HUGE = {"10,000": 10**4, "a billion": 10**9, "beyond": 10**20, "no float": 10**400}
# The largest that are allowed, and what they are parameters of.
BOUNDS = {
    (DVNSegmenter, "n_channels"): 1024,
    (DVNSegmenter, "crops"): 2048,
    (DVNSegmenter, "augmentation"): 3,
    (DVNSegmenter, "n_networks"): 1000,
    (UNetSegmenter, "n_channels"): 1024,
    (FCNSegmenter, "n_networks"): 1000,
    (Crops, "size"): 2048,
    (Crops, "n_crops"): 1000,
    (Crops, "shift"): 128,
    (Crops, "per_image"): 1000,
    (Crops, "visits"): 1000,
    (Augmentation, "strength"): 3,
    (MaskNet, "n_levels"): 8,
    (MaskNet, "stride"): 16,
}
NESTED = {
    Crops: lambda part: DVNSegmenter(crops=part, max_iter=1),
    Augmentation: lambda part: DVNSegmenter(augmentation=part, max_iter=1),
    MaskNet: lambda part: DVNSegmenter(part, max_iter=1),
}


def with_value(kind, name, value):
    """A segmenter with this value of a parameter of it, or of an object within it."""
    part = kind(**{name: value})
    return NESTED[kind](part) if kind in NESTED else part


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize(("kind", "name"), BOUNDS)
def test_huge_numbers_are_refused_at_once(kind, name, value):
    message = rf"'{name}' parameter of {kind.__name__} must be .*in the range "
    with pytest.raises(ValueError, match=message) as caught:
        with_value(kind, name, value).fit(X, Y)
    assert re.search(rf", {BOUNDS[kind, name]}(\.0)?\]", str(caught.value))


@pytest.mark.parametrize(("kind", "name"), BOUNDS)
def test_docstrings_name_the_bounds(kind, name):
    described = {
        part: " ".join(parameter.desc)
        for parameter in docscrape.NumpyDocString(kind.__doc__)["Parameters"]
        for part in parameter.name.split(", ")
    }
    assert f"{BOUNDS[kind, name]:,}" in described[name]


@pytest.mark.parametrize("value", [-1, 3.5, np.nan, np.inf, "many", [3]])
@pytest.mark.parametrize(("kind", "name"), BOUNDS)
def test_other_values_are_refused(kind, name, value):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of {kind.__name__}"):
        with_value(kind, name, value).fit(X, Y)


@pytest.mark.parametrize("value", [1e9, 10**20, np.inf, np.nan, -1])
@pytest.mark.parametrize("name", ["step_size", "learning_rate_init", "alpha", "tau"])
def test_rates_and_weights_are_bounded(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of DVNSegmenter"):
        SEGMENTERS["dvn"](**{name: value}).fit(X, Y)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("value", list(HUGE.values())[1:], ids=list(HUGE)[1:])
@pytest.mark.parametrize("name", ["image_size", "batch_size", "prediction_batch_size"])
def test_sizes_that_are_larger_than_what_there_is_mean_all(name, value):
    found = SEGMENTERS["unet"](**{name: value}).fit(X, Y).predict_proba(X)
    expected = SEGMENTERS["unet"](**{name: 256}).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", [MaskNet, UNetSegmenter])
def test_levels_multiply_channels_and_strides(kind):
    for params, message in (
        ({"n_levels": 8, "stride": 16}, "stride=16 and n_levels=8 .* by 2,048.* 256"),
        ({"n_levels": 7}, "n_channels=1024 and n_levels=7 make 65,536 channels.*4,096"),
    ):
        segmenter = UNetSegmenter(1024, **params)
        if kind is MaskNet:
            segmenter = DVNSegmenter(MaskNet(**params), n_channels=1024)
        if "stride" in params:
            segmenter.set_params(n_channels=1)
        with pytest.raises(ValueError, match=message):
            segmenter.fit(X, Y)
        assert not hasattr(segmenter, "network_")


@pytest.mark.parametrize("strength", [0.5, 1, 3])
def test_the_strongest_augmentation_fits_into_memory(strength):
    assert Distortion(100, strength=strength).window_size < 400
    augmentation = Augmentation(strength)
    segmenter = SEGMENTERS["unet"](augmentation=augmentation, crops=Crops(8))
    assert np.isfinite(segmenter.fit(X, Y).predict_proba(X)).all()


@pytest.mark.parametrize(
    "crops",
    [
        Crops(4, n_crops=1000),
        Crops(4, stride=2048),
        Crops(shift=128),
        Crops(4, visits=1000),
        Crops(64),
    ],
    ids=repr,
)
def test_the_largest_numbers_of_crops_work(crops):
    segmenter = SEGMENTERS["dvn"](crops=crops).fit(X, Y)
    assert segmenter.predict(X).shape == Y.shape


def test_the_longest_ascent():
    with pytest.raises(ValueError, match=r"'n_steps' parameter .*, 10000\]"):
        DVNSegmenter(n_steps=10_001).fit(X, Y)
