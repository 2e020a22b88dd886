"""Tests of crops, their sums and averages, and joint inference over them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdvn.inference import (
    CroppedNetwork,
    GradientAscent,
    Views,
    offsets_along,
    offsets_by_stride,
    value_field,
)
from skdvn.networks import autograd_score_and_grad


def views_of(height, width, crop_size, n_crops, mirrored=False):
    downs, acrosses = (
        tuple(offsets_along(n, crop_size, n_crops)) for n in (height, width)
    )
    return Views(height, width, crop_size, downs, acrosses, mirrored)


@given(
    length=st.integers(1, 90),
    crop_size=st.integers(1, 40),
    n_crops=st.integers(1, 9),
    stride=st.integers(1, 40),
)
def test_offsets_stay_inside_and_cover_the_axis(length, crop_size, n_crops, stride):
    crop_size = min(crop_size, length)
    evenly = offsets_along(length, crop_size, n_crops)
    assert len(evenly) >= min(n_crops, length - crop_size + 1)
    for offsets in (evenly, offsets_by_stride(length, crop_size, stride)):
        assert all(0 <= offset <= length - crop_size for offset in offsets)
        covered = {i for o in offsets for i in range(o, o + crop_size)}
        assert covered == set(range(length))


def test_crops_of_the_paper():
    assert offsets_along(32, 24, 3) == [0, 4, 8]
    assert len(views_of(32, 32, 24, 6)) == 36
    assert len(views_of(32, 32, 24, 1)) == 4  # one crop would leave pixels uncovered


@given(
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    n_crops=st.integers(1, 4),
    mirrored=st.booleans(),
    seed=st.integers(0, 99),
)
def test_paste_is_the_transpose_of_cut(height, width, n_crops, mirrored, seed):
    views = views_of(height, width, 4, n_crops, mirrored)
    rng = torch.Generator().manual_seed(seed)
    image = torch.randn(2, 3, height, width, generator=rng, dtype=torch.float64)
    cut = views.cut(image)
    assert cut.shape == (2 * len(views), 3, 4, 4)
    other = torch.randn(cut.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close((cut * other).sum(), (image * views.paste(other)).sum())


@given(n_crops=st.integers(1, 5), mirrored=st.booleans())
def test_average_of_the_views_of_an_image_is_the_image(n_crops, mirrored):
    views = views_of(7, 9, 5, n_crops, mirrored)
    image = torch.rand(2, 1, 7, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(views.average(views.cut(image)), image)


def test_mirrored_views_are_mirror_images(uniform):
    image = uniform(1, 1, 4, 4)
    straight, flipped = views_of(4, 4, 4, 1, mirrored=True).cut(image)
    assert torch.equal(straight, image[0])
    assert torch.equal(flipped, image[0].flip(-1))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ["conv", "oracle", "linear"])
def test_joint_score_is_the_mean_over_crops(name, mirrored, image_networks, uniform):
    network = image_networks(crop_size=8)[name]
    views = views_of(10, 12, 8, 2, mirrored)
    joint = CroppedNetwork(network, views)
    x, y = uniform(2, 3, 10, 12), uniform(2, 1, 10, 12, seed=1)
    with torch.no_grad():
        context = joint.encode(x)
        score, grad = joint.score_and_grad(context, y)
        each = [
            network.score(network.encode(a), b)
            for a, b in zip(views.cut(x).split(1), views.cut(y).split(1), strict=True)
        ]
    expected = torch.stack(each).view(2, len(views)).mean(1)
    torch.testing.assert_close(score, expected)
    _, by_autograd = autograd_score_and_grad(joint, context, y)
    torch.testing.assert_close(grad, by_autograd)


def test_joint_inference_agrees_where_a_crop_is_the_image(image_networks, uniform):
    network = image_networks(crop_size=8)["oracle"]
    x, y = uniform(2, 3, 8, 8), uniform(2, 1, 8, 8, seed=1)
    joint = CroppedNetwork(network, views_of(8, 8, 8, 1))
    ascent = GradientAscent(5, 0.3, "rms")
    with torch.no_grad():
        found, expected = (
            ascent.climb(value_field(one, one.encode(x)), y) for one in (network, joint)
        )
    torch.testing.assert_close(found, expected)
