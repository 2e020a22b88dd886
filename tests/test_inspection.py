"""Tests of the displays: what they compute and draw, and what they refuse."""

import itertools
import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from skdvn import (  # noqa: E402
    CalibratedValueCV,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    LabelNet,
)
from skdvn.baselines import UNetSegmenter  # noqa: E402
from skdvn.datasets import load_digit_attributes, make_silhouettes  # noqa: E402
from skdvn.inspection import (  # noqa: E402
    LabelPairsDisplay,
    MeanImageDisplay,
    RiskCoverageDisplay,
    ValueCalibrationDisplay,
)
from skdvn.metrics import (  # noqa: E402
    value_bins,
    value_calibration_error,
    value_pairs,
)

DIGITS = load_digit_attributes(noise=6)
X, X_TEST = DIGITS.data[:500], DIGITS.data[500:]
Y, Y_TEST = DIGITS.target[:500], DIGITS.target[500:]
IMAGES, MASKS = make_silhouettes(30, size=16, random_state=0)
QUICK = {
    "hidden_layer_sizes": (16,),
    "step_size": 0.5,
    "n_steps": 20,
    "network": "linear",
    "learning_rate_init": 0.3,
    "alpha": 5e-3,
    "max_iter": 10,
    "refit": True,
    "random_state": 0,
}
OF_VALUES = pytest.mark.parametrize(
    "display", [RiskCoverageDisplay, ValueCalibrationDisplay]
)


def make(**params):
    return DVNMultiLabelClassifier(**(QUICK | params))


@pytest.fixture(scope="module")
def dvn():
    return make().fit(X, Y)


@pytest.fixture(scope="module")
def segmenter():
    params = {"n_channels": 8, "batch_size": 10, "random_state": 0}
    return DVNSegmenter(**params, max_iter=15).fit(IMAGES, MASKS)


@pytest.fixture(autouse=True)
def figures_closed():
    yield
    plt.close("all")


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# -- values ---------------------------------------------------------------------------


def test_risk_coverage_of_an_estimator(dvn):
    display = RiskCoverageDisplay.from_estimator(dvn, X_TEST, Y_TEST)
    true, pred = value_pairs(dvn, X_TEST, Y_TEST)
    assert display.kept_value[-1] == pytest.approx(dvn.score(X_TEST, Y_TEST))
    surest = np.argsort(-pred)[:100]
    assert display.kept_value[99] == pytest.approx(true[surest].mean(), abs=1e-3)
    assert display.area == pytest.approx(display.kept_value.mean())
    assert display.random_area == pytest.approx(true.mean())
    assert display.random_area < display.ideal_area <= 1
    assert display.area < display.ideal_area
    x, y = display.line_.get_data()
    np.testing.assert_array_equal(x, np.arange(1, len(true) + 1) / len(true))
    np.testing.assert_array_equal(y, display.kept_value)
    np.testing.assert_array_equal(display.ideal_line_.get_ydata(), display.ideal_value)
    assert any(
        f"DVNMultiLabelClassifier (area {display.area:.3f})" in one
        for one in legend(display)
    )


def test_risk_coverage_by_hand():
    display = RiskCoverageDisplay.from_predictions([0, 1, 0.5], [0.2, 0.1, 0.9])
    np.testing.assert_allclose(display.kept_value, [0.5, 0.25, 0.5])
    np.testing.assert_allclose(display.ideal_value, [1, 0.75, 0.5])
    assert display.area == pytest.approx(1.25 / 3)
    assert display.ideal_area == pytest.approx(0.75)


def test_value_calibration_of_an_estimator(dvn):
    options = {"n_bins": 7, "strategy": "uniform"}
    display = ValueCalibrationDisplay.from_estimator(dvn, X_TEST, Y_TEST, **options)
    pair = value_pairs(dvn, X_TEST, Y_TEST)
    np.testing.assert_array_equal(
        display.points_.get_offsets(), np.column_stack(pair[::-1])
    )
    bin_true, bin_pred, _ = value_bins(*pair, **options)
    np.testing.assert_array_equal(display.line_.get_data(), [bin_pred, bin_true])
    assert display.error == value_calibration_error(*pair, **options)
    assert any(f"(error {display.error:.3f})" in one for one in legend(display))


