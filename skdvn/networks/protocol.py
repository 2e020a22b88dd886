"""Value networks: ``v(x, y) = sigmoid(s(x, y))``.

A value network is a torch module with two methods and, where it has one, a
closed form of the third:

``encode(x) -> context``
    Everything that depends on the input alone, computed once per example. A
    tensor or a tuple of tensors whose first axis counts examples.
``score(context, y) -> s``
    The logit ``s`` of the value, one per example.
``score_and_grad(context, y) -> (s, ds/dy)``
    Optional. Without it the gradient is taken by autograd.
``guess(context)`` and ``guess_losses(context, y)``
    Optional. The network's own first guess of y, within [0, 1], and how far it is from
    a truth, one loss per example. For masks with an `ignore_label`
    ``guess_losses(context, y, known)``, where known is 1 at the pixels that count.
``sample(context, rng)``
    Optional. A truth as it may be under the guess; without it outputs are drawn entry
    by entry.
``summary(context, y) -> numbers`` and ``readout(numbers) -> s``
    Optional. The score in two parts, a few numbers (n, k) without any weights that are
    trained, and what the weights make of them. The solver "lbfgs" needs both.
"""

import copy

import torch


def score_and_grad(network, context, y):
    """Score and its gradient in y: the network's closed form, or autograd.

    Parameters
    ----------
    network : torch.nn.Module
        A value network.
    context : tensor or tuple of tensors
        What ``network.encode`` returned.
    y : torch.Tensor of shape (n, ...)
        Relaxed outputs.

    Returns
    -------
    score : torch.Tensor of shape (n,)
        Logit of the value, detached.
    grad : torch.Tensor of the shape of y
    """
    if hasattr(network, "score_and_grad"):
        return network.score_and_grad(context, y)
    return autograd_score_and_grad(network, context, y)


def autograd_score_and_grad(network, context, y):
    """The same by autograd, for any network."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        score = network.score(context, y)
        grad = _gradient(score, y)
    return score.detach(), grad


def _gradient(score, y, **how):
    """The gradient of scores in y; raise if they do not depend on it."""
    grad = None
    if score.requires_grad:
        (grad,) = torch.autograd.grad(score.sum(), y, allow_unused=True, **how)
    if grad is None:
        raise ValueError(
            "score(context, y) has no gradient in y, which the ascent follows. It must "
            "be differentiable in y, without rounding or detach()."
        )
    return grad


def scores_and_grads(network, context, outputs):
    """Scores and gradients of several outputs per example, both differentiable.

    Parameters
    ----------
    network : torch.nn.Module
        A value network.
    context : tensor or tuple of tensors
        What ``network.encode`` returned for n examples.
    outputs : torch.Tensor of shape (n_outputs, n, ...)

    Returns
    -------
    scores : torch.Tensor of shape (n_outputs, n)
    grads : torch.Tensor of the shape of outputs
    """
    if hasattr(network, "score_and_grad"):
        pairs = [network.score_and_grad(context, y) for y in outputs]
    else:
        pairs = []
        for y in outputs:
            y = y.detach().requires_grad_()
            score = network.score(context, y)
            grad = _gradient(score, y, create_graph=True)
            pairs.append((score, grad))
    scores, grads = zip(*pairs, strict=True)
    return torch.stack(scores), torch.stack(grads)


def detach_context(context):
    """A context cut off from the encoder's graph; tensors in tuples or lists count."""
    if isinstance(context, torch.Tensor):
        return context.detach()
    if type(context) in (tuple, list):
        return type(context)(map(detach_context, context))
    return context


def copy_network(network):
    """A deep copy that shares nothing with the original."""
    return copy.deepcopy(network)
