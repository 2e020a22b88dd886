"""Inference on images of many sizes: as a whole, by crops together, or crops apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..data import Queries, check_as_many, check_same_size, enlarged
from ..inference import (
    CroppedNetwork,
    CroppedRows,
    GradientAscent,
    infer,
    on_whole_images,
    stages,
    values,
    views_of,
)
from .components import Crops
from .image_codec import ImageCodec
from .parameters import given_or

# Whole images of more than so many times the side of those trained on have one view.
MANY_VIEWS_UP_TO = 2


@dataclass
class ImagePredictor:
    """Carries out inference on images, as the parameters stand now.

    Parameters
    ----------
    codec : ImageCodec
    network : torch.nn.Module
    ascent : GradientAscent
    noise : callable
        ``noise()`` is a new source of the ascent's noise, None for none.
    crops : Crops
    flips : bool
        Whether mirror images were trained on.
    batch_size : int
        Images of the size trained on that are predicted together.
    """

    codec: ImageCodec
    network: torch.nn.Module
    ascent: GradientAscent
    noise: Any
    crops: Crops
    flips: bool
    batch_size: int

    @property
    def is_whole(self):
        """Whether images are seen as a whole, not by crops."""
        return self.codec.sizes.whole and self.crops.size == "auto"

    def views(self, height, width):
        """Where the crops of images of this size lie."""
        return views_of(
            *(height, width, self.codec.sizes.crop_size),
            n_crops=self.crops.n_crops,
            stride=self.crops.stride,
            mirrored=given_or(self.crops.flip, self.flips),
        )

    def averages(self, height, width):
        """Whether each crop climbs alone, and the masks are averaged."""
        apart = self.crops.aggregation == "average" and not self.is_whole
        return apart and not self.views(height, width).is_whole

    def network_on(self, height, width, size=None):
        """A value network on images of this size, all views of which are joined.

        Parameters
        ----------
        height, width : int
            Of the images, as they are worked on.
        size : (int, int), default=None
            Of the masks of images seen as a whole, if it is another one.
        """
        if self.is_whole:
            side = MANY_VIEWS_UP_TO * self.codec.sizes.crop_size
            small = max(height, width) <= side
            flip = given_or(self.crops.flip, self.flips and small)
            shift = given_or(self.crops.shift, int(small))
            return on_whole_images(self.network, flip, shift, size)
        views = self.views(height, width)
        return self.network if views.is_whole else CroppedNetwork(self.network, views)

    # -- what is asked of it -----------------------------------------------------

    def relaxed(self, images, starts, run=infer):
        """Yield what becomes of each image, at its size.

        Parameters
        ----------
        images : sequence of ndarray
            As `ImageCodec.checked` returns them; a few are held at a time.
        starts : sequence of ndarray or None
            Masks to start from.
        run : callable, default=infer
            What to do: `infer`, `refined` or `guessed`.
        """
        for _, (part, part_starts) in self._parts(images, starts):
            found = [None] * len(part)
            for rows, size, queries in self._queries(part, part_starts):
                outputs, together = self._run(run, queries, size)
                self._put(found, rows, together(outputs), part)
            yield from found

    def stages(self, images, starts):
        """Yield the relaxed masks of all images at the start and after each step."""
        images = list(images)
        parts = []
        for rows, size, queries in self._queries(images, starts):
            iterates, together = self._run(stages, queries, size)
            parts.append((rows, map(together, iterates)))
        for stage in zip(*(iterates for _, iterates in parts), strict=True):
            relaxed = [None] * len(images)
            for (rows, _), found in zip(parts, stage, strict=True):
                self._put(relaxed, rows, found, images)
            yield relaxed

    def values(self, images, outputs):
        """What the network thinks of several masks of each image, (n_outputs, n)."""
        for masks in outputs:
            check_as_many(images, masks)
        found = np.empty((len(outputs), len(images)))
        for rows, (part, *part_masks) in self._parts(images, *outputs):
            for masks in part_masks:
                for i, image, mask in zip(rows, part, masks, strict=True):
                    check_same_size(image, mask, i)
            for some, (x, *masks) in self.codec.by_size(
                self.is_whole, part, *part_masks
            ):
                size = self._mask_size(part[some[0]], x)
                network = self.network_on(*x.size(0), size)
                n = self._images_together(*size)
                seen = values(network, x, masks, batch_size=n).numpy()
                found[:, [rows[i] for i in some]] = seen
        return found

    # -- how ---------------------------------------------------------------------

    def _parts(self, images, *others):
        """As many images as are worked on together, with what belongs to them.

        Yields
        ------
        rows : range
            Positions of the images.
        parts : list of list or None
            The images, and the others.
        """
        limit = self.batch_size * self.codec.sizes.crop_size**2
        if self.ascent.noise:  # which is drawn for all at once
            limit = float("inf")
        held, area = [], 0
        for i in range(len(images)):
            held.append(images[i])
            area += held[-1][0].size
            if area >= limit or i + 1 == len(images):
                rows = range(i + 1 - len(held), i + 1)
                more = [
                    None if other is None else [other[row] for row in rows]
                    for other in others
                ]
                yield rows, [held, *more]
                held, area = [], 0

    def _queries(self, images, starts):
        """Queries of the images of each size, with their positions and masks' size."""
        for rows, (x, y_init) in self.codec.by_size(self.is_whole, images, starts):
            size = self._mask_size(images[rows[0]], x)
            if y_init is None:
                y_init = self.codec.constant_start(*size, len(x))
            yield rows, size, Queries(x, y_init)

    def _mask_size(self, image, x):
        """Height and width at which the mask of an image is sought and judged."""
        return image.shape[1:] if self.is_whole else x.size(0)

    def _run(self, run, queries, size):
        """What `run` finds for images of one size, and what puts crops together."""
        ascent, rng = self.ascent, self.noise()
        if not self.averages(*size):
            network = self.network_on(*queries.x.size(0), size)
            n = self._images_together(*size)
            return run(network, ascent, queries, batch_size=n, rng=rng), _as_it_is
        views = self.views(*size)
        parts = (
            None if part is None else CroppedRows(part, len(queries), views)
            for part in (queries.x, queries.y_init)
        )
        how = {"batch_size": self.batch_size, "rng": rng}
        return run(self.network, ascent, Queries(*parts), **how), views.average

    def _images_together(self, height, width):
        """How many images have no more pixels than a batch of those trained on."""
        side, area = self.codec.sizes.crop_size, height * width
        if not self.is_whole:
            area = len(self.views(height, width)) * side**2
        return max(1, self.batch_size * side**2 // area)

    def _put(self, results, rows, found, images):
        """Put what was found for these rows at their places, at the images' size."""
        longest = self.codec.sizes.longest
        for row, one in zip(rows, found.numpy(), strict=True):
            size = images[row].shape[1:]
            results[row] = one if self.is_whole else enlarged(one, size, longest)


def _as_it_is(outputs):
    return outputs
