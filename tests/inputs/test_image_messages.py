"""Bad images and masks: an error that names the array, the image and what to do."""

import warnings

import numpy as np
import pytest
from image_doors import (
    DISPLAYS,
    FIT_DOORS,
    IMAGE_DOORS,
    MAP_DOORS,
    MASK_DOORS,
    SCORERS,
    SEGMENTERS,
    TRUTH_DOORS,
    Lazy,
    X,
    Y,
    has_door,
)
from scipy import sparse

from skdvn.baselines import UNetSegmenter
from skdvn.metrics import slic_segments

# What an error must not end in: words of torch, NumPy and Python.
FOREIGN = (
    *("no attribute", "inhomogeneous", "Expected more than", "not subscriptable"),
    *("object of type", "unsupported operand", "could not be broadcast", "aten::"),
)


def changed(array, value, at=(2, 1, 1)):
    array = array.astype(float)
    array[at] = value
    return array


def replaced(items, item, at=2):
    return [*items[:at], item, *items[at + 1 :]]


BAD_IMAGES = {
    "NaN": (changed(X, np.nan), r"{X}\[2\] contains NaN"),
    "infinity": (changed(X, np.inf), r"{X}\[2\] contains infinity"),
    "huge": (changed(X, 1e300), r"{X}\[2\] has pixels from .* to 1e\+300; allowed"),
    "huge and negative": (changed(X, -1e31), r"{X}\[2\] has pixels from -1e\+31"),
    "none": ([], "{X} must hold at least one image, got none"),
    "no row": (X[:0], "{X} must hold at least one image, got none"),
    "no pixel": (replaced(X, X[2][:0]), r"{X}\[2\] must have shape.*each at least 1"),
    "channels first": (np.moveaxis(X, -1, 1), r"{X}\[0\].*channels first.*moveaxis"),
    "another channel": (replaced(X, X[2][..., :2]), r"{X}\[2\] has 2 channel"),
    "grey": (replaced(X, X[2][..., 0]), r"{X}\[2\] has 1 channel"),
    "ragged": (replaced(X, [[[1]], [[1], [2]]]), r"{X}\[2\] is of type list"),
    "None among them": (replaced(X, None), r"{X}\[2\] must have shape"),
    "numbers": ([1, 2, 3, 4, 5, 6], r"{X}\[0\] must have shape"),
    "words": (X.astype(str), r"{X}\[0\] must hold numbers, got dtype <U"),
    "words as objects": (X.astype(str).astype(object), r"{X}\[0\] must hold numbers"),
    "complex": (X.astype(complex), r"{X}\[0\] must hold numbers, got dtype complex"),
    "dates": (X.astype("M8[s]"), r"{X}\[0\] must hold numbers, got dtype datetime"),
    "masked": (np.ma.masked_equal(X, X.max()), r"{X}\[\d\] has masked pixels; fill"),
    "two axes": (X.reshape(6, -1), r"{X} must have shape .*got shape \(6, 192\)"),
    "five axes": (X[None], r"{X} must have shape \(n, height, width\)"),
    "one path": ("horse.png", "{X} must be an array, a list.*got str"),
    "missing paths": (
        ["/nowhere.png"] * 6,
        r"{X}\[0\] is '/nowhere.png', which cannot",
    ),
    "no image": ([__file__] * 6, r"{X}\[0\] is .*test_image_messages.*cannot be read"),
    "None": (None, "{X} must be an array, a list.*got NoneType"),
    "a number": (5, "{X} must be an array, a list.*got int"),
    "a dictionary": (dict(enumerate(X)), r"{X} must be .*got dict. Pass list\({X}.val"),
    "a set": (set(range(6)), "{X} must be an array, a list.*got set"),
    "sparse": (
        sparse.csr_matrix(X.reshape(6, -1)),
        "{X} must be an array.*got csr_",
    ),
    "a generator": ((x for x in X), r"{X} must be .*got generator. Pass list\({X}\)"),
}
BAD_MASKS = {
    "another size": (replaced(Y, Y[2][:7]), r"{Y}\[2\]"),
    "transposed": (Y[:, :7].transpose(0, 2, 1), r"{Y}\[0\]"),
    "fractions": (changed(Y, 1.5), r"{Y}\[2\] must hold .*1\.5"),
    "NaN": (changed(Y, np.nan), r"{Y}\[2\] contains NaN"),
    "infinity": (changed(Y, np.inf), r"{Y}\[2\] contains NaN or infinity"),
    "huge": (changed(Y, 1e300), r"{Y}\[2\] must hold .*1e\+300"),
    "colours": (np.stack([Y] * 3, -1), r"{Y}\[0\]"),
    "a channel": (Y[..., None], r"{Y}\[0\] must .*shape"),
    "fewer": (Y[:5], r"{Y} has 5"),
    "none": ([], "{Y} must hold at least one image, got none"),
    "no pixel": (replaced(Y, Y[2][:0]), r"{Y}\[2\]"),
    "None among them": (replaced(Y, None), r"{Y}\[2\] must"),
    "ragged": (replaced(Y, [[1], [0, 1]]), r"{Y}\[2\] is of type list"),
    "mixed objects": (np.array([1, "a"], object)[Y], r"{Y}\[0\] must hold"),
    "missing paths": (
        ["/nowhere.png"] * 6,
        r"{Y}\[0\] is '/nowhere.png', which cannot",
    ),
    "None": (None, "{Y} must be an array, a list.*got NoneType"),
    "a dictionary": (dict(enumerate(Y)), "{Y} must be .*got dict"),
    "a generator": ((y for y in Y), r"{Y} must be .*got generator. Pass list\({Y}\)"),
}
TRUTH_NAMES = {
    **dict.fromkeys(["score", *DISPLAYS], "y"),
    "refine": "Y_init",
    "predict_value of masks": "Y",
    "majority_labels": "Y",
}


