"""
==============================================
A Deep Value Network beside what one would use
==============================================

Labels and masks of real handwriting, the digits that scikit-learn ships: two Deep Value
Networks, what one would use instead, and how far their own estimates can be trusted. It
takes less than a minute on one core, and ends in one figure, ``demo.png``.
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.baselines import (
    FeedForwardClassifier,
    PlugInClassifier,
    PlugInSegmenter,
    ThresholdClassifier,
    UNetSegmenter,
)
from skdvn.datasets import load_digit_attributes
from skdvn.inspection import RiskCoverageDisplay, ValueCalibrationDisplay
from skdvn.metrics import oracle_values, value_pairs

# %%
# Each table has the mean score on test pictures, its difference from that of the Deep
# Value Network (DVN) with a standard error, and seconds of one processor.


def compare(models, X_train, Y_train, X_test, Y_test, score):
    """Fit models, print a table, and return their scores of each test picture."""
    scores, first = {}, next(iter(models.values()))
    for name, model in models.items():
        began = process_time()
        model.fit(X_train, Y_train)
        fitted = process_time()
        found = model.predict(X_test)
        done = process_time()
        if model is first:  # its progress bar is above the table
            print(
                f"{'':23}{score:>6}{'minus the DVN':>17}{'fit, s':>8}{'predict, s':>12}"
            )
        own = scores[name] = oracle_values(first, Y_test, found)
        gaps = own - next(iter(scores.values()))
        gap = f"{gaps.mean():+.3f} ± {gaps.std() / len(gaps) ** 0.5:.3f}"
        print(
            f"{name:23}{own.mean():6.3f}{gap if gaps.any() else '':>17}"
            f"{fitted - began:8.1f}{done - fitted:12.2f}",
            flush=True,
        )
    return scores


# %%
# Labels
# ------
# 1,797 noisy pictures of digits, and ten labels of each: even, prime, has a closed
# loop, and so on. The score is the F1 of each picture's labels.
#
# The Deep Value Network needs no scaler, no threshold and no settings. Beside it stand
# classifiers that give each label a probability. Which labels these predict is up to a
# rule: those above one half; those above a threshold that is tuned by cross-validation;
# or, the *plug-in rule*, those with the highest expected F1, given the probabilities.

data = load_digit_attributes(noise=6)
X_train, X_test, Y_train, Y_test, _, digits_of_test = train_test_split(
    data.data, data.target, data.digit, test_size=0.3, random_state=0
)
one_vs_rest = OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=1000))
logistic = make_pipeline(StandardScaler(), one_vs_rest)
trees = ExtraTreesClassifier(200, min_samples_leaf=2, random_state=0)
labeler = DVNMultiLabelClassifier(random_state=0)
models = {
    "Deep Value Network": labeler,
    "feed-forward, plug-in": PlugInClassifier(FeedForwardClassifier(random_state=0)),
    "extra trees, plug-in": PlugInClassifier(trees),
    "extra trees, tuned": ThresholdClassifier(trees, cv=3),
    "logistic, plug-in": PlugInClassifier(logistic),
    "logistic, tuned": ThresholdClassifier(logistic, cv=3),
    "logistic, one half": ThresholdClassifier(logistic, threshold=0.5),
}
print(f"Labels: {len(X_train)} training pictures, {len(X_test)} test pictures")
f1 = compare(models, X_train, Y_train, X_test, Y_test, "F1")

# %%
# A difference of less than two standard errors says nothing. So the feed-forward
# network with the plug-in rule is level here; :doc:`/benchmarks` has more data sets.
#
# The Deep Value Network also says how good it expects each answer to be. Here its
# values are two points too high on average, and they tell which answers to keep: those
# of the highest values are far better than the others, which may go to a person.

true, value = value_pairs(labeler, X_test, Y_test)
order = np.argsort(-value, kind="stable")
print(f"Labels: expected F1 {value.mean():.3f}, true {true.mean():.3f}, ", end="")
print(f"of the half with the higher values {true[order[: len(order) // 2]].mean():.3f}")

# %%
# Masks
# -----
# Four digits at a time, under noise: which pixels are ink? The score is the
# intersection over union (IOU) of the ink found and the true ink. The Deep Value
# Network is a U-Net with a value on top. Beside it stands the same U-Net alone, whose
# pixels are ink above one half, or by the plug-in rule for the IOU. (The rule takes the
# U-Net of the row above as it is, so that its seconds come on top of those.)


class GreyThreshold(BaseEstimator):
    """What is as dark as some grey value is ink; the value is that of the best IOU."""

    def fit(self, pictures, masks):
        def iou_at(grey):
            found = pictures >= grey
            return (found & (masks == 1)).sum() / (found | (masks == 1)).sum()

        self.grey_ = max(np.unique(pictures.round()), key=iou_at)
        return self

    def predict(self, pictures):
        return (pictures >= self.grey_).astype(int)


# %%
# Twenty epochs are enough to look at. Pen strokes are a pixel wide, and would blur if
# the training pictures were turned at random, which ``augmentation=0`` prevents.

clean = load_digits().images[:1796].reshape(449, 2, 2, 8, 8)
clean = clean.swapaxes(2, 3).reshape(449, 16, 16)
ink = (clean >= 8).astype(int)
noisy = clean + np.random.default_rng(0).normal(scale=4, size=clean.shape)
train, test = slice(250), slice(250, None)

small = {"n_channels": 8, "augmentation": 0, "max_iter": 20, "random_state": 0}
segmenter, unet = DVNSegmenter(**small), UNetSegmenter(**small)
models = {
    "Deep Value Network": segmenter,
    "U-Net, one half": unet,
    "U-Net, plug-in": PlugInSegmenter(FrozenEstimator(unet)),
    "grey value, tuned": GreyThreshold(),
}
try:
    from sklearn.callback import ProgressBar
except ImportError:
    print("Progress bars need scikit-learn 1.9 or newer.")
else:
    segmenter.set_callbacks(ProgressBar())
print(f"Masks: {len(noisy[train])} training pictures, {len(noisy[test])} test pictures")
iou = compare(models, noisy[train], ink[train], noisy[test], ink[test], "IOU")

# %%
# The rule finds nearly the same masks, as it maximises what the ascent climbs: where a
# rule is known, the ascent adds nothing to it (:doc:`/guide/when_not`).
#
# Even after so short a training the values of masks are near the true ones.

own, expected = value_pairs(segmenter, noisy[test], ink[test])
print(f"Masks: expected IOU {expected.mean():.3f}, true {own.mean():.3f}")

# %%
# The figure
# ----------
# Labels above, masks below. Each row has the answers on the left, those to three test
# pictures of the highest, the middle and the lowest value, and a mask that grows from
# nothing; the scores with two standard errors in the middle; and on the right what
# values are good for.

BLUE, GREY, RED = "tab:blue", "0.55", "tab:red"


def draw_answer(picture, text, row):
    """A test picture, and the labels found, those that are wrong or missed in red."""
    picture.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    expected = f"F1 expected {value[row]:.2f}\ntrue {true[row]:.2f}"
    picture.set(title=f"noisy {digits_of_test[row]}", xlabel=expected)
    picture.set(xticks=[], yticks=[])
    text.axis("off")
    found, truth = labeler.predict(X_test[[row]])[0], Y_test[row]
    for line, label in enumerate(np.flatnonzero(found | truth)):
        name, right = data.target_names[label], found[label] == truth[label]
        remark = "" if right else " (wrong)" if found[label] else " (missed)"
        place = {"x": 0.5, "y": 1 - 0.16 * line, "ha": "center", "va": "top"}
        text.text(
            s=name.replace("_", " ") + remark, color="k" if right else RED, **place
        )


def draw_growth(axes, picture, truth):
    """A noisy picture, relaxed masks after some steps of an ascent, and the truth."""
    segmenter.set_params(init="zeros", step_size=0.1, n_steps=20)
    masks = [mask[0, 1] for mask in segmenter.staged_predict_relaxed(picture[None])]
    segmenter.set_params(init="auto", step_size=0.5, n_steps=10)
    shown = {"noisy picture": picture.clip(0)}
    shown |= {f"after step {step}": masks[step - 1] for step in (1, 4, 8, 20)}
    shown["true ink"] = truth
    for ax, (title, panel) in zip(axes.flat, shown.items(), strict=True):
        ax.imshow(panel, cmap="gray_r", vmin=0, vmax=max(1, panel.max()))
        ax.set(title=title, xticks=[], yticks=[])


def draw_scores(ax, scores, label):
    """Mean scores with two standard errors, that of the Deep Value Network first."""
    for place, own in enumerate(scores.values()):
        colour, error = GREY if place else BLUE, 2 * own.std() / len(own) ** 0.5
        ax.errorbar(own.mean(), place, xerr=error, fmt="o", color=colour, capsize=3)
    ax.set_yticks(range(len(scores)), list(scores))
    ax.set(ylim=(len(scores) - 0.5, -0.5), xlabel=f"{label} ± two standard errors")
    ax.set_title("beside the alternatives")
    ax.grid(axis="x", alpha=0.4)


plt.rcParams.update({"font.size": 12, "axes.titlesize": 12, "legend.fontsize": 11})
figure = plt.figure(figsize=(15, 8.4), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1.2, 1), hspace=0.03)
above.suptitle("Labels: ten attributes of a noisy digit", weight="bold")
below.suptitle("Masks: the ink of four noisy digits", weight="bold")

left, middle, right = above.subfigures(1, 3, width_ratios=(1.35, 1.1, 1))
parts = left.subplots(2, 3, height_ratios=(1.2, 1)).T
for (picture, text), row in zip(parts, order[[0, len(order) // 2, -1]], strict=True):
    draw_answer(picture, text, row)
draw_scores(middle.subplots(), f1, "F1")
ax = right.subplots()
RiskCoverageDisplay.from_predictions(true, value, ax=ax)
ax.set(xlabel="share of the answers kept", ylabel="F1 of those kept")
ax.set_title("keep the most certain answers")

left, middle, right = below.subfigures(1, 3, width_ratios=(1.35, 1.1, 1))
draw_growth(left.subplots(2, 3), noisy[test][129], ink[test][129])
draw_scores(middle.subplots(), iou, "IOU")
ax = right.subplots()
ValueCalibrationDisplay.from_predictions(own, expected, name="masks", ax=ax)
ax.set(xlabel="expected IOU", ylabel="true IOU")
ax.set_title("take values at their word")

figure.savefig("demo.png", dpi=100)
print("Figure: demo.png")
plt.show()
