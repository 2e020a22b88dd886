"""Labels of real sets: the default, its parts, and what one would use instead.

Official splits, example-averaged F1 on the test part::

    python benchmarks/labels.py --data DIR --sets emotions scene --seeds 5 --json F

DIR holds folders NAME with NAME-train.arff, NAME-test.arff and NAME.xml; "digits" needs
no file. All is fitted to the training part with nothing chosen on the test part. Of
each row: F1; mean value, the F1 that the model expects itself; correlation of the two;
area under the risk-coverage curve, where rows are ranked by the value; log loss per
label; seconds of one thread to fit and to predict.
"""

import argparse
import json
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdvn import DVNMultiLabelClassifier, StackedGuess
from skdvn.baselines import FeedForwardClassifier, plug_in_labels
from skdvn.data import Examples, Rows
from skdvn.datasets import load_digit_attributes, load_mulan
from skdvn.inference import GradientAscent, value_field
from skdvn.networks import CountNetwork, join
from skdvn.oracles import relaxed_f1
from skdvn.training import (
    FullBatchTrainer,
    Objective,
    Optimization,
    TupleMixture,
    TupleSettings,
    guess,
    inference,
    other_truths,
)

SETS = "emotions", "birds", "scene", "enron", "bibtex", "digits"
CPU = torch.device("cpu")
# Alternatives that are the same with every seed.
SEEDLESS = "LR", "boosting"
# Gradient boosting is fitted to at most so many labels times features.
MAX_BOOSTED = 60_000
CLIPPED = 1e-6


def load(name, folder):
    """Training and test part: X, Y, X_test, Y_test."""
    if name == "digits":
        X, Y = load_digit_attributes(noise=6, return_X_y=True)
        parts = train_test_split(X, Y, random_state=0)
        return parts[0], parts[2], parts[1], parts[3]
    base = Path(folder) / name / name
    parts = [
        load_mulan(f"{base}-{part}.arff", f"{base}.xml") for part in ("train", "test")
    ]
    return tuple(array for part in parts for array in (part.data, dense(part.target)))


def dense(Y):
    """Y as an ndarray of integers."""
    return (Y.toarray() if sparse.issparse(Y) else np.asarray(Y)).astype(int)


def f1_of_rows(Y, Y_true):
    """F1 of each row; of two empty ones 1."""
    sizes = Y.sum(1) + Y_true.sum(1)
    return np.where(sizes == 0, 1.0, 2 * (Y * Y_true).sum(1) / np.maximum(sizes, 1))


def area_under_risk(values, f1):
    """Mean of 1 - F1 over the rows ranked first, over all numbers of them."""
    risks = 1 - f1[np.argsort(-values, kind="stable")]
    return float((risks.cumsum() / np.arange(1, len(risks) + 1)).mean())


def plug_in_values(p, Y):
    """F1 of the expected counts, what the plug-in rule maximises."""
    return 2 * (p * Y).sum(1) / np.maximum(Y.sum(1) + p.sum(1), 1e-9)


def measured(Y, p, values, truth):
    """What is reported of predictions."""
    f1, p = f1_of_rows(Y, truth), np.clip(p, CLIPPED, 1 - CLIPPED)
    found = {"f1": f1.mean()}
    if values is not None:
        found["value"] = values.mean()
        found["r"] = np.corrcoef(values, f1)[0, 1]
        found["risk"] = area_under_risk(values, f1)
    found["log_loss"] = -np.where(truth > 0, np.log(p), np.log(1 - p)).mean()
    edges = np.minimum((p * 15).astype(int), 14).ravel()
    gaps = np.bincount(edges, (p - truth).ravel(), minlength=15)
    found["ece"] = abs(gaps).sum() / p.size
    return {name: float(number) for name, number in found.items()}


