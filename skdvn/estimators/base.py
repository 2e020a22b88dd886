"""What all estimators with a network share: drafts, copies, training, progress."""

import warnings
from abc import ABCMeta
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from .._moved import refuse_moved
from ..data.typing import Self
from ..networks import copy_network, join, members
from ..training import (
    Checkpoints,
    Execution,
    current_team,
    select_and_train,
    train_part,
)
from .callbacks import CallbackSupportMixin, FitProgress, without_callbacks
from .fingerprint import fingerprint
from .parameters import components_of, usable
from .plain_state import packed, unpacked
from .versions import opened, stamped

# What may be selected on held-out rows.
SELECTED = ("step_size", "n_steps", "learning_rate_init", "alpha")


class BaseDVN(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """An estimator with a network: fitted on a draft, portable, resumable."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of nested objects by names like ``ascent__noise``.

        Parameters
        ----------
        **params : object
            Values by name.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError
            If a name is that of a parameter which has moved.
        ValueError
            If there is no such parameter, or no object that could have it.
        """
        refuse_moved(type(self).__name__, params)
        for name in params:
            part, nested, _ = name.partition("__")
            if part in params or not nested or not hasattr(self, part):
                continue
            if not hasattr(getattr(self, part), "set_params"):
                raise ValueError(
                    f"{name} cannot be set, since {part}={getattr(self, part)!r} is no "
                    "object with parameters. Give one first, for example "
                    "ascent=Ascent(), tuples=Mixture(), solver=SGD() or crops=Crops()."
                )
        return super().set_params(**params)

    def _validate_params(self):
        super()._validate_params()
        for component in components_of(self):
            component._validate_params()

    # -- drafts and copies -------------------------------------------------------

    def _draft(self):
        """A twin to fit on, so that a failed fit changes nothing."""
        draft = object.__new__(type(self))
        draft.__dict__.update(without_callbacks(vars(self)))
        return draft

    def _adopt(self, draft):
        """Become what a successful fit made of the draft."""
        for name in without_callbacks(vars(self)).keys() - vars(draft).keys():
            delattr(self, name)
        self.__dict__.update(vars(draft))
        return self

    def __getstate__(self):
        return stamped(packed(dict(vars(self))))

    def __setstate__(self, state):
        state = opened(state, type(self).__name__)
        vars(self).update(unpacked(state))
        if not hasattr(self, "codec_"):
            return
        moves = not usable(self.device_)
        if moves:
            self.device_ = self.codec_.device = torch.device("cpu")
        if "network_" in vars(self):
            # Elsewhere another precision may suit.
            self.network_ = (
                self._placed(self.network_) if moves else self.network_.to(self.device_)
            )

    # -- training ----------------------------------------------------------------

    def _train(self, plan, examples, execution, **data):
        """Carry the plan out, and tell callbacks and the user about it."""
        progress = FitProgress(self, plan.n_epochs_planned, **data)
        verbose, told = self.verbose and execution.team.rank == 0, False
        n_told, start = 0, perf_counter()

        def on_epoch(entry):
            nonlocal told, n_told
            if entry.get("unsaved") and not told:
                told = True
                warn_of_unsaved(self, entry["unsaved"])
            if verbose:
                n_told += 1
                pace = (perf_counter() - start) / n_told
                left = pace * (plan.n_epochs_planned - n_told)
                print(describe_epoch(entry, plan.n_trainings_planned, left))
            return progress.epoch()

        seed = check_random_state(self.random_state).randint(2**31 - 1)
        trained = select_and_train(plan, examples, seed, on_epoch, execution)
        if trained.interrupted:
            warnings.warn(
                "Training was interrupted by the user; the best weights so far are "
                "kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
        progress.end()
        return trained

    def _settle(self, codec):
        """Store what all later calls share."""
        # Before the codec, so that files name it by the parameter it comes from.
        self.init_ = codec.initializer
        self.codec_, self.device_ = codec, codec.device
        self.classes_ = codec.targets.classes_

    def _keep(self, trained):
        """Store what was learned."""
        vars(self).pop("_optimizer_states", None)
        self.network_, self._n_networks = trained.network, self.n_networks
        self.history_ = trained.history
        self.n_iter_ = trained.n_epochs
        self.validation_score_ = trained.score

    def _become(self, draft, plan, trained, execution):
        """Adopt the draft, tell what was selected, and drop the safety copies."""
        self._adopt(draft)
        if self.verbose and execution.team.rank == 0 and plan.splits:
            print(describe_selection(self))
        if not trained.interrupted:
            execution.checkpoints.clear()
        return self

    def _train_part(self, build, examples, objective, optimization):
        """One epoch of every member on these examples."""
        team = team_for(self, examples)
        seeds = check_random_state(self.random_state)
        self.history_ = list(getattr(self, "history_", []))
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1
        if build is None:
            networks = [copy_network(one) for one in members(self.network_)]
        else:
            self._n_networks = self.n_networks
            networks = [
                build(torch.Generator().manual_seed(seeds.randint(2**31 - 1)), index)
                for index in range(self.n_networks)
            ]
        losses, self._optimizer_states = train_part(
            networks,
            getattr(self, "_optimizer_states", [None] * len(networks)),
            examples,
            objective,
            optimization,
            [seeds.randint(2**31 - 1) + self.n_iter_ for _ in networks],
            team,
        )
        self.history_ += [{"epoch": self.n_iter_, "loss": loss} for loss in losses]
        self.network_ = join(networks)

    def _noise(self, ascent):
        """The source of the noise in inference; None where there is none."""
        if not ascent.noise:
            return None
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return torch.Generator().manual_seed(seed)


def team_for(estimator, *data):
    """The processes to train together with, on the same data."""
    team = current_team()
    if team.size > 1 and estimator.random_state is None:
        raise ValueError(
            f"random_state must be an int within data_parallel(), so that all "
            f"{team.size} processes draw the same; got None."
        )
    if team.size > 1 and effective_n_jobs(estimator.n_jobs) > 1:
        raise ValueError(
            f"n_jobs={estimator.n_jobs} would start processes within data_parallel(), "
            "where only None and 1 are allowed."
        )
    if team.size > 1 and len(set(team.gather(fingerprint(estimator, *data)))) > 1:
        raise ValueError(
            f"The {team.size} processes within data_parallel() must be given the same "
            "parameters and the same data, all of it; they were not."
        )
    return team


def execution_for(estimator, *data):
    """How the trainings of a fit to these data are carried out."""
    team, folder = team_for(estimator, *data), estimator.checkpoint_dir
    if folder is None:
        return Execution(estimator.n_jobs, team=team)
    if not isinstance(estimator.random_state, Integral):
        raise ValueError(
            f"random_state={estimator.random_state!r} with checkpoint_dir={folder!r}: "
            "only with an int can a fit go on from where another one was killed."
        )
    place = Path(folder).absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"checkpoint_dir={str(folder)!r} must be a folder, or a place where one "
            f"can be made: {error}"
        ) from error
    place /= fingerprint(estimator, team.size, *data)
    return Execution(estimator.n_jobs, Checkpoints(place), team)


def warn_of_unsaved(estimator, reason):
    """Tell that a fit goes on without safety copies."""
    warnings.warn(
        f"No checkpoint can be written to {str(estimator.checkpoint_dir)!r}: {reason}. "
        "The fit goes on, and tries again after the next epoch; were it killed, it "
        "would be resumed from an older checkpoint. Remedy: make room in this folder, "
        "or allow writing to it.",
        stacklevel=2,
    )


def describe_epoch(entry, n_trainings, seconds_left):
    """A line of the history, for people."""
    parts = [
        f"Training {entry['training']} of {n_trainings}, epoch {entry['epoch']:3d}",
        f"loss = {entry['loss']:.4f}",
    ]
    if "validation_score" in entry:
        parts.append(f"validation score = {entry['validation_score']:.4f}")
    parts.append(f"{entry['seconds']:.2f} s")
    if "resumed" in entry:
        parts.append("from the checkpoint")
    if seconds_left > 0:
        parts.append(f"about {seconds_left:.0f} s left")
    return ", ".join(parts)


def describe_selection(estimator):
    """What was selected on the held-out rows, or given, and how good it is."""
    selected = [
        f"{name} = {getattr(estimator, name + '_'):.4g}"
        for name in SELECTED
        if hasattr(estimator, name + "_")
    ]
    score = f"validation score = {estimator.validation_score_:.4f}"
    return ", ".join([f"All trainings: {score}", *selected])
