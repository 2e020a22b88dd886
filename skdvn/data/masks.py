"""Images and masks of the user as lists of arrays, checked, and back."""

import warnings

import numpy as np

from .lazy import is_lazy, mapped, opened
from .margins import inner

# More classes than these are more likely grey levels.
MANY_CLASSES = 64


# A class with no more pixels than these in any mask is more likely noise of a file.
FEW_PIXELS = 5


def check_images(X, name="X"):
    """Images as arrays with the channels first.

    Parameters
    ----------
    X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
list of arrays, or sequence of arrays or of paths of image files
        Finite numbers. Images of a list may differ in size, not in channels.
    name : str, default="X"
        What error messages call it.

    Returns
    -------
    images : sequence of ndarray of shape (n_channels, height, width)
        Of type uint8 or float32. A list; for files and other sequences that are not
        in memory a `LazySequence`, which reads and checks images when asked for them.

    Raises
    ------
    ValueError
        If anything is wrong with X; the message names the image.
    """
    return mapped(
        lambda image, i: _check_image(image, f"{name}[{i}]"), parts_of(X, name)
    )


def pictures_of(X):
    """Images as they are, a list of arrays with the channels last; files are read."""
    return [
        opened(image, f"X[{i}]", colours=True)
        for i, image in enumerate(parts_of(X, "X"))
    ]


def parts_of(X, name):
    """The images or masks of an array, a list or another sequence."""
    if isinstance(X, str) or not (hasattr(X, "__len__") and hasattr(X, "__getitem__")):
        raise ValueError(
            f"{name} must be an array, a list of arrays, or a sequence of arrays or of "
            f"paths of image files; got {type(X).__name__}."
            + f" Pass list({name})."
            * hasattr(X, "__next__")
        )
    numbers = isinstance(X, np.ndarray) and (X.dtype.kind not in "OU" or X.ndim > 1)
    if numbers and X.dtype != object and X.ndim not in (3, 4):
        raise ValueError(
            f"{name} must have shape (n, height, width) or (n, height, width, "
            f"n_channels), got shape {X.shape}. A single image is {name}[np.newaxis]."
        )
    if not len(X):
        raise ValueError(f"{name} must hold at least one image, got none.")
    of_objects = isinstance(X, np.ndarray) and X.dtype.kind in "OU"
    return list(X) if of_objects or hasattr(X, "iloc") else X


def _check_image(image, name):
    image = opened(image, name, colours=True)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name} must have shape (height, width) or (height, width, "
            f"n_channels), none of them 0; got shape {image.shape}."
        )
    if image.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold numbers, got dtype {image.dtype}.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        what = "NaN" if np.isnan(image).any() else "infinity"
        raise ValueError(f"{name} contains {what}; pixels must be finite.")
    if image.ndim == 3 and image.shape[0] <= 4 < min(image.shape[1:]):
        raise ValueError(
            f"{name} has shape {image.shape}, which looks like channels first; images "
            "have channels last, (height, width, n_channels). Pass "
            "np.moveaxis(image, 0, -1)."
        )
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    image = image[..., np.newaxis] if image.ndim == 2 else image
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def check_as_many(images, masks, name="Y"):
    """Raise unless there is one mask for each image."""
    if len(images) != len(masks):
        raise ValueError(
            f"X has {len(images)} image(s) and {name} has {len(masks)} mask(s); there "
            "must be one mask per image."
        )


def check_same_size(image, mask, i, name="Y"):
    """Raise unless the mask at position i has the size of its image."""
    if image.shape[1:] != mask.shape[1:]:
        raise ValueError(
            f"{name}[{i}] has height and width {mask.shape[1:]}; X[{i}] has "
            f"{image.shape[1:]}. They must match."
        )


def check_same_sizes(images, masks, name="Y"):
    """Raise unless there is one mask of the right size for each image.

    Parameters
    ----------
    images, masks : sequence of ndarray of shape (n_channels, height, width)
    name : str, default="Y"
        What error messages call the masks.
    """
    check_as_many(images, masks, name)
    for i in range(len(images)):
        check_same_size(images[i], masks[i], i, name)