def check_refused(door, *given, message):
    """The door raises an error of ours, and no warning of NumPy's comes before it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises((ValueError, TypeError), match=message) as caught:
            door(*given)
    assert not any(words in str(caught.value) for words in FOREIGN)


@pytest.fixture(scope="module")
def fitted():
    return {name: make().fit(X, Y) for name, make in SEGMENTERS.items()}


@pytest.mark.parametrize("fault", BAD_IMAGES)
@pytest.mark.parametrize("door", FIT_DOORS)
def test_images_to_fit(door, fault):
    if (door, fault) == ("X_val", "None"):
        pytest.skip("None is no images to hold out")
    images, message = BAD_IMAGES[fault]
    message = message.replace("{X}", "X_val" if door == "X_val" else "X")
    check_refused(FIT_DOORS[door], SEGMENTERS["unet"], images, Y, message=message)


@pytest.mark.parametrize("fault", BAD_MASKS)
@pytest.mark.parametrize("door", FIT_DOORS)
def test_masks_to_fit(door, fault):
    if (door, fault) == ("X_val", "None"):
        pytest.skip("None is no masks to hold out")
    masks, message = BAD_MASKS[fault]
    message = message.replace("{Y}", "y_val" if door == "X_val" else "Y")
    check_refused(FIT_DOORS[door], SEGMENTERS["unet"], X, masks, message=message)


IMAGES_ONLY = {**IMAGE_DOORS, **MASK_DOORS, **TRUTH_DOORS}
# Whose errors are scikit-learn's where X is no sequence at all.
INDEXED = {"calibration", "AscentPathDisplay"}
NO_SEQUENCE = {
    *("None", "a number", "a set", "a generator", "one path", "five axes"),
    *("none", "no row"),
}


@pytest.mark.one_in(5)
@pytest.mark.parametrize("fault", BAD_IMAGES)
@pytest.mark.parametrize("door", IMAGES_ONLY)
def test_images_to_a_fitted_segmenter(door, fault, fitted):
    if door in INDEXED and fault in NO_SEQUENCE:
        pytest.skip("scikit-learn takes them apart, and says so in its own words")
    images, message = BAD_IMAGES[fault]
    message = message.replace("{X}", "X")
    check_refused(IMAGES_ONLY[door], fitted["dvn"], images, Y, message=message)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("fault", BAD_MASKS)
@pytest.mark.parametrize("door", [*MASK_DOORS, "score", "oracle_values", *MAP_DOORS])
def test_masks_to_a_fitted_segmenter(door, fault, fitted):
    doors = {**MASK_DOORS, **TRUTH_DOORS, **MAP_DOORS}
    if (door, fault) == ("predict_value of masks", "None"):
        pytest.skip("None asks for the values of what is predicted")
    masks, message = BAD_MASKS[fault]
    if fault == "fewer":
        message = "5"
    message = message.replace("{Y}", TRUTH_NAMES.get(door, "Y_true"))
    images = X[:, :7] if fault == "transposed" else X
    check_refused(doors[door], fitted["dvn"], images, masks, message=message)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("fault", BAD_MASKS)
@pytest.mark.parametrize("door", SCORERS)
def test_masks_to_scorers(door, fault, fitted):
    masks, message = BAD_MASKS[fault]
    if fault in ("another size", "transposed", "fewer", "colours", "a channel", "huge"):
        message = "Y_true"
    if fault == "fractions":
        message = "such as 1.5|or two classes"
    images = X[:, :7] if fault == "transposed" else X
    message = message.replace("{Y}", "Y_true")
    check_refused(SCORERS[door], fitted["dvn"], images, masks, message=message)


@pytest.mark.parametrize("door", DISPLAYS)
@pytest.mark.parametrize("fault", ["NaN", "ragged", "channels first", "missing paths"])
def test_images_to_displays(door, fault, fitted):
    pytest.importorskip("matplotlib").use("agg")
    images, message = BAD_IMAGES[fault]
    message = message.replace("{X}", "X")
    check_refused(DISPLAYS[door], fitted["dvn"], images, Y, message=message)


@pytest.mark.parametrize("door", DISPLAYS)
@pytest.mark.parametrize("fault", ["NaN", "fewer", "colours", "missing paths"])
def test_masks_to_displays(door, fault, fitted):
    pytest.importorskip("matplotlib").use("agg")
    masks, message = BAD_MASKS[fault]
    if fault == "fewer":
        message = "5"
    message = message.replace("{Y}", "y")
    check_refused(DISPLAYS[door], fitted["dvn"], X, masks, message=message)


@pytest.mark.parametrize("fault", ["NaN", "huge", "ragged", "a generator", "a table"])
@pytest.mark.parametrize("kind", SEGMENTERS)
def test_all_segmenters(kind, fault, fitted):
    if fault == "a table":
        pandas = pytest.importorskip("pandas")
        images = pandas.DataFrame({"file": ["a.png"] * 6})
        message = r"X must be .*got DataFrame. Pass one column.*X\['file'\]"
    else:
        images, message = BAD_IMAGES[fault]
    message = message.replace("{X}", "X")
    for name, door in {**IMAGE_DOORS, "score": TRUTH_DOORS["score"]}.items():
        if has_door(fitted[kind], name):
            check_refused(door, fitted[kind], images, Y, message=message)


@pytest.mark.parametrize("hold", [list, Lazy])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
def test_a_failed_call_changes_nothing(method, hold):
    segmenter = SEGMENTERS["unet"]().fit(X, Y)
    before = segmenter.predict_proba(X)
    given = [hold(replaced(X, np.full((8, 8, 3), np.nan)))]
    given += [] if method == "predict" else [Y]
    with pytest.raises(ValueError, match=r"X\[2\] contains NaN"):
        getattr(segmenter, method)(*given)
    np.testing.assert_array_equal(segmenter.predict_proba(X), before)


def test_mixed_classes():
    with pytest.raises(ValueError, match="numbers and strings as classes, such as 0"):
        SEGMENTERS["unet"]().fit(X, [*Y[:3], *Y[3:].astype(str)])
    with pytest.raises(ValueError, match="classes hold only the class 3"):
        SEGMENTERS["unet"]().partial_fit(X, Y, classes=[3])
    with pytest.raises(ValueError, match=r"classes must hold classes.*such as 0\.5"):
        SEGMENTERS["unet"]().partial_fit(X, Y, classes=[0, 0.5])
    with pytest.raises(ValueError, match=r"Y\[\d\] holds the unknown class.*\[0, 3\]"):
        SEGMENTERS["unet"]().partial_fit(X, Y, classes=[0, 3])


def test_starts_of_other_segmenters_need_two_images():
    init = UNetSegmenter(2, max_iter=1)
    with pytest.raises(ValueError, match="init=.* out of fold.* at least 2 images"):
        SEGMENTERS["conv"](init=init).fit(X[:1], Y[:1])


def test_superpixels_of_bad_images():
    pytest.importorskip("skimage")
    for fault, (images, message) in BAD_IMAGES.items():
        if fault not in ("another channel", "grey"):
            message = message.replace("{X}", "X")
            check_refused(slic_segments, images, 2, message=message)


@pytest.mark.parametrize("fraction", [1e-9, 0.5, 0.999])
def test_something_is_held_out_and_something_learned(fraction):
    segmenter = SEGMENTERS["unet"](early_stopping=True, validation_fraction=fraction)
    assert 0 <= segmenter.fit(X[:2], Y[:2]).validation_score_ <= 1
