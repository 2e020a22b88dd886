"""Sparse matrices mean what their dense twins mean, in any format and any order."""

import numpy as np
import pytest
from doors import INPUT_DOORS, LABEL_DOORS, X, Y, each
from scipy import sparse

from skdvn.data import canonical
from skdvn.estimators import LabelTargets

PARTS = ("data", "indices", "indptr")


def in_disorder(array):
    """The same with unsorted columns, each entry in two parts, zeros and wide indices.

    Nothing of it can be written to.
    """
    coo = sparse.coo_array(array)
    zeros = np.nonzero(np.asarray(array) == 0)
    rows = np.concatenate([coo.row, coo.row, zeros[0]])
    columns = np.concatenate([coo.col, coo.col, zeros[1]])
    values = np.concatenate([3 * coo.data, -2 * coo.data, 0 * zeros[0]])
    order = np.lexsort((-columns, rows))
    found = sparse.csr_matrix(array.shape, dtype=array.dtype)
    found.data = values[order].astype(array.dtype)
    found.indices = columns[order].astype(np.int64)
    starts = np.bincount(rows, minlength=len(array)).cumsum()
    found.indptr = np.concatenate([[0], starts]).astype(np.int64)
    for part in PARTS:
        getattr(found, part).setflags(write=False)
    return found


def said_twice(array):
    """A matrix of which each entry is there twice."""
    found = sparse.csr_matrix(array)
    parts = np.repeat(found.data, 2), np.repeat(found.indices, 2), 2 * found.indptr
    return sparse.csr_matrix(parts, found.shape)


def content(matrix):
    return [getattr(matrix, part).copy() for part in PARTS]


def call_with(door, matrix):
    """What a door says of a matrix, which it must not change."""
    before = content(matrix)
    found = door(matrix)
    for part, old in zip(content(matrix), before, strict=True):
        np.testing.assert_array_equal(part, old)
    return found


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", each(LABEL_DOORS, but=("started",)))
def test_labels_in_disorder(name):
    door = LABEL_DOORS[name]
    found = call_with(door, in_disorder(Y))
    np.testing.assert_array_equal(found, door(sparse.csr_matrix(Y)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", each(INPUT_DOORS))
def test_inputs_in_disorder(name):
    door = INPUT_DOORS[name]
    found = call_with(door, in_disorder(X))
    np.testing.assert_allclose(found, door(sparse.csr_matrix(X)), rtol=1e-6)


@pytest.mark.parametrize("name", each(LABEL_DOORS))
def test_labels_that_are_there_twice_are_no_labels(name):
    """They are summed, as SciPy and scikit-learn do, and 2 is no label."""
    given = said_twice(Y)
    before = content(given)
    with pytest.raises(ValueError, match=r"\b0 and 1\b.*\[2\]|\[0, 1\].*to 2"):
        LABEL_DOORS[name](given)
    for part, old in zip(content(given), before, strict=True):
        np.testing.assert_array_equal(part, old)


FORMS = [
    getattr(sparse, f"{form}_{kind}")
    for form in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    for kind in ("matrix", "array")
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, np.longdouble])
def test_any_format_and_type(form, dtype):
    targets = LabelTargets(sparse.csr_matrix(Y))
    encoded = targets.encode(form(Y.astype(dtype)))
    assert isinstance(encoded, sparse.csr_matrix) and encoded.has_canonical_format
    np.testing.assert_array_equal(encoded.toarray(), Y)


@pytest.mark.parametrize("dtype", [">f8", ">i4", np.float16, object])
def test_types_that_scipy_does_not_compute_with(dtype):
    matrix = sparse.csr_array(Y)
    matrix.data = matrix.data.astype(dtype)
    np.testing.assert_array_equal(canonical(matrix).toarray(), Y)


def test_a_matrix_in_order_is_not_copied():
    matrix = sparse.csr_matrix(X)
    assert np.shares_memory(canonical(matrix).data, matrix.data)


def test_zeros_are_not_kept():
    """Counts of words would take them for words."""
    assert canonical(in_disorder(X)).nnz == np.count_nonzero(X)
