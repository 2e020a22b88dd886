"""Tests of real processes that are killed, interrupted or in each other's way.

A fit that is called again ends as one that was left in peace, bit for bit; one that
cannot go on says so, and the estimator is as it was before.
"""

import contextlib
import glob
import multiprocessing
import os
import signal
import socket
import time
import warnings
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.training import Trainer, data_parallel, execution

pytestmark = pytest.mark.slow

ROWS, LABELS = (part[:160] for part in load_digit_attributes(return_X_y=True))
CLF = DVNMultiLabelClassifier(
    network="linear", hidden_layer_sizes=(20,), max_iter=6, n_networks=2, refit=True,
    learning_rate_init=0.3, alpha=0.01, n_steps=5, step_size=0.5,
    device="cpu", random_state=0,
)  # fmt: skip
PAUSE = 0.05  # seconds that an epoch takes longer, so that something can come between
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "sklearn.base", "skdvn"])


@pytest.fixture(scope="module")
def whole():
    return clone(CLF).fit(ROWS, LABELS).predict_proba(ROWS)


@pytest.fixture
def start():
    """``start(task, *arguments)``: a process that does it, and what it will tell."""
    processes = []

    def start(task, *arguments):
        told = PROCESSES.Queue()
        process = PROCESSES.Process(target=_prepared, args=(told, task, *arguments))
        process.start()
        processes.append(process)
        assert told.get(timeout=300) == "ready"
        return process, told

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers of joblib, too
        process.join()


def _prepared(told, task, *arguments):
    os.setsid()  # so that Ctrl-C can reach it and all that it starts, and nothing else
    torch.set_num_threads(1)
    execution.SECONDS_BETWEEN_COPIES = 0.0
    run_epoch = Trainer.run_epoch
    Trainer.run_epoch = lambda trainer: time.sleep(PAUSE) or run_epoch(trainer)
    told.put("ready")
    told.put(task(*arguments))


def checkpoints_in(folder):
    return glob.glob(f"{folder}/*/*.pt")  # copes with folders that are just deleted


def wait_for_checkpoint(folder, process):
    while process.is_alive() and not checkpoints_in(folder):
        time.sleep(0.01)


def fitted(clf):
    return clf.fit(ROWS, LABELS).predict_proba(ROWS)


def outcome(clf):
    """What becomes of a fitted estimator that is fitted to other labels."""
    before = clf.predict_proba(ROWS)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            after = clf.fit(ROWS, 1 - LABELS).predict_proba(ROWS)
    except (KeyboardInterrupt, RuntimeError) as error:
        np.testing.assert_array_equal(clf.predict_proba(ROWS), before)
        return f"{type(error).__name__}: {error}"
    assert np.isfinite(after).all()
    return [str(one.message) for one in caught]


# -- killed ------------------------------------------------------------------------


def test_a_fit_killed_at_any_moment_goes_on_to_the_same_result(start, tmp_path, whole):
    clf = clone(CLF).set_params(checkpoint_dir=tmp_path / "checkpoints")
    rng = np.random.default_rng(0)
    for _ in range(8):
        process, _ = start(fitted, clf)
        wait_for_checkpoint(tmp_path / "checkpoints", process)
        time.sleep(rng.uniform(0, 6 * PAUSE))
        process.kill()
        process.join()
    process, told = start(fitted, clf)
    np.testing.assert_array_equal(told.get(timeout=300), whole)
    process.join()
    assert not list((tmp_path / "checkpoints").iterdir())


def test_two_fits_on_one_folder_at_once(start, tmp_path, whole):
    clf = clone(CLF).set_params(checkpoint_dir=tmp_path / "checkpoints")
    fits = [start(fitted, clf) for _ in range(2)]
    for _, told in fits:
        np.testing.assert_array_equal(told.get(timeout=300), whole)


def test_a_fit_goes_on_where_one_of_two_was_killed(start, tmp_path, whole):
    clf = clone(CLF).set_params(checkpoint_dir=tmp_path / "checkpoints")
    (first, _), (_, told) = [start(fitted, clf) for _ in range(2)]
    wait_for_checkpoint(tmp_path / "checkpoints", first)
    first.kill()
    np.testing.assert_array_equal(told.get(timeout=300), whole)


