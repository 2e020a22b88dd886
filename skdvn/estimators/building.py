"""Networks of the user, and functions that make a network for each training."""

import threading

import torch

from ..networks import check_is_network, check_network, copy_network, members
from .parameters import A_FEW_ROWS

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


def copier(network, placed):
    """A function that copies the networks of the last fit, to train them on."""
    networks = members(network)
    return lambda rng, index: placed(copy_network(networks[index % len(networks)]))
