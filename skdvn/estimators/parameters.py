"""What parameters of all estimators mean, and what they allow."""

from contextlib import contextmanager
from numbers import Integral, Real
from os import PathLike

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ..data.typing import Method
from ..metrics import read_weights
from ..oracles import check_oracle, did_you_mean
from ..training import GENERATORS, Objective, Optimization, TupleMixture, TupleSettings
from .components import (
    MOST,
    Ascent,
    Component,
    LabelNet,
    Loss,
    Mixture,
    at_least,
)
from .solvers import SGD, Adam, AdamW, EarlyStopping, Solver

# Enough to try a user's oracle on.
A_FEW_ROWS = 3
# How messages of NumPy begin that do not say which array they are about.
NO_NUMBERS = (
    *("setting an array element", "float() argument", "could not convert"),
    *("Cannot cast array data", "The DType"),
)
SOLVERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}

TRAINING_CONSTRAINTS = {
    "solver": [StrOptions(set(SOLVERS)), Solver],
    "early_stopping": ["boolean", EarlyStopping],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_networks": [at_least(1, Integral, MOST)],
    "prediction_batch_size": [at_least(1, Integral)],
    "warm_start": ["boolean"],
    "checkpoint_dir": [str, PathLike, None],
    "n_jobs": [Integral, None],
    "device": [str, torch.device],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
VALUE_CONSTRAINTS = {
    "oracle": [str, callable],
    "loss": [StrOptions({"cross_entropy", "squared", "hinge"}), Loss],
    "tuples": [dict, Mixture, None],
    "tau": [at_least(0)],
    "ascent": [Ascent, None],
}


def with_checked_parameters(method: Method) -> Method:
    """Decorate `fit` so that it checks the parameters of its estimator first."""
    return _fit_context(prefer_skip_nested_validation=False)(method)


def components_of(estimator):
    """The parameters of an estimator that are objects with parameters of their own."""
    values = estimator.get_params(deep=False).values()
    return [value for value in values if isinstance(value, Component)]


def given_or(value, otherwise):
    """A parameter, unless it is "auto"."""
    return otherwise if isinstance(value, str) and value == "auto" else value


def resolve_device(device):
    """Where tensors are to be, a torch.device."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not usable(device):
        n_found = torch.cuda.device_count()
        raise ValueError(
            f"device={str(device)!r} cannot be used here. Allowed are 'auto' and "
            f"'cpu'; of CUDA devices PyTorch sees {n_found or 'none'}."
        )
    return torch.device(device)


def usable(device):
    """Whether tensors can be put on this device here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        return False
    return True


def checked_weight(sample_weight, X):
    """Weights as an array, None for none."""
    if sample_weight is None:
        return None
    weight = read_weights(sample_weight, X)
    if (weight < 0).any() or not weight.any():
        raise ValueError(
            "sample_weight must hold non-negative numbers, at least one above 0; got "
            f"values from {weight.min():.4g} to {weight.max():.4g}."
        )
    return weight


@contextmanager
def reading_numbers():
    """Say of what NumPy cannot make numbers that it is X; infinite ones are refused."""
    try:
        with np.errstate(over="ignore"):
            yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(NO_NUMBERS):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"X must hold numbers, as many in each row: {error}. Encode all else "
            "first, for example text by a TfidfVectorizer and categories by a "
            "OneHotEncoder."
        ) from error


def check_range(X):
    """Raise if numbers of X are larger than networks compute with."""
    largest, most = max(X.max(), -X.min()), np.finfo(np.float32).max
    if largest > most:
        raise ValueError(
            f"X holds {largest:.4g} in absolute value; allowed are numbers up to "
            f"{most:.4g}, the range of single precision. Rescale X, or look for "
            "placeholders of missing values."
        )


def check_pair(X_val, y_val):
    """Raise unless both are given, or neither."""
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together.")


def resolve_loss(loss):
    """The `Loss` that a parameter means."""
    return loss if isinstance(loss, Loss) else Loss(loss)


