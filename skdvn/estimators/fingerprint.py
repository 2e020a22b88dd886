"""Which fit a checkpoint belongs to."""

import types

import torch
from joblib.hashing import NumpyHasher
from scipy import sparse

from ..data import canonical
from .parameters import continues
from .versions import this_version

# Whatever these are, the result is the same.
WITHOUT_EFFECT = ("checkpoint_dir", "n_jobs", "prediction_batch_size", "verbose")


def fingerprint(estimator, *data):
    """A name for one fit: it differs for other parameters, data and versions.

    Functions count by their code and what they refer to, classes by their names.

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
    params = {k: v for k, v in params.items() if k not in WITHOUT_EFFECT}
    begun = estimator.network_ if continues(estimator) else None
    versions = this_version(), torch.__version__
    kind = type(estimator).__qualname__
    try:
        return _Hasher("md5", coerce_mmap=True).hash(
            [versions, kind, params, begun, data]
        )
    except Exception as error:
        raise ValueError(
            "With checkpoint_dir, and within data_parallel(), all parameters and data "
            f"must be picklable; {type(error).__name__}."
        ) from error


class _Hasher(NumpyHasher):
    """joblib's, in terms of what is the same in another process."""

    def save(self, thing):
        """Take in one thing; joblib calls it for its parts, too."""
        super().save(_told(thing))


def _told(thing):
    if isinstance(thing, torch.nn.Module):
        return "module", type(thing), vars(thing)
    if isinstance(thing, torch.Tensor):
        return thing.detach().cpu().numpy()
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return thing.__code__, thing.__defaults__, thing.__kwdefaults__, cells
    if isinstance(thing, types.CodeType):
        return thing.co_code, thing.co_names, thing.co_consts
    if type(thing) is dict:  # joblib would put functions in the order of addresses
        return "dict", list(thing.items())
    if isinstance(thing, type):
        return thing.__module__, thing.__qualname__
    if sparse.issparse(thing) and thing.ndim == 2:
        rows = canonical(thing)
        return thing.format, thing.shape, rows.data, rows.indices, rows.indptr
    return thing
