"""The same images and masks give the same result, whatever holds them."""

import numpy as np
import pytest
import torch
from image_doors import (
    DISPLAYS,
    DOORS,
    SEGMENTERS,
    TRAINED,
    Lazy,
    X,
    Y,
    as_numbers,
    has_door,
    objects,
)
from image_doors import FIT_DOORS as FIT


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def series(items):
    pandas = pytest.importorskip("pandas")
    return pandas.Series(list(items), index=range(7, 7 + len(items)))


def memory_mapped(array, folder):
    path = folder / f"{array.ndim}.dat"
    mapped = np.memmap(path, array.dtype, "w+", shape=array.shape)
    mapped[:] = array
    return mapped


def files(items, folder):
    Image = pytest.importorskip("PIL.Image")
    paths = []
    for i, item in enumerate(items):
        paths.append(folder / f"{item.ndim}-{i}.png")
        Image.fromarray(item).save(paths[-1])
    return paths


def pillow_images(items, folder):
    Image = pytest.importorskip("PIL.Image")
    return [Image.fromarray(item) for item in items]


CONTAINERS = {
    "list": lambda items, folder: list(items),
    "tuple": lambda items, folder: tuple(items),
    "nested lists": lambda items, folder: [item.tolist() for item in items],
    "array of objects": lambda items, folder: objects(items),
    "array of arrays of objects": lambda items, folder: objects(
        [item.astype(object) for item in items]
    ),
    "series": lambda items, folder: series(items),
    "sequence": lambda items, folder: Lazy(items),
    "paths": files,
    "strings": lambda items, folder: list(map(str, files(items, folder))),
    "array of strings": lambda items, folder: np.array(
        list(map(str, files(items, folder)))
    ),
    "series of paths": lambda items, folder: series(files(items, folder)),
    "sequence of paths": lambda items, folder: Lazy(files(items, folder)),
    "Pillow's images": pillow_images,
    "tensors": lambda items, folder: [torch.from_numpy(item) for item in items],
}
ARRAYS = {
    "one of objects": lambda array, folder: array.astype(object),
    "floats": lambda array, folder: array.astype(np.float64),
    "single precision": lambda array, folder: array.astype(np.float32),
    "half precision": lambda array, folder: array.astype(np.float16),
    "long doubles": lambda array, folder: array.astype(np.longdouble),
    "bytes swapped": lambda array, folder: array.astype(">f8"),
    "swapped integers": lambda array, folder: array.astype(">u2"),
    "16 bits": lambda array, folder: array.astype(np.uint16),
    "64 bits": lambda array, folder: array.astype(np.int64),
    "read only": lambda array, folder: read_only(array),
    "backwards": lambda array, folder: array[::-1, ::-1].copy()[::-1, ::-1],
    "in Fortran's order": lambda array, folder: np.asfortranarray(array),
    "memory map": memory_mapped,
    "tensor": lambda array, folder: torch.from_numpy(array),
}


FORMS = {**CONTAINERS, **ARRAYS}
QUICK = {
    *("nested lists", "array of objects", "series", "sequence", "paths"),
    *("tensors", "one of objects", "floats", "swapped integers", "backwards"),
}
every_form = pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=[] if form in QUICK else pytest.mark.slow)
        for form in FORMS
    ],
)


@pytest.fixture(scope="module")
def fitted():
    return SEGMENTERS["dvn"]().fit(X, Y)


@pytest.fixture(scope="module")
def expected(fitted):
    doors = {**DOORS, **DISPLAYS}
    found = {name: as_numbers(door(fitted, X, Y)) for name, door in doors.items()}
    make = SEGMENTERS["unet"]
    return found | {name: as_numbers(door(make, X, Y)) for name, door in FIT.items()}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("door", DOORS)
@every_form
def test_doors_of_a_fitted_segmenter(form, door, fitted, expected, tmp_path):
    held = FORMS[form](X, tmp_path), FORMS[form](Y, tmp_path)
    found = as_numbers(DOORS[door](fitted, *held))
    np.testing.assert_allclose(found, expected[door], atol=1e-6)


