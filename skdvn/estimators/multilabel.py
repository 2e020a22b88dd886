"""The multi-label estimator."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._moved import with_moved_names
from ..data import batches_of, stacked
from ..data.typing import ArrayLike, Labels, MatrixLike, NDArray, Self
from ..inference import guesses, stages, values
from ..networks import N_APART, members
from ..oracles import get_oracle
from .base import execution_for
from .building import check_goes_on
from .callbacks import with_callbacks
from .components import AUTO, MOST, Initializer, LabelNet, above, at_least
from .guessers import check_encoder, check_partial, experts_of, settings_of_value
from .label_codec import LabelCodec, check_positives
from .label_networks import (
    count_network,
    label_builder,
    new_label_network,
    stands_on_guess,
    starts_at_guess,
)
from .label_plan import (
    at_constant_rate,
    first_optimization,
    label_ascent,
    label_objective,
    label_splits,
    next_optimization,
    plan_for_labels,
    step_scale,
)
from .label_rows import read_rows
from .labeler import LabelEstimator
from .parameters import (
    TRAINING_CONSTRAINTS,
    VALUE_CONSTRAINTS,
    check_pair,
    continues,
    has_own_modules,
    on_experts,
    with_checked_parameters,
)
from .solvers import SGD, Adam
from .stack import NamedEstimators
from .threads import on_one_thread

# What labels at 0 are raised to, at most, where it matters which of them comes first.
NEARLY_0 = 1e-4
# Probabilities of labels given their number that are held at once.
MAX_NUMBERS = 2**25


class DVNMultiLabelClassifier(NamedEstimators, LabelEstimator):
    """Deep Value Network for multi-label classification.

    A value network v(x, y) is trained to predict the value, by default the relaxed
    F1 score, of any labels y for an input x; prediction climbs it by projected
    gradient ascent on y (Gygli et al., 2017). By default the value is the oracle
    expected under a cross-fitted guess of the labels by several experts, scaled and
    corrected as held-out labels say, and the ascent starts at that guess (beyond the
    paper). The paper's own network is ``network="linear"``.

    Parameters
    ----------
    estimators : "auto", list of (str, classifier) or (), default="auto"
        Who guesses the labels, as for `sklearn.ensemble.StackingClassifier`: names and
        classifiers with `predict_proba`, whose logits are weighted by
        `skdvn.StackedGuess`; a classifier "drop" is left out. Their parameters can be
        searched by names such as ``lr__C``. X is theirs then, and may
        be whatever they take, as a data frame or texts. "auto" is logistic regression,
        extra trees and nearest neighbours, up to 2,000 rows kernel ridge regression,
        and from 5,000 rows of dense inputs a perceptron; with an `encoder` it is the
        network behind that. With () the value network makes a guess of its own. Not
        used with ``network="linear"`` or a network of your own.
    cv : int, splitter, iterable of splits or "prefit", default=5
        How `estimators` of your own, or an `encoder`, are cross-fitted; an int is a
        number of shuffled folds.
    network : {"oracle", "linear"}, LabelNet, torch.nn.Module or callable, \
