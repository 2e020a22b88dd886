"""Segmenters trained pixel by pixel: what a user would pick instead."""

from __future__ import annotations

from numbers import Integral

from ._compat import with_callbacks
from ._parameters import at_least, with_checked_parameters
from ._segmenter import BaseSegmenter
from ._typing import ArrayLike, Self
from .inference import Ascent
from .networks import FCN, UNet
from .training import Objective
from .tuples import TupleSettings


class _PixelwiseSegmenter(BaseSegmenter):
    """A guess for each pixel, averaged over the crops that show it."""

    def __init__(
        self,
        *,
        crop_size="auto",
        n_crops="auto",
        crop_stride=None,
        flip_crops="auto",
        flips="horizontal",
        augmentation=1.0,
        solver="adamw",
        learning_rate="cosine",
        learning_rate_init=2e-3,
        alpha=1e-2,
        momentum=0.9,
        max_grad_norm=5.0,
        averaging=0.998,
        batch_size=20,
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        n_iter_no_change=10,
        tol=1e-4,
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
        self.crop_size = crop_size
        self.n_crops = n_crops
        self.crop_stride = crop_stride
        self.flip_crops = flip_crops
        self.flips = flips
        self.augmentation = augmentation
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.momentum = momentum
        self.max_grad_norm = max_grad_norm
        self.averaging = averaging
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.n_networks = n_networks
        self.prediction_batch_size = prediction_batch_size
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.n_jobs = n_jobs
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    network = None

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
            Weights of the images, from 0 on.
        X_val, y_val : array-like or list of arrays, default=None
            What `early_stopping` looks at. Without them a part of X is held out.

        Returns
        -------
        self : estimator
            The fitted estimator. After an error it is what it was before.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

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
            Weights of the images, from 0 on.

        Returns
        -------
        self : estimator
        """
        return self._fit_part(X, y, classes, sample_weight)

    def _objective(self, examples):
        settings = TupleSettings(self._oracle(), self._ascent())
        return Objective(None, settings, guess_weight=1.0)

    def _ascent(self):
        return Ascent(n_steps=0)


class UNetSegmenter(_PixelwiseSegmenter):
    """A small U-Net trained pixel by pixel: the encoder of `DVNSegmenter` alone.

    Parameters
    ----------
    n_channels : int, default=32
        Channels of the finest level.
    n_levels : int, default=3
        Levels; each halves the resolution and doubles the channels.
    crop_size : int or "auto", default="auto"
        Side of the square crops that the network sees. "auto" is the shorter
        side of the smallest image, at most 64.
    n_crops : int or "auto", default="auto"
        Crops per image in prediction; see `DVNSegmenter`. Their masks are averaged.
    crop_stride, flip_crops, flips, augmentation, solver, learning_rate, \
learning_rate_init, alpha, momentum, max_grad_norm, averaging, batch_size, max_iter, \
early_stopping, validation_fraction, n_iter_no_change, tol, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    classes_, n_channels_in_, crop_size_, mean_, scale_, device_, history_, n_iter_, \
validation_score_
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
        **BaseSegmenter._parameter_constraints,
        "n_channels": [at_least(1, Integral)],
        "n_levels": [at_least(1, Integral)],
    }

    def __init__(
        self,
        n_channels=32,
        n_levels=3,
        *,
        crop_size="auto",
        n_crops="auto",
        crop_stride=None,
        flip_crops="auto",
        flips="horizontal",
        augmentation=1.0,
        solver="adamw",
        learning_rate="cosine",
        learning_rate_init=2e-3,
        alpha=1e-2,
        momentum=0.9,
        max_grad_norm=5.0,
        averaging=0.998,
        batch_size=20,
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        n_iter_no_change=10,
        tol=1e-4,
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
            crop_size=crop_size,
            n_crops=n_crops,
            crop_stride=crop_stride,
            flip_crops=flip_crops,
            flips=flips,
            augmentation=augmentation,
            solver=solver,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            alpha=alpha,
            momentum=momentum,
            max_grad_norm=max_grad_norm,
            averaging=averaging,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
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

    def _crop_factor(self):
        return 2 ** (self.n_levels - 1)

    def _auto_crop_share(self):
        return 1.0

    def _default_network(self, rng):
        n_channels, n_outputs, _ = self._network_sizes().values()
        return UNet(n_channels, n_outputs, self.n_channels, self.n_levels, rng)


class FCNSegmenter(_PixelwiseSegmenter):
    """The fully convolutional network that the paper compares with (section 5.2).

    The convolutions of ``DVNSegmenter(network="conv")`` on the image alone, and two
    transposed ones, trained pixel by pixel on crops.

    Parameters
    ----------
    crop_size : int or "auto", default="auto"
        Side of the square crops that the network sees. "auto" is three quarters
        of the shorter side of the smallest image, at most 64.
    n_crops : int or "auto", default="auto"
        Crops per image in prediction; see `DVNSegmenter`. Their masks are averaged.
    crop_stride, flip_crops, flips, augmentation, solver, learning_rate, \
learning_rate_init, alpha, momentum, max_grad_norm, averaging, batch_size, max_iter, \
early_stopping, validation_fraction, n_iter_no_change, tol, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    classes_, n_channels_in_, crop_size_, mean_, scale_, device_, history_, n_iter_, \
validation_score_
        As for `DVNSegmenter`.

    See Also
    --------
    skdvn.DVNSegmenter : The Deep Value Network.

    References
    ----------
    J. Long, E. Shelhamer, T. Darrell. Fully Convolutional Networks for Semantic
    Segmentation. CVPR 2015.
    """

    _parameter_constraints = BaseSegmenter._parameter_constraints

    def _crop_factor(self):
        return 4

    def _auto_crop_share(self):
        return 0.75

    def _default_network(self, rng):
        n_channels, n_outputs, _ = self._network_sizes().values()
        return FCN(n_channels, n_outputs, generator=rng)
