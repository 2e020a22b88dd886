"""The networks of segmenters, as their parameters say."""

import torch

from ..networks import ConvNetwork, GuessNetwork, HalfPrecision, UNet
from .building import builder, copier, new_module
from .components import MaskNet
from .parameters import continues, given_or, resolve_loss

NETWORKS = {"unet", "conv"}


def crop_geometry(params):
    """What crop sizes must be multiples of, and their share of the smallest image."""
    network = params.network
    if isinstance(network, MaskNet) or network_named(network, "unet"):
        return 2 ** (params.n_levels - 1), 1.0
    return (4, 0.75) if network_named(network, "conv") else (1, 1.0)


def network_named(network, name):
    """Whether the parameter `network` is this name."""
    return isinstance(network, str) and network == name


def guess_weight(params):
    """Weight of the loss of the network's own guess, if it has one."""
    return given_or(resolve_loss(params.loss).guess_weight, 1.0)


def new_mask_network(params, codec, rng):
    """The user's network or a named one, with fresh weights.

    Parameters
    ----------
    params : DVNSegmenter
    codec : ImageCodec
    rng : torch.Generator
    """
    network, n_outputs = params.network, codec.targets.n_outputs_
    sizes = {
        "n_channels": codec.n_channels,
        "n_outputs": n_outputs,
        "crop_size": codec.crop_size,
    }
    if network_named(network, "conv"):
        return ConvNetwork(**sizes, generator=rng)
    if not isinstance(network, str | MaskNet):
        return new_module("network", network, rng, **sizes)
    net = network if isinstance(network, MaskNet) else MaskNet()
    encoder = UNet(codec.n_channels, n_outputs, params.n_channels, params.n_levels, rng)
    return GuessNetwork(
        encoder,
        codec.oracle(params.oracle),
        net.local_term,
        net.n_global_units,
        apart=guess_weight(params) > 0,
        generator=rng,
    )


def has_guess(params, codec):
    """Whether the network makes a guess of the mask; only the user's is tried out."""
    if network_named(params.network, "conv"):
        return False
    if isinstance(params.network, str | MaskNet):
        return True
    rng = torch.Generator().manual_seed(0)
    return hasattr(new_mask_network(params, codec, rng), "guess")


def placed(network, codec, precision):
    """The network on the codec's device, in the precision that is asked for."""
    network = network.to(codec.device, codec.dtype)
    half = precision == "half" if precision != "auto" else half_pays(codec.device)
    for module in network.modules():
        if isinstance(module, HalfPrecision):
            module.half = half
    return network


def half_pays(device):
    """Whether networks run faster in half precision on a device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    found = (getattr(torch.cpu, probe, lambda: False) for probe in probes)
    return device.type == "cpu" and any(probe() for probe in found)


def mask_builder(params, codec, new_network, examples):
    """A function ``build(rng, index)`` that makes the network of each training."""

    def place(network):
        return placed(network, codec, params.precision)

    if continues(params):
        return copier(params.network_, place)
    return builder(new_network, place, examples)
