"""Masks of two classes, truth and output, as numbers in [0, 1]."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from scipy import sparse

from ..data import as_one_kind, check_as_many, is_array, opened, parts_of
from ..data.typing import Float64s
from ..oracles import Oracle

BOTH = "Y_true or Y_pred"


def holds_masks(Y: Any) -> bool:
    """Whether these are masks, or other maps, rather than rows of labels.

    Parameters
    ----------
    Y : object
        What the user gave.

    Returns
    -------
    masks : bool
    """
    if is_array(Y):
        return Y.ndim > 2
    is_sequence = hasattr(Y, "__len__") and hasattr(Y, "__getitem__")
    if not is_sequence or isinstance(Y, str | Mapping) or sparse.issparse(Y):
        return False
    if hasattr(Y, "columns") or not len(Y):
        return False
    first = parts_of(Y, "Y")[0]
    if isinstance(first, str):  # the name of a file, or of a class
        return os.path.isfile(first)
    return isinstance(first, os.PathLike) or opened(first, "Y[0]").ndim > 1


def values_of_masks(oracle: Oracle, Y_true: Any, Y_pred: Any) -> Float64s:
    """Oracle value of each mask.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``.
    Y_true, Y_pred : array-like or list of arrays
        Masks that hold numbers in [0, 1], or two classes, the second of which is the
        foreground.

    Returns
    -------
    values : ndarray of shape (n,)
    """
    truths, found = (
        [_numbers_or_names(part, f"{name}[{i}]") for i, part in enumerate(parts)]
        for name, parts in (
            ("Y_true", parts_of(Y_true, "Y_true")),
            ("Y_pred", parts_of(Y_pred, "Y_pred")),
        )
    )
    check_as_many(truths, found, "Y_pred", "Y_true")
    for i, (one, other) in enumerate(zip(truths, found, strict=True)):
        if one.shape != other.shape:
            raise ValueError(
                f"Y_pred must have the shape of Y_true; Y_pred[{i}] has {other.shape} "
                f"and Y_true[{i}] {one.shape}."
            )
    pairs = zip(_shares(truths, found), _shares(found, truths), strict=True)
    values = [oracle(y[None], y_true[None]).item() for y_true, y in pairs]
    return np.array(values, dtype=np.float64)


def _numbers_or_names(part, name):
    part = opened(part, name)
    if part.dtype.kind not in "buifUS" or not part.size:
        raise ValueError(
            f"{name} must hold numbers or names of classes; got shape {part.shape} of "
            f"type {part.dtype}."
        )
    if part.dtype.kind == "f" and not np.isfinite(part).all():
        raise ValueError(f"{name} contains NaN or infinity.")
    return part


def _shares(masks: list, others: list) -> Iterator[torch.Tensor]:
    """Masks as shares of the foreground, given those that they are compared with."""
    pool = [*masks, *others]
    if all(part.dtype.kind not in "US" and _is_share(part) for part in pool):
        return (torch.from_numpy(part.astype(np.float64)) for part in masks)
    labels = as_one_kind({label for part in pool for label in np.unique(part)}, BOTH)
    if len(labels) > 2:
        raise ValueError(
            "Y_true and Y_pred must hold numbers in [0, 1], or two classes; got "
            f"{labels[:5].tolist()}{' ...' * (len(labels) > 5)}. For more classes "
            "there are mean_iou_score and pixel_accuracy_score."
        )
    return (torch.from_numpy((part == labels[-1]).astype(np.float64)) for part in masks)


def _is_share(part):
    return bool(((part >= 0) & (part <= 1)).all())
