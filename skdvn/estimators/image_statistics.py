"""One look at all images: sizes, channels and how their pixels are distributed."""

from typing import NamedTuple

import numpy as np

from ..data import check_same_size


class ImageStatistics(NamedTuple):
    """What one look at all images finds.

    Parameters
    ----------
    n_channels : int
    sizes : list of (int, int)
        Height and width of each image.
    mean, scale : ndarray of shape (n_channels,)
        Mean and standard deviation of each channel over all pixels; a constant one
        has the scale 1.
    pixel_range : tuple of (float, float)
        Least and greatest value of a pixel.
    """

    n_channels: int
    sizes: list
    mean: np.ndarray
    scale: np.ndarray
    pixel_range: tuple


def statistics_of(images, masks, rows=None):
    """Look at each image and its mask once, so that none needs to stay in memory.

    Parameters
    ----------
    images, masks : sequence of ndarray of shape (n_channels, height, width)
    rows : sequence of int, default=None
        What error messages call their positions.

    Returns
    -------
    statistics : ImageStatistics

    Raises
    ------
    ValueError
        If channels differ, or the size of a mask is not that of its image.
    """
    sizes, n_pixels, n_channels = [], 0, len(images[0])
    mean, squares, low, high = (
        np.zeros(n_channels),
        np.zeros(n_channels),
        np.inf,
        -np.inf,
    )
    rows = range(len(images)) if rows is None else rows
    for i, row in enumerate(rows):
        image = images[i]
        if len(image) != n_channels:
            raise ValueError(
                f"X[{row}] has {len(image)} channel(s) and X[{rows[0]}] has "
                f"{n_channels}; all images must have the same."
            )
        check_same_size(image, masks[i], row)
        sizes.append(image.shape[1:])
        low, high = min(low, float(image.min())), max(high, float(image.max()))
        # Moments of parts, put together (Chan et al., 1979).
        pixels = image.reshape(n_channels, -1)
        n, own = pixels.shape[1], pixels.mean(1, dtype=np.float64)
        own_squares = ((pixels - own[:, np.newaxis]) ** 2).sum(1)
        shift, total = own - mean, n_pixels + n
        squares += own_squares + shift**2 * (n_pixels * n / total)
        mean += shift * (n / total)
        n_pixels = total
    scale = np.sqrt(squares / n_pixels)
    return ImageStatistics(
        n_channels, sizes, mean, np.where(scale > 0, scale, 1.0), (low, high)
    )
