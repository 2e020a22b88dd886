"""Images and masks of the user on their way to the network."""

import itertools
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._label_data import checked_weight
from .crops import Views, offsets_along, offsets_by_stride
from .data import ConstantRows, Examples
from .images import Distortion, ImageExamples, Images
from .masks import MaskTargets, check_images, check_same_sizes
from .plans import Split
from .starts import MeanStart, SegmenterStart

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


class ImageDataMixin:
    """Turns images and masks of a segmenter into examples and queries."""

    def _prepare(self, X, y, sample_weight):
        """Check the data; settle what depends on it alone."""
        before = self.classes_ if self._continues() else None
        images = check_images(X)
        self._check_channels(images, reset=before is None)
        self._targets = MaskTargets(y)
        masks = self._targets.encode(y, "Y")
        check_same_sizes(images, masks)
        self.classes_ = self._targets.classes_
        if before is not None and not np.array_equal(before, self.classes_):
            raise ValueError(
                f"warm_start=True needs the classes of the last fit, {before.tolist()};"
                f" got {self.classes_.tolist()}. Set warm_start=False to start anew."
            )
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        self._settle(images, before is None)
        data = ImageData(images, masks, self._fit_start(X, y), weight)
        return data if weight is None else data.at(np.flatnonzero(weight))

    def _check_channels(self, images, reset):
        n_channels = len(images[0])
        if reset:
            self.n_channels_in_ = n_channels
        elif n_channels != self.n_channels_in_:
            hint = (
                " Without an axis of channels images are grey; a single image in "
                "colour is X[np.newaxis]."
            )
            raise ValueError(
                f"X has images of {n_channels} channel(s); "
                f"{type(self).__name__} was fitted on {self.n_channels_in_}."
                + hint
                * (n_channels == 1)
            )

    def _settle(self, images, fresh):
        """Fix what all later calls share: device, precision, scaling and crops."""
        self.device_ = self._resolve_device()
        self._dtype = torch.float32
        if fresh:
            self.mean_, self.scale_ = _channel_statistics(images)
            self.crop_size_ = self._resolve_crop_size(images)
        self._check_sizes(images)

    def _resolve_crop_size(self, images):
        factor = self._crop_factor()
        if self.crop_size == "auto":
            smallest = min(min(image.shape[1:]) for image in images)
            share = smallest * self._auto_crop_share()
            return max(factor, int(min(share, LARGEST_CROP)) // factor * factor)
        if self.crop_size % factor:
            raise ValueError(
                f"crop_size must be a multiple of {factor} for this network, got "
                f"{self.crop_size}."
            )
        return self.crop_size

    def _check_sizes(self, images):
        for i, image in enumerate(images):
            if min(image.shape[1:]) < self.crop_size_:
                raise ValueError(
                    f"X[{i}] has height and width {image.shape[1:]}, less than the "
                    f"crop size {self.crop_size_}. Enlarge the image, or fit with a "
                    "smaller crop_size."
                )

    def _fit_start(self, X, y):
        """Fit where inference starts; the starts of the training images."""
        self.init_ = None
        if self._starts_at_mean():
            self.init_ = MeanStart(self._targets)
        elif hasattr(self.init, "predict"):
            self.init_ = SegmenterStart(self.init, self._targets)
        else:
            return None
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return self.init_.fit(X, y, seed)

    # -- examples ----------------------------------------------------------------

    def _tensors(self, arrays, standardize=False):
        scaling = ()
        if standardize:
            scaling = torch.tensor(self.mean_), torch.tensor(self.scale_)
        # Few bytes are kept for each pixel; what is drawn becomes floating point.
        tensors = [torch.as_tensor(array, device=self.device_) for array in arrays]
        return Images(tensors, self.device_, self._dtype, *scaling)

    def _constant_start(self, height, width, n):
        """The start where it is the same everywhere; None for the network's guess."""
        if isinstance(self.init, str) and self.init in ("auto", "guess"):
            return None
        value = 0.0 if isinstance(self.init, str) else float(self.init)
        shape = (self._targets.n_outputs_, height, width)
        row = torch.full(shape, value, dtype=self._dtype, device=self.device_)
        return ConstantRows(row, n)

    def _examples(self, data):
        size, weight = self.crop_size_, data.weight
        if weight is not None:
            weight = torch.as_tensor(weight / weight.mean(), dtype=self._dtype)
            weight = weight.to(self.device_)
        n_crops, n_visits = self._crops_in_training()
        if data.starts is None:
            starts = self._constant_start(size, size, n_crops * len(data.images))
        else:
            starts = self._tensors(data.starts)
        return ImageExamples(
            self._tensors(data.images, standardize=True),
            self._tensors(data.masks),
            starts,
            Distortion(size, self.flips, self.augmentation),
            weight,
            weight,
            n_crops,
            n_visits,
            starts_vary=starts is None or isinstance(self.init_, SegmenterStart),
        )

    def _starts_at_mean(self):
        return isinstance(self.init, str) and self.init == "mean"

    def _crops_in_training(self):
        """Crops of each image in an epoch, and epochs that they stay."""
        return 1, 1

    def _splits(self, data, X_val, y_val):
        """What early stopping looks at."""
        n = len(data.images)
        if X_val is not None:
            images = check_images(X_val, "X_val")
            self._check_channels(images, reset=False)
            masks = self._targets.encode(y_val, "y_val")
            check_same_sizes(images, masks, "y_val")
            self._check_sizes(images)
            starts = None if self.init_ is None else self.init_.predict(X_val)
            held_out = ImageData(images, masks, starts, None)
            return (Split(torch.arange(n), self._fixed_crops(held_out)),)
        if not self.early_stopping:
            return ()
        if n < 2:
            raise ValueError(
                f"early_stopping=True needs at least 2 images, got {n}. Pass X_val and "
                "y_val, or set early_stopping=False."
            )
        splitter = ShuffleSplit(
            1,
            test_size=max(self.validation_fraction, 1 / n),
            random_state=check_random_state(self.random_state),
        )
        rows, held_out = next(splitter.split(np.empty(n)))
        return (Split(torch.from_numpy(rows), self._fixed_crops(data.at(held_out))),)

    def _fixed_crops(self, data):
        """All crops of the images as they are, for evaluation."""
        parts = {"images": [], "masks": [], "starts": []}
        for rows in _groups_of_equal_size(data.images):
            for name, cut in parts.items():
                arrays = getattr(data, name)
                if arrays is not None:
                    stack = self._tensors(
                        [arrays[i] for i in rows], standardize=name == "images"
                    ).take(slice(None))
                    cut.append(self._views(*stack.shape[-2:], flip=False).cut(stack))
        x, y, starts = (torch.cat(cut) if cut else None for cut in parts.values())
        if starts is None:
            starts = self._constant_start(self.crop_size_, self.crop_size_, len(y))
        else:
            starts = self._tensors(starts)
        return Examples(self._tensors(x), self._tensors(y), starts)

    # -- new images --------------------------------------------------------------

    def _views(self, height, width, flip):
        """Where the crops of images of this size lie."""
        size = self.crop_size_
        if self.crop_stride is not None:
            downs, acrosses = (
                offsets_by_stride(length, size, self.crop_stride)
                for length in (height, width)
            )
        else:
            downs, acrosses = (
                offsets_along(length, size, self._crops_along(length))
                for length in (height, width)
            )
        return Views(height, width, size, tuple(downs), tuple(acrosses), flip)

    def _crops_along(self, length):
        if self.n_crops != "auto":
            return round(self.n_crops**0.5)
        # Neighbours share at least half of their side.
        return 1 + -(-2 * (length - self.crop_size_) // self.crop_size_)

    def _checked(self, X):
        check_is_fitted(self)
        images = check_images(X)
        self._check_channels(images, reset=False)
        self._check_sizes(images)
        return images

    def _by_size(self, images, *others):
        """Images of equal size and what belongs to them, with their positions.

        Yields
        ------
        rows : list of int
        batches : list of Images or None
            The images, and the others.
        """
        for rows in _groups_of_equal_size(images):
            stacks = [
                None if arrays is None else self._tensors([arrays[i] for i in rows])
                for arrays in others
            ]
            part = self._tensors([images[i] for i in rows], standardize=True)
            yield rows, [part, *stacks]


def _channel_statistics(images):
    """Mean and standard deviation of each channel over all pixels."""
    pixels = [image.reshape(len(image), -1) for image in images]
    n_pixels = sum(part.shape[1] for part in pixels)
    mean = sum(part.sum(1, dtype=np.float64) for part in pixels) / n_pixels
    squares = (((part - mean[:, None]) ** 2).sum(1) for part in pixels)
    scale = np.sqrt(sum(squares) / n_pixels)
    return mean, np.where(scale > 0, scale, 1.0)


def _groups_of_equal_size(images):
    """Positions of the images of each size."""
    sizes = [image.shape[1:] for image in images]
    order = sorted(range(len(images)), key=lambda i: sizes[i])
    groups = itertools.groupby(order, key=lambda i: sizes[i])
    return [list(group) for _, group in groups]
