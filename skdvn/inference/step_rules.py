"""What the gradient of the score is multiplied by to make a step."""

import torch


def _value_factor(score, grad):
    """Turns the gradient of the logit into that of the value."""
    return torch.sigmoid(score) * torch.sigmoid(-score)


def _logit_factor(score, grad):
    return torch.ones_like(score)


def _normalizing_factor(score, grad):
    largest = grad.abs().flatten(1).amax(1)
    return 1 / largest.clamp_min(torch.finfo(grad.dtype).tiny)


def _rms_factor(score, grad):
    mean_square = grad.flatten(1).square().mean(1)
    return mean_square.clamp_min(torch.finfo(grad.dtype).tiny).rsqrt()


# What the gradient of the logit is multiplied by, per example.
STEP_RULES = {
    "value": _value_factor,
    "logit": _logit_factor,
    "normalized": _normalizing_factor,
    "rms": _rms_factor,
}


# Those whose steps are of the size of the gradient.
SCALED_RULES = ("value", "logit")
