"""Images of weight 0 change nothing, and weights belong to images, not to crops."""

import numpy as np
import pytest
import torch
from image_doors import SEGMENTERS, TRAINED, Lazy, X, Y, objects

from skdvn import CalibratedValueCV, Crops, DVNSegmenter, MaskNet
from skdvn.baselines import UNetSegmenter
from skdvn.data import Distortion, ImageExamples, Images
from skdvn.estimators import mask_plan

WEIGHT = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 1.0])
COUNTS = WEIGHT > 0


def outliers(images):
    """Images whose second and fifth would change everything."""
    found = list(images)
    found[1] = np.tile(1000.0 * found[1], (3, 3, 1))
    found[4] = np.full((8, 8, 3), -1e6)
    return found


def outlying_masks(masks):
    """Masks for `outliers`, of a class that no other has."""
    found = list(masks)
    found[1], found[4] = np.tile(found[1] + 7, (3, 3)), np.full((8, 8), 9)
    return found


def learned(segmenter):
    """All that a fit has learned, as arrays."""
    state = segmenter.network_.state_dict()
    settled = {
        "mean": segmenter.mean_,
        "scale": segmenter.scale_,
        "classes": segmenter.classes_,
        "crop size": segmenter.crop_size_,
        "range": segmenter.codec_.pixel_range,
        "losses": [entry["loss"] for entry in segmenter.history_],
        "epochs": len(segmenter.history_),
        "validation": np.nan_to_num(segmenter.validation_score_),
    }
    return {**{name: weight.numpy() for name, weight in state.items()}, **settled}


def assert_same(one, other):
    first, second = learned(one), learned(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "params",
    [
        {},
        pytest.param({"early_stopping": True, "max_iter": 3}, marks=pytest.mark.slow),
        pytest.param(
            {"n_networks": 2, "crops": Crops(4, per_image=2, visits=2)},
            marks=pytest.mark.slow,
        ),
        {"early_stopping": True, "n_networks": 2, "crops": Crops(per_image=2)},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", TRAINED)
def test_fit_is_that_of_the_other_images(kind, params):
    """Bit for bit: statistics, sizes, classes, held-out images and updates."""
    make = SEGMENTERS[kind]
    weighted = make(**params).fit(outliers(X), outlying_masks(Y), WEIGHT)
    alone = make(**params).fit(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS])
    assert_same(weighted, alone)


def test_as_many_updates(monkeypatch):
    monkeypatch.setattr(mask_plan, "N_UPDATES", 6)
    params = {"max_iter": "auto", "batch_size": 2}
    weighted = SEGMENTERS["unet"](**params).fit(X, Y, WEIGHT)
    alone = SEGMENTERS["unet"](**params).fit(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS])
    assert len(weighted.history_) == len(alone.history_) == 3


@pytest.mark.parametrize("hold", [np.asarray, tuple, objects, Lazy])
def test_in_all_containers(hold):
    X_wild, Y_wild = X.copy(), Y.copy()
    X_wild[1], Y_wild[1] = 255 - X[1], 5
    weighted = SEGMENTERS["unet"]().fit(hold(X_wild), hold(Y_wild), WEIGHT)
    assert_same(
        weighted, SEGMENTERS["unet"]().fit(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS])
    )


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", TRAINED)
def test_partial_fit_is_that_of_the_other_images(kind):
    weighted, alone = SEGMENTERS[kind](), SEGMENTERS[kind]()
    for _ in range(2):
        weighted.partial_fit(outliers(X), outlying_masks(Y), sample_weight=WEIGHT)
        alone.partial_fit(X[COUNTS], Y[COUNTS], sample_weight=WEIGHT[COUNTS])
    assert_same(weighted, alone)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("init", ["mean", UNetSegmenter(2, max_iter=1, random_state=0)])
def test_starts_are_those_of_the_other_images(init):
    params = {"network": MaskNet("linear"), "init": init, "n_channels": 2}
    params |= {"max_iter": 1, "random_state": 0, "precision": "single"}
    weighted = DVNSegmenter(**params).fit(outliers(X), outlying_masks(Y), WEIGHT)
    alone = DVNSegmenter(**params).fit(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS])
    assert_same(weighted, alone)
    np.testing.assert_array_equal(weighted.predict(X), alone.predict(X))


def test_the_plug_in_rule_passes_weights_on():
    weighted, alone = SEGMENTERS["plug-in"](), SEGMENTERS["plug-in"]()
    weighted.fit(outliers(X), outlying_masks(Y), sample_weight=WEIGHT)
    alone.fit(X[COUNTS], Y[COUNTS], sample_weight=WEIGHT[COUNTS])
    assert weighted.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(weighted.predict_value(X), alone.predict_value(X))


def test_images_of_weight_0_are_not_even_looked_at():
    broken = [*X[:1], np.full((8, 8, 3), np.nan), *X[2:4], None, X[5]]
    masks = [*Y[:1], np.full((3, 3), 0.5), *Y[2:4], "nowhere.png", Y[5]]
    weighted = SEGMENTERS["unet"]().fit(broken, masks, WEIGHT)
    assert_same(
        weighted, SEGMENTERS["unet"]().fit(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS])
    )


