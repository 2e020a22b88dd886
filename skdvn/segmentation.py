"""The segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._compat import with_callbacks
from ._parameters import (
    A_FEW_ROWS,
    ParametersMixin,
    above,
    at_least,
    with_checked_parameters,
)
from ._segmenter import BaseSegmenter, _in_form_of
from ._typing import ArrayLike, Maps, NDArray, Self
from .crops import CroppedRows
from .data import Queries
from .inference import PROJECTIONS, Ascent, infer, stages
from .masks import check_same_sizes
from .networks import ConvNetwork, GuessNetwork, UNet
from .oracles import check_oracle
from .training import GRADIENT_LOSSES, Objective
from .tuples import TupleSettings

DEFAULT_TUPLES = {"ground_truth": 0.2, "stratified": 0.4, "inference": 0.4}
NETWORKS = {"unet", "conv"}


class DVNSegmenter(BaseSegmenter):
    """Deep Value Network for segmentation, into two classes or more.

    A value network v(x, y) is trained to predict the value, by default the relaxed
    intersection over union, of any mask y for an image x; prediction climbs it by
    projected gradient ascent on y (Gygli et al., 2017). Images of any size are
    segmented by crops whose gradients are summed. With more than two classes y has one
    channel for each, which add up to 1 at every pixel.

    Parameters
    ----------
    network : {"unet", "conv"}, torch.nn.Module or callable, default="unet"
        "unet" is a small U-Net that makes, once per image, a guess of the mask, and a
        value shaped like the oracle against this guess (beyond the paper, see
        `skdvn.networks.GuessNetwork`). "conv" is the network of the paper (figure 2),
        which sees image and mask side by side. A value network of your own is a
        module with the methods ``encode(x) -> context`` and ``score(context, y) ->
        logits``, which is copied with its weights, or a function
        ``network(n_channels, n_outputs, crop_size)`` that makes one. It gets
        standardised images of shape (n, n_channels, height, width) and masks with
        ``n_outputs`` channels.
    n_channels : int, default=32
        Channels of the finest level of "unet".
    n_levels : int, default=3
        Levels of "unet"; each halves the resolution and doubles the channels.
    local_term : {"oracle", "linear"}, default="oracle"
        What the value of "unet" is made of: the oracle's expected value under the
        guess, or a term linear in y as in the paper's network for labels.
    n_global_units : int, default=16
        Units of the learned correction of that term; 0 leaves it out.
    crop_size : int or "auto", default="auto"
        Side of the square crops that the network sees. "auto" is the shorter side of
        the smallest image, three quarters of it for "conv", at most 64.
    n_crops : int or "auto", default="auto"
        Crops per image in prediction, evenly spaced: 1, 9, 25, 36 ... for 1, 3, 5, 6
        along each axis, and more where they would not cover the image. "auto"
        overlaps neighbours by at least half.
    crop_stride : int, default=None
        Distance of neighbouring crops in pixels, instead of `n_crops`.
    aggregation : {"joint", "average"}, default="joint"
        Whether all crops of an image climb together, each pixel by the sum of their
        gradients, or each crop alone, whose masks are averaged (section 5.4).
    flip_crops : bool or "auto", default="auto"
        Whether the mirror image of each crop counts as a crop in prediction. "auto"
        does if `flips` does in training.
    flips : {"horizontal", "both", "none"}, default="horizontal"
        Mirror images to train on.
    augmentation : float, default=1.0
        Strength of the random rotation, scaling, shift and colour changes of the
        training images, from 0 on; 0 turns them off.
    crops_per_image : int, default=1
        Random crops of each training image in an epoch.
    crop_visits : int, default=1
        For how many epochs a crop stays before another takes its place. More than 1
        lets "chain" and "replay" tuples go on from visit to visit.
    oracle : {"auto", "iou", "f1", "accuracy", "mean_iou", "f0.5", "f2"} or \
