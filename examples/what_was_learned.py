"""Look at what Deep Value Networks have learned: pairs of labels, shapes of masks.

Two figures. The first shows which labels the network attracts to each other, and which
it keeps apart, on attributes of handwritten digits. The second shows the masks that a
segmenter finds where there is nothing to find, in the mean image of made-up silhouettes
(figure 5 of the paper). With ``--data FOLDER`` the data are Bibtex and the Weizmann
horses, read from that folder.
"""

import argparse
import os

import numpy as np
from scipy.special import logit

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import (
    load_bibtex,
    load_digit_attributes,
    load_weizmann_horses,
    make_silhouettes,
)
from skdvn.inspection import LabelPairsDisplay, MeanImageDisplay

SEED, N_IMAGES, N_ROWS = 0, 200, 200


def load_labels(folder):
    """Name of the data set, rows, labels and their names."""
    if folder:
        data = load_bibtex(folder)
        names = [name.removeprefix("TAG_") for name in data.target_names]
        return "Bibtex", data.data, data.target, names
    data = load_digit_attributes(noise=6)
    names = [name.replace("_", " ") for name in data.target_names]
    return "Digit attributes", data.data, data.target, names


def load_images(folder):
    """Name of the data set, images and masks."""
    if folder:
        X, Y = load_weizmann_horses(folder, return_X_y=True)
        order = np.random.RandomState(SEED).permutation(len(X))[:N_IMAGES]
        return "Weizmann horses", X[order], Y[order]
    return "Silhouettes", *make_silhouettes(N_IMAGES, random_state=SEED)


def worth_of_single_labels(clf, X, n_labels):
    """What each label alone adds to the logit of each row's value."""
    nothing = logit(clf.predict_value(X, np.zeros((X.shape[0], n_labels))))
    for label in np.eye(n_labels):
        one = np.tile(label, (X.shape[0], 1))
        yield logit(clf.predict_value(X, one)) - nothing


def show_pairs(folder, path):
    """Fit to labels, draw the pairs, and print how much they matter."""
    title, X, Y, names = load_labels(folder)
    clf = DVNMultiLabelClassifier(random_state=SEED).fit(X, Y)
    display = LabelPairsDisplay.from_estimator(clf, names, n_pairs=8)
    display.figure_.suptitle(f"{title}: pairs that attract and repel", weight="bold")
    display.figure_.savefig(path, dpi=150)
    print(f"{title}, pairs, drawn in {path}:")
    for kind in ("attracted", "repelled"):
        pairs = (" + ".join(names[i] for i in one) for one in getattr(display, kind))
        print(f"  {kind}: {', '.join(list(pairs)[:3])}")
    alone = np.abs(list(worth_of_single_labels(clf, X[:N_ROWS], len(names))))
    strongest = np.abs(display.interactions).max()
    print(
        f"  The strongest pair is worth {strongest:.2g} logits, a single label "
        f"{alone.mean():.2g} on average."
    )
    if strongest < 0.01 * alone.mean():
        print("  So the pairs do not matter: all was learned by way of the inputs.")


def show_shapes(folder, path, max_iter):
    """Fit to images, and draw the masks found in their mean."""
    title, X, Y = load_images(folder)
    clf = DVNSegmenter(max_iter=max_iter, random_state=SEED).fit(X, Y)
    display = MeanImageDisplay.from_estimator(clf, X, Y, random_state=SEED)
    display.figure_.savefig(path, dpi=150)
    print(f"{title}, masks found in the mean image, drawn in {path}")


def main():
    """Fit and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with real data; default: $SKDVN_DATA")
    parser.add_argument("--max-iter", type=int, default=60, help="epochs on images")
    parser.add_argument("--figures", default="learned", help="start of the file names")
    args = parser.parse_args()
    folder = args.data or os.environ.get("SKDVN_DATA")
    show_pairs(folder, f"{args.figures}_pairs.png")
    show_shapes(folder, f"{args.figures}_shapes.png", args.max_iter)


if __name__ == "__main__":
    main()
