"""Who guesses the labels, as the parameters of the estimator say."""

import warnings
from copy import copy

import numpy as np
import torch

from .feed_forward import FeedForwardClassifier
from .label_networks import label_net, new_encoder, stands_on_guess
from .parameters import given_or, on_experts
from .stack import StackedGuess, checked_estimators

# Parameters of networks that make the guess themselves, and their defaults.
IDLE_ON_EXPERTS = {"hidden_layer_sizes": (300,), "standardize": True}
# Parameters that say how the network behind an encoder is trained, and their defaults,
# by which the value on top of it is.
OF_TRAINING = {
    "solver": "auto",
    "learning_rate_init": "auto",
    "alpha": "auto",
    "batch_size": "auto",
    "max_iter": "auto",
    "early_stopping": False,
    "n_networks": 1,
}
SHARED = (
    *("hidden_layer_sizes", "encoder", "standardize", "validation_fraction"),
    *("prediction_batch_size", "checkpoint_dir", "device", "verbose"),
)


def experts_of(params):
    """Who guesses the labels, not fitted; None where the network has to.

    Parameters
    ----------
    params : DVNMultiLabelClassifier

    Returns
    -------
    experts : StackedGuess or None
    """
    given = params.estimators
    if _is_empty(given):
        return None
    if given != "auto":
        _check_own(params)
    elif not stands_on_guess(params):
        return None
    if params.encoder is None:
        _warn_of_idle(params)
    else:
        given = [("encoder", _network_behind_encoder(params))]
    return StackedGuess(
        given,
        params.cv,
        params.n_jobs,
        params.random_state,
        refit=given_or(params.refit, params.encoder is None),
    )


def _check_own(params):
    """Raise if estimators of the user's cannot make the guess."""
    checked_estimators(params.estimators)
    if params.encoder is not None or not stands_on_guess(params):
        raise ValueError(
            "estimators are for network='oracle' without an encoder, whose value "
            f"stands on what they say; got network={params.network!r} and "
            f"encoder={params.encoder!r}. Set estimators to 'auto' or () with these."
        )
    taken = params.get_params(deep=False).keys() & params._named_estimators().keys()
    if taken:
        raise ValueError(
            f"estimators names {sorted(taken)}, which are parameters of "
            f"{type(params).__name__}. Give other names."
        )


def _network_behind_encoder(params):
    """The encoder and the layers after it, with a sigmoid per label."""
    refused = {"solver": "lbfgs", "cv": "prefit"}
    for name, value in refused.items():
        if isinstance(getattr(params, name), str) and getattr(params, name) == value:
            raise ValueError(
                f"{name}={value!r} is for estimators; an encoder is trained in "
                f"mini-batches, once per fold. Leave {name} at its default."
            )
    given = {name: getattr(params, name) for name in (*OF_TRAINING, *SHARED)}
    if given["solver"] == "auto":
        given["solver"] = "sgd"
    return FeedForwardClassifier(activation=label_net(params).activation, **given)


def check_encoder(params, X):
    """Try an encoder, if there is one, before it is trained in folds.

    Parameters
    ----------
    params : DVNMultiLabelClassifier
    X : ndarray
        Checked rows.
    """
    if params.encoder is not None:
        rng = torch.Generator().manual_seed(0)
        new_encoder(params.encoder, X.shape[1:], torch.float32, rng)


def settings_of_value(params, codec):
    """The parameters as the value takes them.

    With an encoder those of training are meant for the network behind it, which takes
    minutes where the few weights of the value take a second.

    Parameters
    ----------
    params : DVNMultiLabelClassifier
    codec : LabelCodec

    Returns
    -------
    settings : DVNMultiLabelClassifier
        The same, or a copy with the defaults of training.
    """
    if not on_experts(codec) or params.encoder is None:
        return params
    return copy(params).set_params(**OF_TRAINING)


def check_partial(params):
    """Raise if `partial_fit` cannot do what the parameters say."""
    given = params.estimators
    if given != "auto" and not _is_empty(given):
        raise ValueError(
            f"estimators={given!r} cannot be used in partial_fit, since they need all "
            "rows at once. Allowed are 'auto' and ()."
        )
    if params.solver == "lbfgs":
        raise ValueError(
            "solver='lbfgs' cannot be used in partial_fit, since it needs all rows at "
            "once. Allowed are 'auto', 'sgd' and 'adam'."
        )


def _is_empty(estimators):
    return isinstance(estimators, list | tuple) and not estimators


def _warn_of_idle(params):
    for name, default in IDLE_ON_EXPERTS.items():
        value = getattr(params, name)
        if not np.array_equal(np.atleast_1d(value), np.atleast_1d(default)):
            warnings.warn(
                f"{name}={value!r} has no effect: the value stands on what the "
                "estimators say. Leave it at its default, or set estimators=() for a "
                "network that makes the guess itself.",
                stacklevel=7,
            )
