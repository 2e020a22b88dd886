"""Readers of images and of label maps, at one size or at their own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..data import is_integer


def check_shape(size):
    """Return ``(height, width)``, or None to leave sizes alone."""
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or not all(is_integer(side) and side >= 1 for side in pair):
        raise ValueError(
            f"size={size!r}; allowed are an integer not below 1, a pair of them "
            "(height, width), and None for the original sizes"
        )
    return tuple(map(int, pair))


def numbered_pairs(folder, image_form, labels_form) -> list[tuple[Path, Path]]:
    """Return the files of images and of their label maps, by number.

    Parameters
    ----------
    folder : Path
    image_form, labels_form : str
        Paths in the folder with ``{}`` in place of the number.

    Returns
    -------
    pairs : list of (Path, Path)
        Ordered by number.

    Raises
    ------
    FileNotFoundError
        If one of a pair is missing.
    """
    images, labels = _numbered(folder, image_form), _numbered(folder, labels_form)
    lone = sorted(images.keys() ^ labels.keys())
    if lone:
        number = lone[0]
        path = images.get(number) or labels[number]
        form = labels_form if number in images else image_form
        digits = re.findall(r"\d+$", path.stem)[0]
        raise FileNotFoundError(
            f"{path} has no {form.format(digits)} beside it in {folder} "
            f"({len(lone)} such); allowed are pairs: add the file or remove this one"
        )
    return [(images[number], labels[number]) for number in sorted(images)]


def _numbered(folder, form):
    place, _, name = form.rpartition("/")
    pattern = re.compile(re.escape(name).replace(r"\{\}", r"(\d+)"))
    found = [
        (pattern.fullmatch(path.name), path) for path in (folder / place).iterdir()
    ]
    return {int(match[1]): path for match, path in found if match}


def read_pair(Image, image_path, labels_path, decode, shape):
    """Read an image and its label map.

    Parameters
    ----------
    Image : module
        Pillow's.
    image_path, labels_path : Path
    decode : callable
        Turns the open file of the label map into an array of classes 0, 1, ..., or
        raises ValueError.
    shape : (int, int) or None
        Height and width to resize to.

    Returns
    -------
    image : ndarray of shape (height, width, 3)
        Red, green and blue, uint8.
    labels : ndarray of shape (height, width)
        Classes, uint8.
    """
    with Image.open(image_path) as file:
        image = file.convert("RGB")
    with Image.open(labels_path) as file:
        try:
            labels = decode(file)
        except ValueError as error:
            raise ValueError(f"{labels_path}: {error}") from None
    if image.size != labels.shape[::-1]:
        raise ValueError(
            f"{labels_path} has width and height {labels.shape[::-1]}, "
            f"{image_path.name} {image.size}; allowed is one size: take both from the "
            "same source"
        )
    if shape is not None:
        image = image.resize(shape[::-1], Image.Resampling.BOX)
        labels = _resize_labels(Image, labels, shape)
    return np.array(image), labels.astype(np.uint8)


def _resize_labels(Image, labels, shape):
    """Give each pixel the class with the largest share of its area, of equals the last.

    Rounding makes equals of shares that differ by the order of summation.
    """
    masks = [(labels == k).astype(np.float32) for k in range(labels.max() + 1)]
    masks = [Image.fromarray(mask) for mask in masks]
    shares = [mask.resize(shape[::-1], Image.Resampling.BOX) for mask in masks]
    shares = np.round(np.stack(list(map(np.asarray, shares))), 5)
    return len(shares) - 1 - shares[::-1].argmax(axis=0)


def gather(parts, shape):
    """Return one array of equally large parts, or a list if they keep their sizes."""
    return list(parts) if shape is None else np.stack(parts)
