"""How sure the guess of a mask may be."""

import math

import torch
from scipy.optimize import minimize_scalar

from ..data import batches_of
from ..networks import Guesser

# What is drawn to learn one number from.
MOST_IMAGES, MOST_PIXELS, AT_ONCE = 400, 2**22, 20
# Slopes are looked for between 1 / STEEPEST and it.
STEEPEST = 8.0


@torch.no_grad()
def sharpen(network, examples, seed=0):
    """Scale the logits of each guess of masks to what the examples bear out.

    After few mini-batches the logits are too small: half of the pixels may be right,
    and all probabilities near one half, so that expected scores are too low, and the
    best expected mask is too large. Each guess gets the slope of the least
    cross-entropy on newly drawn crops, as training sees them (temperature scaling, Guo
    et al., 2017). It is near 1 after a long training.

    Parameters
    ----------
    network : torch.nn.Module
        Changed, where `Guesser` networks are part of it.
    examples : ImageExamples
        What it was trained on.
    seed : int, default=0
        Of what is drawn.
    """
    for guesser in network.modules():
        if isinstance(guesser, Guesser):
            guesser.eval().slope.fill_(1.0)
            guesser.slope.fill_(_best_slope(guesser, examples, seed))


def _best_slope(guesser, examples, seed):
    rng = torch.Generator().manual_seed(seed)
    drawn, n_pixels = [], 0
    order = torch.randperm(len(examples), generator=rng)[:MOST_IMAGES]
    for rows in batches_of(len(order), AT_ONCE):
        one = examples.draw(order[rows], rng)
        drawn.append((guesser.encode(one.x), one.y, one.known, one.weight))
        n_pixels += one.y.numel()
        if n_pixels >= MOST_PIXELS:
            break

    def loss(log_slope):
        """Mean cross-entropy of the logits times a slope."""
        total, slope = 0.0, math.exp(log_slope)
        for logits, y, known, weight in drawn:
            more = () if known is None else (known,)
            losses = guesser.guess_losses(slope * logits, y, *more)
            total += (losses if weight is None else weight * losses).sum().item()
        return total

    bounds = -math.log(STEEPEST), math.log(STEEPEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return math.exp(found.x)
