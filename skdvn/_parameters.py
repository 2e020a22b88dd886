"""What the estimators' parameters mean: allowed values, and "auto" resolved."""

import math
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from .inference import STEP_RULES, Ascent
from .oracles import check_oracle, did_you_mean, get_oracle
from .training import LOSSES, SCHEDULES, Objective, Optimization
from .tuples import GENERATORS, Mixture, TupleSettings

DEFAULT_TUPLES = {"stratified": 0.5, "inference": 0.5}
TRAINING_ASCENT = Ascent()
# Up to so many rows training is cheap: more candidates, smaller batches, and the
# networks of all folds together instead of one trained anew.
FEW_ROWS = 2500
BATCH_SIZES = 64, 128
# What "auto" chooses from on held-out rows.
STEP_SIZES = (0.25, 0.5, 1.0)
MAX_N_STEPS = 40
PRIOR_WEIGHTS = (0.0, 0.1, 0.3, 1.0)
# Learning rates, weight decays times max(n_rows, 1000), and numbers of mini-batches to
# train for; the first is taken where nothing can be held out.
CANDIDATES = {
    "sgd": ((0.3, 5.0, 250), (0.6, 1.5, 750), (0.3, 15.0, 250)),
    "adam": ((1e-3, 0.1, 250), (1e-3, 0.1, 750)),
}
CANDIDATE_FOR_MANY_ROWS = {"sgd": ((0.6, 5.0, 0),), "adam": ((1e-3, 0.1, 0),)}
# But never for fewer epochs.
MIN_EPOCHS = 16


# Enough to try a user's oracle on.
A_FEW_ROWS = slice(3)


def _at_least(low, kind=Real):
    return Interval(kind, low, None, closed="left")


def _above(low):
    return Interval(Real, low, None, closed="neither")


