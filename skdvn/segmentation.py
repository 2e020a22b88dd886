"""The segmenter."""

from numbers import Integral, Real

import torch
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._compat import with_callbacks
from ._parameters import A_FEW_ROWS, ParametersMixin, above, at_least
from ._segmenter import BaseSegmenter, _in_form_of
from .crops import CroppedRows
from .data import Queries
from .inference import Ascent, infer, stages
from .masks import check_same_sizes
from .networks import ConvNetwork, GuessNetwork, UNet
from .oracles import check_oracle, get_oracle
from .training import Objective
from .tuples import TupleSettings

DEFAULT_TUPLES = {"stratified": 0.5, "inference": 0.5}
NETWORKS = {"unet", "conv"}


class DVNSegmenter(BaseSegmenter):
    """DOC"""

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
        "network": [StrOptions(NETWORKS), HasMethods(["encode", "score"]), callable],
        "n_channels": [at_least(1, Integral)],
        "n_levels": [at_least(1, Integral)],
        "local_term": [StrOptions({"oracle", "linear"})],
        "n_global_units": [at_least(0, Integral)],
        "aggregation": [StrOptions({"joint", "average"})],
        "gradient_loss_weight": [at_least(0)],
        "guess_loss_weight": [at_least(0)],
        "init": [
            StrOptions({"auto", "guess", "zeros"}),
            Interval(Real, 0, 1, closed="both"),
            HasMethods(["fit", "predict"]),
        ],
        "step_size": [above(0)],
        "step_decay": [Interval(Real, 0, 1, closed="right")],
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
        flip_crops=False,
        flips="horizontal",
        augmentation=1.0,
        oracle="iou",
        loss="cross_entropy",
        gradient_loss_weight=0.0,
        guess_loss_weight=1.0,
        tuples=None,
        tuple_mixing="all",
        n_iterates=2,
        tau=0.05,
        replay_size=8,
        init="auto",
        step_size=0.2,
        step_decay=0.1,
        n_steps=20,
        step_rule="rms",
        inference_momentum=0.0,
        inference_noise=0.0,
        solver="adamw",
        learning_rate="cosine",
        learning_rate_init=2e-3,
        alpha=1e-2,
        momentum=0.9,
        max_grad_norm=1.0,
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
        precision="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ):
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
        self.oracle = oracle
        self.loss = loss
        self.gradient_loss_weight = gradient_loss_weight
        self.guess_loss_weight = guess_loss_weight
        self.tuples = tuples
        self.tuple_mixing = tuple_mixing
        self.n_iterates = n_iterates
        self.tau = tau
        self.replay_size = replay_size
        self.init = init
        self.step_size = step_size
        self.step_decay = step_decay
        self.n_steps = n_steps
        self.step_rule = step_rule
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
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- fit ---------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    @with_callbacks
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Fit to images and their masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, finite numbers. Those of a list may differ in size. None may be
            smaller than the crop.
        y : array-like of shape (n, height, width), or list of arrays
            Masks of two classes, integers or strings; the first in sorted order is
            the background.
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

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on these images, at a constant learning rate.

        Parameters
        ----------
        X : array-like or list of arrays
            Images. Channels are standardised, and "auto" crops chosen, by the first
            call.
        y : array-like of shape (n, height, width), or list of arrays
            Masks.
        classes : array-like of shape (2,), default=None
            Background and foreground; needed in the first call if y lacks one.
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
            get_oracle(self.oracle),
            self.local_term,
            self.n_global_units,
            rng,
        )

    def _objective(self, examples):
        oracle = get_oracle(self.oracle)
        rows = torch.arange(min(A_FEW_ROWS, len(examples)))
        drawn = examples.draw(rows, torch.Generator().manual_seed(0))
        check_oracle(oracle, drawn.y)
        settings = TupleSettings(
            oracle, self._ascent(), n_iterates=self.n_iterates, tau=self.tau
        )
        return Objective(
            self._mixture(),
            settings,
            self.loss,
            self.replay_size,
            guess_weight=self.guess_loss_weight * self._has_guess,
            gradient_weight=self.gradient_loss_weight,
        )

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

    def _constant_start(self, height, width, n):
        init = self.init
        if isinstance(init, str) and init == "auto" and not self._has_guess:
            init = 0.0
        return super()._constant_start(height, width, n)

    def _ascent(self):
        return Ascent(
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

    def staged_predict(self, X):
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
        for relaxed in self._relaxed_stages(self._checked(X)):
            yield _in_form_of(X, map(self._targets.decode, relaxed))

    def staged_predict_proba(self, X):
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
        for relaxed in self._relaxed_stages(self._checked(X)):
            yield _in_form_of(X, map(self._targets.probabilities, relaxed))

    def refine(self, X, Y_init):
        """Improve the masks of another model: the ascent starts there.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y_init : array-like of shape (n, height, width), or list of arrays
            Masks to start from: classes, or floats in [0, 1] that say how much a
            pixel is foreground.

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        images = self._checked(X)
        starts = self._targets.relaxed(Y_init, "Y_init")
        check_same_sizes(images, starts, "Y_init")
        return _in_form_of(X, map(self._targets.decode, self._relaxed(images, starts)))

    def predict_value(self, X, Y=None):
        """Predict how good a mask is, without knowing the truth.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        Y : array-like of shape (n, height, width), or list of arrays, default=None
            Masks to judge: classes, or floats in [0, 1]. None judges what `predict`
            returns.

        Returns
        -------
        values : ndarray of shape (n,)
            The network's estimate of the oracle value, in [0, 1]; over several crops
            the sigmoid of their mean score.
        """
        images = self._checked(X)
        if Y is None:
            masks = [self._targets.round(y) for y in self._relaxed(images)]
        else:
            masks = self._targets.relaxed(Y)
        return self._values_of(images, masks)
