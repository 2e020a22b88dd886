"""Training tuples (x, y, v*): where the outputs to learn from come from.

A generator is a function of a `Batch` that returns a list of relaxed outputs, each
of the shape of the truth. The generators of section 3.3 of the paper stand in
`GENERATORS`; a user's own function of a `Batch` is as good as they are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from .inference import Ascent, value_field
from .networks import score_and_grad


@dataclass(frozen=True)
class TupleSettings:
    """What generators may want to know, the same for all batches.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``.
    ascent : Ascent
        Inference as it will be done at test time.
    n_iterates : int, default=4
        Iterates of one inference trajectory that become tuples, evenly spaced and
        ending with the last.
    tau : float, default=0.0
        Temperature of the stratified samples; at 0 they are the truth.
    n_samples : int, default=1
        Stratified samples per example.
    n_candidates, n_strata : int, default=16, 20
        Random outputs per example that the stratified sampler chooses from, and
        the number of groups of equal value it sorts them into.
    """

    oracle: Callable
    ascent: Ascent
    n_iterates: int = 4
    tau: float = 0.0
    n_samples: int = 1
    n_candidates: int = 16
    n_strata: int = 20


@dataclass
class Batch:
    """What a generator sees of one mini-batch.

    Parameters
    ----------
    network : torch.nn.Module
        The value network, or a slightly older copy of it.
    context : tensor or tuple of tensors
        ``network.encode(x)``, detached.
    y_true, y_init : torch.Tensor of shape (n, ...)
        The truth, and where inference starts.
    rows : torch.Tensor of shape (n,)
        Positions of the examples in the training set.
    settings : TupleSettings
    rng : torch.Generator
    replay : ReplayBuffer or None
        Earlier outputs, where the mixture asks for them.
    chains : ReplayBuffer or None
        Where trajectories have come to that go on from visit to visit.
    """

    network: torch.nn.Module
    context: Any
    y_true: torch.Tensor
    y_init: torch.Tensor
    rows: torch.Tensor
    settings: TupleSettings
    rng: torch.Generator
    replay: Any = None
    chains: Any = None

    def random_rows(self, chance):
        """A mask over the examples that selects each with this chance."""
        shape = (len(self.y_true), *[1] * (self.y_true.ndim - 1))
        draw = torch.rand(shape, generator=self.rng)
        return draw.to(self.y_true.device) < chance

    def truth_or_start(self):
        """Per example the truth or where inference starts, at even odds."""
        return torch.where(self.random_rows(0.5), self.y_true, self.y_init)


def ground_truth(batch):
    """The truth itself, of value 1."""
    return [batch.y_true]


def inference(batch):
    """Iterates of one inference trajectory, so that values are right along it."""
    if not batch.settings.ascent.n_steps:
        return [batch.y_init]
    ascent, n_iterates = batch.settings.ascent, batch.settings.n_iterates
    kept = {round(ascent.n_steps * (k + 1) / n_iterates) for k in range(n_iterates)}
    climb = ascent.iterates(
        value_field(batch.network, batch.context), batch.y_init, batch.rng
    )
    return [y.clone() for step, y in enumerate(climb, 1) if step in kept]


def one_step(batch):
    """One inference step from the truth or the start.

    This is what the authors' released code trains on under the name of adversarial
    examples; see `adversarial` for the paper's.
    """
    ascent = replace(batch.settings.ascent, n_steps=1)
    return [
        ascent.climb(
            value_field(batch.network, batch.context),
            batch.truth_or_start(),
            batch.rng,
        )
    ]


def stratified(batch):
    """Samples of ``p(y) ~ exp(v*(y, y_true) / tau)``, stratified by value."""
    settings = batch.settings
    if settings.tau == 0:
        return [batch.y_true]
    candidates = corrupt(batch.y_true, settings.n_candidates, batch.rng)
    values = torch.stack([settings.oracle(y, batch.y_true) for y in candidates])
    log_weights = stratified_log_weights(values, settings.tau, settings.n_strata)
    rows = torch.arange(values.shape[1], device=values.device)
    return [
        candidates[_draw(log_weights, batch.rng), rows]
        for _ in range(settings.n_samples)
    ]


def corrupt(y_true, n_candidates, rng):
    """Binary outputs at many distances from the truth, the truth itself first.

    Each candidate forgets and invents entries at rates of its own, uniform between
    none and as many as the truth has; of a mask whole patches at once. Of several
    classes each is mistaken for another one, at a rate of its own.

    Parameters
    ----------
    y_true : torch.Tensor of shape (n, ...)
        Binary truth. Masks, (n, n_channels, height, width), with several channels
        have one class per pixel.
    n_candidates : int
        Number of candidates per example.
    rng : torch.Generator

    Returns
    -------
    candidates : torch.Tensor of shape (n_candidates, n, ...)
    """
    if y_true.ndim == 4 and y_true.shape[1] > 1:
        return _mistake_classes(y_true, n_candidates, rng)
    n, shape = len(y_true), (n_candidates, *y_true.shape)
    per_example = (n_candidates, n, *[1] * (y_true.ndim - 1))
    forget = torch.rand(per_example, generator=rng)
    invent = torch.rand(per_example, generator=rng)
    share = y_true.flatten(1).mean(1).clamp_min(1 / y_true[0].numel())
    odds = (share / (1 - share).clamp_min(share)).view(per_example[1:])
    rate = torch.where(
        y_true > 0.5,
        forget.to(y_true.device),
        invent.to(y_true.device) * odds,
    )
    draw = _smooth_uniforms if y_true.ndim == 4 else torch.rand
    flips = draw(shape, generator=rng).to(y_true.device) < rate
    flips[0] = False
    return torch.where(flips, 1 - y_true, y_true)


def _mistake_classes(y_true, n_candidates, rng):
    """`corrupt` for one class per pixel."""
    n, n_classes, *size = y_true.shape
    shape = (n_candidates, n, n_classes)
    rates = torch.rand(shape, generator=rng)
    shifts = torch.randint(1, n_classes, shape, generator=rng)
    classes = y_true.argmax(1).cpu().expand(n_candidates, n, *size).flatten(2)
    rate = rates.gather(2, classes).view(n_candidates, n, *size)
    mistaken = (classes + shifts.gather(2, classes)) % n_classes
    flips = _smooth_uniforms((n_candidates, n, *size), rng) < rate
    flips[0] = False
    found = torch.where(flips.flatten(2), mistaken, classes)
    outputs = torch.zeros(n_candidates, n, n_classes, found.shape[-1])
    outputs.scatter_(2, found.unsqueeze(2), 1.0)
    return outputs.view(n_candidates, *y_true.shape).to(y_true)


def _smooth_uniforms(shape, generator):
    """Random fields, uniform at each pixel, each with patches of a size of its own.

    What is wrong with a mask is wrong in patches, not pixel by pixel.
    """
    height, width = shape[-2:]
    n_fields = math.prod(shape[:-2])
    which = torch.randint(len(PATCHES), (n_fields,), generator=generator)
    fields = torch.empty(n_fields, height, width)
    for k, patch in enumerate(PATCHES):
        chosen = which == k
        coarse = (int(chosen.sum()), 1, height // patch + 1, width // patch + 1)
        field = torch.randn(coarse, generator=generator)
        if len(field):
            field = F.interpolate(field, size=(height, width), mode="bicubic")
            field = field / field.std((2, 3), keepdim=True).clamp_min(1e-6)
            fields[chosen] = field[:, 0]
    return torch.special.ndtr(fields).view(shape)


# Sides of the patches in which masks are wrong, in pixels.
PATCHES = (1, 2, 4, 8, 16)
# Temperatures below are as good as this one.
TINY = 1e-30


def stratified_log_weights(values, tau, n_strata):
    """Log weight of each candidate, up to a constant per example.

    Candidates are grouped by value into strata of width ``1 / n_strata``, and those of
    value 1, which are as good as the truth, into one more. A stratum
    weighs ``exp(mean value / tau)``, shared equally by its members (Norouzi et al.,
    2016; section 3.3 of Gygli et al., 2017), so that the many outputs of low value
    do not drown the few of high value.

    Parameters
    ----------
    values : torch.Tensor of shape (n_candidates, n)
        Oracle values in [0, 1].
    tau : float
        Temperature, above 0.
    n_strata : int
        Number of strata.

    Returns
    -------
    log_weights : torch.Tensor of shape (n_candidates, n)
    """
    stratum = (values * n_strata).long().clamp(0, n_strata)
    totals = values.new_zeros(n_strata + 1, values.shape[1])
    counts = totals.scatter_add(0, stratum, torch.ones_like(values))
    totals = totals.scatter_add(0, stratum, values)
    members = counts.gather(0, stratum)
    means = totals.gather(0, stratum) / members
    return (means - means.amax(0)) / max(tau, TINY) - members.log()


def _draw(log_weights, rng):
    """One index along the first axis per column, by the Gumbel trick."""
    noise = torch.rand(log_weights.shape, generator=rng)
    gumbel = -torch.log(-torch.log(noise.clamp(1e-20, 1 - 1e-7)))
    return (log_weights + gumbel.to(log_weights.device)).argmax(0)


def adversarial(batch):
    """Outputs that ascend the training loss, eq. 11, from the truth or the start.

    With ``v = sigmoid(s)`` the cross-entropy has the gradient
    ``(v - v*) ds/dy - s dv*/dy``; an oracle that autograd cannot differentiate
    counts as constant.
    """
    settings = batch.settings

    def loss_field(y):
        score, grad = score_and_grad(batch.network, batch.context, y)
        value, value_grad = oracle_and_grad(settings.oracle, y, batch.y_true)
        shape = (-1, *[1] * (y.ndim - 1))
        error = (torch.sigmoid(score) - value).view(shape)
        return score, error * grad - score.view(shape) * value_grad

    ascent = replace(settings.ascent, step_rule="logit", noise=0.0)
    return [ascent.climb(loss_field, batch.truth_or_start(), batch.rng)]


def loss_augmented(batch):
    """Outputs that score high and are far from the truth, as SPEN trains on.

    The ascent of ``s(x, y) + 1 - v*(y, y_true)``, from where inference starts
    (Belanger & McCallum, 2016, eq. 6).
    """
    oracle = batch.settings.oracle

    def field(y):
        score, grad = score_and_grad(batch.network, batch.context, y)
        _, value_grad = oracle_and_grad(oracle, y, batch.y_true)
        return score, grad - value_grad

    return [batch.settings.ascent.climb(field, batch.y_init, batch.rng)]


def oracle_and_grad(oracle, y, y_true):
    """Oracle values and their gradient in y; 0 where autograd finds none."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        value = oracle(y, y_true)
        if not value.requires_grad:
            return value, torch.zeros_like(y)
        (grad,) = torch.autograd.grad(value.sum(), y)
    return value.detach(), grad


