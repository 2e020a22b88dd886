"""Sizes that images are worked on at: reduced to, and enlarged from."""

import numpy as np
import torch
from torch.nn import functional as F


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
