"""Segment animals with a Deep Value Network, and look at how it gets there.

Without arguments the images are made-up silhouettes, which need no download; with
``--data FOLDER`` they are the Weizmann horses, read from that folder. Three figures:
the ascent (figure 1 of the paper), masks beside those of a fully convolutional network
(figure 3), and what the network believes of its masks beside what is true.
"""

import argparse
import os
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure

from skdvn import DVNSegmenter
from skdvn.baselines import FCNSegmenter
from skdvn.datasets import load_weizmann_horses, make_silhouettes
from skdvn.metrics import relaxed_iou_score

SEED, N_TRAIN, SHOWN = 0, 200, 4
STEPS = 0, 1, 2, 3, 5, 10


def load(folder):
    """Name of the data, then images and masks to train and to test on."""
    if folder:
        X, Y = load_weizmann_horses(folder, return_X_y=True)
        order = np.random.RandomState(SEED).permutation(len(X))
        X, Y, name = X[order], Y[order], "Weizmann horses"
    else:
        X, Y = make_silhouettes(N_TRAIN + 100, random_state=SEED)
        name = "Silhouettes"
    return name, X[:N_TRAIN], Y[:N_TRAIN], X[N_TRAIN:], Y[N_TRAIN:]


def ious(truth, predicted):
    """IOU of each image."""
    pairs = zip(truth, predicted, strict=True)
    return np.array([relaxed_iou_score(y[None], p[None]) for y, p in pairs])


def fit(name, model, X, Y, X_test, Y_test):
    """Fit, predict, print; the masks."""
    began = perf_counter()
    model.fit(X, Y)
    fitted = perf_counter()
    predicted = model.predict(X_test)
    done = perf_counter()
    print(
        f"{name:24} mean IOU {ious(Y_test, predicted).mean():.3f}, fit "
        f"{fitted - began:.0f} s, predict {done - fitted:.2f} s",
        flush=True,
    )
    return predicted


def grid(n_rows, titles):
    """A figure of small images, one title per column."""
    fig = Figure(figsize=(1.25 * len(titles), 1.3 * n_rows + 0.3), layout="constrained")
    axes = fig.subplots(n_rows, len(titles), squeeze=False)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    return fig, axes


def show_mask(ax, mask, note=""):
    """A mask in black and white, with a note below."""
    ax.imshow(mask, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xlabel(note, fontsize=8)


def draw_ascent(path, dvn, X, Y):
    """Relaxed masks on the way up from nothing, beside image and truth (figure 1)."""
    guess = dvn.init
    dvn.set_params(init="zeros")  # acts at the next prediction
    stages = [np.zeros(Y.shape), *(p[:, 1] for p in dvn.staged_predict_proba(X))]
    dvn.set_params(init=guess)
    steps = [n for n in STEPS if n < len(stages)]
    fig, axes = grid(len(X), ["image", *(f"step {n}" for n in steps), "truth"])
    for i, row in enumerate(axes):
        row[0].imshow(X[i])
        for ax, n in zip(row[1:], steps, strict=False):
            rounded = (stages[n][i : i + 1] >= 0.5).astype(int)
            show_mask(ax, stages[n][i], f"IOU {ious(Y[i : i + 1], rounded)[0]:.2f}")
        show_mask(row[-1], Y[i])
    fig.savefig(path, dpi=150)


def draw_masks(path, X, Y, masks):
    """Input, truth and the masks of each model: best, typical and worst images."""
    by_iou = np.argsort(-ious(Y, masks["DVN"]))
    chosen = by_iou[np.linspace(0, len(by_iou) - 1, SHOWN + 2).astype(int)]
    fig, axes = grid(len(chosen), ["image", "truth", *masks])
    for i, row in zip(chosen, axes, strict=True):
        row[0].imshow(X[i])
        show_mask(row[1], Y[i])
        for ax, mask in zip(row[2:], masks.values(), strict=True):
            show_mask(ax, mask[i], f"IOU {ious(Y[i : i + 1], mask[i : i + 1])[0]:.2f}")
    fig.savefig(path, dpi=150)


def draw_values(path, believed, true):
    """Predicted against true IOU, and the IOU of the images it is surest of."""
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    r = np.corrcoef(believed, true)[0, 1]
    left.plot([0, 1], [0, 1], color="0.7", lw=1)
    left.scatter(believed, true, s=12, alpha=0.7)
    low = min(believed.min(), true.min()) - 0.05
    left.set(xlim=(low, 1), ylim=(low, 1), title=f"Each test image (r = {r:.2f})")
    left.set(xlabel="predicted IOU (value)", ylabel="true IOU")
    kept = np.arange(1, len(true) + 1)
    for order, label in (
        (np.argsort(-believed), "highest value first"),
        (np.argsort(-true), "truly best first"),
    ):
        right.plot(kept / len(true), np.cumsum(true[order]) / kept, label=label)
    right.axhline(true.mean(), color="0.7", lw=1)
    right.set(xlabel="share of images kept", ylabel="their mean IOU")
    right.set_title("Risk and coverage")
    right.legend()
    fig.savefig(path, dpi=150)


def main():
    """Fit, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the horses; default: $SKDVN_DATA")
    parser.add_argument("--max-iter", type=int, default=60, help="epochs")
    parser.add_argument("--figures", default="horses", help="start of the file names")
    args = parser.parse_args()
    name, X, Y, X_test, Y_test = load(args.data or os.environ.get("SKDVN_DATA"))
    print(f"{name}: {len(X)} training images, {len(X_test)} test images")
    parts = X, Y, X_test, Y_test
    models = {
        "FCN": FCNSegmenter(max_iter=args.max_iter, random_state=SEED),
        "DVN": DVNSegmenter(max_iter=args.max_iter, random_state=SEED),
    }
    masks = {title: fit(title, model, *parts) for title, model in models.items()}
    dvn = models["DVN"]
    believed, true = dvn.predict_value(X_test), ious(Y_test, masks["DVN"])
    print(f"Predicted IOU {believed.mean():.3f}, true {true.mean():.3f}")
    draw_ascent(f"{args.figures}_ascent.png", dvn, X_test[:SHOWN], Y_test[:SHOWN])
    draw_masks(f"{args.figures}_masks.png", X_test, Y_test, masks)
    draw_values(f"{args.figures}_values.png", believed, true)
    print(f"Figures: {args.figures}_ascent.png, ..._masks.png, ..._values.png")


if __name__ == "__main__":
    main()
