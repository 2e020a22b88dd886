"""Tests of masks that do not say everything: `ignore_label`."""

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from skdvn import Crops, DVNSegmenter, Mixture
from skdvn.baselines import PlugInSegmenter, UNetSegmenter
from skdvn.data import MaskTargets
from skdvn.datasets import make_silhouettes
from skdvn.inference import GradientAscent
from skdvn.metrics import oracle_values
from skdvn.networks import UNet
from skdvn.oracles import relaxed_iou
from skdvn.training import Batch, TupleMixture, TupleSettings, inference

X, Y = make_silhouettes(12, size=16, random_state=0)
QUICK = {"n_channels": 4, "max_iter": 2, "batch_size": 4, "random_state": 0}
HIDDEN = np.zeros((12, 16, 16), bool)
HIDDEN[:, :, :5] = True


def hidden(masks, label=255):
    return np.where(HIDDEN, label, masks)


@pytest.mark.parametrize("kind", [DVNSegmenter, UNetSegmenter])
def test_what_is_hidden_teaches_nothing(kind):
    """Whatever was there: the same network is learned."""
    garbage = np.where(HIDDEN, 1 - Y, Y)
    segmenters = [
        kind(ignore_label=255, **QUICK).fit(X, np.where(HIDDEN, 255, masks))
        for masks in (Y, garbage)
    ]
    first, second = (one.predict_proba(X) for one in segmenters)
    np.testing.assert_array_equal(first, second)
    known = kind(**QUICK).fit(X, garbage).predict_proba(X)
    assert np.abs(known - first).max() > 1e-4


def test_tuples_are_right_where_the_truth_is_not_known(uniform, seeded):
    """An output differs from the truth, and in value, only where that is known."""
    settings = TupleSettings(relaxed_iou, GradientAscent(0))
    y, y_true = uniform(4, 1, 6, 6), uniform(4, 1, 6, 6, seed=1).round()
    known = torch.zeros(4, 1, 6, 6)
    known[:, :, :2] = 1
    batch = Batch(
        *(None, None, y_true, y, torch.arange(4), settings, seeded()), known=known
    )
    (outputs,), (values,), _ = TupleMixture({inference: 1.0})(batch)
    assert torch.equal(outputs[:, :, :2], y[:, :, :2])
    assert torch.equal(outputs[:, :, 2:], y_true[:, :, 2:])
    torch.testing.assert_close(values, relaxed_iou(outputs, y_true))


def test_early_stopping_scores_what_is_known():
    params = {**QUICK, "max_iter": 1, "early_stopping": True, "precision": "single"}
    segmenter = DVNSegmenter(ignore_label=255, crops=16, **params)
    segmenter.fit(X, hidden(Y), X_val=X, y_val=hidden(Y))
    views = Crops(16, flip=False)
    score = segmenter.set_params(crops=views).score(X, hidden(Y))
    assert segmenter.validation_score_ == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_images_of_which_nothing_is_known_do_not_count(n_classes):
    masks = hidden(Y + (n_classes == 3) * (np.arange(16)[:, None] > 9) * Y)
    masks[0] = 255
    segmenter = DVNSegmenter(ignore_label=255, **QUICK).fit(X, masks)
    assert segmenter.score(X, masks) == pytest.approx(segmenter.score(X[1:], masks[1:]))
    rule = PlugInSegmenter(FrozenEstimator(segmenter)).fit(X, masks)
    assert rule.score(X, masks) == pytest.approx(rule.score(X[1:], masks[1:]))
    with pytest.raises(ValueError, match="leave no image to score"):
        segmenter.score(X[:1], masks[:1])


