"""Label maps of users: checks of integer classes or superpixel numbers per pixel."""

from numbers import Integral

import numpy as np


def check_label_maps(Y, name):
    """Return label maps as a list of arrays.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), or list of arrays
        Integers.
    name : str
        What error messages call it.

    Returns
    -------
    maps : list of ndarray of shape (height, width)
        Those of a list may differ in size.

    Raises
    ------
    ValueError
        If anything is wrong with Y; the message names the map.
    """
    if isinstance(Y, str) or not hasattr(Y, "__len__"):
        raise ValueError(
            f"{name} must be an array or a list of arrays, got {type(Y).__name__}."
        )
    if not len(Y):
        raise ValueError(f"{name} must hold at least one map, got none.")
    maps = [np.asarray(part) for part in Y]
    for i, part in enumerate(maps):
        if part.ndim != 2 or 0 in part.shape:
            raise ValueError(
                f"{name}[{i}] must be a map of shape (height, width), none of them 0; "
                f"got shape {part.shape}. A single map is {name}[np.newaxis]."
            )
        if part.dtype.kind not in "bui":
            raise ValueError(
                f"{name}[{i}] must hold integers, got dtype {part.dtype}. If all "
                f"values are whole numbers, pass them as integers: {name}.astype(int)."
            )
    return maps


def check_same_shapes(maps, others, name, other_name):
    """Raise unless there is one other map of the same shape for each map."""
    if len(maps) != len(others):
        raise ValueError(
            f"{name} has {len(maps)} map(s) and {other_name} has {len(others)}; they "
            "must have as many."
        )
    for i, (one, other) in enumerate(zip(maps, others, strict=True)):
        if one.shape != other.shape:
            raise ValueError(
                f"{other_name}[{i}] must have the shape of {name}[{i}], {one.shape}; "
                f"got {other.shape}."
            )


def in_form_of(Y, maps):
    """Return a list for a list of maps, else one array."""
    return list(maps) if isinstance(Y, (list, tuple)) else np.stack(maps)


def is_integer(value):
    """Whether a value is an integer and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)
