"""Several value networks as one, for joint inference; several outputs at once."""

import torch
from torch import nn

from .labels import JointLabelNetwork, LabelNetwork, LabelScore
from .protocol import score_and_grad


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

    def guess(self, context):
        """Mean guess of the members."""
        pairs = zip(self.networks, context, strict=True)
        return torch.stack([network.guess(part) for network, part in pairs]).mean(0)


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
    if isinstance(network, LabelScore):
        return network.score(context, outputs)
    return torch.stack([network.score(context, y) for y in outputs])
