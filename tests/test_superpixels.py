"""Tests of superpixels: majorities, sizes, SLIC, and the accuracy on superpixels."""

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label
from sklearn.metrics import accuracy_score

from skdvn.datasets import make_silhouettes
from skdvn.metrics import (
    majority_labels,
    resize_labels,
    slic_segments,
    superpixel_accuracy,
)

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
# Superpixel numbers have gaps and may be negative.
NUMBERS = st.sampled_from([-3, 0, 1, 7, 1000])


def maps_and_segments(n_maps):
    """Label maps of classes 0, 1, 2 and 9, and superpixels of the same shape."""
    classes = st.sampled_from([0, 1, 2, 9])

    def of_shape(shape):
        one = arrays(int, shape, elements=classes)
        return st.tuples(*[one] * n_maps, arrays(int, shape, elements=NUMBERS))

    return SHAPES.flatmap(of_shape)


def winners(labels, segments):
    """The most frequent label of each superpixel of one image, smallest of equals."""
    found = {}
    for number in np.unique(segments):
        counts = Counter(labels[segments == number].tolist())
        found[number] = min(counts, key=lambda k: (-counts[k], k))
    return found


# -- majorities -----------------------------------------------------------------------


@given(maps_and_segments(1))
def test_pixels_get_the_most_frequent_label_of_their_superpixel(pair):
    Y, segments = pair
    found = majority_labels(Y, segments)
    assert found.shape == Y.shape and found.dtype == Y.dtype
    for one, labels, parts in zip(found, Y, segments, strict=True):
        expected = winners(labels, parts)
        assert all(one[at] == expected[parts[at]] for at in np.ndindex(one.shape))
    np.testing.assert_array_equal(majority_labels(found, segments), found)


def test_majorities_by_hand_on_images_of_different_sizes():
    Y = [np.array([[2, 2, 0], [1, 0, 0]]), np.array([[5, 4]])]
    segments = [np.array([[1, 1, 1], [2, 2, 2]]), np.array([[1, 1]])]
    first, second = majority_labels(Y, segments)
    np.testing.assert_array_equal(first, [[2, 2, 2], [0, 0, 0]])
    np.testing.assert_array_equal(second, [[4, 4]])  # a tie, and an image of its own


def test_inputs_are_left_alone_and_types_kept():
    Y = np.array([[[1, 0, 1]]], dtype=np.uint8)
    segments = np.zeros((1, 1, 3), dtype=np.int16)
    for array in (Y, segments):
        array.setflags(write=False)
    found = majority_labels(Y, segments)
    assert found.dtype == np.uint8 and found.tolist() == [[[1, 1, 1]]]
    assert majority_labels(Y.astype(bool), segments).dtype == bool


BAD_PAIRS = [
    ([[[0, 1]]], [[[0, 1, 1]]], r"segments\[0\] must have the shape of Y.*\(1, 2\)"),
    ([[[0, 1]]], [[[0, 1]]] * 2, r"1 map\(s\) and segments has 2"),
    ([[[0, 1]]], [[[0.0, 1.5]]], r"segments\[0\] must hold classes.*fractions.*1\.5"),
    ([[[0.5, 1.0]]], [[[0, 1]]], r"\[0\] must hold classes, integers or strings.*0\.5"),
    ([[0, 1]], [[[0, 1]]], r"\[0\] must be a mask.*A single mask is .*newaxis"),
    ([], [], "must hold at least one image, got none"),
    (1, [[[0, 1]]], "must be an array, a list of arrays.*got int"),
    ([[[]]], [[[]]], r"\[0\] must be a mask of shape.*both at least 1"),
]


@pytest.mark.parametrize("Y, segments, message", BAD_PAIRS)
def test_unfit_maps_are_refused(Y, segments, message):
    with pytest.raises(ValueError, match=message):
        majority_labels(Y, segments)
    with pytest.raises(ValueError, match=message.replace("of Y", "of Y_true")):
        superpixel_accuracy(Y, Y, segments)


# -- accuracy on superpixels ----------------------------------------------------------


@given(maps_and_segments(2))
def test_accuracy_is_over_all_superpixels_of_all_images(three):
    Y_true, Y_pred, segments = three
    truths, found = [], []
    for true, predicted, parts in zip(*three, strict=True):
        truths += winners(true, parts).values()
        found += winners(predicted, parts).values()
    score = superpixel_accuracy(Y_true, Y_pred, segments)
    assert type(score) is float
    assert score == pytest.approx(accuracy_score(truths, found))
    majority = majority_labels(Y_pred, segments)
    assert superpixel_accuracy(Y_true, majority, segments) == score
    lists = (list(part) for part in three)
    assert superpixel_accuracy(*lists) == score


@given(maps_and_segments(2))
def test_a_superpixel_for_each_pixel_is_pixel_accuracy(three):
    Y_true, Y_pred, _ = three
    pixels = np.arange(Y_true.size).reshape(Y_true.shape)
    score = superpixel_accuracy(Y_true, Y_pred, pixels)
    assert score == pytest.approx((Y_true == Y_pred).mean())


def test_weights_count_for_the_superpixels_of_an_image():
    Y_true = [np.array([[0, 1, 2]]), np.array([[1, 1, 1]])]
    Y_pred = [np.array([[0, 0, 0]]), np.array([[1, 1, 1]])]
    segments = [np.array([[0, 1, 2]]), np.array([[4, 4, 4]])]
    assert superpixel_accuracy(Y_true, Y_pred, segments) == pytest.approx(2 / 4)
    for weight, expected in [([1, 5], 6 / 8), ([1, 0], 1 / 3), ([0, 2], 1.0)]:
        score = superpixel_accuracy(Y_true, Y_pred, segments, sample_weight=weight)
        assert score == pytest.approx(expected)
    with pytest.raises(ValueError):
        superpixel_accuracy(Y_true, Y_pred, segments, sample_weight=[1])
    with pytest.raises(ValueError, match="one non-zero"):
        superpixel_accuracy(Y_true, Y_pred, segments, sample_weight=[0, 0])


