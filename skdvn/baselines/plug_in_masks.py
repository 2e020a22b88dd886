"""The rule that decides on the probabilities of any segmenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from ..data import (
    MaskTargets,
    batches_of,
    check_as_many,
    check_same_size,
    in_form_of,
    parts_of,
)
from ..data.typing import ArrayLike, Maps, NDArray, Self
from ..estimators import (
    ImageCodec,
    PlainStateMixin,
    VersionedMixin,
    counting,
    score_of_masks,
    with_checked_parameters,
)
from ..inference import GradientAscent
from ..networks import expected_term
from ..oracles import FBeta, relaxed_iou

# Images whose probabilities are held at once.
AT_ONCE = 64
# Where no rule gives the best mask, it is sought.
ASCENT = {"n_steps": 30, "step_size": 0.2, "step_rule": "rms", "step_decay": 0.1}


class PlugInSegmenter(
    VersionedMixin, PlainStateMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Predict the masks with the highest expected value under any segmenter.

    The expectation takes pixels as independent with the probabilities that the
    segmenter gives, and the ratio of expected counts for the expected ratio. For IOU
    and F-beta of two classes its maximum is exact: the k most probable pixels, for the
    best k. It is what `DVNSegmenter` climbs, for a segmenter that has no value network.

    Parameters
    ----------
    estimator : segmenter with `predict_proba`
        Returns probabilities of shape (n, n_classes, height, width), or a list of
        arrays (n_classes, height, width). One that is fitted already is given as
        ``FrozenEstimator(segmenter)``.
    oracle : {"auto", "iou", "f1", "dice", "accuracy", "mean_iou", "f0.5", "f2"} or \
callable, default="auto"
        The metric, as for `DVNSegmenter`.

    Attributes
    ----------
    estimator_ : segmenter
        The fitted clone.
    codec_ : ImageCodec
        What encodes masks and knows the oracle.
    classes_ : ndarray of shape (n_classes,)
        In sorted order.

    Examples
    --------
    >>> from skdvn.baselines import PlugInSegmenter, UNetSegmenter
    >>> from skdvn.datasets import make_silhouettes
    >>> X, Y = make_silhouettes(20, size=16, random_state=0)
    >>> clf = PlugInSegmenter(UNetSegmenter(8, max_iter=2, random_state=0)).fit(X, Y)
    >>> clf.predict_value(X).shape
    (20,)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "oracle": [str, callable],
    }

    def __init__(self, estimator: Any, *, oracle: str | Callable = "auto") -> None:
        self.estimator = estimator
        self.oracle = oracle

    @with_checked_parameters
    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Fit the segmenter.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        y : array-like of shape (n, height, width), or list of arrays
            Masks of classes.
        **fit_params : dict
            Passed on to the segmenter's `fit`.

        Returns
        -------
        self : PlugInSegmenter
        """
        fitted = clone(self.estimator).fit(X, y, **fit_params)
        codec = ImageCodec(type(self).__name__)
        codec.device = torch.device("cpu")
        _, rows = counting(X, y, fit_params.get("sample_weight"))
        codec.targets = MaskTargets(
            y,
            getattr(fitted, "ignore_label", None),
            getattr(fitted, "classes_", None),
            rows,
        )
        self.estimator_, self.codec_ = fitted, codec
        self.classes_ = codec.targets.classes_
        return self

    def _guesses(self, X):
        """Probabilities of the channels that decide, (1, n_outputs, height, width)."""
        n_outputs, n_classes = self.codec_.targets.n_outputs_, len(self.classes_)
        parts = parts_of(X, "X")
        for rows in batches_of(len(parts), AT_ONCE):
            part = parts[rows] if isinstance(parts, np.ndarray) else None
            if part is None:
                part = [parts[i] for i in range(rows.start, rows.stop)]
            for i, p in enumerate(self.estimator_.predict_proba(part), rows.start):
                p = np.asarray(p, dtype=np.float64)
                if p.ndim != 3 or len(p) != n_classes:
                    raise ValueError(
                        f"{type(self.estimator_).__name__}.predict_proba(X)[{i}] must "
                        f"be of shape ({n_classes}, height, width), got {p.shape}."
                    )
                yield torch.from_numpy(p[np.newaxis, -n_outputs:])

    def _best(self, X):
        """Yield the channels of the best mask of each image, perhaps relaxed."""
        oracle = self.codec_.oracle(self.oracle)
        for guess in self._guesses(X):
            yield best_mask(guess, oracle)[0].detach().numpy()

    def predict_proba(self, X: ArrayLike) -> Maps:
        """Probabilities of the classes, as the segmenter gives them.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Returns
        -------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def predict(self, X: ArrayLike) -> Maps:
        """Predict masks.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
        """
        check_is_fitted(self)
        return in_form_of(X, map(self.codec_.targets.decode, self._best(X)))

    def predict_value(self, X: ArrayLike, Y: ArrayLike | None = None) -> NDArray[Any]:
        """Expected value of masks under the segmenter's probabilities.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y : array-like of shape (n, height, width), or list of arrays, default=None
            Masks to judge, as for `DVNSegmenter.predict_value`. None judges what
            `predict` returns.

        Returns
        -------
        values : ndarray of shape (n,)
            In [0, 1].
        """
        check_is_fitted(self)
        masks = self.codec_.targets.relaxed(self.predict(X) if Y is None else Y, "Y")
        check_as_many(parts_of(X, "X"), masks)
        term = expected_term(self.codec_.oracle(self.oracle))
        logits = []
        for i, guess in enumerate(self._guesses(X)):
            check_same_size(guess[0], masks[i], i)
            mask = torch.as_tensor(masks[i], dtype=guess.dtype)[None]
            logits.append(term(mask, guess)[0].detach())
        return torch.sigmoid(torch.cat(logits)).numpy()

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean oracle value of the predicted masks.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        y : array-like of shape (n, height, width), or list of arrays
            True masks.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        masks = map(self.codec_.targets.round, self._best(X))
        return score_of_masks(self, X, masks, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = True
        return tags


def best_mask(guess, oracle):
    """The mask with the highest expected value, relaxed where it is sought.

    Parameters
    ----------
    guess : torch.Tensor of shape (1, n_outputs, height, width)
        Probabilities.
    oracle : callable

    Returns
    -------
    mask : torch.Tensor of the shape of guess
    """
    if guess.shape[1] == 1 and (oracle is relaxed_iou or isinstance(oracle, FBeta)):
        # IOU and F1 rank outputs alike.
        weight = 1.0 if oracle is relaxed_iou else float(oracle.beta) ** 2
        ordered, order = guess.flatten().sort(descending=True)
        sizes = torch.arange(1, len(ordered) + 1)
        values = (1 + weight) * ordered.cumsum(0) / (sizes + weight * guess.sum())
        mask = torch.zeros_like(ordered)
        mask[order[: values.argmax() + 1]] = 1.0
        return mask.view(guess.shape)
    term = expected_term(oracle)
    projection = "box" if guess.shape[1] == 1 else "simplex"
    ascent = GradientAscent(projection=projection, **ASCENT)
    return ascent.climb(lambda y: term(y, guess), guess)
