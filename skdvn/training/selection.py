"""From examples to a network and its inference: select on held-out rows, then refit.

Selecting the number and size of the ascent's steps on held-out rows is worth as much
as training itself, since the value keeps rising beyond the best output.
"""

from dataclasses import replace

import torch

from ..networks import join
from .execution import HERE, Trained, Training
from .plan import N_PROBES
from .scoring import best_ascent

# The first candidate for the training is preferred by this much.
PREFERENCE_FOR_FIRST = 0.005


def select_and_train(
    plan, examples, seed, on_epoch=lambda entry: False, execution=HERE
):
    """Select on the splits what the plan leaves open, then train on all rows.

    Parameters
    ----------
    plan : Plan
    examples : Examples
    seed : int
        Of all randomness.
    on_epoch : callable
        Called with each entry of the history; returning True stops all training, and
        the best so far is kept.
    execution : Execution, default=HERE
        How trainings are carried out.

    Returns
    -------
    trained : Trained
        With the network, a joint one if there are several; the selected optimization
        and ascent; the mean oracle value on the held-out rows, nan if nothing was
        selected; and one entry of the history per epoch of any training.
    """
    session = _Session(plan, examples, seed, on_epoch, execution)
    if plan.splits:
        trained = session.select()
        if plan.refit and not session.stopped:
            networks = session.train_on_all(trained)
            if not session.stopped:
                trained = replace(trained, network=join(networks))
    else:
        first = plan.optimizations[0]
        trained = Trained(None, first.n_epochs, first, ascent=plan.ascents[0])
        trained = replace(trained, network=join(session.train_on_all(trained)))
    return replace(
        trained,
        history=session.history,
        stopped=session.stopped,
        interrupted=session.interrupted,
    )


class _Candidate:
    """One way to train: its networks and their scores on what they have not seen."""

    def __init__(self, optimization):
        self.optimization = optimization
        self.networks, self.lengths, self.totals = [], [], None

    def add(self, trained):
        if trained.totals is None and self.networks:
            return  # interrupted before it was scored
        self.networks.append(trained.network)
        self.lengths.append(trained.n_epochs)
        known = self.totals is not None
        self.totals = self.totals + trained.totals if known else trained.totals

    @property
    def n_epochs(self):
        """Epochs for a training on all rows: as many as on the splits, on average."""
        return round(sum(self.lengths) / len(self.lengths))


class _Session:
    """The trainings of one plan, one group after the other."""

    def __init__(self, plan, examples, seed, on_epoch, execution):
        self.plan = plan
        self.examples = examples
        self.on_epoch = on_epoch
        self.execution = execution
        self.seeds = torch.Generator().manual_seed(seed)
        self.history = []
        self.n_trainings = 0
        self.stopped = self.interrupted = False

    def select(self):
        """The best candidate, with the networks trained on all splits, joined."""
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
        return Trained(
            join(best.networks), best.n_epochs, best.optimization, ascent, score
        )

    def _merit(self, candidate, candidates):
        score, _ = best_ascent(self.plan, candidate.totals)
        return score + PREFERENCE_FOR_FIRST * (candidate is candidates[0])

    def _train_on(self, candidates, splits):
        if self.stopped:
            return
        pairs = [(one, split) for one in candidates for split in splits]
        trainings = [
            self._training(index % len(splits), one.optimization, split=split)
            for index, (one, split) in enumerate(pairs)
        ]
        for (candidate, _), trained in zip(
            pairs, self._carry_out(trainings), strict=False
        ):
            candidate.add(trained)

    def train_on_all(self, selected):
        """The networks to predict with."""
        trainings = [
            self._training(index, selected.optimization, selected.n_epochs)
            for index in range(self.plan.n_networks)
        ]
        return [trained.network for trained in self._carry_out(trainings)]

    def _training(self, index, optimization, n_epochs=None, **rows):
        self.n_trainings += 1
        return Training(
            number=self.n_trainings,
            index=index,
            seed=int(torch.randint(2**62, (), generator=self.seeds)),
            optimization=optimization,
            n_epochs=n_epochs or optimization.n_epochs,
            **rows,
        )

    def _origin(self, training):
        """Which setting a training is of, and which rows it holds out."""
        splits = [i for i, one in enumerate(self.plan.splits) if one is training.split]
        return {
            "candidate": self.plan.optimizations.index(training.optimization),
            "split": splits[0] if splits else None,
        }

    def _carry_out(self, trainings):
        """Yield what came of each, with notes on what happens."""
        found = self.execution.results(
            trainings, self.plan, self.examples, self.on_epoch
        )
        for training, trained in zip(trainings, found, strict=False):
            origin = self._origin(training)
            self.history += [{**entry, **origin} for entry in trained.history]
            self.stopped = self.stopped or trained.stopped
            self.interrupted = self.interrupted or trained.interrupted
            yield trained
