"""A classifier trained label by label: what a user would pick instead."""

from __future__ import annotations

from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from ._compat import with_callbacks
from ._label_parameters import LabelParametersMixin
from ._labeler import BaseLabelClassifier
from ._parameters import with_checked_parameters
from ._typing import ArrayLike, Rows, Self
from .inference import Ascent
from .networks import ACTIVATIONS
from .training import Objective
from .tuples import TupleSettings

SHARED_PARAMETERS = (
    *("solver", "learning_rate", "learning_rate_init", "alpha", "momentum"),
    *("max_grad_norm", "batch_size", "max_iter", "early_stopping"),
    *("validation_fraction", "n_iter_no_change", "tol", "n_networks"),
    *("prediction_batch_size", "warm_start", "checkpoint_dir", "n_jobs", "device"),
    *("random_state", "verbose"),
)


class FeedForwardClassifier(BaseLabelClassifier):
    """The local part of the label network alone, trained by cross-entropy per label.

    The feed-forward network that the paper's Table 1 compares with, as the encoder and
    hidden layers of `DVNMultiLabelClassifier` would be trained without a value. Labels
    are predicted where their probability is at least 1/2; for other rules wrap it into
    `ThresholdClassifier` or `PlugInClassifier`.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(300,)
        Widths of the hidden layers.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers.
    encoder : torch.nn.Module or callable, default=None
        What inputs go through before the above; see `DVNMultiLabelClassifier`.
    standardize : bool, default=True
        Whether inputs are standardised and clipped to [-3, 5].
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate, above 0; "auto" is 0.6 for SGD and 1e-3 for Adam.
    alpha : float or "auto", default="auto"
        Weight decay, from 0 on; "auto" falls with the number of rows.
    max_iter : int or "auto", default="auto"
        Epochs; "auto" is as many as make 750 mini-batches with up to 2,500 rows, and
        16 with more.
    solver, learning_rate, momentum, max_grad_norm, batch_size, early_stopping, \
validation_fraction, n_iter_no_change, tol, prediction_batch_size, warm_start, \
checkpoint_dir, n_jobs, device, random_state, verbose
        As for `DVNMultiLabelClassifier`.
    n_networks : int, default=1
        Networks whose logits are averaged.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    classes_, n_features_in_, feature_names_in_, device_, history_, n_iter_, \
validation_score_, learning_rate_init_, alpha_, scaler_
        As for `DVNMultiLabelClassifier`.

    See Also
    --------
    skdvn.DVNMultiLabelClassifier : The Deep Value Network.
    sklearn.neural_network.MLPClassifier : Without encoder and PyTorch.

    Examples
    --------
    >>> from skdvn.baselines import FeedForwardClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> clf = FeedForwardClassifier(max_iter=10, random_state=0).fit(X[:500], Y[:500])
    >>> clf.score(X[1000:], Y[1000:]) > 0.8
    True
    """

    _parameter_constraints = {
        **{
            name: LabelParametersMixin._parameter_constraints[name]
            for name in SHARED_PARAMETERS
        },
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "encoder": [callable, None],
        "standardize": ["boolean"],
    }

    # What the skeleton asks for and this estimator leaves no choice about.
    network = None
    local_term = "linear"
    n_global_units = 0
    oracle = "f1"
    guess_loss_weight = 1.0
    init = "guess"
    n_steps = 0
    prior_weight = 0.0
    min_labels = 0
    inference_noise = 0.0
    inference_lag = 0
    refit = True

    def __init__(
        self,
        hidden_layer_sizes=(300,),
        activation="softplus",
        *,
        encoder=None,
        standardize=True,
        solver="sgd",
        learning_rate="cosine",
        learning_rate_init="auto",
        alpha="auto",
        momentum=0.9,
        max_grad_norm=1.0,
        batch_size="auto",
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        n_iter_no_change=5,
        tol=1e-4,
        n_networks=1,
        prediction_batch_size=512,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.encoder = encoder
        self.standardize = standardize
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.momentum = momentum
        self.max_grad_norm = max_grad_norm
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
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_checked_parameters
    @with_callbacks
    def fit(
        self,
        X: Rows,
        y: Rows,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Rows | None = None,
        y_val: Rows | None = None,
    ) -> Self:
        """Fit to examples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, as for `DVNMultiLabelClassifier.fit`.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels, or classes of shape (n_samples,).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples, from 0 on.
        X_val, y_val : array-like, default=None
            What `early_stopping` looks at. Without them a part of X is held out.

        Returns
        -------
        self : FeedForwardClassifier
            The fitted estimator. After an error it is what it was before.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    def _ascent(self):
        return Ascent(n_steps=0)

    def _training_ascent(self):
        return self._ascent()

    def _candidate_ascents(self, has_prior):
        return (self._ascent(),)

    def _settle_steps(self, examples):
        """There are no steps."""

    def _objective(self, examples):
        settings = TupleSettings(self._oracle(), self._ascent())
        return Objective(None, settings, guess_weight=self.guess_loss_weight)

    def _finish(self, data):
        """There is no prior."""

    def _has_choice(self, n_rows):
        return self.early_stopping

    def _optimizations(self, n_rows):
        """The candidate that trains the longest."""
        candidates = super()._optimizations(n_rows)
        return (max(candidates, key=lambda one: one.n_epochs),)

    def _store_choice(self, optimization, ascent, score):
        self.validation_score_ = score
        self.learning_rate_init_ = optimization.learning_rate_init
        self.alpha_ = optimization.alpha
