"""The segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._moved import with_moved_names
from ..data import check_same_sizes, in_form_of
from ..data.typing import ArrayLike, Maps, NDArray, Self
from ..inference import refined
from ..networks import members
from .base import execution_for
from .callbacks import with_callbacks
from .components import AUTO, CHANNELS, MaskNet, above, at_least
from .mask_networks import (
    NETWORKS,
    mask_builder,
    mask_geometry,
    new_mask_network,
)
from .mask_plan import (
    lag_of,
    mask_ascent,
    mask_objective,
    mask_optimization,
    mask_splits,
    mask_start,
    plan_for_masks,
)
from .parameters import (
    VALUE_CONSTRAINTS,
    check_pair,
    with_checked_parameters,
)
from .segmenter import SEGMENTER_CONSTRAINTS, BaseSegmenter


class DVNSegmenter(BaseSegmenter):
    """Deep Value Network for segmentation, into two classes or more.

    A value network v(x, y) is trained to predict the value, by default the relaxed
    intersection over union, of any mask y for an image x; prediction climbs it by
    projected gradient ascent on y (Gygli et al., 2017). By default a U-Net guesses the
    mask, and the value is what the oracle can be expected to be under that guess. With
    more than two classes y has one channel for each, which add up to 1 at every pixel.

    Parameters
    ----------
    network : {"unet", "conv"}, MaskNet, torch.nn.Module or callable, default="unet"
        "unet" is a small U-Net that guesses the mask, trained pixel by pixel, with the
        expected oracle under its guess as the value (beyond the paper, see
        `skdvn.networks.GuessNetwork`); `skdvn.MaskNet` sets its depth. Any module that
        maps images (n, n_channels, height, width) to logits (n, n_outputs, height,
        width), or those of half or a quarter of height and width, takes the U-Net's
        place: it is copied with its weights, or made by a function
        ``network(n_channels, n_outputs, crop_size)``. "conv" is the network of the
        paper (figure 2), which sees image and mask side by side. A value network of
        your own is a module with the methods ``encode(x) -> context`` and
        ``score(context, y) -> logits``. Images are standardised; ``n_outputs`` is 1
        with two classes.
    n_channels : int or "auto", default="auto"
        Channels of the finest level of "unet", from 1 to 1,024; "auto" is 32, and 16
        for images of more than 96 pixels.
    image_size : int, "auto" or None, default="auto"
        Images whose longer side has more pixels than this are scaled down to it,
        keeping their proportions. The guess is scaled back up, and masks are sought at
        the size of the image, of three classes and more at some cost; where images are
        seen by crops the masks are scaled back up. "auto" is 128 if most training
        images are larger than that, else None, which leaves images as they are.
    ignore_label : int or str, default=None
        What masks hold where the truth is not known. Such pixels count in no loss and
        no score, and are never predicted.
    crops : int, "auto" or Crops, default="auto"
        Side of the square crops that the network sees, up to 2,048. With "auto"
        networks see whole images, except "conv", whose crops have three quarters of the
        typical shorter side, and value networks of your own, whose crops have all of
        it. `skdvn.Crops` has more settings: how many crops are predicted, whether
        jointly, how many are trained on, and in how many views whole images are
        predicted.
    augmentation : float, Augmentation or callable, default=1.0
        Strength of the random rotation, scaling, shift and colour changes of the
        training images, from 0 to 3; 0 turns them off. `skdvn.Augmentation` also sets
        which mirror images are trained on. A function ``augmentation(image, mask,
        random_state) -> (image, mask)`` of arrays (height, width, n_channels) and
        (height, width) takes the place of all this.
    oracle : {"auto", "iou", "f1", "dice", "accuracy", "mean_iou", "f0.5", "f2"} or \