def test_errors_name_the_images_by_their_places_among_all():
    broken = [*X[:3], np.full((8, 8, 3), np.nan), *X[4:]]
    with pytest.raises(ValueError, match=r"X\[3\] contains NaN"):
        SEGMENTERS["unet"]().fit(broken, Y, WEIGHT)
    for hold in (list, Lazy):
        with pytest.raises(ValueError, match=r"Y\[3\] has height and width \(8, 7\)"):
            masks = hold([*Y[:3], Y[3][:, :7], *Y[4:]])
            SEGMENTERS["unet"]().fit(hold(X), masks, WEIGHT)
        segmenter = SEGMENTERS["unet"]().fit(X, Y)
        with pytest.raises(ValueError, match=r"X\[3\] has 1 channel"):
            images = hold([*X[:3], X[3, :, :, :1], *X[4:]])
            segmenter.partial_fit(images, Y, sample_weight=WEIGHT)


@pytest.mark.parametrize("kind", SEGMENTERS)
def test_scores_are_those_of_the_other_images(kind):
    segmenter = SEGMENTERS[kind]().fit(X, Y)
    wild = Y.copy()
    wild[1] = 1 - Y[1]
    score = segmenter.score(X, wild, WEIGHT)
    assert score == pytest.approx(segmenter.score(X[COUNTS], Y[COUNTS], WEIGHT[COUNTS]))
    assert segmenter.score(X, Y, 3 * WEIGHT) == pytest.approx(score)


def test_score_leaves_the_weights_as_they_are():
    """Also where nothing is known of an image, which does not count."""
    segmenter = UNetSegmenter(2, ignore_label=9, max_iter=1, random_state=0).fit(X, Y)
    masks, weight = Y.copy(), np.arange(1.0, len(Y) + 1)
    masks[0] = 9
    scores = []
    for writeable in (True, False):
        weight.flags.writeable = writeable
        scores.append(segmenter.score(X, masks, weight))
        np.testing.assert_array_equal(weight, np.arange(1.0, len(Y) + 1))
    assert scores[0] == scores[1] == segmenter.score(X[1:], masks[1:], weight[1:])


def test_calibration_is_that_of_the_other_images():
    """Of folds that have one image of weight 0 each."""
    model = CalibratedValueCV(
        SEGMENTERS["dvn"](),
        method="sigmoid",
        cv=[(np.arange(3, 6), np.arange(3)), (np.arange(3), np.arange(3, 6))],
    )
    wild = Y.copy()
    wild[1], wild[4] = 1 - Y[1], 1 - Y[4]
    found, expected = (model.fit(X, y, WEIGHT).predict_value(X) for y in (wild, Y))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "weight",
    [[1, -1, 1, 1, 1, 1], [0] * 6, [1] * 5, [1, np.nan, 1, 1, 1, 1], [[1]] * 6],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
def test_bad_weights_are_refused(method, weight):
    segmenter = SEGMENTERS["unet"]().fit(X, Y)
    with pytest.raises(ValueError, match=r"[Ss]ample.?weight"):
        getattr(segmenter, method)(X, Y, sample_weight=weight)
    with pytest.raises(TypeError, match=r"sample_weight.* Pass list\(sample_weight\)"):
        getattr(segmenter, method)(X, Y, sample_weight=iter(weight))
    segmenter.predict(X)


def test_weights_of_any_size():
    """Only their ratios matter."""
    fits = [
        SEGMENTERS["unet"]().fit(X, Y, factor * WEIGHT) for factor in (1, 1e-300, 5e307)
    ]
    for one in fits[1:]:
        np.testing.assert_allclose(
            one.predict_proba(X), fits[0].predict_proba(X), atol=1e-5
        )


# -- crops of images -------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_networks": 2, "tuples": {"inference": 1}},
        pytest.param({"n_networks": 2}, marks=pytest.mark.slow),
        pytest.param({"tuples": {"inference": 1}}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.one_in(2)
def test_each_image_is_cut_as_often_as_asked(params):
    levels = np.arange(1, 7)
    images = np.broadcast_to(levels[:, None, None], (6, 8, 8)).astype(float)

    def counted(max_iter):
        seen = []

        def spy(image, mask, random_state):
            seen.append(int(image.max()))
            return image, mask

        segmenter = SEGMENTERS["dvn"](
            augmentation=spy, max_iter=max_iter, crops=Crops(4, per_image=3), **params
        )
        segmenter.fit(images, Y, WEIGHT)
        return np.bincount(seen, minlength=7)[1:]

    more = counted(3) - counted(1)
    expected = 2 * 3 * params.get("n_networks", 1) * COUNTS
    np.testing.assert_array_equal(more, expected)


def test_weights_go_with_their_images():
    levels = torch.arange(1.0, 7.0)
    x = [torch.full((1, 6, 6), float(level)) for level in levels]
    images, masks = (Images(x, torch.device("cpu"), torch.float32) for _ in range(2))
    examples = ImageExamples(
        images, masks, None, Distortion(4, "none", 0.0), weight=10 * levels, n_crops=3
    )
    rows = torch.randperm(18, generator=torch.Generator().manual_seed(0))
    drawn = examples.draw(rows, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.weight, 10 * drawn.x.amax((1, 2, 3)))