class MaskTargets:
    """Turns masks of classes into binary channels, and back.

    Of two classes one channel shows the second, of more each has a channel.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), or list of arrays
        Masks of integers, booleans or strings, at least two; the first in sorted
        order is the background.
    ignore_label : int or str, default=None
        What masks hold where the truth is not known. Encoded masks have one more
        channel then, which is 1 where it is.
    classes : array-like, default=None
        All classes there will be, in place of those that Y holds.

    Attributes
    ----------
    ignore_label : int, str or None
    classes_ : ndarray of shape (n_classes,)
        In sorted order.
    n_outputs_ : int
        Channels that inference works on.
    """

    def __init__(self, Y, ignore_label=None, classes=None):
        self.ignore_label = ignore_label
        if classes is not None:
            Y = [np.atleast_2d(classes)]
        n_masks, largest = 0, {}
        for mask in mapped(
            lambda mask, i: _check_mask(mask, f"Y[{i}]"), parts_of(Y, "Y")
        ):
            n_masks += 1
            for label, n in zip(*np.unique(mask, return_counts=True), strict=True):
                largest[label] = max(largest.get(label, 0), n)
        known = [label for label in largest if not self._is_ignored(label)]
        found = np.unique(np.array(known)) if known else np.array([])
        self._check_classes(found, n_masks)
        if classes is None:
            _warn_of_rare({k: largest[k] for k in known})
        self.classes_ = found
        self.n_outputs_ = 1 if len(found) == 2 else len(found)

    def _is_ignored(self, label):
        return self.ignore_label is not None and label == self.ignore_label

    def _check_classes(self, classes, n_masks):
        if len(classes) > MANY_CLASSES:
            warnings.warn(
                f"Y holds {len(classes)} classes. If these are grey levels, pass "
                "Y >= threshold instead.",
                stacklevel=6,
            )
        if len(classes) < 2:
            found = (
                f"hold only the class {classes.tolist()[0]!r}"
                if len(classes)
                else (f"hold nothing but ignore_label={self.ignore_label!r}")
            )
            raise ValueError(
                f"All masks of Y, from Y[0] to Y[{n_masks - 1}], {found}; at least one "
                "must show a foreground too."
            )

    def encode(self, Y, name="Y"):
        """Masks as binary channels.

        Parameters
        ----------
        Y : array-like of shape (n, height, width), or list of arrays
            Masks of the classes known.
        name : str, default="Y"
            What error messages call it.

        Returns
        -------
        masks : list of ndarray of shape (n_outputs_, height, width)
            Of type uint8; with an `ignore_label` (n_outputs_ + 1, height, width).
            A `LazySequence` where Y is lazy.
        """
        return mapped(
            lambda mask, i: self._encode(_check_mask(mask, f"{name}[{i}]"), i, name),
            parts_of(Y, name),
        )

    def _encode(self, mask, i, name):
        unknown = np.setdiff1d(mask, self.classes_)
        unknown = [label for label in unknown if not self._is_ignored(label)]
        if unknown:
            raise ValueError(
                f"{name}[{i}] holds the unknown class(es) "
                f"{np.array(unknown[:5]).tolist()}; known are {self.classes_.tolist()}."
            )
        shown = self.classes_[-self.n_outputs_ :, np.newaxis, np.newaxis]
        channels = (mask == shown).astype(np.uint8)
        if self.ignore_label is None:
            return channels
        known = np.isin(mask, self.classes_)
        if self.n_outputs_ > 1:
            channels[0, ~known] = 1  # so that every pixel has a class
        return np.concatenate([channels, known[np.newaxis].astype(np.uint8)])

    def relaxed(self, Y, name="Y"):
        """Masks of a user as channels in [0, 1]: as `encode`, or relaxed already.

        Arrays of floats hold how much a pixel is foreground, (height, width), or with
        more than two classes how much it is of each, (n_classes, height, width).
        """
        given = parts_of(Y, name)
        if is_lazy(given) or not all(map(self._is_relaxed, map(np.asarray, given))):
            masks = self.encode(Y, name)
            return mapped(lambda mask, i: mask[: self.n_outputs_], masks)
        parts = [np.asarray(mask) for mask in given]
        shape = "(height, width)"
        if self.n_outputs_ > 1:
            shape = f"({self.n_outputs_}, height, width)"
        parts = [mask.reshape(-1, *mask.shape[-2:]) for mask in parts]
        for i, mask in enumerate(parts):
            if len(mask) != self.n_outputs_ or not ((mask >= 0) & (mask <= 1)).all():
                raise ValueError(
                    f"{name}[{i}] must hold numbers in [0, 1] of shape {shape};"
                    f" got shape {np.shape(Y[i])} and values from {mask.min():.4g} to "
                    f"{mask.max():.4g}."
                )
        return [mask.astype(np.float32) for mask in parts]

    def _is_relaxed(self, mask):
        """Whether a mask of floats holds shares rather than classes."""
        return mask.dtype.kind == "f" and (mask.ndim > 2 or self.n_outputs_ == 1)

    def decode(self, relaxed):
        """Classes of relaxed outputs.

        Parameters
        ----------
        relaxed : ndarray of shape (..., n_outputs_, height, width)
            Entries in [0, 1].

        Returns
        -------
        masks : ndarray of shape (..., height, width)
        """
        return self.classes_[self.positions(relaxed)]

    def positions(self, relaxed):
        """Positions of the classes of relaxed outputs; shapes as for `decode`."""
        if self.n_outputs_ == 1:
            return (relaxed[..., 0, :, :] >= 0.5).astype(int)
        return relaxed.argmax(axis=-3)

    def round(self, relaxed):
        """Relaxed outputs as 0 and 1."""
        shown = np.arange(len(self.classes_))[-self.n_outputs_ :]
        positions = np.expand_dims(self.positions(relaxed), -3)
        return (positions == shown[:, np.newaxis, np.newaxis]).astype(int)

    def probabilities(self, relaxed):
        """Relaxed outputs as one channel per class, inside (0, 1)."""
        inside = inner(relaxed)
        if self.n_outputs_ == 1:
            return np.concatenate([1 - inside, inside], axis=-3)
        return inside / inside.sum(axis=-3, keepdims=True)


def _warn_of_rare(largest):
    """Warn of classes that are hardly there, given their pixels in one mask at most."""
    rare = [label for label, n in largest.items() if n <= FEW_PIXELS]
    if rare and 2 < len(largest) <= MANY_CLASSES:
        warnings.warn(
            f"No mask of Y holds more than {FEW_PIXELS} pixels of the class(es) "
            f"{np.array(rare).tolist()[:5]}, of {len(largest)} in all. If they are "
            "noise, as JPEG files have it, round the masks to the classes you mean, or "
            "save them as PNG.",
            stacklevel=6,
        )


def _check_mask(mask, name):
    mask = opened(mask, name)
    if mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(
            f"{name} must be a mask of shape (height, width), got shape {mask.shape}."
        )
    if mask.dtype.kind == "f":
        if not np.isfinite(mask).all():
            raise ValueError(f"{name} contains NaN or infinity.")
        if (mask != np.round(mask)).any():
            raise ValueError(
                f"{name} must hold classes, integers or strings; got fractions such "
                f"as {mask[mask != np.round(mask)][0]:.4g}."
            )
        mask = mask.astype(np.int64)
    return mask
