"""What all segmenters share: prediction by crops, scores."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..data import Queries, check_same_sizes
from ..data.typing import ArrayLike, Maps
from ..inference import CroppedNetwork, infer
from ..metrics import encoded_values
from .base import BaseDVN
from .components import AUTO, Augmentation, Crops, above, at_least
from .image_codec import ImageCodec, resolve_augmentation, resolve_crops
from .mask_networks import placed
from .parameters import TRAINING_CONSTRAINTS, continues, given_or

SEGMENTER_CONSTRAINTS = {
    **TRAINING_CONSTRAINTS,
    "crops": [at_least(1, Integral), AUTO, Crops],
    "augmentation": [at_least(0), Augmentation],
    "learning_rate_init": [above(0)],
    "alpha": [at_least(0)],
    "batch_size": [at_least(1, Integral)],
    "max_iter": [at_least(1, Integral), AUTO],
    "precision": [StrOptions({"auto", "single", "half"})],
}


class BaseSegmenter(ClassifierMixin, BaseDVN):
    """A segmenter: images in, masks out, crops in between."""

    @abstractmethod
    def _ascent(self):
        """Inference as the parameters stand now, a `GradientAscent`."""

    def _settle(self, codec):
        super()._settle(codec)
        self.n_channels_in_, self.crop_size_ = codec.n_channels, codec.crop_size
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
        crops = resolve_crops(self.crops)
        return codec.examples(data, crops, resolve_augmentation(self.augmentation))

    # -- inference ---------------------------------------------------------------

    def _checked(self, X):
        check_is_fitted(self)
        return self.codec_.checked(X)

    def _views(self, height, width):
        """Where the crops of images of this size lie, in prediction."""
        crops = resolve_crops(self.crops)
        mirrored = resolve_augmentation(self.augmentation).flips != "none"
        flip = given_or(crops.flip, mirrored)
        return self.codec_.views(crops, height, width, flip)

    def _averages(self, views):
        """Whether each crop climbs alone, and the masks are averaged."""
        joint = resolve_crops(self.crops).aggregation == "joint"
        return not (joint or views.is_whole)

    def _ready(self, images, starts):
        """Views and queries of the images of each size, with their positions."""
        self._validate_params()  # they may have been set since fit
        for rows, (x, y_init) in self.codec_.by_size(images, starts):
            height, width = x.size(0)
            if y_init is None:
                y_init = self.codec_.constant_start(height, width, len(x))
            yield rows, self._views(height, width), Queries(x, y_init)

    def _relaxed(self, images, starts):
        """The last stage of the inference on each image."""
        relaxed = [None] * len(images)
        for rows, views, queries in self._ready(images, starts):
            put(relaxed, rows, self._infer_views(views, queries))
        return relaxed

    def _infer_views(self, views, queries):
        ascent = self._ascent()
        how = self._batches(len(views), ascent)
        return infer(self._on_views(views), ascent, queries, **how)

    def _on_views(self, views):
        """A value network on whole images, by joint inference over their crops."""
        if views.is_whole:
            return self.network_
        return CroppedNetwork(self.network_, views)

    def _batches(self, n_views, ascent):
        """How many images are predicted together, and the source of the noise."""
        return {
            "batch_size": max(1, self.prediction_batch_size // n_views),
            "rng": self._noise(ascent),
        }

    def _predict(self, X, decode):
        relaxed = self._relaxed(self._checked(X), self.codec_.starts_of(X))
        return in_form_of_images(X, map(decode, relaxed))

    def predict(self, X: ArrayLike) -> Maps:
        """Predict masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, none of them smaller than the crop.

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        check_is_fitted(self)
        return self._predict(X, self.codec_.targets.decode)

    def predict_proba(self, X: ArrayLike) -> Maps:
        """Predict relaxed masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, none of them smaller than the crop.

        Returns
        -------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            Entries in (0, 1), which add up to 1 over the classes.
        """
        check_is_fitted(self)
        return self._predict(X, self.codec_.targets.probabilities)

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
            True masks.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        truth = self.codec_.targets.encode(y, "y")
        predicted = self.codec_.targets.encode(self.predict(X))
        check_same_sizes(predicted, truth, "y")
        found = encoded_values(self, truth, predicted)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, found)
        return float(np.average(found, weights=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = True
        return tags


def put(results, rows, found):
    """Put what was found for these rows at their places."""
    for row, one in zip(rows, found.numpy(), strict=True):
        results[row] = one


def in_form_of_images(X, results):
    """A list for a list of images, else an array."""
    results = list(results)
    return results if isinstance(X, list | tuple) else np.stack(results)
