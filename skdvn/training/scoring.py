"""What each candidate for the ascent is worth on held-out rows."""

from dataclasses import replace

import torch
from torch.nn import functional as F

from ..data import IGNORED, UNSEEN, Queries, batches_of, opposed, rows_at_once
from ..inference import encoded
from .teams import ALONE

EVALUATION_BATCH = 1024


def totals_of(plan, network, split, team=ALONE):
    """Sums of oracle values and of weights on the held-out rows.

    One long trajectory per candidate tries every number of steps at once.

    Parameters
    ----------
    plan : Plan
    network : torch.nn.Module
    split : Split
    team : Team, default=ALONE
        Each of its processes scores some of the rows.

    Returns
    -------
    totals : torch.Tensor of shape (2, n_ascents, n_steps)
        On the CPU.
    """
    ascents, held_out = plan.ascents, split.held_out
    queries = Queries(held_out.x, held_out.y_init)
    weight = held_out.weight
    weight = torch.ones(len(held_out.y)) if weight is None else weight.cpu()
    n_stages = max(ascents[0].n_steps, 1)
    sums = torch.zeros(len(ascents), n_stages, dtype=torch.float64)
    batches = batches_of(len(queries), _n_rows_together(plan, held_out))
    for batch in encoded(network, queries, batches[team.rank :: team.size]):
        y_true = held_out.y.take(batch.rows).cpu()
        known = held_out.known and held_out.known.take(batch.rows).cpu()
        for i, ascent in enumerate(ascents):
            rng = torch.Generator().manual_seed(0)
            outputs = batch.iterates(ascent, rng) if ascent.n_steps else [batch.start]
            for step, y in enumerate(outputs):
                values = _values(plan, y, y_true, known) * weight[batch.rows]
                sums[i, step] += values.sum().item()
    return torch.stack([team.sum(sums), torch.full_like(sums, weight.sum().item())])


def _n_rows_together(plan, held_out):
    """Rows to score together; all if they share the noise of the ascent."""
    if any(ascent.noise for ascent in plan.ascents):
        return len(held_out.y)
    n_entries = held_out.y.take(slice(1)).numel()
    return min(EVALUATION_BATCH, rows_at_once(n_entries))


def _values(plan, y, y_true, known):
    """Oracle values of what `predict` would make of the relaxed outputs.

    Where the truth is not known, outputs count as right; where it is a class that was
    not there in training, as wrong.
    """
    decided = torch.as_tensor(plan.decide(y.cpu().numpy())).to(y_true)
    if known is not None:
        decided = torch.where(known == IGNORED, y_true, decided)
        y_true = torch.where(known == UNSEEN, opposed(decided).to(y_true), y_true)
    return plan.objective.settings.oracle(decided, y_true)


def best_ascent(plan, totals):
    """The best mean value, smoothed over the steps, and the ascent that gets it.

    Parameters
    ----------
    plan : Plan
    totals : torch.Tensor or None
        As of `totals_of`; None if nothing was scored.

    Returns
    -------
    score : float
    ascent : GradientAscent
    """
    if totals is None:
        return float("nan"), plan.objective.settings.ascent
    means = totals[0] / totals[1]
    means = _smooth(means) if plan.choose_n_steps else means[:, -1:]
    which = means.amax(1).argmax().item()
    score, step = means[which].max(0)
    ascent = plan.ascents[which]
    if plan.choose_n_steps:
        ascent = replace(ascent, n_steps=step.item() + 1)
    return score.item(), ascent


def _smooth(means):
    """Mean over neighbouring numbers of steps, to choose one that is not just lucky."""
    padded = F.pad(means[:, None], (1, 1), mode="replicate")
    return F.avg_pool1d(padded, kernel_size=3, stride=1)[:, 0]
