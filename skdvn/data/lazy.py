"""Images and masks that are read lazily, since they may be too many to hold.

Images and masks are lists of arrays, or anything else with a length whose items are
arrays or paths of image files. Lists and arrays are converted once; all else is read
again each time, so that only a mini-batch is ever in memory.
"""

import os

import numpy as np


class LazySequence:
    """A sequence whose items are made of another's, each time they are asked for.

    Parameters
    ----------
    parts : object with a length and items
    function : callable
        ``function(item, position) -> item``, where the position is that in `parts`.
    rows : sequence of int, default=None
        Positions in `parts`; None is all of them.
    """

    def __init__(self, parts, function, rows=None):
        self._parts, self._function = parts, function
        self._rows = range(len(parts)) if rows is None else rows

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, position):
        row = int(self._rows[position])
        return self._function(self._parts[row], row)

    def __iter__(self):
        return (self[position] for position in range(len(self)))

    def at(self, rows):
        """The items at these positions, a `LazySequence`."""
        rows = [int(self._rows[row]) for row in rows]
        return LazySequence(self._parts, self._function, rows)


def mapped(function, parts, rows=None):
    """``function(item, position)`` of each item: a list, or lazily a `LazySequence`.

    Parameters
    ----------
    function : callable
    parts : list, ndarray or other sequence
        See `is_lazy`.
    rows : sequence of int, default=None
        Positions of the items that are wanted; None wants all.
    """
    if is_lazy(parts):
        return LazySequence(parts, function, rows)
    rows = range(len(parts)) if rows is None else rows
    return [function(parts[row], row) for row in rows]


def chosen(parts, rows):
    """The items at these positions, in the form of `parts`."""
    if isinstance(parts, LazySequence):
        return parts.at(rows)
    return [parts[row] for row in rows]


def is_lazy(parts):
    """Whether items are not held in memory: files, or sequences other than arrays."""
    if isinstance(parts, list | tuple):
        return len(parts) > 0 and isinstance(parts[0], str | os.PathLike)
    return not isinstance(parts, np.ndarray) or isinstance(parts, np.memmap)


def import_pillow(caller):
    """Return Pillow's module Image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f"{caller} needs Pillow, which cannot be imported; remedy: "
            "pip install skdvn[images]"
        ) from error
    return Image


def opened(part, name, colours=False):
    """An item as an array; files are read.

    Parameters
    ----------
    part : array-like, image of Pillow, str or path-like
    name : str
        What error messages call it.
    colours : bool, default=False
        Whether a file with a palette holds colours, or indices.

    Returns
    -------
    array : ndarray
        Of an image file (height, width), or (height, width, 3) where it has colours.

    Raises
    ------
    ImportError
        If a file is to be read without Pillow.
    ValueError
        If there is no such file, it holds no image, or the item is no array.
    """
    if isinstance(part, str | os.PathLike):
        return _read(part, name, colours)
    if type(part).__module__.startswith("PIL."):
        return _pixels(part, colours)
    if np.ma.is_masked(part):
        raise ValueError(
            f"{name} has masked pixels; fill them, for example by {name}.filled(0)."
        )
    try:
        return _plain(np.asarray(part))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{name} is of type {type(part).__name__} and cannot be read as an array. "
            "Allowed are arrays, nested lists whose rows are equally long, and paths "
            "of image files."
        ) from error


def _plain(array):
    """An array of objects as one of numbers or strings, where all are of one kind."""
    if array.dtype != object:
        return array
    plain = np.array(array.tolist())
    if plain.dtype.kind == "U" and not all(isinstance(one, str) for one in array.flat):
        return array
    return plain


def _read(path, name, colours):
    """The pixels of an image file."""
    Image = import_pillow(f"Reading {name}, the file {os.fspath(path)!r},")
    try:
        with Image.open(path) as file:
            return _pixels(file, colours)
    except Exception as error:  # Pillow's readers raise of many kinds
        raise ValueError(
            f"{name} is {os.fspath(path)!r}, which cannot be read as an image: {error}"
            ". Allowed are paths of image files that Pillow can open."
        ) from error


def _pixels(image, colours):
    """The pixels of an image of Pillow, without transparency."""
    has_palette = colours and image.mode in ("P", "PA")
    if has_palette or image.mode in ("RGBA", "CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    elif image.mode == "LA":
        image = image.convert("L")
    return np.array(image)
