"""From examples to a network and its inference: choose on held-out rows, then refit.

Choosing the number and size of the ascent's steps on held-out rows is worth as much
as training itself, since the value keeps rising beyond the best output.
"""

from dataclasses import dataclass

import torch

from .inference import Ascent
from .networks import join
from .plans import N_PROBES
from .runs import HERE, Run
from .scoring import best_ascent
from .training import Optimization

# The first candidate for the training is preferred by this much.
PREFERENCE_FOR_FIRST = 0.005


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


def learn(plan, examples, seed, on_epoch=lambda entry: False, engine=HERE):
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
    engine : Engine, default=HERE
        How trainings are carried out.

    Returns
    -------
    learned : Learned
    """
    learner = _Learner(plan, examples, seed, on_epoch, engine)
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

    def add(self, outcome):
        totals = outcome.totals
        if totals is None and self.networks:
            return  # interrupted before it was scored
        self.networks.append(outcome.network)
        self.lengths.append(outcome.n_epochs)
        self.totals = totals if self.totals is None else self.totals + totals


class _Learner:
    def __init__(self, plan, examples, seed, on_epoch, engine):
        self.plan = plan
        self.examples = examples
        self.on_epoch = on_epoch
        self.engine = engine
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
        score, ascent = best_ascent(plan, best.totals)
        n_epochs = round(sum(best.lengths) / len(best.lengths))
        return _Choice(best.optimization, ascent, n_epochs, score, tuple(best.networks))

    def _merit(self, candidate, candidates):
        score, _ = best_ascent(self.plan, candidate.totals)
        return score + PREFERENCE_FOR_FIRST * (candidate is candidates[0])

    def _train_on(self, candidates, splits):
        if self.stopped:
            return
        pairs = [(one, split) for one in candidates for split in splits]
        runs = [
            self._run(index % len(splits), one.optimization, split=split)
            for index, (one, split) in enumerate(pairs)
        ]
        for (candidate, _), outcome in zip(pairs, self._outcomes(runs), strict=False):
            candidate.add(outcome)

    def train_finally(self, optimization, n_epochs):
        """The networks to predict with."""
        asides = self.plan.asides or [None] * self.plan.n_networks
        runs = [
            self._run(index, optimization, n_epochs, aside=aside)
            for index, aside in enumerate(asides)
        ]
        return [outcome.network for outcome in self._outcomes(runs)]

    def _run(self, index, optimization, n_epochs=None, **rows):
        self.n_trainings += 1
        return Run(
            number=self.n_trainings,
            index=index,
            seed=int(torch.randint(2**62, (), generator=self.seeds)),
            optimization=optimization,
            n_epochs=n_epochs or optimization.n_epochs,
            **rows,
        )

    def _origin(self, run):
        """Which setting a run is of, and which rows it holds out, for the history."""
        splits = [i for i, one in enumerate(self.plan.splits) if one is run.split]
        return {
            "candidate": self.plan.optimizations.index(run.optimization),
            "split": splits[0] if splits else None,
        }

    def _outcomes(self, runs):
        """Carry them out, with notes on what happens."""
        found = self.engine.outcomes(runs, self.plan, self.examples, self.on_epoch)
        for run, outcome in zip(runs, found, strict=False):
            origin = self._origin(run)
            self.history += [{**entry, **origin} for entry in outcome.history]
            self.stopped = self.stopped or outcome.stopped
            self.interrupted = self.interrupted or outcome.interrupted
            yield outcome
