"""At which size images are worked on, and how large a part of them is trained on."""

import warnings
from typing import NamedTuple

import numpy as np

from ..data import working_size
from .plain_state import PlainStateMixin

# Where nothing else is asked for, images are worked on with no more pixels than this
# on their longer side, which is also the largest square that is trained on.
LONGEST_SIDE = 128
# Of images that are reduced more than so often, the user is told.
DRASTIC = 4


class Geometry(NamedTuple):
    """What a network asks of the sizes of images.

    Parameters
    ----------
    multiple : int
        Of what they must be multiples.
    whole : bool
        Whether it sees images as a whole, of any size.
    share : float
        Else, the share of the shorter side of images that "auto" crops are.
    """

    multiple: int
    whole: bool = True
    share: float = 1.0


class Sizes(PlainStateMixin):
    """What a fit has settled of sizes.

    Parameters
    ----------
    longest : int or None
        Longer side to which images are reduced; None for none.
    whole : bool
        Whether the network can see images as a whole.
    multiple : int
        Of what heights and widths must be multiples for it.
    crop_size : int
        Side of the squares that are trained on.
    """

    def __init__(self, longest, whole, multiple, crop_size):
        self.longest, self.whole = longest, whole
        self.multiple, self.crop_size = multiple, crop_size


def settled_sizes(sizes, image_size, crop_size, geometry_of):
    """What the parameters say of sizes, given those of the training images.

    Parameters
    ----------
    sizes : list of (int, int)
        Of the training images.
    image_size : int, "auto" or None
    crop_size : int or "auto"
    geometry_of : callable
        ``geometry_of(size)`` is the `Geometry` of the network for squares of a size.

    Returns
    -------
    sizes : Sizes
    """
    longest = resolve_image_size(image_size, sizes)
    if crop_size != "auto":
        multiple, whole, _ = geometry_of(crop_size)
        if crop_size % multiple:
            raise ValueError(
                f"crops must be of a size that is a multiple of {multiple} for this "
                f"network, for example {crop_size + -crop_size % multiple}; got "
                f"{crop_size}."
            )
        return Sizes(longest, whole, multiple, crop_size)
    # What most images have, so that a few odd ones change nothing.
    typical = np.median(
        np.sort([working_size(size, longest) for size in sizes]), axis=0
    )
    shorter, longer = np.minimum(typical, LONGEST_SIDE)
    multiple, whole, share = geometry_of(int(longer))
    if not whole:
        n = max(1, share * shorter // multiple)
        return Sizes(longest, whole, multiple, int(n) * multiple)
    return Sizes(longest, whole, *_fitting(int(longer), multiple, geometry_of))


def _fitting(size, multiple, geometry_of):
    """A multiple that squares may have, and the smallest that shows all of this size.

    A network for larger squares may ask for a larger multiple.
    """
    crop_size = size
    while crop_size % multiple:
        crop_size = -(-size // multiple) * multiple
        multiple = max(multiple, geometry_of(crop_size).multiple)
    return multiple, crop_size


def resolve_image_size(image_size, sizes):
    """Longer side to which images are reduced, None for none.

    Parameters
    ----------
    image_size : int, "auto" or None
    sizes : list of (int, int)
        Of the training images.
    """
    if image_size != "auto":
        return image_size
    typical = float(np.median([max(size) for size in sizes]))
    if typical <= LONGEST_SIDE:
        return None
    if typical > DRASTIC * LONGEST_SIDE:
        warnings.warn(
            f"Images of {typical:.0f} pixels are worked on at {LONGEST_SIDE} pixels, "
            "and what is found enlarged to their size; details smaller than "
            f"{typical / LONGEST_SIDE:.0f} pixels are lost. Set image_size to a larger "
            "number of pixels, or to None to leave images at their size.",
            stacklevel=6,
        )
    return LONGEST_SIDE
