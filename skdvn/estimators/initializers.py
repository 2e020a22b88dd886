"""Where inference starts: a constant, or the output of another estimator."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_predict

from ..data import check_images, mapped, parts_at, resized

N_FOLDS = 5


def constant_row(init, n_labels):
    """One starting value per label.

    Parameters
    ----------
    init : "zeros", float, or array-like of shape (n_labels,)
        Values in [0, 1].
    n_labels : int

    Returns
    -------
    row : ndarray of shape (n_labels,)
    """
    row = np.asarray(0.0 if isinstance(init, str) else init, dtype=np.float64)
    if row.shape not in ((), (n_labels,)) or not np.all((row >= 0) & (row <= 1)):
        raise ValueError(
            "init must be 'zeros', 'guess', a classifier, a number in [0, 1], or one "
            f"such number per label, shape {(n_labels,)}; got shape {row.shape} with "
            f"values {np.array2string(row.ravel()[:5])}."
        )
    return np.array(np.broadcast_to(row, (n_labels,)))


class EstimatorStart:
    """Rows start at the labels that another classifier predicts, scaled down.

    The network must learn from starts as they will be at test time, so those of the
    training rows are predicted out of fold.

    Parameters
    ----------
    estimator : classifier
        Cloned, not changed.
    scale : float
        What a predicted label starts at, in (0, 1].
    targets : LabelTargets
        Encodes the predicted labels.
    """

    def __init__(self, estimator, scale, targets):
        self.estimator = estimator
        self._scale, self._targets = scale, targets

    def fit(self, X, Y, seed):
        """Fit on all rows; the out-of-fold starts of the rows.

        Parameters
        ----------
        X, Y : array-like
            As for the estimator's own `fit`.
        seed : int
            Of the folds.

        Returns
        -------
        starts : {ndarray, CSR matrix} of shape (n_samples, n_labels)
        """
        n_rows = Y.shape[0]
        if n_rows < 2:
            raise ValueError(
                f"init={self.estimator!r} is cross-fitted, which needs at least 2 rows "
                f"of positive weight; got {n_rows}."
            )
        folds = KFold(min(N_FOLDS, n_rows), shuffle=True, random_state=seed)
        try:
            predicted = cross_val_predict(clone(self.estimator), X, Y, cv=folds)
            fitted = clone(self.estimator).fit(X, Y)
        except Exception as error:
            raise ValueError(
                f"init={self.estimator!r} cannot be fitted: {type(error).__name__}: "
                f"{error} It must take this X and y, and any part of their rows."
            ) from error
        self.estimator = fitted
        return self._encode(predicted)

    def predict(self, X):
        """Starting points of the rows of X, shape (n_samples, n_labels)."""
        try:
            predicted = self.estimator.predict(X)
        except Exception as error:
            raise ValueError(
                f"init={self.estimator!r} cannot predict on these rows: "
                f"{type(error).__name__}: {error}"
            ) from error
        return self._encode(predicted)

    def _encode(self, predicted):
        return self._scale * self._targets.encode(
            predicted, "the output of init.predict"
        )


class SegmenterStart:
    """Images start at the masks that another segmenter predicts.

    As with `EstimatorStart`, those of the training images are predicted out of fold.

    Parameters
    ----------
    estimator : segmenter
        Cloned, not changed.
    targets : MaskTargets
        Encodes the predicted masks.
    """

    def __init__(self, estimator, targets):
        self.estimator, self._targets = estimator, targets

    def fit(self, X, Y, seed):
        """Fit on all images; the out-of-fold starts of the images.

        Parameters
        ----------
        X, Y : array-like or list of arrays
            As for the estimator's own `fit`.
        seed : int
            Of the folds.

        Returns
        -------
        starts : list of ndarray of shape (1, height, width)
        """
        if len(X) < 2:
            raise ValueError(
                f"init={self.estimator!r} predicts the masks of training images out of "
                "fold, which needs at least 2 images of positive weight; got 1."
            )
        folds = KFold(min(N_FOLDS, len(X)), shuffle=True, random_state=seed)
        starts = [None] * len(X)
        for train, test in folds.split(np.empty(len(X))):
            part = parts_at(X, train, "X"), parts_at(Y, train, "Y")
            fitted = clone(self.estimator).fit(*part)
            predicted = self._encode(fitted.predict(parts_at(X, test, "X")))
            for i, mask in zip(test, predicted, strict=True):
                starts[i] = mask
        self.estimator = clone(self.estimator).fit(X, Y)
        return starts

    def predict(self, X):
        """Starting points of the images, a list of arrays (1, height, width)."""
        return self._encode(self.estimator.predict(X))

    def _encode(self, predicted):
        masks = self._targets.encode(predicted, "the output of init.predict")
        return [mask[: self._targets.n_outputs_] for mask in masks]


class MeanStart:
    """Images start at the mean mask of the training images.

    Parameters
    ----------
    targets : MaskTargets
        Encodes the masks.
    """

    def __init__(self, targets):
        self._targets = targets

    def fit(self, X, Y, seed):
        """Average the masks; parameters and result as for `SegmenterStart`."""
        masks, n_outputs = self._targets.encode(Y), self._targets.n_outputs_
        sizes = np.array([mask.shape[1:] for mask in masks])
        size = tuple(np.median(sizes, axis=0).astype(int).tolist())
        total = 0.0
        for mask in masks:
            total = total + resized(mask[:n_outputs].astype(np.float32), size)
        self._mean = total / len(masks)
        return self.predict(X)

    def predict(self, X):
        """The mean mask at the size of each image, a list of arrays."""
        mean = self._mean
        return mapped(
            lambda image, i: resized(mean, image.shape[1:]).clip(0, 1), check_images(X)
        )
