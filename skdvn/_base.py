"""What the estimators share: parameters, device, the skeleton of fit and predict."""

import threading
import warnings
from abc import ABCMeta
from dataclasses import replace
from numbers import Integral
from pathlib import Path

import torch
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ._compat import CallbackSupportMixin, FitProgress
from ._fingerprint import fingerprint
from ._parameters import A_FEW_ROWS
from ._persistence import PortableStateMixin
from .checkpoints import Checkpoints
from .distributed import current_team
from .inference import inferred, stages, values
from .learning import learn
from .networks import check_is_network, check_network, copy_network, join, members
from .runs import Engine
from .training import Trainer

# Held while torch's global generator is seeded for a user's network.
GLOBAL_GENERATOR = threading.Lock()
# Attributes of scikit-learn's own, which concern the estimator that was called.
CALLBACKS = ("_callback", "_skl")
# What may be chosen on held-out rows.
CHOSEN = ("step_size", "n_steps", "prior_weight", "learning_rate_init", "alpha")


class BaseDVN(
    CallbackSupportMixin, PortableStateMixin, BaseEstimator, metaclass=ABCMeta
):
    """Skeleton of the estimators.

    A subclass names the parameters, turns X and Y into `Examples` and builds its
    network; learning and inference stand here.
    """

    def _builder(self, examples):
        """A function that makes the network to train, tried out on a few examples."""
        if self._continues():
            networks = members(self.network_)
            return lambda rng, index: self._placed(
                copy_network(networks[index % len(networks)])
            )

        def build(rng, index):
            network = self._new_network(rng)
            check_is_network(network)
            return self._placed(network)

        rng = torch.Generator().manual_seed(0)
        trial = build(rng, 0).eval()
        drawn = examples.draw(torch.arange(min(A_FEW_ROWS, len(examples))), rng)
        check_network(trial, drawn.x, drawn.y)
        return build

    def _placed(self, network):
        """The network on the device, in the precision of the data."""
        return network.to(self.device_, self._dtype)

    def _new_network(self, rng):
        """The user's network or the default one, with fresh weights."""
        if isinstance(self.network, torch.nn.Module):
            return copy_network(self.network)
        if self.network is None or isinstance(self.network, str):
            return self._default_network(rng)
        return self._called("network", rng, **self._network_sizes())

    def _called(self, name, rng, **sizes):
        """The module that the user's function returns, with weights drawn from rng."""
        # torch's own modules draw their weights from the global generator.
        with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(rng.initial_seed() % 2**63)
            make = getattr(self, name)
            try:
                return make(*sizes.values())
            except Exception as error:
                called = " and ".join(f"{name}={n}" for name, n in sizes.items())
                raise ValueError(
                    f"{name}={make!r} failed when called with "
                    f"{called or 'no arguments'}: {error}"
                ) from error

    # -- learning ----------------------------------------------------------------

    def _fit(self, X, y, sample_weight, X_val, y_val):
        """Fit a draft of the estimator, and become it if all goes well."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        draft = self._draft()
        engine = self._engine(X, y, sample_weight, X_val, y_val)
        data = draft._prepare(X, y, sample_weight)
        splits = draft._splits(data, X_val, y_val)
        examples = draft._examples(data)
        plan = draft._plan(examples, splits)
        progress = FitProgress(self, plan.n_epochs_planned, X=X, y=y)
        interrupted = draft._learn(plan, examples, progress, engine)
        draft._finish(data)
        progress.end()
        self._adopt(draft)
        if not interrupted:
            engine.checkpoints.clear()
        return self

    def _team(self, *data):
        """The processes to train together with, on the same data."""
        team = current_team()
        if team.size > 1 and self.random_state is None:
            raise ValueError(
                f"random_state must be an int within data_parallel(), so that all "
                f"{team.size} processes draw the same; got None."
            )
        if team.size > 1 and effective_n_jobs(self.n_jobs) > 1:
            raise ValueError(
                f"n_jobs={self.n_jobs} would start processes within data_parallel(), "
                "where only None and 1 are allowed."
            )
        if team.size > 1 and len(set(team.gather(fingerprint(self, *data)))) > 1:
            raise ValueError(
                f"The {team.size} processes within data_parallel() must be given the "
                "same parameters and the same data, all of it; they were not."
            )
        return team

    def _engine(self, *data):
        """How trainings are carried out."""
        team = self._team(*data)
        if self.checkpoint_dir is None:
            return Engine(self.n_jobs, team=team)
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"random_state={self.random_state!r} with checkpoint_dir="
                f"{self.checkpoint_dir!r}: only with an int can a fit go on from where "
                "another one was killed."
            )
        folder = Path(self.checkpoint_dir).absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"checkpoint_dir={str(self.checkpoint_dir)!r} must be a folder, or a "
                f"place where one can be made: {error}"
            ) from error
        folder /= fingerprint(self, team.size, *data)
        return Engine(self.n_jobs, Checkpoints(folder), team)

    def _finish(self, data):
        """What is left to do once the networks are trained."""

    def _draft(self):
        """A twin to fit on, so that a failed fit changes nothing."""
        draft = object.__new__(type(self))
        own = {k: v for k, v in vars(self).items() if not k.startswith(CALLBACKS)}
        draft.__dict__.update(own)
        return draft

    def _adopt(self, draft):
        """Become what a successful fit made of the draft."""
        for name in vars(self).keys() - vars(draft).keys():
            if not name.startswith(CALLBACKS):
                delattr(self, name)
        self.__dict__.update(vars(draft))

    def _learn(self, plan, examples, progress, engine):
        """Run the plan and store what was learned; whether it was interrupted."""

        def on_epoch(entry):
            if self.verbose and engine.team.rank == 0:
                print(_describe(entry, plan.n_trainings_planned))
            return progress.epoch()

        seed = check_random_state(self.random_state).randint(2**31 - 1)
        learned = learn(plan, examples, seed, on_epoch, engine)
        if learned.interrupted:
            warnings.warn(
                "Training was interrupted by the user; the best weights so far are "
                "kept.",
                ConvergenceWarning,
                stacklevel=5,
            )
        vars(self).pop("_optimizer_states", None)
        self.network_ = learned.network
        self.history_ = learned.history
        self.n_iter_ = learned.n_epochs
        self._store_choice(learned.optimization, learned.ascent, learned.score)
        if self.verbose and engine.team.rank == 0 and plan.splits:
            print(self._describe_choice())
        return learned.interrupted

    def _describe_choice(self):
        """What was chosen on the held-out rows, or given, and how good it is."""
        chosen = [
            f"{name} = {getattr(self, name + '_'):.4g}"
            for name in CHOSEN
            if hasattr(self, name + "_")
        ]
        score = f"validation score = {self.validation_score_:.4f}"
        return ", ".join([f"All trainings: {score}", *chosen])

    def _learn_part(self, examples):
        """One epoch of every member on these examples, at a constant rate."""
        team = self._team(examples)
        seeds = check_random_state(self.random_state)
        objective = self._objective(examples)
        chosen = self._next_optimization(len(examples))
        optimization = self._at_constant_rate(chosen)
        self.history_ = list(getattr(self, "history_", []))
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        if hasattr(self, "network_"):
            networks = [copy_network(one) for one in members(self.network_)]
        else:
            build = self._builder(examples)
            networks = [
                build(torch.Generator().manual_seed(seeds.randint(2**31 - 1)), index)
                for index in range(self.n_networks)
            ]
            self._store_choice(chosen, self._ascent(), float("nan"))
        states = getattr(self, "_optimizer_states", [None] * len(networks))
        self._optimizer_states = []
        for network, state in zip(networks, states, strict=True):
            seed = seeds.randint(2**31 - 1) + self.n_iter_
            rng = torch.Generator().manual_seed(seed)
            trainer = Trainer(
                network, examples, objective, optimization, 1, rng, state, team
            )
            loss = trainer.run_epoch()
            self.history_.append({"epoch": self.n_iter_, "loss": loss})
            self._optimizer_states.append(trainer.optimizer.state())
        self.network_ = join(networks)

    def _at_constant_rate(self, optimization):
        """The same for training without end."""
        return replace(optimization, schedule="constant")

    # -- inference ---------------------------------------------------------------

    def _inferred(self, queries):
        """Relaxed outputs, one mini-batch of rows after the other."""
        parts = inferred(self.network_, self._ascent(), queries, **self._how())
        return (y.numpy() for y in parts)

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

    def _values(self, x, outputs):
        """What the network thinks of several outputs of each row, (n_outputs, n)."""
        size = self.prediction_batch_size
        return values(self.network_, x, outputs, batch_size=size).numpy()


def _describe(entry, n_trainings):
    parts = [
        f"Training {entry['training']} of {n_trainings}, epoch {entry['epoch']:3d}",
        f"loss = {entry['loss']:.4f}",
    ]
    if "validation_score" in entry:
        parts.append(f"validation score = {entry['validation_score']:.4f}")
    parts.append(f"{entry['seconds']:.2f} s")
    if "resumed" in entry:
        parts.append("from the checkpoint")
    return ", ".join(parts)