@OF_VALUES
def test_several_on_the_same_axes(display, dvn):
    calibrated = CalibratedValueCV(FrozenEstimator(dvn)).fit(X_TEST[:300], Y_TEST[:300])
    ax = Figure().subplots()
    for estimator in (dvn, calibrated):
        found = display.from_estimator(
            estimator, X_TEST[300:], Y_TEST[300:], ax=ax, color="red", linestyle=":"
        )
        assert found.ax_ is ax and found.figure_ is ax.figure
        assert found.line_.get_color() == "red"
    names = legend(found)
    assert len(set(names)) == len(names)  # reference lines are drawn once
    assert any(name.startswith("CalibratedValueCV") for name in names)
    assert not plt.get_fignums()


@pytest.mark.one_in(2)
@OF_VALUES
def test_images_and_names(display, segmenter):
    found = display.from_estimator(segmenter, list(IMAGES), list(MASKS), name="horses")
    assert any(name.startswith("horses (") for name in legend(found))
    found = found.plot(name="anew")
    assert any(name.startswith("anew (") for name in legend(found))
    assert found.figure_.axes == [found.ax_]


@OF_VALUES
def test_values_are_checked(display):
    with pytest.raises(ValueError, match=r"values_pred must hold numbers in \[0, 1\]"):
        display.from_predictions([0, 1], [0, 2])


# -- pairs of labels ------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"network": LabelNet(n_global_units=(4, 3), activation="tanh")},
        {"n_networks": 2},
        {"n_networks": 2, "network": LabelNet(n_global_units=(4, 3))},
    ],
)
def test_interactions_are_those_of_the_score(params):
    """The local term is linear in y: second differences are those of the global one."""
    clf = make(max_iter=2, **params).fit(X, Y)
    display = LabelPairsDisplay.from_estimator(clf)
    network, x = clf.network_, clf.codec_.inputs(X[:1]).take(slice(None))

    @torch.no_grad()
    def score(*labels):
        y = torch.zeros(1, 10, dtype=x.dtype, device=x.device)
        y[0, list(labels)] = 1
        return network.score(network.encode(x), y).item()

    for i, j in itertools.combinations(range(10), 2):
        expected = score(i, j) - score(i) - score(j) + score()
        assert display.interactions[i, j] == pytest.approx(expected, abs=2e-5)
    np.testing.assert_array_equal(display.interactions, display.interactions.T)
    assert not display.interactions.diagonal().any()
    assert np.abs(display.interactions).max() > 1e-3


def test_pairs_drawn_are_the_strongest():
    interactions = np.zeros((4, 4))
    for (i, j), worth in {(0, 1): 2, (2, 3): 1, (0, 3): -3, (1, 2): 0.5}.items():
        interactions[i, j] = interactions[j, i] = worth
    display = LabelPairsDisplay(interactions, list("abcd"), n_pairs=2).plot()
    assert display.attracted.tolist() == [[0, 1], [2, 3]]
    assert display.repelled.tolist() == [[0, 3]]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["a + b", "c + d", "a + d"]
    assert [bar.get_width() for bar in display.bars_] == [2, 1, -3]


def test_learned_pairs_are_those_of_the_data(dvn):
    """Labels that occur together more than others do attract each other more."""
    display = LabelPairsDisplay.from_estimator(dvn, DIGITS.target_names, n_pairs=3)
    together = np.corrcoef(Y.T)
    attracted, repelled = (
        together[tuple(pairs.T)].mean()
        for pairs in (display.attracted, display.repelled)
    )
    assert attracted > repelled + 0.2


def test_names_of_labels(dvn):
    digits = np.array([f"digit {d}" for d in DIGITS.digit])
    classes = make(max_iter=2).fit(X, digits[:500])
    names = [f"digit {d}" for d in range(10)]
    assert LabelPairsDisplay.from_estimator(classes).label_names == names
    display = LabelPairsDisplay.from_estimator(FrozenEstimator(dvn))
    assert display.label_names == [f"label {i}" for i in range(10)]
    with pytest.raises(ValueError, match="label_names must hold 10 names.*got 3"):
        LabelPairsDisplay.from_estimator(dvn, ["a", "b", "c"])


