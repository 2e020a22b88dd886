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
"""

import copy
import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

# Each activation with its derivative, as functions of the pre-activation.
ACTIVATIONS = {
    "softplus": (F.softplus, torch.sigmoid),
    "tanh": (torch.tanh, lambda u: 1 - torch.tanh(u) ** 2),
    "relu": (torch.relu, lambda u: (u > 0).to(u.dtype)),
}


class InputLayer(nn.Module):
    """A linear layer that multiplies dense inputs and `SparseBatch` alike.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of input and output.
    """

    def __init__(self, in_features, out_features):
        super().__init__()
        # Input-major, as a sparse product wants it.
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))

    def forward(self, x):
        """Output of shape (n, out_features)."""
        return x @ self.weight + self.bias


class GlobalTerm(nn.Module):
    """A multi-layer perceptron of y alone, ``c . g(C^T y)``, with its gradient.

    Parameters
    ----------
    n_labels : int
        Size of y.
    hidden_layer_sizes : tuple of int
        Widths of the hidden layers; ``()`` makes the term 0.
    activation : str
        A key of `ACTIVATIONS`.
    """

    def __init__(self, n_labels, hidden_layer_sizes, activation):
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(
            skip_init(nn.Linear, n_in, n_out, bias=False)
            for n_in, n_out in pairwise((n_labels, *hidden_layer_sizes))
        )
        width = hidden_layer_sizes[-1] if hidden_layer_sizes else 0
        self.readout = nn.Parameter(torch.empty(width))

    def forward(self, y):
        """The term, shape (..., n)."""
        activate, _ = ACTIVATIONS[self.activation]
        for layer in self.layers:
            y = activate(layer(y))
        return y @ self.readout


class _LabelScore(nn.Module):
    """Score of coefficients b(x) as the context and a `GlobalTerm`, interaction."""

    def score(self, context, y):
        """Logit of the value, shape (..., n); y may carry leading axes."""
        local = torch.linalg.vecdot(y, context)
        return local + self.interaction(y) if self.interaction.layers else local

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y, in closed form."""
        return self.field(context)(y)

    def field(self, context):
        """The function ``y -> score_and_grad(context, y)``, all look-ups done."""
        activate, derivative = ACTIVATIONS[self.interaction.activation]
        weights = [layer.weight for layer in self.interaction.layers]
        readout = self.interaction.readout
        if not weights:
            return lambda y: (torch.linalg.vecdot(y, context), context)

        def closed_form(y):
            hidden, pre_activations = y, []
            for weight in weights:
                pre_activations.append(F.linear(hidden, weight))
                hidden = activate(pre_activations[-1])
            score = torch.linalg.vecdot(y, context) + hidden @ readout
            grad = readout * derivative(pre_activations.pop())
            for weight in weights[:0:-1]:
                grad = (grad @ weight) * derivative(pre_activations.pop())
            return score, torch.addmm(context, grad, weights[0])

        return closed_form

    def shift(self, context, pull):
        """The context that adds ``y . pull`` to the score."""
        return context + pull


