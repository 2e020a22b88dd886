"""How well the outlines of masks agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .scores import average_value, pairs_of_maps


def boundary_f1_score(
    Y_true: ArrayLike,
    Y_pred: ArrayLike,
    *,
    tolerance: float = 2.0,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean over images of the boundary F1 score of their classes.

    For each class the harmonic mean of two shares: that of the predicted outline no
    farther than `tolerance` from the true one, and that of the true one no farther
    from the predicted one (Csurka et al., 2013). An outline is made of the pixels of
    the class that have a neighbour, beside or below them, of another one; a class
    without an outline in truth and output counts as 1 if it fills or lacks both.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, height, width), or list of arrays
        True and predicted label maps; the first class of all in sorted order is taken
        for the background and does not count.
    tolerance : float, default=2.0
        Distance in pixels, non-negative.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image.

    Returns
    -------
    score : float
        In [0, 1], best is 1.

    References
    ----------
    G. Csurka, D. Larlus, F. Perronnin. What is a good evaluation measure for semantic
    segmentation? BMVC 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdvn.metrics import boundary_f1_score
    >>> truth = np.zeros((1, 9, 9), int)
    >>> truth[0, 2:6, 2:6] = 1
    >>> boundary_f1_score(truth, np.roll(truth, 1, axis=2), tolerance=1)
    1.0
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a non-negative number, got {tolerance!r}.")
    pairs = pairs_of_maps(Y_true, Y_pred)
    background = min(np.unique(part)[0] for pair in pairs for part in pair)
    values = [_boundary_f1(a, b, background, tolerance) for a, b in pairs]
    return average_value(np.array(values), sample_weight)


def _boundary_f1(truth, found, background, tolerance):
    classes = np.setdiff1d(np.union1d(truth, found), [background])
    scores = [_f1_of(truth == k, found == k, tolerance) for k in classes]
    return float(np.mean(scores)) if scores else 1.0


def _f1_of(truth, found, tolerance):
    outlines = [_outline(mask) for mask in (truth, found)]
    if not any(outline.any() for outline in outlines):
        return float(truth.flat[0] == found.flat[0])
    if not all(outline.any() for outline in outlines):
        return 0.0
    near = [ndimage.distance_transform_edt(~one) <= tolerance for one in outlines]
    recall = near[1][outlines[0]].mean()
    precision = near[0][outlines[1]].mean()
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _outline(mask):
    return mask & ~ndimage.binary_erosion(mask, border_value=1)
