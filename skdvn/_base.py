"""What the estimators share: parameters, device, the skeleton of fit and predict."""

import copy
import itertools
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
from .networks import JointNetwork, check_network, copy_network
from .oracles import check_oracle, did_you_mean, get_oracle
from .training import LOSSES, SCHEDULES, Objective, Optimization, Trainer
from .tuples import GENERATORS, Mixture, TupleSettings

DEFAULT_TUPLES = {"ground_truth": 0.5, "inference": 0.5}
TRAINING_ASCENT = Ascent()
# What "auto" chooses from on held-out rows.
STEP_SIZES = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
MAX_N_STEPS = 40
CANDIDATES = {
    "sgd": ((0.6, 1e-3), (0.1, 5e-3)),
    "adam": ((1e-3, 1e-3), (1e-3, 1e-5)),
}
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
        "max_iter": [_at_least(1, Integral)],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_at_least(1, Integral)],
        "tol": [_at_least(0)],
        "refit": ["boolean"],
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
            for name in ("step_size", "n_steps")
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
        return replace(self._ascent(), **auto)

    def _candidate_ascents(self):
        ascent = self._training_ascent()
        if self.n_steps == "auto":
            ascent = replace(ascent, n_steps=MAX_N_STEPS)
        if self.step_size == "auto":
            return tuple(replace(ascent, step_size=size) for size in STEP_SIZES)
        return (ascent,)

    def _optimizations(self, n_rows):
        """Candidates for the training, the one without a choice first."""
        common = dict(
            solver=self.solver,
            schedule=self.learning_rate,
            momentum=self.momentum,
            max_grad_norm=self.max_grad_norm,
            lag=self.inference_lag,
            batch_size=self._batch_size(n_rows),
        )
        pairs = {
            (
                rate if self.learning_rate_init == "auto" else self.learning_rate_init,
                alpha if self.alpha == "auto" else self.alpha,
            ): None
            for rate, alpha in CANDIDATES[self.solver]
        }
        return tuple(
            Optimization(learning_rate_init=rate, alpha=alpha, **common)
            for rate, alpha in pairs
        )

    def _batch_size(self, n_rows):
        return min(128, n_rows) if self.batch_size == "auto" else self.batch_size

    def _builder(self, examples):
        """A function that makes the network to train, tried out on a few examples."""
        if self._continues():
            members = itertools.cycle(self._members())
            return lambda rng: copy_network(next(members))

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

    def _plan(self, examples, splits, final_rows):
        """What to learn; without splits nothing is chosen."""
        optimizations = self._optimizations(len(final_rows))
        ascents = (self._training_ascent(),)
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
            ascents = self._candidate_ascents()
        return Plan(
            build=self._builder(examples),
            objective=self._objective(examples),
            optimizations=optimizations,
            ascents=ascents,
            choose_n_steps=self.n_steps == "auto" and not self._continues(),
            splits=splits,
            final_rows=final_rows,
            n_epochs=self.max_iter,
            n_networks=self.n_networks,
            refit=self.refit,
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
        )

    def _continues(self):
        """Whether training goes on from the last fit."""
        return self.warm_start and hasattr(self, "network_")

    def _has_choice(self):
        """Whether something is to be chosen on held-out rows."""
        automatic = (
            self.step_size,
            self.n_steps,
            self.learning_rate_init,
            self.alpha,
        )
        return self.early_stopping or (
            "auto" in [v for v in automatic if isinstance(v, str)]
            and not self._continues()
        )

    def _members(self):
        """The networks of a joint network, or the network itself."""
        network = self.network_
        return (
            list(network.networks) if isinstance(network, JointNetwork) else [network]
        )

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
        self.network_ = learned.network
        self.history_ = learned.history
        self.n_iter_ = learned.n_epochs
        self.validation_score_ = learned.score
        self.step_size_ = learned.ascent.step_size
        self.n_steps_ = learned.ascent.n_steps
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
            old = self._members(), getattr(self, "_optimizers", None)
            members, optimizers = copy.deepcopy(old)
        else:
            build = self._builder(examples)
            members, optimizers = [build(rng) for rng in rngs], None
        self._optimizers = []
        for i, (member, rng) in enumerate(zip(members, rngs, strict=True)):
            trainer = Trainer(
                member,
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
        self.network_ = members[0] if len(members) == 1 else JointNetwork(members)

    # -- inference ---------------------------------------------------------------

    def _infer(self, x, y_init):
        return infer(
            self.network_,
            self._ascent(),
            x,
            y_init,
            batch_size=self.prediction_batch_size,
            rng=self._noise_source(),
        ).numpy()

    def _stages(self, x, y_init):
        iterates = stages(
            self.network_,
            self._ascent(),
            x,
            y_init,
            batch_size=self.prediction_batch_size,
            rng=self._noise_source(),
        )
        return (y.numpy() for y in iterates)

    def _values(self, x, y):
        return values(
            self.network_, x, y, batch_size=self.prediction_batch_size
        ).numpy()

    def _noise_source(self):
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return torch.Generator().manual_seed(seed)

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
    parts = [f"Epoch {entry['epoch']:4d}", f"loss = {entry['loss']:.4f}"]
    if "validation_score" in entry:
        parts.append(f"validation score = {entry['validation_score']:.4f}")
    return ", ".join([*parts, f"{entry['seconds']:.2f} s"])