callable, default="auto"
        The metric to learn and to climb (eqs. 6-10). "auto" is the IOU of the
        foreground with two classes, and the accuracy with more, which is the share of
        pixels that are right. "mean_iou" is the mean over all classes; of more than
        two classes "iou", "f1", "f0.5" and "f2" count the pixels of all together.
        "dice" is another name for "f1". A callable ``oracle(y, y_true)`` takes tensors
        of shape (n, n_outputs, height, width) with entries in [0, 1], where
        ``n_outputs`` is 1 with two classes, and returns n values in [0, 1]. On top of a
        guess it must be differentiable in y and accept relaxed truths, unless the
        `MaskNet` is linear.
    loss : {"cross_entropy", "squared", "hinge"} or Loss, default="cross_entropy"
        Discrepancy of value and oracle value: eq. 11, the squared error, or the
        structured hinge. `skdvn.Loss` weights it against the loss of the network's own
        guess, and can match the gradients of value and oracle.
    tuples : dict or Mixture, default=None
        Where the masks to train on come from (section 3.3): names of generators with
        their shares. Names are "ground_truth", "inference" (iterates of the ascent),
        "stratified" (samples near the truth, see `tau`), "adversarial" (masks that
        ascend the loss), "one_step" (one step from the truth or the start),
        "loss_augmented" (masks of a high score that are far from the truth), "chain"
        (one step further than at the last visit of the same crop, see `skdvn.Crops`)
        and "replay" (earlier masks). A callable that takes a `skdvn.training.Batch`
        and returns a list of masks is allowed in place of a name. With None a value
        that is expected under a guess learns from no tuples, since the guess is all
        there is to learn; other networks learn from
        ``{"ground_truth": 0.2, "stratified": 0.4, "inference": 0.4}``. `skdvn.Mixture`
        says more: how tuples are mixed, how many samples and iterates there are.
    tau : float, default=1.0
        Temperature of the stratified samples, ``p(y) ~ exp(v*(y, y_true) / tau)``,
        which differ from the truth by patches. 0 gives the truth, a million is the
        largest allowed; the paper used 0.05.
    init : {"auto", "guess", "mean", "zeros"}, float or segmenter, default="auto"
        Where inference starts: the network's own guess, the mean training mask, a
        constant in [0, 1], or the masks of another segmenter, which is cloned and
        fitted inside `fit`; those of the training images are predicted out of fold.
        "auto" is the guess where there is one, else the mean mask.
    ascent : Ascent, default=None
        More about the steps: their direction, decay, momentum, noise and projection,
        see `skdvn.Ascent`. None means ``Ascent()``.
    step_size : float, default=0.5
        Size of the first step of the ascent, positive, at most a million (eta in
        eq. 8).
    n_steps : int, default=10
        Number of steps, at most 10,000; 0 predicts the start.
    solver : {"adamw", "adam", "sgd"}, AdamW, Adam or SGD, default="adamw"
        Adam with decoupled weight decay, Adam, or SGD with momentum; `skdvn.AdamW`,
        `skdvn.Adam` and `skdvn.SGD` set schedule, clipping and averaging.
    learning_rate_init : float, default=2e-3
        Initial learning rate, positive, at most a million.
    alpha : float, default=0.01
        Weight decay, from 0 to a million.
    batch_size : int, default=20
        Crops per mini-batch; more than there are means all of them.
    max_iter : int or "auto", default="auto"
        Epochs. "auto" is as many as make 2,000 mini-batches, or 1,100 where images are
        larger than 48 pixels.
    early_stopping : bool or EarlyStopping, default=False
        Whether to score held-out images after each epoch, to stop when they no longer
        improve, and to go back to the best weights; `skdvn.EarlyStopping` sets the
        patience.
    validation_fraction : float, default=0.2
        Share of the images that `early_stopping` holds out, in (0, 1).
    n_networks : int, default=1
        Networks that predict jointly, at most 1,000.
    prediction_batch_size : int, default=256
        Images of the size trained on that are predicted together; of larger images,
        and of crops, as many as have the same number of pixels. Lower it if memory is
        short.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit.
    checkpoint_dir : str or path-like, default=None
        A folder for safety copies of a long `fit`, one after each epoch but not more
        than one a second. If `fit` is killed, the next one with the same parameters,
        data and versions, in this process or another, goes on from there and ends with
        the same weights; copies of a complete fit are deleted. Needs an int as
        `random_state`. Several estimators, as those of a grid search, can share a
        folder. `partial_fit` makes no copies. Where none can be written, a warning
        says so and the fit goes on.
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
        Controls initial weights, crops, mini-batches and samples. Pass an int for the
        same result at each call.
    verbose : bool or int, default=False
        Whether to print each epoch. With scikit-learn 1.9 or newer you can also use
        its callbacks, as in ``clf.set_callbacks(ProgressBar())``.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained value network; several are one for joint inference.
    codec_ : ImageCodec
        What turns images into examples for the network, and outputs back into masks.
    classes_ : ndarray of shape (n_classes,)
        The classes in sorted order; of two, background and foreground.
    n_channels_in_ : int
        Channels of the images seen in `fit`.
    crop_size_ : int
        Side of the squares that were trained on.
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
    >>> X, Y = make_silhouettes(100, size=16, random_state=0)
    >>> clf = DVNSegmenter(n_channels=8, max_iter=20, random_state=0)
    >>> clf.fit(X[:80], Y[:80]).predict(X[80:]).shape
    (20, 16, 16)
    >>> clf.score(X[80:], Y[80:]) > 0.5
    True
    """

    _parameter_constraints = {
        **SEGMENTER_CONSTRAINTS,
        **VALUE_CONSTRAINTS,
        "network": [
            StrOptions(NETWORKS),
            MaskNet,
            HasMethods(["forward"]),
            callable,
        ],
        "n_channels": [CHANNELS, AUTO],
        "init": [
            StrOptions({"auto", "guess", "mean", "zeros"}),
            Interval(Real, 0, 1, closed="both"),
            HasMethods(["fit", "predict"]),
        ],
        "step_size": [above(0)],
        "n_steps": [at_least(0, Integral, 10_000)],
    }

    @with_moved_names
    def __init__(
        self,
        network="unet",
        *,
        n_channels="auto",
        image_size="auto",
        ignore_label=None,
        crops="auto",
        augmentation=1.0,
        oracle="auto",
        loss="cross_entropy",
        tuples=None,
        tau=1.0,
        init="auto",
        ascent=None,
        step_size=0.5,
        n_steps=10,
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
        self.network = network
        self.n_channels = n_channels
        self.image_size = image_size
        self.ignore_label = ignore_label
        self.crops = crops
        self.augmentation = augmentation
        self.oracle = oracle
        self.loss = loss
        self.tuples = tuples
        self.tau = tau
        self.init = init
        self.ascent = ascent
        self.step_size = step_size
        self.n_steps = n_steps
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
list of arrays, or sequence of arrays or of paths
            Images, finite numbers, channels last. Those of a list may differ in size.
            Image files, and items of a sequence that is no list or array, are read
            whenever they are needed, so that they are never all in memory, unless
            `early_stopping` holds some out.
        y : array-like of shape (n, height, width), list of arrays, or sequence of \
arrays or of paths
            Masks of classes, integers or strings; of two, the first in sorted order
            is the background.
        sample_weight : array-like of shape (n,), default=None
            Non-negative weights of the images in the losses. Those of weight 0 are not
            even looked at.
        X_val, y_val : array-like or list of arrays, default=None
            What `early_stopping` looks at. Without them a part of X is held out.
            Classes that y lacks count as wrong, whatever is predicted.

        Returns
        -------
        self : DVNSegmenter
            The fitted estimator. After an error it is what it was before.
        """
        check_pair(X_val, y_val)
        execution = execution_for(self, X, y, sample_weight, X_val, y_val)
        draft, codec = self._draft(), self._new_codec()
        data = codec.read(X, y, sample_weight, draft, self._geometry)
        network = new_mask_network(draft, codec, torch.Generator().manual_seed(0))
        start = mask_start(draft, codec, network)
        data = codec.fit_start(start, data, X, y, self.random_state)
        splits = mask_splits(draft, codec, data, X_val, y_val)
        examples = self._examples(codec, data)
        plan = plan_for_masks(draft, codec, examples, splits, network)
        trained = self._train(plan, examples, execution, X=X, y=y)
        draft._settle(codec)
        draft._keep(trained)
        return self._become(draft, plan, trained, execution)

    def _geometry(self, codec, size):
        return mask_geometry(self, codec, size)

    def _fresh_network(self, rng):
        """A network as the parameters make it."""
        return new_mask_network(self, self.codec_, rng)

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
            Images. Channels are standardised, and "auto" crops chosen, by the first
            call.
        y : array-like of shape (n, height, width), or list of arrays
            Masks.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call if y lacks one.
        sample_weight : array-like of shape (n,), default=None
            Non-negative weights of the images, as for `fit`.

        Returns
        -------
        self : DVNSegmenter
        """
        draft, build = self._draft(), None
        if hasattr(self, "network_"):
            codec = self.codec_
            data = codec.read_more(X, y, sample_weight)
            network = members(self.network_)[0]
        else:
            codec = self._new_codec()
            data = codec.read(X, y, sample_weight, draft, self._geometry, classes)
            network = new_mask_network(draft, codec, torch.Generator().manual_seed(0))
            start = mask_start(draft, codec, network)
            data = codec.fit_start(start, data, X, y, self.random_state)
        examples = self._examples(codec, data)
        objective = mask_objective(draft, codec, examples, network)
        how = mask_optimization(draft, codec, len(examples), lag_of(draft))
        if not hasattr(self, "network_"):
            draft._settle(codec)
            draft.validation_score_ = float("nan")
            build = mask_builder(draft, codec, draft._fresh_network, examples)
        draft._train_part(build, examples, objective, replace(how, schedule="constant"))
        return self._adopt(draft)

    # -- inference ---------------------------------------------------------------

    def _ascent(self):
        return mask_ascent(self, self.codec_.targets.n_outputs_)

    def _relaxed_stages(self, X):
        """Relaxed masks of all images at the start and after each step."""
        return self._predictor().stages(self._checked(X), self.codec_.starts_of(X))

    def _values_of_stages(self, X, stages):
        """What the network thinks of masks at each stage, (n_stages, n_samples)."""
        return self._predictor().values(self._checked(X), stages)

    def _round(self, relaxed):
        """Relaxed masks as `predict` decides them, 0 and 1."""
        return [self.codec_.targets.round(mask) for mask in relaxed]

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
            yield in_form_of(X, map(self.codec_.targets.decode, relaxed))

    def predict_relaxed(self, X: ArrayLike) -> Maps:
        """Predict relaxed masks: where the ascent ends, before they are rounded.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Returns
        -------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            Entries in (0, 1), which add up to 1 over the classes.
        """
        check_is_fitted(self)
        return in_form_of(X, map(self.codec_.targets.probabilities, self._relaxed(X)))

    def staged_predict_relaxed(self, X: ArrayLike) -> Iterator[Maps]:
        """Predict relaxed masks after each step of the ascent.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.

        Yields
        ------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            As `predict_relaxed` returns after so many steps.
        """
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield in_form_of(X, map(self.codec_.targets.probabilities, relaxed))

    def refine(self, X: ArrayLike, Y_init: ArrayLike) -> Maps:
        """Improve the masks of another model: the ascent starts there.

        It begins anew where it ends, with steps as large as at first, as long as the
        value rises.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y_init : array-like of shape (n, height, width), or list of arrays
            Masks to start from: classes, or numbers in [0, 1] that say how much a pixel
            is of each class, (n, n_classes, height, width), as `predict_proba` and
            `predict_relaxed` return them; with two classes also how much it is
            foreground, (n, height, width).

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        images = self._checked(X)
        starts = self.codec_.targets.relaxed(Y_init, "Y_init")
        check_same_sizes(images, starts, "Y_init")
        found = self._predictor().relaxed(images, starts, refined)
        return in_form_of(X, map(self.codec_.targets.decode, found))

    def predict_value(self, X: ArrayLike, Y: ArrayLike | None = None) -> NDArray[Any]:
        """Predict how good a mask is, without knowing the truth.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y : array-like of shape (n, height, width), or list of arrays, default=None
            Masks to judge: classes, or numbers in [0, 1] as for `refine`. None judges
            what `predict` returns.

        Returns
        -------
        values : ndarray of shape (n,)
            The network's estimate of the oracle value, in [0, 1]; over several crops
            or networks the sigmoid of their mean score.
        """
        images, targets = self._checked(X), self.codec_.targets
        if Y is None:
            masks = [targets.round(y) for y in self._relaxed(X)]
        else:
            masks = targets.relaxed(Y)
        return self._predictor().values(images, [masks])[0]
