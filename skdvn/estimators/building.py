"""Networks of the user, and functions that make a network for each training."""

import threading

import torch

from ..networks import (
    check_is_network,
    check_network,
    copy_network,
    layout,
    members,
)
from .parameters import A_FEW_ROWS

# Parameters that have another name than the parts of networks they decide on.
DECIDED_BY = {"apart": "loss", "width": "n_channels", "widths": "n_channels"}
# Held while torch's global generator is seeded for a user's network.
GLOBAL_GENERATOR = threading.Lock()


def new_module(name, given, rng, **sizes):
    """A copy of the user's module, or what the user's function makes.

    Parameters
    ----------
    name : str
        The parameter, for error messages.
    given : torch.nn.Module or callable
    rng : torch.Generator
        Source of the weights.
    **sizes : int
        What a function is called with, in this order.

    Returns
    -------
    module : torch.nn.Module
        Not checked.
    """
    if isinstance(given, torch.nn.Module):
        return copy_network(given)
    # torch's own modules draw their weights from the global generator.
    with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(rng.initial_seed() % 2**63)
        try:
            return given(*sizes.values())
        except Exception as error:
            called = " and ".join(f"{size}={n}" for size, n in sizes.items())
            raise ValueError(
                f"{name}={given!r} failed when called with "
                f"{called or 'no arguments'}: {error}"
            ) from error


def builder(new_network, placed, examples):
    """A function that makes the network to train, tried out on a few examples.

    Parameters
    ----------
    new_network : callable
        ``new_network(rng)`` returns a network with fresh weights.
    placed : callable
        Puts a network on its device.
    examples : Examples

    Returns
    -------
    build : callable
        ``build(rng, index) -> network``.
    """

    def build(rng, index):
        network = new_network(rng)
        check_is_network(network)
        return placed(network)

    rng = torch.Generator().manual_seed(0)
    trial = build(rng, 0).eval()
    drawn = examples.draw(torch.arange(min(A_FEW_ROWS, len(examples))), rng)
    check_network(trial, drawn.x, drawn.y)
    return build


def copier(params, new_network, placed):
    """A function that copies the networks of the last fit, to train them on.

    Parameters
    ----------
    params : estimator
        Fitted.
    new_network, placed
        As for `builder`.

    Returns
    -------
    build : callable
        ``build(rng, index) -> network``.
    """
    check_goes_on(params, new_network)
    networks = members(params.network_)
    return lambda rng, index: placed(copy_network(networks[index % len(networks)]))


def check_goes_on(params, new_network):
    """Raise if the parameters make other networks than those of the last fit."""
    before = layout(members(params.network_)[0])
    now = layout(new_network(torch.Generator().manual_seed(0)))
    paths = [p for p in before.keys() | now.keys() if before.get(p) != now.get(p)]
    if ("kind",) in paths:  # all else is different, too
        paths = [("kind",)]
    changed = {_parameter_of(path, params) for path in paths}
    if params.n_networks != params._n_networks:
        changed.add("n_networks")
    if changed:
        pairs = [f"{name}={getattr(params, name)!r}" for name in sorted(changed)]
        raise ValueError(
            f"{', '.join(pairs)} would make other networks than those of the last fit, "
            "with which training goes on. Set it back, or start anew: with "
            "warm_start=False, or on a clone of the estimator."
        )


def _parameter_of(path, params):
    """The parameter that decides on a part of a network."""
    names = [DECIDED_BY.get(name, name) for name in reversed(path)]
    return next((name for name in names if hasattr(params, name)), "network")
