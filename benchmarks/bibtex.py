"""Every way to tag Bibtex that the paper or a user may think of.

Example-averaged F1 on the test split, seconds of fit and predict::

    python benchmarks/bibtex.py --data DIR --rows default lr --seeds 5 --json out.json

DIR holds Mulan's files, or a folder ``bibtex`` with them, and for the row "reference"
a folder ``reference_bibtex`` with the weights that the authors released.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdvn import DVNMultiLabelClassifier, recipes
from skdvn.baselines import (
    FeedForwardClassifier,
    PlugInClassifier,
    ThresholdClassifier,
)
from skdvn.datasets import load_bibtex
from skdvn.inference import GradientAscent, value_field
from skdvn.metrics import relaxed_f1_score
from skdvn.networks import LabelNetwork


class ReferenceClassifier:
    """The network with the weights of the authors' release; `fit` does nothing."""

    def __init__(self, path):
        weights = {name: torch.tensor(w) for name, w in np.load(path).items()}
        self.mean, self.std = weights["mean"].numpy(), weights["std"].numpy()
        n_features, n_hidden = weights["W1"].shape
        n_labels, n_units = weights["C1"].shape
        self.network = LabelNetwork(n_features, n_labels, (n_hidden,), (n_units,))
        state = {
            "input.weight": weights["W1"],
            "input.bias": weights["b1"],
            "hidden.0.weight": weights["W2"].T,
            "hidden.0.bias": weights["b2"],
            "interaction.layers.0.weight": weights["C1"].T,
            "interaction.readout": weights["c2"],
        }
        self.network.load_state_dict(state)

    def fit(self, X, Y):
        """Return self."""
        return self

    @torch.no_grad()
    def predict(self, X):
        """Labels after 20 steps of size 0.5 from zeros."""
        x = torch.tensor((X.toarray() - self.mean) / self.std, dtype=torch.float32)
        field = value_field(self.network, self.network.encode(x))
        zeros = torch.zeros(len(x), self.network.hidden[-1].out_features)
        ascent = GradientAscent(20, 0.5)
        return (ascent.climb(field, zeros).numpy() >= 0.5).astype(int)


def one_vs_rest(C=1.0):
    """Logistic regression on the features as they are."""
    return OneVsRestClassifier(LogisticRegression(C=C, solver="liblinear"))


def tfidf_plug_in(seed=0):
    """The strongest alternative: tf-idf, logistic regression, plug-in rule."""
    return make_pipeline(TfidfTransformer(), PlugInClassifier(one_vs_rest(C=3)))


def mlp(rule, seed):
    """A feed-forward network with cross-entropy per label, and a decision rule."""
    network = MLPClassifier(
        (300,), alpha=1e-3, early_stopping=True, max_iter=50, random_state=seed
    )
    return rule(network)


def dvn(seed, **params):
    """A Deep Value Network."""
    return DVNMultiLabelClassifier(random_state=seed, **params)


def linear(seed, **params):
    """The paper's network."""
    return dvn(seed, network="linear", **params)


def released(seed, **params):
    """The authors' recipe; they standardise without clipping."""
    return make_pipeline(
        FunctionTransformer(lambda X: X.toarray(), accept_sparse=True),
        StandardScaler(),
        dvn(seed, **recipes.RELEASED_BIBTEX, **params),
    )


def ablation(seed, **tuples):
    """Equal budget, tau of the paper; the ascent is chosen in `fit`."""
    return linear(seed, tuples=tuples, tau=0.05)


