"""Thousands of labels: time and memory of fit and predict, and an easy way to fail.

Each row is measured in a process of its own, with sparse inputs and labels. "epoch" is
a fit of one epoch with all settings fixed, "default" the default estimator, "joint lr"
the logistic regression among its experts, fitted once and not cross-fitted, with the
plug-in rule; "dvn" and the other logistic regressions are run on made-up data in the
shape of Delicious::

    python benchmarks/large.py --rows epoch --labels 1000 3000 10000 --json large.json
    python benchmarks/large.py --rows dvn "paper's ascent" lr "lr tf-idf"
    python benchmarks/large.py --rows dvn "paper's ascent" --cardinality 60

Memory is the greatest resident size in MiB after data, fit and predict, beyond that of
the imports.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from problems import DELICIOUS, large_shape, make_large_problem
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from speed import peak_so_far

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier, plug_in_labels
from skdvn.data import batches_of
from skdvn.estimators import LogisticExpert
from skdvn.estimators.input_views import InputView
from skdvn.metrics import relaxed_f1_score

LINEAR = {"network": "linear", "step_size": 0.5, "n_steps": 20}


def logistic_regression(C=1.0):
    """One-vs-rest, and the plug-in rule."""
    one_vs_rest = OneVsRestClassifier(LogisticRegression(C=C, solver="liblinear"))
    return PlugInClassifier(one_vs_rest)


class JointLogisticRegression(LogisticExpert):
    """One fit to all rows, as a classifier, with the plug-in rule."""

    def _fit(self, X, Y, weight):
        self.view_ = InputView().fit(X, weight)
        seen = self.view_.transform(X)
        (C,) = self._candidates(seen, Y)
        self.coef_, self.intercept_ = self._regressions(seen, Y, weight, C)
        return np.zeros((1, 1))

    def predict(self, X):
        """Labels of the rows."""
        return sparse.vstack(
            [
                sparse.csr_matrix(plug_in_labels(self.predict_proba(X[part])))
                for part in batches_of(X.shape[0], 500)
            ]
        )


GROWTH = {
    "joint lr": lambda seed: JointLogisticRegression(),
    "epoch": lambda seed: DVNMultiLabelClassifier(
        max_iter=1, random_state=seed, **LINEAR
    ),
    "default": lambda seed: DVNMultiLabelClassifier(random_state=seed),
}
QUALITY = {
    "dvn": GROWTH["default"],
    "paper's ascent": lambda seed: DVNMultiLabelClassifier(random_state=seed, **LINEAR),
    "lr": lambda seed: logistic_regression(),
    "lr tf-idf": lambda seed: make_pipeline(TfidfTransformer(), logistic_regression(3)),
}


def measure(name, n_labels, n_rows, cardinality, seed):
    """Seconds, MiB and test F1 of one row."""
    start = peak_so_far()
    shape = replace(DELICIOUS, cardinality=cardinality)
    if name in GROWTH:
        shape = large_shape(n_labels, n_rows)
    X, Y, X_test, Y_test = make_large_problem(shape, seed)
    row = {"data_mib": peak_so_far() - start}
    model = {**GROWTH, **QUALITY}[name](seed)
    began = perf_counter()
    model.fit(X, Y)
    row |= {"fit_s": perf_counter() - began, "fit_mib": peak_so_far() - start}
    began = perf_counter()
    model.predict(X if name in GROWTH else X_test)
    row |= {"predict_s": perf_counter() - began, "predict_mib": peak_so_far() - start}
    predicted = model.predict(X_test)
    row["f1"] = relaxed_f1_score(Y_test, predicted)
    row["labels_per_row"] = float(predicted.sum() / X_test.shape[0])
    row["constant_f1"] = relaxed_f1_score(Y_test, best_constant(Y, Y_test.shape[0]))
    return row


def best_constant(Y, n_rows):
    """The same labels for all rows: the plug-in rule on their frequencies."""
    rates = Y.mean(axis=0).reshape(1, -1)
    return np.repeat(plug_in_labels(rates), n_rows, axis=0)


def measure_apart(*arguments):
    """The same in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, "--measure", *map(str, arguments)]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(found.stdout)


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", default=["epoch", "dvn", "lr"])
    parser.add_argument("--labels", nargs="+", type=int, default=[1000, 3000, 10_000])
    parser.add_argument("--n-rows", type=int, default=20_000)
    parser.add_argument(
        "--cardinality", type=int, default=19, help="labels per row of Delicious"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.measure:
        name, *numbers = args.measure
        print(json.dumps(measure(name, *map(int, numbers))))
        return
    unknown = set(args.rows) - {*GROWTH, *QUALITY}
    if unknown:
        parser.error(f"unknown rows {sorted(unknown)}; known are {[*GROWTH, *QUALITY]}")
    rows = []
    print(
        f"{'row':16}  labels  seed    fit s  predict s  MiB: data   fit  predict   F1"
    )
    for name in args.rows:
        for n_labels in args.labels if name in GROWTH else [DELICIOUS.n_labels]:
            for seed in range(args.seeds):
                size = n_labels, args.n_rows, args.cardinality
                row = measure_apart(name, *size, seed)
                rows.append({"row": name, "n_labels": n_labels, "seed": seed, **row})
                show(rows[-1])
                if args.json:
                    Path(args.json).write_text(json.dumps(rows, indent=1))


def show(row):
    """Print one line of the table."""
    print(
        f"{row['row']:16} {row['n_labels']:7} {row['seed']:5}  {row['fit_s']:7.1f}  "
        f"{row['predict_s']:9.2f}  {row['data_mib']:9.0f} {row['fit_mib']:5.0f}  "
        f"{row['predict_mib']:7.0f}  {row['f1']:.4f}  (constant "
        f"{row['constant_f1']:.4f}; {row['labels_per_row']:.1f} labels predicted)",
        flush=True,
    )


if __name__ == "__main__":
    main()
