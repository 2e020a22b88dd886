"""Images and masks of the user as examples for the network, and back."""

import warnings

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..data import (
    UNSEEN,
    ConstantRows,
    Distortion,
    Examples,
    ImageExamples,
    Images,
    MaskTargets,
    check_images,
    check_same_sizes,
    mapped,
    padded,
    parts_at,
    reduced,
    resized,
    working_size,
)
from ..inference import views_of
from ..oracles import MAP_ORACLES, get_oracle
from .components import Augmentation, Crops
from .image_data import ImageData, counting, groups_of_equal_size
from .image_sizes import settled_sizes
from .image_statistics import statistics_of
from .initializers import SegmenterStart
from .parameters import resolve_device
from .plain_state import PlainStateMixin
from .user_augmentation import UserAugmentation

# Pixels have another range than those of `fit` if the lengths differ by more than this.
OTHER_RANGE = 32


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
    pixel_range : tuple of (float, float)
        Least and greatest value of a pixel.
    sizes : Sizes
        At which size images are worked on, and what is trained on.
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
        before = self._before
        weight, rows = counting(X, y, sample_weight)
        images = check_images(X, rows=rows)
        self.targets = MaskTargets(y, params.ignore_label, classes, rows)
        masks = self.targets.encode(y, "Y", rows)
        found = statistics_of(images, masks, rows)
        if before is not None:
            self._check_classes(before.targets.classes_)
        self.device = resolve_device(params.device)
        if before is None:
            self.n_channels, self.pixel_range = found.n_channels, found.pixel_range
            self.mean, self.scale = found.mean, found.scale
            self.sizes = settled_sizes(
                found.sizes,
                params.image_size,
                resolve_crops(params.crops).size,
                lambda size: geometry_of(self, size),
            )
        else:
            for name in ("n_channels", "pixel_range", "mean", "scale", "sizes"):
                setattr(self, name, getattr(before, name))
            self._check_channels(found.n_channels, "X")
        self._before = None
        return self._worked_on(images, masks, weight, rows)

    def read_more(self, X, y, sample_weight):
        """Further images and masks to learn from, checked, as `ImageData`."""
        weight, rows = counting(X, y, sample_weight)
        images = self.checked(X, rows=rows)
        masks = self.targets.encode(y, "Y", rows)
        check_same_sizes(images, masks, rows=rows)
        starts = self.starts_of(X if rows is None else parts_at(X, rows, "X"))
        return self._worked_on(images, masks, weight, rows, starts)

    def read_held_out(self, X_val, y_val):
        """Images and masks to judge by; classes not seen so far count as wrong."""
        images = self.checked(X_val, "X_val")
        masks = self.targets.truth(y_val, "y_val")
        check_same_sizes(images, masks, "y_val", "X_val")
        return self._worked_on(images, masks, starts=self.starts_of(X_val))

    def _worked_on(self, images, masks, weight=None, rows=None, starts=None):
        """The data at the size worked on."""
        return ImageData(
            reduced(images, self.sizes.longest),
            mapped(lambda mask, i: self._reduced_mask(mask), masks),
            None if starts is None else reduced(starts, self.sizes.longest),
            weight,
            rows,
        )

    def _reduced_mask(self, mask):
        """A mask of 0 and 1 at the size worked on; each pixel shows what most do."""
        size = working_size(mask.shape[1:], self.sizes.longest)
        if size == mask.shape[1:]:
            return mask
        shares, n = resized(mask.astype(np.float32), size), self.targets.n_outputs_
        parts = [self.targets.round(shares[:n])]
        if len(mask) > n:
            unseen = resized((mask[n:] == UNSEEN).astype(np.float32), size) >= 0.5
            parts.append(np.where(unseen, UNSEEN, shares[n:] >= 0.5))
        return np.concatenate([part.astype(np.uint8) for part in parts])

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
        if data.rows is not None:
            X, y = parts_at(X, data.rows, "X"), parts_at(y, data.rows, "Y")
        seed = check_random_state(random_state).randint(2**31 - 1)
        return data._replace(starts=reduced(start.fit(X, y, seed), self.sizes.longest))

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

    def checked(self, X, name="X", rows=None):
        """New images as a sequence of arrays, channels first, at their own sizes.

        Parameters
        ----------
        X, name, rows
            As for `check_images`.
        """
        images = check_images(X, name, rows)
        positions = range(len(images)) if rows is None else rows

        def with_known_channels(image, i):
            self._check_channels(len(image), f"{name}[{positions[i]}]")
            return image

        images = mapped(with_known_channels, images)
        if isinstance(images, list):
            self._check_range(images, name)
        return images

    def _check_range(self, images, name):
        """Warn where pixels have another range than those of `fit`."""
        low = min(float(image.min()) for image in images)
        high = max(float(image.max()) for image in images)
        least, greatest = self.pixel_range
        known, found = greatest - least, max(high - low, high - least)
        if known and not known < OTHER_RANGE * found < OTHER_RANGE**2 * known:
            warnings.warn(
                f"{name} has pixels from {low:.4g} to {high:.4g}; those that "
                f"{self._name} was fitted on go from {least:.4g} to {greatest:.4g}. "
                "Scale images in fit and predict alike, for example to 0-255.",
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
        size, weight = self.sizes.crop_size, data.weight
        if weight is not None:
            weight = weight / weight.max()  # whose sum may be too large a number
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
        size = self.sizes.crop_size
        how = {"n_crops": crops.n_crops, "stride": crops.stride}
        if self.sizes.whole and crops.size == "auto":
            how = {"stride": size}
        cut = {"images": [], "masks": [], "starts": []}
        for rows in groups_of_equal_size(data.images):
            for name, parts in cut.items():
                arrays = getattr(data, name)
                if arrays is not None:
                    stack = np.stack([padded(arrays[i], size) for i in rows])
                    views = views_of(*stack.shape[-2:], size, **how)
                    parts.append(views.cut(torch.as_tensor(stack)))
        x, y, starts = (
            list(torch.cat(parts)) if parts else None for parts in cut.values()
        )
        n_outputs, known = self.targets.n_outputs_, None
        if len(y[0]) > n_outputs:
            known = self.tensors([mask[n_outputs:] for mask in y])
        return Examples(
            self.tensors(x, standardize=True),
            self.tensors([mask[:n_outputs] for mask in y]),
            self.tensors(starts) if starts else self.constant_start(size, size, len(y)),
            known=known,
        )

    def by_size(self, whole, images, *others):
        """Images of equal size and what belongs to them, with their positions.

        Parameters
        ----------
        whole : bool
            Whether they are seen as a whole; masks and starts keep their size then.
            Else all are made large enough for crops.
        images : list of ndarray
            At their own sizes.
        *others : list of ndarray or None
            Masks and starts.

        Yields
        ------
        rows : list of int
        batches : list of Images or None
            The images, at the size worked on, and the others.
        """
        own = images
        images = reduced(images, self.sizes.longest)
        others = [  # whose bytes would be rounded
            arrays and [one.astype(np.float32) for one in arrays] for arrays in others
        ]
        if not whole:
            own = images = self._large_enough(images)
            others = [
                arrays and self._large_enough(reduced(arrays, self.sizes.longest))
                for arrays in others
            ]
        for rows in groups_of_equal_size(own):
            stacks = [
                arrays and self.tensors([arrays[i] for i in rows]) for arrays in others
            ]
            part = self.tensors([images[i] for i in rows], standardize=True)
            yield rows, [part, *stacks]

    def _large_enough(self, arrays):
        """Arrays as large as a crop."""
        return [padded(array, self.sizes.crop_size) for array in arrays]