def default_rows(X, Y, X_test, Y_test, seed):
    """The default, with its values and with other rankings of the same predictions."""
    began = perf_counter()
    clf = DVNMultiLabelClassifier(random_state=seed).fit(X, Y)
    fitted = perf_counter()
    predicted = clf.predict(X_test)
    done = perf_counter()
    p, values = clf.predict_proba(X_test), clf.predict_value(X_test)
    row = measured(predicted, p, values, Y_test)
    f1 = f1_of_rows(predicted, Y_test)
    row["risk_max_p"] = area_under_risk(np.maximum(p, 1 - p).mean(1), f1)
    row["risk_plug_in"] = area_under_risk(plug_in_values(p, predicted), f1)
    row.update(fit=fitted - began, predict=done - fitted)
    return {"default": row}


def ablation_rows(X, Y, X_test, Y_test, seed):
    """What each part of the default adds to the one before."""
    experts = StackedGuess(random_state=seed).fit(X, Y)
    known, p = experts.cross_fitted_.astype(float), experts.predict_proba(X_test)
    p = p.astype(float)
    plugged = plug_in_labels(p)
    rows = {"guess, plug-in": measured(plugged, p, plug_in_values(p, plugged), Y_test)}
    for name, parts in {
        "+ exact expectation": (),
        "+ counts": ("counts",),
        "+ slope and bias": ("counts", "slope"),
        "+ correction": ("counts", "slope", "correction"),
    }.items():
        network = trained_network(known, Y, parts, seed)
        rows[name] = measured(*climbed(network, p), Y_test)
    others = [trained_network(known, Y, parts, seed + 100 + k) for k in range(3)]
    rows["+ three more networks"] = measured(
        *climbed(join([network, *others]), p), Y_test
    )
    return rows


def trained_network(p, Y, parts, seed):
    """A network on cross-fitted probabilities, of which these parts are learned."""
    network, rng = CountNetwork(Y.shape[1], relaxed_f1), torch.Generator()
    rng.manual_seed(seed)
    network = network.double()
    x, y = (Rows(part.astype(float), CPU, torch.float64) for part in (p, Y))
    if "counts" in parts:
        network.fit_counts(x.take(slice(None)), y.take(slice(None)), rng)
    if "slope" not in parts:
        return network.eval()
    network.correction.requires_grad_("correction" in parts)
    ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
    mixture = TupleMixture({inference: 0.5, guess: 0.25, other_truths: 0.25})
    objective = Objective(mixture, TupleSettings(relaxed_f1, ascent, n_iterates=1))
    how = Optimization("lbfgs", alpha=1 / len(p), batch_size=512)
    FullBatchTrainer(network, Examples(x, y), objective, how, 1, rng).run_epoch()
    return network


@torch.no_grad()
def climbed(network, p):
    """Labels, probabilities and values at the end of the ascent from p."""
    ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
    labels, values = [], []
    for part in torch.as_tensor(p).split(512):
        context = network.encode(part)
        y = ascent.climb(value_field(network, context), part)
        labels.append((y >= 0.5).double())
        values.append(torch.sigmoid(network.score(context, labels[-1])))
    return torch.cat(labels).numpy(), p, torch.cat(values).numpy()


def alternatives(X, Y, seed):
    """Classifiers that one would use instead, by name."""
    thin = sparse.issparse(X)
    view = TfidfTransformer() if thin else StandardScaler()
    lr = LogisticRegression(C=3.0 if thin else 0.1, max_iter=500)
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, random_state=seed)
    found = {
        "LR": make_pipeline(view, OneVsRestClassifier(lr)),
        "extra trees": trees,
        "feed-forward": FeedForwardClassifier(random_state=seed),
        "chain of LR": make_pipeline(
            view, ClassifierChain(lr, order="random", random_state=seed)
        ),
    }
    if Y.shape[1] * X.shape[1] <= MAX_BOOSTED:
        boosted = HistGradientBoostingClassifier(random_state=seed)
        found["boosting"] = make_pipeline(
            FunctionTransformer(as_dense, accept_sparse=True),
            MultiOutputClassifier(boosted),
        )
    return found


def as_dense(X):
    """X as an ndarray."""
    return X.toarray() if sparse.issparse(X) else X


