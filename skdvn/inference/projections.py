"""Which outputs are allowed, and the nearest of them."""

import torch


def project_box(y):
    """Project onto the box [0, 1], in place."""
    return y.clamp_(0, 1)


def project_simplex(y):
    """Project onto the probability simplex along the second axis, in place.

    The nearest point with entries from 0 on that add up to 1 (Held et al., 1974).
    """
    ordered = y.sort(1, descending=True).values
    excess = ordered.cumsum(1) - 1
    counts = torch.arange(1, y.shape[1] + 1, dtype=y.dtype, device=y.device)
    counts = counts.view(-1, *[1] * (y.ndim - 2))
    n_above = (ordered * counts > excess).sum(1, keepdim=True).clamp_min(1)
    return y.sub_(excess.gather(1, n_above - 1) / n_above).clamp_(min=0)


def _anywhere(grad):
    return grad


def _along_simplex(grad):
    return grad - grad.mean(1, keepdim=True)


# The set of outputs that are allowed: projection onto it, and the part of a gradient
# along which one can move within it.
PROJECTIONS = {
    "box": (project_box, _anywhere),
    "simplex": (project_simplex, _along_simplex),
}
