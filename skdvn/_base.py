"""What the estimators share: parameters, device, the skeleton of fit and predict."""

import itertools
import threading
import warnings
from abc import ABCMeta
from dataclasses import replace

import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ._compat import CallbackSupportMixin
from ._parameters import A_FEW_ROWS, ParametersMixin, usable
from .inference import infer, stages, values
from .learning import Plan, learn
from .networks import check_is_network, check_network, copy_network, join, members
from .training import Trainer

# Held while torch's global generator is seeded for a user's network.
GLOBAL_GENERATOR = threading.Lock()


class BaseDVN(ParametersMixin, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Skeleton of the estimators.

    A subclass names the parameters, turns X and Y into `Examples` and builds its
    network; learning, inference and persistence stand here.
    """

    def _builder(self, examples):
        """A function that makes the network to train, tried out on a few examples."""
        if self._continues():
            networks = itertools.cycle(members(self.network_))
            where = examples.y.device, examples.y.dtype
            return lambda rng: copy_network(next(networks)).to(*where)

        def build(rng):
            network = self._new_network(rng)
            check_is_network(network)
            return network.to(examples.y.device, examples.y.dtype)

        trial = build(torch.Generator().manual_seed(0)).eval()
        check_network(trial, examples.x.take(A_FEW_ROWS), examples.y.take(A_FEW_ROWS))
        return build

    def _new_network(self, rng):
        """The user's network or the default one, with fresh weights."""
        if isinstance(self.network, torch.nn.Module):
            return copy_network(self.network)
        if self.network is None:
            return self._default_network(rng)
        # torch's own modules draw their weights from the global generator.
        with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(rng.initial_seed() % 2**63)
            sizes = self._sizes()
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
        for name in vars(self).keys() - vars(draft).keys():
            if not name.startswith(("_callback", "_skl")):  # scikit-learn's own
                delattr(self, name)
        self.__dict__.update(vars(draft))

    def _plan(self, examples, splits):
        """What to learn; without splits nothing is chosen."""
        n_rows = len(examples)
        n_networks = self.n_networks
        if self._continues():
            n_networks = len(members(self.network_))
            optimizations = (self._next_optimization(n_rows),)
            ascents = (self._ascent(),)
        elif splits:
            optimizations = self._optimizations(n_rows)
            ascents = self._candidate_ascents(splits[0].margins is not None)
        else:
            optimizations = self._optimizations(n_rows)[:1]
            weight = 0.0 if self.prior_weight == "auto" else self.prior_weight
            ascents = (replace(self._training_ascent(), prior_weight=weight),)
        return Plan(
            build=self._builder(examples),
            objective=self._objective(examples),
            optimizations=optimizations,
            decide=self._round,
            ascents=ascents,
            choose_n_steps=self.n_steps == "auto" and not self._continues(),
            splits=splits,
            n_networks=n_networks,
            refit=self._refits(n_rows, splits) or self._continues(),
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
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
        vars(self).pop("_optimizer_states", None)
        self.network_ = learned.network
        self.history_ = learned.history
        self.n_iter_ = learned.n_epochs
        self._store_choice(learned.optimization, learned.ascent, learned.score)

    def _learn_part(self, examples):
        """One epoch of every member on these examples, at a constant rate."""
        seeds = check_random_state(self.random_state)
        objective = self._objective(examples)
        optimization = replace(
            self._next_optimization(len(examples)), schedule="constant"
        )
        self.history_ = list(getattr(self, "history_", []))
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        if hasattr(self, "network_"):
            networks = [copy_network(one) for one in members(self.network_)]
        else:
            build = self._builder(examples)
            networks = [
                build(torch.Generator().manual_seed(seeds.randint(2**31 - 1)))
                for _ in range(self.n_networks)
            ]
            self._store_choice(optimization, self._ascent(), float("nan"))
        states = getattr(self, "_optimizer_states", [None] * len(networks))
        self._optimizer_states = []
        for network, state in zip(networks, states, strict=True):
            seed = seeds.randint(2**31 - 1) + self.n_iter_
            rng = torch.Generator().manual_seed(seed)
            trainer = Trainer(network, examples, objective, optimization, 1, rng, state)
            loss = trainer.run_epoch()
            self.history_.append({"epoch": self.n_iter_, "loss": loss})
            self._optimizer_states.append(trainer.optimizer.state())
        self.network_ = join(networks)

    def _store_choice(self, optimization, ascent, score):
        self.validation_score_ = score
        self.step_size_ = ascent.step_size
        self.n_steps_ = ascent.n_steps
        self.prior_weight_ = ascent.prior_weight
        self.learning_rate_init_ = optimization.learning_rate_init
        self.alpha_ = optimization.alpha

    # -- inference ---------------------------------------------------------------

    def _infer(self, queries):
        return infer(self.network_, self._ascent(), queries, **self._how()).numpy()

    def _stages(self, queries):
        iterates = stages(self.network_, self._ascent(), queries, **self._how())
        return (y.numpy() for y in iterates)

    def _how(self):
        self._validate_params()  # they may have been set since fit
        rng = None
        if self.inference_noise:
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            rng = torch.Generator().manual_seed(seed)
        return {"batch_size": self.prediction_batch_size, "rng": rng}

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
        if "device_" in state and not usable(self.device_):
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


def _describe(entry):
    parts = [
        f"Training {entry['training']}, epoch {entry['epoch']:3d}",
        f"loss = {entry['loss']:.4f}",
    ]
    if "validation_score" in entry:
        parts.append(f"validation score = {entry['validation_score']:.4f}")
    return ", ".join([*parts, f"{entry['seconds']:.2f} s"])
