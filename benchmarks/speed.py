"""What the closed form, and encoding once, are worth; and how time and memory grow.

All figures are ratios or growths within one run, on made-up data of Bibtex's shape
(4,880 rows, 1,836 binary features, 159 labels) or multiples of it::

    python benchmarks/speed.py --json speed.json

"The same network" is trained by skdvn, skorch, scikit-learn and a plain PyTorch loop
(``benchmarks/loops.py``; skorch must be installed). "autograd" takes the gradient in y
by autograd through the part of the network that sees y; "autograd, x too" runs the
whole network at each step, as the authors' code and its public ports do, on dense
inputs.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from loops import compare_loops
from problems import N_FEATURES, N_LABELS, N_ROWS, make_independent

from skdvn import DVNMultiLabelClassifier
from skdvn.data import ConstantRows, Examples, Queries, Rows, batches_of
from skdvn.inference import GradientAscent, infer
from skdvn.networks import LabelNetwork
from skdvn.oracles import relaxed_f1
from skdvn.training import (
    Objective,
    Optimization,
    Trainer,
    TupleMixture,
    TupleSettings,
    ground_truth,
    inference,
)

PREDICTION_BATCH = 512


class EncodeOnce(torch.nn.Module):
    """A label network without its closed form."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def encode(self, x):
        """As the network does."""
        return self.network.encode(x)

    def score(self, context, y):
        """As the network does."""
        return self.network.score(context, y)


class EncodeAlways(EncodeOnce):
    """A label network that computes everything from x and y at each step."""

    def encode(self, x):
        """Put off until the score."""
        return x

    def score(self, context, y):
        """Encode and score."""
        return self.network.score(self.network.encode(context), y)


# How the gradient is taken, and whether inputs stay sparse.
VARIANTS = {
    "closed form": (lambda network: network, True),
    "closed form, dense": (lambda network: network, False),
    "autograd": (EncodeOnce, True),
    "autograd, x too": (EncodeAlways, True),
    "autograd, x too, dense": (EncodeAlways, False),
}


def as_examples(X, Y, keep_sparse=True):
    """Inputs standardised as in the estimator."""
    mean = np.asarray(X.mean(axis=0)).ravel()
    scale = np.sqrt(np.maximum(mean * (1 - mean), 1e-12))
    common = torch.device("cpu"), torch.float32
    x = Rows(
        X if keep_sparse else X.toarray(),
        *common,
        mean=mean,
        scale=scale,
        keep_sparse=keep_sparse,
    )
    return Examples(x, Rows(Y, *common), ConstantRows(torch.zeros(Y.shape[1]), len(Y)))


def make_network(n_features=N_FEATURES, n_labels=N_LABELS):
    """The default network with fresh weights."""
    network = LabelNetwork(n_features, n_labels)
    network.reset_parameters(torch.Generator().manual_seed(0))
    return network


def seconds(function, repeats):
    """Least time of several calls."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


def time_epoch(network, examples, repeats=1):
    """Seconds of a training epoch."""
    objective = Objective(
        TupleMixture({inference: 0.5, ground_truth: 0.5}),
        TupleSettings(relaxed_f1, GradientAscent()),
    )
    rng = torch.Generator().manual_seed(0)
    trainer = Trainer(network, examples, objective, Optimization(), 10, rng)
    return seconds(trainer.run_epoch, repeats)


@torch.no_grad()
def encode_all(network, x):
    """Only what depends on x."""
    for rows in batches_of(len(x), PREDICTION_BATCH):
        network.encode(x.take(rows))


def predict_all(network, examples):
    """Encode and climb."""
    queries = Queries(examples.x, examples.y_init)
    return infer(network, GradientAscent(), queries, batch_size=PREDICTION_BATCH)


def compare_gradients(repeats):
    """Closed form against autograd, per training epoch and at predict."""
    X, Y = make_independent()
    rows = {}
    for name, (variant, keep_sparse) in VARIANTS.items():
        examples = as_examples(X, Y, keep_sparse)
        network = variant(make_network())
        rows[name] = {
            "epoch_s": time_epoch(network, examples, repeats),
            "predict_s": seconds(
                lambda n=network, e=examples: predict_all(n, e), repeats
            ),
        }
    for row in rows.values():
        for key in ("epoch", "predict"):
            row[f"{key}_ratio"] = row[f"{key}_s"] / rows["closed form"][f"{key}_s"]
    return rows


def compare_encode(repeats):
    """The whole ascent of 20 steps against encoding, sparse and dense inputs."""
    X, Y = make_independent()
    network, rows = make_network(), {}
    for name in ("sparse", "dense"):
        examples = as_examples(X, Y, keep_sparse=name == "sparse")
        encode = seconds(lambda x=examples.x: encode_all(network, x), repeats)
        whole = seconds(lambda e=examples: predict_all(network, e), repeats)
        rows[name] = {
            "encode_s": encode,
            "ascent_s": whole - encode,
            "ratio": (whole - encode) / encode,
        }
    return rows


def measure_growth(repeats):
    """Epoch and predict as rows, features and labels double, relative to the first."""
    sizes = {"n_rows": N_ROWS, "n_features": N_FEATURES, "n_labels": N_LABELS}
    growth = {}
    for name, size in sizes.items():
        times = []
        for factor in (1, 2, 4):
            shape = {**sizes, name: size * factor}
            examples = as_examples(*make_independent(**shape))
            network = make_network(shape["n_features"], shape["n_labels"])
            times.append(
                (
                    time_epoch(network, examples, repeats),
                    seconds(lambda n=network, e=examples: predict_all(n, e), repeats),
                )
            )
        growth[name] = (np.array(times) / times[0]).tolist()
    return growth


def peak_so_far():
    """Greatest resident size of this process in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def peak_memory(n_rows, n_labels):
    """MiB that data, a fit of two epochs and a prediction add to the imports'."""
    start = peak_so_far()
    X, Y = make_independent(n_rows, N_FEATURES, n_labels)
    clf = DVNMultiLabelClassifier(network="linear", max_iter=2, random_state=0)
    clf.fit(X, Y).predict(X)
    return peak_so_far() - start


def measure_memory():
    """Peak memory of fresh processes."""
    rows = {}
    for shape in ((N_ROWS, N_LABELS), (4 * N_ROWS, N_LABELS), (N_ROWS, 4 * N_LABELS)):
        command = [sys.executable, __file__, "--peak", *map(str, shape)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        rows["{} rows, {} labels".format(*shape)] = float(found.stdout)
    return rows


def main():
    """Print the tables and write them to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", help="file to write the figures to")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.peak:
        print(peak_memory(*args.peak))
        return
    figures = {
        **compare_loops(args.repeats),
        "gradients": compare_gradients(args.repeats),
        "encode": compare_encode(args.repeats),
        "growth of (epoch, predict) at 1x, 2x, 4x": measure_growth(args.repeats),
        "peak memory in MiB": measure_memory(),
    }
    for title, rows in figures.items():
        print(f"\n{title}")
        for name, row in rows.items():
            print(f"  {name:24}", json.dumps(row, default=float))
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
