"""Tests of the displays of ascents, trainings and masks."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from skdvn import (  # noqa: E402
    Ascent,
    CalibratedValueCV,
    Crops,
    DVNMultiLabelClassifier,
    DVNSegmenter,
)
from skdvn.baselines import UNetSegmenter  # noqa: E402
from skdvn.datasets import load_digit_attributes, make_silhouettes  # noqa: E402
from skdvn.inspection import (  # noqa: E402
    AscentPathDisplay,
    NStepsDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
)
from skdvn.metrics import (  # noqa: E402
    oracle_values,
    relaxed_f1_score,
    value_pairs,
)

DIGITS = load_digit_attributes(noise=6)
X, X_TEST = DIGITS.data[:300], DIGITS.data[300:400]
Y, Y_TEST = DIGITS.target[:300], DIGITS.target[300:400]
IMAGES, PARTS = make_silhouettes(16, size=16, parts=True, random_state=0)
MASKS = (PARTS > 0).astype(int)
N_STEPS = 12
QUICK = {
    "hidden_layer_sizes": (16,),
    "step_size": 0.5,
    "n_steps": N_STEPS,
    "network": "linear",
    "learning_rate_init": 0.3,
    "alpha": 5e-3,
    "max_iter": 5,
    "random_state": 0,
}
SMALL = {
    **{"n_channels": 4, "batch_size": 10, "random_state": 0},
    **{"n_steps": 4, "max_iter": 5, "precision": "single"},
}


@pytest.fixture(scope="module")
def dvn():
    return DVNMultiLabelClassifier(**QUICK).fit(X, Y)


@pytest.fixture(scope="module")
def segmenter():
    return DVNSegmenter(**SMALL).fit(IMAGES, MASKS)


@pytest.fixture(scope="module")
def segmenter_of_parts():
    return DVNSegmenter(**SMALL).fit(IMAGES, PARTS)


@pytest.fixture(scope="module")
def calibrated(dvn):
    return CalibratedValueCV(FrozenEstimator(dvn), method="sigmoid").fit(X, Y)


@pytest.fixture(autouse=True)
def figures_closed():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def y_of(line):
    return np.asarray(line.get_ydata())


# -- the ascent of single examples ----------------------------------------------------


def test_path_of_labels(dvn):
    display = AscentPathDisplay.from_estimator(
        dvn, X_TEST[:3], Y_TEST[:3], label_names=DIGITS.target_names, max_labels=4
    )
    stages = [np.zeros((3, 10)), *dvn.staged_predict_relaxed(X_TEST[:3])]
    assert display.axes_.shape == (3, 2)
    for i, line in enumerate(display.lines_):
        expected = [dvn.predict_value(X_TEST[:3], y)[i] for y in stages]
        np.testing.assert_allclose(y_of(line), expected, atol=1e-5)
        expected = [relaxed_f1_score(Y_TEST[i : i + 1], y[i : i + 1]) for y in stages]
        np.testing.assert_allclose(y_of(display.true_lines_[i]), expected, atol=1e-4)
        ax, image = display.axes_[i, 1], display.images_[i]
        names = [tick.get_text() for tick in ax.get_yticklabels()]
        shown = [DIGITS.target_names.index(name) for name in names]
        assert len(shown) == 4 and image.get_array().shape == (4, N_STEPS + 1)
        relaxed = np.stack(stages)[:, i, shown]
        np.testing.assert_allclose(image.get_array(), relaxed.T, atol=1e-5)
        bold = [tick.get_fontweight() == "bold" for tick in ax.get_yticklabels()]
        assert bold == Y_TEST[i, shown].astype(bool).tolist()
        assert bold == sorted(bold, reverse=True)


def test_a_longer_path_goes_on_and_shows_where_predict_stops(dvn):
    display = AscentPathDisplay.from_estimator(dvn, X_TEST[:2], n_steps=20)
    assert display.true_lines_ == [] and dvn.n_steps == N_STEPS
    short = AscentPathDisplay.from_estimator(dvn, X_TEST[:2])
    longer = y_of(display.lines_[0])
    assert len(longer) == 21
    np.testing.assert_allclose(longer[: N_STEPS + 1], y_of(short.lines_[0]), atol=1e-6)
    assert f"predict stops ({N_STEPS} steps)" in legend(display.axes_[0, 0])
    assert not any("stops" in name for name in legend(short.axes_[0, 0]))


def test_path_of_classes_has_their_names():
    y = np.array(["even", "odd"])[DIGITS.data[:150].sum(1).astype(int) % 2]
    clf = DVNMultiLabelClassifier(**QUICK).fit(X[:150], y)
    display = AscentPathDisplay.from_estimator(clf, X[:1], y[:1])
    names = [tick.get_text() for tick in display.axes_[0, 1].get_yticklabels()]
    assert set(names) == {"even", "odd"} and names[0] == y[0]


def test_path_of_masks(segmenter):
    display = AscentPathDisplay.from_estimator(segmenter, IMAGES[:2], MASKS[:2])
    assert display.axes_.shape == (1, 1) and not display.images_
    relaxed = [p[:, 1] for p in segmenter.staged_predict_relaxed(IMAGES[:2])]
    for i, line in enumerate(display.lines_):
        expected = [segmenter.predict_value(IMAGES[:2], y)[i] for y in relaxed]
        np.testing.assert_allclose(y_of(line)[1:], expected, atol=1e-5)
        assert len(y_of(display.true_lines_[i])) == SMALL["n_steps"] + 1
    with pytest.raises(ValueError, match="kind='labels' needs relaxed labels"):
        display.plot(kind="labels")


def test_path_of_crops_averaged_and_of_other_sizes(segmenter):
    wide = np.pad(IMAGES[0], ((0, 0), (0, 8), (0, 0)), mode="edge")
    clf = segmenter._draft().set_params(crops=Crops(aggregation="average"))
    display = AscentPathDisplay.from_estimator(clf, [wide, IMAGES[1]])
    expected = [
        clf.predict_value([wide, IMAGES[1]], [y[1] for y in relaxed])
        for relaxed in clf.staged_predict_relaxed([wide, IMAGES[1]])
    ]
    np.testing.assert_allclose(display.values_pred[1:], expected, atol=1e-5)


def test_paths_on_the_same_axes(dvn, calibrated):
    ax = Figure().subplots()
    plain, mapped = (
        AscentPathDisplay.from_estimator(
            one, X_TEST[:1], Y_TEST[:1], kind="values", ax=ax, names=[name]
        )
        for name, one in {"plain": dvn, "mapped": calibrated}.items()
    )
    assert plain.axes_[0, 0] is ax and mapped.figure_ is ax.figure
    raw = y_of(plain.lines_[0])
    expected = calibrated.calibrator_.predict(raw)
    np.testing.assert_allclose(y_of(mapped.lines_[0]), expected, atol=1e-6)
    names = legend(ax)
    assert names == ["predicted value", "true value", "plain", "mapped"]
    assert plain.lines_[0].get_color() != mapped.lines_[0].get_color()
    assert plain.lines_[0].get_color() == plain.true_lines_[0].get_color()
    assert not plt.get_fignums()


def test_one_axes_makes_place_for_several(dvn):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1])
    display = AscentPathDisplay.from_estimator(dvn, X_TEST[:2], ax=right)
    assert display.axes_.shape == (2, 2) and len(left.lines) == 1
    again = display.plot(ax=display.axes_)
    assert again.axes_[1, 1] in figure.axes
    with pytest.raises(ValueError, match="pass those of the display, ax=disp"):
        display.plot(ax=right)
    with pytest.raises(ValueError, match="ax must be None, .* or 2 x 2 Axes, got 3"):
        display.plot(ax=list(display.axes_.flat)[:3])


def test_paths_of_ones_own():
    display = AscentPathDisplay.from_predictions([0.1, 0.5], [0.2, 0.3], names=["a"])
    np.testing.assert_array_equal(y_of(display.lines_[0]), [0.1, 0.5])
    np.testing.assert_array_equal(y_of(display.true_lines_[0]), [0.2, 0.3])
    two = AscentPathDisplay.from_predictions([[0.1, 0.2], [0.5, 0.6]], color="k")
    assert [y_of(line).tolist() for line in two.lines_] == [[0.1, 0.5], [0.2, 0.6]]
    assert {line.get_color() for line in two.lines_} == {"k"}


def test_wrong_paths_are_refused(dvn):
    draw = AscentPathDisplay.from_predictions
    with pytest.raises(ValueError, match=r"values_pred must hold numbers in \[0, 1\]"):
        draw([0.1, 1.2])
    with pytest.raises(ValueError, match=r"values_true must have the shape of values_"):
        draw([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="names must hold 1 names, .* got 0"):
        draw([0.1], names=[])
    draw = AscentPathDisplay.from_estimator
    with pytest.raises(ValueError, match="kind must be None or one of .* got 'both!'"):
        draw(dvn, X_TEST[:1], kind="both!")
    with pytest.raises(ValueError, match="label_names must hold 10 names"):
        draw(dvn, X_TEST[:1], label_names=["a"])
    with pytest.raises(ValueError, match="'n_steps' parameter .* Got 0"):
        draw(dvn, X_TEST[:1], n_steps=0)
    with pytest.raises(NotFittedError):
        draw(DVNMultiLabelClassifier(), X_TEST[:1])


@pytest.mark.parametrize("display", [AscentPathDisplay, NStepsDisplay])
def test_what_does_not_climb_is_refused(display):
    unet = UNetSegmenter(n_channels=4, max_iter=1).fit(IMAGES, MASKS)
    with pytest.raises(TypeError, match="must predict by an ascent.* UNetSegmenter"):
        display.from_estimator(unet, IMAGES, MASKS)


# -- the number of steps --------------------------------------------------------------


def test_means_by_step_are_those_of_predictions(dvn):
    display = NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST)
    assert len(y_of(display.line_)) == 2 * N_STEPS + 1 and dvn.n_steps == N_STEPS
    assert display.mark_.get_xdata() == [N_STEPS]
    score = dvn.score(X_TEST, Y_TEST)
    assert y_of(display.mark_)[0] == pytest.approx(score, abs=1e-6)
    longer = dvn._draft().set_params(n_steps=2 * N_STEPS)
    for step, predicted in enumerate(longer.staged_predict(X_TEST), start=1):
        true = oracle_values(dvn, Y_TEST, predicted).mean()
        assert y_of(display.line_)[step] == pytest.approx(true, abs=1e-6)
        believed = dvn.predict_value(X_TEST, predicted).mean()
        assert y_of(display.pred_line_)[step] == pytest.approx(believed, abs=1e-5)


def test_means_by_step_do_not_depend_on_the_parts(dvn, monkeypatch):
    whole = NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST)
    monkeypatch.setattr("skdvn.inspection._ascents.rows_at_once", lambda n: 7)
    parts = NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST)
    np.testing.assert_allclose(parts.values_true, whole.values_true, atol=1e-6)
    np.testing.assert_allclose(parts.values_pred, whole.values_pred, atol=1e-5)


def test_means_by_step_end_where_noisy_prediction_does(dvn, monkeypatch):
    monkeypatch.setattr("skdvn.inspection._ascents.rows_at_once", lambda n: 7)
    noisy = dvn._draft().set_params(ascent=Ascent(noise=0.3))
    display = NStepsDisplay.from_estimator(noisy, X_TEST, Y_TEST)
    true, pred = value_pairs(noisy, X_TEST, Y_TEST)
    np.testing.assert_allclose(display.values_true[N_STEPS], true, atol=1e-6)
    np.testing.assert_allclose(display.values_pred[N_STEPS], pred, atol=1e-5)


@pytest.mark.parametrize("kind", ["masks", "parts"])
def test_means_by_step_of_masks(kind, segmenter, segmenter_of_parts):
    clf, y = {
        "masks": (segmenter, MASKS),
        "parts": (segmenter_of_parts, PARTS),
    }[kind]
    display = NStepsDisplay.from_estimator(clf, list(IMAGES), list(y))
    n_steps = SMALL["n_steps"]  # steps fall in size, so it goes no further
    assert len(y_of(display.line_)) == n_steps + 1
    assert y_of(display.mark_)[0] == pytest.approx(clf.score(IMAGES, y), abs=1e-6)
    true, pred = value_pairs(clf, IMAGES, y)
    np.testing.assert_allclose(display.values_pred[-1], pred, atol=1e-5)
    np.testing.assert_allclose(display.values_true[-1], true, atol=1e-6)
    other = NStepsDisplay.from_estimator(clf, IMAGES, y, n_steps=2)
    assert other.mark_ is None and len(other.mean_true) == 3


def test_several_numbers_of_steps_on_the_same_axes(dvn, calibrated):
    ax = Figure().subplots()
    first = NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST, ax=ax)
    second = NStepsDisplay.from_estimator(calibrated, X_TEST, Y_TEST, ax=ax, name="cal")
    assert first.ax_ is second.ax_ is ax and len(set(legend(ax))) == 6
    assert first.line_.get_color() == first.pred_line_.get_color()
    assert first.line_.get_color() != second.line_.get_color()
    np.testing.assert_array_equal(first.mean_true, second.mean_true)
    _, pred = value_pairs(calibrated, X_TEST, Y_TEST)
    assert second.mean_pred[N_STEPS] == pytest.approx(pred.mean(), abs=1e-5)


def test_means_of_ones_own():
    display = NStepsDisplay.from_predictions(
        [[0, 1], [0.5, 1]], [[0, 0], [0.2, 0.4]], n_steps=1, name="mine", color="red"
    )
    np.testing.assert_allclose(y_of(display.line_), [0.5, 0.75])
    np.testing.assert_allclose(y_of(display.pred_line_), [0, 0.3])
    assert display.line_.get_color() == display.pred_line_.get_color() == "red"
    assert legend(display.ax_)[-1] == "mine: predict takes 1 steps"
    with pytest.raises(ValueError, match="values_pred must have the shape of val"):
        NStepsDisplay.from_predictions([0.1], [0.1, 0.2])


# -- training -------------------------------------------------------------------------


def groups(display):
    """Labels that the legend gives to lines, and how many lines share their style."""
    found = {}
    for line in display.loss_lines_:
        style = line.get_color(), line.get_linewidth()
        found.setdefault(style, []).append(line)
    return {lines[0].get_label(): len(lines) for lines in found.values()}


def test_history_of_one_training(segmenter):
    display = TrainingHistoryDisplay.from_estimator(segmenter)
    (line,) = display.loss_lines_
    losses = [entry["loss"] for entry in segmenter.history_]
    np.testing.assert_array_equal(line.get_data(), [[1, 2, 3, 4, 5], losses])
    assert display.axes_.shape == (1, 1) and display.score_lines_ == []
    assert display.axes_[0, 0].get_legend() is None
    calibrated = CalibratedValueCV(FrozenEstimator(segmenter)).fit(IMAGES, MASKS)
    display = TrainingHistoryDisplay.from_estimator(calibrated, name="mine")
    assert y_of(display.loss_lines_[0]).tolist() == losses
    assert legend(display.axes_[0, 0]) == ["mine"]


def test_history_of_settings_splits_and_final_trainings():
    params = {**QUICK, "learning_rate_init": "auto", "alpha": "auto", "max_iter": 2}
    clf = DVNMultiLabelClassifier(**params, refit=False, validation_fraction=0.25)
    display = TrainingHistoryDisplay.from_estimator(clf.fit(X, Y))
    found = groups(display)
    assert sorted(found.values()) == [2, 2, 4]
    names = [f"setting {k + 1}, on {n} splits" for k, n in enumerate(found.values())]
    assert list(found) == legend(display.axes_[0, 0]) == names

    clf.set_params(refit=True, n_networks=2, learning_rate_init=0.3, alpha=1e-3)
    clf.set_params(early_stopping=True)
    display = TrainingHistoryDisplay.from_estimator(clf.fit(X, Y))
    assert groups(display) == {"on 1 split": 1, "on all rows": 2}
    thin, *thick = (line.get_linewidth() for line in display.loss_lines_)
    assert all(thin < width for width in thick)
    assert display.axes_.shape == (2, 1) and len(display.score_lines_) == 1
    scores = [e["validation_score"] for e in clf.history_ if "validation_score" in e]
    assert y_of(display.score_lines_[0]).tolist() == scores


def test_history_of_partial_fit():
    clf = DVNMultiLabelClassifier(**QUICK, n_networks=2)
    for _ in range(3):
        clf.partial_fit(X[:100], Y[:100])
    display = TrainingHistoryDisplay.from_estimator(clf)
    losses = [entry["loss"] for entry in clf.history_]
    assert [y_of(line).tolist() for line in display.loss_lines_] == [
        losses[::2],
        losses[1::2],
    ]


def test_histories_on_the_same_axes():
    history = [
        {"epoch": i, "loss": 1 / i, "validation_score": i / 9} for i in (1, 2, 3)
    ]
    first = TrainingHistoryDisplay.from_history(history, name="one")
    second = TrainingHistoryDisplay.from_history(history, name="two", ax=first.axes_)
    assert legend(first.axes_[0, 0]) == ["one", "two"]
    assert second.loss_lines_[0].get_color() == second.score_lines_[0].get_color()
    assert second.loss_lines_[0].get_color() != first.loss_lines_[0].get_color()


def test_what_is_no_history_is_refused():
    with pytest.raises(ValueError, match="at least one entry, got none"):
        TrainingHistoryDisplay.from_history([])
    with pytest.raises(ValueError, match=r"history\[1\] must hold 'epoch' and 'loss'"):
        TrainingHistoryDisplay.from_history([{"epoch": 1, "loss": 2}, {"epoch": 2}])
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(DVNSegmenter())


# -- masks ----------------------------------------------------------------------------


def titles(display):
    return [ax.get_title().replace("\n", " ") for ax in display.axes_[0]]


def notes(display, column):
    return [ax.get_xlabel() for ax in display.axes_[:, column]]


def test_masks_of_two_classes(segmenter):
    display = SegmentationDisplay.from_estimator(
        segmenter, IMAGES[:3], MASKS[:3], steps=(0, 2), relaxed=True
    )
    expected = ["image", "truth", "step 0", "step 2", "relaxed", "prediction"]
    assert titles(display) == expected and display.legend_ is None
    np.testing.assert_allclose(display.images_[0, 0].get_array(), IMAGES[0] / 255)
    predicted, shares = (
        segmenter.predict(IMAGES[:3]),
        list(segmenter.staged_predict_relaxed(IMAGES[:3])),
    )
    start = segmenter._draft().set_params(n_steps=0).predict_relaxed(IMAGES[:3])
    for i in range(3):
        shown = [image.get_array()[..., 0] for image in display.images_[i]]
        np.testing.assert_array_equal(shown[1], MASKS[i])
        np.testing.assert_allclose(shown[2], start[i, 1], atol=1e-5)
        np.testing.assert_allclose(shown[3], shares[1][i, 1], atol=1e-5)
        np.testing.assert_allclose(shown[4], shares[-1][i, 1], atol=1e-5)
        np.testing.assert_array_equal(shown[5], predicted[i])
    true = oracle_values(segmenter, MASKS[:3], predicted)
    believed = segmenter.predict_value(IMAGES[:3], predicted)
    assert notes(display, 5) == [
        f"IOU {v:.2f}\nexpected {w:.2f}" for v, w in zip(true, believed, strict=True)
    ]
    early = oracle_values(segmenter, MASKS[:3], (shares[1][:, 1] >= 0.5).astype(int))
    assert notes(display, 3) == [f"IOU {value:.2f}" for value in early]
    assert notes(display, 1) == [""] * 3


def test_masks_of_more_classes(segmenter_of_parts):
    names = ["ground", "trunk", "head", "legs"]
    display = SegmentationDisplay.from_estimator(
        segmenter_of_parts, list(IMAGES[:2]), list(PARTS[:2]), class_names=names
    )
    assert [text.get_text() for text in display.legend_.get_texts()] == names
    keys = [patch.get_facecolor()[:3] for patch in display.legend_.get_patches()]
    assert len(set(keys)) == 4
    for column, mask in ((1, PARTS[0]), (2, segmenter_of_parts.predict(IMAGES[:1])[0])):
        shown = display.images_[0, column].get_array()
        np.testing.assert_allclose(shown, np.array(keys)[mask])
    assert all(note.startswith("accuracy ") for note in notes(display, 2))


def test_masks_without_truth_of_other_segmenters():
    names = np.array(["ground", "animal"])
    unet = UNetSegmenter(n_channels=4, max_iter=1, random_state=0)
    unet.fit(IMAGES.mean(axis=3), names[MASKS])
    display = SegmentationDisplay.from_estimator(unet, IMAGES[:2].mean(axis=3))
    assert titles(display) == ["image", "prediction"]
    assert notes(display, 1) == ["", ""]
    with pytest.raises(TypeError, match=r"steps=\[0\] needs .* UNetSegmenter allows"):
        SegmentationDisplay.from_estimator(unet, IMAGES[:2].mean(axis=3), steps=[0])


def test_masks_with_calibrated_values(segmenter):
    calibrated = CalibratedValueCV(FrozenEstimator(segmenter)).fit(IMAGES, MASKS)
    display = SegmentationDisplay.from_estimator(calibrated, IMAGES[:2])
    values = calibrated.predict_value(IMAGES[:2])
    assert notes(display, 1) == [f"expected {value:.2f}" for value in values]


def test_masks_of_several_models():
    wrong = 1 - MASKS[:2]
    display = SegmentationDisplay.from_predictions(
        IMAGES[:2], MASKS[:2], {"right": MASKS[:2], "all the wrong way": wrong}
    )
    assert titles(display) == ["image", "truth", "right", "all the wrong way"]
    assert notes(display, 2) == ["IOU 1.00"] * 2
    assert notes(display, 3) == ["IOU 0.00"] * 2
    half = np.where(np.arange(16) < 8, MASKS[:2], wrong)
    display = SegmentationDisplay.from_predictions(
        list(IMAGES[:2]), list(MASKS[:2]), list(half), oracle="accuracy"
    )
    assert notes(display, 2) == ["accuracy 0.50"] * 2
    display = SegmentationDisplay.from_predictions(IMAGES[:2], None, MASKS[:2])
    assert titles(display) == ["image", "prediction"]


def test_masks_in_a_figure_of_ones_own(segmenter):
    figure = Figure()
    axes = figure.subplots(2, 3)
    display = SegmentationDisplay.from_estimator(
        segmenter, IMAGES[:2], MASKS[:2], ax=axes, interpolation="bilinear"
    )
    assert (display.axes_ == axes).all() and display.figure_ is figure
    assert display.images_[1, 2].get_interpolation() == "bilinear"
    assert not plt.get_fignums()


def test_wrong_masks_are_refused(segmenter, dvn):
    draw = SegmentationDisplay.from_estimator
    with pytest.raises(TypeError, match="must be a segmenter .* got DVNMultiLabel"):
        draw(dvn, IMAGES)
    with pytest.raises(ValueError, match="steps must hold numbers from 0 to 4.* 5"):
        draw(segmenter, IMAGES[:1], steps=[5])
    with pytest.raises(ValueError, match=r"class_names must hold 2 names.* got 3"):
        draw(segmenter, IMAGES[:1], class_names="abc")
    with pytest.raises(ValueError, match=r"X has 2 image\(s\) and y has 1 mask"):
        draw(segmenter, IMAGES[:2], MASKS[:1])
    with pytest.raises(NotFittedError):
        draw(DVNSegmenter(), IMAGES[:1])
    draw = SegmentationDisplay.from_predictions
    with pytest.raises(ValueError, match=r"y_pred\['b'\]\[0\] has height and width"):
        draw(IMAGES[:1], MASKS[:1], {"a": MASKS[:1], "b": MASKS[:1, :8]})
    with pytest.raises(ValueError, match="Unknown oracle 'iuo'.*Did you mean 'iou'"):
        draw(IMAGES[:1], MASKS[:1], MASKS[:1], oracle="iuo")


# -- texts ----------------------------------------------------------------------------


@pytest.mark.slow
def test_no_text_is_cut_off(dvn, segmenter_of_parts):
    long_names = [f"label number {i} of a long name" for i in range(10)]
    history = [{"epoch": 1, "loss": 1, "validation_score": 1}]
    many_classes = np.arange(256).reshape(1, 16, 16) // 22
    displays = [
        AscentPathDisplay.from_estimator(dvn, X[:2], Y[:2], label_names=long_names),
        AscentPathDisplay.from_estimator(dvn, X[:3], Y[:3], kind="values"),
        NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST),
        TrainingHistoryDisplay.from_history(history, name="a long name of a model"),
        SegmentationDisplay.from_estimator(
            *(segmenter_of_parts, IMAGES[:1], PARTS[:1]),
            steps=range(3),
            class_names=long_names[:4],
        ),
        SegmentationDisplay.from_predictions(
            *(IMAGES[:1], many_classes, {"a long name of a model": many_classes}),
            class_names=[f"class {i}" for i in range(12)],
        ),
    ]
    for display in displays:
        display.figure_.canvas.draw()
        width, height = display.figure_.bbox.size
        for text in display.figure_.findobj(matplotlib.text.Text):
            box = text.get_window_extent()
            if text.get_visible() and text.get_text() and text.axes is not None:
                assert box.x0 >= 0 and box.x1 <= width, text
                assert box.y0 >= 0 and box.y1 <= height, text


# -- matplotlib -----------------------------------------------------------------------


def test_without_matplotlib_the_remedy_is_named(monkeypatch, dvn, segmenter):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in (
        lambda: AscentPathDisplay.from_estimator(dvn, X_TEST[:1]),
        lambda: AscentPathDisplay.from_predictions([0, 1]),
        lambda: NStepsDisplay.from_estimator(dvn, X_TEST, Y_TEST),
        lambda: NStepsDisplay.from_predictions([0, 1], [0, 1]),
        lambda: TrainingHistoryDisplay.from_estimator(dvn),
        lambda: TrainingHistoryDisplay.from_history([{"epoch": 1, "loss": 1}]),
        lambda: TrainingHistoryDisplay([{"epoch": 1, "loss": 1}]).plot(),
        lambda: SegmentationDisplay.from_estimator(segmenter, IMAGES[:1]),
        lambda: SegmentationDisplay.from_predictions(IMAGES[:1], None, MASKS[:1]),
    ):
        with pytest.raises(ImportError, match=r"pip install skdvn\[plot\]"):
            call()
