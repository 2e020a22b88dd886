"""The value network for labels."""

import copy
import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from .layers import unset

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
    """A multi-layer perceptron of y alone, with its gradient: ``c.g(C^T y)``.

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
            unset(nn.Linear, n_in, n_out, bias=False)
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


class LabelScore(nn.Module):
    """Score of coefficients b(x) as the context and a `GlobalTerm`, interaction.

    As logits of a guess the coefficients make a feed-forward network.
    """

    def guess(self, context):
        """Labels as the local part alone sees them, in [0, 1]."""
        return torch.sigmoid(context)

    def guess_losses(self, context, y):
        """Cross-entropy of the guess, summed over the labels, shape (n,)."""
        losses = F.binary_cross_entropy_with_logits(context, y, reduction="none")
        return losses.sum(1)

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


class LabelNetwork(LabelScore):
    """The network of the paper for labels, after SPEN.

    The score has a local part, linear in y with coefficients that a multi-layer
    perceptron computes from x, and a global part in y alone (section 5.1 of Gygli
    et al., 2017; Belanger & McCallum, 2016, eqs. 3-5)::

        s(x, y) = y . b(x) + c . g(C^T y)

    Both the score and its gradient in y have a closed form.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes of x, or of what the encoder makes of it, and of y.
    hidden_layer_sizes : tuple of int, default=(300,)
        Widths of the local part's hidden layers.
    global_layer_sizes : tuple of int, default=(16,)
        Widths of the global part's hidden layers; ``()`` leaves it out.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers.
    encoder : torch.nn.Module, default=None
        What x goes through first; its output is flattened to features.
    generator : torch.Generator, default=None
        Source of the weights, but for the encoder's; torch's global one if None.
    """

    def __init__(
        self,
        n_features,
        n_labels,
        hidden_layer_sizes=(300,),
        global_layer_sizes=(16,),
        activation="softplus",
        encoder=None,
        generator=None,
    ):
        super().__init__()
        self.activation = activation
        self.encoder = encoder
        sizes = (*hidden_layer_sizes, n_labels)
        self.input = InputLayer(n_features, sizes[0])
        self.hidden = nn.ModuleList(
            unset(nn.Linear, n_in, n_out) for n_in, n_out in pairwise(sizes)
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
        if self.encoder is not None:
            x = self.encoder(x).flatten(1)
        x = self.input(x)
        for layer in self.hidden:
            x = layer(activate(x))
        return x


class JointLabelNetwork(LabelScore):
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
        self.interaction = copy.deepcopy(networks[0].interaction)
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
