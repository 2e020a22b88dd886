"""Every pixel of every image gets a prediction, whatever crops and views there are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_doors import SEGMENTERS, X, Y

from skdvn import Crops
from skdvn.inference import WholeImages, views_of
from skdvn.networks import logits_of

SIDES = st.integers(1, 40)
LAYOUTS = st.one_of(
    st.fixed_dictionaries(
        {"n_crops": st.one_of(st.just("auto"), st.integers(1, 1000))}
    ),
    st.fixed_dictionaries({"stride": st.integers(1, 60)}),
)


@given(height=SIDES, width=SIDES, side=SIDES, layout=LAYOUTS, mirrored=st.booleans())
def test_crops_put_together_are_the_image(height, width, side, layout, mirrored):
    side = min(side, height, width)
    views = views_of(height, width, side, **layout, mirrored=mirrored)
    image = torch.arange(height * width, dtype=torch.float64).view(1, 1, height, width)
    torch.testing.assert_close(views.average(views.cut(image)), image)


class Echo(torch.nn.Module):
    """Guesses the image itself."""

    multiple = 4

    def encode(self, x):
        return logits_of(x)

    def guess(self, context):
        return torch.sigmoid(context)


@given(height=SIDES, width=SIDES, shift=st.integers(0, 128), flip=st.booleans())
@settings(max_examples=20)
def test_views_of_whole_images_reach_every_pixel(height, width, shift, flip):
    """Each is the mean of pixels, so that a constant image remains what it is."""
    network = WholeImages(Echo(), flip, shift)
    image = torch.full((1, 1, height, width), 0.3, dtype=torch.float64)
    torch.testing.assert_close(network.guess(network.encode(image)), image)


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "crops",
    [
        Crops(4, stride=7),
        Crops(4, stride=2048),
        Crops(4, n_crops=1),
        Crops(4, n_crops=1000, aggregation="average"),
        Crops(8, stride=1, flip=False),
        Crops(16, stride=3),
        Crops(flip=True, shift=128),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["dvn", "conv", "unet", "fcn"])
def test_segmenters_predict_every_pixel(kind, crops):
    segmenter = SEGMENTERS[kind](crops=crops).fit(X, Y)
    images = [np.tile(X[0], (3, 1, 1))[:21], X[1], X[2, :3, :1]]
    for image, found in zip(images, segmenter.predict_proba(images), strict=True):
        assert found.shape == (2, *image.shape[:2])
        assert (found > 0).all()
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    assert segmenter.predict(images)[0].shape == (21, 8)


@pytest.mark.parametrize("aggregation", ["joint", "average"])
def test_a_stride_larger_than_crops_is_their_side(aggregation):
    wide, touching = (
        SEGMENTERS["dvn"](crops=Crops(4, stride=stride, aggregation=aggregation)).fit(
            X, Y
        )
        for stride in (100, 4)
    )
    np.testing.assert_array_equal(wide.predict_proba(X), touching.predict_proba(X))
    assert wide.score(X, Y) == touching.score(X, Y)


@pytest.mark.parametrize("kind", ["dvn", "conv"])
def test_held_out_images_are_scored_whole(kind):
    """Also where crops are far apart: as if they touched."""
    scores = [
        SEGMENTERS[kind](crops=Crops(4, stride=stride), early_stopping=True)
        .fit(X, Y, X_val=X, y_val=Y)
        .validation_score_
        for stride in (4, 9)
    ]
    assert scores[0] == scores[1] > 0