callable, default="auto"
        The metric to learn and to climb (eqs. 6-10). "auto" is the IOU of the
        foreground with two classes, and the accuracy with more, which is the share of
        pixels that are right. "mean_iou" is the mean over all classes; of more than
        two classes "iou", "f1", "f0.5" and "f2" count the pixels of all together. A
        callable ``oracle(y, y_true)`` takes tensors of shape (n, n_outputs, height,
        width) with entries in [0, 1], where ``n_outputs`` is 1 with two classes, and
        returns n values in [0, 1]. With ``network="unet"`` it must be differentiable
        in y and take relaxed truths, unless ``local_term="linear"``.
    loss : {"cross_entropy", "squared", "hinge"}, default="cross_entropy"
        Discrepancy of value and oracle value: eq. 11, or the squared error; or the
        structured hinge, see `DVNMultiLabelClassifier`.
    gradient_loss : {"squared", "cross_entropy"}, default="squared"
        See `gradient_loss_weight`: the squared difference of the gradients of value
        and oracle, or the cross-entropy of the score's gradient, read as logits of the
        sign of the oracle's.
    gradient_loss_weight : float, default=0.0
        Weight of a second loss, that the gradient of the value in y be that of the
        oracle (Sobolev training, beyond the paper). Networks learn several times
        faster with it; the oracle must be differentiable.
    guess_loss_weight : float, default=1.0
        Weight of the cross-entropy per pixel of the network's own guess, which then
        learns from it alone (beyond the paper). 0 trains everything by the value.
        Without effect on networks that have no guess.
    tuples : dict, default=None
        Where the masks to train on come from (section 3.3): names of generators with
        their shares. Names are "ground_truth", "inference" (iterates of the ascent),
        "stratified" (samples near the truth, see `tau`), "adversarial" (masks that
        ascend the loss), "one_step" (one step from the truth or the start),
        "loss_augmented" (masks of a high score that are far from the truth), "chain"
        (one step further than at the last visit of the same crop, see `crop_visits`)
        and "replay" (earlier masks). A callable that takes a `skdvn.tuples.Batch` and
        returns a list of masks is allowed in place of a name. None means
        ``DEFAULT_TUPLES``.
    tuple_mixing : {"all", "one"}, default="one"
        Whether each mini-batch trains on the tuples of all generators, weighted by
        their shares, or on those of one, drawn by share (Algorithm 1).
    n_iterates : int, default=2
        Iterates of each inference trajectory that become tuples.
    n_samples : int, default=2
        Stratified samples per crop.
    tau : float, default=1.0
        Temperature of the stratified samples, ``p(y) ~ exp(v*(y, y_true) / tau)``,
        which differ from the truth by patches. 0 gives the truth; the paper used 0.05.
    replay_size : int, default=8
        Earlier masks kept per crop for "replay".
    init : {"auto", "guess", "mean", "zeros"}, float or segmenter, default="auto"
        Where inference starts: the network's own guess, the mean training mask, a
        constant in [0, 1], or the masks of another segmenter, which is cloned and
        fitted inside `fit`; those of the training images are predicted out of fold.
        "auto" is the guess where there is one, else the mean mask.
    step_size : float, default=0.2
        Size of the first step of the ascent, above 0 (eta in eq. 8).
    step_decay : float, default=0.1
        Size of the last step relative to the first, in (0, 1].
    n_steps : int, default=10
        Number of steps; 0 predicts the start.
    step_rule : {"rms", "normalized", "logit", "value"}, default="rms"
        Direction of a step: the gradient of the value (eq. 8), of its logit, or the
        latter divided by its largest absolute entry or its root mean square.
    projection : {"auto", "box", "simplex"}, default="auto"
        Where the ascent keeps y: in [0, 1], or where the classes of a pixel add up
        to 1. "auto" is the box with two classes and the simplex with more; there the
        box leaves it to the rounding that each pixel gets one class.
    inference_momentum : float, default=0.0
        Share of the last step that the next one keeps, in [0, 1).
    inference_noise : float, default=0.0
        Standard deviation of Gaussian noise in each step, from 0 on (the paper's
        future work). With noise, predictions depend on `random_state`.
    solver : {"adamw", "adam", "sgd"}, default="adamw"
        Adam with decoupled weight decay, Adam, or SGD with momentum.
    learning_rate : {"constant", "cosine", "step"}, default="cosine"
        Schedule of the learning rate: constant, falling to 0 along a cosine, or
        divided by 10 after 38% and 77% of the epochs.
    learning_rate_init : float, default=2e-3
        Initial learning rate, above 0.
    alpha : float, default=0.01
        Weight decay, from 0 on.
    momentum : float, default=0.9
        Momentum of SGD, in [0, 1).
    max_grad_norm : float, default=5.0
        Gradients of a larger norm are scaled down to it; above 0, infinity allowed.
    averaging : float, default=0.998
        Decay per mini-batch of the moving average of the weights that is kept, in
        [0, 1); 0 keeps the last weights.
    batch_size : int, default=20
        Crops per mini-batch.
    max_iter : int or "auto", default="auto"
        Epochs. "auto" is as many as make 2,000 mini-batches.
    early_stopping : bool, default=False
        Whether to score held-out images after each epoch, to stop when they no longer
        improve, and to go back to the best weights.
    validation_fraction : float, default=0.2
        Share of the images that `early_stopping` holds out; with several networks
        also the share of which each network's guess learns nothing, in (0, 1).
    n_iter_no_change : int, default=10
        Epochs without improvement after which `early_stopping` stops.
    tol : float, default=1e-4
        What counts as improvement.
    n_networks : int, default=1
        Networks that predict jointly. With several, the value of each is trained on
        guesses for images that its guess has not learnt from.
    inference_lag : int, default=0
        With more than 0, crops and tuples are made in a parallel thread with the
        weights of so many mini-batches ago (section 3.3). Results do not depend on
        timing. Pays where a second core is idle.
    prediction_batch_size : int, default=256
        Crops that are predicted together; lower it if memory is short.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit.
    checkpoint_dir : str or path-like, default=None
        A folder for safety copies of a long `fit`, one after each epoch but not more
        than one a second. If `fit` is killed, the next one with the same parameters,
        data and versions, in this process or another, goes on from there and ends with
        the same weights; copies of a complete fit are deleted. Needs an int as
        `random_state`. Several estimators, as those of a grid search, can share a
        folder. `partial_fit` makes no copies.
    n_jobs : int or None, default=None
        Networks, those of the validation folds or of `n_networks`, that are trained at
        the same time, in processes of joblib's or on the cluster of
        ``joblib.parallel_config``. None is 1 unless there is such a configuration, -1
        is all cores. Pays where a fit takes longer than the seconds that a new process
        needs to start.
    precision : {"auto", "single", "half"}, default="auto"
        Whether convolutions run in bfloat16. "auto" does where the machine has
        instructions for it.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", ...; "auto" is CUDA where available.
    random_state : int, RandomState instance or None, default=None
        Of initial weights, crops, mini-batches and samples. Pass an int for the same
        result at each call.
    verbose : bool or int, default=False
        Whether to print each epoch. With scikit-learn 1.9 or newer you can also use
        its callbacks, as in ``clf.set_callbacks(ProgressBar())``.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained value network on crops; several are one for joint inference.
    classes_ : ndarray of shape (n_classes,)
        The classes in sorted order; of two, background and foreground.
    n_channels_in_ : int
        Channels of the images seen in `fit`.
    crop_size_ : int
        Side of the crops.
    mean_, scale_ : ndarray of shape (`n_channels_in_`,)
        Mean and standard deviation of the channels over all training pixels.
    device_ : torch.device
        Where the network is.
    history_ : list of dict
        For each epoch of each training "training", its number, "epoch", "loss",
        "seconds", and with early stopping "validation_score". "split" is 0 where
        images were held out, else None, and "candidate" is 0.
    n_iter_ : int
        Epochs of the final training.
    validation_score_ : float
        Mean oracle value on the held-out images; nan if nothing was held out.
    init_ : object or None
        The fitted start, if inference starts at masks of another model.

    See Also
    --------
    skdvn.baselines.UNetSegmenter : The same encoder trained pixel by pixel.
    skdvn.baselines.FCNSegmenter : What the paper compares with.

    Notes
    -----
    The U-Net in half precision computes with 8 bits of mantissa, so that predictions
    of the same image in different company may differ in the third digit.

    References
    ----------
    M. Gygli, M. Norouzi, A. Angelova. Deep Value Networks Learn to Evaluate and
    Iteratively Refine Structured Outputs. ICML 2017.

    Wojciech M. Czarnecki et al. Sobolev Training for Neural Networks. NeurIPS 2017.

    Examples
    --------
    >>> from skdvn import DVNSegmenter
    >>> from skdvn.datasets import make_silhouettes
    >>> X, Y = make_silhouettes(120, size=16, random_state=0)
    >>> clf = DVNSegmenter(n_channels=8, max_iter=20, random_state=0)
    >>> clf.fit(X[:100], Y[:100]).predict(X[100:]).shape
    (20, 16, 16)
    >>> clf.score(X[100:], Y[100:]) > 0.5
    True
    """

    _parameter_constraints = {
        **BaseSegmenter._parameter_constraints,
        **{
            name: ParametersMixin._parameter_constraints[name]
            for name in (
                *("oracle", "loss", "tuples", "tuple_mixing", "n_iterates", "tau"),
                *("replay_size", "step_rule", "inference_momentum"),
                *("inference_noise", "inference_lag"),
            )
        },
        "n_samples": [at_least(1, Integral)],
        "crops_per_image": [at_least(1, Integral)],
        "crop_visits": [at_least(1, Integral)],
        "network": [StrOptions(NETWORKS), HasMethods(["encode", "score"]), callable],
        "n_channels": [at_least(1, Integral)],
        "n_levels": [at_least(1, Integral)],
        "local_term": [StrOptions({"oracle", "linear"})],
        "n_global_units": [at_least(0, Integral)],
        "aggregation": [StrOptions({"joint", "average"})],
        "gradient_loss": [StrOptions(set(GRADIENT_LOSSES))],
        "gradient_loss_weight": [at_least(0)],
        "guess_loss_weight": [at_least(0)],
        "init": [
            StrOptions({"auto", "guess", "mean", "zeros"}),
            Interval(Real, 0, 1, closed="both"),
            HasMethods(["fit", "predict"]),
        ],
        "step_size": [above(0)],
        "step_decay": [Interval(Real, 0, 1, closed="right")],
        "projection": [StrOptions({"auto", *PROJECTIONS})],
        "n_steps": [at_least(0, Integral)],
    }

    default_tuples = DEFAULT_TUPLES

    def __init__(
        self,
        network="unet",
        *,
        n_channels=32,
        n_levels=3,
        local_term="oracle",
        n_global_units=16,
        crop_size="auto",
        n_crops="auto",
        crop_stride=None,
        aggregation="joint",
        flip_crops="auto",
        flips="horizontal",
        augmentation=1.0,
        crops_per_image=1,
        crop_visits=1,
        oracle="auto",
        loss="cross_entropy",
        gradient_loss="squared",
        gradient_loss_weight=0.0,
        guess_loss_weight=1.0,
        tuples=None,
        tuple_mixing="one",
        n_iterates=2,
        n_samples=2,
        tau=1.0,
        replay_size=8,
        init="auto",
        step_size=0.2,
        step_decay=0.1,
        n_steps=10,
        step_rule="rms",
        projection="auto",
        inference_momentum=0.0,
        inference_noise=0.0,
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
        inference_lag=0,
        prediction_batch_size=256,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        precision="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        self.network = network
        self.n_channels = n_channels
        self.n_levels = n_levels
        self.local_term = local_term
        self.n_global_units = n_global_units
        self.crop_size = crop_size
        self.n_crops = n_crops
        self.crop_stride = crop_stride
        self.aggregation = aggregation
        self.flip_crops = flip_crops
        self.flips = flips
        self.augmentation = augmentation
        self.crops_per_image = crops_per_image
        self.crop_visits = crop_visits
        self.oracle = oracle
        self.loss = loss
        self.gradient_loss = gradient_loss
        self.gradient_loss_weight = gradient_loss_weight
        self.guess_loss_weight = guess_loss_weight
        self.tuples = tuples
        self.tuple_mixing = tuple_mixing
        self.n_iterates = n_iterates
        self.n_samples = n_samples
        self.tau = tau
        self.replay_size = replay_size
        self.init = init
        self.step_size = step_size
        self.step_decay = step_decay
        self.n_steps = n_steps
        self.step_rule = step_rule
        self.projection = projection
        self.inference_momentum = inference_momentum
        self.inference_noise = inference_noise
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
        self.inference_lag = inference_lag
        self.prediction_batch_size = prediction_batch_size
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.n_jobs = n_jobs
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- fit ---------------------------------------------------------------------

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
            Images, finite numbers. Those of a list may differ in size. None may be
            smaller than the crop.
        y : array-like of shape (n, height, width), or list of arrays
            Masks of classes, integers or strings; of two, the first in sorted order
            is the background.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images in the losses, from 0 on.
        X_val, y_val : array-like or list of arrays, default=None
            What `early_stopping` looks at. Without them a part of X is held out.

        Returns
        -------
        self : DVNSegmenter
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
            Images. Channels are standardised, and "auto" crops chosen, by the first
            call.
        y : array-like of shape (n, height, width), or list of arrays
            Masks.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call if y lacks one.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images, from 0 on.

        Returns
        -------
        self : DVNSegmenter
        """
        return self._fit_part(X, y, classes, sample_weight)

    def _settle(self, images, fresh):
        super()._settle(images, fresh)
        network = self._new_network(torch.Generator().manual_seed(0))
        self._has_guess = hasattr(network, "guess")
        if self._has_guess:
            return
        if isinstance(self.init, str) and self.init == "guess":
            raise ValueError(
                f"init='guess' needs a network with a guess of its own, which "
                f"network={self.network!r} has not. Allowed with it are 'auto', "
                "'zeros', a number in [0, 1] and a segmenter."
            )

    def _crop_factor(self):
        factors = {"unet": 2 ** (self.n_levels - 1), "conv": 4}
        return factors.get(self.network, 1) if isinstance(self.network, str) else 1

    def _auto_crop_share(self):
        is_conv = isinstance(self.network, str) and self.network == "conv"
        return 0.75 if is_conv else 1.0

    def _default_network(self, rng):
        sizes = self._network_sizes()
        if self.network == "conv":
            return ConvNetwork(**sizes, generator=rng)
        n_channels, n_outputs, _ = sizes.values()
        encoder = UNet(n_channels, n_outputs, self.n_channels, self.n_levels, rng)
        return GuessNetwork(
            encoder,
            self._oracle(),
            self.local_term,
            self.n_global_units,
            apart=self.guess_loss_weight > 0,
            generator=rng,
        )

    def _objective(self, examples):
        oracle = self._oracle()
        rows = torch.arange(min(A_FEW_ROWS, len(examples)))
        drawn = examples.draw(rows, torch.Generator().manual_seed(0))
        check_oracle(oracle, drawn.y)
        settings = TupleSettings(
            oracle,
            self._ascent(),
            n_iterates=self.n_iterates,
            tau=self.tau,
            n_samples=self.n_samples,
        )
        return Objective(
            self._mixture(),
            settings,
            self.loss,
            self.replay_size,
            guess_weight=self.guess_loss_weight * self._has_guess,
            gradient_weight=self.gradient_loss_weight,
            gradient_loss=self.gradient_loss,
        )

    def _crops_in_training(self):
        return self.crops_per_image, self.crop_visits

    def _asides(self, n_rows, n_networks):
        """One fold per network, whose images its guess does not learn from."""
        if n_networks == 1 or not (self._has_guess and self.guess_loss_weight):
            return ()
        rng = check_random_state(self.random_state)
        order = torch.from_numpy(rng.permutation(n_rows))
        size = max(1, round(self.validation_fraction * n_rows))
        return tuple(
            order.roll(-k * size)[:size].sort().values for k in range(n_networks)
        )

    # -- inference ---------------------------------------------------------------

    def _starts_at_mean(self):
        automatic = isinstance(self.init, str) and self.init == "auto"
        return super()._starts_at_mean() or (automatic and not self._has_guess)

    def _ascent(self):
        projection = self.projection
        if projection == "auto":
            projection = "box" if self._targets.n_outputs_ == 1 else "simplex"
        return Ascent(
            projection=projection,
            n_steps=self.n_steps,
            step_size=self.step_size,
            step_rule=self.step_rule,
            step_decay=self.step_decay,
            momentum=self.inference_momentum,
            noise=self.inference_noise,
        )

    def _infer_views(self, views, queries):
        if self.aggregation == "joint" or views.is_whole:
            return super()._infer_views(views, queries)
        crops, how = self._crops_apart(views, queries), self._how(1)
        return views.average(infer(self.network_, self._ascent(), crops, **how))

    def _stages_of_views(self, views, queries):
        if self.aggregation == "joint" or views.is_whole:
            return super()._stages_of_views(views, queries)
        crops, how = self._crops_apart(views, queries), self._how(1)
        return map(views.average, stages(self.network_, self._ascent(), crops, **how))

    def _crops_apart(self, views, queries):
        """Each crop as a query of its own, for averages of masks."""
        parts = (
            None if part is None else CroppedRows(part, len(queries), views)
            for part in (queries.x, queries.y_init)
        )
        return Queries(*parts)

    def staged_predict(self, X: ArrayLike) -> Iterator[Maps]:
        """Predict masks after each step of the ascent.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Yields
        ------
        Y : ndarray of shape (n, height, width), or list of arrays
            As `predict` returns after so many steps.
        """
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield _in_form_of(X, map(self._targets.decode, relaxed))

    def staged_predict_proba(self, X: ArrayLike) -> Iterator[Maps]:
        """Predict relaxed masks after each step of the ascent.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Yields
        ------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            As `predict_proba` returns after so many steps.
        """
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield _in_form_of(X, map(self._targets.probabilities, relaxed))

    def refine(self, X: ArrayLike, Y_init: ArrayLike) -> Maps:
        """Improve the masks of another model: the ascent starts there.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y_init : array-like of shape (n, height, width), or list of arrays
            Masks to start from: classes, or floats in [0, 1] that say how much a
            pixel is foreground; with more than two classes how much it is of each,
            shape (n, n_classes, height, width).

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        images = self._checked(X)
        starts = self._targets.relaxed(Y_init, "Y_init")
        check_same_sizes(images, starts, "Y_init")
        return _in_form_of(X, map(self._targets.decode, self._relaxed(images, starts)))

    def predict_value(self, X: ArrayLike, Y: ArrayLike | None = None) -> NDArray[Any]:
        """Predict how good a mask is, without knowing the truth.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y : array-like of shape (n, height, width), or list of arrays, default=None
            Masks to judge: classes, or floats in [0, 1] as for `refine`. None judges
            what `predict` returns.

        Returns
        -------
        values : ndarray of shape (n,)
            The network's estimate of the oracle value, in [0, 1]; over several crops
            the sigmoid of their mean score.
        """
        images = self._checked(X)
        if Y is None:
            relaxed = self._relaxed(images, self._starts_of(X))
            masks = [self._targets.round(y) for y in relaxed]
        else:
            masks = self._targets.relaxed(Y)
        return self._values_of(images, [masks])[0]
