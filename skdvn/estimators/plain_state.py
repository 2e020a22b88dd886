"""The state of estimators as plain data: arrays, numbers, strings, containers.

Networks of this package become what they are built from and their weights, tensors
arrays, and devices, types and oracles names, so that a state can be stored in any
format and loaded on any machine. What belongs to the user stays as it is, on the CPU.
"""

import torch

from ..networks import KINDS, build, copy_network, describe, is_known
from ..oracles import (
    FBeta,
    relaxed_accuracy,
    relaxed_iou,
    relaxed_mean_iou,
    relaxed_pixel_accuracy,
)

ORACLES = {
    "iou": relaxed_iou,
    "accuracy": relaxed_accuracy,
    "pixel_accuracy": relaxed_pixel_accuracy,
    "mean_iou": relaxed_mean_iou,
}
NETWORK, TENSOR, DEVICE, DTYPE, ORACLE, F_BETA = MARKS = (
    *("skdvn:network", "skdvn:tensor", "skdvn:device"),
    *("skdvn:dtype", "skdvn:oracle", "skdvn:f_beta"),
)


def packed(value):
    """A value of a state as plain data where that is possible.

    Parameters
    ----------
    value : object
        Containers are packed too. What is no longer itself is a dictionary whose only
        key is one of `MARKS`.

    Returns
    -------
    plain : object
    """
    if type(value) is dict:
        return {key: packed(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(packed, value))
    if isinstance(value, torch.nn.Module):
        return _packed_network(value)
    if isinstance(value, torch.Tensor):
        return _packed_tensor(value)
    if isinstance(value, torch.device):
        return {DEVICE: str(value)}
    if isinstance(value, torch.dtype):
        return {DTYPE: str(value).removeprefix("torch.")}
    if type(value) is FBeta:
        return {F_BETA: value.beta}
    for name, oracle in ORACLES.items():
        if value is oracle:
            return {ORACLE: name}
    return value


def _packed_network(network):
    if is_known(network):
        return {NETWORK: packed(describe(network))}
    on_cpu = all(p.device.type == "cpu" for p in network.parameters())
    return network if on_cpu else copy_network(network).cpu()


def _packed_tensor(tensor):
    tensor = tensor.cpu()
    try:
        return {TENSOR: tensor.detach().numpy()}
    except TypeError:  # NumPy has no such type
        return tensor


def unpacked(plain):
    """The value that `packed` made plain; tensors and networks are on the CPU."""
    if type(plain) in (list, tuple):
        return type(plain)(map(unpacked, plain))
    if type(plain) is not dict:
        return plain
    if len(plain) == 1:
        ((mark, content),) = plain.items()
        if mark in MARKS:
            return _UNPACK[mark](content)
    return {key: unpacked(part) for key, part in plain.items()}


def _network(record):
    record = unpacked(record)
    if record["kind"] not in KINDS:
        raise ValueError(
            f"Unknown network {record['kind']!r}. Known are {sorted(KINDS)}."
        )
    return build(record)


def _dtype(name):
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"Unknown type {name!r} of tensors.")
    return dtype


class PlainStateMixin:
    """Copies, pickles and the like hold plain data where that is possible."""

    def __getstate__(self):
        return packed(dict(vars(self)))

    def __setstate__(self, state):
        vars(self).update(unpacked(state))


_UNPACK = {
    NETWORK: _network,
    TENSOR: torch.tensor,
    DEVICE: torch.device,
    DTYPE: _dtype,
    ORACLE: ORACLES.__getitem__,
    F_BETA: FBeta,
}