default="oracle"
        A value that is shaped like the oracle, against a guess of the labels
        ("oracle"), or the network of section 5.1, whose local part computes
        coefficients of y ("linear"); `skdvn.LabelNet` has more settings. Or a value
        network of your own: a module with the methods ``encode(x) -> context`` and
        ``score(context, y) -> logits``, which is copied with its weights, or a
        function ``network(n_features, n_labels)`` that makes one, called for each
        network that is trained.
    hidden_layer_sizes : int or array-like of int, default=(300,)
        Widths of the hidden layers of the local part, which sees x; not used on
        `estimators` without an `encoder`. More pay with many rows. A network may have
        up to a billion weights.
    encoder : torch.nn.Module or callable, default=None
        What inputs go through before the above, for example a convolutional network
        for images: a module that maps tensors (n, ...) to features (n, ...), which is
        copied with its weights, or a function without arguments that makes one. X may
        then have more than two dimensions. By default it is trained in a
        `skdvn.baselines.FeedForwardClassifier`, which guesses the labels, once per fold
        of `cv`; `hidden_layer_sizes`, `standardize` and what is said of training below,
        from `solver` to `n_networks`, are for that. With ``estimators=()`` or
        ``network="linear"`` it is trained with the value.
    standardize : bool, default=True
        Whether inputs are standardised and clipped to [-3, 5] inside the estimator; not
        used on `estimators`. Sparse inputs stay sparse. Inputs of more than two
        dimensions get one mean and one scale for all entries.
    oracle : {"f1", "iou", "accuracy", "f0.5", "f2"} or callable, default="f1"
        The metric to learn and to climb (eqs. 6-10). A callable
        ``oracle(y, y_true)`` takes tensors of shape (n, n_labels) with entries in
        [0, 1] and returns n values in [0, 1]; it need not be differentiable.
    loss : {"cross_entropy", "squared", "hinge"} or Loss, default="cross_entropy"
        Discrepancy of value and oracle value: eq. 11, the squared error, or the
        structured hinge of SPEN. `skdvn.Loss` weights it against the loss of the
        network's own guess.
    tuples : dict or Mixture, default=None
        Where the outputs to train on come from (section 3.3): names of generators
        with their shares. Names are "ground_truth", "inference" (iterates of the
        ascent), "guess" (truths as they may be under the guess, and outputs near
        them, see `tau`), "other_truths" (those of other rows), "stratified" (samples
        near the truth, see `tau`), "adversarial" (outputs that ascend the loss),
        "one_step" (one step from the truth or the start, as in the authors' code),
        "loss_augmented" (outputs of a high score that are far from the truth, for the
        hinge) and "replay" (earlier outputs). A callable that takes a
        `skdvn.training.Batch` and returns a list of outputs is allowed in place of a
        name. On `estimators` None means ``{"inference": 0.5, "guess": 0.25,
        "other_truths": 0.25}``, none of which depend on the truth, so that values are
        those to expect; else ``{"stratified": 0.5, "inference": 0.5}``.
        `skdvn.Mixture` says more: how tuples are mixed, how many of an ascent become
        tuples, how many are replayed.
    tau : float, default=0.0
        Temperature of the samples of "stratified" and "guess", ``p(y) ~ exp(v*(y, c) /
        tau)`` around a centre c, the truth or a sample of the guess. 0 gives the centre
        itself, larger values, up to a million, sample further from it; the paper found
        0.05 best for masks.
    init : "auto", "zeros", "guess", float, array-like of shape (n_labels,), \
classifier or Initializer, default="auto"
        Where inference starts, in [0, 1]. "guess" is that of the estimators, or what
        the network's local part says alone; "auto" is the guess with
        ``network="oracle"``, else zeros. A
        classifier is cloned and fitted inside `fit`, without weights, and inference
        starts at half of the labels it predicts, or at other shares with
        `skdvn.Initializer`; those of the training rows are predicted out of fold, and
        take turns with zeros.
    ascent : Ascent, default=None
        More about the steps: their direction, momentum, noise, decay and projection,
        see `skdvn.Ascent`. None means ``Ascent()``.
    step_size : float or "auto", default="auto"
        Size of the ascent's steps, positive, at most a million (eta in eq. 8). "auto"
        is 0.8 on
        `estimators`. Else it trains with 0.5 and then chooses; where rows have more
        than five labels, steps are larger in proportion, since the gradient of the F1
        score falls with their number.
    n_steps : int or "auto", default="auto"
        Number of the ascent's steps, at most 10,000. "auto" is 10 on `estimators`; else
        it trains with 20 and then chooses.
    min_labels : int, default=0
        Each row is predicted at least this many labels, no more than there are; of a
        one-dimensional y at most 1.
    solver : {"auto", "lbfgs", "sgd", "adam"}, SGD or Adam, default="auto"
        L-BFGS on the tuples of all rows, for the few weights of the network on
        `estimators`; SGD with momentum; or Adam. `skdvn.SGD` and `skdvn.Adam` set
        momentum, schedule, clipping and averaging. "auto" is "lbfgs" on `estimators`,
        else "sgd", which has proved better than Adam for these networks.
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate, positive, at most a million. Not used by "lbfgs".
    alpha : float or "auto", default="auto"
        Weight decay, from 0 to a million: ``alpha * W`` is added to the gradient of
        the weights. Raise it with few rows. On `estimators` it changes values a little
        and hardly any prediction.
    batch_size : int or "auto", default="auto"
        Rows per mini-batch; "auto" is 64 up to 2,500 rows and 128 beyond. For "lbfgs"
        rows taken at once; it changes only which tuples are drawn.
    max_iter : int or "auto", default="auto"
        Epochs. "auto" is 1 for "lbfgs", where each is a new set of tuples. Else it is
        16, or more with up to 2,500 rows: as many as make 250 or, if that is better on
        the held-out rows, 750 mini-batches.
    early_stopping : bool or EarlyStopping, default=False
        Whether to score the held-out rows after each epoch, to stop when they no
        longer improve, and to go back to the best weights; `skdvn.EarlyStopping` sets
        the patience.
    validation_fraction : float, default=0.2
        Share of the rows that is held out, in (0, 1). With cross-validation there are
        as many folds as such shares make a whole, at least 2.
    refit : bool or "auto", default="auto"
        Whether to hold out one part only and train anew on all rows at the end, or
        to cross-validate and keep the networks of the folds. "auto" does the former
        with more than 2,500 rows or several `n_networks`. Of `estimators` of your own
        "auto" fits each anew, and with False those of the folds predict together. With
        an `encoder` the networks of the folds do so unless this is True.
    n_networks : int, default=1
        Networks that are trained on all rows, from different weights, to predict
        jointly; at most 1,000. With ``refit=False`` there is one per fold, whatever
        this says.
    prediction_batch_size : int, default=512
        Rows that are predicted together; lower it if memory is short.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and choices of the last fit. On
        `estimators` all is learned anew.
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
        needs to start. For `estimators`, the default's included, it is a number of
        threads.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", ...; "auto" is CUDA where available, unless the local
        part is so small, fewer than 500,000 weights without an `encoder` or a
        `network` of your own, that a CPU is faster.
    random_state : int, RandomState instance or None, default=None
        Controls initial weights, held-out rows, mini-batches and samples. Pass an int
        for the same result at each call. It does not control randomness inside your
        own modules and classifiers.
    verbose : bool or int, default=False
        Whether to print each epoch, and in the end what was chosen. With scikit-learn
        1.9 or newer you can also use its callbacks, as in
        ``clf.set_callbacks(ProgressBar())``.

    Attributes
    ----------
    network_ : torch.nn.Module
        The trained value network; several are one for joint inference.
    codec_ : LabelCodec
        What turns arrays into examples for the network, and outputs back into labels.
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
    step_size_, n_steps_, learning_rate_init_, alpha_ : float or int
        What was chosen or given.
    guess_ : StackedGuess or None
        The fitted estimators, with their weights.
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
    On `estimators` nothing is chosen. Of other networks, parameters that are "auto" are
    chosen on held-out rows during `fit`. With up to 2,500 rows these are the folds of a
    cross-validation, whose networks predict jointly afterwards; with more rows it is
    one part of them, and the final network is trained anew on all rows. With fewer than
    100 rows nothing is held out and "auto" means a fixed setting.

    A one-dimensional y of k classes, or a Y of a single column, becomes k labels of
    which each row has one, for two classes too.

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
    >>> clf = DVNMultiLabelClassifier(random_state=0).fit(X[:1000], Y[:1000])
    >>> clf.predict(X[1000:]).shape
    (797, 10)
    >>> clf.score(X[1000:], Y[1000:]) > 0.9
    True
    """

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        **VALUE_CONSTRAINTS,
        "estimators": "no_validation",  # but in `fit`, where the message can say more
        "cv": ["cv_object", StrOptions({"prefit"})],
        "hidden_layer_sizes": ["array-like", at_least(1, Integral)],
        "network": [
            StrOptions({"linear", "oracle"}),
            LabelNet,
            HasMethods(["encode", "score"]),
            callable,
        ],
        "encoder": [callable, None],
        "standardize": ["boolean"],
        "init": [
            StrOptions({"auto", "zeros", "guess"}),
            Interval(Real, 0, 1, closed="both"),
            HasMethods(["fit", "predict"]),
            Initializer,
            "array-like",
        ],
        "step_size": [above(0), AUTO],
        "n_steps": [at_least(1, Integral, 10 * MOST), AUTO],
        "min_labels": [at_least(0, Integral)],
        "solver": [StrOptions({"auto", "lbfgs", "sgd", "adam"}), SGD, Adam],
        "learning_rate_init": [above(0), AUTO],
        "alpha": [at_least(0), AUTO],
        "batch_size": [at_least(1, Integral), AUTO],
        "max_iter": [at_least(1, Integral), AUTO],
        "refit": ["boolean", AUTO],
    }

    @with_moved_names
    def __init__(
        self,
        estimators="auto",
        *,
        cv=5,
        network="oracle",
        hidden_layer_sizes=(300,),
        encoder=None,
        standardize=True,
        oracle="f1",
        loss="cross_entropy",
        tuples=None,
        tau=0.0,
        init="auto",
        ascent=None,
        step_size="auto",
        n_steps="auto",
        min_labels=0,
        solver="auto",
        learning_rate_init="auto",
        alpha="auto",
        batch_size="auto",
        max_iter="auto",
        early_stopping=False,
        validation_fraction=0.2,
        refit="auto",
        n_networks=1,
        prediction_batch_size=512,
        warm_start=False,
        checkpoint_dir=None,
        n_jobs=None,
        device="auto",
        random_state=None,
        verbose=False,
    ) -> None:
        self.estimators = estimators
        self.cv = cv
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.encoder = encoder
        self.standardize = standardize
        self.oracle = oracle
        self.loss = loss
        self.tuples = tuples
        self.tau = tau
        self.init = init
        self.ascent = ascent
        self.step_size = step_size
        self.n_steps = n_steps
        self.min_labels = min_labels
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.refit = refit
        self.n_networks = n_networks
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
            Inputs, finite numbers in the range of single precision. A sparse matrix
            stays sparse.
        y : {array-like, sparse matrix} of shape (n_samples, n_labels)
            Binary labels, or classes of shape (n_samples,) or (n_samples, 1), which
            become one label each. What a sparse matrix holds twice is added up.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the examples in the value loss. A weight of 0 is as
            good as leaving the example out.
        X_val, y_val : array-like, default=None
            Examples to choose on, in the form of X and y. Without them a part of X is
            held out where something is to be chosen.

        Returns
        -------
        self : DVNMultiLabelClassifier
            The fitted estimator. After an error it is what it was before.
        """
        check_pair(X_val, y_val)
        execution = execution_for(self, X, y, sample_weight, X_val, y_val)
        draft = self._draft()
        experts = experts_of(draft)
        rows, codec = read_rows(draft, X, y, sample_weight, reset=True), LabelCodec()
        if experts is not None:
            vars(draft).pop("network_", None)  # nothing to go on from
            check_encoder(draft, rows.X)
        data = codec.fit_transform(rows, draft, starts_at_guess(draft), experts)
        check_positives(data.Y)
        self._check_continuity(draft, codec)
        settings = settings_of_value(draft, codec)
        splits = label_splits(settings, codec, data, X_val, y_val)
        examples = codec.examples(data)
        scale = step_scale(self, codec, examples)
        if continues(draft):
            scale = self._step_scale
        plan = plan_for_labels(settings, codec, examples, splits, scale)
        trained = self._train(plan, examples, execution, X=X, y=y)
        draft._settle(codec, scale)
        draft._keep(trained)
        return self._become(draft, plan, trained, execution)

    def _settle(self, codec, scale):
        super()._settle(codec)
        self.scaler_, self.guess_ = codec.scaler, codec.experts
        self._step_scale = scale

    def _keep(self, trained):
        super()._keep(trained)
        if on_experts(self.codec_):
            self._max_count = members(trained.network)[0].counts.max_count
        self._keep_selection(trained.optimization, trained.ascent)

    def _keep_selection(self, optimization, ascent):
        self.step_size_ = ascent.step_size
        self.n_steps_ = ascent.n_steps
        self.learning_rate_init_ = optimization.learning_rate_init
        self.alpha_ = optimization.alpha

    def _fresh_network(self, rng):
        """A network as the parameters make it, or the last fit for one on experts."""
        if on_experts(self.codec_):
            return count_network(self, self.codec_, self._max_count)
        return new_label_network(self, self.codec_, get_oracle(self.oracle), rng)

    @with_checked_parameters
    @on_one_thread
    def partial_fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these examples.

        `estimators` need all rows at once: after `fit` they stay as they are, and the
        network on top of them is trained; without, "auto" is the network's own guess,
        as with ``estimators=()``. Nothing is chosen: "auto" means the first candidate.
        The learning rate stays constant; for SGD "auto" is a sixth of what `fit` starts
        with. Inputs are standardised with the statistics of the first call.

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
            Non-negative weights of the examples.

        Returns
        -------
        self : DVNMultiLabelClassifier
        """
        draft, first = self._draft(), not hasattr(self, "network_")
        check_partial(self)
        shape = None if first else self.codec_.shape
        rows = read_rows(draft, X, y, sample_weight, shape=shape, reset=first)
        if first:
            codec, guesses = LabelCodec(), starts_at_guess(draft)
            data = codec.fit_transform(rows, draft, guesses, classes=classes)
        else:
            codec = self.codec_
            if not has_own_modules(draft):  # which take long to make
                check_goes_on(draft, draft._fresh_network)
            data = codec.transform(rows, partial(codec.targets.encode, name="y"))
        examples = codec.examples(data)
        scale = step_scale(self, codec, examples) if first else self._step_scale
        settings = settings_of_value(draft, codec)
        candidate = first_optimization(settings, codec, len(examples))
        settled, build = next_optimization(settings, candidate), None
        objective = label_objective(draft, codec, examples, scale)
        if first:
            draft._settle(codec, scale)
            draft.validation_score_ = float("nan")
            draft._keep_selection(settled, label_ascent(draft, codec, scale))
            build = label_builder(draft, codec, draft._fresh_network, examples)
        optimization = at_constant_rate(settings, settled)
        draft._train_part(build, examples, objective, optimization)
        return self._adopt(draft)

    # -- inference -------------------------------------------------------------

    def staged_predict(self, X: MatrixLike) -> Iterator[Labels]:
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
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield self.codec_.targets.decode(relaxed, self.min_labels)

    @on_one_thread
    def predict_relaxed(self, X: MatrixLike) -> NDArray[Any]:
        """Predict relaxed labels, before rounding.

        These are the outputs y of section 3.1, which the ascent pushes towards 0 and 1,
        and no probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_labels)
            Entries in [0, 1]. For a one-dimensional y one column per class, and rows
            that add up to 1.
        """
        queries = self._queries(X)
        parts = map(self.codec_.targets.probabilities, self._inferred(queries))
        return stacked(parts, len(queries))

    def staged_predict_relaxed(self, X: MatrixLike) -> Iterator[NDArray[Any]]:
        """Predict relaxed labels after each step of the ascent.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Yields
        ------
        Y : ndarray of shape (n_samples, n_labels)
            As `predict_relaxed` returns after so many steps.
        """
        for relaxed in islice(self._relaxed_stages(X), 1, None):
            yield self.codec_.targets.probabilities(relaxed)

    @on_one_thread
    def refine(self, X: MatrixLike, Y_init: MatrixLike) -> Labels:
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
        check_is_fitted(self)
        Y_init = self.codec_.targets.relaxed(Y_init, "Y_init")
        X = self._checked_with(X, Y_init, "Y_init")
        return self._decoded(self._inferred(self.codec_.queries(X, Y_init)))

    @on_one_thread
    def predict_value(self, X: MatrixLike, Y: MatrixLike | None = None) -> NDArray[Any]:
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
        if Y is None:
            queries = self._queries(X)
            Y = np.concatenate(list(map(self._round, self._inferred(queries))))
            return self._values(queries.x, [Y])[0]
        check_is_fitted(self)
        Y = self.codec_.targets.relaxed(Y)
        X = self._checked_with(X, Y, "Y")
        return self._values(self.codec_.inputs(X), [Y])[0]

    def _rows_together(self):
        if not on_experts(self.codec_):
            return self.prediction_batch_size
        n_labels, most = self.codec_.targets.n_labels_, self._max_count + 1
        n_numbers = min(n_labels, 2 * most + N_APART) * most + n_labels
        return min(self.prediction_batch_size, max(1, MAX_NUMBERS // n_numbers))

    def _ascent(self):
        return label_ascent(self, self.codec_, self._step_scale)

    def _guessed(self, queries):
        """Labels before any ascent, or after it where there is no guess."""
        if on_experts(self.codec_):
            size = self.prediction_batch_size
            return (
                queries.x.take(at).cpu().numpy()
                for at in batches_of(len(queries), size)
            )
        if not stands_on_guess(self):
            return self._inferred(queries)
        size = self.prediction_batch_size
        return (p.numpy() for p in guesses(self.network_, queries.x, batch_size=size))

    def _decoded(self, parts):
        return self.codec_.targets.decode_parts(parts, self.min_labels)

    def _round(self, relaxed):
        """Relaxed labels as `predict` decides them, 0 and 1."""
        return self.codec_.targets.round(relaxed, self.min_labels)

    def _checked_with(self, X, Y, name):
        """X as numbers, as many rows as outputs."""
        X = self._checked(X)
        if _num_samples(X) != Y.shape[0]:
            raise ValueError(
                f"X has {_num_samples(X)} rows and {name} has {Y.shape[0]}; they must "
                "match."
            )
        return X

    def _relaxed_stages(self, X):
        """Relaxed labels at the start and after each step."""
        queries = self._queries(X)
        self._validate_params()  # they may have been set since fit
        ascent, size = self._ascent(), self._rows_together()
        rng = self._noise(ascent)
        iterates = stages(self.network_, ascent, queries, batch_size=size, rng=rng)
        return (self._ordered(y.numpy(), queries, 0) for y in iterates)

    def _inferred(self, queries):
        low = 0
        for relaxed in super()._inferred(queries):
            yield self._ordered(relaxed, queries, low)
            low += len(relaxed)

    def _ordered(self, relaxed, queries, low):
        """Labels that have all fallen to 0, in the order of their probabilities."""
        if not self.min_labels or not on_experts(self.codec_):
            return relaxed
        guess = queries.x.take(slice(low, low + len(relaxed))).cpu().numpy()
        return np.maximum(relaxed, NEARLY_0 * guess)

    def _values(self, inputs, outputs):
        """What the network thinks of several outputs of each row, (n_outputs, n)."""
        size = self._rows_together()
        outputs = [self.codec_.outputs(Y) for Y in outputs]
        return values(self.network_, inputs, outputs, batch_size=size).numpy()

    def _values_of_stages(self, X, stages):
        """What the network thinks of labels at each stage, (n_stages, n_samples)."""
        return self._values(self.codec_.inputs(self._checked(X)), stages)
