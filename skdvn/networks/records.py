"""Networks as plain data: what to build them from, and their weights as arrays."""

import math

import torch
from torch import nn

from .conv import ConvNetwork
from .count_model import CountModel
from .counts import CountNetwork
from .guesses import GuessNetwork
from .joint import JointLabelNetwork, JointNetwork
from .label_guesses import GuessLabelNetwork
from .labels import GlobalTerm, InputLayer, LabelNetwork
from .layers import HalfPrecision, SeededDropout
from .segmenters import FCN, UNet


def _of_label_network(network):
    layers = [network.input.weight, *(layer.weight.T for layer in network.hidden)]
    return {
        "n_features": len(layers[0]),
        "n_labels": layers[-1].shape[1],
        "hidden_layer_sizes": [weight.shape[1] for weight in layers[:-1]],
        "global_layer_sizes": [len(one.weight) for one in network.interaction.layers],
        "activation": network.activation,
        "encoder": network.encoder,
    }


def _of_guess_label_network(network):
    return {"labels": network.labels, "oracle": network.oracle, "apart": network.apart}


def _of_count_network(network):
    return {
        "n_labels": network.n_labels,
        "oracle": network.oracle,
        "max_count": network.counts.max_count,
        "n_samples": network.n_samples,
        "seed": network.seed,
    }


def _of_joint_network(network):
    return {"networks": list(network.networks)}


def _of_guess_network(network):
    return {
        "encoder": network.encoder,
        "oracle": network.oracle,
        "local_term": network.local_term,
        "apart": network.apart,
    }


def _of_conv_network(network):
    convolutions = network.of_image, network.second, network.third
    area = network.fourth.in_features // network.third.out_channels
    return {
        "n_channels": network.of_image.in_channels,
        "n_outputs": network.of_mask.in_channels,
        "crop_size": 4 * math.isqrt(area),
        "widths": [layer.out_channels for layer in convolutions],
        "hidden_layer_sizes": [
            network.fourth.out_features,
            network.fifth.out_features,
        ],
        "keep": network.dropout.keep,
    }


def _of_fcn(network):
    *convolutions, _, last = (
        layer for layer in network.layers if not isinstance(layer, nn.SiLU)
    )
    return {
        "n_channels": convolutions[0].in_channels,
        "n_outputs": last.out_channels,
        "widths": [layer.out_channels for layer in convolutions],
    }


def _of_unet(network):
    return {
        "n_channels": network.down[0][0].in_channels // network.stride**2,
        "n_outputs": network.head.out_channels // network.stride**2,
        "width": network.head.in_channels,
        "n_levels": len(network.down),
        "stride": network.stride,
    }


def _guess_label_network(labels, oracle, apart):
    readout = labels.interaction.readout.detach().clone()
    network = GuessLabelNetwork(labels, oracle, apart)  # sets it to 0
    network.labels.interaction.readout.data.copy_(readout)
    return network


def _seeded(kind):
    """Builds a network without touching torch's global source of randomness."""
    return lambda **arguments: kind(**arguments, generator=torch.Generator())


# Networks by name, each with a function that finds the arguments it is made from, and
# one that makes it from them.
KINDS = {
    "LabelNetwork": (LabelNetwork, _of_label_network, _seeded(LabelNetwork)),
    "GuessLabelNetwork": (
        GuessLabelNetwork,
        _of_guess_label_network,
        _guess_label_network,
    ),
    "CountNetwork": (CountNetwork, _of_count_network, CountNetwork),
    "JointLabelNetwork": (JointLabelNetwork, _of_joint_network, JointLabelNetwork),
    "JointNetwork": (JointNetwork, _of_joint_network, JointNetwork),
    "GuessNetwork": (GuessNetwork, _of_guess_network, GuessNetwork),
    "ConvNetwork": (ConvNetwork, _of_conv_network, _seeded(ConvNetwork)),
    "FCN": (FCN, _of_fcn, _seeded(FCN)),
    "UNet": (UNet, _of_unet, _seeded(UNet)),
}
# What these networks consist of. A layer of another kind, which a user may have put
# there, would not come back.
LAYERS = {
    *(kind for kind, *_ in KINDS.values()),
    *(InputLayer, GlobalTerm, SeededDropout),
    CountModel,
    *(nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.SiLU),
    *(nn.ModuleList, nn.Sequential),
}
# Arguments that are networks themselves, with records or users of their own.
PARTS = {"encoder", "labels", "networks"}