def replay(batch):
    """An earlier output of each example, to be met again (experience replay)."""
    return [batch.replay.draw(batch.rows, batch.y_true, batch.rng)]


def chain(batch):
    """One more step of a trajectory that goes on from visit to visit.

    Each example has its own; it starts anew when the ascent is over, or when the
    example has changed. A step costs one gradient instead of a whole ascent.
    """
    ascent, chains = batch.settings.ascent, batch.chains
    age = chains.age(batch.rows)
    over = age >= ascent.n_steps
    chains.forget(batch.rows[over])
    age[over] = 0
    y = chains.last(batch.rows, batch.y_init)
    field = value_field(batch.network, batch.context)
    y = ascent.step(field, y, age.to(y.device))
    chains.store(batch.rows, y)
    return [y]


GENERATORS = {
    "ground_truth": ground_truth,
    "inference": inference,
    "stratified": stratified,
    "adversarial": adversarial,
    "one_step": one_step,
    "loss_augmented": loss_augmented,
    "replay": replay,
    "chain": chain,
}


class ReplayBuffer:
    """The outputs that each example was last trained on.

    Kept per example, so that replay needs no second encoding of its input.

    Parameters
    ----------
    n_slots : int
        Outputs kept per example; the oldest goes first.
    n_rows : int
        Number of examples.
    """

    def __init__(self, n_slots, n_rows):
        self._n_slots = n_slots
        self._n_stored = torch.zeros(n_rows, dtype=torch.long)
        self._outputs = None

    def state(self):
        """What it remembers."""
        outputs = None if self._outputs is None else self._outputs.cpu()
        return {"n_stored": self._n_stored, "outputs": outputs}

    def resume(self, state):
        """Remember what another buffer did."""
        self._n_stored, self._outputs = state["n_stored"], state["outputs"]

    def store(self, rows, y):
        """Remember the outputs `y` of the examples `rows`."""
        if self._outputs is None:
            shape = (self._n_slots, len(self._n_stored), *y.shape[1:])
            self._outputs = torch.zeros(shape, dtype=torch.float16, device=y.device)
        self._outputs = self._outputs.to(y.device)  # as resumed, it is on the CPU
        self._outputs[self._n_stored[rows] % self._n_slots, rows] = y.half()
        self._n_stored[rows] += 1

    def forget(self, rows):
        """Forget the outputs of these examples, whose inputs have changed."""
        self._n_stored[rows] = 0

    def age(self, rows):
        """How many outputs each example was given since it was last forgotten."""
        return self._n_stored[rows].clone()

    def last(self, rows, default):
        """The output stored last for each of `rows`, `default` where there is none."""
        return self._at((self._n_stored[rows] - 1) % self._n_slots, rows, default)

    def draw(self, rows, default, rng):
        """One remembered output for each of `rows`, `default` where there is none."""
        if self._outputs is None:
            return default
        filled = self._n_stored[rows].clamp(max=self._n_slots)
        slot = (torch.rand(len(rows), generator=rng) * filled).long()
        return self._at(slot, rows, default)

    def _at(self, slot, rows, default):
        if self._outputs is None:
            return default
        missing = self._n_stored[rows] == 0
        missing = missing.view(-1, *[1] * (default.ndim - 1))
        remembered = self._outputs[slot, rows].to(default)
        return torch.where(missing.to(default.device), default, remembered)


