"""The networks of estimators of labels, as their parameters say."""

import torch

from ..networks import CountNetwork, GuessLabelNetwork, LabelNetwork
from ..oracles import get_oracle
from .building import builder, copier, new_module
from .components import LabelNet
from .label_codec import n_products, widths
from .parameters import (
    continues,
    given_or,
    is_own_network,
    on_experts,
    resolve_loss,
)

# The number of labels is learned from at most so many rows.
MAX_ROWS_FOR_COUNTS = 3_000
# More weights take more than 4 GB, and as much again for gradients and momentum.
MAX_WEIGHTS = 10**9
# Methods of networks that have a guess of the labels.
GUESSING = ("guess", "guess_losses")


def label_net(params):
    """The settings of the network of section 5.1."""
    if isinstance(params.network, LabelNet):
        return params.network
    return LabelNet(params.network)


def stands_on_guess(params):
    """Whether the value is shaped like the oracle, against a guess of the labels."""
    if is_own_network(params.network):
        return False
    return label_net(params).local_term == "oracle"


def starts_at_guess(params):
    """Whether inference starts at what the network itself says."""
    if not isinstance(params.init, str):
        return False
    automatic = params.init == "auto" and stands_on_guess(params)
    return params.init == "guess" or automatic


def guess_weight(params, codec):
    """Weight of the loss of the network's own guess."""
    weight = resolve_loss(params.loss).guess_weight
    own = stands_on_guess(params) and not on_experts(codec)
    return given_or(weight, float(own))


def new_label_network(params, codec, oracle, rng):
    """The user's network or that of section 5.1, with fresh weights.

    Parameters
    ----------
    params : DVNMultiLabelClassifier
    codec : LabelCodec
    oracle : callable
    rng : torch.Generator
    """
    n_labels = codec.targets.n_labels_
    if not is_own_network(params.network):
        net = label_net(params)
        network = feed_forward(params, codec, net.activation, net.n_global_units, rng)
        if net.local_term == "linear":
            return _with_guess(network, params, codec)
        return GuessLabelNetwork(network, oracle, apart=guess_weight(params, codec) > 0)
    sizes = {"n_features": params.n_features_in_, "n_labels": n_labels}
    return _with_guess(
        new_module("network", params.network, rng, **sizes), params, codec
    )


def _with_guess(network, params, codec):
    """The network; raise if it must have a guess and has none."""
    if guess_weight(params, codec) or starts_at_guess(params):
        methods = [getattr(network, name, None) for name in GUESSING]
        pairs = zip(GUESSING, methods, strict=True)
        lacking = [name for name, method in pairs if not callable(method)]
        if lacking:
            raise ValueError(
                f"The network {type(network).__name__} lacks the method(s) "
                f"{lacking}, which init='guess' and a positive guess_weight need; "
                f"got init={params.init!r} and loss={params.loss!r}."
            )
    return network


def feed_forward(params, codec, activation, n_global_units, rng):
    """The network of section 5.1 behind the user's encoder, if there is one."""
    encoder, n_features = _encoder_of(params, codec, rng)
    n_labels = codec.targets.n_labels_
    sizes = {
        "hidden_layer_sizes": (n_features, params.hidden_layer_sizes, n_labels),
        "n_global_units": (n_labels, n_global_units, 1),
    }
    hidden = [_checked_widths(name, *given) for name, given in sizes.items()]
    return LabelNetwork(n_features, n_labels, *hidden, activation, encoder, rng)


def _checked_widths(name, n_in, given, n_out):
    """Layer widths as a tuple; raise if they make too many weights."""
    found = widths(name, given)
    n_weights = n_products((n_in, *found, n_out))
    if n_weights > MAX_WEIGHTS:
        raise ValueError(
            f"{name}={given!r} between {n_in} inputs and {n_out} outputs would make "
            f"{n_weights:.3g} weights; allowed are {MAX_WEIGHTS:.3g}."
        )
    return found


def _encoder_of(params, codec, rng):
    """The user's encoder, and how many features it makes of a row."""
    if params.encoder is None:
        return None, params.n_features_in_
    return new_encoder(params.encoder, codec.shape, codec.dtype, rng)


def new_encoder(given, shape, dtype, rng):
    """The user's encoder, tried, and how many features it makes of a row.

    Parameters
    ----------
    given : torch.nn.Module or callable
    shape : tuple of int
        Of a row.
    dtype : torch.dtype
    rng : torch.Generator

    Returns
    -------
    encoder : torch.nn.Module
    n_features : int
    """
    encoder = new_module("encoder", given, rng)
    if not isinstance(encoder, torch.nn.Module):
        raise TypeError(
            "encoder must be a torch.nn.Module or a function that returns one, got "
            f"{type(encoder).__name__}."
        )
    encoder = encoder.to("cpu", dtype).eval()
    trial = torch.zeros(2, *shape, dtype=dtype)
    try:
        with torch.no_grad():
            features = encoder(trial).flatten(1)
    except Exception as error:
        raise ValueError(
            f"encoder={encoder!r} failed on x of shape {tuple(trial.shape)}: {error} "
            f"It must take rows as X holds them, here of shape {tuple(shape)}"
            + ("; torch's layers want channels first." if len(shape) == 3 else ".")
        ) from error
    return encoder.train(), features.shape[1]


def count_network(params, codec, max_count=None):
    """A network for what experts say, before it learns the number of labels."""
    oracle = get_oracle(params.oracle)
    return CountNetwork(codec.targets.n_labels_, oracle, max_count)


def count_builder(params, codec, examples):
    """A function ``build(rng, index)``, which learns the number of labels."""
    device, dtype = codec.device, codec.dtype
    if guess_weight(params, codec):
        raise ValueError(
            f"loss={params.loss!r} weights the loss of the network's own guess, and "
            "with estimators there is none. Set its guess_weight to 0 or 'auto', or "
            "estimators to ()."
        )

    def build(rng, index):
        rows = torch.randperm(len(examples), generator=rng)[:MAX_ROWS_FOR_COUNTS]
        p, Y = examples.x.take(rows).cpu(), examples.y.take(rows).cpu()
        weight = None if examples.weight is None else examples.weight[rows].cpu()
        network = count_network(params, codec).fit_counts(p, Y, rng, weight)
        return network.to(device, dtype)

    return build


def label_builder(params, codec, new_network, examples):
    """A function ``build(rng, index)`` that makes the network of each training."""

    def placed(network):
        return network.to(codec.device, codec.dtype)

    if continues(params):
        return copier(params, new_network, placed)
    return builder(new_network, placed, examples)