def dying_oracle(flag):
    """An oracle whose process dies of it, where that is one of several."""
    parent = os.getpid()

    def oracle(y, y_true):
        if os.getpid() != parent and flag.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return 1 - (y - y_true).abs().mean(1)

    return oracle


def test_a_worker_of_joblib_that_dies(tmp_path):
    flag = tmp_path / "flag"
    clf = clone(CLF).set_params(oracle=dying_oracle(flag), n_jobs=2)
    expected = fitted(clf)
    flag.touch()
    clf.set_params(checkpoint_dir=tmp_path / "checkpoints")
    with pytest.raises(BrokenProcessPool, match="unexpectedly terminated"):
        clf.fit(ROWS, LABELS)
    np.testing.assert_array_equal(clf.predict_proba(ROWS), expected)
    flag.unlink()
    np.testing.assert_array_equal(fitted(clf), expected)


def member(rank, port, folder, victim):
    """One of two processes that fit together, of which one may die."""
    where = {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update(where, RANK=str(rank), WORLD_SIZE="2")
    with data_parallel():
        clf = clone(CLF).set_params(max_iter=2, n_networks=1).fit(ROWS, LABELS)
        if rank == victim:
            n_run, run_epoch = [], Trainer.run_epoch

            def run_or_die(trainer):
                n_run.append(trainer)
                if len(n_run) == 3:
                    os.kill(os.getpid(), signal.SIGKILL)
                return run_epoch(trainer)

            Trainer.run_epoch = run_or_die
        clf.set_params(max_iter=6, checkpoint_dir=folder)
        found = outcome(clf)
        return found, clf.predict_proba(ROWS)


def team(start, folder, victim=None):
    with socket.create_server(("localhost", 0)) as server:
        port = str(server.getsockname()[1])
    return [start(member, rank, port, folder, victim) for rank in range(2)]


@pytest.mark.parametrize("victim", [0, 1])
def test_one_of_the_processes_that_fit_together_dies(start, victim, tmp_path):
    _, (expected, _) = [
        told.get(timeout=300)[::-1] for _, told in team(start, tmp_path / "whole")
    ]
    processes = team(start, tmp_path / "checkpoints", victim)
    survivor, _ = processes[1 - victim][1].get(timeout=300)
    assert survivor.startswith("RuntimeError: Another of the 2 processes within data_")
    assert "Remedy: " in survivor
    for _, told in team(start, tmp_path / "checkpoints"):
        warned, found = told.get(timeout=300)
        assert not warned
        np.testing.assert_array_equal(found, expected)


# -- Ctrl-C ------------------------------------------------------------------------


class WaitingOracle:
    """It waits for Ctrl-C, once, when there are checkpoints in a folder."""

    def __init__(self, folder):
        self.folder, self.flag = folder, folder / "waiting"

    def __call__(self, y, y_true):
        if not self.flag.exists() and checkpoints_in(self.folder):
            self.flag.touch()
            time.sleep(300)
        return 1 - (y - y_true).abs().mean(1)


def interrupted_then_fitted(clf, folder):
    """What Ctrl-C does to a fit, and what that fit comes to when it is called again."""
    found = outcome(clf.set_params(checkpoint_dir=folder))
    return found, clf.fit(ROWS, 1 - LABELS).predict_proba(ROWS)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_and_again(start, n_jobs, tmp_path):
    """It reaches all processes at once, as from a terminal."""
    clf = clone(CLF).set_params(oracle=WaitingOracle(tmp_path), n_networks=3)
    clf.fit(ROWS, LABELS).set_params(n_jobs=n_jobs)
    process, told = start(interrupted_then_fitted, clf, tmp_path)
    while not clf.oracle.flag.exists():
        assert process.is_alive()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    found, again = told.get(timeout=300)
    if n_jobs is None:
        assert len(found) == 1 and "interrupted by the user" in found[0]
    else:
        assert found.startswith("KeyboardInterrupt")
    whole = clone(clf).set_params(n_jobs=None).fit(ROWS, 1 - LABELS)
    np.testing.assert_array_equal(again, whole.predict_proba(ROWS))
