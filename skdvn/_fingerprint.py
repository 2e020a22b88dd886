"""Which fit a checkpoint belongs to."""

import types

import joblib
import torch

from ._persistence import this_version

# Whatever these are, the result is the same.
WITHOUT_EFFECT = ("checkpoint_dir", "n_jobs", "prediction_batch_size", "verbose")


def fingerprint(estimator, *data):
    """A name for one fit: it differs for other parameters, data and versions.

    Parameters
    ----------
    estimator : estimator
        About to be fitted, or fitted further.
    *data : arrays, data frames, sparse matrices, lists of these or None
        All that `fit` was given.

    Returns
    -------
    name : str

    Raises
    ------
    ValueError
        If a parameter or the data cannot be pickled.
    """
    params = estimator.get_params(deep=False)
    told = {k: _told(v) for k, v in params.items() if k not in WITHOUT_EFFECT}
    begun = None
    if estimator._continues():
        begun = _told(estimator.network_)
    kind = type(estimator).__qualname__
    try:
        versions = this_version(), torch.__version__
        return joblib.hash([*versions, kind, told, begun, data])
    except Exception as error:
        raise ValueError(
            f"checkpoint_dir={estimator.checkpoint_dir!r} needs parameters and data "
            f"that can be pickled: {error}"
        ) from error


def _told(value):
    """The value in terms of what is the same in another process."""
    if isinstance(value, torch.nn.Module):
        weights = value.state_dict()
        arrays = [(name, _told(tensor)) for name, tensor in weights.items()]
        return type(value).__qualname__, arrays
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, types.FunctionType | type):
        return value.__module__, value.__qualname__
    if isinstance(value, dict):
        return [(_told(key), _told(part)) for key, part in value.items()]
    return value