@pytest.mark.parametrize("door", DISPLAYS)
@pytest.mark.parametrize("form", ["array of objects", "sequence", "paths"])
def test_displays(form, door, fitted, expected, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    held = FORMS[form](X, tmp_path), FORMS[form](Y, tmp_path)
    found = as_numbers(DISPLAYS[door](fitted, *held))
    np.testing.assert_allclose(found, expected[door], atol=1e-6)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("door", FIT)
@every_form
def test_doors_to_fit(form, door, expected, tmp_path):
    held = FORMS[form](X, tmp_path), FORMS[form](Y, tmp_path)
    found = as_numbers(FIT[door](SEGMENTERS["unet"], *held))
    np.testing.assert_allclose(found, expected[door], atol=1e-6)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "form", ["array of objects", pytest.param("sequence", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", SEGMENTERS)
def test_images_of_different_sizes_in_all_segmenters(kind, form, tmp_path):
    """All that fits can be predicted, too, and as from a list."""
    images = [*X[:2], X[4][:5], X[5][:, :7]]
    masks = [*Y[:2], Y[4][:5], Y[5][:, :7]]
    held = FORMS[form](images, tmp_path), FORMS[form](masks, tmp_path)
    segmenter = SEGMENTERS[kind]().fit(*held)
    for name, door in DOORS.items():
        if has_door(segmenter, name):
            wanted = as_numbers(door(segmenter, images, masks))
            found = as_numbers(door(segmenter, *held))
            np.testing.assert_allclose(found, wanted, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", TRAINED)
def test_bits_as_images(kind):
    bright = X > 100
    found, wanted = (
        SEGMENTERS[kind]().fit(images, Y).predict_proba(images)
        for images in (bright, bright.astype(float))
    )
    np.testing.assert_array_equal(found, wanted)


def test_arrays_come_back_as_arrays_and_all_else_as_lists(fitted, tmp_path):
    for form, hold in {**CONTAINERS, **ARRAYS}.items():
        found = fitted.predict(hold(X, tmp_path))
        is_one = form in ARRAYS and form not in {
            "one of objects",
            "memory map",
            "tensor",
        }
        assert isinstance(found, np.ndarray if is_one else list), form


# -- what is predicted can be judged and refined -------------------------------------


@pytest.fixture(scope="module", params=[2, 3])
def fitted_pair(request):
    """A segmenter and a rule, of so many classes."""
    masks = Y + (request.param == 3) * Y * (np.arange(8) > 3)
    return tuple(SEGMENTERS[kind]().fit(X, masks) for kind in ("dvn", "plug-in"))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("hold", [np.asarray, list, objects, Lazy])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_relaxed"])
def test_predictions_can_be_judged_and_refined(method, hold, fitted_pair):
    segmenter, rule = fitted_pair
    output = getattr(segmenter, method)(X)
    values = segmenter.predict_value(X, hold(output))
    np.testing.assert_allclose(values, segmenter.predict_value(X, output))
    assert (values > 0).all() and (values < 1).all()
    np.testing.assert_array_equal(
        segmenter.refine(X, hold(output)), segmenter.refine(X, output)
    )
    assert rule.predict_value(X, hold(output)).shape == (6,)


@pytest.mark.parametrize("kind", ["dvn", "plug-in"])
def test_probabilities_of_two_classes_are_those_of_the_foreground(kind):
    segmenter = SEGMENTERS[kind]().fit(X, Y)
    shares = segmenter.predict_proba(X)
    np.testing.assert_allclose(
        segmenter.predict_value(X, shares), segmenter.predict_value(X, shares[:, 1])
    )


@pytest.mark.parametrize(
    "classes", [[0, 255], [1, 2], [False, True], [-3, 7], ["a", "b"]]
)
@pytest.mark.one_in(3)
def test_masks_that_can_be_fitted_can_be_judged(classes):
    """Also as floats, which may be shares of the foreground elsewhere."""
    masks = np.array(classes)[Y]
    plain, named = SEGMENTERS["dvn"]().fit(X, Y), SEGMENTERS["dvn"]().fit(X, masks)
    wanted = plain.predict_value(X, Y)
    np.testing.assert_allclose(named.predict_value(X, masks), wanted)
    if masks.dtype.kind != "U":
        found = named.predict_value(X, masks.astype(float))
        np.testing.assert_allclose(found, wanted)
