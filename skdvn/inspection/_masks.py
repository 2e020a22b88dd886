"""Images and masks as pixels to show."""

import numpy as np

from ._plotting import PALETTE


def displayable(image):
    """An image as red, green and blue, or grey, in [0, 1]."""
    image = np.asarray(image, dtype=np.float64)
    if image.ndim == 3 and image.shape[2] != 3:
        image = image.mean(axis=2)
    low, high = image.min(), image.max()
    if low < 0 or high > 255:
        return (image - low) / max(high - low, 1)
    return image / 255 if high > 1 else image


def class_colors(n_classes):
    """A colour for each class, (n_classes, 3): black and white for two."""
    from matplotlib import colormaps, colors

    if n_classes == 2:
        return np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    if n_classes <= len(PALETTE):
        return colors.to_rgba_array(PALETTE[:n_classes])[:, :3]
    return colormaps["viridis"](np.linspace(0, 1, n_classes))[:, :3]


def painted(mask, colors):
    """A mask in the colours of its classes, which mix where it is relaxed.

    Parameters
    ----------
    mask : ndarray of shape (height, width) or (n_classes, height, width)
        Positions of classes, or shares of them that add up to 1.
    colors : ndarray of shape (n_classes, 3)

    Returns
    -------
    pixels : ndarray of shape (height, width, 3)
    """
    if mask.ndim == 2:
        return colors[mask]
    return np.clip(np.einsum("chw,cd->hwd", mask, colors), 0, 1)
