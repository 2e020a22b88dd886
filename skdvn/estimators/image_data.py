"""What is given of images: those that count, with masks, starts and weights."""

import itertools
from typing import NamedTuple

import numpy as np

from ..data import check_as_many, chosen, parts_of
from .parameters import checked_weight


class ImageData(NamedTuple):
    """Images, masks and where inference starts, at the size worked on; and weights.

    Images of weight 0 are not among them. `rows` are the positions of those that are,
    None for all.
    """

    images: object
    masks: object
    starts: object
    weight: np.ndarray | None
    rows: np.ndarray | None

    def at(self, rows):
        """The data at these positions."""
        lists = (self.images, self.masks, self.starts)
        arrays = (self.weight, self.rows)
        return ImageData(
            *(None if part is None else chosen(part, rows) for part in lists),
            *(None if part is None else part[rows] for part in arrays),
        )


def counting(X, y, sample_weight):
    """Weights of the images that count, and their positions, None for all.

    Those of weight 0 are not even looked at.
    """
    images = parts_of(X, "X")
    check_as_many(images, parts_of(y, "Y"))
    weight = checked_weight(sample_weight, np.zeros(len(images)))
    if weight is None or weight.all():
        return weight, None
    rows = np.flatnonzero(weight)
    return weight[rows], rows


def groups_of_equal_size(images):
    """Positions of the images of each size."""
    sizes = [image.shape[1:] for image in images]
    order = sorted(range(len(images)), key=lambda i: sizes[i])
    groups = itertools.groupby(order, key=lambda i: sizes[i])
    return [list(group) for _, group in groups]
