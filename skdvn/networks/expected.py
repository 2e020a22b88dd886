"""The value that an oracle would have if a guess were the distribution of the truth.

Each term is a function of y and a guess p, both of shape (n, ...) in [0, 1], and
returns the logit of an estimate of ``E v*(y, y*)`` for independent entries
``y* ~ p``, and its gradient in y. Sums take the place of intersections, so that the
estimate is the ratio of the expected counts. Its maximiser is the output that the
oracle itself would have you choose: for F1 and IOU the entries with ``p > v / 2``
and ``p > v / (1 + v)``.
"""

import torch

from ..oracles import FBeta, relaxed_accuracy, relaxed_iou

# Pixels or labels added to both sides of each ratio, so that empty outputs have one.
SMOOTHING = 0.1


def _per_example(values, like):
    return values.view(-1, *[1] * (like.ndim - 1))


def overlap_term(weight):
    """The term of F-beta with ``weight = beta ** 2``; with 1, of IOU up to a constant.

    Parameters
    ----------
    weight : float
        Weight of recall against precision.

    Returns
    -------
    term : callable
        ``term(y, guess) -> (logit, grad)``.
    """

    def term(y, guess):
        shared = (y * guess).flatten(1).sum(1)
        total = y.flatten(1).sum(1) + weight * guess.flatten(1).sum(1)
        hit = (1 + weight) * shared + SMOOTHING
        missed = total - (1 + weight) * shared + SMOOTHING
        grad = (1 + weight) * guess / _per_example(hit, y)
        grad = grad - (1 - (1 + weight) * guess) / _per_example(missed, y)
        return hit.log() - missed.log(), grad

    return term


def accuracy_term(y, guess):
    """The term of the accuracy; see the module."""
    agreed = (y * guess + (1 - y) * (1 - guess)).flatten(1).sum(1) + SMOOTHING
    missed = guess[0].numel() - agreed + 2 * SMOOTHING
    grad = (2 * guess - 1) * _per_example(1 / agreed + 1 / missed, y)
    return agreed.log() - missed.log(), grad


def general_term(oracle):
    """The oracle itself against the guess, its gradient by autograd."""

    def term(y, guess):
        tracked = torch.is_grad_enabled()
        with torch.enable_grad():
            y = y if y.requires_grad else y.detach().requires_grad_()
            logit = torch.logit(oracle(y, guess), eps=1e-3)
            (grad,) = torch.autograd.grad(logit.sum(), y, create_graph=tracked)
        return (logit if tracked else logit.detach()), grad

    return term


def expected_term(oracle):
    """The term of an oracle, in closed form where there is one.

    Parameters
    ----------
    oracle : callable
        ``oracle(y, y_true) -> values``; other than those of `skdvn.oracles` it must
        be differentiable and take a relaxed truth.

    Returns
    -------
    term : callable
        ``term(y, guess) -> (logit, grad)``.
    """
    if oracle is relaxed_iou:
        return overlap_term(1.0)
    if isinstance(oracle, FBeta):
        return overlap_term(float(oracle.beta) ** 2)
    if oracle is relaxed_accuracy:
        return accuracy_term
    return general_term(oracle)
