"""Classes that fit has not seen: wrong where masks are scored, else an error."""

import numpy as np
import pytest
from image_doors import SCORERS, SEGMENTERS, TRAINED, Lazy, X, Y, as_numbers, shown
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)

from skdvn import CalibratedValueCV
from skdvn.inspection import AscentPathDisplay, SegmentationDisplay
from skdvn.metrics import oracle_values, value_pairs

# A class that only the last image has, in its two upper rows.
TOP = np.zeros_like(Y, bool)
TOP[5, :2] = True
THREE = Y + Y * (np.arange(8) > 3).astype(np.uint8)
untold = pytest.mark.filterwarnings("ignore:.*not there in fit")


def with_class(masks, label=7):
    return np.where(TOP, label, masks)


@pytest.fixture(scope="module", params=[2, 3], ids=["2 classes", "3 classes"])
def masks(request):
    return {2: Y, 3: THREE}[request.param]


def accuracies(truth, found):
    return (truth == found).mean((1, 2))


@pytest.mark.one_in(5)
@untold
@pytest.mark.parametrize("kind", SEGMENTERS)
def test_accuracies_are_those_of_scikit_learn(kind, masks):
    """Which counts classes unseen as wrong, whatever is predicted."""
    truth = with_class(masks)
    segmenter = SEGMENTERS[kind]().fit(X, masks)
    expected = accuracies(truth, segmenter.predict(X))
    if kind in ("dvn", "conv", "plug-in"):
        segmenter.set_params(oracle="accuracy")
        expected = accuracies(truth, segmenter.predict(X))
        found = oracle_values(segmenter, truth, segmenter.predict(X))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert segmenter.score(X, truth) == pytest.approx(expected.mean())
    elif len(segmenter.classes_) == 3:
        assert segmenter.score(X, truth) == pytest.approx(expected.mean())
    classifier = LogisticRegression().fit(X[:, 0, 0], [0, 1, 0, 1, 0, 1])
    assert classifier.score(X[:, 0, 0], [7] * 6) == 0


@pytest.mark.one_in(3)
@untold
@pytest.mark.parametrize("oracle", ["iou", "f1", "accuracy", "mean_iou", "f2"])
def test_no_prediction_is_right_there(oracle, masks):
    segmenter = SEGMENTERS["dvn"](oracle=oracle).fit(X, masks)
    everywhere, n_classes = np.full_like(masks, 9), len(segmenter.classes_)
    # A class that neither truth nor prediction has counts as 1 in the mean.
    most = 1 - 1 / n_classes if (oracle, n_classes) == ("mean_iou", 3) else 0
    for predicted in (masks, *(np.full_like(masks, k) for k in segmenter.classes_)):
        assert (oracle_values(segmenter, everywhere, predicted) <= most + 1e-6).all()


@untold
@pytest.mark.parametrize("oracle", ["iou", "f1", "mean_iou"])
def test_overlaps_count_unseen_pixels_as_missed_or_as_too_many(oracle):
    segmenter = SEGMENTERS["dvn"](oracle=oracle).fit(X, Y)
    for predicted in (np.zeros_like(Y), np.ones_like(Y), Y):
        opposite = np.where(TOP, 1 - predicted, Y)
        np.testing.assert_allclose(
            oracle_values(segmenter, with_class(Y), predicted),
            oracle_values(segmenter, opposite, predicted),
        )


@pytest.mark.one_in(2)
@untold
def test_all_doors_to_a_score_agree(masks):
    truth = with_class(masks)
    segmenter = SEGMENTERS["dvn"]().fit(X, masks)
    expected = oracle_values(segmenter, truth, segmenter.predict(X))
    assert segmenter.score(X, truth) == pytest.approx(expected.mean())
    assert segmenter.score(list(X), Lazy(truth)) == pytest.approx(expected.mean())
    np.testing.assert_allclose(value_pairs(segmenter, X, truth)[0], expected)
    drawn = shown(SegmentationDisplay, segmenter, X, truth, "values_true")
    np.testing.assert_allclose(drawn["prediction"], expected)
    climbs = shown(AscentPathDisplay, segmenter, X, truth, "values_true")
    assert (climbs >= 0).all() and (climbs <= 1).all()
    fitted = CalibratedValueCV(SEGMENTERS["dvn"](), cv=KFold(2), method="sigmoid")
    assert np.isfinite(fitted.fit(X, truth).predict_value(X)).all()


@pytest.mark.one_in(4)
@untold
@pytest.mark.parametrize("image_size", [None, 4, 3])
@pytest.mark.parametrize("kind", ["dvn", "conv"])
def test_early_stopping_counts_them_as_wrong(kind, image_size):
    params = {"oracle": "accuracy", "early_stopping": True, "image_size": image_size}
    segmenter = SEGMENTERS[kind](**params)
    segmenter.fit(X, Y, X_val=X, y_val=np.full_like(Y, 9))
    assert segmenter.validation_score_ == 0
    known = np.where(np.arange(6)[:, None, None] == 0, Y, 9)
    segmenter.fit(X, Y, X_val=X, y_val=known)
    assert 0 < segmenter.validation_score_ <= 1 / 6


@pytest.mark.one_in(3)
@untold
@pytest.mark.parametrize("kind", TRAINED)
def test_early_stopping_of_all_segmenters(kind, masks):
    segmenter = SEGMENTERS[kind](early_stopping=True)
    segmenter.fit(X, masks, X_val=X, y_val=np.full_like(Y, 9))
    assert segmenter.validation_score_ == 0


