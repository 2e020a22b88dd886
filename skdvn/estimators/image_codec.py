"""Images and masks of the user as examples for the network, and back."""

import itertools
import warnings
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
    check_as_many,
    check_images,
    chosen,
    mapped,
    resized,
    working_size,
)
from ..inference import Views, offsets_along, offsets_by_stride
from ..oracles import MAP_ORACLES, get_oracle
from .components import Augmentation, Crops
from .image_statistics import Survey, survey
from .initializers import SegmenterStart
from .parameters import checked_weight, resolve_device
from .plain_state import PlainStateMixin
from .user_augmentation import UserAugmentation

# Where nothing else is asked for, images are worked on with no more pixels than this
# on their longer side, which is also the largest crop that is trained on.
LONGEST_SIDE = 128
# Of images that are reduced more than so often, the user is told.
DRASTIC = 4


class ImageData(NamedTuple):
    """Images, masks and where inference starts, at the size worked on; and weights."""

    images: object
    masks: object
    starts: object
    weight: np.ndarray | None

    def at(self, rows):
        """The data at these positions."""
        parts = (self.images, self.masks, self.starts)
        weight = None if self.weight is None else self.weight[rows]
        return ImageData(
            *(None if part is None else chosen(part, rows) for part in parts), weight
        )


def resolve_crops(crops):
    """The `Crops` that a parameter means."""
    return crops if isinstance(crops, Crops) else Crops(crops)


