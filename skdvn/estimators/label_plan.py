"""What the parameters of label estimators mean: "auto" resolved, what to select from.

Functions of parameters and data alone; `params` is the estimator, which is only read.
"""

import math
from dataclasses import replace

import torch

from ..data import rows_at_once
from ..inference import SCALED_RULES, GradientAscent
from ..networks import members
from ..oracles import check_oracle, get_oracle, reach
from ..training import Plan
from .components import Ascent, Mixture
from .label_networks import (
    count_builder,
    guess_weight,
    label_builder,
    new_label_network,
)
from .label_splits import Splitter
from .parameters import (
    A_FEW_ROWS,
    continues,
    given_or,
    guess_objective,
    on_experts,
    optimization,
    resolve_mixture,
    stopping,
    value_objective,
)

DEFAULT_MIXTURE = Mixture(
    {"stratified": 0.5, "inference": 0.5}, mixing="all", n_iterates=4, n_samples=1
)
# Independent of the truth, so that the value is that to expect.
MIXTURE_ON_EXPERTS = Mixture(
    {"inference": 0.5, "guess": 0.25, "other_truths": 0.25},
    mixing="all",
    n_iterates=1,
    n_samples=1,
)
SOLVER_DEFAULTS = {"solver": "sgd", "max_grad_norm": 1.0, "averaging": 0.0}
N_ITER_NO_CHANGE = 5
FIRST_ASCENT = GradientAscent()
# The guess is near the best output, and steps that fall to 0 end on it.
ASCENT_ON_EXPERTS = GradientAscent(10, 0.8, "normalized", step_decay="linear")
# Twenty steps of size 0.5 are 10 in all, enough for rows of so many labels twice over.
# With more, all step sizes grow in proportion: the value has a gradient of about one
# over the number of labels, and an ascent that never comes near the truth leaves the
# network with nothing to learn, until it values all outputs alike.
COMFORTABLE_REACH = 5.0
# Rows that are enough to tell how many labels there are.
SOME_ROWS = 1000
# Up to so many rows training is cheap: more candidates, smaller batches, and the
# networks of all folds together instead of one trained anew.
FEW_ROWS = 2500
BATCH_SIZES = 64, 128
# What "auto" selects from on held-out rows.
STEP_SIZES = (0.25, 0.5, 1.0)
MAX_N_STEPS = 40
# Learning rates, weight decays times max(n_rows, 1000), and numbers of mini-batches to
# train for; the first is taken where nothing can be held out.
CANDIDATES = {
    "sgd": ((0.3, 5.0, 250), (0.6, 1.5, 750), (0.3, 15.0, 250)),
    "adam": ((1e-3, 0.1, 250), (1e-3, 0.1, 750)),
    "lbfgs": ((1.0, 1.0, 0),),
}
CANDIDATE_FOR_MANY_ROWS = {
    "sgd": ((0.6, 5.0, 0),),
    "adam": ((1e-3, 0.1, 0),),
    "lbfgs": ((1.0, 1.0, 0),),
}
# But never for fewer epochs.
MIN_EPOCHS = 16
# For solvers other than L-BFGS on top of experts, where few weights are left.
RATE_ON_EXPERTS = 0.1
# A rate that does not fall, in terms of one that does: in `partial_fit` on Bibtex, 300
# units and six epochs in blocks of 780 rows, .40 on held-out rows instead of .29.
CONSTANT_RATE = 1 / 6


# -- inference -----------------------------------------------------------------------


