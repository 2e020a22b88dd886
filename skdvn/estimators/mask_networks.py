"""The networks of segmenters, as their parameters say."""

import torch

from ..networks import (
    Backbone,
    ConvNetwork,
    GuessNetwork,
    HalfPrecision,
    UNet,
    logits_in,
)
from .building import builder, copier, new_module
from .components import MaskNet
from .image_sizes import Geometry
from .parameters import continues, given_or, resolve_loss

NETWORKS = {"unet", "conv"}
# Channels, levels and stride of a U-Net for images of up to so many pixels.
UNET_SHAPES = {48: (32, 3, 1), 96: (32, 4, 2), None: (16, 4, 2)}
# Of U-Nets: channels of the coarsest level, and pixels that it sees as one.
MOST_CHANNELS, MOST_PIXELS = 4096, 256
# What heights and widths may have to be multiples of.
MULTIPLES = (1, 2, 4, 8, 16, 32)


def mask_geometry(params, codec, size):
    """What the network of a `DVNSegmenter` asks of sizes."""
    network = params.network
    if network_named(network, "conv"):
        return Geometry(4, whole=False, share=0.75)
    if isinstance(network, str | MaskNet):
        net = resolve_mask_net(network)
        _, n_levels, stride = unet_shape(params.n_channels, net, size)
        return Geometry(stride * 2 ** (n_levels - 1))
    return module_geometry(users_module(network, codec, size), codec, size)


def unet_shape(n_channels, net, size):
    """Channels, levels and stride of a U-Net on images of this size.

    Parameters
    ----------
    n_channels : int or "auto"
    net : MaskNet or UNetSegmenter
        Has `n_levels` and `stride`, perhaps "auto".
    size : int
    """
    shapes = [
        shape for most, shape in UNET_SHAPES.items() if most is None or size <= most
    ]
    given = n_channels, net.n_levels, net.stride
    n_channels, n_levels, stride = map(given_or, given, shapes[0])
    growth = 2 ** (n_levels - 1)
    if n_channels * growth > MOST_CHANNELS:
        raise ValueError(
            f"n_channels={n_channels} and n_levels={n_levels} make "
            f"{n_channels * growth:,} channels at the coarsest level; at most "
            f"{MOST_CHANNELS:,} are allowed. Lower either."
        )
    if stride * growth > MOST_PIXELS:
        raise ValueError(
            f"stride={stride} and n_levels={n_levels} divide height and width by "
            f"{stride * growth:,}; at most {MOST_PIXELS} is allowed. Lower either."
        )
    return n_channels, n_levels, stride


def network_named(network, name):
    """Whether the parameter `network` is this name."""
    return isinstance(network, str) and network == name


def resolve_mask_net(network):
    """The `MaskNet` that a parameter means."""
    return network if isinstance(network, MaskNet) else MaskNet()


def is_value_network(module):
    """Whether a module has the methods of a value network."""
    return hasattr(module, "encode") and hasattr(module, "score")


def guess_weight(params):
    """Weight of the loss of the network's own guess, if it has one."""
    return given_or(resolve_loss(params.loss).guess_weight, 1.0)


def users_module(network, codec, size, rng=None):
    """A copy of the module that the user gave, or what the function makes."""
    rng = rng or torch.Generator().manual_seed(0)
    sizes = {
        "n_channels": codec.n_channels,
        "n_outputs": codec.targets.n_outputs_,
        "crop_size": size,
    }
    return new_module("network", network, rng, **sizes)


def module_geometry(module, codec, size):
    """What a module of the user's asks of sizes, found by trying it.

    Raises
    ------
    ValueError
        If it maps images to logits of masks for no multiple in `MULTIPLES`.
    """
    if is_value_network(module):
        return Geometry(1, whole=False)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"network must be, or make, a torch.nn.Module; got {type(module).__name__}."
        )
    module.to("cpu", torch.float32).eval()
    n_outputs = codec.targets.n_outputs_
    for multiple in MULTIPLES:
        side = -(-size // multiple) * multiple
        shapes = [(1, codec.n_channels, side, side + more) for more in (0, multiple)]
        faults = [_fault(module, torch.zeros(shape), n_outputs) for shape in shapes]
        if not any(faults):
            return Geometry(multiple)
    raise ValueError(
        f"network of type {type(module).__name__} must map images (n, "
        f"{codec.n_channels}, height, width) to logits (n, {n_outputs}, height, "
        f"width), or those of a whole fraction of height and width; "
        f"{next(filter(None, faults))}. A value network has the methods encode(x) and "
        "score(context, y) instead."
    )


@torch.no_grad()
def _fault(module, x, n_outputs):
    """What is wrong with the logits that a module returns, if anything is."""
    where = f"on images of size {tuple(x.shape[2:])} it"
    try:
        logits = logits_in(module(x))
    except Exception as error:
        return f"{where} failed: {error}"
    shape = tuple(getattr(logits, "shape", ()))
    allowed = (1, 2) if n_outputs == 1 else (n_outputs,)
    fits = len(shape) == 4 and shape[0] == 1 and shape[1] in allowed
    if fits and x.shape[2] % shape[2] == x.shape[3] % shape[3] == 0:
        return None
    return f"{where} returned " + (f"shape {shape}" if shape else f"{type(logits)}")


def new_backbone(network, codec, rng):
    """The user's module with fresh weights, as a network with a guess."""
    module = users_module(network, codec, codec.sizes.crop_size, rng)
    return Backbone(module, codec.sizes.multiple)


def new_mask_network(params, codec, rng):
    """The user's network or a named one, with fresh weights.

    Parameters
    ----------
    params : DVNSegmenter
    codec : ImageCodec
    rng : torch.Generator
    """
    network, n_outputs = params.network, codec.targets.n_outputs_
    if network_named(network, "conv"):
        return ConvNetwork(
            codec.n_channels, n_outputs, codec.sizes.crop_size, generator=rng
        )
    if isinstance(network, str | MaskNet):
        net = resolve_mask_net(network)
        encoder = new_unet(params.n_channels, net, codec, rng)
        local_term = net.local_term
    else:
        module = users_module(network, codec, codec.sizes.crop_size, rng)
        if is_value_network(module):
            return module
        encoder, local_term = Backbone(module, codec.sizes.multiple), "oracle"
    oracle, apart = codec.oracle(params.oracle), guess_weight(params) > 0
    return GuessNetwork(encoder, oracle, local_term, apart)


def new_unet(n_channels, net, codec, rng):
    """A U-Net with fresh weights; parameters as for `unet_shape`."""
    shape = unet_shape(n_channels, net, codec.sizes.crop_size)
    return UNet(codec.n_channels, codec.targets.n_outputs_, *shape, rng)


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
        return copier(params, new_network, place)
    return builder(new_network, place, examples)
