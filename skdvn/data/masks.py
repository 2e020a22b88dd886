"""Masks of the user as binary channels, checked, and back."""

import warnings

import numpy as np

from .lazy import mapped, opened
from .margins import inner
from .pictures import parts_of

# More classes than these are more likely grey levels.
MANY_CLASSES = 64


# A class with no more pixels than these in any mask is more likely noise of a file.
FEW_PIXELS = 5


# Floating point numbers from here on cannot be told apart.
LARGEST_CLASS = 2**53


# What the last channel of encoded truths says of a pixel: that it does not count, that
# its class is known, or that it is of a class which was not there in `fit`.
IGNORED, KNOWN, UNSEEN = 0, 1, 2


def opposed(y):
    """The truth that an output has nothing of, as it is where classes are unseen.

    Parameters
    ----------
    y : ndarray or torch.Tensor of shape (..., n_channels, height, width)
        Of one channel, the foreground, or one for each class.

    Returns
    -------
    y_true : ndarray or torch.Tensor of the shape of y
        Booleans: of one channel the opposite, of several no class at all.
    """
    return (y < 0.5) & (y.shape[-3] == 1)


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
    rows : sequence of int, default=None
        Positions of the masks that count; None counts all.

    Attributes
    ----------
    ignore_label : int, str or None
    classes_ : ndarray of shape (n_classes,)
        In sorted order.
    n_outputs_ : int
        Channels that inference works on.
    """

    def __init__(self, Y, ignore_label=None, classes=None, rows=None):
        self.ignore_label = ignore_label
        if classes is None:
            largest, n_masks = _pixels_by_class(Y, rows)
            where = f"All {n_masks} mask(s) of Y"
        else:
            largest = dict.fromkeys(checked_mask(np.atleast_2d(classes), "classes")[0])
            where = "classes"
        known = [label for label in largest if not self._is_ignored(label)]
        self.classes_ = as_one_kind(known)
        self._check_classes(self.classes_, where)
        if classes is None:
            _warn_of_rare({k: largest[k] for k in known})
        self.n_outputs_ = 1 if len(self.classes_) == 2 else len(self.classes_)

    def _is_ignored(self, label):
        return self.ignore_label is not None and label == self.ignore_label

    def _check_classes(self, classes, where):
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
                else f"hold nothing but ignore_label={self.ignore_label!r}"
            )
            raise ValueError(
                f"{where} {found}; at least one must show a foreground too."
            )

    def encode(self, Y, name="Y", rows=None):
        """Masks as binary channels.

        Parameters
        ----------
        Y : array-like of shape (n, height, width), or list of arrays
            Masks of the classes known.
        name : str, default="Y"
            What error messages call it.
        rows : sequence of int, default=None
            Positions of the masks that are wanted; None wants all.

        Returns
        -------
        masks : list of ndarray of shape (n_outputs_, height, width)
            Of type uint8; with an `ignore_label` (n_outputs_ + 1, height, width).
            A `LazySequence` where Y is lazy.
        """

        def encoded(mask, i):
            mask = self._checked(mask, f"{name}[{i}]")
            self._refuse_unseen(mask, f"{name}[{i}]")
            channels, state = self._encode(mask)
            if self.ignore_label is None:
                return channels
            return np.concatenate([channels, state])

        return mapped(encoded, parts_of(Y, name), rows)

    def truth(self, Y, name="y"):
        """Masks to judge outputs by, which may hold classes that `fit` has not seen.

        Parameters
        ----------
        Y : array-like of shape (n, height, width), or list of arrays
            Masks.
        name : str, default="y"
            What error messages call it.

        Returns
        -------
        masks : list of ndarray of shape (n_outputs_ + 1, height, width)
            As `encode` returns them; the last channel is `IGNORED`, `KNOWN` or
            `UNSEEN`, where whatever is predicted is wrong.
        """

        def encoded(mask, i):
            mask = self._checked(mask, f"{name}[{i}]")
            channels, state = self._encode(mask)
            if (state == UNSEEN).any():
                warnings.warn(
                    f"{name} holds the class(es) {self._unseen(mask)}, which were not "
                    f"there in fit: {self.classes_.tolist()} were. Such pixels count "
                    "as wrong. Remedy: if it is one of these under another number, "
                    "renumber it.",
                    stacklevel=7,
                )
            return np.concatenate([channels, state])

        return mapped(encoded, parts_of(Y, name))

    def _checked(self, mask, name):
        """A mask of classes of the kind that `fit` has seen, numbers or strings."""
        mask = checked_mask(mask, name)
        if (mask.dtype.kind in "US") != (self.classes_.dtype.kind in "US"):
            raise ValueError(
                f"{name} is of type {mask.dtype}, and the classes known are "
                f"{self.classes_.tolist()}; both must be numbers, or both strings."
            )
        return mask

    def _encode(self, mask):
        """Channels of the classes, and what is known of each pixel."""
        shown = self.classes_[-self.n_outputs_ :, np.newaxis, np.newaxis]
        channels = (mask == shown).astype(np.uint8)
        state = np.where(np.isin(mask, self.classes_), KNOWN, UNSEEN).astype(np.uint8)
        if self.ignore_label is not None:
            ignored = self._ignored(mask)
            state[ignored] = IGNORED
            if self.n_outputs_ > 1:
                channels[0, ignored] = 1  # so that every pixel has a class
        return channels, state[np.newaxis]

    def _ignored(self, mask):
        """Where a mask holds the `ignore_label`: nowhere, if it is of another kind."""
        if isinstance(self.ignore_label, str) != (mask.dtype.kind in "US"):
            return np.zeros(mask.shape, bool)
        return mask == self.ignore_label

    def _unseen(self, mask):
        """Some of the classes of a mask that `fit` has not seen."""
        unseen = np.setdiff1d(mask, self.classes_)
        unseen = [label for label in unseen if not self._is_ignored(label)]
        return np.array(unseen[:5]).tolist()

    def _refuse_unseen(self, mask, name):
        unseen = self._unseen(mask)
        if unseen:
            raise ValueError(
                f"{name} holds the unknown class(es) {unseen}; known are "
                f"{self.classes_.tolist()}."
            )

    def relaxed(self, Y, name="Y"):
        """Masks of a user as channels in [0, 1]: as `encode`, or relaxed already.

        Parameters
        ----------
        Y : array-like or list of arrays
            Masks of classes, or shares in [0, 1]: how much a pixel is foreground,
            (height, width), or how much it is of each class, (n_classes, height,
            width). Floats all of which are classes are taken as classes.
        name : str, default="Y"
            What error messages call it.

        Returns
        -------
        masks : list of ndarray of shape (n_outputs_, height, width)
            A `LazySequence` where Y is lazy.
        """
        return mapped(
            lambda mask, i: self._relaxed(mask, f"{name}[{i}]"), parts_of(Y, name)
        )

    def _relaxed(self, mask, name):
        mask = opened(mask, name)
        if mask.dtype.kind == "f" and not np.isfinite(mask).all():
            raise ValueError(f"{name} contains NaN or infinity.")
        if not self._holds_shares(mask):
            mask = self._checked(mask, name)
            self._refuse_unseen(mask, name)
            return self._encode(mask)[0]
        shares = mask[np.newaxis] if mask.ndim == 2 else mask
        numbers = mask.dtype.kind in "buif" and shares.ndim == 3 and shares.size > 0
        fits = numbers and len(shares) in (self.n_outputs_, len(self.classes_))
        if fits and ((shares >= 0) & (shares <= 1)).all():
            return shares[-self.n_outputs_ :].astype(np.float32)
        allowed = f"({len(self.classes_)}, height, width)"
        if self.n_outputs_ == 1:
            allowed = f"(height, width) or {allowed}"
        found = f"shape {mask.shape} of type {mask.dtype}"
        if numbers:
            found += f" and values from {shares.min():.4g} to {shares.max():.4g}"
        raise ValueError(
            f"{name} must hold numbers in [0, 1] of shape {allowed}, or the classes "
            f"{self.classes_.tolist()}; got {found}."
        )

    def _holds_shares(self, mask):
        """Whether a mask says how much pixels are of the classes, not which."""
        if mask.ndim != 2:
            return True
        binary = self.n_outputs_ == 1 and mask.dtype.kind == "f"
        return binary and not np.isin(mask, self.classes_).all()

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


def _pixels_by_class(Y, rows):
    """The most pixels that any mask has of each class, and how many masks there are."""
    masks = mapped(
        lambda mask, i: checked_mask(mask, f"Y[{i}]"), parts_of(Y, "Y"), rows
    )
    largest = {}
    for mask in masks:
        for label, n in zip(*np.unique(mask, return_counts=True), strict=True):
            largest[label] = max(largest.get(label, 0), n)
    return largest, len(masks)


def as_one_kind(labels, name="Y"):
    """Classes in order; numbers and strings have none in common.

    Parameters
    ----------
    labels : iterable
        Integers, booleans or strings.
    name : str, default="Y"
        What error messages call the masks that hold them.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    """
    labels = list(labels)
    named = [isinstance(label, str | bytes) for label in labels]
    if any(named) and not all(named):
        number = next(label for label in labels if not isinstance(label, str | bytes))
        string = labels[named.index(True)]
        raise ValueError(
            f"{name} holds numbers and strings as classes, such as {number} and "
            f"'{string}'; allowed are either."
        )
    return np.unique(np.array(labels))


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


def checked_mask(mask, name):
    """A mask of classes as an array.

    Parameters
    ----------
    mask : array-like or path
    name : str
        What error messages call it.

    Returns
    -------
    mask : ndarray of shape (height, width)
        Integers, booleans or strings.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    mask = opened(mask, name)
    if mask.ndim != 2 or 0 in mask.shape:
        hints = {
            1: f" A single mask is {name.partition('[')[0]}[np.newaxis].",
            3: (
                f" A mask has no channels; pass one of them, as {name}[..., 0], or, if "
                f"the channels are one-hot classes, {name}.argmax(-1)."
            ),
        }
        raise ValueError(
            f"{name} must be a mask of shape (height, width), both at least 1; got "
            f"shape {mask.shape}.{hints.get(mask.ndim, '')}"
        )
    if mask.dtype.kind not in "buifUS":
        raise ValueError(
            f"{name} must hold classes, integers or strings; got dtype {mask.dtype}."
        )
    if mask.dtype.kind != "f":
        return mask
    with np.errstate(over="ignore"):  # then it is infinite, which is told below
        mask = mask.astype(np.float64)
    if not np.isfinite(mask).all():
        raise ValueError(
            f"{name} contains NaN or infinity. Give pixels whose class is not known a "
            "number of their own, and name it by ignore_label."
        )
    whole = mask == np.round(mask)
    if not whole.all() or not (np.abs(mask) < LARGEST_CLASS).all():
        wrong = mask[~whole | (np.abs(mask) >= LARGEST_CLASS)][0]
        what, hint = "numbers", ""
        if not whole.all():
            what, hint = "fractions", f" Pass {name.partition('[')[0]} >= threshold."
        raise ValueError(
            f"{name} must hold classes, integers or strings; got {what} such as "
            f"{wrong:.4g}.{hint}"
        )
    return mask.astype(np.int64)