def step_scale(params, codec, examples):
    """By how much steps must be larger than where rows have few labels."""
    ascent = params.ascent or Ascent()
    rule = given_or(ascent.step_rule, _basic_ascent(codec).step_rule)
    if params.step_size != "auto" or rule not in SCALED_RULES:
        return 1.0
    oracle = get_oracle(params.oracle)
    check_oracle(oracle, examples.y.take(slice(A_FEW_ROWS)))
    n_rows = len(examples)
    n_taken = min(SOME_ROWS, rows_at_once(examples.y.take(slice(1)).numel()), n_rows)
    found = reach(oracle, examples.y.take(torch.arange(n_taken) * n_rows // n_taken))
    return max(1.0, round(found / COMFORTABLE_REACH, 2))


def label_ascent(params, codec, scale):
    """Inference as the parameters stand now; "auto" means as selected in fit."""
    first = _first_ascent(codec, scale)
    selected = {
        name: given_or(
            getattr(params, name),
            getattr(params, name + "_", getattr(first, name)),
        )
        for name in ("step_size", "n_steps")
    }
    ascent = params.ascent or Ascent()
    return GradientAscent(
        **selected,
        step_rule=given_or(ascent.step_rule, first.step_rule),
        step_decay=given_or(ascent.decay, first.step_decay),
        projection=given_or(ascent.projection, first.projection),
        momentum=ascent.momentum,
        noise=ascent.noise,
    )


def _basic_ascent(codec):
    if not on_experts(codec):
        return FIRST_ASCENT
    one_label = codec.targets.classes_.ndim == 1
    return replace(ASCENT_ON_EXPERTS, projection="simplex" if one_label else "box")


def _first_ascent(codec, scale):
    """Inference before anything is selected."""
    basic = _basic_ascent(codec)
    return replace(basic, step_size=basic.step_size * scale)


def training_ascent(params, codec, scale):
    """Inference as tuples are generated with it; "auto" is selected afterwards."""
    first = _first_ascent(codec, scale)
    auto = {
        name: getattr(first, name)
        for name in ("step_size", "n_steps")
        if getattr(params, name) == "auto"
    }
    return replace(label_ascent(params, codec, scale), **auto)


def _candidate_ascents(params, codec, scale):
    ascent = training_ascent(params, codec, scale)
    if on_experts(codec):
        return (ascent,)
    if params.n_steps == "auto":
        ascent = replace(ascent, n_steps=MAX_N_STEPS)
    sizes = [size * scale for size in STEP_SIZES]
    if params.step_size != "auto":
        sizes = [params.step_size]
    return tuple(replace(ascent, step_size=size) for size in sizes)


# -- training ------------------------------------------------------------------------


def label_objective(params, codec, examples, scale):
    """What the value network is trained to do."""
    default = MIXTURE_ON_EXPERTS if on_experts(codec) else DEFAULT_MIXTURE
    return value_objective(
        params,
        resolve_mixture(params.tuples, default),
        get_oracle(params.oracle),
        training_ascent(params, codec, scale),
        guess_weight(params, codec),
        examples.y.take(slice(A_FEW_ROWS)),
    )


def optimizations(params, n_rows, lag=0):
    """Candidates for the training, the one without a choice first."""
    settled = optimization(params, SOLVER_DEFAULTS, lag=lag)
    table = CANDIDATES if n_rows <= FEW_ROWS else CANDIDATE_FOR_MANY_ROWS
    scale = 1 / max(n_rows, 1000)
    candidates = {
        (
            given_or(params.learning_rate_init, rate),
            given_or(params.alpha, decay * scale),
            _n_epochs(params, n_rows, n_updates),
        ): None
        for rate, decay, n_updates in table[settled.solver]
    }
    return tuple(
        replace(
            settled,
            learning_rate_init=rate,
            alpha=alpha,
            n_epochs=n_epochs,
            batch_size=_batch_size(params, n_rows),
        )
        for rate, alpha, n_epochs in candidates
    )


def _optimization_on_experts(params, n_rows, n_labels, solver):
    """How a network on experts is trained, with nothing to select."""
    return optimization(
        params,
        {**SOLVER_DEFAULTS, "solver": solver},
        n_epochs=given_or(params.max_iter, 1),
        learning_rate_init=given_or(params.learning_rate_init, RATE_ON_EXPERTS),
        alpha=given_or(params.alpha, 1 / n_rows),
        batch_size=given_or(params.batch_size, min(512, rows_at_once(50 * n_labels))),
        lag=lag_of(params),
    )


def first_optimization(params, codec, n_rows):
    """How mini-batches that come one by one are trained on."""
    if on_experts(codec):
        n_labels = codec.targets.n_labels_
        return _optimization_on_experts(params, n_rows, n_labels, "sgd")
    return optimizations(params, n_rows, lag_of(params))[0]


def next_optimization(params, first):
    """How to train on from where the last fit left."""
    rate = getattr(params, "learning_rate_init_", first.learning_rate_init)
    alpha = getattr(params, "alpha_", first.alpha)
    return replace(
        first,
        learning_rate_init=given_or(params.learning_rate_init, rate),
        alpha=given_or(params.alpha, alpha),
    )


def at_constant_rate(params, optimization):
    """The same for training without end; rates that fall begin too high for it."""
    rate = optimization.learning_rate_init
    if params.learning_rate_init == "auto" and optimization.solver == "sgd":
        rate *= CONSTANT_RATE
    return replace(optimization, schedule="constant", learning_rate_init=rate)


def _batch_size(params, n_rows):
    return given_or(params.batch_size, BATCH_SIZES[n_rows > FEW_ROWS])


def _n_epochs(params, n_rows, n_updates):
    n_batches = math.ceil(n_rows / _batch_size(params, n_rows))
    return given_or(params.max_iter, max(MIN_EPOCHS, math.ceil(n_updates / n_batches)))


def lag_of(params):
    """Mini-batches by which the network that infers tuples is older."""
    return resolve_mixture(params.tuples, DEFAULT_MIXTURE).lag


# -- held-out rows -------------------------------------------------------------------


def label_splits(params, codec, data, X_val, y_val):
    """What to hold out, if there is something to select."""
    split = Splitter(params, codec, data)
    has_choice = params.early_stopping
    if not on_experts(codec):
        has_choice = _leaves_choice(params, data.X.shape[0])
    refits = _refits(params, data.X.shape[0]) or continues(params)
    return split.splits(X_val, y_val, has_choice, refits)


def _leaves_choice(params, n_rows):
    """Whether something is to be selected on held-out rows."""
    ascent = params.step_size, params.n_steps
    automatic = "auto" in [value for value in ascent if isinstance(value, str)]
    automatic = automatic or len(optimizations(params, n_rows)) > 1
    return params.early_stopping or (automatic and not continues(params))


def _refits(params, n_rows, splits=()):
    """Whether to train anew on all rows; not if a split was on all of them."""
    if any(len(split.rows) == n_rows for split in splits):
        return params.n_networks > 1
    return given_or(params.refit, n_rows > FEW_ROWS or params.n_networks > 1)


# -- plans ---------------------------------------------------------------------------


def plan_for_labels(params, codec, examples, splits, scale):
    """What to learn, and what to select from; without splits nothing is selected.

    Parameters
    ----------
    params : DVNMultiLabelClassifier
    codec : LabelCodec
    examples : Examples
    splits : tuple of Split
    scale : float
        As of `step_scale`.

    Returns
    -------
    plan : Plan
    """
    n_rows, n_networks = len(examples), params.n_networks
    if on_experts(codec):
        n_labels = codec.targets.n_labels_
        candidates = (_optimization_on_experts(params, n_rows, n_labels, "lbfgs"),)
    else:
        candidates = optimizations(params, n_rows, lag_of(params))
    ascents = (training_ascent(params, codec, scale),)
    if continues(params):
        n_networks = len(members(params.network_))
        candidates = (next_optimization(params, candidates[0]),)
        ascents = (label_ascent(params, codec, scale),)
    elif splits:
        ascents = _candidate_ascents(params, codec, scale)
    else:
        candidates = candidates[:1]
    return Plan(
        build=_builder(params, codec, examples),
        objective=label_objective(params, codec, examples, scale),
        optimizations=candidates,
        decide=lambda relaxed: codec.targets.round(relaxed, params.min_labels),
        ascents=ascents,
        choose_n_steps=params.n_steps == "auto"
        and not continues(params)
        and not on_experts(codec),
        splits=splits,
        n_networks=n_networks,
        refit=_refits(params, n_rows, splits) or continues(params),
        **stopping(params, N_ITER_NO_CHANGE),
    )


def _builder(params, codec, examples):
    """How the network of each training is made."""
    if on_experts(codec):
        return count_builder(params, codec, examples)
    oracle = get_oracle(params.oracle)
    return label_builder(
        params,
        codec,
        lambda rng: new_label_network(params, codec, oracle, rng),
        examples,
    )


def plan_for_feed_forward(params, codec, examples, splits, new_network):
    """The same for a network that is trained label by label.

    Parameters
    ----------
    params : FeedForwardClassifier
    codec : LabelCodec
    examples : Examples
    splits : tuple of Split
    new_network : callable
        ``new_network(rng)`` returns a network with fresh weights.

    Returns
    -------
    plan : Plan
    """
    still = GradientAscent(n_steps=0)
    candidates = optimizations(params, len(examples))
    # The one that trains the longest.
    longest = max(candidates, key=lambda one: one.n_epochs)
    n_networks = params.n_networks
    if continues(params):
        n_networks = len(members(params.network_))
        longest = next_optimization(params, longest)
    return Plan(
        build=label_builder(params, codec, new_network, examples),
        objective=guess_objective(get_oracle("f1"), still),
        optimizations=(longest,),
        decide=codec.targets.round,
        ascents=(still,),
        choose_n_steps=False,
        splits=splits,
        n_networks=n_networks,
        refit=not any(len(split.rows) == len(examples) for split in splits)
        or n_networks > 1
        or continues(params),
        **stopping(params, N_ITER_NO_CHANGE),
    )
