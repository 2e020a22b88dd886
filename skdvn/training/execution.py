"""Single trainings: each by itself, in this process or another, and resumable."""

import time
import warnings
from dataclasses import asdict, dataclass, field, replace

import torch
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from ..inference import GradientAscent
from ..networks import copy_network
from .checkpoints import NO_CHECKPOINTS, Checkpoints
from .full_batch import FullBatchTrainer
from .plan import Optimization, Split
from .scoring import best_ascent, totals_of
from .teams import ALONE, Team
from .trainer import Trainer, check_scores

# A copy of the state is written at most so often, and at the end of each training.
SECONDS_BETWEEN_COPIES = 1.0


@dataclass(frozen=True)
class Training:
    """One training that is to be done.

    Parameters
    ----------
    number : int
        Which of all trainings, counted from 1.
    index : int
        Which of those that differ only in their randomness or their rows.
    seed : int
        Of all its randomness.
    optimization : Optimization
    n_epochs : int
    split : Split or None
        What to train on and what to score on; None trains on all rows.
    """

    number: int
    index: int
    seed: int
    optimization: Optimization
    n_epochs: int
    split: Split | None = None

    def identity(self):
        """What tells it from other trainings of the same number, as plain values."""
        how = asdict(self.optimization)
        return {"seed": self.seed, "n_epochs": self.n_epochs, **how}

    def examples_of(self, examples):
        """Those of the examples to train on, with no memory of other trainings."""
        if self.split is None:
            return replace(examples)
        return examples.subset(self.split.rows)


@dataclass
class Trained:
    """What came of one training, or of all trainings of a plan.

    Parameters
    ----------
    network : torch.nn.Module
    n_epochs : int
        Epochs that led to this network.
    optimization : Optimization or None
        How it was trained.
    ascent : GradientAscent or None
        The inference that was selected, once it was.
    score : float
        Its mean oracle value on held-out rows, nan where there were none.
    totals : torch.Tensor or None
        How each ascent scores on the held-out rows, see `totals_of`.
    history : list of dict
        One entry per epoch.
    stopped : bool
        Whether all training is to stop here.
    interrupted : bool
        Whether that is because the user pressed Ctrl-C.
    unsaved : str
        Why a safety copy could not be written, "" if all could.
    """

    network: torch.nn.Module | None
    n_epochs: int
    optimization: Optimization | None = None
    ascent: GradientAscent | None = None
    score: float = float("nan")
    totals: torch.Tensor | None = None
    history: list = field(default_factory=list)
    stopped: bool = False
    interrupted: bool = False
    unsaved: str = ""


@dataclass(frozen=True)
class Execution:
    """How trainings are carried out.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Trainings at the same time, by joblib, in processes or on a cluster.
    checkpoints : Checkpoints, default=NO_CHECKPOINTS
        Where their safety copies are.
    team : Team, default=ALONE
        Processes that share each training.
    """

    n_jobs: int | None = None
    checkpoints: Checkpoints = NO_CHECKPOINTS
    team: Team = ALONE

    def results(self, trainings, plan, examples, on_epoch):
        """Yield what came of each training, in order, up to one that was stopped.

        Parameters
        ----------
        trainings : list of Training
        plan : Plan
        examples : Examples
        on_epoch : callable
            Called with each entry of the history, and in it whether it was "resumed"
            and why what came before is "unsaved"; returning True stops all training.
        """
        plan = replace(plan, splits=())  # each training brings its own
        if len(trainings) > 1 and self._is_parallel():
            yield from self._results_from_elsewhere(trainings, plan, examples, on_epoch)
            return
        for training in trainings:
            trained = self.carry_out(training, plan, examples, on_epoch)
            yield trained
            if trained.stopped:
                return

    def _is_parallel(self):
        """Whether trainings go to processes; not to backends that wait for all."""
        backend, _ = get_active_backend()
        able = getattr(backend, "supports_return_generator", False)
        return able and effective_n_jobs(self.n_jobs) > 1

    def _results_from_elsewhere(self, trainings, plan, examples, on_epoch):
        carry_out = delayed(replace(self, n_jobs=None).carry_out)
        parallel = Parallel(n_jobs=self.n_jobs, return_as="generator")
        results = parallel(carry_out(one, plan, examples) for one in trainings)
        try:
            for trained in results:
                note = {"unsaved": trained.unsaved}
                asked = any([on_epoch({**entry, **note}) for entry in trained.history])
                trained.stopped = trained.stopped or asked
                yield trained
                if trained.stopped:
                    return
        finally:
            with warnings.catch_warnings():  # joblib tells of those left out
                warnings.simplefilter("ignore", UserWarning)
                results.close()

    def carry_out(self, training, plan, examples, on_epoch=lambda entry: False):
        """What came of one training."""
        return _Carrier(training, plan, examples, self)(on_epoch)


HERE = Execution()


