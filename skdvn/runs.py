"""Single trainings: each by itself, in this process or another, and resumable."""

import time
import warnings
from dataclasses import asdict, dataclass, field, replace

import torch
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from .checkpoints import NO_CHECKPOINTS, Checkpoints
from .distributed import ALONE, Team
from .networks import copy_network
from .plans import Split
from .scoring import best_ascent, totals_of
from .training import Optimization, Trainer

# A copy of the state is written at most so often, and at the end of each training.
SECONDS_BETWEEN_COPIES = 1.0


@dataclass(frozen=True)
class Run:
    """One training that is to be done.

    Parameters
    ----------
    number : int
        Which of all trainings, from 1 on.
    index : int
        Which of those that differ only in their randomness or their rows.
    seed : int
        Of all its randomness.
    optimization : Optimization
    n_epochs : int
    split : Split or None
        What to train on and what to score on; None trains on all rows.
    aside : torch.Tensor or None
        Rows to set aside from the training of the guess.
    """

    number: int
    index: int
    seed: int
    optimization: Optimization
    n_epochs: int
    split: Split | None = None
    aside: torch.Tensor | None = None

    def identity(self):
        """What tells it from other runs of the same number, as plain values."""
        how = asdict(self.optimization)
        return {"seed": self.seed, "n_epochs": self.n_epochs, **how}

    def examples_of(self, examples):
        """Those of the examples to train on, with no memory of other trainings."""
        if self.split is not None:
            return examples.subset(self.split.rows)
        return (
            replace(examples) if self.aside is None else examples.set_aside(self.aside)
        )


@dataclass
class Outcome:
    """What came of a run.

    Parameters
    ----------
    network : torch.nn.Module
    n_epochs : int
        Epochs that led to this network.
    totals : torch.Tensor or None
        How each ascent scores on the held-out rows, see `scoring.totals_of`.
    history : list of dict
        One entry per epoch.
    stopped : bool
        Whether all training is to stop here.
    interrupted : bool
        Whether that is because the user pressed Ctrl-C.
    """

    network: torch.nn.Module
    n_epochs: int
    totals: torch.Tensor | None = None
    history: list = field(default_factory=list)
    stopped: bool = False
    interrupted: bool = False


@dataclass(frozen=True)
class Engine:
    """How runs are carried out.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Runs at the same time, by joblib, in processes or on a cluster.
    checkpoints : Checkpoints, default=NO_CHECKPOINTS
        Where their safety copies are.
    team : Team, default=ALONE
        Processes that share each run.
    """

    n_jobs: int | None = None
    checkpoints: Checkpoints = NO_CHECKPOINTS
    team: Team = ALONE

    def outcomes(self, runs, plan, examples, on_epoch):
        """Yield the outcome of each run, in order, up to one that was stopped.

        Parameters
        ----------
        runs : list of Run
        plan : Plan
        examples : Examples
        on_epoch : callable
            Called with each entry of the history; returning True stops all training.
        """
        plan = replace(plan, splits=())  # each run brings its own
        if len(runs) > 1 and self._is_parallel():
            yield from self._outcomes_from_elsewhere(runs, plan, examples, on_epoch)
            return
        for run in runs:
            outcome = self.carry_out(run, plan, examples, on_epoch)
            yield outcome
            if outcome.stopped:
                return

    def _is_parallel(self):
        """Whether runs go elsewhere; not to backends that give back all at the end."""
        backend, _ = get_active_backend()
        able = getattr(backend, "supports_return_generator", False)
        return able and effective_n_jobs(self.n_jobs) > 1

    def _outcomes_from_elsewhere(self, runs, plan, examples, on_epoch):
        carry_out = delayed(replace(self, n_jobs=None).carry_out)
        parallel = Parallel(n_jobs=self.n_jobs, return_as="generator")
        outcomes = parallel(carry_out(run, plan, examples) for run in runs)
        for outcome in outcomes:
            asked = any([on_epoch(entry) for entry in outcome.history])
            outcome.stopped = outcome.stopped or asked
            yield outcome
            if outcome.stopped:
                with warnings.catch_warnings():  # joblib tells of the runs left out
                    warnings.simplefilter("ignore", UserWarning)
                    outcomes.close()
                return

    def carry_out(self, run, plan, examples, on_epoch=lambda entry: False):
        """The outcome of one run."""
        return _Training(run, plan, examples, self)(on_epoch)


HERE = Engine()


class _Training:
    """A run being carried out."""

    def __init__(self, run, plan, examples, engine):
        self.run, self.plan, self.engine = run, plan, engine
        self.rng = torch.Generator().manual_seed(run.seed)
        self.trainer = Trainer(
            plan.build(self.rng, run.index),
            run.examples_of(examples),
            plan.objective,
            run.optimization,
            run.n_epochs,
            self.rng,
            team=engine.team,
        )
        watched = run.split is not None and plan.early_stopping
        self.best = _Best(plan, self.trainer.trained) if watched else None
        self.history = []
        self.saved_at = time.monotonic()

    def __call__(self, on_epoch):
        self._resume()
        stopped = interrupted = False
        totals = None
        try:
            stopped = self._run_epochs(on_epoch)
        except KeyboardInterrupt:
            if self.engine.team.size > 1:
                raise  # the others cannot know
            interrupted = True
            self.trainer.network.eval()
        network, n_epochs = self._found()
        try:
            if self.run.split is not None:
                totals = totals_of(self.plan, network, self.run.split, self.engine.team)
        except KeyboardInterrupt:
            interrupted = True
        stopped = stopped or interrupted
        return Outcome(network, n_epochs, totals, self.history, stopped, interrupted)

    def _run_epochs(self, on_epoch):
        """Train to the end; True if the caller asks to stop."""
        team = self.engine.team
        resumed = [{**entry, "resumed": True} for entry in self.history]
        stopped = any([on_epoch(entry) for entry in resumed])
        while not team.any(stopped) and not self._is_done():
            entry = self._run_epoch()
            self.history.append(entry)
            self._save()
            stopped = on_epoch(entry)
        return team.any(stopped)

    def _is_done(self):
        epoch = len(self.history)
        old = self.best is not None and self.best.is_old(epoch)
        return old or epoch >= self.run.n_epochs

    def _run_epoch(self):
        began, epoch = time.perf_counter(), len(self.history) + 1
        loss = self.trainer.run_epoch()
        entry = {
            "training": self.run.number,
            "epoch": epoch,
            "loss": loss,
            "seconds": time.perf_counter() - began,
        }
        if self.best is not None:
            trained = self.trainer.trained
            totals = totals_of(self.plan, trained, self.run.split, self.engine.team)
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
        checkpoints, team = self.engine.checkpoints, self.engine.team
        if checkpoints.folder is None:
            return
        due = time.monotonic() - self.saved_at >= SECONDS_BETWEEN_COPIES
        if not team.any(due or self._is_done()):
            return
        state = {
            "run": self.run.identity(),
            "trainer": self.trainer.state(),
            "history": self.history,
        }
        if self.best is not None:
            state["best"] = self.best.state()
        if team.rank == 0:
            checkpoints.save(self.run.number, state)
        self.saved_at = time.monotonic()

    def _resume(self):
        checkpoints, team = self.engine.checkpoints, self.engine.team
        state = checkpoints.load(self.run.number) if team.rank == 0 else None
        state = team.from_first(state)
        # Where earlier trainings led to another choice, this one is another one.
        if state is not None and state["run"] == self.run.identity():
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