def resolve_mixture(tuples, default):
    """What to train on, and how: the parameter `tuples` without "auto" and None.

    Parameters
    ----------
    tuples : dict, Mixture or None
    default : Mixture
        What the estimator does where nothing else is said.

    Returns
    -------
    mixture : Mixture
    """
    given = tuples if isinstance(tuples, Mixture) else Mixture(tuples)
    mixture = Mixture(
        **{
            name: given_or(value, getattr(default, name))
            for name, value in given.get_params(deep=False).items()
        }
    )
    if mixture.shares is None:
        mixture.shares = default.shares
    for name, share in mixture.shares.items():
        if not callable(name) and name not in GENERATORS:
            raise ValueError(
                f"tuples names the unknown generator {name!r}. "
                f"{did_you_mean(name, GENERATORS)} A callable is allowed too."
            )
        if not isinstance(share, Real) or not 0 <= share < np.inf:
            raise ValueError(
                f"tuples gives {name!r} the share {share!r}; allowed are finite, "
                "non-negative numbers."
            )
    if not sum(mixture.shares.values()) > 0:
        raise ValueError(
            f"tuples must give some generator a share above 0, got {mixture.shares}."
        )
    return mixture


def value_objective(params, mixture, oracle, ascent, guess_weight, y_true):
    """What a value network is trained to do; the oracle is tried on true outputs."""
    check_oracle(oracle, y_true)
    loss = resolve_loss(params.loss)
    settings = TupleSettings(
        oracle,
        ascent,
        n_iterates=mixture.n_iterates,
        tau=params.tau,
        n_samples=mixture.n_samples,
    )
    shares = {GENERATORS.get(name, name): n for name, n in mixture.shares.items()}
    return Objective(
        TupleMixture(shares, one_at_a_time=mixture.mixing == "one"),
        settings,
        loss.value,
        mixture.replay_size,
        guess_weight=guess_weight,
        gradient_weight=loss.gradient_weight,
        gradient_loss=loss.gradient,
    )


def guess_objective(oracle, ascent):
    """The objective of a network that is trained label by label, or pixel by pixel."""
    return Objective(None, TupleSettings(oracle, ascent), guess_weight=1.0)


def optimization(params, default, **settings):
    """How to train: the parameter `solver`, and what else is settled.

    Parameters
    ----------
    params : estimator
        Has `solver`.
    default : dict
        What "auto" means for this estimator: "solver", "max_grad_norm", "averaging".
    **settings : object
        Arguments of `Optimization`.
    """
    solver = given_or(params.solver, default.get("solver"))
    if solver == "lbfgs":
        return Optimization(solver=solver, **settings)
    if isinstance(solver, str):
        solver = SOLVERS[solver]()
    return Optimization(
        solver=type(solver).__name__.lower(),
        schedule=solver.schedule,
        momentum=getattr(solver, "momentum", 0.9),
        max_grad_norm=given_or(solver.max_grad_norm, default["max_grad_norm"]),
        averaging=given_or(solver.averaging, default["averaging"]),
        **settings,
    )


def stopping(params, n_iter_no_change):
    """What `Plan` must know of early stopping."""
    rule = params.early_stopping
    if not isinstance(rule, EarlyStopping):
        rule = EarlyStopping()
    return {
        "early_stopping": bool(params.early_stopping),
        "n_iter_no_change": given_or(rule.n_iter_no_change, n_iter_no_change),
        "tol": rule.tol,
    }


def continues(estimator):
    """Whether training goes on from the last fit; on experts all is learned anew."""
    fitted = hasattr(estimator, "network_")
    return estimator.warm_start and fitted and not on_experts(estimator.codec_)


def on_experts(codec):
    """Whether the network stands on what experts say of the labels."""
    return getattr(codec, "experts", None) is not None


def has_own_modules(params):
    """Whether inputs go through a module of the user's, which take any shape."""
    own = is_own_network(getattr(params, "network", None))
    return own or params.encoder is not None


def is_own_network(network):
    """Whether `network` is a module or function of the user's, and no setting."""
    return not isinstance(network, str | LabelNet | None)