def test_pairs_need_a_global_term(segmenter):
    without = make(network=LabelNet(n_global_units=0), max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match="no global term.*a positive n_global_units"):
        LabelPairsDisplay.from_estimator(without)
    with pytest.raises(ValueError, match="DVNSegmenter is a GuessNetwork"):
        LabelPairsDisplay.from_estimator(segmenter)
    with pytest.raises(NotFittedError):
        LabelPairsDisplay.from_estimator(make())


def test_pairs_of_a_calibrated_estimator(dvn):
    calibrated = CalibratedValueCV(FrozenEstimator(dvn)).fit(X_TEST, Y_TEST)
    np.testing.assert_array_equal(
        LabelPairsDisplay.from_estimator(calibrated).interactions,
        LabelPairsDisplay.from_estimator(dvn).interactions,
    )


# -- mean images ----------------------------------------------------------------------


def test_mean_image_and_masks(segmenter):
    display = MeanImageDisplay.from_estimator(
        segmenter, IMAGES, MASKS, n_noisy=3, random_state=0
    )
    np.testing.assert_allclose(display.mean_mask, MASKS.mean(0))
    mean = IMAGES.astype(float).mean(0)
    np.testing.assert_allclose(display.mean_image, mean)
    found = segmenter.predict_proba(mean[np.newaxis])[0, 1]
    np.testing.assert_allclose(display.mask, found, atol=1e-5)
    assert display.noisy_masks.shape == (3, 16, 16)
    assert display.noisy_masks.std(axis=0).max() > 0.01
    assert len(display.images_) == 6
    again = MeanImageDisplay.from_estimator(
        segmenter, list(IMAGES), list(MASKS), n_noisy=3, random_state=0
    )
    np.testing.assert_allclose(again.noisy_masks, display.noisy_masks)


def test_mean_image_without_noise(segmenter):
    display = MeanImageDisplay.from_estimator(segmenter, IMAGES, MASKS, noise=0)
    for mask in display.noisy_masks:
        np.testing.assert_allclose(mask, display.mask, atol=1e-5)
    alone = MeanImageDisplay.from_estimator(segmenter, IMAGES, MASKS, n_noisy=0)
    assert len(alone.images_) == 3


def test_mean_of_grey_images_and_named_classes():
    names = np.array(["0 ground", "animal"])[MASKS]
    grey = IMAGES.mean(axis=3)
    clf = UNetSegmenter(n_channels=8, max_iter=2, random_state=0)
    calibrated = clf.fit(grey, names)
    ax = Figure().subplots()
    display = MeanImageDisplay.from_estimator(calibrated, grey, names, ax=ax)
    np.testing.assert_allclose(display.mean_mask, MASKS.mean(0))
    assert display.ax_ is ax and display.mean_image.shape == (16, 16)


def test_what_has_no_mean_image_is_refused(segmenter):
    sizes = [IMAGES[0], IMAGES[1][:12]]
    with pytest.raises(ValueError, match="X must hold .* of one size.*got 2 sizes"):
        MeanImageDisplay.from_estimator(segmenter, sizes, [MASKS[0], MASKS[1][:12]])
    with pytest.raises(ValueError, match="noise must be a non-negative number, got -1"):
        MeanImageDisplay.from_estimator(segmenter, IMAGES, MASKS, noise=-1)
    with pytest.raises(NotFittedError):
        MeanImageDisplay.from_estimator(DVNSegmenter(), IMAGES, MASKS)


# -- matplotlib -----------------------------------------------------------------------


def test_without_matplotlib_the_remedy_is_named(monkeypatch, dvn, segmenter):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in (
        lambda: RiskCoverageDisplay.from_predictions([0, 1], [0, 1]),
        lambda: ValueCalibrationDisplay.from_estimator(dvn, X, Y),
        lambda: LabelPairsDisplay.from_estimator(dvn),
        lambda: MeanImageDisplay.from_estimator(segmenter, IMAGES, MASKS),
        lambda: LabelPairsDisplay(np.zeros((2, 2)), ["a", "b"]).plot(),
    ):
        with pytest.raises(ImportError, match=r"pip install skdvn\[plot\]"):
            call()
