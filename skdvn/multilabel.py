"""The multi-label estimator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._compat import with_callbacks
from ._label_data import LabelData, checked_weight
from ._label_parameters import LabelParametersMixin
from ._labeler import BaseLabelClassifier
from ._parameters import with_checked_parameters
from ._typing import ArrayLike, Labels, NDArray, Rows, Self
from .networks import ACTIVATIONS
from .targets import LabelTargets


class DVNMultiLabelClassifier(BaseLabelClassifier):
    """Deep Value Network for multi-label classification.

    A value network v(x, y) is trained to predict the value, by default the relaxed
    F1 score, of any labels y for an input x; prediction climbs it by projected
    gradient ascent on y (Gygli et al., 2017). The network is that of section 5.1.

    Parameters that are "auto" are chosen on held-out rows during `fit`. With up to
    2,500 rows these are the folds of a cross-validation, whose networks predict
    jointly afterwards; with more rows it is one part of them, and the final network
    is trained anew on all rows. With fewer than 100 rows nothing is held out and
    "auto" means a fixed setting.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(300,)
        Widths of the hidden layers of the local part, which sees x. More pay with
        many rows.
    n_global_units : int or array-like of int, default=16
        Widths of the hidden layers of the global part, which sees only y and learns
        which labels go together. 0 or ``()`` leaves it out.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers. Smooth ones suit gradients in y.
    local_term : {"linear", "oracle"}, default="linear"
        What the local part computes: coefficients of y, as in the paper, or a guess of
        the labels, learnt label by label, against which the value is shaped like the
        oracle (beyond the paper, see `skdvn.networks.GuessLabelNetwork`). The latter
        suits an `encoder` that has much to learn from few rows.
    network : torch.nn.Module or callable, default=None
        A value network of your own instead of the above: a module with the methods
        ``encode(x) -> context`` and ``score(context, y) -> logits``, which is copied
        with its weights, or a function ``network(n_features, n_labels)`` that makes
        one, called for each network that is trained.
    encoder : torch.nn.Module or callable, default=None
        What inputs go through before the above, for example a convolutional network
        for images: a module that maps tensors (n, ...) to features (n, ...), which is
        copied with its weights, or a function without arguments that makes one. It
        is trained with the rest. X may then have more than two dimensions.
    standardize : bool, default=True
        Whether inputs are standardised and clipped to [-3, 5] inside the estimator.
        Sparse inputs stay sparse. Inputs of more than two dimensions get one mean and
        one scale for all entries.
    oracle : {"f1", "iou", "accuracy", "f0.5", "f2"} or callable, default="f1"
        The metric to learn and to climb (eqs. 6-10). A callable
        ``oracle(y, y_true)`` takes tensors of shape (n, n_labels) with entries in
        [0, 1] and returns n values in [0, 1]; it need not be differentiable.
    loss : {"cross_entropy", "squared", "hinge"}, default="cross_entropy"
        Discrepancy of value and oracle value: eq. 11, or the squared error. "hinge" is
        the structured hinge, by which structured prediction energy networks learn to
        rank instead, see `skdvn.recipes.SPEN`; `predict_value` is no estimate then.
    guess_loss_weight : float or "auto", default="auto"
        Weight of the cross-entropy per label, beside the value loss, of the local part
        read as a feed-forward network's logits (beyond the paper), from 0 on. "auto"
        is 1 with ``local_term="oracle"``, else 0.
    tuples : dict, default=None
        Where the outputs to train on come from (section 3.3): names of generators
        with their shares. Names are "ground_truth", "inference" (iterates of the
        ascent), "stratified" (samples near the truth, see `tau`), "adversarial"
        (outputs that ascend the loss), "one_step" (one step from the truth or the
        start, as in the authors' code), "loss_augmented" (outputs of a high score
        that are far from the truth, for the hinge) and "replay" (earlier outputs, see
        `replay_size`). A callable that takes a `skdvn.tuples.Batch` and returns a
        list of outputs is allowed in place of a name. None means
        ``{"stratified": 0.5, "inference": 0.5}``.
    tuple_mixing : {"all", "one"}, default="all"
        Whether each mini-batch trains on the tuples of all generators, weighted by
        their shares, or on those of one, drawn by share (Algorithm 1).
    n_iterates : int, default=4
        Iterates of each inference trajectory that become tuples, evenly spaced, the
        last included.
    tau : float, default=0.0
        Temperature of the stratified samples, ``p(y) ~ exp(v*(y, y_true) / tau)``.
        0 gives the truth, larger values sample further from it; the paper found 0.05
        best for masks.
    replay_size : int, default=8
        Earlier outputs kept per training row for "replay".
    init : "auto", "zeros", "guess", float, array-like of shape (n_labels,), or \
