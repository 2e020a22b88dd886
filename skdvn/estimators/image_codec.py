"""Images and masks of the user as examples for the network, and back."""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..data import (
    ConstantRows,
    Distortion,
    Examples,
    ImageExamples,
    Images,
    MaskTargets,
    check_images,
    check_same_sizes,
)
from ..inference import Views, offsets_along, offsets_by_stride
from ..oracles import MAP_ORACLES, get_oracle
from .components import Augmentation, Crops
from .initializers import SegmenterStart
from .parameters import checked_weight, resolve_device
from .plain_state import PlainStateMixin

# Crops are no larger than this unless asked for.
LARGEST_CROP = 64


class ImageData(NamedTuple):
    """Checked lists: images, masks, where inference starts; and weights."""

    images: list
    masks: list
    starts: list | None
    weight: np.ndarray | None

    def at(self, rows):
        """The data at these positions."""
        parts = (self.images, self.masks, self.starts)
        weight = None if self.weight is None else self.weight[rows]
        return ImageData(
            *(None if part is None else [part[i] for i in rows] for part in parts),
            weight,
        )


def resolve_crops(crops):
    """The `Crops` that a parameter means."""
    return crops if isinstance(crops, Crops) else Crops(crops)


def resolve_augmentation(augmentation):
    """The `Augmentation` that a parameter means."""
    given = isinstance(augmentation, Augmentation)
    return augmentation if given else Augmentation(augmentation)


