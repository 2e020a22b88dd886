"""Sizes that images are worked on at: reduced to, and enlarged from."""

import numpy as np
import torch
from torch.nn import functional as F

from .lazy import mapped


def working_size(size, longest):
    """Height and width at which an image is worked on; it is never enlarged.

    Parameters
    ----------
    size : (int, int)
        Of the image.
    longest : int or None
        Its longer side is reduced to this; None leaves it as it is.

    Returns
    -------
    size : (int, int)
    """
    if longest is None or max(size) <= longest:
        return tuple(size)
    return tuple(max(1, round(side * longest / max(size))) for side in size)


def resized(array, size):
    """An array (n_channels, height, width) at another size, each pixel a mean.

    Parameters
    ----------
    array : ndarray of shape (n_channels, height, width)
    size : (int, int)

    Returns
    -------
    array : ndarray of shape (n_channels, *size)
        Of the type of the given one, rounded if that is uint8, or float32.
    """
    if array.shape[1:] == tuple(size):
        return array
    batch = torch.as_tensor(np.ascontiguousarray(array))[None].float()
    smaller = F.interpolate(batch, tuple(size), mode="bilinear", antialias=True)[0]
    if array.dtype == np.uint8:
        return smaller.round().clamp(0, 255).to(torch.uint8).numpy()
    return smaller.numpy()


def reduced(arrays, longest):
    """Arrays (n_channels, height, width) at the size worked on.

    Parameters
    ----------
    arrays : list or LazySequence of ndarray
    longest : int or None
        As for `working_size`.
    """
    return mapped(
        lambda one, i: resized(one, working_size(one.shape[1:], longest)), arrays
    )


def enlarged(relaxed, size, longest):
    """What a network made of an image at the size worked on, at the image's size.

    Parameters
    ----------
    relaxed : ndarray of shape (n_channels, height, width)
        In [0, 1]; perhaps larger than the size worked on, by padding below and right.
    size : (int, int)
        Of the image.
    longest : int or None
        As for `working_size`.
    """
    height, width = working_size(size, longest)
    part = relaxed[:, :height, :width]
    return part if part.shape[1:] == tuple(size) else resized(part, size).clip(0, 1)


def padded(array, side):
    """An array whose sides are at least this; it goes on as its mirror image."""
    missing = [max(0, side - length) for length in array.shape[1:]]
    if not any(missing):
        return array
    return np.pad(array, [(0, 0), *((0, n) for n in missing)], mode="symmetric")
