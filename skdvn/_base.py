"""What the estimators share: parameters, device, the skeleton of fit and predict."""

import copy
import itertools
import math
import warnings
from abc import ABCMeta
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from ._compat import CallbackSupportMixin
from .inference import STEP_RULES, Ascent, infer, stages, values
from .learning import Plan, learn
from .networks import check_network, copy_network, join, members
from .oracles import check_oracle, did_you_mean, get_oracle
from .training import LOSSES, SCHEDULES, Objective, Optimization, Trainer
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
# Learning rates with weight decays, the latter times max(n_rows, 1000).
CANDIDATES = {
    "sgd": ((0.3, 5.0), (0.6, 1.5), (0.3, 15.0)),
    "adam": ((1e-3, 0.1),),
}
CANDIDATE_FOR_MANY_ROWS = {"sgd": ((0.6, 5.0),), "adam": ((1e-3, 0.1),)}
# What "auto" trains for: epochs, but at least so many mini-batches.
MIN_EPOCHS, MIN_UPDATES = 16, 250
# Enough to try a user's oracle and network on.
A_FEW_ROWS = slice(3)


def _at_least(low, kind=Real):
    return Interval(kind, low, None, closed="left")


def _above(low):
    return Interval(Real, low, None, closed="neither")


class BaseDVN(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    A subclass names the parameters, turns X and Y into `Examples` and builds its
    network; learning, inference and persistence stand here.
    """

    _parameter_constraints = {
        "oracle": [str, callable],
        "loss": [StrOptions(set(LOSSES))],
        "tuples": [dict, None],
        "tuple_mixing": [StrOptions({"all", "one"})],
        "n_iterates": [_at_least(1, Integral)],
        "tau": [_at_least(0)],
        "replay_size": [_at_least(0, Integral)],
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
        "max_grad_norm": [_above(0)],
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

    # -- parameters resolved -----------------------------------------------------

    def _resolve_device(self):
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if not _usable(self.device):
            raise ValueError(
                f"device={str(self.device)!r} cannot be used here. Allowed are 'auto', "
                f"'cpu' and the {torch.cuda.device_count()} CUDA device(s) of this "
                "machine."
            )
        return torch.device(self.device)

    def _ascent(self):
        """Inference as the parameters stand now; "auto" means as chosen in fit."""
        chosen = {
            name: getattr(self, name + "_", getattr(TRAINING_ASCENT, name))
            if getattr(self, name) == "auto"
            else getattr(self, name)
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
        automatic = [(rate, decay * scale) for rate, decay in table[self.solver]]
        pairs = {
            (
                rate if self.learning_rate_init == "auto" else self.learning_rate_init,
                alpha if self.alpha == "auto" else self.alpha,
            ): None
            for rate, alpha in automatic
        }
        return tuple(
            Optimization(
                solver=self.solver,
                learning_rate_init=rate,
                schedule=self.learning_rate,
                momentum=self.momentum,
                alpha=alpha,
                batch_size=self._batch_size(n_rows),
                max_grad_norm=self.max_grad_norm,
                lag=self.inference_lag,
            )
            for rate, alpha in pairs
        )

    def _batch_size(self, n_rows):
        if self.batch_size == "auto":
            return BATCH_SIZES[n_rows > FEW_ROWS]
        return self.batch_size

    def _n_epochs(self, n_rows):
        if self.max_iter != "auto":
            return self.max_iter
        n_batches = math.ceil(n_rows / self._batch_size(n_rows))
        return max(MIN_EPOCHS, math.ceil(MIN_UPDATES / n_batches))

    def _refits(self, n_rows):
        return n_rows > FEW_ROWS if self.refit == "auto" else self.refit

    def _builder(self, examples):
        """A function that makes the network to train, tried out on a few examples."""
        if self._continues():
            networks = itertools.cycle(members(self.network_))
            return lambda rng: copy_network(next(networks))

        def build(rng):
            return self._new_network(rng).to(examples.y.device, examples.y.dtype)

        trial = build(torch.Generator().manual_seed(0)).eval()
        check_network(trial, examples.x.take(A_FEW_ROWS), examples.y.take(A_FEW_ROWS))
        return build

    def _new_network(self, rng):
        """The user's network or the default one, with fresh weights."""
        if isinstance(self.network, torch.nn.Module):
            return copy_network(self.network)
        if self.network is None:
            network = self._default_network()
            network.reset_parameters(rng)
            return network
        sizes = self.n_features_in_, self._targets.n_labels_
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(rng.initial_seed() % 2**63)
            try:
                return self.network(*sizes)
            except Exception as error:
                raise ValueError(
                    f"network={self.network!r} failed when called with n_features="
                    f"{sizes[0]} and n_labels={sizes[1]}: {error}"
                ) from error

    # -- learning ----------------------------------------------------------------

    def _draft(self):
        """A twin to fit on, so that a failed fit changes nothing."""
        draft = object.__new__(type(self))
        draft.__dict__.update(self.__dict__)
        return draft

    def _adopt(self, draft):
        """Become what a successful fit made of the draft."""
        for name in [n for n in vars(self) if n.endswith("_") and n[0] != "_"]:
            delattr(self, name)
        self.__dict__.update(vars(draft))

    def _plan(self, examples, splits):
        """What to learn; without splits nothing is chosen."""
        n_rows = len(examples)
        optimizations = self._optimizations(n_rows)
        weight = 0.0 if self.prior_weight == "auto" else self.prior_weight
        ascents = (replace(self._training_ascent(), prior_weight=weight),)
        if self._continues():
            optimizations = (
                replace(
                    optimizations[0],
                    learning_rate_init=self.learning_rate_init_,
                    alpha=self.alpha_,
                ),
            )
            ascents = (self._ascent(),)
        elif splits:
            ascents = self._candidate_ascents(splits[0].margins is not None)
        return Plan(
            build=self._builder(examples),
            objective=self._objective(examples),
            optimizations=optimizations,
            decide=self._round,
            ascents=ascents,
            choose_n_steps=self.n_steps == "auto" and not self._continues(),
            splits=splits,
            n_epochs=self._n_epochs(n_rows),
            n_networks=self.n_networks,
            refit=self._refits(n_rows),
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
        )

    def _continues(self):
        """Whether training goes on from the last fit."""
        return self.warm_start and hasattr(self, "network_")

    def _has_choice(self):
        """Whether something is to be chosen on held-out rows."""
        automatic = "auto" in (
            value
            for value in (
                self.step_size,
                self.n_steps,
                self.prior_weight,
                self.learning_rate_init,
                self.alpha,
            )
            if isinstance(value, str)
        )
        return self.early_stopping or (automatic and not self._continues())

    def _learn(self, plan, examples, progress):
        """Run the plan and store what was learned."""

        def on_epoch(entry):
            if self.verbose:
                print(_describe(entry))
            return progress.epoch()

        seed = check_random_state(self.random_state).randint(2**31 - 1)
        learned = learn(plan, examples, seed, on_epoch)
        if learned.interrupted:
            warnings.warn(
                "Training was interrupted by the user; the best weights so far are "
                "kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
        vars(self).pop("_optimizers", None)
        self.network_ = learned.network
        self.history_ = learned.history
        self.n_iter_ = learned.n_epochs
        self.validation_score_ = learned.score
        self.step_size_ = learned.ascent.step_size
        self.n_steps_ = learned.ascent.n_steps
        self.prior_weight_ = learned.ascent.prior_weight
        self.learning_rate_init_ = learned.optimization.learning_rate_init
        self.alpha_ = learned.optimization.alpha

    def _learn_part(self, examples):
        """One epoch of every member on these examples, at a constant rate."""
        seeds = check_random_state(self.random_state)
        objective = self._objective(examples)
        optimization = replace(
            self._optimizations(len(examples))[0], schedule="constant"
        )
        self.history_ = list(getattr(self, "history_", []))
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        rngs = [
            torch.Generator().manual_seed(seeds.randint(2**31 - 1) + self.n_iter_)
            for _ in range(self.n_networks)
        ]
        if hasattr(self, "network_"):
            old = members(self.network_), getattr(self, "_optimizers", None)
            networks, optimizers = copy.deepcopy(old)
        else:
            build = self._builder(examples)
            networks, optimizers = [build(rng) for rng in rngs], None
        self._optimizers = []
        for i, (network, rng) in enumerate(zip(networks, rngs, strict=True)):
            trainer = Trainer(
                network,
                examples,
                objective,
                optimization,
                n_epochs=1,
                rng=rng,
                optimizer=optimizers and optimizers[i],
            )
            loss = trainer.run_epoch()
            self.history_.append({"epoch": self.n_iter_, "loss": loss})
            self._optimizers.append(trainer.optimizer)
        self.network_ = join(networks)

    # -- inference ---------------------------------------------------------------

    def _infer(self, queries):
        return infer(self.network_, self._ascent(), queries, **self._how()).numpy()

    def _stages(self, queries):
        iterates = stages(self.network_, self._ascent(), queries, **self._how())
        return (y.numpy() for y in iterates)

    def _how(self):
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return {
            "batch_size": self.prediction_batch_size,
            "rng": torch.Generator().manual_seed(seed),
        }

    def _values(self, x, y):
        return values(
            self.network_, x, y, batch_size=self.prediction_batch_size
        ).numpy()

    # -- persistence -------------------------------------------------------------

    def __getstate__(self):
        """Pickles hold CPU arrays, so that they load on any machine."""
        state = super().__getstate__()
        return {name: _on_cpu(value) for name, value in state.items()}

    def __setstate__(self, state):
        super().__setstate__(state)
        if "device_" in state and not _usable(self.device_):
            self.device_ = torch.device("cpu")
        if "network_" in state:
            self.network_.to(self.device_)


def _on_cpu(value):
    """A copy with all tensors on the CPU, or the value itself if they are."""
    if isinstance(value, torch.nn.Module):
        on_cpu = all(p.device.type == "cpu" for p in value.parameters())
        return value if on_cpu else copy_network(value).cpu()
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if type(value) is dict:
        return {key: _on_cpu(part) for key, part in value.items()}
    if type(value) is list:
        return [_on_cpu(part) for part in value]
    return value


def _usable(device):
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        return False
    return True


def _describe(entry):
    parts = [
        f"Training {entry['training']}, epoch {entry['epoch']:3d}",
        f"loss = {entry['loss']:.4f}",
    ]
    if "validation_score" in entry:
        parts.append(f"validation score = {entry['validation_score']:.4f}")
    return ", ".join([*parts, f"{entry['seconds']:.2f} s"])