class ParametersMixin:
    """Turns parameters into the objects that the torch rooms work with."""

    _parameter_constraints = {
        "oracle": [str, callable],
        "loss": [StrOptions(set(LOSSES))],
        "tuples": [dict, None],
        "tuple_mixing": [StrOptions({"all", "one"})],
        "n_iterates": [_at_least(1, Integral)],
        "tau": [_at_least(0)],
        "replay_size": [_at_least(1, Integral)],
        "step_size": [_above(0), StrOptions({"auto"})],
        "n_steps": [_at_least(1, Integral), StrOptions({"auto"})],
        "prior_weight": [_at_least(0), StrOptions({"auto"})],
        "step_rule": [StrOptions(set(STEP_RULES))],
        "inference_momentum": [Interval(Real, 0, 1, closed="left")],
        "inference_noise": [_at_least(0)],
        "solver": [StrOptions({"sgd", "adam"})],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [_above(0), StrOptions({"auto"})],
        "alpha": [_at_least(0), StrOptions({"auto"})],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "max_grad_norm": [Interval(Real, 0, np.inf, closed="right")],
        "batch_size": [_at_least(1, Integral), StrOptions({"auto"})],
        "max_iter": [_at_least(1, Integral), StrOptions({"auto"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_at_least(1, Integral)],
        "tol": [_at_least(0)],
        "refit": ["boolean", StrOptions({"auto"})],
        "n_networks": [_at_least(1, Integral)],
        "inference_lag": [_at_least(0, Integral)],
        "prediction_batch_size": [_at_least(1, Integral)],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _resolve_device(self):
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if not usable(self.device):
            raise ValueError(
                f"device={str(self.device)!r} cannot be used here. Allowed are 'auto', "
                f"'cpu' and the {torch.cuda.device_count()} CUDA device(s) of this "
                "machine."
            )
        return torch.device(self.device)

    def _chosen(self, name, otherwise):
        """A parameter; if it is "auto", what fit chose, or `otherwise`."""
        value = getattr(self, name)
        return getattr(self, name + "_", otherwise) if value == "auto" else value

    def _ascent(self):
        """Inference as the parameters stand now; "auto" means as chosen in fit."""
        chosen = {
            name: self._chosen(name, getattr(TRAINING_ASCENT, name))
            for name in ("step_size", "n_steps", "prior_weight")
        }
        return Ascent(
            **chosen,
            step_rule=self.step_rule,
            momentum=self.inference_momentum,
            noise=self.inference_noise,
        )

    def _mixture(self):
        shares = DEFAULT_TUPLES if self.tuples is None else self.tuples
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

    def _objective(self, examples):
        oracle = get_oracle(self.oracle)
        check_oracle(oracle, examples.y.take(A_FEW_ROWS))
        settings = TupleSettings(
            oracle, self._training_ascent(), n_iterates=self.n_iterates, tau=self.tau
        )
        return Objective(self._mixture(), settings, self.loss, self.replay_size)

    def _training_ascent(self):
        """Inference as tuples are generated with it; "auto" is chosen afterwards."""
        auto = {
            name: getattr(TRAINING_ASCENT, name)
            for name in ("step_size", "n_steps")
            if getattr(self, name) == "auto"
        }
        return replace(self._ascent(), **auto, prior_weight=0.0)

    def _candidate_ascents(self, has_prior):
        ascent = self._training_ascent()
        if self.n_steps == "auto":
            ascent = replace(ascent, n_steps=MAX_N_STEPS)
        sizes = STEP_SIZES if self.step_size == "auto" else (self.step_size,)
        weights = PRIOR_WEIGHTS if self.prior_weight == "auto" else (self.prior_weight,)
        return tuple(
            replace(ascent, step_size=size, prior_weight=weight)
            for weight in (weights if has_prior else (0.0,))
            for size in sizes
        )

    def _optimizations(self, n_rows):
        """Candidates for the training, the one without a choice first."""
        table = CANDIDATES if n_rows <= FEW_ROWS else CANDIDATE_FOR_MANY_ROWS
        scale = 1 / max(n_rows, 1000)
        candidates = {
            (
                rate if self.learning_rate_init == "auto" else self.learning_rate_init,
                decay * scale if self.alpha == "auto" else self.alpha,
                self._n_epochs(n_rows, n_updates),
            ): None
            for rate, decay, n_updates in table[self.solver]
        }
        return tuple(
            Optimization(
                solver=self.solver,
                learning_rate_init=rate,
                schedule=self.learning_rate,
                momentum=self.momentum,
                alpha=alpha,
                n_epochs=n_epochs,
                batch_size=self._batch_size(n_rows),
                max_grad_norm=self.max_grad_norm,
                lag=self.inference_lag,
            )
            for rate, alpha, n_epochs in candidates
        )

    def _next_optimization(self, n_rows):
        """How to train on from where the last fit left."""
        first = self._optimizations(n_rows)[0]
        return replace(
            first,
            learning_rate_init=self._chosen(
                "learning_rate_init", first.learning_rate_init
            ),
            alpha=self._chosen("alpha", first.alpha),
        )

    def _batch_size(self, n_rows):
        if self.batch_size == "auto":
            return BATCH_SIZES[n_rows > FEW_ROWS]
        return self.batch_size

    def _n_epochs(self, n_rows, n_updates):
        if self.max_iter != "auto":
            return self.max_iter
        n_batches = math.ceil(n_rows / self._batch_size(n_rows))
        return max(MIN_EPOCHS, math.ceil(n_updates / n_batches))

    def _refits(self, n_rows, splits=()):
        """Whether to train anew on all rows; not if a split was on all of them."""
        if any(len(split.rows) == n_rows for split in splits):
            return self.n_networks > 1
        if self.refit == "auto":
            return n_rows > FEW_ROWS or self.n_networks > 1
        return self.refit

    def _continues(self):
        """Whether training goes on from the last fit."""
        return self.warm_start and hasattr(self, "network_")

    def _has_choice(self, n_rows):
        """Whether something is to be chosen on held-out rows."""
        ascent = self.step_size, self.n_steps, self.prior_weight
        automatic = "auto" in [value for value in ascent if isinstance(value, str)]
        automatic = automatic or len(self._optimizations(n_rows)) > 1
        return self.early_stopping or (automatic and not self._continues())


def usable(device):
    """Whether tensors can be put on this device here."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        return False
    return True
