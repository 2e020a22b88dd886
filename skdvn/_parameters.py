"""What parameters of all estimators mean, and what they allow."""

from numbers import Integral, Real
from os import PathLike

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ._typing import Method
from .inference import STEP_RULES
from .oracles import did_you_mean, get_oracle
from .training import LOSSES, SCHEDULES
from .tuples import GENERATORS, Mixture

# Enough to try a user's oracle on.
A_FEW_ROWS = 3


def with_checked_parameters(method: Method) -> Method:
    """Decorate `fit` so that it checks the parameters of its estimator first."""
    return _fit_context(prefer_skip_nested_validation=False)(method)


def at_least(low, kind=Real):
    return Interval(kind, low, None, closed="left")


def above(low):
    return Interval(Real, low, None, closed="neither")


class ParametersMixin:
    """Turns parameters into the objects that the torch rooms work with."""

    default_tuples: dict | None = None

    _parameter_constraints = {
        "oracle": [str, callable],
        "loss": [StrOptions({*LOSSES, "hinge"})],
        "tuples": [dict, None],
        "tuple_mixing": [StrOptions({"all", "one"})],
        "n_iterates": [at_least(1, Integral)],
        "tau": [at_least(0)],
        "replay_size": [at_least(1, Integral)],
        "step_rule": [StrOptions(set(STEP_RULES))],
        "inference_momentum": [Interval(Real, 0, 1, closed="left")],
        "inference_noise": [at_least(0)],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "max_grad_norm": [Interval(Real, 0, np.inf, closed="right")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [at_least(1, Integral)],
        "tol": [at_least(0)],
        "n_networks": [at_least(1, Integral)],
        "inference_lag": [at_least(0, Integral)],
        "prediction_batch_size": [at_least(1, Integral)],
        "warm_start": ["boolean"],
        "checkpoint_dir": [str, PathLike, None],
        "n_jobs": [Integral, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _oracle(self):
        """The oracle in use, a function on tensors."""
        return get_oracle(self.oracle)

    def _resolve_device(self):
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if not usable(self.device):
            n_found = torch.cuda.device_count()
            raise ValueError(
                f"device={str(self.device)!r} cannot be used here. Allowed are 'auto' "
                f"and 'cpu'; of CUDA devices PyTorch sees {n_found or 'none'}."
            )
        return torch.device(self.device)

    def _chosen(self, name, otherwise):
        """A parameter; if it is "auto", what fit chose, or `otherwise`."""
        value = getattr(self, name)
        return getattr(self, name + "_", otherwise) if value == "auto" else value

    def _mixture(self):
        shares = self.default_tuples if self.tuples is None else self.tuples
        for name, share in shares.items():
            if not callable(name) and name not in GENERATORS:
                raise ValueError(
                    f"tuples names the unknown generator {name!r}. "
                    f"{did_you_mean(name, GENERATORS)} A callable is allowed too."
                )
            if not isinstance(share, Real) or not 0 <= share < np.inf:
                raise ValueError(
                    f"tuples gives {name!r} the share {share!r}; allowed are finite "
                    "numbers from 0 on."
                )
        if not sum(shares.values()) > 0:
            raise ValueError(
                f"tuples must give some generator a share above 0, got {shares}."
            )
        generators = {
            GENERATORS.get(name, name): share for name, share in shares.items()
        }
        return Mixture(generators, one_at_a_time=self.tuple_mixing == "one")

    def _continues(self):
        """Whether training goes on from the last fit."""
        return self.warm_start and hasattr(self, "network_")


def usable(device):
    """Whether tensors can be put on this device here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        return False
    return True