@pytest.mark.one_in(3)
@untold
@pytest.mark.parametrize("kind", SEGMENTERS)
def test_folds_that_lack_a_class_are_scored(kind):
    """So that no search goes by chance."""
    truth = with_class(Y, 2)
    scores = cross_val_score(SEGMENTERS[kind](), X, truth, cv=KFold(2))
    assert np.isfinite(scores).all()
    if kind == "unet":
        search = GridSearchCV(SEGMENTERS[kind](), {"alpha": [0.1, 0.2]}, cv=KFold(2))
        search.fit(X, truth)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_warning_tells_what_is_unseen():
    segmenter = SEGMENTERS["unet"]().fit(X, Y)
    with pytest.warns(UserWarning, match=r"y holds the class\(es\) \[7\].*\[0, 1\]"):
        segmenter.score(X, with_class(Y))


@pytest.mark.parametrize("kind", ["dvn", "conv", "plug-in"])
def test_masks_to_judge_or_refine_must_hold_known_classes(kind):
    segmenter = SEGMENTERS[kind]().fit(X, Y)
    doors = [segmenter.predict_value]
    doors += [segmenter.refine] if hasattr(segmenter, "refine") else []
    for door in doors:
        for hold in (np.asarray, list, Lazy):
            message = r"\[5\] holds the unknown class\(es\) \[7\]; known are \[0, 1\]"
            with pytest.raises(ValueError, match=message):
                door(X, hold(with_class(Y)))
    with pytest.raises(ValueError, match=r"Y_pred\[5\] holds the unknown class"):
        oracle_values(segmenter, Y, with_class(Y))


@pytest.mark.parametrize("kind", TRAINED)
def test_further_images_must_hold_known_classes(kind):
    segmenter = SEGMENTERS[kind]().fit(X, Y)
    before = segmenter.predict_proba(X)
    with pytest.raises(ValueError, match=r"Y\[5\] holds the unknown class.*\[7\]"):
        segmenter.partial_fit(X, with_class(Y))
    np.testing.assert_array_equal(segmenter.predict_proba(X), before)


@pytest.mark.parametrize("name", ["score", "refine", "predict_value", "partial_fit"])
def test_numbers_are_no_strings(name):
    """That would be a mistake rather than an unseen class."""
    named = np.array(["a", "b"])[Y]
    segmenter = SEGMENTERS["dvn"]().fit(X, Y)
    with pytest.raises(ValueError, match=r"\[0\] is of type <U1.*known are \[0, 1\]"):
        getattr(segmenter, name)(X, named)
    segmenter = SEGMENTERS["dvn"]().fit(X, named)
    with pytest.raises(ValueError, match=r"\[0\] is of type .*known are \['a', 'b'\]"):
        getattr(segmenter, name)(X, Y)


# -- scorers of masks of any classes ---------------------------------------------------

CLASSES = {
    "0 and 255": [0, 255],
    "names": ["ape", "bee"],
    "1 and 2": [1, 2],
    "booleans": [False, True],
    "negative": [-1, 0],
    "floats": [0.0, 255.0],
}
QUICK = ("0 and 255", "names")


@pytest.mark.parametrize(
    "classes",
    [
        pytest.param(classes, id=name, marks=[] if name in QUICK else pytest.mark.slow)
        for name, classes in CLASSES.items()
    ],
)
@pytest.mark.one_in(2)
def test_scorers_take_what_fit_takes(classes):
    renamed = np.array(classes)[Y]
    plain, other = (SEGMENTERS["dvn"]().fit(X, masks) for masks in (Y, renamed))
    found, wanted = (
        cross_validate(SEGMENTERS["dvn"](), X, masks, cv=2, scoring=SCORERS)
        for masks in (renamed, Y)
    )
    for name, scorer in SCORERS.items():
        expected = scorer(plain, X, Y)
        assert 0 < expected < 1, name
        assert scorer(other, X, renamed) == pytest.approx(expected), name
        assert scorer(other, list(X), list(renamed)) == pytest.approx(expected), name
        column = f"test_{name}"
        np.testing.assert_allclose(found[column], wanted[column], err_msg=name)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_of_images_of_different_sizes_are_means(name):
    segmenter = SEGMENTERS["dvn"]().fit(X, Y)
    images, masks = [X[0], X[1, :5], X[2, :, :7]], [Y[0], Y[1, :5], Y[2, :, :7]]
    single = [
        SCORERS[name](segmenter, [image], [mask])
        for image, mask in zip(images, masks, strict=True)
    ]
    found = SCORERS[name](segmenter, images, masks)
    assert found == pytest.approx(np.mean(single))
    weighted = SCORERS[name](segmenter, images, masks, sample_weight=[1, 0, 3])
    assert weighted == pytest.approx((single[0] + 3 * single[2]) / 4)


def test_scorers_of_a_foreground_know_no_more_classes():
    segmenter = SEGMENTERS["dvn"]().fit(X, THREE)
    for name in ("relaxed_iou_scorer", "relaxed_f1_scorer", "relaxed_accuracy_scorer"):
        with pytest.raises(
            ValueError, match=r"or two classes; got \[0, 1, 2\].*mean_iou"
        ):
            SCORERS[name](segmenter, X, THREE)


def test_numbers_of_a_result_are_found():
    assert as_numbers([np.eye(2), [1.0, (2,)]]).tolist() == [1, 0, 0, 1, 1, 2]
