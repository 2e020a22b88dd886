"""The default estimator on problems of very different shape, nothing set by hand.

Beside it, one-vs-rest logistic regression and a feed-forward network, both with the
plug-in rule for expected F1::

    python benchmarks/shapes.py --seeds 2 --json shapes.json
"""

import argparse
import json
import warnings
from time import perf_counter

import numpy as np
import torch
from problems import SHAPES, make_problem
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier, PlugInClassifier
from skdvn.metrics import relaxed_f1_score

CHOSEN = ("learning_rate_init", "alpha", "step_size", "n_steps")


def logistic_regression(X):
    """What a user would pick: scaled if dense, decided by the plug-in rule."""
    model = PlugInClassifier(OneVsRestClassifier(LogisticRegression(max_iter=1000)))
    return model if sparse.issparse(X) else make_pipeline(StandardScaler(), model)


def measure(model, X, Y, X_test, Y_test):
    """Test F1 and seconds of fit."""
    start = perf_counter()
    model.fit(X, Y)
    seconds = perf_counter() - start
    return relaxed_f1_score(Y_test, model.predict(X_test)), seconds


def run(name, seed):
    """One row of the table."""
    problem = make_problem(name, seed)
    dvn = DVNMultiLabelClassifier(random_state=seed)
    feed_forward = PlugInClassifier(FeedForwardClassifier(random_state=seed))
    models = (dvn, logistic_regression(problem[0]), feed_forward)
    (f1, seconds), (f1_lr, seconds_lr), (f1_ff, seconds_ff) = (
        measure(model, *problem) for model in models
    )
    row = {
        "problem": name,
        "seed": seed,
        "dvn_f1": f1,
        "lr_plug_in_f1": f1_lr,
        "ff_plug_in_f1": f1_ff,
        "dvn_fit_s": seconds,
        "lr_fit_s": seconds_lr,
        "ff_fit_s": seconds_ff,
        "chosen": [float(getattr(dvn, f"{name}_")) for name in CHOSEN],
    }
    print(
        f"{name:20} {seed:4}  {f1:.3f}  {f1_lr:.3f}  {f1_ff:.3f}  {seconds:6.1f}  "
        f"{seconds_lr:6.1f}  {seconds_ff:6.1f}  {np.round(row['chosen'], 4).tolist()}",
        flush=True,
    )
    return row


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", default=list(SHAPES))
    parser.add_argument("--seeds", type=int, default=2, help="seeds per problem")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--json", help="file to write the rows to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Label .* is present in all")
    print(
        "problem              seed    DVN     LR     FF   DVN s    LR s    FF s  chosen"
    )
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    rows = [run(name, seed) for name in args.problems for seed in seeds]
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
