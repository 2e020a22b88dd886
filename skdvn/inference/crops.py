"""Crops of images: where they lie, joint inference over them, averages of them."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from ..networks import score_and_grad


def offsets_along(length, crop_size, n_crops):
    """Offsets of evenly spaced crops along one axis, covering it whole.

    Parameters
    ----------
    length, crop_size : int
        Sizes of image and crop.
    n_crops : int
        Number of crops; if they cannot cover the axis there are more. Equal offsets
        count once.

    Returns
    -------
    offsets : list of int
    """
    room = length - crop_size
    n_crops = min(max(n_crops, math.ceil(length / crop_size)), room + 1)
    if n_crops == 1:
        return [0]
    return sorted({round(room * k / (n_crops - 1)) for k in range(n_crops)})


def offsets_by_stride(length, crop_size, stride):
    """Offsets that many pixels apart, but no farther than crops cover the axis."""
    room = length - crop_size
    return sorted({*range(0, room + 1, min(stride, crop_size)), room})


@dataclass(frozen=True)
class Views:
    """The views of images of one size: crops, and mirror images of them.

    Parameters
    ----------
    height, width : int
        Size of the images.
    crop_size : int
        Side of the crops.
    downs, acrosses : tuple of int
        Offsets of the crops; each pair is one.
    mirrored : bool, default=False
        Whether each crop counts once more, flipped from left to right.
    """

    height: int
    width: int
    crop_size: int
    downs: tuple
    acrosses: tuple
    mirrored: bool = False

    def __len__(self):
        return len(self.downs) * len(self.acrosses) * (1 + self.mirrored)

    @property
    def is_whole(self):
        """Whether the only view is the image itself."""
        return len(self) == 1 and self.height == self.width == self.crop_size

    def cut(self, images):
        """All views of images.

        Parameters
        ----------
        images : torch.Tensor of shape (n, n_channels, height, width)

        Returns
        -------
        views : torch.Tensor of shape (n * n_views, n_channels, crop_size, crop_size)
            All of one image in a row.
        """
        if self.is_whole:
            return images
        size = self.crop_size
        views = torch.stack(
            [
                images[:, :, down : down + size, across : across + size]
                for down in self.downs
                for across in self.acrosses
            ],
            1,
        )
        if self.mirrored:
            views = torch.cat([views, views.flip(-1)], 1)
        return views.flatten(0, 1)

    def paste(self, views):
        """Sum the views at their places: the transpose of `cut`.

        Parameters
        ----------
        views : torch.Tensor of shape (n * n_views, n_channels, crop_size, crop_size)

        Returns
        -------
        images : torch.Tensor of shape (n, n_channels, height, width)
        """
        if self.is_whole:
            return views
        views = views.unflatten(0, (-1, len(self)))
        if self.mirrored:
            straight, flipped = views.chunk(2, 1)
            views = straight + flipped.flip(-1)
        n, _, n_channels, size, _ = views.shape
        images = views.new_zeros(n, n_channels, self.height, self.width)
        parts = iter(views.unbind(1))
        for down in self.downs:
            for across in self.acrosses:
                images[:, :, down : down + size, across : across + size] += next(parts)
        return images

    @cached_property
    def coverage(self):
        """How many views show each pixel, (height, width)."""
        ones = torch.ones(len(self), 1, self.crop_size, self.crop_size)
        return self.paste(ones)[0, 0]

    def average(self, views):
        """Mean of the views at each pixel; shapes as for `paste`."""
        return self.paste(views) / self.coverage.to(views)


def views_of(height, width, crop_size, *, n_crops="auto", stride=None, mirrored=False):
    """The views of images of one size.

    Parameters
    ----------
    height, width, crop_size : int
    n_crops : int or "auto", default="auto"
        How many crops; "auto" overlaps neighbours by at least half of their side.
    stride : int, default=None
        Distance of neighbouring crops in pixels, instead of `n_crops`.
    mirrored : bool, default=False
        Whether the mirror image of each crop is a view.

    Returns
    -------
    views : Views
    """

    def offsets(length):
        if stride is not None:
            return tuple(offsets_by_stride(length, crop_size, stride))
        along = 1 + -(-2 * (length - crop_size) // crop_size)
        if n_crops != "auto":
            along = round(n_crops**0.5)
        return tuple(offsets_along(length, crop_size, along))

    return Views(height, width, crop_size, offsets(height), offsets(width), mirrored)


class CroppedRows:
    """The views of images as rows of their own.

    Parameters
    ----------
    images : Images or ConstantRows
        Has ``take``.
    n_images : int
    views : Views
    """

    def __init__(self, images, n_images, views):
        self._images, self._n_images, self._views = images, n_images, views

    def __len__(self):
        return self._n_images * len(self._views)

    def take(self, rows):
        """The views at these positions (a slice), as a tensor."""
        n = len(self._views)
        first, last = rows.start // n, -(-rows.stop // n)
        cut = self._views.cut(self._images.take(slice(first, last)))
        return cut[rows.start - first * n : rows.stop - first * n]


class CroppedNetwork(nn.Module):
    """A value network on images, made of one on crops: joint inference.

    The score of an image and its mask is the mean over all views of both, so that
    each pixel climbs the sum of the gradients of the crops that hold it (section 5.4
    of Gygli et al., 2017).

    Parameters
    ----------
    network : torch.nn.Module
        A value network on crops.
    views : Views
    """

    def __init__(self, network, views):
        super().__init__()
        self.network, self.views = network, views

    def encode(self, x):
        """Contexts of all views."""
        return self.network.encode(self.views.cut(x))

    def score(self, context, y):
        """Mean logit over the views, shape (n,)."""
        return self._mean(self.network.score(context, self.views.cut(y)))

    def score_and_grad(self, context, y):
        """Mean logit over the views and its gradient in y."""
        score, grad = score_and_grad(self.network, context, self.views.cut(y))
        return self._mean(score), self.views.paste(grad) / len(self.views)

    def guess(self, context):
        """Mean guess over the views that show a pixel."""
        return self.views.average(self.network.guess(context))

    def _mean(self, scores):
        return scores.unflatten(0, (-1, len(self.views))).mean(1)
