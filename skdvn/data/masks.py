"""Images and masks of the user as lists of arrays, checked, and back."""

import warnings

import numpy as np

from .margins import inner

# More classes than these are more likely grey levels.
MANY_CLASSES = 64


def check_images(X, name="X"):
    """Images as arrays with the channels first.

    Parameters
    ----------
    X : array-like of shape (n, height, width, n_channels) or (n, height, width), or \
list of arrays
        Finite numbers. Images of a list may differ in size, not in channels.
    name : str, default="X"
        What error messages call it.

    Returns
    -------
    images : list of ndarray of shape (n_channels, height, width)
        Of type uint8 or float32.

    Raises
    ------
    ValueError
        If anything is wrong with X; the message names the image.
    """
    images = [_check_image(image, i, name) for i, image in enumerate(_parts(X, name))]
    n_channels = [len(image) for image in images]
    if len(set(n_channels)) > 1:
        i = next(i for i, n in enumerate(n_channels) if n != n_channels[0])
        raise ValueError(
            f"{name}[{i}] has {n_channels[i]} channel(s) and {name}[0] has "
            f"{n_channels[0]}; all images must have the same."
        )
    return images


def _parts(X, name):
    """The images or masks of an array or a list."""
    if isinstance(X, str) or not hasattr(X, "__len__"):
        raise ValueError(
            f"{name} must be an array or a list of arrays, got {type(X).__name__}."
        )
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim not in (3, 4):
        raise ValueError(
            f"{name} must have shape (n, height, width) or (n, height, width, "
            f"n_channels), got shape {X.shape}. A single image is {name}[np.newaxis]."
        )
    if not len(X):
        raise ValueError(f"{name} must hold at least one image, got none.")
    return X


def _check_image(image, i, name):
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"{name}[{i}] must have shape (height, width) or (height, width, "
            f"n_channels), none of them 0; got shape {image.shape}."
        )
    if image.dtype.kind not in "buif":
        raise ValueError(f"{name}[{i}] must hold numbers, got dtype {image.dtype}.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        what = "NaN" if np.isnan(image).any() else "infinity"
        raise ValueError(f"{name}[{i}] contains {what}; pixels must be finite.")
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
    image = image[..., np.newaxis] if image.ndim == 2 else image
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def check_same_sizes(images, masks, name="Y"):
    """Raise unless there is one mask of the right size for each image.

    Parameters
    ----------
    images, masks : list of ndarray of shape (n_channels, height, width)
    name : str, default="Y"
        What error messages call the masks.
    """
    if len(images) != len(masks):
        raise ValueError(
            f"X has {len(images)} image(s) and {name} has {len(masks)} mask(s); there "
            "must be one mask per image."
        )
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if image.shape[1:] != mask.shape[1:]:
            raise ValueError(
                f"{name}[{i}] has height and width {mask.shape[1:]}; X[{i}] has "
                f"{image.shape[1:]}. They must match."
            )


class MaskTargets:
    """Turns masks of classes into binary channels, and back.

    Of two classes one channel shows the second, of more each has a channel.

    Parameters
    ----------
    Y : array-like of shape (n, height, width), or list of arrays
        Masks of integers, booleans or strings, at least two; the first in sorted
        order is the background.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        In sorted order.
    n_outputs_ : int
        Channels that inference works on.
    """

    def __init__(self, Y):
        parts = [
            self._check_mask(mask, i, "Y") for i, mask in enumerate(_parts(Y, "Y"))
        ]
        classes = np.unique(np.concatenate([np.unique(mask) for mask in parts]))
        if len(classes) > MANY_CLASSES:
            warnings.warn(
                f"Y holds {len(classes)} classes. If these are grey levels, pass "
                "Y >= threshold instead.",
                stacklevel=6,
            )
        if len(classes) < 2:
            raise ValueError(
                f"All masks of Y, from Y[0] to Y[{len(parts) - 1}], hold only the "
                f"class {classes.tolist()[0]!r}; at least one must show a foreground "
                "too."
            )
        self.classes_ = classes
        self.n_outputs_ = 1 if len(classes) == 2 else len(classes)

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
            Of type uint8.
        """
        masks = []
        for i, mask in enumerate(_parts(Y, name)):
            mask = self._check_mask(mask, i, name)
            unknown = np.setdiff1d(mask, self.classes_)
            if len(unknown):
                raise ValueError(
                    f"{name}[{i}] holds the unknown class(es) {unknown[:5].tolist()}; "
                    f"known are {self.classes_.tolist()}."
                )
            shown = self.classes_[-self.n_outputs_ :, np.newaxis, np.newaxis]
            masks.append((mask == shown).astype(np.uint8))
        return masks

    def relaxed(self, Y, name="Y"):
        """Masks of a user as channels in [0, 1]: as `encode`, or relaxed already.

        Arrays of floats hold how much a pixel is foreground, (height, width), or with
        more than two classes how much it is of each, (n_classes, height, width).
        """
        parts = [np.asarray(mask) for mask in _parts(Y, name)]
        if not all(self._is_relaxed(mask) for mask in parts):
            return self.encode(Y, name)
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

    @staticmethod
    def _check_mask(mask, i, name):
        mask = np.asarray(mask)
        if mask.ndim != 2 or 0 in mask.shape:
            raise ValueError(
                f"{name}[{i}] must be a mask of shape (height, width), got shape "
                f"{mask.shape}."
            )
        if mask.dtype.kind == "f":
            if not np.isfinite(mask).all():
                raise ValueError(f"{name}[{i}] contains NaN or infinity.")
            if (mask != np.round(mask)).any():
                raise ValueError(
                    f"{name}[{i}] must hold classes, integers or strings; got "
                    f"fractions such as {mask[mask != np.round(mask)][0]:.4g}."
                )
            mask = mask.astype(np.int64)
        return mask
