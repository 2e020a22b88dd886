"""Images of the user as lists of arrays, checked."""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from .lazy import chosen, is_lazy, mapped, opened

# Beyond this pixels could not be standardised in single precision.
LARGEST_PIXEL = 1e30


def check_images(X, name="X", rows=None):
    """Images as arrays with the channels first.

    Parameters
    ----------
    X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
list of arrays, or sequence of arrays or of paths of image files
        Finite numbers. Images of a list may differ in size, not in channels.
    name : str, default="X"
        What error messages call it.
    rows : sequence of int, default=None
        Positions of the images that are wanted; None wants all.

    Returns
    -------
    images : sequence of ndarray of shape (n_channels, height, width)
        Of type uint8 or float32. A list; for files and other sequences that are not
        in memory a `LazySequence`, which reads and checks images when asked for them.

    Raises
    ------
    ValueError
        If anything is wrong with X; the message names the image.
    """
    return mapped(
        lambda image, i: _check_image(image, f"{name}[{i}]"), parts_of(X, name), rows
    )


def pictures_of(X):
    """Images as they are, a list of arrays with the channels last; files are read."""
    return [
        opened(image, f"X[{i}]", colours=True)
        for i, image in enumerate(parts_of(X, "X"))
    ]


def parts_of(X, name):
    """The images or masks of an array, a list or another sequence."""
    is_sequence = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    unfit = str, bytes, Mapping
    if isinstance(X, unfit) or sparse.issparse(X) or not is_sequence:
        hint = f" Pass list({name})." * hasattr(X, "__next__")
        hint = hint or f" Pass list({name}.values())." * isinstance(X, Mapping)
        raise ValueError(
            f"{name} must be an array, a list of arrays, or a sequence of arrays or of "
            f"paths of image files; got {type(X).__name__}.{hint}"
        )
    if hasattr(X, "columns"):
        raise ValueError(
            f"{name} must be an array, a list or a series, not a table; got "
            f"{type(X).__name__}. Pass one column, for example {name}['file']."
        )
    if is_array(X) and X.ndim not in (3, 4):
        raise ValueError(
            f"{name} must have shape (n, height, width) or, with channels of images, "
            f"(n, height, width, n_channels); got shape {X.shape}. A single one is "
            f"{name}[np.newaxis], flattened ones are {name}.reshape(n, height, width)."
        )
    if not len(X):
        raise ValueError(f"{name} must hold at least one image, got none.")
    of_objects = isinstance(X, np.ndarray) and not is_array(X)
    return list(X) if of_objects or hasattr(X, "iloc") else X


def is_array(X):
    """Whether images or masks are one array, rather than one of paths or of arrays."""
    return isinstance(X, np.ndarray) and (X.dtype.kind not in "OU" or X.ndim > 1)


def parts_at(X, rows, name):
    """The images or masks at these positions, as they are; lazy ones stay lazy."""
    parts = parts_of(X, name)
    if isinstance(parts, np.ndarray) and not is_lazy(parts):
        return parts[rows]
    return chosen(mapped(lambda part, i: part, parts), rows)


def in_form_of(X, results):
    """An array for an array of images or masks, a list for all else.

    Parameters
    ----------
    X : array or sequence
        What the user gave.
    results : iterable of ndarray
        One for each of its images.
    """
    results = list(results)
    whole = is_array(X) and X.dtype != object and not is_lazy(X)
    return np.stack(results) if whole else results


def _check_image(image, name):
    image = opened(image, name, colours=True)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name} must have shape (height, width) or (height, width, "
            f"n_channels), each at least 1; got shape {image.shape}."
        )
    if image.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold numbers, got dtype {image.dtype}.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        what = "NaN" if np.isnan(image).any() else "infinity"
        raise ValueError(
            f"{name} contains {what}; pixels must be finite. np.nan_to_num(image) "
            "makes them so."
        )
    if image.ndim == 3 and image.shape[0] <= 4 < min(image.shape[1:]):
        raise ValueError(
            f"{name} has shape {image.shape}, which looks like channels first; images "
            "have channels last, (height, width, n_channels). Pass "
            "np.moveaxis(image, 0, -1)."
        )
    low, high = float(image.min()), float(image.max())
    if max(-low, high) > LARGEST_PIXEL:
        raise ValueError(
            f"{name} has pixels from {low:.4g} to {high:.4g}; allowed are numbers from "
            f"-{LARGEST_PIXEL:g} to {LARGEST_PIXEL:g}. Scale the images, in fit and "
            "predict alike."
        )
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    image = image[..., np.newaxis] if image.ndim == 2 else image
    return np.array(image.transpose(2, 0, 1), order="C")


def check_as_many(images, masks, name="Y", of="X"):
    """Raise unless there is one mask for each image."""
    if len(images) != len(masks):
        raise ValueError(
            f"{of} has {len(images)} image(s) and {name} has {len(masks)} mask(s); "
            "there must be one mask per image."
        )


def check_same_size(image, mask, i, name="Y", of="X"):
    """Raise unless the mask at position i has the size of its image."""
    if image.shape[1:] != mask.shape[1:]:
        raise ValueError(
            f"{name}[{i}] has height and width {mask.shape[1:]}; {of}[{i}] has "
            f"{image.shape[1:]}. They must match."
        )


def check_same_sizes(images, masks, name="Y", of="X", rows=None):
    """Raise unless there is one mask of the right size for each image.

    Parameters
    ----------
    images, masks : sequence of ndarray of shape (n_channels, height, width)
    name, of : str, default="Y", "X"
        What error messages call the masks and the images.
    rows : sequence of int, default=None
        What error messages call their positions.
    """
    check_as_many(images, masks, name, of)
    rows = range(len(images)) if rows is None else rows
    for i, row in enumerate(rows):
        check_same_size(images[i], masks[i], row, name, of)