class ImageCodec(PlainStateMixin):
    """Settles once what all calls share, and turns images into examples and back.

    Parameters
    ----------
    name : str
        Of the estimator, for error messages.
    before : ImageCodec, default=None
        That of the last fit, if this one goes on from there.

    Attributes
    ----------
    targets : MaskTargets
    n_channels : int
        Of the images.
    device, dtype
        Where tensors go, and their precision.
    mean, scale : ndarray of shape (n_channels,)
    crop_size : int
    initializer : SegmenterStart, MeanStart or None
        What says where inference starts, if a model does.
    start : float or None
        Where it starts if it is the same everywhere. With neither it is the network's
        own guess.
    """

    dtype = torch.float32
    default_oracle = "auto"

    def __init__(self, name, before=None):
        self._name, self._before = name, before

    # -- what is settled ---------------------------------------------------------

    def read(self, X, y, sample_weight, params, geometry, classes=None):
        """Check images and masks, and settle all but where inference starts.

        Parameters
        ----------
        X, y, sample_weight : object
            What the user gave.
        params : estimator
        geometry : tuple of (int, float)
            Of what crop sizes must be multiples, and the share of the smallest image
            that "auto" is.
        classes : array-like, default=None
            All classes there will be.

        Returns
        -------
        data : ImageData
            Without starts.
        """
        before, images = self._before, check_images(X)
        self.n_channels = len(images[0]) if before is None else before.n_channels
        self._check_channels(images)
        self.targets = MaskTargets(y if classes is None else [[classes]])
        masks = self.targets.encode(y, "Y")
        check_same_sizes(images, masks)
        if before is not None:
            self._check_classes(before.targets.classes_)
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        self.device = resolve_device(params.device)
        if before is None:
            self.mean, self.scale = channel_statistics(images)
            self.crop_size = resolve_crop_size(params.crops, images, *geometry)
        else:
            self.mean, self.scale = before.mean, before.scale
            self.crop_size = before.crop_size
        self._before = None
        self._check_sizes(images)
        return ImageData(images, masks, None, weight)

    def read_more(self, X, y, sample_weight, name="Y"):
        """Further images and masks, checked, as `ImageData`."""
        images = self.checked(X, "X" if name == "Y" else "X_val")
        masks = self.targets.encode(y, name)
        check_same_sizes(images, masks, name)
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        return ImageData(images, masks, self.starts_of(X), weight)

    def fit_start(self, start, data, X, y, random_state):
        """Settle where inference starts: at a model's masks, a number, or the guess.

        Returns
        -------
        data : ImageData
            With the starts of the training images, where a model says them.
        """
        self.initializer = self.start = None
        if not hasattr(start, "fit"):
            self.start = start
            return data
        self.initializer = start
        seed = check_random_state(random_state).randint(2**31 - 1)
        return data._replace(starts=start.fit(X, y, seed))

    def starts_of(self, X):
        """Where inference on new images starts, if another model says so."""
        return None if self.initializer is None else self.initializer.predict(X)

    def oracle(self, oracle):
        """The oracle in use; "auto" goes by the number of classes."""
        if isinstance(oracle, str) and oracle == "auto":
            return MAP_ORACLES["iou" if len(self.targets.classes_) == 2 else "accuracy"]
        return get_oracle(oracle, MAP_ORACLES)

    def _check_channels(self, images, name="X"):
        n_channels = len(images[0])
        if n_channels != self.n_channels:
            hint = (
                " Without an axis of channels images are grey; a single image in "
                "colour is X[np.newaxis]."
            )
            raise ValueError(
                f"{name} has images of {n_channels} channel(s); {self._name} was "
                f"fitted on {self.n_channels}." + hint * (n_channels == 1)
            )

    def _check_classes(self, known):
        found = self.targets.classes_
        if not np.array_equal(known, found):
            raise ValueError(
                f"warm_start=True needs the classes of the last fit, {known.tolist()};"
                f" got {found.tolist()}. Set warm_start=False to start anew."
            )

    def _check_sizes(self, images):
        for i, image in enumerate(images):
            if min(image.shape[1:]) < self.crop_size:
                raise ValueError(
                    f"X[{i}] has height and width {image.shape[1:]}, less than the "
                    f"crop size {self.crop_size}. Enlarge the image, or fit with "
                    "smaller crops."
                )

    def checked(self, X, name="X"):
        """New images as a list of arrays, channels first."""
        images = check_images(X, name)
        self._check_channels(images)
        self._check_sizes(images)
        return images

    # -- tensors -----------------------------------------------------------------

    def tensors(self, arrays, standardize=False):
        """Arrays with channels first as `Images`."""
        scaling = ()
        if standardize:
            scaling = torch.tensor(self.mean), torch.tensor(self.scale)
        # Few bytes are kept for each pixel; what is drawn becomes floating point.
        tensors = [torch.as_tensor(array, device=self.device) for array in arrays]
        return Images(tensors, self.device, self.dtype, *scaling)

    def tensor(self, mask):
        """One mask, in a batch of its own."""
        mask = np.ascontiguousarray(mask[np.newaxis])  # torch reads none backwards
        return torch.tensor(mask, dtype=self.dtype, device=self.device)

    def constant_start(self, height, width, n):
        """The start where it is the same everywhere; None for the network's guess."""
        if self.start is None:
            return None
        shape = (self.targets.n_outputs_, height, width)
        row = torch.full(shape, self.start, dtype=self.dtype, device=self.device)
        return ConstantRows(row, n)

    def examples(self, data, crops, augmentation):
        """What a network learns from: random crops of the images."""
        size, weight = self.crop_size, data.weight
        if weight is not None:
            weight = torch.as_tensor(weight / weight.mean(), dtype=self.dtype)
            weight = weight.to(self.device)
        if data.starts is None:
            n = crops.per_image * len(data.images)
            starts = self.constant_start(size, size, n)
        else:
            starts = self.tensors(data.starts)
        return ImageExamples(
            self.tensors(data.images, standardize=True),
            self.tensors(data.masks),
            starts,
            Distortion(size, augmentation.flips, augmentation.strength),
            weight,
            weight,
            crops.per_image,
            crops.visits,
            starts_vary=starts is None or isinstance(self.initializer, SegmenterStart),
        )

    def fixed_crops(self, data, crops):
        """All crops of the images as they are, for evaluation."""
        parts = {"images": [], "masks": [], "starts": []}
        for rows in groups_of_equal_size(data.images):
            for name, cut in parts.items():
                arrays = getattr(data, name)
                if arrays is not None:
                    stack = self.tensors(
                        [arrays[i] for i in rows], standardize=name == "images"
                    ).take(slice(None))
                    views = self.views(crops, *stack.shape[-2:], flip=False)
                    cut.append(views.cut(stack))
        x, y, starts = (torch.cat(cut) if cut else None for cut in parts.values())
        if starts is None:
            starts = self.constant_start(self.crop_size, self.crop_size, len(y))
        else:
            starts = self.tensors(starts)
        return Examples(self.tensors(x), self.tensors(y), starts)

    def views(self, crops, height, width, flip):
        """Where the crops of images of this size lie."""
        size = self.crop_size
        if crops.stride is not None:
            downs, acrosses = (
                offsets_by_stride(length, size, crops.stride)
                for length in (height, width)
            )
        else:
            downs, acrosses = (
                offsets_along(length, size, self._crops_along(length, crops))
                for length in (height, width)
            )
        return Views(height, width, size, tuple(downs), tuple(acrosses), flip)

    def _crops_along(self, length, crops):
        if crops.n_crops != "auto":
            return round(crops.n_crops**0.5)
        # Neighbours share at least half of their side.
        return 1 + -(-2 * (length - self.crop_size) // self.crop_size)

    def by_size(self, images, *others):
        """Images of equal size and what belongs to them, with their positions.

        Yields
        ------
        rows : list of int
        batches : list of Images or None
            The images, and the others.
        """
        for rows in groups_of_equal_size(images):
            stacks = [
                None if arrays is None else self.tensors([arrays[i] for i in rows])
                for arrays in others
            ]
            part = self.tensors([images[i] for i in rows], standardize=True)
            yield rows, [part, *stacks]


def resolve_crop_size(crops, images, factor, share):
    """Side of the crops; "auto" goes by the smallest image."""
    size = resolve_crops(crops).size
    if size == "auto":
        smallest = min(min(image.shape[1:]) for image in images)
        return max(factor, int(min(smallest * share, LARGEST_CROP)) // factor * factor)
    if size % factor:
        raise ValueError(
            f"crops must be of a size that is a multiple of {factor} for this network, "
            f"got {size}."
        )
    return size


def channel_statistics(images):
    """Mean and standard deviation of each channel over all pixels."""
    pixels = [image.reshape(len(image), -1) for image in images]
    n_pixels = sum(part.shape[1] for part in pixels)
    mean = sum(part.sum(1, dtype=np.float64) for part in pixels) / n_pixels
    squares = (((part - mean[:, None]) ** 2).sum(1) for part in pixels)
    scale = np.sqrt(sum(squares) / n_pixels)
    return mean, np.where(scale > 0, scale, 1.0)


def groups_of_equal_size(images):
    """Positions of the images of each size."""
    sizes = [image.shape[1:] for image in images]
    order = sorted(range(len(images)), key=lambda i: sizes[i])
    groups = itertools.groupby(order, key=lambda i: sizes[i])
    return [list(group) for _, group in groups]
