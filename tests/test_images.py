"""Tests of random crops and of what happens to them."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdvn.data import ConstantRows, Distortion, ImageExamples, Images

CPU, FLOAT = torch.device("cpu"), torch.float32


def images_of(*shapes, dtype=torch.uint8, seed=0, **scaling):
    rng = torch.Generator().manual_seed(seed)
    made = [torch.randint(0, 256, shape, generator=rng).to(dtype) for shape in shapes]
    return Images(made, CPU, FLOAT, **scaling)


def examples_of(shapes, distortion, y_init=None, **params):
    x = images_of(*[(3, *shape) for shape in shapes])
    # The mask is the first channel's bright pixels, so that both can be compared.
    y = Images([(image[:1] > 127).to(torch.uint8) for image in x.images], CPU, FLOAT)
    return ImageExamples(x, y, y_init, distortion, **params)


def test_images_are_standardised():
    mean, scale = torch.tensor([10.0, 20.0]), torch.tensor([2.0, 5.0])
    images = images_of((2, 4, 5), (2, 4, 5), mean=mean, scale=scale)
    raw = torch.stack(images.images).float()
    expected = (raw - mean.view(2, 1, 1)) / scale.view(2, 1, 1)
    torch.testing.assert_close(images.take(slice(0, 2)), expected)
    torch.testing.assert_close(
        images.subset(torch.tensor([1])).take(slice(1)), expected[1:]
    )


@given(
    top=st.integers(-9, 9),
    left=st.integers(-9, 9),
    width=st.integers(1, 12),
)
def test_windows_mirror_what_is_beyond_the_border(top, left, width):
    images = images_of((1, 5, 7))
    (found,) = images.windows(images.images, torch.tensor([[top, left]]), width)
    image = images.images[0].float()
    tiled = torch.cat([image, image.flip(1)], 1)
    tiled = torch.cat([tiled, tiled.flip(2)], 2)
    for i in range(width):
        for j in range(width):
            expected = tiled[0, (top + i) % 10, (left + j) % 14]
            assert found[0, i, j] == expected


@pytest.mark.parametrize("n_visits", [1, 3])
def test_undistorted_crops_are_parts_of_the_images(n_visits, seeded):
    shapes = [(6, 8), (5, 9), (7, 5)]
    examples = examples_of(shapes, Distortion(4, "none", 0.0), n_visits=n_visits)
    rows = torch.tensor([2, 0, 1])
    for _ in range(4):
        drawn = examples.draw(rows, seeded())
        for row, x, y in zip(rows.tolist(), drawn.x, drawn.y, strict=True):
            image = examples.x.images[row].float()
            parts = image.unfold(1, 4, 1).unfold(2, 4, 1).permute(1, 2, 0, 3, 4)
            assert (parts.flatten(0, 1) == x).flatten(1).all(1).any()
            assert torch.equal(y, (x[:1] > 127).float())


def test_a_crop_shows_all_of_a_smaller_image(seeded):
    image = torch.arange(15, dtype=torch.uint8).view(1, 3, 5)
    x, y = (Images([one], CPU, FLOAT) for one in (image, image > 7))
    examples = ImageExamples(x, y, None, Distortion(8, "none", 0.0))
    rng, places = seeded(), set()
    for _ in range(400):
        (crop,) = examples.draw(torch.tensor([0]), rng).x
        parts = crop[0].unfold(0, 3, 1).unfold(1, 5, 1).flatten(0, 1)
        whole = (parts == image[0]).flatten(1).all(1).nonzero().flatten()
        assert len(whole)
        places.add(int(whole[0]))
    assert len(places) == 6 * 4


def test_every_place_and_both_sides_are_drawn(seeded):
    examples = examples_of([(5, 6)], Distortion(4, "horizontal", 0.0))
    rng = seeded()
    found = {
        tuple(examples.draw(torch.tensor([0]), rng).x.flatten().tolist())
        for _ in range(200)
    }
    assert len(found) == 2 * 3 * 2  # rows, columns, mirror images


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_image_and_mask_are_distorted_alike(strength, seeded):
    """A bright disk and its mask still overlap after the distortion."""
    down, across = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    disk = ((down - 12) ** 2 + (across - 18) ** 2 < 60).to(torch.uint8)[None]
    x, y = (Images([part], CPU, FLOAT) for part in (200 * disk, disk))
    examples = ImageExamples(x, y, None, Distortion(32, "both", strength))
    drawn = examples.draw(torch.zeros(50, dtype=torch.long), seeded())
    assert set(drawn.y.unique().tolist()) == {0.0, 1.0}
    middle = (
        drawn.x.amax((2, 3), keepdim=True) + drawn.x.amin((2, 3), keepdim=True)
    ) / 2
    bright = (drawn.x > middle).float()
    overlap = (bright * drawn.y).sum((1, 2, 3)) / torch.maximum(bright, drawn.y).sum(
        (1, 2, 3)
    )
    assert overlap.min() > 0.8
    assert len({tuple(mask.flatten().tolist()) for mask in drawn.y}) == 50


def test_crops_stay_for_some_visits(seeded):
    examples = examples_of(
        [(12, 12)] * 4, Distortion(8, "none", 0.0), n_crops=2, n_visits=3
    )
    assert len(examples) == 8
    rng, rows, seen = seeded(), torch.arange(8), []
    for _ in range(9):
        drawn = examples.draw(rows, rng)
        same = [] if not seen else (drawn.x == seen[-1]).flatten(1).all(1)
        if seen:
            assert torch.equal(~same, drawn.renewed) or (~same <= drawn.renewed).all()
        seen.append(drawn.x)
    # Each crop is renewed every third visit, and not all of them at once.
    changes = torch.stack([(a != b).flatten(1).any(1) for a, b in pairwise(seen)])
    assert changes.sum(0).tolist() == pytest.approx([8 / 3] * 8, abs=1)
    assert (changes.sum(1) < 8).all()


def test_starts_are_cropped_with_the_masks(seeded):
    plain = Distortion(4, "horizontal", 0.0)
    examples = examples_of([(9, 9)] * 3, plain)
    examples.y_init = Images(examples.y.images, CPU, FLOAT)
    drawn = examples.draw(torch.arange(3), seeded())
    assert torch.equal(drawn.y_init, drawn.y)
    constant = ConstantRows(torch.full((1, 4, 4), 0.2), 3)
    drawn = examples_of([(9, 9)] * 3, plain, constant).draw(torch.arange(3), seeded())
    assert (drawn.y_init == 0.2).all()
    assert examples_of([(9, 9)], plain).draw(torch.arange(1), seeded()).y_init is None