def resolve_augmentation(augmentation):
    """The `Augmentation` that a parameter means."""
    if isinstance(augmentation, Augmentation):
        return augmentation
    if callable(augmentation):
        return Augmentation(0.0, flips="none")
    return Augmentation(augmentation)


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
    span : tuple of (float, float)
        Least and greatest value of a pixel.
    longest : int or None
        Longer side to which images are reduced; None for none.
    whole : bool
        Whether the network can see images as a whole.
    crop_size : int
        Side of the squares that are trained on.
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

    def read(self, X, y, sample_weight, params, geometry_of, classes=None):
        """Check images and masks, and settle all but where inference starts.

        Parameters
        ----------
        X, y, sample_weight : object
            What the user gave.
        params : estimator
        geometry_of : callable
            ``geometry_of(codec, size)`` says what the network asks of sizes, a
            `Geometry`, where images are of this size.
        classes : array-like, default=None
            All classes there will be.

        Returns
        -------
        data : ImageData
            Without starts.
        """
        before, images = self._before, check_images(X)
        self.targets = MaskTargets(y, params.ignore_label, classes)
        masks = self.targets.encode(y, "Y")
        found = self._survey(images, masks, "X", "Y")
        if before is not None:
            self._check_classes(before.targets.classes_)
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        self.device = resolve_device(params.device)
        if before is None:
            self.n_channels, self.span = found.n_channels, found.span
            self.mean, self.scale = found.mean, found.scale
            self._settle_sizes(params, geometry_of, found.sizes)
        else:
            for name in ("n_channels", "span", "mean", "scale", *SIZES):
                setattr(self, name, getattr(before, name))
            self._check_channels(found.n_channels, "X")
        self._before = None
        return self._worked_on(images, masks, weight)

    def _settle_sizes(self, params, geometry_of, sizes):
        """At which size images are worked on, and how large a part is trained on."""
        self.longest = resolve_image_size(params.image_size, sizes)
        sizes = np.array([working_size(size, self.longest) for size in sizes])
        size = resolve_crops(params.crops).size
        if size == "auto":
            # What most images have, so that a few odd ones change nothing.
            shorter, longer = np.minimum(
                np.median(np.sort(sizes), axis=0), LONGEST_SIDE
            )
            geometry = geometry_of(self, int(longer))
            self.whole, multiple = geometry.whole, geometry.multiple
            side = np.ceil(longer / multiple)
            if not self.whole:
                side = max(1, geometry.share * shorter // multiple)
            self.crop_size = int(side) * multiple
            return
        geometry = geometry_of(self, size)
        self.whole, multiple = geometry.whole, geometry.multiple
        if size % multiple:
            raise ValueError(
                f"crops must be of a size that is a multiple of {multiple} for this "
                f"network, got {size}."
            )
        self.crop_size = size

    def _survey(self, images, masks, name, mask_name) -> Survey:
        check_as_many(images, masks, mask_name)
        return survey(images, masks, name, mask_name)

    def read_more(self, X, y, sample_weight, name="Y"):
        """Further images and masks, checked, as `ImageData`."""
        images = self.checked(X, "X" if name == "Y" else "X_val")
        masks = self.targets.encode(y, name)
        self._survey(images, masks, "X", name)
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        return self._worked_on(images, masks, weight, self.starts_of(X))

    def _worked_on(self, images, masks, weight, starts=None):
        """The data at the size worked on."""
        return ImageData(
            self.reduced(images),
            mapped(lambda mask, i: self.reduced_mask(mask), masks),
            None if starts is None else self.reduced(starts),
            weight,
        )

    def reduced(self, arrays):
        """Arrays (n_channels, height, width) at the size worked on."""
        return mapped(
            lambda one, i: resized(one, working_size(one.shape[1:], self.longest)),
            arrays,
        )

    def reduced_mask(self, mask):
        """A mask of 0 and 1 at the size worked on; each pixel shows what most do."""
        size = working_size(mask.shape[1:], self.longest)
        if size == mask.shape[1:]:
            return mask
        shares, n = resized(mask.astype(np.float32), size), self.targets.n_outputs_
        parts = self.targets.round(shares[:n]), shares[n:] >= 0.5
        return np.concatenate([part.astype(np.uint8) for part in parts])

    def enlarged(self, relaxed, size):
        """What the network made of an image, at the size that the image had."""
        height, width = working_size(size, self.longest)
        part = relaxed[:, :height, :width]
        return part if part.shape[1:] == tuple(size) else resized(part, size).clip(0, 1)

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
        return data._replace(starts=self.reduced(start.fit(X, y, seed)))

    def starts_of(self, X):
        """Where inference on new images starts, if another model says so."""
        return None if self.initializer is None else self.initializer.predict(X)

    def oracle(self, oracle):
        """The oracle in use; "auto" goes by the number of classes."""
        if isinstance(oracle, str) and oracle == "auto":
            return MAP_ORACLES["iou" if len(self.targets.classes_) == 2 else "accuracy"]
        return get_oracle(oracle, MAP_ORACLES)

    def _check_channels(self, n_channels, name):
        if n_channels != self.n_channels:
            hint = (
                " Without an axis of channels images are grey; a single image in "
                "colour is X[np.newaxis]."
            )
            raise ValueError(
                f"{name} has {n_channels} channel(s); {self._name} was "
                f"fitted on {self.n_channels}." + hint * (n_channels == 1)
            )

    def _check_classes(self, known):
        found = self.targets.classes_
        if not np.array_equal(known, found):
            raise ValueError(
                f"warm_start=True needs the classes of the last fit, {known.tolist()};"
                f" got {found.tolist()}. Set warm_start=False to start anew."
            )

    def checked(self, X, name="X"):
        """New images as a sequence of arrays, channels first, at their own sizes."""
        images = check_images(X, name)
        if isinstance(images, list):
            for i, image in enumerate(images):
                self._check_channels(len(image), f"{name}[{i}]")
            self._check_span(images, name)
        else:
            self._check_channels(len(images[0]), f"{name}[0]")
        return images

    def _check_span(self, images, name):
        """Warn where images have another range than those of `fit`."""
        low = min(float(image.min()) for image in images)
        high = max(float(image.max()) for image in images)
        length = self.span[1] - self.span[0]
        if (
            length
            and not length / 32 < max(high - low, high - self.span[0]) < 32 * length
        ):
            warnings.warn(
                f"{name} has pixels from {low:.4g} to {high:.4g}; those that "
                f"{self._name} was fitted on go from {self.span[0]:.4g} to "
                f"{self.span[1]:.4g}. Scale images in fit and predict alike, for "
                "example to 0-255.",
                stacklevel=5,
            )

    # -- tensors -----------------------------------------------------------------

    def tensors(self, arrays, standardize=False):
        """Arrays with channels first as `Images`."""
        scaling = ()
        if standardize:
            scaling = torch.tensor(self.mean), torch.tensor(self.scale)
        # Few bytes are kept for each pixel; what is drawn becomes floating point.
        tensors = mapped(
            lambda array, i: torch.as_tensor(array, device=self.device), arrays
        )
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
        how = resolve_augmentation(augmentation)
        if callable(augmentation) and data.starts is not None:
            raise ValueError(
                "augmentation is a function, which cannot change the masks that "
                "inference starts at. Set init to 'zeros' or a number, or augmentation "
                "to a number."
            )
        return ImageExamples(
            self.tensors(data.images, standardize=True),
            self.tensors(data.masks),
            starts,
            Distortion(size, how.flips, how.strength),
            n_outputs=self.targets.n_outputs_,
            weight=weight,
            n_crops=crops.per_image,
            n_visits=crops.visits,
            starts_vary=starts is None or isinstance(self.initializer, SegmenterStart),
            augment=UserAugmentation.of(augmentation, self.targets, self.device),
        )

    def fixed_crops(self, data, crops):
        """All crops of the images as they are, for evaluation.

        Where images are seen as a whole the crops do not overlap.
        """
        if self.whole and crops.size == "auto":
            crops = Crops(stride=self.crop_size)
        parts = {"images": [], "masks": [], "starts": []}
        for rows in groups_of_equal_size(data.images):
            for name, cut in parts.items():
                arrays = getattr(data, name)
                if arrays is not None:
                    part = [self._at_least_a_crop(arrays[i]) for i in rows]
                    stack = torch.as_tensor(np.stack(part))
                    views = self.views(crops, *stack.shape[-2:], flip=False)
                    cut.append(views.cut(stack))
        x, y, starts = (torch.cat(cut) if cut else None for cut in parts.values())
        if starts is None:
            starts = self.constant_start(self.crop_size, self.crop_size, len(y))
        else:
            starts = self.tensors(list(starts))
        n_outputs = self.targets.n_outputs_
        return Examples(
            self.tensors(list(x), standardize=True),
            self.tensors(list(y[:, :n_outputs])),
            starts,
            known=None
            if self.targets.ignore_label is None
            else self.tensors(list(y[:, n_outputs:])),
        )

    def _at_least_a_crop(self, array):
        """An array that is smaller than a crop goes on as its mirror image."""
        missing = [max(0, self.crop_size - side) for side in array.shape[1:]]
        if not any(missing):
            return array
        return np.pad(array, [(0, 0), *((0, n) for n in missing)], mode="symmetric")

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

    def by_size(self, whole, images, *others):
        """Images of equal size and what belongs to them, with their positions.

        Parameters
        ----------
        whole : bool
            Whether they are seen as a whole, or by crops, for which small ones are
            made large enough.
        images : list of ndarray
            At their own sizes.
        *others : list of ndarray or None
            Masks and starts.

        Yields
        ------
        rows : list of int
        batches : list of Images or None
            The images, and the others, at the size worked on.
        """
        reduced = self.reduced(images)
        others = [
            None
            if arrays is None  # bytes would be rounded
            else self.reduced([np.asarray(one, np.float32) for one in arrays])
            for arrays in others
        ]
        if not whole:
            reduced = list(map(self._at_least_a_crop, reduced))
            others = [
                None if arrays is None else list(map(self._at_least_a_crop, arrays))
                for arrays in others
            ]
        for rows in groups_of_equal_size(reduced):
            stacks = [
                None if arrays is None else self.tensors([arrays[i] for i in rows])
                for arrays in others
            ]
            part = self.tensors([reduced[i] for i in rows], standardize=True)
            yield rows, [part, *stacks]


# What is settled of sizes.
SIZES = ("longest", "whole", "crop_size")


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
            "and masks enlarged to their size; details smaller than "
            f"{typical / LONGEST_SIDE:.0f} pixels are lost. Set image_size to a larger "
            "number of pixels, or to None to leave images at their size.",
            stacklevel=6,
        )
    return LONGEST_SIDE


def groups_of_equal_size(images):
    """Positions of the images of each size."""
    sizes = [image.shape[1:] for image in images]
    order = sorted(range(len(images)), key=lambda i: sizes[i])
    groups = itertools.groupby(order, key=lambda i: sizes[i])
    return [list(group) for _, group in groups]