def matrix(said, classes):
    """What a `predict_proba` returned, as an array of shape (n_samples, n_labels)."""
    if isinstance(said, list):
        pairs = zip(said, classes, strict=True)
        return np.column_stack([p @ (np.asarray(known) == 1) for p, known in pairs])
    return np.asarray(said)


def varying(Y):
    """Labels that are neither always nor never there; some classifiers need that."""
    return (Y.min(0) < Y.max(0)).nonzero()[0]


def out_of_fold(classifier, X, Y, seed):
    """Probabilities of rows that the classifier has not seen."""
    known = np.zeros(Y.shape)
    for rows, others in KFold(5, shuffle=True, random_state=seed).split(Y):
        labels = varying(Y[rows])
        fitted = clone(classifier).fit(X[rows], Y[np.ix_(rows, labels)])
        said = matrix(
            fitted.predict_proba(X[others]), getattr(fitted, "classes_", None)
        )
        known[np.ix_(others, labels)] = said
    return known


def alternative_rows(X, Y, X_test, Y_test, seed, names):
    """Each alternative with three rules."""
    labels = varying(Y)
    rows = {}
    for name, classifier in alternatives(X, Y, seed).items():
        if (names and name not in names) or (seed and name in SEEDLESS):
            continue
        began = perf_counter()
        fitted = clone(classifier).fit(X, Y[:, labels])
        middle = perf_counter()
        said = matrix(fitted.predict_proba(X_test), getattr(fitted, "classes_", None))
        done = perf_counter()
        p = np.tile(Y.mean(0), (len(Y_test), 1))
        p[:, labels] = said
        known = out_of_fold(classifier, X, Y[:, labels], seed)
        thresholds = np.linspace(0.02, 0.98, 49)
        scores = [f1_of_rows(known >= t, Y[:, labels]).mean() for t in thresholds]
        rules = {
            ", .5": (p >= 0.5).astype(int),
            ", tuned threshold": (p >= thresholds[np.argmax(scores)]).astype(int),
            ", plug-in": plug_in_labels(p),
        }
        for rule, predicted in rules.items():
            rows[name + rule] = {
                **measured(predicted, p, plug_in_values(p, predicted), Y_test),
                "fit": middle - began,
                "predict": done - middle,
            }
    return rows


def averaged(runs):
    """Means over seeds, and the standard deviation of F1 over them."""
    rows = {}
    for name in runs[0]:
        found = [run[name] for run in runs if name in run]
        rows[name] = {key: float(np.mean([r[key] for r in found])) for key in found[0]}
        rows[name]["f1_std"] = float(np.std([r["f1"] for r in found]))
    return rows


def show(name, rows):
    """Print the rows of a set."""
    columns = "f1", "f1_std", "value", "r", "risk", "log_loss", "ece", "fit", "predict"
    print(f"\n{name:<28}" + "".join(f"{column:>9}" for column in columns))
    for row, found in rows.items():
        numbers = [f"{found[c]:>9.4f}" if c in found else " " * 9 for c in columns]
        print(f"{row:<28}" + "".join(numbers), flush=True)
    of_default = rows.get("default", {})
    if "risk_max_p" in of_default:
        print(
            f"risk of the default ranked by value {of_default['risk']:.4f}, by mean "
            f"maximal probability {of_default['risk_max_p']:.4f}, by the plug-in "
            f"rule's expectation {of_default['risk_plug_in']:.4f}",
            flush=True,
        )


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=".")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", nargs="+", default=["default", "ablation", "others"])
    parser.add_argument("--names", nargs="+", help="of the others, those to run")
    parser.add_argument("--json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = {}
    for name in args.sets:
        data, runs = load(name, args.data), []
        for seed in range(args.seeds):
            rows = {}
            if "default" in args.rows:
                rows |= default_rows(*data, seed)
            if "ablation" in args.rows:
                rows |= ablation_rows(*data, seed)
            if "others" in args.rows:
                rows |= alternative_rows(*data, seed, args.names)
            runs.append(rows)
        results[name] = averaged(runs)
        show(name, results[name])
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
