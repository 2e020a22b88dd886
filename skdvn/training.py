"""Regress the value network onto the oracle (section 3.2, Algorithm 1)."""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .data import ConstantRows, Examples
from .networks import copy_network, detach_context, score_all
from .optimizers import SGD, Adam
from .tuples import Batch, Mixture, ReplayBuffer, TupleSettings

LOSSES = {
    "cross_entropy": lambda score, value: F.binary_cross_entropy_with_logits(
        score, value, reduction="none"
    ),
    "squared": lambda score, value: (torch.sigmoid(score) - value) ** 2,
}

# Factor on the learning rate as a function of the share of training done. "step" is
# the schedule of the authors' code: 150, 150 and 90 of 390 epochs.
SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "step": lambda done: 0.1 ** ((done >= 150 / 390) + (done >= 300 / 390)),
}


@dataclass(frozen=True)
class Objective:
    """What a network is trained to do.

    Parameters
    ----------
    mixture : Mixture
        Where the tuples come from.
    settings : TupleSettings
        What their generators need to know.
    loss : {"cross_entropy", "squared"}
        Discrepancy of value and oracle value: eq. 11, or the squared error.
    replay_size : int
        Outputs remembered per example for replay.
    """

    mixture: Mixture
    settings: TupleSettings
    loss: str = "cross_entropy"
    replay_size: int = 8


@dataclass(frozen=True)
class Optimization:
    """How it is trained.

    Parameters
    ----------
    solver : {"sgd", "adam"}
    learning_rate_init : float
    schedule : {"constant", "cosine", "step"}
    momentum : float
        Of SGD.
    alpha : float
        Weight decay: ``alpha * W`` is added to the gradient of weights (not biases).
    n_epochs : int
        Length of the schedule.
    batch_size : int
    max_grad_norm : float
        Gradients of larger norm are scaled down to it; infinity leaves them alone.
    lag : int
        With ``lag > 0`` the tuples of a mini-batch are inferred in a parallel thread
        with the weights of `lag` steps ago, as in section 3.3.
    """

    solver: str = "sgd"
    learning_rate_init: float = 0.6
    schedule: str = "cosine"
    momentum: float = 0.9
    alpha: float = 1e-3
    n_epochs: int = 16
    batch_size: int = 128
    max_grad_norm: float = 1.0
    lag: int = 0


class Trainer:
    """Trains a value network in place, epoch by epoch.

    Parameters
    ----------
    network : torch.nn.Module
    examples : Examples
    objective : Objective
    optimization : Optimization
    n_epochs : int
        Length of the schedule.
    rng : torch.Generator
        The only source of randomness.
    optimizer_state : dict, default=None
        What the optimizer of an earlier trainer of this network remembered.
    """

    def __init__(
        self,
        network,
        examples,
        objective,
        optimization,
        n_epochs,
        rng,
        optimizer_state=None,
    ):
        self.network = network
        self.examples: Examples = examples
        self.objective: Objective = objective
        self.optimization: Optimization = optimization
        self.rng = rng
        self.n_steps_done = 0
        n_batches = math.ceil(len(examples) / optimization.batch_size)
        self.n_steps_planned = n_epochs * n_batches
        self.optimizer = self._make_optimizer()
        if optimizer_state is not None:
            self.optimizer.resume(optimizer_state)
        self.replay = None
        if objective.mixture.has_replay:
            self.replay = ReplayBuffer(objective.replay_size, len(examples))

    def _make_optimizer(self):
        opt = self.optimization
        if opt.solver == "adam":
            return Adam(self.network, opt.alpha, opt.max_grad_norm)
        return SGD(self.network, opt.alpha, opt.max_grad_norm, opt.momentum)

    def run_epoch(self):
        """One pass over the examples.

        Returns
        -------
        loss : float
            Mean training loss.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        self.network.train()
        order = torch.randperm(len(self.examples), generator=self.rng)
        batches = order.split(self.optimization.batch_size)
        total = 0.0
        for rows, tuples in self._with_tuples(batches):
            total += self._train_step(rows, tuples) * len(rows)
        self.network.eval()
        loss = float(total) / len(order)
        if not math.isfinite(loss):
            raise ValueError(
                f"Training diverged: the loss is {loss}. Lower learning_rate_init, now "
                f"{self.optimization.learning_rate_init}, or max_grad_norm, now "
                f"{self.optimization.max_grad_norm}."
            )
        return loss

    def _with_tuples(self, batches):
        """Pair each batch with its tuples; None where they are still to be made."""
        lag = self.optimization.lag
        if not lag:
            yield from ((rows, None) for rows in batches)
            return
        pending = deque()
        with ThreadPoolExecutor(1) as producer:
            for rows in batches:
                older, seed = copy_network(self.network), self._draw_seed()
                pending.append((rows, producer.submit(self._infer, older, rows, seed)))
                if len(pending) > lag:
                    rows, future = pending.popleft()
                    yield rows, future.result()
            for rows, future in pending:
                yield rows, future.result()

    def _draw_seed(self):
        return int(torch.randint(2**62, (), generator=self.rng))

    def _infer(self, network, rows, seed):
        with torch.no_grad():
            context = network.encode(self.examples.x.take(rows))
        rng = torch.Generator().manual_seed(seed)
        return self._generate(network, context, rows, rng)

    def _generate(self, network, context, rows, rng):
        examples = self.examples
        y_true, y_init = examples.y.take(rows), self._starts(rows, rng)
        settings = self.objective.settings
        return self.objective.mixture(
            Batch(network, context, y_true, y_init, rows, settings, rng, self.replay)
        )

    def _starts(self, rows, rng):
        """Where inference starts; given starts take turns with zeros.

        From a good start alone the network would see little of what makes outputs bad.
        """
        y_init = self.examples.y_init.take(rows)
        if isinstance(self.examples.y_init, ConstantRows):
            return y_init
        kept = torch.rand(len(rows), generator=rng) < 0.5
        return y_init * kept.view(-1, *[1] * (y_init.ndim - 1)).to(y_init)

    def _train_step(self, rows, tuples):
        context = self.network.encode(self.examples.x.take(rows))
        if tuples is None:
            detached = detach_context(context)
            tuples = self._generate(self.network, detached, rows, self.rng)
        loss = self._loss(context, rows, tuples)
        loss.backward()
        self.optimizer.step(self._learning_rate())
        self.n_steps_done += 1
        return loss.detach()

    def _loss(self, context, rows, tuples):
        scores = score_all(self.network, context, tuples.outputs)
        losses = LOSSES[self.objective.loss](scores, tuples.values)
        losses = tuples.weights @ losses
        if self.examples.weight is not None:
            losses = losses * self.examples.weight[rows]
        return losses.mean()

    def _learning_rate(self):
        done = min(self.n_steps_done / self.n_steps_planned, 1.0)
        factor = SCHEDULES[self.optimization.schedule](done)
        return factor * self.optimization.learning_rate_init
