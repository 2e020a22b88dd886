"""What several processes are worth: ratios of times, each pair measured in one run.

::

    python benchmarks/scale_out.py

One thread per process. "n_jobs" trains the networks of one fit at a time or two at a
time, "search" does the fits of a grid search one by one, in two processes of joblib's,
or on a Dask cluster of two, "torchrun" fits one network with one process or two.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import torch
from distributed import Client, SubprocessCluster
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def seconds(work):
    """How long some work takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def report(name, times):
    """Print the times, and their ratios to the first."""
    first = next(iter(times.values()))
    for how, time in times.items():
        print(f"{name:28}{how:24}{time:7.1f} s  {first / time:5.2f}", flush=True)


def compare_n_jobs():
    """The networks of one fit."""
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    labels = DVNMultiLabelClassifier(network="linear", random_state=0)
    report("labels, nine networks", _by_n_jobs(labels, X[:1257], Y[:1257]))
    X, Y = make_silhouettes(200, random_state=0)
    masks = UNetSegmenter(16, max_iter=20, n_networks=2, random_state=0)
    report("masks, two networks", _by_n_jobs(masks, X, Y))


def _by_n_jobs(clf, X, Y):
    one, two = (clone(clf).set_params(n_jobs=n_jobs) for n_jobs in (1, 2))
    return {
        "one at a time": seconds(lambda: one.fit(X, Y)),
        "n_jobs=2": seconds(lambda: two.fit(X, Y)),
    }


def compare_searches():
    """The fits of a grid search."""
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    X, Y = X[:1257], Y[:1257]
    clf = DVNMultiLabelClassifier(
        network="linear", refit=True, learning_rate_init=0.3, random_state=0
    )
    search = GridSearchCV(clf, {"tau": [0.0, 0.05, 0.1, 0.2]}, cv=3)
    times = {"one by one": seconds(lambda: clone(search).fit(X, Y))}
    two = clone(search).set_params(n_jobs=2)
    times["joblib, 2 processes"] = seconds(lambda: two.fit(X, Y))
    with SubprocessCluster(n_workers=2, threads_per_worker=1) as cluster:
        client = Client(cluster)
        client.wait_for_workers(2)
        with parallel_config(backend="dask"):
            times["Dask, 2 workers"] = seconds(lambda: clone(search).fit(X, Y))
        client.close()
    report("search, twelve fits", times)


SCRIPT = """
from time import perf_counter
import torch
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.training import data_parallel
torch.set_num_threads(1)
X, Y = make_silhouettes(200, random_state=0)
with data_parallel() as team:
    began = perf_counter()
    UNetSegmenter(32, max_iter=10, batch_size=40, random_state=0).fit(X, Y)
    if team.rank == 0:
        print(perf_counter() - began)
"""


def compare_torchrun():
    """One network, by one process or two."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(SCRIPT, encoding="utf-8")
        times = {}
        for n in (1, 2):
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            command += ["--nproc-per-node", str(n), str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times[f"{n} process(es)"] = float(done.stdout)
    report("torchrun, one network", times)


if __name__ == "__main__":
    compare_n_jobs()
    compare_searches()
    compare_torchrun()