ROWS = {
    "default": dvn,
    "linear": linear,
    "released recipe": released,
    "5 networks": partial(linear, n_networks=5),
    "5 folds": partial(linear, refit=False),
    "init plug-in": lambda seed: linear(seed, init=tfidf_plug_in()),
    "lr": lambda seed: ThresholdClassifier(one_vs_rest(), threshold=0.5),
    "lr tuned": lambda seed: ThresholdClassifier(one_vs_rest(), cv=3),
    "lr plug-in": lambda seed: PlugInClassifier(one_vs_rest()),
    "lr tf-idf plug-in": tfidf_plug_in,
    "mlp tuned": partial(mlp, partial(ThresholdClassifier, cv=3)),
    "mlp plug-in": partial(mlp, PlugInClassifier),
    "nn": lambda seed: FeedForwardClassifier(random_state=seed),
    "nn tuned": lambda seed: ThresholdClassifier(
        FeedForwardClassifier(random_state=seed), cv=3
    ),
    "spen": partial(dvn, **recipes.SPEN),
    "dvn, oracle-shaped": partial(dvn, estimators=(), tau=0.3),
    "tuples: gt": partial(ablation, ground_truth=1),
    "tuples: inf": partial(ablation, inference=1),
    "tuples: inf+gt": partial(ablation, inference=1, ground_truth=1),
    "tuples: inf+strat": partial(ablation, inference=1, stratified=1),
    "tuples: inf+adv": partial(ablation, inference=1, adversarial=1),
    "tuples: inf+one-step": partial(ablation, inference=1, one_step=1),
    "tuples: inf+gt+strat": partial(
        ablation, inference=2, ground_truth=1, stratified=1
    ),
    "tuples: inf+gt+adv": partial(ablation, inference=2, ground_truth=1, adversarial=1),
    "tuples: inf+gt+replay": partial(ablation, inference=1, ground_truth=2, replay=1),
}
# Logistic regression, the feed-forward network, SPEN, and Deep Value Networks: the
# paper's, and the default.
TABLE_1 = ["lr", "lr tuned", "nn", "nn tuned", "spen", "linear", "default"]
SEEDLESS = {"reference", "lr", "lr tuned", "lr plug-in", "lr tf-idf plug-in"}


def measure(model, train, test):
    """Test F1, seconds of fit and predict, and what the fit chose."""
    start = perf_counter()
    model.fit(*train)
    fitted = perf_counter()
    predicted = model.predict(test[0])
    done = perf_counter()
    row = {
        "f1": relaxed_f1_score(test[1], predicted),
        "fit_s": fitted - start,
        "predict_s": done - fitted,
    }
    last = model[-1] if hasattr(model, "steps") else model
    for name in ("step_size_", "n_steps_", "validation_score_"):
        if hasattr(last, name):
            row[name] = float(getattr(last, name))
    if hasattr(last, "predict_value"):
        inputs = model[:-1].transform(test[0]) if last is not model else test[0]
        row["predicted_value"] = float(last.predict_value(inputs).mean())
    return row


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", nargs="+", help=f"of {['reference', *ROWS]}")
    parser.add_argument(
        "--table-1", action="store_true", help="the rows of the paper's Table 1"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", help="file to write the rows to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (
        load_bibtex(args.data, subset=subset, return_X_y=True)
        for subset in ("train", "test")
    )
    models = dict(ROWS)
    weights = args.data / "reference_bibtex" / "weights.npz"
    if weights.exists():
        models = {"reference": lambda seed: ReferenceClassifier(weights), **models}
    unknown = set(args.rows or ()) - models.keys()
    if unknown:
        parser.error(f"unknown rows {sorted(unknown)}; there are {list(models)}")
    if args.table_1:
        args.rows = TABLE_1
    rows = []
    print(f"{'row':24} seeds  F1 mean    sd     fit s  predict s")
    for name in args.rows or models:
        n_seeds = 1 if name in SEEDLESS else args.seeds
        found = [measure(models[name](seed), train, test) for seed in range(n_seeds)]
        rows += [{"row": name, "seed": i, **row} for i, row in enumerate(found)]
        f1, fit_s, predict_s = (
            np.array([row[key] for row in found])
            for key in ("f1", "fit_s", "predict_s")
        )
        print(
            f"{name:24} {n_seeds:5}   {f1.mean():.4f}  {f1.std():.4f}  "
            f"{fit_s.mean():7.1f}  {predict_s.mean():9.3f}",
            flush=True,
        )
        if args.json:
            Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
