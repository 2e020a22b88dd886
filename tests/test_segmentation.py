"""Tests of the segmenters as their users see them."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdvn import (
    SGD,
    Ascent,
    Augmentation,
    Crops,
    DVNSegmenter,
    EarlyStopping,
    Loss,
    MaskNet,
    Mixture,
)
from skdvn.baselines import FCNSegmenter, UNetSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.metrics import relaxed_iou_score, relaxed_iou_scorer
from skdvn.networks import members

X, Y = make_silhouettes(80, size=16, random_state=0)
X_TEST, Y_TEST = X[60:], Y[60:]
X, Y = X[:60], Y[:60]
FEW = X[:20], Y[:20]
SMALL = {"n_channels": 4, "batch_size": 10, "random_state": 0}
QUICK = {**SMALL, "max_iter": 2}
CONV = {"network": "conv", "n_steps": 5, "random_state": 0, "max_iter": 1}


@pytest.fixture(scope="module")
def fitted():
    return DVNSegmenter(**SMALL, learning_rate_init=0.01, max_iter=20).fit(X, Y)


def test_learns_shapes(fitted):
    assert fitted.score(X_TEST, Y_TEST) > 0.5
    assert fitted.score(X, Y) > fitted.score(X_TEST, Y_TEST) - 0.05


def test_outputs_have_the_form_of_the_input(fitted):
    predicted = fitted.predict(X_TEST)
    assert predicted.shape == Y_TEST.shape
    assert set(np.unique(predicted)) <= {0, 1}
    proba = fitted.predict_relaxed(X_TEST)
    assert proba.shape == (20, 2, 16, 16)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(proba.argmax(1), predicted)
    values = fitted.predict_value(X_TEST)
    assert values.shape == (20,)
    assert ((values > 0) & (values < 1)).all()
    np.testing.assert_allclose(values, fitted.predict_value(X_TEST, predicted))
    as_list = fitted.predict(list(X_TEST))
    assert isinstance(as_list, list)
    np.testing.assert_array_equal(np.stack(as_list), predicted)


def test_score_is_the_mean_iou(fitted):
    predicted = fitted.predict(X_TEST)
    both = (predicted & Y_TEST).sum((1, 2))
    either = (predicted | Y_TEST).sum((1, 2))
    assert fitted.score(X_TEST, Y_TEST) == pytest.approx((both / either).mean())
    assert relaxed_iou_scorer(fitted, X_TEST, Y_TEST) == pytest.approx(
        fitted.score(X_TEST, Y_TEST)
    )
    weight = np.arange(20)
    assert fitted.score(X_TEST, Y_TEST, weight) == pytest.approx(
        np.average(both / either, weights=weight)
    )


def test_the_value_knows_truth_from_garbage(fitted):
    garbage = np.roll(Y_TEST, 7, axis=2)
    truth = fitted.predict_value(X_TEST, Y_TEST)
    assert (truth > fitted.predict_value(X_TEST, garbage)).mean() > 0.8


def test_ascent_raises_the_value(fitted):
    stages = list(fitted.staged_predict_relaxed(X_TEST))
    assert len(stages) == fitted.n_steps
    np.testing.assert_allclose(stages[-1], fitted.predict_relaxed(X_TEST))
    masks = list(fitted.staged_predict(X_TEST))
    np.testing.assert_array_equal(masks[-1], fitted.predict(X_TEST))
    first, last = (
        fitted.predict_value(X_TEST, np.clip(one[:, 1], 0, 1).astype(np.float32))
        for one in (stages[0], stages[-1])
    )
    assert last.mean() > first.mean()


def test_refines_bad_masks(fitted):
    bad = np.roll(Y_TEST, 2, axis=2)
    refined = fitted.refine(X_TEST, bad)
    assert relaxed_iou_score(Y_TEST, refined) > relaxed_iou_score(Y_TEST, bad)
    relaxed = fitted.refine(X_TEST, 0.4 * bad.astype(float))
    assert relaxed.shape == Y_TEST.shape


@pytest.mark.parametrize(
    "params", [{}, {"crops": 16}, {"crops": Crops(16, aggregation="average")}]
)
def test_results_do_not_depend_on_the_batch_size(fitted, params):
    segmenter = clone(fitted).set_params(precision="single", max_iter=1, device="cpu")
    segmenter.fit(*FEW).set_params(**params)
    X_large = np.tile(X_TEST[:5], (1, 2, 2, 1))
    expected = segmenter.predict_proba(X_large)
    segmenter.set_params(prediction_batch_size=7)
    np.testing.assert_allclose(segmenter.predict_proba(X_large), expected, atol=1e-5)


@pytest.mark.parametrize("aggregation", ["joint", "average"])
def test_images_of_any_size(fitted, aggregation):
    crops = Crops(16, aggregation=aggregation)
    segmenter = pickle.loads(pickle.dumps(fitted)).set_params(crops=crops)
    sizes = [(16, 16), (20, 33), (16, 16), (40, 18)]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    masks = segmenter.predict(images)
    assert [mask.shape for mask in masks] == sizes
    assert [p.shape for p in segmenter.predict_proba(images)] == [
        (2, *size) for size in sizes
    ]
    assert segmenter.predict_value(images).shape == (4,)
    assert 0 <= segmenter.score(images, masks) <= 1
    alone = [segmenter.predict([image])[0] for image in images]
    for together, one in zip(masks, alone, strict=True):
        assert (together == one).mean() > 0.97  # half precision may move a border


def test_a_large_image_is_segmented_like_its_parts(fitted):
    """An animal in a large image is found as well as in a small one."""
    canvas = np.tile(X_TEST[:1].mean((1, 2), keepdims=True), (1, 48, 48, 1))
    canvas[0, 16:32, 16:32] = X_TEST[0]
    mask = fitted.predict(canvas.astype(np.uint8))[0]
    assert mask[16:32, 16:32].sum() > 0.5 * fitted.predict(X_TEST[:1]).sum()


def test_trains_on_images_of_different_sizes():
    images = [x[:, : 12 + 2 * (i % 3)] for i, x in enumerate(X[:20])]
    masks = [y[:, : 12 + 2 * (i % 3)] for i, y in enumerate(Y[:20])]
    segmenter = DVNSegmenter(**QUICK).fit(images, masks)
    assert segmenter.crop_size_ == 16
    assert [m.shape for m in segmenter.predict(images)] == [m.shape for m in masks]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "segmenter",
    [
        DVNSegmenter(**QUICK),
        DVNSegmenter(**CONV),
        UNetSegmenter(**QUICK),
        FCNSegmenter(batch_size=20, max_iter=1, random_state=0),
    ],
    ids=["dvn", "conv", "unet", "fcn"],
)
def test_fit_is_reproducible_and_touches_nothing(
    segmenter, global_randomness_untouched
):
    x, y = (part.copy() for part in FEW)
    first, second = (clone(segmenter).fit(x, y).predict_proba(X_TEST[:3]) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x, FEW[0])
    np.testing.assert_array_equal(y, FEW[1])


def test_classes_may_be_strings_or_any_integers(fitted):
    names = np.array(["animal", "meadow"])
    segmenter = clone(fitted).set_params(max_iter=1)
    images, masks = FEW
    named = segmenter.fit(images, names[1 - masks])
    assert named.classes_.tolist() == ["animal", "meadow"]
    assert set(np.unique(named.predict(X_TEST))) <= {"animal", "meadow"}
    # Sorted, the animal comes first and counts as the background.
    numbers = clone(fitted).set_params(max_iter=1).fit(images, np.where(masks, 0, 255))
    np.testing.assert_array_equal(
        named.predict(X_TEST) == "meadow", numbers.predict(X_TEST) == 255
    )


def test_grey_images_and_floats():
    grey, masks = X[:20].mean(3), Y[:20]
    segmenter = DVNSegmenter(**QUICK).fit(grey, masks)
    assert segmenter.n_channels_in_ == 1
    assert segmenter.predict(grey[:3]).shape == (3, 16, 16)
    scaled = DVNSegmenter(**QUICK).fit(1e3 * grey - 7, masks)
    assert (scaled.predict(1e3 * grey - 7) == segmenter.predict(grey)).mean() > 0.95


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "params",
    [
        {"network": "conv", "n_steps": 5, "max_iter": 1},
        {"network": MaskNet("linear")},
        {"network": MaskNet(n_levels=2, stride=2)},
        {"loss": Loss(guess_weight=0.0, gradient_weight=1.0)},
        {
            "loss": Loss(
                "squared",
                guess_weight=0.0,
                gradient="cross_entropy",
                gradient_weight=1.0,
            )
        },
        {"oracle": "f1"},
        {"oracle": "accuracy"},
        {"oracle": "mean_iou"},
        {"init": "zeros"},
        {"init": "mean"},
        {"init": 0.3},
        {"tuples": {"adversarial": 1, "ground_truth": 1}},
        {
            "tuples": Mixture({"chain": 3, "stratified": 1}, mixing="one"),
            "crops": Crops(per_image=2, visits=5),
        },
        {
            "tuples": {"replay": 1, "inference": 1, "ground_truth": 1},
            "crops": Crops(visits=3),
        },
        {"tuples": Mixture(lag=1)},
        {"solver": SGD(averaging=0.0), "learning_rate_init": 0.1},
        {"early_stopping": True},
        {"ascent": Ascent(noise=0.1)},
        {"ascent": Ascent("value", momentum=0.5)},
        {"crops": 8},
        {"crops": Crops(8, stride=2)},
        {"crops": Crops(8, n_crops=9, flip=False)},
        {"augmentation": Augmentation(0, flips="none")},
        {"precision": "single"},
        {"n_networks": 2},
    ],
    ids=str,
)
def test_settings_run(params):
    segmenter = DVNSegmenter(**{**QUICK, **params}).fit(X[:10], Y[:10])
    assert segmenter.predict(X_TEST[:3]).shape == (3, 16, 16)
    assert np.isfinite([entry["loss"] for entry in segmenter.history_]).all()
    assert np.isfinite(segmenter.predict_value(X_TEST[:3])).all()


@pytest.mark.slow
def test_starts_at_the_masks_of_another_segmenter():
    other = UNetSegmenter(**SMALL, max_iter=10)
    segmenter = DVNSegmenter(**QUICK, init=other, n_steps=0).fit(X, Y)
    assert segmenter.init_.estimator is not other
    expected = clone(other).fit(X, Y).predict(X_TEST)
    np.testing.assert_array_equal(segmenter.predict(X_TEST), expected)


def test_no_steps_predict_the_start_with_noise_too(fitted):
    clf = fitted._draft().set_params(n_steps=0)
    expected = clf.predict(X_TEST[:3])
    assert list(clf.staged_predict(X_TEST[:3])) == []
    noisy = clf.set_params(ascent=Ascent(noise=0.1))
    np.testing.assert_array_equal(noisy.predict(X_TEST[:3]), expected)


@pytest.mark.slow
def test_several_networks_predict_jointly():
    one, several = (DVNSegmenter(**QUICK, n_networks=n).fit(*FEW) for n in (1, 3))
    assert len(members(several.network_)) == 3
    assert len(several.history_) == 3 * len(one.history_)
    assert several.predict(X_TEST).shape == Y_TEST.shape


def test_baselines_average_their_guesses():
    segmenter = UNetSegmenter(**QUICK, n_networks=2).fit(*FEW)
    joint = segmenter.predict_proba(X_TEST)
    parts = []
    for network in members(segmenter.network_):
        alone = pickle.loads(pickle.dumps(segmenter))
        alone.network_ = network
        parts.append(alone.predict_proba(X_TEST))
    np.testing.assert_allclose(joint, sum(parts) / 2, atol=1e-5)
    assert not hasattr(segmenter, "predict_value")


def test_partial_fit_goes_on():
    segmenter = DVNSegmenter(**SMALL)
    segmenter.partial_fit(X[:10], np.zeros_like(Y[:10]), classes=[0, 1])
    before = segmenter.predict_proba(X_TEST)
    for _ in range(3):
        segmenter.partial_fit(*FEW)
    assert segmenter.n_iter_ == 4
    assert np.abs(segmenter.predict_proba(X_TEST) - before).max() > 0.01


def test_warm_start_goes_on():
    segmenter = DVNSegmenter(**QUICK, warm_start=True).fit(*FEW)
    first = segmenter.history_[0]["loss"]
    assert segmenter.fit(*FEW).history_[0]["loss"] < first
    with pytest.raises(ValueError, match="classes of the last fit"):
        segmenter.fit(FEW[0], 3 * FEW[1])


def test_weights_of_zero_leave_images_out():
    weight = np.r_[np.ones(15), np.zeros(5)]
    segmenter = DVNSegmenter(**QUICK)
    weighted = segmenter.fit(*FEW, weight).predict_proba(X_TEST)
    # Channel statistics are those of all images given.
    assert weighted.shape == (20, 2, 16, 16)
    assert len(segmenter.history_) == 2


def test_early_stopping_keeps_the_best():
    segmenter = DVNSegmenter(**SMALL, max_iter=6, early_stopping=EarlyStopping(2))
    segmenter.fit(*FEW)
    scores = [entry["validation_score"] for entry in segmenter.history_]
    assert segmenter.n_iter_ == int(np.argmax(scores)) + 1
    baseline = UNetSegmenter(**SMALL, max_iter=10, early_stopping=True).fit(*FEW)
    assert len(baseline.history_) == 10
    assert 0 < baseline.validation_score_ < 1
    given = DVNSegmenter(**QUICK, early_stopping=True)
    given.fit(*FEW, X_val=X_TEST, y_val=Y_TEST)
    assert "validation_score" in given.history_[0]


def test_pickles_and_clones(fitted):
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(X_TEST), fitted.predict(X_TEST))
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X_TEST)


@pytest.mark.slow
def test_grid_search_and_cross_validation():
    segmenter = DVNSegmenter(**QUICK | {"max_iter": 1})
    search = GridSearchCV(segmenter, {"step_size": [0.1, 0.3]}, cv=2)
    search.fit(X[:10], Y[:10])
    assert search.best_params_["step_size"] in (0.1, 0.3)
    scores = cross_val_score(
        segmenter, X[:10], Y[:10], cv=2, scoring=relaxed_iou_scorer
    )
    assert scores.shape == (2,)


def test_a_network_of_ones_own():
    class Bright(torch.nn.Module):
        """Likes masks that cover bright pixels."""

        def __init__(self, n_channels, n_outputs, crop_size):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(n_channels))

        def encode(self, x):
            return torch.einsum("nchw,c->nhw", x, self.weight)[:, None]

        def score(self, context, y):
            return (context * (2 * y - 1)).flatten(1).mean(1)

    segmenter = DVNSegmenter(Bright, max_iter=1, random_state=0).fit(*FEW)
    assert segmenter.predict(X_TEST).shape == Y_TEST.shape
    again = DVNSegmenter(segmenter.network_, max_iter=1, random_state=0).fit(*FEW)
    assert again.network_ is not segmenter.network_


def test_interrupted_fit_changes_nothing(fitted):
    def fails(y, y_true):
        if y.shape[0] > 3:
            raise RuntimeError("out of order")
        return 1 - (y - y_true).abs().flatten(1).mean(1)

    before = fitted.predict(X_TEST)
    segmenter = pickle.loads(pickle.dumps(fitted)).set_params(oracle=fails)
    segmenter.set_params(tuples={"inference": 1})
    with pytest.raises(RuntimeError, match="out of order"):
        segmenter.fit(X[:, :12, :12], Y[:, :12, :12])
    assert segmenter.crop_size_ == 16
    np.testing.assert_array_equal(segmenter.predict(X_TEST), before)


def test_all_background_at_predict_is_fine(fitted):
    plain = np.full((2, 16, 16, 3), 128, dtype=np.uint8)
    assert fitted.predict(plain).shape == (2, 16, 16)
    nothing = np.zeros((2, 16, 16), dtype=int)
    assert 0 <= fitted.score(plain, nothing) <= 1


def test_channels_are_standardised_over_all_pixels():
    images = [3.0 * X[0] + 40, X[1, :9] / 2, X[2, :, :5] + 0.0]
    segmenter = DVNSegmenter(**QUICK).fit(images, [Y[0], Y[1, :9], Y[2, :, :5]])
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    np.testing.assert_allclose(segmenter.mean_, pixels.mean(0), rtol=1e-6)
    np.testing.assert_allclose(segmenter.scale_, pixels.std(0), rtol=1e-6)


def test_validation_images_are_looked_at_if_asked():
    segmenter = DVNSegmenter(**QUICK).fit(*FEW, X_val=X_TEST, y_val=Y_TEST)
    assert np.isnan(segmenter.validation_score_)
