"""Tests of fits that several processes share, started by torchrun."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.training import ALONE, Team, current_team, data_parallel

SCRIPT = """
import os, sys
import joblib, torch
from skdvn.training import Trainer, data_parallel, execution
torch.set_num_threads(1)
run_epoch, n_run = Trainer.run_epoch, 0

def run_or_die(trainer):
    global n_run
    n_run += 1
    if n_run > int(os.environ.get("N_EPOCHS_TO_LIVE", "1000")):
        os._exit(1)
    return run_epoch(trainer)

Trainer.run_epoch = run_or_die
execution.SECONDS_BETWEEN_COPIES = 0.0
method, clf, X, Y = joblib.load(sys.argv[1])
with data_parallel() as team:
    getattr(clf, method)(X, Y)
    if method == "partial_fit":
        clf.partial_fit(X, Y)
    joblib.dump((team.size, clf), f"{sys.argv[2]}/{team.rank}.joblib")
"""


def fitted_by_two(tmp_path, clf, X, Y, method="fit", **variables):
    """What each of two processes has fitted."""
    joblib.dump((method, clf, X, Y), tmp_path / "task.joblib")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "script.py", "task.joblib", "."]
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=500)
    found = [joblib.load(tmp_path / f"{rank}.joblib") for rank in (0, 1)]
    assert [size for size, _ in found] == [2, 2]
    return [clf for _, clf in found]


def weights_of(clf):
    return [weight.numpy() for weight in clf.network_.state_dict().values()]


@pytest.fixture(scope="module")
def digits():
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    return X[:200], Y[:200]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_two_processes_fit_what_one_does(tmp_path, digits, method):
    """In double precision, so that rounding does not grow into something."""
    clf = DVNMultiLabelClassifier(
        network="linear",
        hidden_layer_sizes=(20,),
        max_iter=4,
        refit=True,
        batch_size=32,
        device="cpu",
        random_state=0,
    )
    first, second = fitted_by_two(tmp_path, clf, *digits, method)
    one = getattr(clf, method)(*digits)
    if method == "partial_fit":
        one.partial_fit(*digits)
    for mine, others, alone in zip(*map(weights_of, (first, second, one)), strict=True):
        np.testing.assert_array_equal(mine, others)
        np.testing.assert_allclose(mine, alone, rtol=1e-9, atol=1e-10)
    assert first.n_steps_ == one.n_steps_ and first.step_size_ == one.step_size_
    losses = [[entry["loss"] for entry in c.history_] for c in (first, one)]
    np.testing.assert_allclose(*losses, rtol=1e-9)


@pytest.fixture
def segmenter():
    """It draws crops and samples, and normalises batches."""
    return DVNSegmenter(
        n_channels=8, crops=12, max_iter=15, batch_size=10,
        tuples={"chain": 0.3, "stratified": 0.4, "replay": 0.3}, tau=0.1,
        device="cpu", random_state=0,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_that_draw_samples_agree(tmp_path, segmenter):
    """Another result than one process's, but the same in both, and as good."""
    X, Y = make_silhouettes(80, size=16, random_state=0)
    clf = segmenter
    first, second = fitted_by_two(tmp_path, clf, X[:60], Y[:60])
    for mine, others in zip(*map(weights_of, (first, second)), strict=True):
        np.testing.assert_array_equal(mine, others)
    one = clf.fit(X[:60], Y[:60])
    assert first.score(X[60:], Y[60:]) > one.score(X[60:], Y[60:]) - 0.1


@pytest.mark.slow
def test_processes_that_were_killed_go_on_bit_for_bit(tmp_path, segmenter):
    X, Y = make_silhouettes(30, size=16, random_state=0)
    segmenter.set_params(max_iter=4)
    whole, _ = fitted_by_two(tmp_path, segmenter, X, Y)
    segmenter.set_params(checkpoint_dir=tmp_path / "checkpoints")
    with pytest.raises(subprocess.CalledProcessError):
        fitted_by_two(tmp_path, segmenter, X, Y, N_EPOCHS_TO_LIVE="2")
    first, second = fitted_by_two(tmp_path, segmenter, X, Y, N_EPOCHS_TO_LIVE="2")
    for mine, others, expected in zip(
        *map(weights_of, (first, second, whole)), strict=True
    ):
        np.testing.assert_array_equal(mine, others)
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.slow
def test_processes_with_rows_of_their_own_are_refused(tmp_path, digits):
    own = SCRIPT.replace(
        "getattr(clf, method)(X, Y)", "clf.fit(X[team.rank::2], Y[team.rank::2])", 1
    )
    joblib.dump(
        ("fit", DVNMultiLabelClassifier(network="linear", random_state=0), *digits),
        tmp_path / "t",
    )
    (tmp_path / "script.py").write_text(own)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "script.py", "t", "."]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode and "the same data, all of it" in done.stderr


def test_shares_are_a_partition():
    rows = torch.randperm(23)
    parts = [Team(rank, 3).share(rows) for rank in range(3)]
    assert torch.equal(torch.cat(parts).sort().values, rows.sort().values)
    assert ALONE.share(rows) is rows


def test_own_randomness_differs_and_draws_nothing():
    rng = torch.Generator().manual_seed(5)
    before = rng.get_state()
    draws = {
        torch.rand(1, generator=Team(r, 3).generator(rng)).item() for r in range(3)
    }
    assert len(draws) == 3 and torch.equal(before, rng.get_state())


def test_without_torchrun_nothing_changes(digits):
    clf = DVNMultiLabelClassifier(
        network="linear",
        hidden_layer_sizes=(5,),
        max_iter=1,
        refit=True,
        random_state=0,
    )
    with data_parallel() as team:
        assert team is current_team() and team.size == 1
        shared = clf.fit(*digits).predict_proba(digits[0])
    assert not torch.distributed.is_initialized()
    np.testing.assert_array_equal(clf.fit(*digits).predict_proba(digits[0]), shared)


@pytest.mark.parametrize(
    "params, named",
    [({"random_state": None}, "random_state"), ({"n_jobs": 2}, "n_jobs=2")],
)
def test_what_cannot_be_shared_is_refused(digits, monkeypatch, params, named):
    monkeypatch.setattr("skdvn.estimators.base.current_team", lambda: Team(0, 2))
    clf = DVNMultiLabelClassifier(random_state=0).set_params(**params)
    with pytest.raises(ValueError, match=named):
        clf.fit(*digits)