class LabelNetwork(_LabelScore):
    """The network of the paper for labels, after SPEN.

    The score has a local part, linear in y with coefficients that a multi-layer
    perceptron computes from x, and a global part in y alone (section 5.1 of Gygli
    et al., 2017; Belanger & McCallum, 2016, eqs. 3-5)::

        s(x, y) = y . b(x) + c . g(C^T y)

    Both the score and its gradient in y have a closed form.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes of x and y.
    hidden_layer_sizes : tuple of int, default=(300,)
        Widths of the local part's hidden layers.
    global_layer_sizes : tuple of int, default=(16,)
        Widths of the global part's hidden layers; ``()`` leaves it out.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers.
    generator : torch.Generator, default=None
        Source of the weights; torch's global one if None.
    """

    def __init__(
        self,
        n_features,
        n_labels,
        hidden_layer_sizes=(300,),
        global_layer_sizes=(16,),
        activation="softplus",
        generator=None,
    ):
        super().__init__()
        self.activation = activation
        sizes = (*hidden_layer_sizes, n_labels)
        self.input = InputLayer(n_features, sizes[0])
        self.hidden = nn.ModuleList(
            skip_init(nn.Linear, n_in, n_out) for n_in, n_out in pairwise(sizes)
        )
        self.interaction = GlobalTerm(n_labels, global_layer_sizes, activation)
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw new weights, from torch's global generator unless told otherwise.

        Inputs are standardised and many, so the first layer starts small; all other
        layers start with variance ``2 / fan_in``.
        """
        nn.init.normal_(self.input.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.input.bias)
        for layer in (*self.hidden, *self.interaction.layers):
            scale = math.sqrt(2 / layer.in_features)
            nn.init.normal_(layer.weight, std=scale, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        readout = self.interaction.readout
        scale = math.sqrt(2 / max(len(readout), 1))
        nn.init.normal_(readout, std=scale, generator=generator)

    def encode(self, x):
        """Coefficients of the local part, shape (n, n_labels)."""
        activate, _ = ACTIVATIONS[self.activation]
        x = self.input(x)
        for layer in self.hidden:
            x = layer(activate(x))
        return x


class JointNetwork(nn.Module):
    """Several value networks as one, for joint inference: the mean of their scores.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        The members, each a value network.
    """

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def encode(self, x):
        """Contexts of all members."""
        return tuple(network.encode(x) for network in self.networks)

    def score(self, context, y):
        """Mean logit of the members."""
        scores = [
            network.score(part, y)
            for network, part in zip(self.networks, context, strict=True)
        ]
        return torch.stack(scores).mean(0)

    def score_and_grad(self, context, y):
        """Mean logit of the members and its gradient in y."""
        pairs = [
            score_and_grad(network, part, y)
            for network, part in zip(self.networks, context, strict=True)
        ]
        scores, grads = zip(*pairs, strict=True)
        return torch.stack(scores).mean(0), torch.stack(grads).mean(0)


class JointLabelNetwork(_LabelScore):
    """Several label networks as one.

    The mean of their scores is again the score of a label network: the mean of the
    local coefficients, and all global units side by side. So the joint ascent costs
    hardly more than that of one member.

    Parameters
    ----------
    networks : sequence of LabelNetwork
        The members, with at most one global layer each.
    """

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.interaction = copy_network(networks[0].interaction)
        terms = [network.interaction for network in networks]
        readout = torch.cat([term.readout.detach() for term in terms])
        self.interaction.readout = nn.Parameter(readout / len(terms))
        for layer, *parts in zip(
            self.interaction.layers, *(term.layers for term in terms), strict=True
        ):
            layer.weight = nn.Parameter(torch.cat([p.weight.detach() for p in parts]))

    def encode(self, x):
        """Mean coefficients of the local parts, shape (n, n_labels)."""
        return torch.stack([network.encode(x) for network in self.networks]).mean(0)


def join(networks):
    """One network for joint inference with several.

    Parameters
    ----------
    networks : list of torch.nn.Module
        Value networks.

    Returns
    -------
    network : torch.nn.Module
        The only one, a `JointLabelNetwork` where possible, or a `JointNetwork`.
    """
    if len(networks) == 1:
        return networks[0]
    if all(
        isinstance(network, LabelNetwork)
        and len(network.interaction.layers) <= 1
        and _kind(network) == _kind(networks[0])
        for network in networks
    ):
        return JointLabelNetwork(networks)
    return JointNetwork(networks)


def _kind(network):
    return network.interaction.activation, len(network.interaction.layers)


def members(network):
    """The networks that `join` made one of."""
    if isinstance(network, JointNetwork | JointLabelNetwork):
        return list(network.networks)
    return [network]


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
        (grad,) = torch.autograd.grad(score.sum(), y)
    return score.detach(), grad


def score_all(network, context, outputs):
    """Scores of several outputs per example.

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
    """
    if isinstance(network, LabelNetwork):
        return network.score(context, outputs)
    return torch.stack([network.score(context, y) for y in outputs])


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
    if not torch.allclose(grad, expected, rtol=1e-2, atol=1e-3):
        raise ValueError(
            f"{name}: score_and_grad returns another gradient than autograd finds for "
            f"score; they differ by up to {(grad - expected).abs().max():.4g}."
        )
