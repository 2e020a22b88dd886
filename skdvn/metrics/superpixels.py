"""Superpixels, and the most frequent label of each."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data import (
    check_images,
    check_label_maps,
    check_same_shapes,
    in_form_of,
    is_integer,
)
from ..data.typing import Maps


def slic_segments(
    X: ArrayLike, n_segments: int = 100, compactness: float = 10.0
) -> Maps:
    """Divide images into superpixels with scikit-image's SLIC.

    Needs scikit-image: ``pip install skdvn[superpixels]``.

    Parameters
    ----------
    X : array-like of shape (n, height, width, n_channels) or (n, height, width), or \
list of arrays
        Images, finite numbers; three channels are taken as red, green and blue.
    n_segments : int, default=100
        About how many superpixels each image is divided into, at least 1.
    compactness : float, default=10.0
        How much nearness counts against likeness of colour, positive: large values
        make squares, small ones follow edges, and on small or noisy images leave few
        superpixels.

    Returns
    -------
    segments : ndarray of shape (n, height, width), or list of arrays
        Number of each pixel's superpixel in its image, counted from 0; a list if X is
        one.

    References
    ----------
    R. Achanta et al. SLIC superpixels compared to state-of-the-art superpixel
    methods. IEEE Transactions on Pattern Analysis and Machine Intelligence, 2012.
    """
    if not is_integer(n_segments) or n_segments < 1:
        raise ValueError(f"n_segments={n_segments!r}; allowed are positive integers")
    if not isinstance(compactness, Real) or not 0.0 < compactness < np.inf:
        raise ValueError(f"compactness={compactness!r}; allowed are positive numbers")
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise ImportError(
            "slic_segments needs scikit-image, which cannot be imported; remedy: "
            "pip install skdvn[superpixels]"
        ) from error
    found = [
        slic(image, n_segments, compactness, start_label=0, channel_axis=0)
        for image in check_images(X)
    ]
    return in_form_of(X, found)


def majority_labels(Y: ArrayLike, segments: ArrayLike) -> Maps:
    """Give each pixel the most frequent label of its superpixel.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), or list of arrays
        Label maps.
    segments : array-like of shape (n, height, width), or list of arrays
        Number of each pixel's superpixel in its image, integers. Pixels of one number
        need not be connected.

    Returns
    -------
    Y_majority : ndarray of shape (n, height, width), or list of arrays
        Label maps that are constant in every superpixel; of labels that are equally
        frequent the smallest. A list if Y is one.

    Raises
    ------
    ValueError
        If Y or segments hold no classes, or differ in shape.

    Examples
    --------
    >>> from skdvn.metrics import majority_labels
    >>> majority_labels([[[0, 2, 2], [1, 1, 0]]], [[[7, 7, 7], [8, 8, 8]]])
    [array([[2, 2, 2],
           [1, 1, 1]])]
    """
    maps = check_label_maps(Y, "Y")
    pairs = zip(maps, numbered_superpixels(segments, maps, "Y"), strict=True)
    majority = [most_frequent(one, numbers)[numbers] for one, numbers in pairs]
    return in_form_of(Y, majority)


def resize_labels(Y: ArrayLike, sizes: tuple[int, int] | list[tuple[int, int]]) -> Maps:
    """Resize label maps or superpixels by taking the nearest pixel.

    For predictions on small images that are to be judged at the original size.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), or list of arrays
        Integers.
    sizes : (int, int) or list of (int, int)
        New height and width, of all maps or of each.

    Returns
    -------
    Y_resized : ndarray of shape (n, new_height, new_width), or list of arrays
        A list if ``sizes`` is one, in which they may differ.

    Examples
    --------
    >>> from skdvn.metrics import resize_labels
    >>> resize_labels([[[1, 2]]], (2, 4)).tolist()
    [[[1, 1, 2, 2], [1, 1, 2, 2]]]
    """
    maps = check_label_maps(Y, "Y")
    pairs = sizes if isinstance(sizes, list) else [sizes] * len(maps)
    if len(pairs) != len(maps):
        raise ValueError(
            f"sizes holds {len(pairs)} pair(s) and Y {len(maps)} map(s); allowed are "
            "one pair (height, width) for all, or a list of one per map"
        )
    resized = [_nearest(part, pair) for part, pair in zip(maps, pairs, strict=True)]
    return resized if isinstance(sizes, list) else np.stack(resized)


def _nearest(part, size):
    if np.shape(size) != (2,) or not all(is_integer(k) and k >= 1 for k in size):
        raise ValueError(
            f"sizes holds {size!r}; allowed are pairs (height, width) of integers from "
            "1 on"
        )
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for old, new in zip(part.shape, size, strict=True)
    )
    return part[rows[:, np.newaxis], columns]


def numbered_superpixels(
    segments: ArrayLike, maps: list[NDArray[Any]], name: str
) -> list[NDArray[Any]]:
    """Number the superpixels of each image 0, 1, ... without gaps.

    Parameters
    ----------
    segments : array-like of shape (n, height, width), or list of arrays
        As of `majority_labels`.
    maps : list of ndarray of shape (height, width)
        Label maps of the same images.
    name : str
        What error messages call the label maps.

    Returns
    -------
    numbers : list of ndarray of shape (height, width)
    """
    segments = check_label_maps(segments, "segments")
    check_same_shapes(maps, segments, name, "segments")
    inverses = (np.unique(part, return_inverse=True)[1] for part in segments)
    return [one.reshape(part.shape) for one, part in zip(inverses, maps, strict=True)]


def most_frequent(labels: NDArray[Any], numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the most frequent label of each superpixel, of equals the smallest.

    Parameters
    ----------
    labels, numbers : ndarray of shape (height, width)
        Class, and number without gaps of the superpixel, of each pixel of an image.

    Returns
    -------
    majority : ndarray of shape (n_superpixels,)
    """
    classes, codes = np.unique(labels, return_inverse=True)
    shape = numbers.max() + 1, len(classes)
    cells = numbers.ravel() * shape[1] + codes.ravel()
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    return classes[counts.argmax(axis=1)]
