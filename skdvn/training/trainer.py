"""Regress the value network onto the oracle (section 3.2, Algorithm 1)."""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import torch

from ..data import Examples
from ..inference import starting_points
from ..networks import (
    copy_network,
    detach_context,
    score_all,
    score_and_grad,
    scores_and_grads,
    single_values_normalised,
)
from .optimizers import SGD, Adam, AdamW, MovingAverage
from .plan import GRADIENT_LOSSES, LOSSES, SCHEDULES, Objective, Optimization
from .sharpening import blunt
from .teams import ALONE
from .tuples.generators import oracle_and_grad
from .tuples.memory import ReplayBuffer
from .tuples.mixture import Batch

# No network means to have such a weight; its scores are soon beyond all numbers.
LARGEST_WEIGHT = 1e10
# Examples to try a trained network on.
A_FEW = 3


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
    team : Team, default=ALONE
        The processes that train the network together.
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
        team=ALONE,
    ):
        blunt(network)
        self.network = network.eval()  # also where no epoch is left to do
        self.examples: Examples = examples
        self.objective: Objective = objective
        self.optimization: Optimization = optimization
        self.team = team
        self.shared_rng, self.rng = rng, team.generator(rng)
        self.n_steps_done = 0
        team.agree(network)
        n_batches = len(self._batches(torch.arange(len(examples))))
        self.n_steps_planned = n_epochs * n_batches
        self.optimizer = self._make_optimizer()
        if optimizer_state is not None:
            self.optimizer.resume(optimizer_state)
        self.average = None
        if optimization.averaging:
            self.average = MovingAverage(network, optimization.averaging)
        self.replay = self.chains = None
        if objective.mixture is not None and objective.mixture.has_replay:
            self.replay = ReplayBuffer(objective.replay_size, len(examples))
        if objective.mixture is not None and objective.mixture.has_chains:
            self.chains = ReplayBuffer(1, len(examples))

    def _make_optimizer(self):
        opt = self.optimization
        if opt.solver == "sgd":
            return SGD(self.network, opt.alpha, opt.max_grad_norm, opt.momentum)
        kind = Adam if opt.solver == "adam" else AdamW
        return kind(self.network, opt.alpha, opt.max_grad_norm)

    @property
    def trained(self):
        """The network to keep: the one in training, or its moving average."""
        return self.network if self.average is None else self.average.network

    def run_epoch(self):
        """One pass over the examples.

        Returns
        -------
        loss : float
            Mean training loss.

        Raises
        ------
        ValueError
            If the loss is not finite, or weights have left all bounds.
        """
        self.network.train()
        order = torch.randperm(len(self.examples), generator=self.shared_rng)
        batches = self._batches(order)
        shares = [self.team.share(rows) for rows in batches]
        total = 0.0
        with single_values_normalised(self.network):
            for batch, (rows, drawn, tuples) in zip(
                batches, self._draws(shares), strict=True
            ):
                if len(rows):
                    total += self._backward(rows, drawn, tuples) * len(rows)
                self._update(len(rows) / len(batch))
        self.team.average_buffers(self.network)
        if self.average is not None:
            self.team.average_buffers(self.average.network)
        self.network.eval()
        total = self.team.sum(torch.tensor(float(total), dtype=torch.float64))
        loss = total.item() / len(order)
        self._check_convergence(loss)
        return loss

    def _check_convergence(self, loss):
        weights = [p.detach() for p in self.optimizer.params if p.numel()]
        largest = torch.stack([p.abs().max().double() for p in weights]).max().item()
        if not (math.isfinite(loss) and largest < LARGEST_WEIGHT):
            found = f"the loss is {loss:.4g}, and the largest weight {largest:.4g}"
            raise _diverged(found, self.optimization)

    def _batches(self, order):
        """Positions by mini-batch; one of a single example joins the one before it.

        Of a single one layers that normalise over examples could not learn.
        """
        batch_size = min(self.optimization.batch_size, len(order))
        batches = list(order.split(batch_size))
        if len(batches) > 1 and len(batches[-1]) == 1 < len(batches[-2]):
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _draws(self, batches):
        """Each mini-batch and its tuples; None where they are still to be made."""
        lag = self.optimization.lag if self.objective.mixture is not None else 0
        if not lag:
            for rows in batches:
                drawn = self.examples.draw(rows, self.rng) if len(rows) else None
                yield rows, drawn, None
            return
        pending = deque()
        with ThreadPoolExecutor(1) as producer:
            for rows in batches:
                older, seed = copy_network(self.network), self._draw_seed()
                pending.append(producer.submit(self._infer, older, rows, seed))
                if len(pending) > lag:
                    yield pending.popleft().result()
            for future in pending:
                yield future.result()

    def _draw_seed(self):
        return int(torch.randint(2**62, (), generator=self.rng))

    def _infer(self, network, rows, seed):
        if not len(rows):
            return rows, None, None
        rng = torch.Generator().manual_seed(seed)
        drawn = self.examples.draw(rows, rng)
        with torch.no_grad():
            context = network.encode(drawn.x)
        return rows, drawn, self._generate(network, context, rows, drawn, rng)

    def _generate(self, network, context, rows, drawn, rng):
        for memory in (self.replay, self.chains):
            if drawn.renewed is not None and memory is not None:
                memory.forget(rows[drawn.renewed])
        y_init = self._starts(network, context, drawn, rng)
        settings = self.objective.settings
        memories = self.replay, self.chains
        batch = Batch(
            network,
            context,
            drawn.y,
            y_init,
            rows,
            settings,
            rng,
            *memories,
            drawn.known,
        )
        training = network.training
        network.eval()
        tuples = self.objective.mixture(batch)
        network.train(training)
        return tuples

    def _starts(self, network, context, drawn, rng):
        """Where inference starts; starts that vary take turns with zeros.

        From a good start alone the network would see little of what makes outputs bad.
        """
        y_init = starting_points(network, context, drawn.y_init)
        if not self.examples.starts_vary:
            return y_init
        kept = torch.rand(len(y_init), generator=rng) < 0.5
        return y_init * kept.view(-1, *[1] * (y_init.ndim - 1)).to(y_init)

    def _backward(self, rows, drawn, tuples):
        """The loss of a mini-batch, with its gradients in the network."""
        context = self.network.encode(drawn.x)
        if tuples is None and self.objective.mixture is not None:
            detached = detach_context(context)
            tuples = self._generate(self.network, detached, rows, drawn, self.rng)
        loss = self._loss(context, drawn, tuples)
        loss.backward()
        return loss.detach()

    def _update(self, share):
        """One step of the optimizer; `share` of the mini-batch was this process's."""
        self.team.add_gradients(self.optimizer.params, share)
        self.optimizer.step(self._learning_rate())
        self.n_steps_done += 1
        if self.average is not None:
            self.average.update(self.network)

    def _loss(self, context, drawn, tuples):
        goal, loss = self.objective, 0.0
        if tuples is not None:
            losses = self._value_losses(context, drawn.y, tuples)
            loss = _mean(tuples.weights @ losses, drawn.weight)
        if goal.guess_weight:
            known = () if drawn.known is None else (drawn.known,)
            losses = self.network.guess_losses(context, drawn.y, *known)
            loss = loss + goal.guess_weight * _mean(losses, drawn.weight)
        return loss

    def _value_losses(self, context, y_true, tuples):
        """Losses of all tuples, (n_tuples, n)."""
        goal, outputs = self.objective, tuples.outputs
        if goal.loss == "hinge":
            return self._hinge_losses(context, y_true, tuples)
        if not goal.gradient_weight:
            scores = score_all(self.network, context, outputs)
            return LOSSES[goal.loss](scores, tuples.values)
        scores, grads = scores_and_grads(self.network, context, outputs)
        losses = LOSSES[goal.loss](scores, tuples.values)
        oracle = goal.settings.oracle
        wanted = [oracle_and_grad(oracle, y, y_true)[1] for y in outputs]
        differ = GRADIENT_LOSSES[goal.gradient_loss]
        return losses + goal.gradient_weight * differ(
            scores, grads, torch.stack(wanted)
        )

    def _hinge_losses(self, context, y_true, tuples):
        """``max(0, 1 - v* + s(x, y) - s(x, y_true))``, the structured hinge of SPEN."""
        outputs = torch.cat([tuples.outputs, y_true[None]])
        *scores, best = score_all(self.network, context, outputs)
        return torch.relu(1 - tuples.values + torch.stack(scores) - best)

    def _learning_rate(self):
        done = min(self.n_steps_done / self.n_steps_planned, 1.0)
        factor = SCHEDULES[self.optimization.schedule](done)
        return factor * self.optimization.learning_rate_init

    # -- safety copies -----------------------------------------------------------

    def state(self):
        """All that training goes on from: numbers, lists, dictionaries and tensors."""
        own = {"rng": self.rng.get_state()}
        for name, memory in self._memories():
            own[name] = memory.state()
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state(),
            "average": None if self.average is None else self.average.state(),
            "n_steps_done": self.n_steps_done,
            "rng": self.shared_rng.get_state(),
            "own": self.team.gather(own),
        }

    def resume(self, state):
        """Go on from the state of a trainer that was made alike."""
        self.network.load_state_dict(state["network"])
        self.optimizer.resume(state["optimizer"])
        if self.average is not None:
            self.average.resume(state["average"])
        self.n_steps_done = state["n_steps_done"]
        self.shared_rng.set_state(state["rng"])
        own = state["own"][self.team.rank]
        self.rng.set_state(own["rng"])
        for name, memory in self._memories():
            memory.resume(own[name])

    def _memories(self):
        """What remembers examples between epochs, with names."""
        named = {
            "examples": self.examples,
            "replay": self.replay,
            "chains": self.chains,
        }
        return [pair for pair in named.items() if pair[1] is not None]


def check_scores(network, examples, optimization):
    """Raise if a trained network has no finite scores for a few examples."""
    rows = torch.arange(min(A_FEW, len(examples)))
    drawn = examples.draw(rows, torch.Generator().manual_seed(0))
    with torch.no_grad():
        context = network.encode(drawn.x)
        found = score_and_grad(network, context, 0.5 * drawn.y + 0.25)
    if not all(torch.isfinite(part).all() for part in found):
        raise _diverged("the value is not finite", optimization)


def _diverged(found, optimization):
    return ValueError(
        f"Training diverged: {found}. Lower learning_rate_init, now "
        f"{optimization.learning_rate_init:.4g}, alpha, now {optimization.alpha:.4g}, "
        f"or max_grad_norm, now {optimization.max_grad_norm:.4g}."
    )


def _mean(losses, weight):
    return (losses if weight is None else losses * weight).mean()
