"""A classifier trained label by label: a guess, or what a user would pick instead."""

from __future__ import annotations

from numbers import Integral

from sklearn.utils._param_validation import StrOptions

from .._moved import with_moved_names
from ..data.typing import ArrayLike, MatrixLike, Self
from ..inference import GradientAscent
from ..networks import ACTIVATIONS
from .base import execution_for
from .callbacks import with_callbacks
from .components import AUTO, above, at_least
from .label_codec import LabelCodec, check_positives
from .label_networks import feed_forward
from .label_plan import plan_for_feed_forward
from .label_rows import read_rows
from .label_splits import Splitter
from .labeler import LabelEstimator
from .parameters import TRAINING_CONSTRAINTS, check_pair, with_checked_parameters
from .solvers import SGD, Adam
from .threads import on_one_thread


class FeedForwardClassifier(LabelEstimator):
    """The local part of the label network alone, trained by cross-entropy per label.

    The feed-forward network that the paper's Table 1 compares with, as the encoder and
    hidden layers of `DVNMultiLabelClassifier` would be trained without a value. Labels
    are predicted where their probability is at least 1/2; for other rules wrap it into
    `ThresholdClassifier` or `PlugInClassifier`.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(300,)
        Widths of the hidden layers. A network may have up to a billion weights.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers.
    encoder : torch.nn.Module or callable, default=None
        What inputs go through before the above; see `DVNMultiLabelClassifier`.
    standardize : bool, default=True
        Whether inputs are standardised and clipped to [-3, 5].
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate, positive, at most a million; "auto" is 0.6 for SGD and
        1e-3 for Adam.
    alpha : float or "auto", default="auto"
        Weight decay, from 0 to a million; "auto" falls with the number of rows.
    max_iter : int or "auto", default="auto"
        Epochs; "auto" is as many as make 750 mini-batches with up to 2,500 rows, and
        16 with more.
    solver, batch_size, early_stopping, validation_fraction, prediction_batch_size, \
warm_start, checkpoint_dir, n_jobs, device, random_state, verbose
        As for `DVNMultiLabelClassifier`.
    n_networks : int, default=1
        Networks whose logits are averaged, at most 1,000.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained network.
    classes_, n_features_in_, feature_names_in_, codec_, device_, history_, \
n_iter_, validation_score_, learning_rate_init_, alpha_, scaler_
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
        **TRAINING_CONSTRAINTS,
        "hidden_layer_sizes": ["array-like", at_least(1, Integral)],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "encoder": [callable, None],
        "standardize": ["boolean"],
        "solver": [StrOptions({"sgd", "adam"}), SGD, Adam],
        "learning_rate_init": [above(0), AUTO],
        "alpha": [at_least(0), AUTO],
        "batch_size": [at_least(1, Integral), AUTO],
        "max_iter": [at_least(1, Integral), AUTO],
    }

    @with_moved_names
    def __init__(
        self,
        hidden_layer_sizes=(300,),
        activation="softplus",
        *,
        encoder=None,
        standardize=True,
        solver="sgd",
        learning_rate_init="auto",
        alpha="auto",
        batch_size="auto",
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
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
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_checked_parameters
    @with_callbacks
    @on_one_thread
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: MatrixLike | None = None,
    ) -> Self:
        """Fit to examples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, as for `DVNMultiLabelClassifier.fit`.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels, or classes of shape (n_samples,).
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the examples.
        X_val, y_val : array-like, default=None
            What `early_stopping` looks at. Without them a part of X is held out.

        Returns
        -------
        self : FeedForwardClassifier
            The fitted estimator. After an error it is what it was before.
        """
        check_pair(X_val, y_val)
        execution = execution_for(self, X, y, sample_weight, X_val, y_val)
        draft = self._draft()
        rows, codec = read_rows(draft, X, y, sample_weight, reset=True), LabelCodec()
        data = codec.fit_transform(rows, draft, guesses=True)
        check_positives(data.Y)
        self._check_continuity(draft, codec)
        draft._settle(codec)
        splits = Splitter(draft, codec, data).splits(
            X_val, y_val, self.early_stopping, refits=True
        )
        examples = codec.examples(data)
        plan = plan_for_feed_forward(
            draft, codec, examples, splits, draft._fresh_network
        )
        trained = self._train(plan, examples, execution, X=X, y=y)
        draft._keep(trained)
        return self._become(draft, plan, trained, execution)

    def _settle(self, codec):
        super()._settle(codec)
        self.scaler_ = codec.scaler

    def _keep(self, trained):
        super()._keep(trained)
        self.learning_rate_init_ = trained.optimization.learning_rate_init
        self.alpha_ = trained.optimization.alpha

    def _fresh_network(self, rng):
        """A network as the parameters make it."""
        return feed_forward(self, self.codec_, self.activation, 0, rng)

    def _ascent(self):
        return GradientAscent(n_steps=0)
