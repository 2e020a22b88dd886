"""From examples to a network and its inference: choose on held-out rows, then refit.

Choosing the number and size of the ascent's steps on held-out rows is worth as much
as training itself, since the value keeps rising beyond the best output. One long
trajectory tries every number of steps at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch.nn import functional as F

from .data import ComputedRows, Examples, Queries, rows_at_once
from .inference import Ascent, encoded
from .networks import copy_network, join
from .training import Objective, Optimization, Trainer

EVALUATION_BATCH = 1024


# Candidates for the training are compared on so many splits, the best is trained on
# all; the first is preferred by this much.
N_PROBES = 2
PREFERENCE_FOR_FIRST = 0.005
# The ascent without a prior is preferred by this much.
PREFERENCE_FOR_NO_PRIOR = 0.002


class Split(NamedTuple):
    """Rows to train on, and what to choose on.

    Parameters
    ----------
    rows : torch.Tensor
        Positions in the examples.
    held_out : Examples
        Other examples.
    margins : ComputedRows or None
        Prior margins of the held-out examples, of an expert that has not seen them.
    """

    rows: torch.Tensor
    held_out: Examples
    margins: ComputedRows | None = None


@dataclass(frozen=True)
class Plan:
    """What to learn, what to choose from, and on which rows.

    Parameters
    ----------
    build : callable
        ``build(rng) -> network``, where training starts from.
    objective : Objective
    optimizations : tuple of Optimization
        Candidates, the one to use without a choice first.
    decide : callable
        Rounds relaxed outputs, ndarray to ndarray, as `predict` will.
    ascents : tuple of Ascent
        Candidates, the one to use without a choice first.
    choose_n_steps : bool
        Whether every prefix of an ascent is a candidate too.
    splits : tuple of Split
        Each holds out other rows to choose on.
    n_networks : int
        Networks to train finally, for joint inference.
    refit : bool
        Whether there is a final training if there was a choice; otherwise the
        networks trained on the splits are the final ones.
    early_stopping : bool
        Whether to score the held-out rows after each epoch, stop when they no
        longer improve and go back to the best weights.
    n_iter_no_change : int
        Epochs without improvement before stopping.
    tol : float
        Improvement that counts.
    asides : tuple of torch.Tensor
        For each final network the rows that are set aside from the training of its
        guess; see `ImageExamples.set_aside`. Empty to set none aside.
    """

    build: Callable
    objective: Objective
    optimizations: tuple
    decide: Callable
    ascents: tuple
    choose_n_steps: bool
    splits: tuple
    n_networks: int = 1
    refit: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    tol: float = 1e-4
    asides: tuple = ()

    @property
    def n_epochs_planned(self):
        """Epochs of all trainings together, at most."""
        lengths = [optimization.n_epochs for optimization in self.optimizations]
        n_probes = min(N_PROBES, len(self.splits))
        planned = n_probes * sum(lengths) + (len(self.splits) - n_probes) * max(lengths)
        if self.refit or not self.splits:
            planned += self.n_networks * max(lengths)
        return planned


@dataclass
class Learned:
    """What `learn` found.

    Parameters
    ----------
    network : torch.nn.Module
        A joint network if there are several.
    optimization : Optimization
        The chosen one.
    ascent : Ascent
        With the chosen number and size of steps.
    n_epochs : int
        Epochs of the last training.
    score : float
        Mean oracle value on the held-out rows, nan if nothing was chosen.
    history : list of dict
        One entry per epoch of any training.
    interrupted : bool
        Whether the user pressed Ctrl-C.
    """

    network: torch.nn.Module
    optimization: Optimization
    ascent: Ascent
    n_epochs: int
    score: float
    history: list
    interrupted: bool


def learn(plan, examples, seed, on_epoch=lambda entry: False):
    """Choose on the splits, then train on all rows.

    Parameters
    ----------
    plan : Plan
    examples : Examples
    seed : int
        Of all randomness.
    on_epoch : callable
        Called with each entry of the history; returning True stops all training, and
        the best so far is kept.

    Returns
    -------
    learned : Learned
    """
    learner = _Learner(plan, examples, seed, on_epoch)
    if plan.splits:
        choice = learner.choose()
        networks = choice.networks
        if plan.refit and not learner.stopped:
            finals = learner.train_finally(choice.optimization, choice.n_epochs)
            networks = choice.networks if learner.stopped else finals
    else:
        first = plan.optimizations[0]
        choice = _Choice(first, plan.ascents[0], first.n_epochs)
        networks = learner.train_finally(choice.optimization, choice.n_epochs)
    return Learned(
        network=join(networks),
        optimization=choice.optimization,
        ascent=choice.ascent,
        n_epochs=choice.n_epochs,
        score=choice.score,
        history=learner.history,
        interrupted=learner.interrupted,
    )


@dataclass
class _Choice:
    optimization: Optimization
    ascent: Ascent
    n_epochs: int
    score: float = float("nan")
    networks: tuple = ()


class _Candidate:
    """One way to train: its networks and their scores on what they have not seen."""

    def __init__(self, optimization):
        self.optimization = optimization
        self.networks, self.lengths, self.totals = [], [], None

    def add(self, network, n_epochs, totals):
        self.networks.append(network)
        self.lengths.append(n_epochs)
        self.totals = totals if self.totals is None else self.totals + totals


class _Learner:
    def __init__(self, plan, examples, seed, on_epoch):
        self.plan = plan
        self.examples = examples
        self.on_epoch = on_epoch
        self.seeds = torch.Generator().manual_seed(seed)
        self.history = []
        self.n_trainings = 0
        self.stopped = self.interrupted = False

    def choose(self):
        """The best candidate, with the networks trained on all splits."""
        plan = self.plan
        candidates = [_Candidate(one) for one in plan.optimizations]
        n_probes = min(N_PROBES, len(plan.splits)) if len(candidates) > 1 else 0
        self._train_on(candidates, plan.splits[:n_probes])
        scored = [one for one in candidates if one.totals is not None]
        best = max(
            scored or candidates[:1], key=lambda one: self._merit(one, candidates)
        )
        self._train_on([best], plan.splits[n_probes:])
        score, ascent = self._best_ascent(best.totals)
        n_epochs = round(sum(best.lengths) / len(best.lengths))
        return _Choice(best.optimization, ascent, n_epochs, score, tuple(best.networks))

    def _merit(self, candidate, candidates):
        score, _ = self._best_ascent(candidate.totals)
        return score + PREFERENCE_FOR_FIRST * (candidate is candidates[0])

    def _train_on(self, candidates, splits):
        for candidate in candidates:
            for split in splits:
                if self.stopped:
                    return
                network, n_epochs = self._train(
                    candidate.optimization, self.examples.subset(split.rows), split
                )
                try:
                    totals = self._totals(network, split)
                except KeyboardInterrupt:
                    self.interrupted = self.stopped = True
                    totals = None
                if totals is not None or not candidate.networks:
                    candidate.add(network, n_epochs, totals)

    def train_finally(self, optimization, n_epochs):
        """The networks to predict with."""
        networks = []
        asides = self.plan.asides or [None] * self.plan.n_networks
        for aside in asides:
            examples = self.examples
            if aside is not None:
                examples = examples.set_aside(aside)
            networks.append(self._train(optimization, examples, n_epochs=n_epochs)[0])
            if self.stopped:
                break
        return networks

    def _train(self, optimization, examples, split=None, n_epochs=None):
        """A network trained on examples, and for how many epochs it was."""
        plan, n_epochs = self.plan, n_epochs or optimization.n_epochs
        rng = torch.Generator().manual_seed(self._draw_seed())
        network = plan.build(rng)
        trainer = Trainer(
            network, examples, plan.objective, optimization, n_epochs, rng
        )
        best = _Best(plan) if split is not None and plan.early_stopping else None
        epoch = 0
        self.n_trainings += 1
        training = self._training(optimization, split)
        try:
            for epoch in range(1, n_epochs + 1):
                entry = {**training, **self._run_epoch(trainer, epoch)}
                if best is not None:
                    totals = self._totals(trainer.trained, split)
                    score, _ = self._best_ascent(totals)
                    entry["validation_score"] = score
                    best.update(score, trainer.trained, epoch)
                self.history.append(entry)
                self.stopped = bool(self.on_epoch(entry))
                if self.stopped or (best is not None and best.is_old(epoch)):
                    break
        except KeyboardInterrupt:
            self.interrupted = self.stopped = True
            network.eval()
        if best is not None and best.network is not None:
            return best.network, best.epoch
        return trainer.trained, max(epoch, 1)

    def _draw_seed(self):
        return int(torch.randint(2**62, (), generator=self.seeds))

    def _training(self, optimization, split):
        """Which training this is, as entries of the history tell."""
        splits = [i for i, one in enumerate(self.plan.splits) if one is split]
        return {
            "training": self.n_trainings,
            "candidate": self.plan.optimizations.index(optimization),
            "split": splits[0] if splits else None,
        }

    def _run_epoch(self, trainer, epoch):
        began = time.perf_counter()
        loss = trainer.run_epoch()
        seconds = time.perf_counter() - began
        return {"epoch": epoch, "loss": loss, "seconds": seconds}

    def _totals(self, network, split):
        """Sums of oracle values and of weights, (2, n_ascents, n_steps)."""
        ascents, held_out = self.plan.ascents, split.held_out
        queries = Queries(held_out.x, held_out.y_init, split.margins)
        weight = held_out.weight
        weight = torch.ones(len(held_out.y)) if weight is None else weight.cpu()
        n_stages = max(ascents[0].n_steps, 1)
        sums = torch.zeros(len(ascents), n_stages, dtype=torch.float64)
        for batch in encoded(network, queries, self._n_rows_together(held_out)):
            y_true = held_out.y.take(batch.rows).cpu()
            for i, ascent in enumerate(ascents):
                rng = torch.Generator().manual_seed(0)
                outputs = (
                    batch.iterates(ascent, rng) if ascent.n_steps else [batch.start]
                )
                for step, y in enumerate(outputs):
                    values = self._values(y, y_true) * weight[batch.rows]
                    sums[i, step] += values.sum().item()
        return torch.stack([sums, torch.full_like(sums, weight.sum().item())])

    def _n_rows_together(self, held_out):
        """Rows to score together; all if they share the noise of the ascent."""
        if any(ascent.noise for ascent in self.plan.ascents):
            return len(held_out.y)
        n_entries = held_out.y.take(slice(1)).numel()
        return min(EVALUATION_BATCH, rows_at_once(n_entries))

    def _values(self, y, y_true):
        """Oracle values of what `predict` would make of the relaxed outputs."""
        decided = torch.as_tensor(self.plan.decide(y.cpu().numpy()))
        return self.plan.objective.settings.oracle(decided.to(y_true), y_true)

    def _best_ascent(self, totals):
        """The best mean value, smoothed over the steps, and the ascent that gets it."""
        plan = self.plan
        if totals is None:
            return float("nan"), plan.objective.settings.ascent
        means = totals[0] / totals[1]
        means = _smooth(means) if plan.choose_n_steps else means[:, -1:]
        bonus = [
            0.0 if ascent.prior_weight else PREFERENCE_FOR_NO_PRIOR
            for ascent in plan.ascents
        ]
        which = (means.amax(1) + torch.tensor(bonus)).argmax().item()
        score, step = means[which].max(0)
        ascent = plan.ascents[which]
        if plan.choose_n_steps:
            ascent = replace(ascent, n_steps=step.item() + 1)
        return score.item(), ascent


class _Best:
    """The best network so far."""

    def __init__(self, plan):
        self.tol, self.patience = plan.tol, plan.n_iter_no_change
        self.score, self.network, self.epoch = -float("inf"), None, 0

    def update(self, score, network, epoch):
        if score > self.score + self.tol:
            self.score, self.epoch = score, epoch
            self.network = copy_network(network)

    def is_old(self, epoch):
        return epoch - self.epoch >= self.patience


def _smooth(means):
    """Mean over neighbouring numbers of steps, to choose one that is not just lucky."""
    padded = F.pad(means[:, None], (1, 1), mode="replicate")
    return F.avg_pool1d(padded, kernel_size=3, stride=1)[:, 0]
