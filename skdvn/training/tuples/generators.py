"""Training tuples (x, y, v*): where the outputs to learn from come from.

A generator is a function of a `Batch` that returns a list of relaxed outputs, each
of the shape of the truth. The generators of section 3.3 of the paper stand in
`GENERATORS`; a user's own function of a `Batch` is as good as they are.
"""

from dataclasses import replace

import torch

from ...inference import value_field
from ...networks import score_and_grad
from .stratified import stratified, stratified_around


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


def guess(batch):
    """Truths as they may be under the network's guess, and outputs near them.

    Unlike `stratified`, which starts from the truth, these are independent of it given
    x, so that regression on them finds the expected value.
    """
    centre = _sample(batch.network, batch.context, batch.rng)
    return stratified_around(centre, batch)


def other_truths(batch):
    """Truths of other examples of the mini-batch, which say nothing of one's own."""
    order = torch.randperm(len(batch.y_true), generator=batch.rng)
    return [batch.y_true[order.to(batch.y_true.device)]]


def _sample(network, context, rng):
    if hasattr(network, "sample"):
        return network.sample(context, rng)
    if not hasattr(network, "guess"):
        raise ValueError(
            "tuples names 'guess', but the network makes none: "
            f"{type(network).__name__} has no method guess(context). Take "
            "'stratified', or give it one."
        )
    p = network.guess(context)
    draw = torch.rand(p.shape, generator=rng, dtype=p.dtype).to(p.device)
    return (draw < p).to(p.dtype)


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
    "guess": guess,
    "other_truths": other_truths,
    "adversarial": adversarial,
    "one_step": one_step,
    "loss_augmented": loss_augmented,
    "replay": replay,
    "chain": chain,
}
