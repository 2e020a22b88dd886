"""Tune a Deep Value Network in a pipeline, two processes at a time.

``tau`` and ``step_size`` are searched by cross-validation on the scorer that the
network is trained for, on rows of Bibtex if a data folder is given, else on digits::

    python examples/grid_search.py [--data DIR]
"""

import argparse
import os
from time import perf_counter

from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.metrics import relaxed_f1_scorer

N_ROWS = 1200


def load(data_home):
    """Some rows of a real problem."""
    if data_home:
        X, Y = load_bibtex(data_home, return_X_y=True)
    else:
        X, Y = load_digit_attributes(noise=6, return_X_y=True)
    return X[:N_ROWS], Y[:N_ROWS]


def main():
    """Search, then cross-validate the untuned default for comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("SKDVN_DATA"))
    X, Y = load(parser.parse_args().data)

    # What the search does not vary is fixed, so that each fit trains one network.
    fixed = DVNMultiLabelClassifier(
        learning_rate_init=0.3,
        alpha=5e-3,
        prior_weight=0,
        n_steps=20,
        max_iter=20,
        random_state=0,
    )
    pipeline = Pipeline([("constant", VarianceThreshold()), ("dvn", fixed)])
    grid = {"dvn__tau": [0.0, 0.02, 0.05], "dvn__step_size": [0.25, 0.5]}
    search = GridSearchCV(pipeline, grid, scoring=relaxed_f1_scorer, cv=3, n_jobs=2)
    start = perf_counter()
    search.fit(X, Y)
    print(f"Grid search, {len(search.cv_results_['params'])} x 3 fits, ", end="")
    print(f"{perf_counter() - start:.0f} s on two processes")
    for params, score in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        print(f"  {params}: {score:.3f}")
    print(f"best: {search.best_params_}, F1 {search.best_score_:.3f}")

    start = perf_counter()
    default = DVNMultiLabelClassifier(random_state=0)
    scores = cross_val_score(default, X, Y, scoring=relaxed_f1_scorer, cv=3, n_jobs=2)
    print(f"\nThe default, which chooses for itself: F1 {scores.mean():.3f} ", end="")
    print(f"(3 fits, {perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
