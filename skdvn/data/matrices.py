"""Labels and sparse matrices of the user in plain forms, whatever they came in."""

from copy import deepcopy
from numbers import Number

import numpy as np
from scipy import sparse

# What to do with rows that are no numbers.
LISTS = (
    "If rows list their labels, sklearn.preprocessing.MultiLabelBinarizer makes a "
    "matrix of them."
)


def canonical(array):
    """A sparse array as a CSR matrix in order, which means what `toarray` would return.

    Entries that are there twice are added up, and zeros left out. Nothing that the user
    has given is changed.

    Parameters
    ----------
    array : object

    Returns
    -------
    array : CSR matrix or object
        What is no sparse array of two dimensions is returned as it is.
    """
    if not sparse.issparse(array) or array.ndim != 2:
        return array
    if not _is_plain(array.dtype) and array.dtype.kind != "c":
        array = deepcopy(array).astype(np.float64)  # old SciPy adds up what it is given
    array = array.tocsr()
    # Another one on the same arrays, since a matrix takes notes of its order.
    rows = sparse.csr_matrix((array.data, array.indices, array.indptr), array.shape)
    if rows.has_canonical_format and rows.data.all():
        return rows
    rows = rows.copy()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return rows


def _is_plain(dtype):
    """Whether NumPy, SciPy and PyTorch compute with numbers of this type."""
    return dtype.isnative and dtype.kind in "biuf" and dtype.char not in "eg"


def read_labels(Y, name="y"):
    """Labels of the user as an array, whatever they came in.

    Parameters
    ----------
    Y : {array-like, data frame, sparse matrix}
        Numbers, one column per label, or one class per row.
    name : str, default="y"
        What error messages call it.

    Returns
    -------
    labels : {ndarray, CSR matrix}
        Of one dimension or one column as it is, else numbers of a type that all compute
        with.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    Y = canonical(Y)
    if sparse.issparse(Y) and Y.shape[1:] != (1,):
        _check_finite(Y.data, name)
        return Y
    Y = Y.toarray() if sparse.issparse(Y) else _as_array(Y, name)
    if not len(Y):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={Y.shape}) while a minimum of 1 is "
            f"required for {name}."
        )
    Y = _classes(Y, name) if Y.size == len(Y) else _numbers(Y, name)
    _check_finite(Y, name)
    return Y


def _as_array(Y, name):
    try:
        array = np.asarray(Y)
    except ValueError:  # rows of various lengths
        raise _no_matrix(name, f"its first row is {next(iter(Y))!r}") from None
    if not array.ndim:
        raise TypeError(
            f"{name} must be an array, a data frame or a list of rows; got a "
            f"{type(Y).__name__}."
        )
    return array


def _numbers(Y, name):
    """An array of numbers that all compute with."""
    if _is_plain(Y.dtype):
        return Y
    try:
        if Y.dtype.kind in "biufO":
            return Y.astype(np.float64)
    except (TypeError, ValueError):
        pass  # said below
    found = list(dict.fromkeys(map(repr, Y.ravel()[:1000].tolist())))
    remedy = LISTS
    if len(found) == 2:
        no, yes = sorted(found)
        remedy += (
            f" If {no} and {yes} are no and yes, pass np.asarray({name}) == {yes}."
        )
    raise _no_matrix(name, f"it holds {', '.join(found[:5])}", remedy)


def _classes(Y, name):
    """One class per row, all of one kind."""
    if Y.dtype.kind == "f":
        return _numbers(Y, name)
    if Y.dtype.kind != "O":
        return Y.astype(Y.dtype.newbyteorder("="), copy=False)
    first = Y.flat[0]
    if hasattr(first, "__len__") and not isinstance(first, str | bytes):
        raise _no_matrix(name, f"its first row is {first!r}")
    try:
        np.unique(Y)
    except TypeError:
        kinds = sorted({type(one).__name__ for one in Y.flat})
        raise ValueError(
            f"{name} must hold classes of one kind, strings or numbers, none of them "
            f"missing; it holds {', '.join(kinds)}."
        ) from None
    return np.array(Y.tolist()) if isinstance(first, Number) else Y


def _check_finite(values, name):
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        what = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(f"Input {name} contains {what}.")


def check_binary(Y, name):
    """Raise unless a matrix holds 0 and 1 alone.

    Parameters
    ----------
    Y : {ndarray, CSR matrix}
        As `read_labels` returns it.
    name : str
        What the error message calls it.
    """
    values = Y.data if sparse.issparse(Y) else Y
    has_zeros = sparse.issparse(Y) or not values.all()
    strange = values[(values != 0) & (values != 1)]
    if strange.size:
        found = f"it also holds {np.unique(strange)[:5].tolist()}"
        if sparse.issparse(Y):
            found += ", where entries that are there twice have been added up"
        raise _no_matrix(name, found, _remedy_for(strange, name, has_zeros))


def _remedy_for(strange, name, has_zeros):
    """What to do with numbers other than 0 and 1."""
    if ((strange > 0) & (strange < 1)).all():
        return f"Pass ({name} >= 0.5).astype(int), for example."
    if (strange >= 2).any() and len(np.unique(strange)) > 1:
        return LISTS
    if not has_zeros and (strange > 1).all():
        return f"Pass ({name} == {strange[0]:g}).astype(int), for example."
    return f"Pass ({name} > 0).astype(int), for example."


def _no_matrix(name, found, remedy=LISTS):
    return ValueError(
        f"{name} must be a binary matrix of 0 and 1, one column per label; {found}. "
        f"{remedy}"
    )
