"""What all segmenters share: prediction and scores."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..data import IGNORED, check_as_many, check_same_size, in_form_of, parts_of
from ..data.typing import ArrayLike, Maps
from ..inference import guessed, infer
from ..metrics import value_of_mask
from ..networks import members
from ..training import sharpen
from .base import BaseDVN
from .components import (
    AUTO,
    SIDE,
    STRENGTH,
    Augmentation,
    Crops,
    above,
    at_least,
)
from .image_codec import ImageCodec, resolve_augmentation, resolve_crops
from .image_prediction import ImagePredictor
from .mask_networks import placed
from .parameters import TRAINING_CONSTRAINTS, checked_weight, continues

SEGMENTER_CONSTRAINTS = {
    **TRAINING_CONSTRAINTS,
    "image_size": [at_least(1, Integral), AUTO, None],
    "crops": [SIDE, AUTO, Crops],
    "augmentation": [STRENGTH, Augmentation, callable],
    "ignore_label": [Integral, str, None],
    "learning_rate_init": [above(0)],
    "alpha": [at_least(0)],
    "batch_size": [at_least(1, Integral)],
    "max_iter": [at_least(1, Integral), AUTO],
    "precision": [StrOptions({"auto", "single", "half"})],
}


class BaseSegmenter(ClassifierMixin, BaseDVN):
    """A segmenter: images in, masks out."""

    @abstractmethod
    def _ascent(self):
        """Inference as the parameters stand now, a `GradientAscent`."""

    def _settle(self, codec):
        super()._settle(codec)
        self.n_channels_in_, self.crop_size_ = codec.n_channels, codec.sizes.crop_size
        self.mean_, self.scale_ = codec.mean, codec.scale

    def _new_codec(self):
        """A codec to fit, with what the last fit settled if this one goes on."""
        before = self.codec_ if continues(self) else None
        return ImageCodec(type(self).__name__, before)

    def _placed(self, network):
        """The network on the device, in the precision that is asked for."""
        return placed(network, self.codec_, self.precision)

    def _examples(self, codec, data):
        """What a network learns from: random crops of the images."""
        return codec.examples(data, resolve_crops(self.crops), self.augmentation)

    def _train(self, plan, examples, execution, **data):
        trained = super()._train(plan, examples, execution, **data)
        goal = plan.objective
        # A value that was learned on top knows the logits as they are.
        if goal.guess_weight and goal.mixture is None and not trained.interrupted:
            with suppress(KeyboardInterrupt):
                sharpen(trained.network, examples, trained.n_epochs, self.batch_size)
                execution.team.agree(trained.network)
        return trained

    # -- inference ---------------------------------------------------------------

    def _checked(self, X):
        check_is_fitted(self)
        return self.codec_.checked(X)

    def _predictor(self):
        """What carries out inference, as the parameters stand now."""
        check_is_fitted(self)
        self._validate_params()  # they may have been set since fit
        ascent = self._ascent()
        return ImagePredictor(
            self.codec_,
            self.network_,
            ascent,
            partial(self._noise, ascent),
            resolve_crops(self.crops),
            resolve_augmentation(self.augmentation).flips != "none",
            self.prediction_batch_size,
        )

    def _relaxed(self, X, run=infer):
        """Yield where inference ends on each image, or what else `run` finds."""
        images = self._checked(X)
        return self._predictor().relaxed(images, self.codec_.starts_of(X), run)

    def predict(self, X: ArrayLike) -> Maps:
        """Predict masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, or a sequence of them or of paths of files, which are read as they
            are needed.

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        check_is_fitted(self)
        return in_form_of(X, map(self.codec_.targets.decode, self._relaxed(X)))

    def predict_proba(self, X: ArrayLike) -> Maps:
        """Predict probabilities of the classes at each pixel: the network's guess.

        A network without a guess gives relaxed masks, which are no probabilities.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, or a sequence of them or of paths of files, which are read as they
            are needed.

        Returns
        -------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            Entries in (0, 1), which add up to 1 over the classes.
        """
        check_is_fitted(self)
        has_guess = hasattr(members(self.network_)[0], "guess")
        found = self._relaxed(X, guessed if has_guess else infer)
        return in_form_of(X, map(self.codec_.targets.probabilities, found))

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean oracle value of the predicted masks over images.

        By default the mean IOU of two classes, and the pixel accuracy of more.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        y : array-like of shape (n, height, width), or list of arrays
            True masks. Where they show a class that was not there in `fit`, whatever is
            predicted is wrong.
        sample_weight : array-like of shape (n,), default=None
            Non-negative weights of the images.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        masks = map(self.codec_.targets.round, self._relaxed(X))
        return score_of_masks(self, X, masks, y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = True
        return tags


def score_of_masks(estimator, X, masks, y, sample_weight=None):
    """Mean oracle value of masks; images of which nothing is known do not count.

    Where the truth is a class that was not there in `fit`, whatever is predicted is
    wrong.

    Parameters
    ----------
    estimator : BaseSegmenter or PlugInSegmenter
        Fitted; has a `codec_` and perhaps an `oracle`.
    X : sequence
        Images.
    masks : iterable of ndarray of shape (n_outputs, height, width)
        What was predicted of each, 0 and 1.
    y : array-like or list of arrays
        True masks.
    sample_weight : array-like of shape (n,), default=None

    Returns
    -------
    score : float
    """
    codec, targets = estimator.codec_, estimator.codec_.targets
    oracle = codec.oracle(getattr(estimator, "oracle", codec.default_oracle))
    truth = targets.truth(y, "y")
    check_as_many(parts_of(X, "X"), truth, "y")
    weight = checked_weight(sample_weight, np.zeros(len(truth)))
    weight = np.ones(len(truth)) if weight is None else weight.copy()
    values = np.empty(len(truth))
    for i, mask in enumerate(masks):
        true = truth[i]
        check_same_size(mask, true, i, "y")
        values[i] = value_of_mask(codec, oracle, i, true, mask)
        weight[i] *= (true[targets.n_outputs_] != IGNORED).any()
    if not weight.any():
        raise ValueError(
            "y and sample_weight leave no image to score: none has both a weight above "
            "0 and a pixel whose truth is known."
        )
    return float(np.average(np.clip(values, 0, 1), weights=weight))
