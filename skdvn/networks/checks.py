"""Is a user's network a value network?"""

import torch
from torch import nn

from .protocol import autograd_score_and_grad, score_and_grad


def check_is_network(network):
    """Raise unless `network` is a torch module with the methods of a value network.

    Parameters
    ----------
    network : object

    Raises
    ------
    TypeError
        If it is not.
    """
    name = f"The network {type(network).__name__}"
    if not isinstance(network, nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module.")
    missing = [
        method
        for method in ("encode", "score")
        if not callable(getattr(network, method, None))
    ]
    if missing:
        raise TypeError(
            f"{name} lacks the method(s) {missing}; a value network has "
            "encode(x) -> context and score(context, y) -> logits of shape (n,)."
        )


def check_network(network, x, y):
    """Try a user's network on a few inputs and outputs.

    Parameters
    ----------
    network : object
        Supposed to be a value network.
    x, y : torch.Tensor
        A few inputs and relaxed outputs.

    Raises
    ------
    TypeError
        If it is no torch module or lacks `encode` or `score`.
    ValueError
        If `encode` or `score` raises, or the scores are not finite, of shape
        ``(n,)`` and differentiable in y.
    """
    check_is_network(network)
    if not any(p.requires_grad for p in network.parameters()):
        raise ValueError(
            f"The network {type(network).__name__} has no parameter to train."
        )
    name = f"The network {type(network).__name__}"
    try:
        with torch.no_grad():
            context = network.encode(x)
            score, grad = score_and_grad(network, context, y)
    except Exception as error:
        raise ValueError(
            f"{name} failed on x of shape {tuple(x.shape)} and y of shape "
            f"{tuple(y.shape)}: {error}"
        ) from error
    for what, found, shape in (
        ("score", score, (len(y),)),
        ("gradient of the score in y", grad, tuple(y.shape)),
    ):
        if found.shape != shape or not torch.isfinite(found).all():
            raise ValueError(
                f"{name}: the {what} must be finite numbers of shape {shape}; got "
                f"shape {tuple(found.shape)} with values from {found.min():.4g} to "
                f"{found.max():.4g}."
            )
    _, expected = autograd_score_and_grad(network, context, y)
    tolerance = 1e-3 + 0.02 * expected.abs().max()  # layers may run in half precision
    if not (grad - expected).abs().max() <= tolerance:
        raise ValueError(
            f"{name}: score_and_grad returns another gradient than autograd finds for "
            f"score; they differ by up to {(grad - expected).abs().max():.4g}."
        )