class _Carrier:
    """A training being carried out."""

    def __init__(self, training, plan, examples, execution):
        self.training, self.plan, self.execution = training, plan, execution
        self.rng = torch.Generator().manual_seed(training.seed)
        trainer = Trainer
        if training.optimization.solver == "lbfgs":
            trainer = FullBatchTrainer
        self.trainer = trainer(
            plan.build(self.rng, training.index),
            training.examples_of(examples),
            plan.objective,
            training.optimization,
            training.n_epochs,
            self.rng,
            team=execution.team,
        )
        watched = training.split is not None and plan.early_stopping
        self.best = _Best(plan, self.trainer.trained) if watched else None
        self.history, self.unsaved = [], ""
        self.saved_at = time.monotonic()

    def __call__(self, on_epoch):
        self._resume()
        stopped = interrupted = False
        totals = None
        try:
            stopped = self._run_epochs(on_epoch)
        except KeyboardInterrupt:
            if self.execution.team.size > 1:
                raise  # the others cannot know
            interrupted = True
            self.trainer.network.eval()
        network, n_epochs = self._found()
        if not interrupted:
            check_scores(network, self.trainer.examples, self.training.optimization)
        try:
            if self.training.split is not None:
                totals = totals_of(
                    self.plan, network, self.training.split, self.execution.team
                )
        except KeyboardInterrupt:
            interrupted = True
        stopped = stopped or interrupted
        return Trained(
            network,
            n_epochs,
            self.training.optimization,
            totals=totals,
            history=self.history,
            stopped=stopped,
            interrupted=interrupted,
            unsaved=self.unsaved,
        )

    def _run_epochs(self, on_epoch):
        """Train to the end; True if the caller asks to stop."""
        team = self.execution.team
        resumed = [{**entry, "resumed": True} for entry in self.history]
        stopped = any([on_epoch(entry) for entry in resumed])
        while not team.any(stopped) and not self._is_done():
            entry = self._run_epoch()
            self.history.append(entry)
            self._save()
            stopped = on_epoch({**entry, "unsaved": self.unsaved})
        return team.any(stopped)

    def _is_done(self):
        epoch = len(self.history)
        old = self.best is not None and self.best.is_old(epoch)
        return old or epoch >= self.training.n_epochs

    def _run_epoch(self):
        began, epoch = time.perf_counter(), len(self.history) + 1
        loss = self.trainer.run_epoch()
        entry = {
            "training": self.training.number,
            "epoch": epoch,
            "loss": loss,
            "seconds": time.perf_counter() - began,
        }
        if self.best is not None:
            trained = self.trainer.trained
            totals = totals_of(
                self.plan, trained, self.training.split, self.execution.team
            )
            entry["validation_score"], _ = best_ascent(self.plan, totals)
            self.best.update(entry["validation_score"], trained, epoch)
        return entry

    def _found(self):
        """The network to keep, and how many epochs it took."""
        if self.best is not None and self.best.epoch:
            return self.best.network, self.best.epoch
        return self.trainer.trained, max(len(self.history), 1)

    # -- safety copies -----------------------------------------------------------

    def _save(self):
        checkpoints, team = self.execution.checkpoints, self.execution.team
        if checkpoints.folder is None:
            return
        due = time.monotonic() - self.saved_at >= SECONDS_BETWEEN_COPIES
        if not team.any(due or self._is_done()):
            return
        state = {
            "run": self.training.identity(),
            "trainer": self.trainer.state(),
            "history": self.history,
        }
        if self.best is not None:
            state["best"] = self.best.state()
        if team.rank == 0:
            try:
                checkpoints.save(self.training.number, state)
            except OSError as error:  # what is trained is worth more than its copy
                self.unsaved = str(error)
        self.saved_at = time.monotonic()

    def _resume(self):
        checkpoints, team = self.execution.checkpoints, self.execution.team
        state = checkpoints.load(self.training.number) if team.rank == 0 else None
        state = team.from_first(state)
        # Where earlier trainings led to another choice, this one is another one.
        if state is not None and state["run"] == self.training.identity():
            self.trainer.resume(state["trainer"])
            self.history = state["history"]
            if self.best is not None:
                self.best.resume(state["best"])


class _Best:
    """The best network so far."""

    def __init__(self, plan, network):
        self.tol, self.patience = plan.tol, plan.n_iter_no_change
        self.score, self.network, self.epoch = -float("inf"), copy_network(network), 0

    def update(self, score, network, epoch):
        if score > self.score + self.tol:
            self.score, self.epoch = score, epoch
            self.network = copy_network(network)

    def is_old(self, epoch):
        return epoch - self.epoch >= self.patience

    def state(self):
        network = self.network.state_dict()
        return {"score": self.score, "epoch": self.epoch, "network": network}

    def resume(self, state):
        self.score, self.epoch = state["score"], state["epoch"]
        self.network.load_state_dict(state["network"])


def train_part(networks, states, examples, objective, optimization, seeds, team=ALONE):
    """One epoch of each of several networks, in place, at their own randomness.

    Parameters
    ----------
    networks : list of torch.nn.Module
        Value networks.
    states : list of dict or None
        What the optimizer of each remembered after its last epoch.
    examples : Examples
    objective : Objective
    optimization : Optimization
    seeds : list of int
    team : Team, default=ALONE

    Returns
    -------
    losses : list of float
    states : list of dict
    """
    losses, after = [], []
    for network, state, seed in zip(networks, states, seeds, strict=True):
        rng = torch.Generator().manual_seed(seed)
        trainer = Trainer(
            network, examples, objective, optimization, 1, rng, state, team
        )
        losses.append(trainer.run_epoch())
        check_scores(network, examples, optimization)
        after.append(trainer.optimizer.state())
    return losses, after