classifier, default="auto"
        Where inference starts, in [0, 1]. "guess" is what the local part says alone,
        see `guess_loss_weight`; "auto" is the guess with ``local_term="oracle"``, else
        zeros. A classifier is cloned and fitted inside
        `fit`, without weights, and inference starts at the labels it predicts times
        `init_scale`; those of the training rows are predicted out of fold, and take
        turns with zeros.
    init_scale : float, default=0.5
        See `init`; in (0, 1].
    step_size : float or "auto", default="auto"
        Size of the ascent's steps, above 0 (eta in eq. 8). "auto" trains with 0.5 and
        then chooses; where rows have more than five labels, steps are larger in
        proportion, since the gradient of the F1 score falls with their number.
    n_steps : int or "auto", default="auto"
        Number of the ascent's steps. "auto" trains with 20 and then chooses.
    prior_weight : float or "auto", default="auto"
        How much the ascent listens to a linear model of the labels, whose decision
        margins are added to the local term of the network (beyond the paper, see
        `skdvn.prior`). 0 turns it off. "auto" chooses among 0, 0.1, 0.3 and 1 where
        the oracle is known, and smaller ones in proportion where rows have more than
        five labels; with an oracle of your own there is no prior.
    step_rule : {"value", "logit", "normalized"}, default="value"
        Direction of a step: the gradient of the value (eq. 8), of its logit, or the
        latter divided by its largest absolute entry.
    inference_momentum : float, default=0.0
        Share of the last step that the next one keeps, in [0, 1).
    inference_noise : float, default=0.0
        Standard deviation of Gaussian noise in each step, from 0 on (the paper's
        future work). With noise, predictions depend on `random_state`.
    min_labels : int, default=0
        Each row is predicted at least this many labels.
    solver : {"sgd", "adam"}, default="sgd"
        SGD with momentum, or Adam. SGD has proved better for these networks.
    learning_rate : {"constant", "cosine", "step"}, default="cosine"
        Schedule of the learning rate: constant, falling to 0 along a cosine, or
        divided by 10 after 38% and 77% of the epochs.
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate, above 0.
    alpha : float or "auto", default="auto"
        Weight decay: ``alpha * W`` is added to the gradient of the weights, from 0 on.
        Raise it with few rows.
    momentum : float, default=0.9
        Momentum of SGD, in [0, 1).
    max_grad_norm : float, default=1.0
        Gradients of a larger norm are scaled down to it; above 0, infinity allowed.
    batch_size : int or "auto", default="auto"
        Rows per mini-batch; "auto" is 64 up to 2,500 rows and 128 beyond.
    max_iter : int or "auto", default="auto"
        Epochs. "auto" is 16, or more with up to 2,500 rows: as many as make 250 or,
        if that is better on the held-out rows, 750 mini-batches.
    early_stopping : bool, default=False
        Whether to score the held-out rows after each epoch, to stop when they no
        longer improve, and to go back to the best weights.
    validation_fraction : float, default=0.2
        Share of the rows that is held out, in (0, 1). With cross-validation there are
        as many folds as such shares make a whole, at least 2.
    n_iter_no_change : int, default=5
        Epochs without improvement after which `early_stopping` stops.
    tol : float, default=1e-4
        What counts as improvement.
    refit : bool or "auto", default="auto"
        Whether to hold out one part only and train anew on all rows at the end, or
        to cross-validate and keep the networks of the folds. "auto" does the former
        with more than 2,500 rows or several `n_networks`.
    n_networks : int, default=1
        Networks that are trained on all rows, from different weights, to predict
        jointly. With ``refit=False`` there is one per fold, whatever this says.
    inference_lag : int, default=0
        With more than 0, tuples are inferred in a parallel thread with the weights of
        so many mini-batches ago (section 3.3). Results do not depend on timing. Pays
        where inference is slow and a second core is idle.
    prediction_batch_size : int, default=512
        Rows that are predicted together; lower it if memory is short.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and choices of the last fit.
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
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", ...; "auto" is CUDA where available, unless the local
        part is so small, fewer than 500,000 weights without `encoder` or `network`,
        that a CPU is faster.
    random_state : int, RandomState instance or None, default=None
        Of initial weights, held-out rows, mini-batches and samples. Pass an int for
        the same result at each call. Not under its rule is what a module or classifier
        of your own draws while it is trained.
    verbose : bool or int, default=False
        Whether to print each epoch, and in the end what was chosen. With scikit-learn
        1.9 or newer you can also use its callbacks, as in
        ``clf.set_callbacks(ProgressBar())``.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained value network; several are one for joint inference.
    classes_ : ndarray of shape (n_labels, 2) or (n_classes,)
        A row ``[0, 1]`` per label, or the classes of a one-dimensional y.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.
    device_ : torch.device
        Where the network is.
    history_ : list of dict
        For each epoch of each training "training", its number, "epoch", "loss",
        "seconds", and with early stopping "validation_score". "candidate" is the
        position of its settings among those tried, and "split" that of the rows held
        out, None where none were.
    n_iter_ : int
        Epochs of the final training.
    validation_score_ : float
        Mean oracle value on the held-out rows with what was chosen on them, hence
        optimistic; nan if nothing was held out.
    step_size_, n_steps_, prior_weight_, learning_rate_init_, alpha_ : float or int
        What was chosen or given.
    prior_ : LinearPrior or None
        The linear model, if it is listened to.
    init_ : EstimatorStart or None
        Holds the fitted `init` classifier as ``init_.estimator``.
    scaler_ : StandardScaler or None
        How inputs are standardised.

    See Also
    --------
    skdvn.baselines.PlugInClassifier : What to compare with.
    sklearn.multioutput.ClassifierChain : Structured prediction without a GPU library.

    Notes
    -----
    A one-dimensional y of k classes becomes k labels of which each row has one, for
    two classes too.

    In double precision for up to 256 rows, else in single precision, where
    predictions of the same row in different company agree up to rounding.

    References
    ----------
    M. Gygli, M. Norouzi, A. Angelova. Deep Value Networks Learn to Evaluate and
    Iteratively Refine Structured Outputs. ICML 2017.

    Examples
    --------
    >>> from skdvn import DVNMultiLabelClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> clf = DVNMultiLabelClassifier(max_iter=10, refit=True, random_state=0)
    >>> clf.fit(X[:1000], Y[:1000]).predict(X[1000:]).shape
    (797, 10)
    >>> clf.score(X[1000:], Y[1000:]) > 0.8
    True
    """

    _parameter_constraints = {
        **LabelParametersMixin._parameter_constraints,
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_global_units": ["array-like", Interval(Integral, 0, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "local_term": [StrOptions({"linear", "oracle"})],
        "network": [HasMethods(["encode", "score"]), callable, None],
        "encoder": [callable, None],
        "standardize": ["boolean"],
        "init": [
            StrOptions({"auto", "zeros", "guess"}),
            Interval(Real, 0, 1, closed="both"),
            HasMethods(["fit", "predict"]),
            "array-like",
        ],
        "init_scale": [Interval(Real, 0, 1, closed="right")],
        "min_labels": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(300,),
        n_global_units=16,
        activation="softplus",
        *,
        local_term="linear",
        network=None,
        encoder=None,
        standardize=True,
        oracle="f1",
        loss="cross_entropy",
        guess_loss_weight="auto",
        tuples=None,
        tuple_mixing="all",
        n_iterates=4,
        tau=0.0,
        replay_size=8,
        init="auto",
        init_scale=0.5,
        step_size="auto",
        n_steps="auto",
        prior_weight="auto",
        step_rule="value",
        inference_momentum=0.0,
        inference_noise=0.0,
        min_labels=0,
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
        refit="auto",
        n_networks=1,
        inference_lag=0,
        prediction_batch_size=512,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_global_units = n_global_units
        self.activation = activation
        self.local_term = local_term
        self.network = network
        self.encoder = encoder
        self.standardize = standardize
        self.oracle = oracle
        self.loss = loss
        self.guess_loss_weight = guess_loss_weight
        self.tuples = tuples
        self.tuple_mixing = tuple_mixing
        self.n_iterates = n_iterates
        self.tau = tau
        self.replay_size = replay_size
        self.init = init
        self.init_scale = init_scale
        self.step_size = step_size
        self.n_steps = n_steps
        self.prior_weight = prior_weight
        self.step_rule = step_rule
        self.inference_momentum = inference_momentum
        self.inference_noise = inference_noise
        self.min_labels = min_labels
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
        self.refit = refit
        self.n_networks = n_networks
        self.inference_lag = inference_lag
        self.prediction_batch_size = prediction_batch_size
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- fit ---------------------------------------------------------------------

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
            Inputs, finite numbers. A sparse matrix stays sparse.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels, or classes of shape (n_samples,), which become one label
            each.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples in the value loss, from 0 on. A weight of 0 is as
            good as leaving the example out.
        X_val, y_val : array-like, default=None
            Examples to choose on, in the form of X and y. Without them a part of X is
            held out where something is to be chosen.

        Returns
        -------
        self : DVNMultiLabelClassifier
            The fitted estimator. After an error it is what it was before.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    @with_checked_parameters
    def partial_fit(
        self,
        X: Rows,
        y: Rows,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these examples.

        Nothing is chosen: "auto" means the first candidate. The learning rate stays
        constant; for SGD "auto" is a sixth of what `fit` starts with. Inputs are
        standardised with the statistics of the first call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels, or classes of shape (n_samples,).
        classes : array-like of shape (n_classes,), default=None
            All classes that a one-dimensional y will ever hold; needed in the first
            call if this y does not hold them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the examples, from 0 on.

        Returns
        -------
        self : DVNMultiLabelClassifier
        """
        draft = self._draft()
        first = not hasattr(self, "network_")
        X_given = X
        X, y = draft._validate(X, y, reset=first)
        weight = checked_weight(sample_weight, X)
        if first and self.prior_weight not in ("auto", 0):
            raise ValueError(
                f"prior_weight={self.prior_weight} cannot be used in partial_fit, "
                "since a prior needs all rows at once. Allowed are 0 and 'auto', which "
                "is 0 then."
            )
        if first:
            draft._targets = LabelTargets(y if classes is None else classes)
            draft.classes_ = draft._targets.classes_
            draft._settle(X, weight)
            draft.prior_ = None
            starts = draft._fit_start(X_given, y)
        else:
            starts = draft._predict_start(X_given)
        data = LabelData(X, draft._targets.encode(y), starts, weight)
        examples = draft._examples(data)
        if first:
            draft._settle_steps(examples)
        draft._learn_part(examples)
        self._adopt(draft)
        return self

    # -- inference -------------------------------------------------------------

    def staged_predict(self, X: Rows) -> Iterator[Labels]:
        """Predict labels after each step of the ascent.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Yields
        ------
        Y : ndarray or CSR matrix of shape (n_samples, n_labels), or (n_samples,)
            As `predict` returns after so many steps.
        """
        targets = self._targets_fitted()
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield targets.decode(relaxed, self.min_labels)

    def staged_predict_proba(self, X: Rows) -> Iterator[NDArray[Any]]:
        """Predict relaxed labels after each step of the ascent.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Yields
        ------
        Y : ndarray of shape (n_samples, n_labels)
            As `predict_proba` returns after so many steps.
        """
        targets = self._targets_fitted()
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield targets.probabilities(relaxed)

    def refine(self, X: Rows, Y_init: Rows) -> Labels:
        """Improve the output of another model: the ascent starts there.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        Y_init : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Outputs to start from, labels or relaxed, in [0, 1]. For a one-dimensional
            y also classes of shape (n_samples,).

        Returns
        -------
        Y : ndarray or CSR matrix of shape (n_samples, n_labels), or (n_samples,)
            Labels in the form of the y given to `fit`.
        """
        targets = self._targets_fitted()
        X, Y_init = self._checked_pair(X, targets.relaxed(Y_init, "Y_init"), "Y_init")
        queries = self._queries(X, self._outputs(Y_init))
        return targets.decode_parts(self._inferred(queries), self.min_labels)

    def predict_value(self, X: Rows, Y: Rows | None = None) -> NDArray[Any]:
        """Predict how good an output is, without knowing the truth.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        Y : {array-like, sparse matrix} of shape (n_samples, n_labels), default=None
            Outputs to judge, labels or relaxed, in [0, 1]. For a one-dimensional y
            also classes of shape (n_samples,). None judges what `predict` returns.

        Returns
        -------
        values : ndarray of shape (n_samples,)
            The network's estimate of the oracle value, in [0, 1].
        """
        targets = self._targets_fitted()
        if Y is None:
            Y = targets.encode(self.predict(X))
        X, Y = self._checked_pair(X, targets.relaxed(Y), "Y")
        return self._values(self._inputs(X), [self._outputs(Y)])[0]

    def _relaxed_stages(self, X):
        """Relaxed labels at the start and after each step."""
        return self._stages(self._ready(X))

    def _values_of_stages(self, X, stages):
        """What the network thinks of labels at each stage, (n_stages, n_samples)."""
        outputs = [self._outputs(relaxed) for relaxed in stages]
        return self._values(self._inputs(self._checked(X)), outputs)
