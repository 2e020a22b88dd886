"""Independent labels whose number is known: the conditional Poisson binomial.

The number of labels of a row with independent probabilities p has a Poisson
binomial distribution. What it says of the single labels, given the number, comes
from products of the polynomials ``1 - p_i + p_i z``: with all factors but that of
label i, the coefficient of ``z^(s-1)`` times p_i is ``P(y_i = 1, |y| = s)``.

All products are taken along a binary tree of labels, up for those below a node and
down for those outside of it. Nothing is ever subtracted, so that even improbable
numbers are exact to the last digits. Given their number, labels do not change if all
odds are multiplied by one factor; it is chosen such that half of the largest number
is expected, and coefficients stay within the range of float64.
"""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..data import MARGIN

# Coefficients of all rows that are worked on at once; few enough for the cache.
CHUNK_SIZE = 2**20
# Coefficients below are inexact; all labels are then taken to be equally probable.
TINY = 1e-290


def label_logits(p):
    """Logits of probabilities kept off 0 and 1, in float64."""
    return torch.logit(p.detach().double(), eps=MARGIN)


def tilts(logits, expected):
    """What to add to the logits of each row for a number of labels to be expected.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_labels)
    expected : float
        Sum of the probabilities, about; below n_labels.

    Returns
    -------
    tilts : torch.Tensor of shape (n, 1)
    """
    low, high = -logits.amax(1, keepdim=True) - 20, -logits.amin(1, keepdim=True) + 20
    for _ in range(14):
        middle = (low + high) / 2
        enough = torch.sigmoid(logits + middle).sum(1, keepdim=True) > expected
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return (low + high) / 2


def _multiply(a, b, n_kept):
    """Products of polynomials along the first axis, but for too high powers."""
    out = a.new_zeros(min(len(a) + len(b) - 1, n_kept), *a.shape[1:])
    for power in range(min(len(a), len(out))):
        reached = out[power : power + len(b)]
        reached.addcmul_(a[power], b[: len(reached)])
    return out


def _products(logits, max_count):
    """Polynomials of all nodes of the tree, leaves first, each (powers, nodes, n)."""
    n, n_labels = logits.shape
    leaves = torch.stack([torch.sigmoid(-logits.T), torch.sigmoid(logits.T)])
    n_leaves = 1 << (n_labels - 1).bit_length()
    if n_leaves > n_labels:
        never = torch.stack([leaves.new_ones(n), leaves.new_zeros(n)])[:, None]
        padding = never.expand(2, n_leaves - n_labels, n)
        leaves = torch.cat([leaves, padding], 1)
    levels = [leaves]
    while levels[-1].shape[1] > 1:
        # The two children of a node are half of the level apart.
        left, right = levels[-1].chunk(2, 1)
        levels.append(_multiply(left, right, max_count + 1))
    return levels


def _outside(levels, rest, max_count):
    """Polynomials of all labels but one, (max_count, leaves, n).

    `rest` is that of the labels which are not in the tree, (powers, 1, n).
    """
    outside = rest[:max_count]
    for level in levels[-2::-1]:
        siblings = level.unflatten(1, (2, -1)).flip(1)
        parents = outside[:, None].expand(-1, 2, -1, -1)
        outside = _multiply(siblings, parents, max_count).flatten(1, 2)
    return outside


def _log_counts(root, logits, tilt, max_count):
    """Logarithms of the Poisson binomial distribution, from tilted coefficients."""
    powers = torch.arange(max_count + 1, dtype=logits.dtype, device=logits.device)
    log_scale = (F.softplus(logits + tilt) - F.softplus(logits)).sum(1, keepdim=True)
    return root[:, 0].T.clamp_min(TINY).log() - tilt * powers + log_scale


