"""Send the least certain predictions to a person: calibrated values, risk and coverage.

A Deep Value Network says how good it expects each of its predictions to be. Its own
values are too high; calibrated on held-out rows they can be taken at their word, and a
person who has time for a tenth of the predictions gets those of the lowest value.

Without arguments the data are attributes of handwritten digits, which scikit-learn
ships; with ``--data FOLDER`` they are Bibtex, read from that folder.
"""

import argparse
import os

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import ShuffleSplit, train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.calibration import CalibratedValueCV, value_pairs
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.inspection import RiskCoverageDisplay, ValueCalibrationDisplay
from skdvn.metrics import value_calibration_error

SEED = 0


def load(folder):
    """Name of the data set, then train and test parts."""
    if folder:
        train, test = (load_bibtex(folder, subset=part) for part in ("train", "test"))
        return "Bibtex", train.data, test.data, train.target, test.target
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    parts = train_test_split(X, Y, test_size=0.3, random_state=SEED)
    return "Digit attributes", *parts


def print_values(name, true, predicted):
    """How far the predicted values are off."""
    print(
        f"{name:20} predicted F1 {predicted.mean():.3f}, true {true.mean():.3f}, "
        f"calibration error {value_calibration_error(true, predicted):.3f}"
    )


def print_selection(true, predicted, share):
    """Scores of the predictions kept and of those sent to a person."""
    n_sent = round(share * len(true))
    sent, kept = np.split(np.argsort(predicted, kind="stable"), [n_sent])
    print(
        f"\nA person gets the {n_sent} rows of the lowest values, up to "
        f"{predicted[sent].max():.3f}.\n"
        f"True F1 of all rows {true.mean():.3f}, of those sent "
        f"{true[sent].mean():.3f}, of those kept {true[kept].mean():.3f}."
    )
    kept = np.argsort(true)[n_sent:]
    print(f"With the truly worst sent, those kept would have {true[kept].mean():.3f}.")


def draw(path, title, pairs):
    """Both displays side by side."""
    fig = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = fig.subplots(1, 2)
    fig.suptitle(f"{title}: the network's own estimate of its F1", weight="bold")
    for name, pair in pairs.items():
        ValueCalibrationDisplay.from_predictions(*pair, name=name, ax=left)
    RiskCoverageDisplay.from_predictions(*pairs["calibrated"], ax=right)
    left.set_title("Each test row, and means of ten bins")
    right.set_title("What keeping the surest gains")
    left.set(xlabel="predicted F1", ylabel="true F1")
    right.set_ylabel("mean true F1 of those kept")
    fig.savefig(path, dpi=150)


def main():
    """Fit, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with Bibtex; default: $SKDVN_DATA")
    parser.add_argument("--sent", type=float, default=0.1, help="share for a person")
    parser.add_argument("--figure", default="selective_prediction.png")
    args = parser.parse_args()
    data = load(args.data or os.environ.get("SKDVN_DATA"))
    name, X_train, X_test, Y_train, Y_test = data
    print(f"{name}: {len(Y_train)} training rows, {len(Y_test)} test rows")

    # A second fit, on 70% of the rows, shows how far values are off on the others.
    clf = CalibratedValueCV(
        DVNMultiLabelClassifier(random_state=SEED),
        method="sigmoid",
        cv=ShuffleSplit(1, test_size=0.3, random_state=SEED),
    ).fit(X_train, Y_train)

    pairs = {
        "as the network says": value_pairs(clf.estimator_, X_test, Y_test),
        "calibrated": value_pairs(clf, X_test, Y_test),
    }
    for title, pair in pairs.items():
        print_values(title, *pair)
    print_selection(*pairs["calibrated"], args.sent)
    draw(args.figure, name, pairs)
    print(f"Drawn in {args.figure}.")


if __name__ == "__main__":
    main()
