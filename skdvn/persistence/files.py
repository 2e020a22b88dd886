"""Files of fitted estimators, in the safetensors format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data import replacing
from ..data.typing import FilePath
from ..estimators import this_version
from .plain_data import Reader, Writer

FORMAT, FORMAT_VERSION = "skdvn_format", 2
CHECKSUM = "sha256"
# What reading damaged or crafted content may raise.
DAMAGES = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(RuntimeError, TypeError, ValueError),
)


def save(estimator: Any, path: FilePath, *, without: Iterable[str] = ()) -> None:
    """Save a fitted estimator as plain data.

    Parameters
    ----------
    estimator : estimator
        Fitted: `DVNMultiLabelClassifier`, `DVNSegmenter`, `FeedForwardClassifier`,
        `FCNSegmenter` or `UNetSegmenter`, or one of them in `CalibratedValueCV`,
        `PlugInClassifier` or `ThresholdClassifier`.
    path : str or path-like
        Where to; by custom it ends in ``.safetensors``. An older file is replaced at
        one stroke, or kept if anything fails.
    without : str or iterable of str, default=()
        Names of parameters that hold objects of your own, which only code can make: a
        `network` or `encoder`, an `oracle`, callables in `tuples`, an `init` of
        another library. They are left out, and `load` must be given them again; the
        weights of networks are saved nevertheless. Those of inner estimators are named
        as in ``set_params``, for example ``"estimator__oracle"``.

    Raises
    ------
    ValueError
        If a value cannot be saved as plain data, or `without` names no parameter.
    TypeError
        If the class of the estimator is not one of the above.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ImportError
        If safetensors is missing.

    Notes
    -----
    Scikit-learn's callbacks are not saved.

    Examples
    --------
    >>> from skdvn.baselines import FeedForwardClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> from skdvn.persistence import load, save
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> clf = FeedForwardClassifier(max_iter=1, random_state=0).fit(X[:200], Y[:200])
    >>> path = getfixture("tmp_path") / "clf.safetensors"
    >>> save(clf, path)
    >>> bool((load(path).predict(X) == clf.predict(X)).all())
    True
    """
    to_bytes = _imported("skdvn.persistence.save").numpy.save
    check_is_fitted(estimator)
    without = {without} if isinstance(without, str) else set(without)
    content, arrays = Writer(without).written(estimator)
    metadata = {
        FORMAT: str(FORMAT_VERSION),
        "skdvn_version": this_version(),
        "without": json.dumps(sorted(without)),
        "estimator": json.dumps(content, allow_nan=False),
    }
    metadata[CHECKSUM] = checksum(metadata, arrays)
    with replacing(path) as file:
        file.write(to_bytes(arrays, metadata))


def load(path: FilePath, **given: Any) -> Any:
    """Load what `save` has saved.

    Parameters
    ----------
    path : str or path-like
        The file.
    **given : object
        The parameters that were left out, by name. Networks and encoders are given as
        to the constructor, as modules, whose weights do not matter, or functions that
        make them. An `init` must be fitted.

    Returns
    -------
    estimator : estimator
        Fitted, on the device where it was if that can be used here, else on the CPU.
        On the same machine it predicts bit for bit what the saved one did.

    Raises
    ------
    ValueError
        If the file is damaged, which its checksum tells, holds what `save` does not
        write, or was written by a version with a format of its own; or if not all
        that was left out is given, or more, or does not fit.
    FileNotFoundError
        If there is no such file.
    ImportError
        If safetensors is missing.

    Warns
    -----
    OtherVersionWarning
        If another version of skdvn has saved the estimator.
    """
    metadata, arrays = _read(path)
    _check(path, metadata, arrays)
    try:
        missing = sorted(json.loads(metadata["without"]))
        content = json.loads(metadata["estimator"])
    except DAMAGES as error:
        raise _strange(path, given, error) from error
    if missing != sorted(given):
        raise ValueError(
            f"{str(path)!r} must be given the parameters {missing}, which were left "
            f"out when it was saved, and no others; got {sorted(given)}."
        )
    try:
        return Reader(arrays, given).estimator(content)
    except DAMAGES as error:
        raise _strange(path, given, error) from error


def checksum(metadata, arrays):
    """A digest of all that a file holds: what differs has another one.

    It is taken of what was read, not of the file's bytes, so that `load` sees nothing
    that it does not cover.

    Parameters
    ----------
    metadata : dict of str
        Without the checksum.
    arrays : dict of ndarray

    Returns
    -------
    digest : str
    """
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(path):
    """Header and arrays of a file, of which nothing is believed yet."""
    safetensors = _imported("skdvn.persistence.load")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, *DAMAGES) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    return metadata, arrays


def _check(path, metadata, arrays):
    """Raise unless this version has written the file, and nothing has changed since."""
    version, expected = metadata.get(FORMAT, ""), metadata.pop(CHECKSUM, None)
    if expected is not None and expected != checksum(metadata, arrays):
        raise _damaged(path, "its content is not what its checksum says")
    if not version.isdecimal():
        raise _damaged(path, f"its header has no {FORMAT}")
    if int(version) < FORMAT_VERSION:
        raise ValueError(
            f"{str(path)!r} was saved by skdvn {metadata.get('skdvn_version', '0.1')}, "
            f"whose estimators have other parameters than those of {this_version()}. "
            "Remedy: fit again, or load it with the version that saved it."
        )
    if int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{str(path)!r} has version {version} of the format; this skdvn, "
            f"{this_version()}, knows those up to {FORMAT_VERSION}. Remedy: install "
            f"skdvn {metadata.get('skdvn_version', '')} or newer."
        )
    if expected is None:
        raise _damaged(path, "it has no checksum, which `save` has written since 0.2")


def _damaged(path, reason):
    return ValueError(
        f"{str(path)!r} cannot be loaded: it is damaged, or no file of "
        f"skdvn.persistence.save ({reason}). Remedy: take another copy of the file, or "
        "save the estimator again; what joblib, pickle or torch.save has written, only "
        "they can load."
    )


def _strange(path, given, error):
    fault = "it holds what skdvn.persistence.save does not write"
    if given:
        fault = f"the parameters given, {sorted(given)}, are not those left out"
    return ValueError(
        f"{str(path)!r} cannot be loaded: {fault} ({type(error).__name__}: {error}). "
        "Remedy: give the same objects as when it was fitted, or save it again."
    )


def _imported(caller):
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f"{caller} needs safetensors, which cannot be imported; remedy: "
            "pip install skdvn[safetensors]"
        ) from error
    return safetensors