def _rows_at_once(n_labels, max_count):
    return max(1, CHUNK_SIZE // ((max_count + 1) * n_labels))


def log_count_distribution(p, max_count):
    """Logarithm of the Poisson binomial distribution of the number of labels.

    Parameters
    ----------
    p : torch.Tensor of shape (n, n_labels)
        Probabilities of independent labels.
    max_count : int
        Largest number of labels, at most n_labels.

    Returns
    -------
    log_counts : torch.Tensor of shape (n, max_count + 1)
        Of the dtype of p.
    """
    found = []
    for rows in p.split(_rows_at_once(p.shape[1], max_count)):
        logits = label_logits(rows)
        tilt = tilts(logits, max_count / 2)
        root = _products(logits + tilt, max_count)[-1]
        found.append(_log_counts(root, logits, tilt, max_count).to(p.dtype))
    return torch.cat(found)


class LabelsGivenCount(NamedTuple):
    """Probabilities ``P(y_i = 1 | |y| = s)`` of all labels i and numbers s.

    Those of the most probable labels of each row are stored one by one. The others
    are rare; what is left of s for them is shared in proportion to their odds, which
    is the limit for odds near 0.

    Parameters
    ----------
    places : torch.Tensor of int64, of shape (n, n_apart)
        The most probable labels, in falling order.
    labels : torch.Tensor of shape (n, n_apart, max_count + 1)
        Their probabilities.
    rest : torch.Tensor of shape (n, n_labels)
        Shares of the other labels, which add up to 1; 0 for the most probable ones.
    left : torch.Tensor of shape (n, max_count + 1)
        How many labels the others are expected to be.
    """

    places: torch.Tensor
    labels: torch.Tensor
    rest: torch.Tensor
    left: torch.Tensor

    def sums(self, y):
        """Sums over the labels of y, shape (n, max_count + 1)."""
        stored = torch.bmm(y.gather(1, self.places)[:, None], self.labels)[:, 0]
        return stored + (y * self.rest).sum(1, keepdim=True) * self.left

    def weighted(self, weights):
        """Sums over the numbers with these weights, shape (n, n_labels)."""
        found = self.rest * (self.left * weights).sum(1, keepdim=True)
        stored = torch.bmm(self.labels, weights[:, :, None])[:, :, 0]
        return found.scatter(1, self.places, stored)

    def table(self):
        """All of them, shape (n, n_labels, max_count + 1)."""
        table = self.rest[:, :, None] * self.left[:, None]
        places = self.places[:, :, None].expand_as(self.labels)
        return table.scatter(1, places, self.labels)


def conditional_labels(p, max_count, n_apart=None):
    """Probabilities of labels given their number, and the distribution of the latter.

    Parameters
    ----------
    p : torch.Tensor of shape (n, n_labels)
        Probabilities of independent labels.
    max_count : int
        Largest number of labels, at most n_labels.
    n_apart : int, default=None
        How many of the most probable labels are exact; None for all.

    Returns
    -------
    log_counts : torch.Tensor of shape (n, max_count + 1)
        Logarithm of the Poisson binomial distribution.
    labels : LabelsGivenCount
    """
    n_labels = p.shape[1]
    n_apart = n_labels if n_apart is None else min(n_apart, n_labels)
    parts = p.split(_rows_at_once(n_labels, max_count))
    found = [_conditional_labels(part, max_count, n_apart) for part in parts]
    log_counts, *labels = map(torch.cat, zip(*found, strict=True))
    return log_counts, LabelsGivenCount(*labels)


def _conditional_labels(p, max_count, n_apart):
    """Logarithms, and the parts of `LabelsGivenCount`, for a few rows."""
    n, n_labels = p.shape
    logits = label_logits(p)
    tilt = tilts(logits, max_count / 2)
    places = logits.topk(n_apart, 1).indices
    tilted = logits + tilt
    levels = _products(tilted.gather(1, places), max_count)
    rest, shares = levels[-1].new_ones(1, 1, n), torch.zeros_like(logits)
    if n_apart < n_labels:
        rare = tilted.scatter(1, places, -torch.inf)
        rest = _products(rare, max_count)[-1]
        shares = logits.exp().scatter(1, places, 0.0)
        shares /= shares.sum(1, keepdim=True)
    root = _multiply(levels[-1], rest, max_count + 1)
    log_counts = _log_counts(root, logits, tilt, max_count)
    joint = _outside(levels, rest, max_count)[:, :n_apart]
    joint = joint.mul_(levels[0][1, :n_apart]).div_(root[1:].clamp_min(TINY))
    lost = root[1:] < TINY
    powers = torch.arange(1.0, max_count + 1, device=p.device)
    if lost.any():
        joint = torch.where(lost, powers.view(-1, 1, 1) / n_labels, joint)
    labels = F.pad(joint.permute(2, 1, 0), (1, 0))
    left = F.pad(powers, (1, 0)) - labels.sum(1)
    return log_counts.to(p), places, labels.to(p), shares.to(p), left.clamp_min(0).to(p)


def sample_labels(p, counts, noise):
    """Samples of independent labels, given their number.

    Parameters
    ----------
    p : torch.Tensor of shape (n, n_labels)
        Probabilities.
    counts : torch.Tensor of int64, of shape (n_samples, n)
        How many labels each sample has, at most n_labels.
    noise : torch.Tensor of shape (n_labels, n or 1, n_samples)
        Uniform numbers in [0, 1), for each row or the same for all.

    Returns
    -------
    samples : torch.Tensor of shape (n_samples, n, n_labels)
        Labels 0 and 1, of the dtype of p.
    """
    n_labels, max_count = p.shape[1], int(counts.max())
    logits = label_logits(p)
    logits = logits + tilts(logits, max_count / 2)
    on, off = torch.sigmoid(logits).T, torch.sigmoid(-logits).T
    # Of the labels from i on, the distribution of their number, (n, max_count + 1).
    rest = F.pad(logits.new_ones(len(p), 1), (0, max_count))
    rests = [rest]
    for i in reversed(range(n_labels)):
        rest = rest * off[i, :, None]
        rest[:, 1:].addcmul_(rests[-1][:, :-1], on[i, :, None])
        rests.append(rest)
    left, samples = counts.T.clone(), p.new_zeros(len(counts), *p.shape)
    for i in range(n_labels):
        total = rests.pop().gather(1, left)
        having = on[i, :, None] * rests[-1].gather(1, (left - 1).clamp_min(0))
        chosen = (noise[i] * total < having) & (left > 0)
        samples[:, :, i] = chosen.T.to(p.dtype)
        left -= chosen.long()
    return samples
