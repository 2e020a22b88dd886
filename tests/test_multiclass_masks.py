"""Tests of segmentation into more than two classes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, recall_score

from skdvn import Ascent, Crops, DVNSegmenter, Loss, MaskNet
from skdvn.baselines import FCNSegmenter, UNetSegmenter
from skdvn.datasets import make_silhouettes

NAMES = np.array(["body", "legs", "meadow"])
SMALL = {"n_channels": 4, "batch_size": 10, "random_state": 0}
QUICK = {**SMALL, "max_iter": 2}


def parts_of(masks):
    """Class 2 is the meadow, 1 the lower half of each animal, 0 the upper one."""
    rows = np.arange(masks.shape[1])[None, :, None]
    middle = (masks * rows).sum((1, 2)) / masks.sum((1, 2))
    return np.where(masks == 1, rows > middle[:, None, None], 2)


X, Y = make_silhouettes(80, size=16, random_state=0)
Y = parts_of(Y)
X, X_TEST, Y, Y_TEST = X[:60], X[60:], Y[:60], Y[60:]


@pytest.fixture(scope="module")
def fitted():
    params = SMALL | {"n_channels": 8, "learning_rate_init": 0.01, "max_iter": 20}
    return DVNSegmenter(**params).fit(X, Y)


def test_learns_all_classes(fitted):
    most_frequent = np.bincount(Y_TEST.ravel()).max() / Y_TEST.size
    assert fitted.score(X_TEST, Y_TEST) > most_frequent + 0.05
    predicted = fitted.predict(X_TEST)
    recalls = recall_score(Y_TEST.ravel(), predicted.ravel(), average=None)
    assert len(recalls) == 3 and recalls.min() > 0.4


def test_the_score_is_the_pixel_accuracy(fitted):
    expected = accuracy_score(Y_TEST.ravel(), fitted.predict(X_TEST).ravel())
    assert fitted.score(X_TEST, Y_TEST) == pytest.approx(expected)


def test_outputs_are_distributions_over_the_classes(fitted):
    proba = fitted.predict_relaxed(X_TEST)
    assert proba.shape == (20, 3, 16, 16)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(proba.argmax(1), fitted.predict(X_TEST))
    stages = list(fitted.staged_predict_relaxed(X_TEST[:2]))
    assert len(stages) == fitted.n_steps
    np.testing.assert_allclose(stages[-1], proba[:2], atol=0.02)


def test_the_value_knows_truth_from_garbage(fitted):
    truth = fitted.predict_value(X_TEST, Y_TEST)
    garbage = fitted.predict_value(X_TEST, (Y_TEST + 1) % 3)
    assert (truth > garbage).mean() > 0.8
    relaxed = np.full((20, 3, 16, 16), 1 / 3)
    assert ((fitted.predict_value(X_TEST, relaxed) - truth) < 0).mean() > 0.8


def test_refines_bad_masks(fitted):
    bad = np.roll(Y_TEST, 2, axis=2)
    refined = fitted.refine(X_TEST, bad)
    assert (refined == Y_TEST).mean() > (bad == Y_TEST).mean()
    shares = np.stack([bad == k for k in range(3)], 1) * 0.8 + 0.05
    assert fitted.refine(X_TEST, shares).shape == Y_TEST.shape


def test_names_are_classes(fitted):
    named = clone(fitted).set_params(max_iter=1).fit(X[:20], NAMES[Y[:20]])
    assert named.classes_.tolist() == NAMES.tolist()
    numbered = clone(fitted).set_params(max_iter=1).fit(X[:20], Y[:20])
    np.testing.assert_array_equal(
        named.predict(X_TEST), NAMES[numbered.predict(X_TEST)]
    )


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "params",
    [
        {"ascent": Ascent(projection="box")},
        {"oracle": "mean_iou"},
        {"oracle": "iou"},
        {"oracle": "f1", "ascent": Ascent(projection="box")},
        {"network": "conv", "n_steps": 5, "max_iter": 1},
        {"network": MaskNet("linear", n_levels=2)},
        {"loss": Loss(guess_weight=0.0, gradient_weight=1.0)},
        {"init": "zeros"},
        {"init": "mean"},
        {"init": UNetSegmenter(**QUICK | {"max_iter": 1})},
        {
            "tuples": {"adversarial": 1, "one_step": 1, "replay": 1},
            "crops": Crops(visits=2),
        },
        {"crops": Crops(8, aggregation="average")},
        {"n_networks": 2},
    ],
    ids=str,
)
def test_settings_run(params):
    segmenter = DVNSegmenter(**{**QUICK, **params}).fit(X[:10], Y[:10])
    assert set(np.unique(segmenter.predict(X_TEST[:3]))) <= {0, 1, 2}
    assert np.isfinite([entry["loss"] for entry in segmenter.history_]).all()
    values = segmenter.predict_value(X_TEST[:3])
    assert ((values > 0) & (values < 1)).all()
    assert 0 <= segmenter.score(X_TEST[:3], Y_TEST[:3]) <= 1


@pytest.mark.parametrize(
    "segmenter", [UNetSegmenter(8, learning_rate_init=0.01), FCNSegmenter()]
)
@pytest.mark.one_in(2)
def test_baselines_know_several_classes(segmenter):
    segmenter.set_params(batch_size=10, max_iter=4, random_state=0).fit(X, Y)
    proba = segmenter.predict_proba(X_TEST)
    assert proba.shape == (20, 3, 16, 16)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    assert segmenter.score(X_TEST, Y_TEST) > 0.6


def test_partial_fit_is_told_of_classes_to_come():
    segmenter = DVNSegmenter(**SMALL).partial_fit(X[:10], 0 * Y[:10], classes=range(3))
    assert segmenter.partial_fit(X, Y).predict_proba(X_TEST).shape[1] == 3


def test_images_of_any_size(fitted):
    images = [X_TEST[0], np.tile(X_TEST[0], (2, 1, 1))]
    assert [p.shape for p in fitted.predict_proba(images)] == [(3, 16, 16), (3, 32, 16)]