class Tuples(NamedTuple):
    """Outputs with their oracle values and weights, for one mini-batch of n.

    Parameters
    ----------
    outputs : torch.Tensor of shape (n_tuples, n, ...)
    values : torch.Tensor of shape (n_tuples, n)
    weights : torch.Tensor of shape (n_tuples,)
        They add up to 1.
    """

    outputs: torch.Tensor
    values: torch.Tensor
    weights: torch.Tensor


def _generate_checked(generate, batch):
    """The outputs of a user's generator, or an error that tells what is wrong."""
    shape = tuple(batch.y_true.shape)
    try:
        generated = generate(batch)
    except Exception as error:
        raise ValueError(
            f"The generator {generate!r} in tuples failed: {error}"
        ) from error
    good = isinstance(generated, list) and bool(generated)
    good = good and all(
        isinstance(y, torch.Tensor)
        and y.shape == shape
        and bool((y >= 0).all())
        and bool((y <= 1).all())
        for y in generated
    )
    if not good:
        found = generated if isinstance(generated, list) else [generated]
        raise ValueError(
            f"The generator {generate!r} in tuples must return a list of tensors of "
            f"shape {shape} with entries in [0, 1]; got "
            f"{type(generated).__name__} of {[getattr(y, 'shape', y) for y in found]}."
        )
    return generated


