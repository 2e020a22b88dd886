"""The value that an oracle would have if a guess were the distribution of the truth.

Each term is a function of y and a guess p, both of shape (n, ...) in [0, 1], and
returns the logit of an estimate of ``E v*(y, y*)`` for independent entries
``y* ~ p``, and its gradient in y. Sums take the place of intersections, so that the
estimate is the ratio of the expected counts. Its maximiser is the output that the
oracle itself would have you choose: for F1 and IOU the entries with ``p > v / 2``
and ``p > v / (1 + v)``, for the pixel accuracy the most probable class.
"""

import math

import torch

from ..oracles import (
    FBeta,
    at_least_one,
    relaxed_accuracy,
    relaxed_iou,
    relaxed_mean_iou,
    relaxed_pixel_accuracy,
)

# Pixels or labels added to both sides of each ratio, so that empty outputs have one.
SMOOTHING = 0.1


def _per_example(values, like):
    return values.view(-1, *[1] * (like.ndim - 1))


def overlap_term(weight, shift=0.0):
    """The term of F-beta with ``weight = beta ** 2``.

    The logit of the IOU is that of F1 less log 2.

    Parameters
    ----------
    weight : float
        Weight of recall against precision.
    shift : float, default=0.0
        What is added to the logit.

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
        return hit.log() - missed.log() + shift, grad

    return term


def accuracy_term(y, guess):
    """The term of the accuracy; see the module."""
    agreed = (y * guess + (1 - y) * (1 - guess)).flatten(1).sum(1) + SMOOTHING
    missed = guess[0].numel() - agreed + 2 * SMOOTHING
    grad = (2 * guess - 1) * _per_example(1 / agreed + 1 / missed, y)
    return agreed.log() - missed.log(), grad


def pixel_accuracy_term(y, guess):
    """The term of the pixel accuracy; see the module."""
    if y.shape[1] == 1:
        return accuracy_term(y, guess)
    total = y.sum(1, keepdim=True)
    claimed = at_least_one(total)
    agreed = (y * guess).sum(1, keepdim=True) / claimed
    hit = agreed.flatten(1).sum(1) + SMOOTHING
    missed = agreed[0].numel() - hit + 2 * SMOOTHING
    grad = (guess - torch.where(total >= 1, agreed, 0.0)) / claimed
    return hit.log() - missed.log(), grad * _per_example(1 / hit + 1 / missed, y)


def mean_iou_term(y, guess):
    """The term of the mean IOU over classes; see the module."""
    if y.shape[1] == 1:
        both = (torch.cat([part, 1 - part], 1) for part in (y, guess))
        logit, grad = mean_iou_term(*both)
        return logit, grad[:, :1] - grad[:, 1:]
    shared = (y * guess).sum((2, 3), keepdim=True) + SMOOTHING
    covered = (y + guess - y * guess).sum((2, 3), keepdim=True) + 2 * SMOOTHING
    value = (shared / covered).mean(1, keepdim=True)
    grad = (guess - shared / covered * (1 - guess)) / covered / y.shape[1]
    return torch.logit(value).flatten(), grad / (value * (1 - value))


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
        return overlap_term(1.0, -math.log(2))
    if isinstance(oracle, FBeta):
        return overlap_term(float(oracle.beta) ** 2)
    for known, term in CLOSED_FORMS:
        if oracle is known:
            return term
    return general_term(oracle)


def has_closed_form(oracle):
    """Whether the term of an oracle, and its gradient, need no autograd."""
    own = oracle is relaxed_iou or isinstance(oracle, FBeta)
    return own or any(oracle is known for known, _ in CLOSED_FORMS)


CLOSED_FORMS = (
    (relaxed_accuracy, accuracy_term),
    (relaxed_pixel_accuracy, pixel_accuracy_term),
    (relaxed_mean_iou, mean_iou_term),
)
