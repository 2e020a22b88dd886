"""Segmenters trained pixel by pixel: what a user would pick instead."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from sklearn.utils._param_validation import HasMethods, StrOptions

from .._moved import with_moved_names
from ..data.typing import ArrayLike, Self
from ..estimators import (
    AUTO,
    CHANNELS,
    LEVELS,
    SEGMENTER_CONSTRAINTS,
    SOLVERS,
    STRIDE,
    BaseSegmenter,
    Geometry,
    Solver,
    check_pair,
    execution_for,
    mask_builder,
    mask_optimization,
    mask_splits,
    module_geometry,
    new_backbone,
    new_unet,
    pixel_objective,
    plan_for_pixels,
    unet_shape,
    users_module,
    with_callbacks,
    with_checked_parameters,
)
from ..inference import GradientAscent
from ..networks import FCN


class BasePixelwise(BaseSegmenter):
    """A guess for each pixel, averaged over the crops that show it."""

    _parameter_constraints = {
        **SEGMENTER_CONSTRAINTS,
        "solver": [StrOptions(set(SOLVERS)), Solver],
    }

    @with_moved_names
    def __init__(
        self,
        *,
        image_size="auto",
        ignore_label=None,
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
        self.image_size = image_size
        self.ignore_label = ignore_label
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
    def _geometry(self, codec, size):
        """What the network asks of the sizes of images, a `Geometry`."""

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
            Non-negative weights of the images, as for `DVNSegmenter.fit`.
        X_val, y_val : array-like or list of arrays, default=None
            What `early_stopping` looks at, as for `DVNSegmenter.fit`.

        Returns
        -------
        self : estimator
            The fitted estimator. After an error it is what it was before.
        """
        check_pair(X_val, y_val)
        execution = execution_for(self, X, y, sample_weight, X_val, y_val)
        draft, codec = self._draft(), self._new_codec()
        data = codec.read(X, y, sample_weight, draft, self._geometry)
        data = codec.fit_start(None, data, X, y, self.random_state)
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

        Unlike in `fit`, the logits of the guess are not scaled afterwards.

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
            data = codec.read(X, y, sample_weight, draft, self._geometry, classes)
            data = codec.fit_start(None, data, X, y, self.random_state)
        else:
            codec = self.codec_
            data = codec.read_more(X, y, sample_weight)
        examples = self._examples(codec, data)
        how = replace(
            mask_optimization(draft, codec, len(examples)), schedule="constant"
        )
        if first:
            draft._settle(codec)
            draft.validation_score_ = float("nan")
            build = mask_builder(draft, codec, draft._fresh_network, examples)
        draft._train_part(build, examples, pixel_objective(codec), how)
        return self._adopt(draft)

    def _ascent(self):
        return GradientAscent(n_steps=0)


class PixelwiseSegmenter(BasePixelwise):
    """A module of your own, trained pixel by pixel.

    Parameters
    ----------
    network : torch.nn.Module or callable
        Maps images (n, n_channels, height, width) to logits (n, n_outputs, height,
        width), or those of half or a quarter of height and width; as for
        `DVNSegmenter`.
    image_size, ignore_label, crops, augmentation, solver, learning_rate_init, alpha, \
batch_size, max_iter, early_stopping, validation_fraction, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged, at most 1,000.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    codec_, classes_, n_channels_in_, crop_size_, mean_, scale_, device_, history_, \
n_iter_, validation_score_
        As for `DVNSegmenter`.

    See Also
    --------
    skdvn.DVNSegmenter : Takes such a module as its `network`, too.

    Examples
    --------
    >>> import torch
    >>> from skdvn.baselines import PixelwiseSegmenter
    >>> from skdvn.datasets import make_silhouettes
    >>> X, Y = make_silhouettes(20, size=16, random_state=0)
    >>> net = torch.nn.Conv2d(3, 1, 5, padding=2)
    >>> PixelwiseSegmenter(net, max_iter=2).fit(X, Y).predict(X).shape
    (20, 16, 16)
    """

    _parameter_constraints = {
        **BasePixelwise._parameter_constraints,
        "network": [HasMethods(["forward"]), callable],
    }

    @with_moved_names
    def __init__(
        self,
        network,
        *,
        image_size="auto",
        ignore_label=None,
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
            image_size=image_size,
            ignore_label=ignore_label,
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
        self.network = network

    def _geometry(self, codec, size):
        return module_geometry(users_module(self.network, codec, size), codec, size)

    def _network_for(self, codec, rng):
        return new_backbone(self.network, codec, rng)


class UNetSegmenter(BasePixelwise):
    """A small U-Net trained pixel by pixel: the encoder of `DVNSegmenter` alone.

    Parameters
    ----------
    n_channels : int or "auto", default="auto"
        Channels of the finest level, from 1 to 1,024; "auto" is 32, and 16 for images
        of more than 96 pixels.
    n_levels, stride : int or "auto", default="auto"
        Levels, and the side of the squares of pixels that the finest sees as one; see
        `skdvn.MaskNet`.
    image_size, ignore_label, crops, augmentation, solver, learning_rate_init, alpha, \
batch_size, max_iter, early_stopping, validation_fraction, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged, at most 1,000.

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
        **BasePixelwise._parameter_constraints,
        "n_channels": [CHANNELS, AUTO],
        "n_levels": [LEVELS, AUTO],
        "stride": [STRIDE, AUTO],
    }

    @with_moved_names
    def __init__(
        self,
        n_channels="auto",
        n_levels="auto",
        stride="auto",
        *,
        image_size="auto",
        ignore_label=None,
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
            image_size=image_size,
            ignore_label=ignore_label,
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
        self.stride = stride

    def _geometry(self, codec, size):
        _, n_levels, stride = unet_shape(self.n_channels, self, size)
        return Geometry(stride * 2 ** (n_levels - 1))

    def _network_for(self, codec, rng):
        return new_unet(self.n_channels, self, codec, rng)


class FCNSegmenter(BasePixelwise):
    """The fully convolutional network that the paper compares with (section 5.2).

    The convolutions of ``DVNSegmenter(network="conv")`` on the image alone, and two
    transposed ones, trained pixel by pixel on crops.

    Parameters
    ----------
    image_size, ignore_label, crops, augmentation, solver, learning_rate_init, alpha, \
batch_size, max_iter, early_stopping, validation_fraction, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, precision, device, random_state, verbose
        As for `DVNSegmenter`.
    n_networks : int, default=1
        Networks whose guesses are averaged, at most 1,000.

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

    def _geometry(self, codec, size):
        return Geometry(FCN.multiple)

    def _network_for(self, codec, rng):
        return FCN(codec.n_channels, codec.targets.n_outputs_, generator=rng)
