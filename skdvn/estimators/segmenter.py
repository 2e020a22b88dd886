"""What all segmenters share: prediction by crops, scores."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..data import Queries, check_as_many, check_same_size, is_read_late
from ..data.typing import ArrayLike, Maps
from ..inference import CroppedNetwork, guessed, infer, on_whole_images
from ..metrics import value_of_mask
from ..networks import members
from .base import BaseDVN
from .components import AUTO, Augmentation, Crops, above, at_least
from .image_codec import ImageCodec, resolve_augmentation, resolve_crops
from .mask_networks import placed
from .parameters import TRAINING_CONSTRAINTS, continues, given_or

SEGMENTER_CONSTRAINTS = {
    **TRAINING_CONSTRAINTS,
    "image_size": [at_least(1, Integral), AUTO, None],
    "crops": [at_least(1, Integral), AUTO, Crops],
    "augmentation": [at_least(0), Augmentation, callable],
    "ignore_label": [Integral, str, None],
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
        return codec.examples(data, resolve_crops(self.crops), self.augmentation)

    # -- inference ---------------------------------------------------------------

    def _checked(self, X):
        check_is_fitted(self)
        self._validate_params()  # they may have been set since fit
        return self.codec_.checked(X)

    def _sees_whole(self):
        """Whether images are predicted as a whole, not by crops."""
        return self.codec_.whole and resolve_crops(self.crops).size == "auto"

    def _flips(self):
        """Whether mirror images are views in prediction."""
        mirrored = resolve_augmentation(self.augmentation).flips != "none"
        return given_or(resolve_crops(self.crops).flip, mirrored)

    def _views(self, height, width):
        """Where the crops of images of this size lie, in prediction."""
        crops = resolve_crops(self.crops)
        return self.codec_.views(crops, height, width, self._flips())

    def _network_on(self, height, width):
        """A value network on images of this size, and how many views it has of each."""
        if self._sees_whole():
            crops = resolve_crops(self.crops)
            small = max(height, width) <= 2 * self.codec_.crop_size
            flip = given_or(crops.flip, self._flips() and small)
            shift = given_or(crops.shift, int(small))
            return on_whole_images(self.network_, flip, shift), 1
        views = self._views(height, width)
        if views.is_whole:
            return self.network_, 1
        return CroppedNetwork(self.network_, views), len(views)

    def _averages(self, height, width):
        """Whether each crop climbs alone, and the masks are averaged."""
        joint = resolve_crops(self.crops).aggregation == "joint"
        whole = self._sees_whole() or self._views(height, width).is_whole
        return not (joint or whole)

    def _parts(self, images, *others):
        """As many images as are worked on together, with what belongs to them.

        Parameters
        ----------
        images : sequence of ndarray
        *others : sequence of ndarray or None

        Yields
        ------
        rows : range
            Positions of the images.
        parts : list of list or None
            The images, and the others.
        """
        limit = self.prediction_batch_size * self.codec_.crop_size**2
        if self._ascent().noise:  # which is drawn for all at once
            limit = float("inf")
        held, area = [], 0
        for i in range(len(images)):
            held.append(images[i])
            area += held[-1][0].size
            if area >= limit or i + 1 == len(images):
                rows = range(i + 1 - len(held), i + 1)
                more = [
                    None if other is None else [other[row] for row in rows]
                    for other in others
                ]
                yield rows, [held, *more]
                held, area = [], 0

    def _ready(self, images, starts):
        """Queries of the images of each size, with their positions."""
        for rows, (x, y_init) in self.codec_.by_size(
            self._sees_whole(), images, starts
        ):
            if y_init is None:
                y_init = self.codec_.constant_start(*x.size(0), len(x))
            yield rows, Queries(x, y_init)

    def _relaxed(self, images, starts, run=infer):
        """Yield the last stage of the inference on each image."""
        for _, (part, part_starts) in self._parts(images, starts):
            found = [None] * len(part)
            for rows, queries in self._ready(part, part_starts):
                outputs = self._infer_on(queries, run)
                self._put(found, rows, outputs, part)
            yield from found

    def _put(self, results, rows, found, images):
        """Put what was found for these rows at their places, at the images' size."""
        for row, one in zip(rows, found.numpy(), strict=True):
            results[row] = self.codec_.enlarged(one, images[row].shape[1:])

    def _infer_on(self, queries, run):
        height, width = queries.x.size(0)
        network, n_views = self._network_on(height, width)
        ascent = self._ascent()
        how = self._batches(n_views, height, width, ascent)
        return run(network, ascent, queries, **how)

    def _batches(self, n_views, height, width, ascent):
        """How many images are predicted together, and the source of the noise."""
        side = self.codec_.crop_size
        area = n_views * side**2 if n_views > 1 else height * width
        together = self.prediction_batch_size * side**2 // area
        return {"batch_size": max(1, together), "rng": self._noise(ascent)}

    def _predict(self, X, decode, run=infer):
        found = self._relaxed(self._checked(X), self.codec_.starts_of(X), run)
        return in_form_of_images(X, map(decode, found))

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
        return self._predict(X, self.codec_.targets.decode)

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
        run = guessed if has_guess else infer
        return self._predict(X, self.codec_.targets.probabilities, run)

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
        images = self._checked(X)
        relaxed = self._relaxed(images, self.codec_.starts_of(X))
        masks = map(self.codec_.targets.round, relaxed)
        return score_of_masks(self, masks, y, sample_weight, n=len(images))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = True
        return tags


def in_form_of_images(X, results):
    """A list for a list of images, else an array."""
    results = list(results)
    listed = isinstance(X, list | tuple) or is_read_late(X) or X.dtype == object
    return results if listed else np.stack(results)


def score_of_masks(estimator, masks, y, sample_weight=None, n=None):
    """Mean oracle value of masks; images of which nothing is known do not count.

    Parameters
    ----------
    estimator : BaseSegmenter or PlugInSegmenter
        Fitted; has a `codec_` and perhaps an `oracle`.
    masks : iterable of ndarray
        Rounded channels (n_outputs, height, width), or classes (height, width).
    y : array-like or list of arrays
        True masks.
    sample_weight : array-like of shape (n,), default=None
    n : int, default=None
        How many masks there are; None asks `masks`.

    Returns
    -------
    score : float
    """
    codec, targets = estimator.codec_, estimator.codec_.targets
    oracle = codec.oracle(getattr(estimator, "oracle", codec.default_oracle))
    truth = targets.encode(y, "y")
    check_as_many(range(len(masks) if n is None else n), truth, "y")
    values, counts = [], []
    for i, mask in enumerate(masks):
        mask = targets.encode([mask])[0] if mask.ndim == 2 else mask
        true = truth[i]
        check_same_size(mask, true, i, "y")
        values.append(value_of_mask(codec, oracle, i, true, mask))
        counts.append(bool(true[targets.n_outputs_ :].all(0).any()))
    weight = np.array(counts, float)
    if sample_weight is not None:
        weight = weight * _check_sample_weight(sample_weight, weight)
    if not weight.any():
        raise ValueError(
            "y and sample_weight leave no image to score: none has both a weight above "
            "0 and a pixel whose truth is known."
        )
    return float(np.average(np.clip(values, 0, 1), weights=weight))
