"""What must not change, as plain data that can be compared: values, global state."""

import random
import warnings

import numpy as np
import sklearn
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from threadpoolctl import ThreadpoolController

OF_SPARSE = ("data", "indices", "indptr", "row", "col", "offsets", "rows")
_threads = ThreadpoolController()


def described(value, within=()):
    """A value as nested tuples, down to its bytes and layout.

    Parameters
    ----------
    value : object
    within : tuple of int
        Ids of what it is a part of, which it may hold in turn.
    """
    if id(value) in within:
        return "itself"
    within = (*within, id(value))

    def parts(values):
        return tuple(described(one, within) for one in values)

    if isinstance(value, np.ndarray):
        objects = parts(value.ravel()) if value.dtype == object else value.tobytes()
        layout = value.dtype.str, value.shape, value.strides, value.flags.writeable
        return (*layout, objects)
    if sparse.issparse(value):
        held = [getattr(value, name, None) for name in OF_SPARSE]
        items = sorted(value.items()) if value.format == "dok" else ()
        return value.format, value.shape, parts(held), parts(items)
    if isinstance(value, torch.Tensor):
        return str(value.dtype), described(value.detach().cpu().numpy(), within)
    if isinstance(value, torch.nn.Module):
        return type(value), value.training, parts(value.state_dict().items())
    if hasattr(value, "to_numpy"):
        names = getattr(value, "columns", ()), getattr(value, "index", ())
        return type(value), *map(str, names), described(value.to_numpy(), within)
    if isinstance(value, set | frozenset):
        return type(value), *sorted(map(repr, value))
    if isinstance(value, dict):
        return tuple((key, described(one, within)) for key, one in value.items())
    if isinstance(value, list | tuple):
        return type(value), *parts(value)
    if isinstance(value, BaseEstimator) or _is_ours(value):
        return type(value), described(vars(value), within)
    if isinstance(value, np.generic | bool | int | float | str | bytes | None):
        return repr(value)
    return type(value)


def _is_ours(value):
    return type(value).__module__.startswith("skdvn.") and hasattr(value, "__dict__")


def global_state():
    """What libraries share with all code of the process, by name."""
    return {
        "numpy.random": described(np.random.get_state(legacy=False)["state"]),  # noqa: NPY002
        "random": random.getstate(),
        "torch's generator": described(torch.get_rng_state()),
        "torch's threads": torch.get_num_threads(),
        "torch's gradients": torch.is_grad_enabled(),
        "torch's dtype": torch.get_default_dtype(),
        "torch's determinism": torch.are_deterministic_algorithms_enabled(),
        "threads": [one["num_threads"] for one in _threads.info()],
        "warnings.filters": _filters(),
        "numpy.errstate": np.geterr(),
        "sklearn's configuration": sklearn.get_config(),
    }


def _filters():
    """Filters of warnings, but for those of categories that a library brings along.

    Importing sympy, which torch does in its first training, adds one.
    """
    return [one for one in warnings.filters if one[2].__module__ == "builtins"]


def changes(before, after):
    """Names of what differs, or is in one only."""
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))
