"""Segmenters trained pixel by pixel: what a user would pick instead."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import StrOptions

from .._moved import with_moved_names
from ..data.typing import ArrayLike, Self
from ..estimators import (
    SEGMENTER_CONSTRAINTS,
    SOLVERS,
    BaseSegmenter,
    Solver,
    at_least,
    check_pair,
    execution_for,
    mask_builder,
    mask_optimization,
    mask_splits,
    pixel_objective,
    plan_for_pixels,
    with_callbacks,
    with_checked_parameters,
)
from ..inference import GradientAscent
from ..networks import FCN, UNet


class PixelwiseSegmenter(BaseSegmenter):
    """A guess for each pixel, averaged over the crops that show it."""

    _parameter_constraints = {
        **SEGMENTER_CONSTRAINTS,
        "solver": [StrOptions(set(SOLVERS)), Solver],
    }

    @with_moved_names
    def __init__(
        self,
        *,
        crops="auto",
        augmentation=1.0,
        solver="adamw",
        learning_rate_init=2e-3,
        alpha=1e-2,
        batch_size=20,
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        n_networks=1,
        prediction_batch_size=256,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        precision="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        self.crops = crops
        self.augmentation = augmentation
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_networks = n_networks
        self.prediction_batch_size = prediction_batch_size
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.n_jobs = n_jobs
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _geometry(self):
        """What crop sizes must be multiples of, and their share of the image."""

    @abstractmethod
    def _network_for(self, codec, rng):
        """The network, with fresh weights."""

    @with_checked_parameters
    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Fit to images and their masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, as for `DVNSegmenter.fit`.
        y : array-like of shape (n, height, width), or list of arrays
            Masks of classes.
        sample_weight : array-like of shape (n,), default=None
            Non-negative weights of the images.
        X_val, y_val : array-like or list of arrays, default=None
            What `early_stopping` looks at. Without them a part of X is held out.

        Returns
        -------
        self : estimator
            The fitted estimator. After an error it is what it was before.
        """
        check_pair(X_val, y_val)
        execution = execution_for(self, X, y, sample_weight, X_val, y_val)
        draft, codec = self._draft(), self._new_codec()
        data = codec.read(X, y, sample_weight, draft, self._geometry())
        data = codec.fit_start(None, data, X, y, self.random_state)
        if data.weight is not None:
            data = data.at(np.flatnonzero(data.weight))
        splits = mask_splits(draft, codec, data, X_val, y_val)
        examples = self._examples(codec, data)
        draft._settle(codec)
        plan = plan_for_pixels(draft, codec, examples, splits, draft._fresh_network)
        trained = self._train(plan, examples, execution, X=X, y=y)
        draft._keep(trained)
        return self._become(draft, plan, trained, execution)

    def _fresh_network(self, rng):
        """A network as the parameters make it."""
        return self._network_for(self.codec_, rng)

    @with_checked_parameters
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these images, at a constant learning rate.

        Parameters
        ----------
        X : array-like or list of arrays
            Images, as for `DVNSegmenter.partial_fit`.
        y : array-like of shape (n, height, width), or list of arrays
            Masks of classes.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call if y lacks one.
        sample_weight : array-like of shape (n,), default=None
            Non-negative weights of the images.

        Returns
        -------
        self : estimator
        """
        draft, build = self._draft(), None
        first = not hasattr(self, "network_")
        if first:
            codec = self._new_codec()
            data = codec.read(X, y, sample_weight, draft, self._geometry(), classes)
            data = codec.fit_start(None, data, X, y, self.random_state)
        else:
            codec = self.codec_
            data = codec.read_more(X, y, sample_weight)
        examples = self._examples(codec, data)
        how = replace(mask_optimization(draft, len(examples)), schedule="constant")
        if first:
            draft._settle(codec)
            draft.validation_score_ = float("nan")
            build = mask_builder(draft, codec, draft._fresh_network, examples)
        draft._train_part(build, examples, pixel_objective(codec), how)
        return self._adopt(draft)

    def _ascent(self):
        return GradientAscent(n_steps=0)


class UNetSegmenter(PixelwiseSegmenter):
    """A small U-Net trained pixel by pixel: the encoder of `DVNSegmenter` alone.

    Parameters
    ----------
    n_channels : int, default=32
        Channels of the finest level.
    n_levels : int, default=3
        Levels; each halves the resolution and doubles the channels.
    crops : int, "auto" or Crops, default="auto"
        Side of the square crops that the network sees, or `skdvn.Crops`, whose
        guesses are averaged. "auto" is the shorter side of the smallest
        image, at most 64.
    augmentation, solver, learning_rate_init, alpha, batch_size, max_iter, \
early_stopping, validation_fraction, prediction_batch_size, warm_start, \
checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    codec_, classes_, n_channels_in_, crop_size_, mean_, scale_, device_, history_, \
n_iter_, validation_score_
        As for `DVNSegmenter`.

    See Also
    --------
    skdvn.DVNSegmenter : The Deep Value Network.

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox. U-Net: Convolutional Networks for Biomedical
    Image Segmentation. MICCAI 2015.
    """

    _parameter_constraints = {
        **PixelwiseSegmenter._parameter_constraints,
        "n_channels": [at_least(1, Integral)],
        "n_levels": [at_least(1, Integral)],
    }

    @with_moved_names
    def __init__(
        self,
        n_channels=32,
        n_levels=3,
        *,
        crops="auto",
        augmentation=1.0,
        solver="adamw",
        learning_rate_init=2e-3,
        alpha=1e-2,
        batch_size=20,
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        n_networks=1,
        prediction_batch_size=256,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        precision="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        super().__init__(
            crops=crops,
            augmentation=augmentation,
            solver=solver,
            learning_rate_init=learning_rate_init,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_networks=n_networks,
            prediction_batch_size=prediction_batch_size,
            warm_start=warm_start,
            checkpoint_dir=checkpoint_dir,
            n_jobs=n_jobs,
            precision=precision,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_channels = n_channels
        self.n_levels = n_levels

    def _geometry(self):
        return 2 ** (self.n_levels - 1), 1.0

    def _network_for(self, codec, rng):
        n_outputs = codec.targets.n_outputs_
        return UNet(codec.n_channels, n_outputs, self.n_channels, self.n_levels, rng)


class FCNSegmenter(PixelwiseSegmenter):
    """The fully convolutional network that the paper compares with (section 5.2).

    The convolutions of ``DVNSegmenter(network="conv")`` on the image alone, and two
    transposed ones, trained pixel by pixel on crops.

    Parameters
    ----------
    crops : int, "auto" or Crops, default="auto"
        Side of the square crops that the network sees, or `skdvn.Crops`, whose
        guesses are averaged. "auto" is three quarters
        of the shorter side of the smallest image, at most 64.
    augmentation, solver, learning_rate_init, alpha, batch_size, max_iter, \
early_stopping, validation_fraction, prediction_batch_size, warm_start, \
checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    codec_, classes_, n_channels_in_, crop_size_, mean_, scale_, device_, history_, \
n_iter_, validation_score_
        As for `DVNSegmenter`.

    See Also
    --------
    skdvn.DVNSegmenter : The Deep Value Network.

    References
    ----------
    J. Long, E. Shelhamer, T. Darrell. Fully Convolutional Networks for Semantic
    Segmentation. CVPR 2015.
    """

    def _geometry(self):
        return 4, 0.75

    def _network_for(self, codec, rng):
        return FCN(codec.n_channels, codec.targets.n_outputs_, generator=rng)