@dataclass(frozen=True)
class Mixture:
    """Tuples of several generators, in proportions.

    Parameters
    ----------
    generators : dict of callable to float
        Generators with their shares, at least one above 0.
    one_at_a_time : bool, default=False
        Whether each mini-batch gets the tuples of one generator, drawn by share
        (Algorithm 1), instead of those of all, weighted by share.
    """

    generators: dict
    one_at_a_time: bool = False

    @property
    def has_replay(self):
        """Whether earlier outputs are asked for."""
        return bool(self.generators.get(replay))

    @property
    def has_chains(self):
        """Whether trajectories go on from visit to visit."""
        return bool(self.generators.get(chain))

    def __call__(self, batch):
        """Generate the tuples of a mini-batch, without gradients."""
        outputs, weights = [], []
        with torch.no_grad():
            for generate, share in self._shares(batch.rng).items():
                if generate in GENERATORS.values():
                    generated = generate(batch)
                else:
                    generated = _generate_checked(generate, batch)
                outputs += generated
                weights += [share / len(generated)] * len(generated)
                if self.has_replay and generate not in (replay, ground_truth):
                    for y in generated:
                        batch.replay.store(batch.rows, y)
            outputs = torch.stack(outputs)
            y_true = batch.y_true.expand_as(outputs).flatten(0, 1)
            values = batch.settings.oracle(outputs.flatten(0, 1), y_true)
            return Tuples(
                outputs,
                values.clamp(0, 1).view(len(outputs), -1),
                torch.tensor(weights, dtype=values.dtype, device=values.device),
            )

    def _shares(self, rng):
        total = sum(self.generators.values())
        shares = {g: share / total for g, share in self.generators.items() if share}
        if not self.one_at_a_time:
            return shares
        odds = torch.tensor(list(shares.values()))
        return {list(shares)[torch.multinomial(odds, 1, generator=rng).item()]: 1.0}
