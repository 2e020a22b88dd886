"""Train a Deep Value Network, compare it with what else one would use, draw its ascent.

Without arguments the data are attributes of handwritten digits, which scikit-learn
ships; with ``--data FOLDER`` they are Bibtex, read from that folder.
"""

import argparse
import os
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier, ThresholdClassifier
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.metrics import relaxed_f1_score

SEED = 0
MOST_LABELS = 10  # in the figure


def load(folder):
    """Names of the data set and of its labels, a scaler, and train and test parts."""
    if folder:
        train, test = (load_bibtex(folder, subset=part) for part in ("train", "test"))
        parts = train.data, test.data, train.target, test.target
        tags = [name.removeprefix("TAG_") for name in train.target_names]
        return "Bibtex", tags, TfidfTransformer(), parts
    digits = load_digit_attributes(noise=6)
    parts = train_test_split(
        digits.data, digits.target, test_size=0.3, random_state=SEED
    )
    names = [name.replace("_", " ") for name in digits.target_names]
    return "Digit attributes", names, StandardScaler(), parts


def make_models(scaler):
    """The Deep Value Network with its defaults, and three rules on one-vs-rest."""
    one_vs_rest = OneVsRestClassifier(LogisticRegression(C=3, max_iter=1000))
    logistic = make_pipeline(scaler, one_vs_rest)
    return {
        "Deep Value Network": with_progress(DVNMultiLabelClassifier(random_state=SEED)),
        "Logistic regression, threshold 0.5": ThresholdClassifier(
            logistic, threshold=0.5
        ),
        "Logistic regression, tuned threshold": ThresholdClassifier(logistic, cv=3),
        "Logistic regression, expected-F1 rule": PlugInClassifier(logistic),
    }


def with_progress(model):
    """Show a progress bar where scikit-learn (1.9 and newer) and rich can draw it."""
    try:
        from sklearn.callback import ProgressBar

        return model.set_callbacks(ProgressBar())
    except ImportError:
        return model.set_params(verbose=True)


def compare(models, X_train, X_test, Y_train, Y_test):
    """Fit every model; one row of results each."""
    rows = []
    for name, model in models.items():
        began = perf_counter()
        model.fit(X_train, Y_train)
        fitted = perf_counter()
        Y_pred = model.predict(X_test)
        done = perf_counter()
        f1 = relaxed_f1_score(Y_test, Y_pred)
        rows.append((name, f1, fitted - began, done - fitted))
    return rows


def print_table(rows):
    """Example-averaged F1 on the test rows, and seconds."""
    print(f"\n{'':38}{'example F1':>12}{'fit, s':>10}{'predict, s':>12}")
    for name, f1, fit_time, predict_time in rows:
        print(f"{name:38}{f1:12.3f}{fit_time:10.2f}{predict_time:12.3f}")


def print_values(dvn, X, Y):
    """What the network believes of its predictions, and what is true."""
    believed = dvn.predict_value(X)
    pairs = zip(Y, dvn.predict(X), strict=True)
    true = [relaxed_f1_score([truth], [predicted]) for truth, predicted in pairs]
    print(
        "\nThe network's own estimate of its F1 on the test rows: mean "
        f"{believed.mean():.3f} (true {np.mean(true):.3f}), "
        f"correlation with the true F1 {np.corrcoef(believed, true)[0, 1]:.2f}."
    )


def climb(dvn, X, Y):
    """Relaxed labels, mean value and mean F1 after each of twice the chosen steps."""
    chosen = dvn.n_steps_
    dvn.set_params(n_steps=2 * chosen)  # acts at the next prediction
    relaxed = np.stack(list(dvn.staged_predict_proba(X)))
    values = [dvn.predict_value(X, y).mean() for y in relaxed]
    f1 = [relaxed_f1_score(Y, y) for y in dvn.staged_predict(X)]
    dvn.set_params(n_steps="auto")
    return chosen, relaxed, values, f1


def draw(path, data_name, label_names, Y, ascent, row):
    """Save the figure: the mean over the test rows, and the labels of one of them."""
    chosen, relaxed, values, f1 = ascent
    fig = Figure(figsize=(11, 4.2), layout="constrained")
    axes = fig.subplots(1, 2, width_ratios=(1, 1.15))
    fig.suptitle(f"{data_name}: prediction by gradient ascent", weight="bold")
    draw_curves(axes[0], values, f1)
    draw_labels(axes[1], label_names, Y[row], relaxed[:, row])
    axes[0].set_ylabel("mean over the test rows")
    axes[1].set_title("Relaxed labels of one test row (bold: true labels)")
    for ax in axes:
        ax.set_xlabel(f"ascent step (dashed: {chosen}, chosen in fit)")
        ax.axvline(chosen, color="0.35", lw=1.2, ls="--")
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.savefig(path, dpi=150)


def draw_curves(ax, values, f1):
    """What the network believes on the way, and what is true."""
    steps = np.arange(1, len(values) + 1)
    curves = ("predicted value", values, "tab:blue"), ("true F1", f1, "tab:orange")
    for name, curve, color in curves:
        ax.plot(steps, curve, color=color, lw=2.5)
        ax.annotate(
            name,
            (steps[-1], curve[-1]),
            xytext=(0, -16),
            textcoords="offset points",
            ha="right",
            color=color,
            weight="bold",
        )
    ax.set(xlim=(1, steps[-1]), ylim=(0, 1), title="The network climbs its own value")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.3)


def draw_labels(ax, names, truth, relaxed):
    """True labels and those that came closest to be predicted, step by step."""
    order = np.lexsort((-relaxed.max(axis=0), -truth))[:MOST_LABELS]
    image = ax.imshow(
        relaxed[:, order].T,
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, len(relaxed) + 0.5, len(order) - 0.5, -0.5),
    )
    ax.set_yticks(range(len(order)), [names[i] for i in order])
    for tick, i in zip(ax.get_yticklabels(), order, strict=True):
        tick.set_fontweight("bold" if truth[i] else "normal")
        tick.set_color("black" if truth[i] else "0.45")
    ax.axhline(truth[order].sum() - 0.5, color="0.35", lw=0.8)
    ax.figure.colorbar(image, ax=ax, label="relaxed label", pad=0.02)


def main():
    """Compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with Bibtex; default: $SKDVN_DATA")
    parser.add_argument("--figure", default="demo_ascent.png", help="where to draw")
    parser.add_argument("--row", type=int, default=0, help="test row to draw")
    args = parser.parse_args()

    name, label_names, scaler, parts = load(args.data or os.environ.get("SKDVN_DATA"))
    _, X_test, Y_train, Y_test = parts
    print(
        f"{name}: {len(Y_train)} train rows, {len(Y_test)} test rows, "
        f"{X_test.shape[1]} features, {len(label_names)} labels"
    )
    models = make_models(scaler)
    print_table(compare(models, *parts))
    dvn = models["Deep Value Network"]
    print_values(dvn, X_test, Y_test)
    ascent = climb(dvn, X_test, Y_test)
    draw(args.figure, name, label_names, Y_test, ascent, args.row)
    print(f"The ascent is drawn in {args.figure}.")


if __name__ == "__main__":
    main()
