"""Numbers of any type and in any order in memory mean the same."""

import numpy as np
import pandas as pd
import pytest
from doors import CLASS_DOORS, CLASSES, INPUT_DOORS, LABEL_DOORS, X, Y, check_same, each

from skdvn.estimators import LabelTargets


def awkward(array, dtype):
    """The same in another type, with rows backwards, columns first, read-only."""
    found = np.asfortranarray(array[::-1].astype(dtype))[::-1]
    found.setflags(write=False)
    return found


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", each(LABEL_DOORS))
def test_big_endian_labels(name):
    check_same(LABEL_DOORS[name], awkward(Y, ">f8"))


@pytest.mark.parametrize("name", each(LABEL_DOORS))
def test_labels_as_objects(name):
    check_same(LABEL_DOORS[name], Y.astype(bool).astype(object))


@pytest.mark.parametrize("name", each(CLASS_DOORS))
def test_big_endian_classes(name):
    check_same(CLASS_DOORS[name], awkward(CLASSES, ">U5"))


@pytest.mark.parametrize("name", each(INPUT_DOORS))
def test_big_endian_inputs(name):
    check_same(INPUT_DOORS[name], awkward(X, ">f8"))


TYPES = [
    *(bool, np.int8, np.uint8, np.uint16, np.uint64, ">i4", "<u2"),
    *(np.float16, np.float32, np.longdouble, ">f4", ">g", object),
]


@pytest.mark.parametrize("dtype", TYPES)
def test_labels_of_any_type(dtype):
    targets = LabelTargets(awkward(Y, dtype))
    for labels in (targets.encode(awkward(Y, dtype)), targets.relaxed(Y.astype(dtype))):
        np.testing.assert_array_equal(labels, Y)
        assert labels.dtype.isnative and labels.dtype.kind in "biuf"
        assert labels.dtype not in (np.float16, np.longdouble)


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "Float32", "boolean", "category"])
def test_pandas_types_of_its_own(dtype):
    table = pd.DataFrame(Y.astype(bool) if dtype == "boolean" else Y).astype(dtype)
    np.testing.assert_array_equal(LabelTargets(table).encode(table), Y)


def test_columns_of_several_types():
    table = pd.DataFrame({"a": Y[:, 0] > 0, "b": Y[:, 1], "c": Y[:, 2] / 1.0})
    np.testing.assert_array_equal(LabelTargets(table).encode(table), Y)
