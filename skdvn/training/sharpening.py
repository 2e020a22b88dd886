"""How sure the guess of a mask may be."""

import math
from dataclasses import replace

import torch
from scipy.optimize import minimize_scalar

from ..data import batches_of
from ..networks import Guesser, GuessNetwork, members

# What is drawn to learn one number from.
MOST_IMAGES, MOST_PIXELS = 400, 2**22
# Slopes are looked for between 1 / STEEPEST and it.
STEEPEST = 4.0
# Epochs after which half of the logarithm of the slope is believed.
HALF_BELIEVED = 200


def guessers_in(network):
    """The parts of a network that make a guess of masks, one per member."""
    parts = (
        one.encoder if isinstance(one, GuessNetwork) else one
        for one in members(network)
    )
    return [part for part in parts if isinstance(part, Guesser)]


@torch.no_grad()
def sharpen(network, examples, n_epochs, batch_size):
    """Scale the logits of each guess of masks to what the examples bear out.

    After few mini-batches the logits are too small: most pixels may be right while all
    probabilities are near one half, so that expected scores are too low, and the best
    expected mask is too large. The slope of the least cross-entropy on newly drawn
    crops, as training sees them, mends that (temperature scaling, Guo et al., 2017).
    After many epochs these crops are known too well to tell, so that its logarithm
    counts less and less.

    Parameters
    ----------
    network : torch.nn.Module
        Changed, where it or members of it have a `Guesser`.
    examples : ImageExamples
        What it was trained on.
    n_epochs : int
        For how long.
    batch_size : int
        Crops that go through the network at once, at most.
    """
    examples = replace(examples, n_visits=1)
    belief = 1 / (1 + (n_epochs * examples.n_crops / HALF_BELIEVED) ** 2)
    for guesser in guessers_in(network):
        guesser.eval().slope.fill_(1.0)
        slope = _best_slope(guesser, examples, batch_size)
        guesser.slope.fill_(slope**belief)


def blunt(network):
    """Take logits of guesses as they are again, before training goes on."""
    for guesser in guessers_in(network):
        guesser.slope.fill_(1.0)


def _best_slope(guesser, examples, batch_size):
    """The slope of the least cross-entropy; 1 where nothing is known of the pixels."""
    rng = torch.Generator().manual_seed(0)
    drawn, n_pixels, n_known = [], 0, 0.0
    order = torch.randperm(len(examples), generator=rng)[:MOST_IMAGES]
    for rows in batches_of(len(order), batch_size):
        one = examples.draw(order[rows], rng)
        drawn.append((guesser.encode(one.x), one.y, one.known, one.weight))
        n_pixels += one.y.numel()
        n_known += one.y.numel() if one.known is None else one.known.sum().item()
        if n_pixels >= MOST_PIXELS:
            break

    def loss(log_slope):
        """Cross-entropy of the logits times a slope."""
        total, slope = 0.0, math.exp(log_slope)
        for logits, y, known, weight in drawn:
            more = () if known is None else (known,)
            losses = guesser.guess_losses(slope * logits, y, *more)
            total += (losses if weight is None else weight * losses).sum().item()
        return total

    if not n_known or not math.isfinite(loss(0.0)):
        return 1.0
    bounds = -math.log(STEEPEST), math.log(STEEPEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return math.exp(found.x)
