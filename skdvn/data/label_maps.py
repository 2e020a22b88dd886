"""Label maps of users: checks of classes or superpixel numbers per pixel."""

from numbers import Integral

from .masks import checked_mask
from .pictures import parts_of


def check_label_maps(Y, name):
    """Return label maps as a list of arrays.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), list of arrays or of paths
        Integers, booleans or strings.
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
    return [
        checked_mask(part, f"{name}[{i}]") for i, part in enumerate(parts_of(Y, name))
    ]


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


def is_integer(value):
    """Whether a value is an integer and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)
