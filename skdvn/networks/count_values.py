"""Expected oracle values of an output, for labels whose number is uncertain.

Each class makes, once per row, what it needs of the probabilities of the numbers s of
labels, (n, max_count + 1), and of the labels given each number, and returns the
expected value of outputs, and its gradient.

Binary outputs have the value that they have; for relaxed ones: an empty truth, which
only the empty output finds, is worth ``prod(1 - y_i)``, the probability that nothing
is left after rounding at random; and no output counts for less than one label. Along
the edges from the empty output to single labels the value is thus linear for F-beta,
so that the ascent stops at one of the ends.
"""

import torch

from ..oracles import FBeta, at_least_one, relaxed_accuracy, relaxed_iou
from .poisson_binomial import sample_labels


def _emptiness(y):
    """``prod(1 - y_i)``, shape (n,), and its gradient."""
    off = 1 - y
    ones = torch.ones_like(off[:, :1])
    before = torch.cat([ones, off[:, :-1].cumprod(1)], 1)
    after = torch.cat([ones, off.flip(1)[:, :-1].cumprod(1)], 1).flip(1)
    return before[:, -1] * off[:, -1], -before * after


class RatioValue:
    """F-beta, exact, or IOU, nearly so, from expected intersections given s.

    The IOU is no linear function of the intersection T. Given s its expectation is
    taken from the mean of T and its variance, to second order, with the variance of
    labels drawn independently of each other and then held to s in all (Hajek, 1964).

    Parameters
    ----------
    oracle : callable
        An `FBeta` or `relaxed_iou`.
    """

    def __init__(self, oracle):
        self.weight = float(oracle.beta) ** 2 if isinstance(oracle, FBeta) else None

    def prepare(self, p, counts, labels):
        """What depends on the row alone: a tuple of tensors."""
        return counts, labels

    def value(self, parts, y):
        """Expected values, shape (n,)."""
        counts, labels = parts
        empty, _ = _emptiness(y)
        ratios = self._ratios(at_least_one(y.sum(1, keepdim=True)), _inner(y, labels))
        return (counts * ratios[0]).sum(1) + counts[:, 0] * empty