def test_it_is_no_class():
    segmenter = DVNSegmenter(ignore_label=255, **QUICK).fit(X, hidden(Y))
    assert segmenter.classes_.tolist() == [0, 1]
    assert set(np.unique(segmenter.predict(X))) <= {0, 1}
    names = np.array(["meadow", "animal"])[Y]
    names = np.where(HIDDEN, "?", names)
    named = DVNSegmenter(ignore_label="?", **QUICK).fit(X, names)
    assert named.classes_.tolist() == ["animal", "meadow"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("oracle", ["iou", "f1", "accuracy", "mean_iou"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_count_what_is_known(oracle, n_classes):
    masks = Y + (n_classes == 3) * (np.arange(16)[:, None] > 9) * Y
    params = {**QUICK, "oracle": oracle, "ignore_label": 255}
    segmenter = DVNSegmenter(**params).fit(X, hidden(masks))
    predicted = segmenter.predict(X)
    found = oracle_values(segmenter, hidden(masks), predicted)
    cut = segmenter.set_params(ignore_label=None)
    expected = oracle_values(
        cut, [mask[:, 5:] for mask in masks], [mask[:, 5:] for mask in predicted]
    )
    np.testing.assert_allclose(found, expected)
    assert segmenter.score(X, hidden(masks)) == pytest.approx(expected.mean())


def test_tuples_agree_with_the_truth_where_it_is_not_known():
    segmenter = DVNSegmenter(
        ignore_label=255, tuples=Mixture({"stratified": 1, "ground_truth": 1}), **QUICK
    )
    assert segmenter.fit(X, hidden(Y)).predict(X).shape == Y.shape


def test_losses_are_means_over_known_pixels(uniform):
    network = UNet(3, 1, 4, 2).double()
    logits, y = uniform(2, 1, 4, 4), uniform(2, 1, 4, 4, seed=1).round()
    known = torch.ones(2, 1, 4, 4)
    known[0, :, :2] = 0
    known[1] = 0
    found = network.guess_losses(logits, y, known)
    expected = network.guess_losses(logits[:1, :, 2:], y[:1, :, 2:])
    torch.testing.assert_close(found, torch.stack([expected[0], found.new_zeros(())]))


def test_several_classes_are_encoded_with_what_is_known():
    masks = np.array([[[0, 1], [2, 9]]])
    (encoded,) = MaskTargets(masks, ignore_label=9).encode(masks)
    assert encoded.tolist() == [
        [[1, 0], [0, 1]],  # what is not known counts as the first class
        [[0, 1], [0, 0]],
        [[0, 0], [1, 0]],
        [[1, 1], [1, 0]],
    ]


def test_nothing_else_is_left():
    with pytest.raises(ValueError, match="hold nothing but ignore_label=255"):
        DVNSegmenter(ignore_label=255, **QUICK).fit(X, np.full_like(Y, 255))
    with pytest.raises(ValueError, match="only the class 0"):
        DVNSegmenter(ignore_label=1, **QUICK).fit(X, Y)


def test_the_plug_in_rule_scores_what_is_known():
    rule = PlugInSegmenter(
        UNetSegmenter(4, ignore_label=255, max_iter=2, random_state=0)
    )
    rule.fit(X, hidden(Y))
    predicted = rule.predict(X)
    both = (predicted & Y)[:, :, 5:].sum((1, 2))
    either = (predicted | Y)[:, :, 5:].sum((1, 2))
    assert rule.score(X, hidden(Y)) == pytest.approx((both / either).mean())


@pytest.mark.parametrize("init", ["mean", UNetSegmenter(4, max_iter=1)])
def test_starts_of_other_models_know_it(init):
    segmenter = DVNSegmenter(ignore_label=255, init=init, **QUICK)
    assert segmenter.fit(X, hidden(Y)).predict(X).shape == Y.shape


def test_early_stopping_and_warm_starts_know_it():
    segmenter = DVNSegmenter(
        ignore_label=255, early_stopping=True, warm_start=True, **QUICK
    )
    segmenter.fit(X, hidden(Y)).fit(X, hidden(Y))
    assert 0 < segmenter.validation_score_ < 1
    segmenter.partial_fit(X, hidden(Y))
