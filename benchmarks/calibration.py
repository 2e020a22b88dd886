"""How far predicted values are off, before and after calibration.

::

    python benchmarks/calibration.py --data DIR --rows bibtex weizmann --json out.json

DIR holds the folders ``bibtex`` and ``weizmann_horse``. The maps are fitted to training
rows that were held out (Bibtex in 3 folds, of the Weizmann horses one fifth; in the row
"frozen" the network itself has not seen one fifth of Bibtex), both maps to the same
values, and all figures are of the test rows. For each row and map:

``error``
    the expected calibration error, ten bins of as many examples each;
``predicted``, ``true``, ``r``
    mean predicted and true value, and their correlation;
``20%`` ... ``100%``
    mean true value of the examples of the highest predicted value, by the share kept;
``area``
    the mean of that over all shares.

The row "ideal" has the true values in place of the predicted ones.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ShuffleSplit
from weizmann import SIZE
from weizmann import split as split_of_horses

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import load_bibtex, load_weizmann_horses
from skdvn.metrics import (
    new_map,
    risk_coverage_curve,
    value_calibration_error,
    value_pairs,
)

SHARES = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


def bibtex(folder, seed):
    """The estimator, its splits, and training and test rows."""
    parts = (
        load_bibtex(folder, subset=part, return_X_y=True) for part in ("train", "test")
    )
    return DVNMultiLabelClassifier(random_state=seed), 3, *parts


def weizmann(folder, seed):
    """The same of the horses, split as in ``benchmarks/weizmann.py``."""
    horses = load_weizmann_horses(folder, size=SIZE)
    cv = ShuffleSplit(1, test_size=0.2, random_state=seed)
    return DVNSegmenter(random_state=seed), cv, *split_of_horses(horses, 0, False)


def frozen(folder, seed):
    """Bibtex without another fit: calibrated on rows that the network has not seen."""
    estimator, _, (X, Y), test = bibtex(folder, seed)
    parts = ShuffleSplit(1, test_size=0.2, random_state=seed).split(X)
    rows, held_out = next(parts)
    fitted = FrozenEstimator(estimator.fit(X[rows], Y[rows]))
    return fitted, None, (X[held_out], Y[held_out]), test


ROWS = {"bibtex": bibtex, "frozen": frozen, "weizmann": weizmann}


def judge(true, predicted):
    """All figures of some values."""
    _, kept_value = risk_coverage_curve(true, predicted)
    return {
        "error": value_calibration_error(true, predicted),
        "predicted": predicted.mean(),
        "true": true.mean(),
        "r": np.corrcoef(predicted, true)[0, 1],
        **{
            f"{share:.0%}": kept_value[round(share * len(true)) - 1] for share in SHARES
        },
        "area": kept_value.mean(),
    }


def measure(clf, train, test):
    """Seconds of all fits, and figures of each map on the test rows."""
    start = perf_counter()
    clf.fit(*train)
    seconds = perf_counter() - start
    true, raw = value_pairs(clf.estimator_, *test)
    values = {"none": raw}
    for method in ("isotonic", "sigmoid"):
        calibrator = new_map(method).fit(clf.values_pred_, clf.values_true_)
        values[method] = calibrator.predict(raw)
    values["ideal"] = true
    return seconds, {name: judge(true, found) for name, found in values.items()}


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", nargs="+", default=["bibtex"], choices=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file to write the rows to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in args.rows:
        estimator, cv, train, test = ROWS[name](args.data, args.seed)
        clf = CalibratedValueCV(estimator, cv=cv)
        seconds, found = measure(clf, train, test)
        print(
            f"{name}, all fits {seconds:.0f} s; held out: predicted "
            f"{clf.values_pred_.mean():.4f}, true {clf.values_true_.mean():.4f}"
        )
        print(f"{'map':9}", *(f"{key:>9}" for key in found["none"]))
        for method, figures in found.items():
            print(f"{method:9}", *(f"{value:9.4f}" for value in figures.values()))
            rows.append({"row": name, "map": method, "fit_s": seconds, **figures})
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