def is_known(network):
    """Whether `build` can make the network again from what `describe` tells."""
    kind, *_ = KINDS.get(type(network).__name__, (None,))
    return kind is type(network) and all(
        type(module) in LAYERS for module in _own(network.named_modules()).values()
    )


def describe(network):
    """A network of this package as a dictionary.

    Parameters
    ----------
    network : torch.nn.Module
        One that `is_known`.

    Returns
    -------
    record : dict
        "kind"; "arguments", among which oracles and other modules are themselves;
        "weights", tensors by name, without those of the other modules; "frozen",
        "training", and for some networks "half" and "seed".
    """
    kind = type(network).__name__
    _, arguments, _ = KINDS[kind]
    weights = _own(network.state_dict(keep_vars=True).items())
    record = {
        "kind": kind,
        "arguments": arguments(network),
        "weights": {name: weight.detach() for name, weight in weights.items()},
        "frozen": [
            name
            for name, weight in weights.items()
            if isinstance(weight, nn.Parameter) and not weight.requires_grad
        ],
        "training": network.training,
    }
    if isinstance(network, HalfPrecision):
        record["half"] = network.half
    if isinstance(network, ConvNetwork):
        record["seed"] = int(network.dropout.seed)
    return record


def layout(network):
    """What a network is made of, the values of its weights apart.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    parts : dict
        Plain values by path: names of arguments, from the outside in.
    """
    if not is_known(network):
        weights = network.state_dict().items()
        shapes = {name: tuple(weight.shape) for name, weight in weights}
        return {("kind",): type(network).__name__, ("weights",): shapes}
    kind, arguments, _ = KINDS[type(network).__name__]
    found = {("kind",): kind.__name__}
    for name, value in arguments(network).items():
        parts = layout(value) if isinstance(value, nn.Module) else {(): value}
        found |= {(name, *path): part for path, part in parts.items()}
    return found


def build(record):
    """The network of a record, on the CPU.

    Parameters
    ----------
    record : dict
        What `describe` returned.

    Returns
    -------
    network : torch.nn.Module

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    _, _, make = KINDS[record["kind"]]
    network = make(**record["arguments"])
    weights = _own(network.state_dict(keep_vars=True).items())
    _check_fit(record, weights)
    for name, weight in weights.items():
        found = record["weights"][name]
        # The new tensor is laid out in memory as the old one.
        weight.data = torch.empty_like(weight, dtype=found.dtype).copy_(found)
    for name in record["frozen"]:
        weights[name].requires_grad_(False)
    for module in _own(network.named_modules()).values():
        module.training = record["training"]
    if isinstance(network, HalfPrecision):
        network.half = record["half"]
    if isinstance(network, ConvNetwork):
        network.dropout.seed.fill_(record["seed"])
    return network


def _own(named):
    """What belongs to a network itself and not to others that are part of it."""
    return {name: one for name, one in named if name.split(".")[0] not in PARTS}


def _check_fit(record, weights):
    expected = {name: tuple(weight.shape) for name, weight in weights.items()}
    found = {name: tuple(weight.shape) for name, weight in record["weights"].items()}
    if found != expected:
        strange = dict(found.items() ^ expected.items())
        raise ValueError(
            f"The weights of shapes {strange} are not those of a {record['kind']} made "
            f"with {record['arguments']}."
        )
