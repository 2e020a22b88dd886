"""What a call may do, and what it may not: judgements of errors, warnings, results."""

import dis
import linecache
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn
from scipy import sparse

import skdvn

from .calls import ARGUMENTS

OURS, SKLEARN = (str(Path(module.__file__).parent) for module in (skdvn, sklearn))
HERE = str(Path(__file__).parent)
# Values of these are in [0, 1].
SHARES = ("proba", "relaxed", "value", "score", "oracle")


@dataclass(frozen=True)
class Finding:
    """Something that skdvn should not do.

    Parameters
    ----------
    kind : str
        Equal for what is probably the same fault.
    message : str
        What happened.
    """

    kind: str
    message: str

    def is_like(self, other):
        """Whether another finding says the same, but for numbers."""
        return other is not None and self._words() == other._words()

    def _words(self):
        return self.kind, _without_numbers(self.message)


class InvalidProgram(Exception):
    """A program fails by itself, before skdvn is called."""


def judge_error(error, names):
    """A `Finding` if an exception is none that a user should see, else None.

    Parameters
    ----------
    error : BaseException
    names : iterable of str
        Of the parameters and arrays that a message may be about.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    files = [frame.f_code.co_filename for frame, _ in frames]
    if isinstance(error, AssertionError) and files[-1].startswith(HERE):
        return Finding(f"containers: {_without_numbers(str(error))}", str(error))
    if not any(file.startswith(OURS) for file in files):
        raise InvalidProgram from error
    kind, message = type(error).__name__, f"{type(error).__name__}: {error}"
    place = _place(frames)
    if not isinstance(error, ValueError | TypeError):
        if files[-1].endswith("_available_if.py"):
            return None
        return Finding(f"undocumented {kind} in {place}", message)
    if not _is_raised(error.__traceback__):
        return Finding(f"accidental {kind} in {place}", message)
    if files[-1].startswith(SKLEARN + "/utils"):
        return None
    if not re.search(rf"\b({'|'.join(names)})\b", str(error)):
        return Finding(f"{kind} without a name in {place}", message)
    return None


def names_of(estimator):
    """What a message about an estimator may name."""
    nested = estimator.get_params(deep=True).keys()
    last = {name.split("__")[-1] for name in nested}
    # scikit-learn's splitters call what a user gives as cv by names of their own.
    of_splits = {"n_splits", "test_size"} if "cv" in last else set()
    return nested | last | of_splits | ARGUMENTS.keys() | {"Y_true", "Y_pred"}


def _is_raised(tb):
    """Whether the last frame raises by a statement, in skdvn or scikit-learn."""
    while tb.tb_next is not None:
        tb = tb.tb_next
    code = tb.tb_frame.f_code
    operation = dis.opname[code.co_code[tb.tb_lasti]]
    known = code.co_filename.startswith((OURS, SKLEARN))
    return known and operation.startswith("RAISE")


def _place(frames):
    """Where skdvn was last."""
    last = [f.f_code for f, _ in frames if f.f_code.co_filename.startswith(OURS)][-1]
    return f"{Path(last.co_filename).relative_to(OURS)}, {last.co_name}"


def judge_warning(category, message, frame):
    """A `Finding` if skdvn causes a warning that is no one's advice, else None.

    Parameters
    ----------
    category : class
    message : Warning
    frame : frame
        Of who shows it.
    """
    stack = [one.f_code.co_filename for one, _ in traceback.walk_stack(frame)]
    ours = [file for file in stack if file.startswith(OURS)]
    if not ours or ours[0].endswith("cross_fitting.py"):  # classifiers of the user
        return None
    while frame.f_code.co_filename.endswith("warnings.py"):
        frame = frame.f_back
    code = frame.f_code
    meant = code.co_filename.startswith((OURS, SKLEARN)) and "warn" in code.co_names
    if meant and issubclass(category, UserWarning | RuntimeWarning):
        return None
    line = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return Finding(
        f"{category.__name__}: {_without_numbers(str(message))[:80]}",
        f"{category.__name__}: {message} at {code.co_filename}: {line}",
    )


def judge_result(statement, result):
    """A `Finding` if a result is not finite, or outside of [0, 1], else None."""
    for array in _arrays(result):
        if array.dtype.kind != "f" or not array.size:
            continue
        call = re.match(r"(?:list\()?([\w.]*)", statement)[1]
        if not np.isfinite(array).all():
            return Finding(f"not finite: {call}", "It holds NaN or infinity.")
        inside = array.min() >= 0 and array.max() <= 1
        if any(name in call for name in SHARES) and not inside:
            found = f"It holds numbers from {array.min()} to {array.max()}."
            return Finding(f"outside [0, 1]: {call}", found)
    return None


def _arrays(result):
    """Yield the arrays of a result."""
    if isinstance(result, list | tuple):
        for part in result:
            yield from _arrays(part)
    elif isinstance(result, np.ndarray | np.generic | float):
        yield np.asarray(result)
    elif sparse.issparse(result):
        yield result.data


def _without_numbers(text):
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", text)
