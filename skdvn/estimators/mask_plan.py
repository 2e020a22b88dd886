"""What the parameters of segmenters mean: "auto" resolved, what early stopping sees.

Functions of parameters and data alone; `params` is the estimator, which is only read.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_random_state

from ..inference import GradientAscent
from ..networks import GuessNetwork, members
from ..training import Plan, Split
from .components import Ascent, Mixture
from .image_codec import resolve_crops
from .initializers import MeanStart, SegmenterStart
from .mask_networks import guess_weight, mask_builder, new_mask_network
from .parameters import (
    A_FEW_ROWS,
    continues,
    given_or,
    guess_objective,
    optimization,
    resolve_loss,
    resolve_mixture,
    stopping,
    value_objective,
)

DEFAULT_MIXTURE = Mixture(
    {"ground_truth": 0.2, "stratified": 0.4, "inference": 0.4},
    mixing="one",
    n_iterates=2,
    n_samples=2,
)
DEFAULT_ASCENT = {"step_rule": "rms", "decay": 0.1}
SOLVER_DEFAULTS = {"max_grad_norm": 5.0, "averaging": 0.998}
N_ITER_NO_CHANGE = 10
# Mini-batches to train for, where max_iter is "auto"; larger images get fewer.
N_UPDATES, N_UPDATES_LARGE, LARGE = 2000, 1100, 48


def mask_ascent(params, n_outputs):
    """Inference as the parameters stand now."""
    ascent = params.ascent or Ascent()
    natural = "box" if n_outputs == 1 else "simplex"
    return GradientAscent(
        projection=given_or(ascent.projection, natural),
        n_steps=params.n_steps,
        step_size=params.step_size,
        step_rule=given_or(ascent.step_rule, DEFAULT_ASCENT["step_rule"]),
        step_decay=given_or(ascent.decay, DEFAULT_ASCENT["decay"]),
        momentum=ascent.momentum,
        noise=ascent.noise,
    )


def mask_start(params, codec, network):
    """Where inference starts: a model to fit, a number, or None for the guess.

    Parameters
    ----------
    params : DVNSegmenter
    codec : ImageCodec
    network : torch.nn.Module
        One of the kind to be trained.
    """
    init = params.init
    named = init if isinstance(init, str) else None
    if named in ("auto", "guess"):
        if hasattr(network, "guess"):
            return None
        if named == "guess":
            raise ValueError(
                f"init='guess' needs a network with a guess of its own, which "
                f"network={params.network!r} has not. Allowed with it are 'auto', "
                "'zeros', a number in [0, 1] and a segmenter."
            )
        return MeanStart(codec.targets)
    if named == "mean":
        return MeanStart(codec.targets)
    if hasattr(init, "predict"):
        return SegmenterStart(init, codec.targets)
    return 0.0 if named == "zeros" else float(init)


def mask_objective(params, codec, examples, network):
    """What the value network is trained to do; parameters as for `mask_start`.

    A value that is the oracle's expectation under the network's guess has nothing to
    learn but the guess, unless tuples or another loss are asked for.
    """
    rows = torch.arange(min(A_FEW_ROWS, len(examples)))
    drawn = examples.draw(rows, torch.Generator().manual_seed(0))
    objective = value_objective(
        params,
        resolve_mixture(params.tuples, DEFAULT_MIXTURE),
        codec.oracle(params.oracle),
        mask_ascent(params, codec.targets.n_outputs_),
        guess_weight(params) if hasattr(network, "guess") else 0.0,
        drawn.y,
    )
    if isinstance(network, GuessNetwork) and expects_only(params, network):
        return replace(objective, mixture=None)
    return objective


def expects_only(params, network):
    """Whether the value on a guess is to be the expectation itself."""
    loss = resolve_loss(params.loss)
    plain = (loss.value, loss.gradient_weight) == ("cross_entropy", 0)
    guessed = network.apart and network.local_term == "oracle"
    return params.tuples is None and plain and guessed


def mask_optimization(params, codec, n_rows, lag=0):
    """How to train."""
    n_updates = N_UPDATES if codec.sizes.crop_size <= LARGE else N_UPDATES_LARGE
    n_epochs = given_or(
        params.max_iter, -(-n_updates // -(-n_rows // params.batch_size))
    )
    return optimization(
        params,
        SOLVER_DEFAULTS,
        learning_rate_init=params.learning_rate_init,
        alpha=params.alpha,
        n_epochs=n_epochs,
        batch_size=params.batch_size,
        lag=lag,
    )


def lag_of(params):
    """Mini-batches by which the network that infers tuples is older."""
    return resolve_mixture(params.tuples, DEFAULT_MIXTURE).lag


def mask_splits(params, codec, data, X_val, y_val):
    """What early stopping looks at."""
    n, crops = len(data.images), resolve_crops(params.crops)
    if X_val is not None and params.early_stopping:
        held_out = codec.read_held_out(X_val, y_val)
        return (Split(torch.arange(n), codec.fixed_crops(held_out, crops)),)
    if not params.early_stopping:
        return ()
    if n < 2:
        raise ValueError(
            f"early_stopping=True needs at least 2 images, got {n}. Pass X_val and "
            "y_val, or set early_stopping=False."
        )
    splitter = ShuffleSplit(
        1,
        test_size=min(math.ceil(params.validation_fraction * n), n - 1),
        random_state=check_random_state(params.random_state),
    )
    rows, held_out = next(splitter.split(np.empty(n)))
    held_out = codec.fixed_crops(data.at(held_out), crops)
    return (Split(torch.from_numpy(rows), held_out),)


def plan_for_masks(params, codec, examples, splits, network):
    """What a Deep Value Network for masks is to learn.

    Parameters
    ----------
    params : DVNSegmenter
    codec : ImageCodec
    examples : ImageExamples
    splits : tuple of Split
    network : torch.nn.Module
        One of the kind to be trained.

    Returns
    -------
    plan : Plan
    """
    objective = mask_objective(params, codec, examples, network)
    return _plan(
        params,
        codec,
        examples,
        splits,
        objective,
        mask_optimization(params, codec, len(examples), lag_of(params)),
        lambda rng: new_mask_network(params, codec, rng),
    )


def plan_for_pixels(params, codec, examples, splits, new_network):
    """What a segmenter that is trained pixel by pixel is to learn.

    Parameters
    ----------
    params : UNetSegmenter or FCNSegmenter
    codec : ImageCodec
    examples : ImageExamples
    splits : tuple of Split
    new_network : callable
        ``new_network(rng)`` returns a network with fresh weights.

    Returns
    -------
    plan : Plan
    """
    objective = pixel_objective(codec)
    how = mask_optimization(params, codec, len(examples))
    return _plan(params, codec, examples, splits, objective, how, new_network)


def pixel_objective(codec):
    """What a segmenter is trained to do that is trained pixel by pixel."""
    return guess_objective(codec.oracle("auto"), GradientAscent(n_steps=0))


def _n_networks(params):
    return len(members(params.network_)) if continues(params) else params.n_networks


def _plan(params, codec, examples, splits, objective, how, new_network):
    n_networks = _n_networks(params)
    return Plan(
        build=mask_builder(params, codec, new_network, examples),
        objective=objective,
        optimizations=(how,),
        decide=codec.targets.round,
        ascents=(objective.settings.ascent,),
        choose_n_steps=False,
        splits=splits,
        n_networks=n_networks,
        refit=continues(params) or n_networks > 1,
        **stopping(params, N_ITER_NO_CHANGE),
    )