# -- other sizes ----------------------------------------------------------------------


@given(arrays(int, SHAPES), st.integers(1, 4), st.integers(1, 4))
def test_resizing_by_whole_factors_repeats_and_goes_back(Y, down, across):
    height, width = Y.shape[1:]
    larger = resize_labels(Y, (height * down, width * across))
    np.testing.assert_array_equal(larger, Y.repeat(down, 1).repeat(across, 2))
    np.testing.assert_array_equal(resize_labels(larger, (height, width)), Y)


@given(arrays(np.uint8, SHAPES), st.integers(1, 9), st.integers(1, 9))
def test_resized_pixels_are_nearest(Y, height, width):
    found = resize_labels(Y, (height, width))
    assert found.dtype == Y.dtype and found.shape == (len(Y), height, width)
    for i, j in np.ndindex(height, width):
        y, x = (i + 0.5) * Y.shape[1] / height, (j + 0.5) * Y.shape[2] / width
        np.testing.assert_array_equal(found[:, i, j], Y[:, int(y), int(x)])


def test_maps_of_different_sizes_get_sizes_of_their_own():
    Y = [np.array([[1, 2]]), np.array([[3], [4]])]
    first, second = resize_labels(Y, [(1, 4), (1, 1)])
    np.testing.assert_array_equal(first, [[1, 1, 2, 2]])
    np.testing.assert_array_equal(second, [[4]])
    assert resize_labels(Y, (2, 2)).tolist() == [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]


@pytest.mark.parametrize(
    "sizes, message",
    [
        ([(1, 1)], r"sizes holds 1 pair\(s\) and Y 2 map\(s\)"),
        ((0, 2), r"sizes holds \(0, 2\); allowed are pairs"),
        (7, "sizes holds 7; allowed are pairs"),
        ((1.5, 2), r"sizes holds \(1.5, 2\)"),
        ([(1, 1), (1, 2, 3)], r"sizes holds \(1, 2, 3\)"),
    ],
)
def test_bad_sizes(sizes, message):
    with pytest.raises(ValueError, match=message):
        resize_labels([[[1]], [[2]]], sizes)


# -- SLIC -----------------------------------------------------------------------------


@pytest.fixture
def slic():
    pytest.importorskip("skimage", reason="needs scikit-image")
    return slic_segments


def test_slic_makes_connected_superpixels_along_edges(slic):
    X = np.zeros((2, 24, 24, 3), dtype=np.uint8)
    X[0, :, :9], X[1, 13:] = (250, 20, 20), (20, 250, 20)
    segments = slic(X, n_segments=16)
    assert segments.shape == (2, 24, 24) and segments.dtype.kind == "i"
    for i in range(2):
        numbers = np.unique(segments[i])
        np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
        assert 8 <= len(numbers) <= 24
        assert all(label(segments[i] == number)[1] == 1 for number in numbers)
    edges = X[..., :2].argmax(-1) + 2 * (X.sum(-1) == 0)
    np.testing.assert_array_equal(majority_labels(edges, segments), edges)


def test_more_segments_fit_masks_better(slic):
    X, Y = make_silhouettes(10, size=32, parts=True, random_state=0)
    fit = [(majority_labels(Y, slic(X, n)) == Y).mean() for n in (10, 60, 300)]
    assert 0.7 < fit[0] < fit[1] < fit[2]


def test_compact_superpixels_are_boxes_and_others_follow_edges(slic):
    X, Y = make_silhouettes(5, size=32, random_state=0)
    boxes = slic(X, n_segments=30, compactness=1e5)
    for number in np.unique(boxes[0]):
        rows, columns = np.nonzero(boxes[0] == number)
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    loose = slic(X, n_segments=30, compactness=30)
    fit = [(majority_labels(Y, segments) == Y).mean() for segments in (boxes, loose)]
    assert fit[0] < fit[1] - 0.03


def test_slic_on_lists_grey_and_scaled_images(slic):
    X = make_silhouettes(3, size=20, random_state=0)[0]
    found = slic([X[0], X[1, :12]], n_segments=9)
    assert isinstance(found, list) and [s.shape for s in found] == [(20, 20), (12, 20)]
    np.testing.assert_array_equal(found[0], slic(X, n_segments=9)[0])
    assert slic(X[..., 0], n_segments=9).shape == (3, 20, 20)
    assert len(np.unique(slic(np.zeros((1, 8, 8)), n_segments=4))) == 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_segments": 0}, "n_segments=0; allowed are positive integers"),
        ({"n_segments": 2.5}, "n_segments=2.5; allowed are positive integers"),
        ({"compactness": 0}, "compactness=0; allowed are positive numbers"),
        ({"compactness": np.nan}, "compactness=nan; allowed are positive numbers"),
        ({"compactness": "10"}, "compactness='10'; allowed are positive numbers"),
    ],
)
def test_slic_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        slic_segments(np.zeros((1, 8, 8)), **options)


def test_slic_refuses_images_as_segmenters_do(slic):
    with pytest.raises(ValueError, match=r"X\[0\] contains NaN"):
        slic(np.full((1, 4, 4), np.nan))


def test_without_scikit_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ImportError, match=r"pip install skdvn\[superpixels\]"):
        slic_segments(np.zeros((1, 8, 8)))
