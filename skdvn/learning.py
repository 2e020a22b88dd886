"""From examples to a network and its inference: choose on held-out rows, then refit.

Choosing the number and size of the ascent's steps on held-out rows is worth as much
as training itself, since the value keeps rising beyond the best output. One long
trajectory tries every number of steps at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from .inference import Ascent, stages
from .networks import JointNetwork, copy_network
from .training import Objective, Optimization, Trainer

EVALUATION_BATCH = 1024


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
    ascents : tuple of Ascent
        Candidates, the one to use without a choice first.
    choose_n_steps : bool
        Whether every prefix of an ascent is a candidate too.
    splits : tuple of pair of tensor
        Positions of the rows to train on and to choose on.
    final_rows : torch.Tensor
        Positions of the rows for the final training.
    n_epochs : int
        Greatest number of epochs of one training.
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
    """

    build: Callable
    objective: Objective
    optimizations: tuple
    ascents: tuple
    choose_n_steps: bool
    splits: tuple
    final_rows: torch.Tensor
    n_epochs: int
    n_networks: int = 1
    refit: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    tol: float = 1e-4

    @property
    def n_epochs_planned(self):
        """Epochs of all trainings together, at most."""
        n_trainings = len(self.optimizations) * len(self.splits)
        if self.refit or not self.splits:
            n_trainings += self.n_networks
        return n_trainings * self.n_epochs


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
        Called with each entry of the history; returning True stops that training.

    Returns
    -------
    learned : Learned
    """
    learner = _Learner(plan, examples, seed, on_epoch)
    if plan.splits:
        choice = learner.choose()
        networks = choice.networks
        if plan.refit and not learner.interrupted:
            networks = learner.train_finally(choice.optimization, choice.n_epochs)
    else:
        choice = _Choice(plan.optimizations[0], plan.ascents[0], plan.n_epochs)
        networks = learner.train_finally(choice.optimization, choice.n_epochs)
    return Learned(
        network=networks[0] if len(networks) == 1 else JointNetwork(networks),
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
    networks: list = field(default_factory=list)


class _Learner:
    def __init__(self, plan, examples, seed, on_epoch):
        self.plan = plan
        self.examples = examples
        self.on_epoch = on_epoch
        self.seeds = torch.Generator().manual_seed(seed)
        self.history = []
        self.interrupted = False

    def choose(self):
        """The best candidate on the held-out rows, with the networks trained."""
        choices = []
        for optimization in self.plan.optimizations:
            choices.append(self._try(optimization))
            if self.interrupted:
                break
        return max(choices, key=lambda choice: choice.score)

    def _try(self, optimization):
        networks, lengths, totals = [], [], 0.0
        for rows, held_out in self.plan.splits:
            held_out = self.examples.subset(held_out)
            network, n_epochs = self._train(optimization, rows, held_out)
            networks.append(network)
            lengths.append(n_epochs)
            totals = totals + self._total_values(network, held_out)
            if self.interrupted:
                break
        score, ascent = self._best_ascent(totals)
        n_epochs = round(sum(lengths) / len(lengths))
        return _Choice(optimization, ascent, n_epochs, score, networks)

    def train_finally(self, optimization, n_epochs):
        """The networks to predict with."""
        networks = []
        for _ in range(self.plan.n_networks):
            networks.append(
                self._train(optimization, self.plan.final_rows, n_epochs=n_epochs)[0]
            )
            if self.interrupted:
                break
        return networks

    def _train(self, optimization, rows, held_out=None, n_epochs=None):
        """A network and how many epochs it was trained for."""
        plan, n_epochs = self.plan, n_epochs or self.plan.n_epochs
        rng = torch.Generator().manual_seed(self._draw_seed())
        network = plan.build(rng)
        trainer = Trainer(
            network,
            self.examples.subset(rows),
            plan.objective,
            optimization,
            n_epochs,
            rng,
        )
        watch = held_out if plan.early_stopping else None
        best = _Best()
        epoch = 0
        try:
            for epoch in range(1, n_epochs + 1):
                entry = self._run_epoch(trainer, epoch)
                if watch is not None:
                    score, _ = self._best_ascent(self._total_values(network, watch))
                    entry["validation_score"] = score
                    best.update(score, network, epoch, plan.tol)
                self.history.append(entry)
                if self.on_epoch(entry):
                    break
                if watch is not None and epoch - best.epoch >= plan.n_iter_no_change:
                    break
        except KeyboardInterrupt:
            self.interrupted = True
            network.eval()
        if best.network is not None:
            return best.network, best.epoch
        return network, max(epoch, 1)

    def _draw_seed(self):
        return int(torch.randint(2**62, (), generator=self.seeds))

    @staticmethod
    def _run_epoch(trainer, epoch):
        began = time.perf_counter()
        loss = trainer.run_epoch()
        return {"epoch": epoch, "loss": loss, "seconds": time.perf_counter() - began}

    def _total_values(self, network, held_out):
        """Sums of oracle values and of weights, (2, n_ascents, n_steps)."""
        oracle = self.plan.objective.settings.oracle
        y_true = held_out.y.take(slice(None)).cpu()
        weight = held_out.weight
        weight = torch.ones(len(y_true)) if weight is None else weight.cpu()
        totals = []
        for ascent in self.plan.ascents:
            climb = stages(
                network,
                ascent,
                held_out.x,
                held_out.y_init,
                batch_size=EVALUATION_BATCH,
            )
            totals.append([_weighted_sum(oracle, y, y_true, weight) for y in climb])
        sums = torch.tensor(totals, dtype=torch.float64)
        return torch.stack([sums, torch.full_like(sums, weight.sum().item())])

    def _best_ascent(self, totals):
        """The best mean value and the ascent that reached it."""
        means = totals[0] / totals[1]
        if not self.plan.choose_n_steps:
            means = means[:, -1:]
        score, best = means.flatten().max(0)
        which, step = divmod(best.item(), means.shape[1])
        ascent = self.plan.ascents[which]
        if self.plan.choose_n_steps:
            ascent = replace(ascent, n_steps=step + 1)
        return score.item(), ascent


class _Best:
    """The best network so far."""

    def __init__(self):
        self.score, self.network, self.epoch = -float("inf"), None, 0

    def update(self, score, network, epoch, tol):
        if score > self.score + tol:
            self.score, self.epoch = score, epoch
            self.network = copy_network(network)


def _weighted_sum(oracle, y, y_true, weight):
    return (oracle((y >= 0.5).to(y_true), y_true) * weight).sum().item()
