"""Tests of safety copies: a fit that was killed goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdvn import (
    AdamW,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    EarlyStopping,
    Mixture,
)
from skdvn.baselines import FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.estimators import fingerprint
from skdvn.training import Checkpoints, Trainer

LABELS = load_digit_attributes(noise=6, return_X_y=True)
LABELS = tuple(part[:160] for part in LABELS)
MASKS = make_silhouettes(16, size=16, random_state=0)

CHAINS = {"chain": 0.4, "replay": 0.2, "stratified": 0.4}
# What has most to remember: replay, chains of crops that stay, averages, Adam.
ESTIMATORS = {
    "folds": DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(20,),
        max_iter=2, validation_fraction=0.4, random_state=0
    ),
    "refit": DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(20,),
        max_iter=2, refit=True, random_state=0,
    ),
    "replay": DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(20,),
        max_iter=4, tuples=Mixture({"replay": 0.5, "stratified": 0.5}, lag=1),
        tau=0.1,
        solver="adam", n_networks=2, n_steps=5, step_size=1.0,
        random_state=0,
    ),
    "stopping": DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(20,),
        max_iter=6, early_stopping=EarlyStopping(2), refit=True,
        learning_rate_init=0.3, alpha=0.01, n_steps=5, random_state=0,
    ),
    "masks": DVNSegmenter(
        n_channels=4, max_iter=4, batch_size=8, crops=12, tau=0.1,
        tuples=CHAINS, solver=AdamW(averaging=0.9), random_state=0,
    ),
    # What behaves differently in training: batch norms of a network that is done when
    # the fit is killed, and dropout.
    "norms": UNetSegmenter(
        4, 2, max_iter=3, batch_size=8, crops=12, solver=AdamW(averaging=0.0),
        n_networks=2, random_state=0,
    ),
    "dropout": DVNSegmenter(
        "conv", max_iter=3, batch_size=12, crops=8, n_steps=3, random_state=0
    ),
    "baseline": FeedForwardClassifier((20,), max_iter=4, random_state=0),
}  # fmt: skip


def data_of(name):
    return MASKS if name in ("masks", "norms", "dropout") else LABELS


def weights_of(clf):
    return {name: w.numpy() for name, w in clf.network_.state_dict().items()}


def assert_same_fit(clf, other):
    mine, others = weights_of(clf), weights_of(other)
    assert mine.keys() == others.keys()
    for name, weight in mine.items():
        np.testing.assert_array_equal(weight, others[name], err_msg=name)
    assert _without_times(clf.history_) == _without_times(other.history_)


def _without_times(history):
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in history]


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def a_copy_after_each_epoch(monkeypatch):
    monkeypatch.setattr("skdvn.training.execution.SECONDS_BETWEEN_COPIES", 0.0)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_killed_fit_goes_on_bit_for_bit(name, tmp_path, monkeypatch, capsys):
    X, Y = data_of(name)
    estimator = ESTIMATORS[name]
    whole = _clone(estimator).fit(X, Y)
    n_epochs = len(whole.history_)
    run_epoch, n_run = Trainer.run_epoch, []

    def run_and_die(trainer):
        if len(n_run) in deaths:
            deaths.remove(len(n_run))
            raise Killed
        n_run.append(trainer)
        return run_epoch(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", run_and_die)
    deaths = {1, n_epochs // 2, n_epochs - 1} - {0}
    n_deaths = len(deaths)
    for _ in range(n_deaths):
        with pytest.raises(Killed):
            _clone(estimator, tmp_path).fit(X, Y)
    capsys.readouterr()
    resumed = _clone(estimator, tmp_path).set_params(verbose=True).fit(X, Y)
    assert "from the checkpoint" in capsys.readouterr().out.splitlines()[0]
    assert len(n_run) == n_epochs  # none was run twice
    assert_same_fit(resumed, whole)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    assert not list(tmp_path.iterdir())  # nothing is left of a complete fit


def _clone(estimator, folder=None):
    # On a GPU sums are made in no fixed order.
    return clone(estimator).set_params(checkpoint_dir=folder, device="cpu")


SCRIPT = """
import sys
import joblib, torch
from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.training import Checkpoints, Trainer
torch.set_num_threads(1)
run_epoch, n_run = Trainer.run_epoch, []
Trainer.run_epoch = lambda trainer: n_run.append(0) or run_epoch(trainer)
X, Y = load_digit_attributes(noise=6, return_X_y=True)
clf = DVNMultiLabelClassifier(
    network="linear", hidden_layer_sizes=(50,),
    max_iter=12, refit=True, device="cpu", random_state=0,
    checkpoint_dir=sys.argv[1],
)
joblib.dump((clf.fit(X[:400], Y[:400]), len(n_run)), sys.argv[2])
"""


@pytest.mark.slow
def test_kill_9_then_resume_gives_identical_weights(tmp_path):
    folder, found = tmp_path / "checkpoints", tmp_path / "found.joblib"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(found)]
    process = subprocess.Popen(command)
    _wait_for(lambda: list(folder.glob("*/*.pt")), process)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not found.exists()
    subprocess.run(command, check=True)
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    whole = DVNMultiLabelClassifier(
        network="linear",
        hidden_layer_sizes=(50,),
        max_iter=12,
        refit=True,
        device="cpu",
        random_state=0,
    )
    resumed, n_run = joblib.load(found)
    assert_same_fit(resumed, whole.fit(X[:400], Y[:400]))
    assert n_run < len(whole.history_)  # not all over again


def _wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the fit ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def agreement(power):
    """An oracle of which there are several."""
    return lambda y, y_true: 1 - (y - y_true).abs().mean(1) ** power


def test_other_parameters_or_data_begin_anew(tmp_path):
    X, Y = LABELS
    base = ESTIMATORS["folds"]
    fits = {
        fingerprint(_clone(base), X, Y),
        fingerprint(_clone(base).set_params(tau=0.1), X, Y),
        fingerprint(_clone(base).set_params(random_state=1), X, Y),
        fingerprint(_clone(base), X + 1, Y),
        fingerprint(_clone(base), X, 1 - Y),
        fingerprint(_clone(base).set_params(network=torch.nn.Linear(2, 2)), X, Y),
    }
    own = [
        {"network": torch.nn.Sequential(torch.nn.ReLU())},
        {"network": torch.nn.Sequential(torch.nn.Tanh())},
        {"oracle": agreement(1.0)},
        {"oracle": agreement(2.0)},
        {"oracle": lambda y, y_true: (y * y_true).mean(1)},
        {"oracle": lambda y, y_true: (y * y_true).amax(1)},
    ]
    fits |= {fingerprint(_clone(base).set_params(**one), X, Y) for one in own}
    assert len(fits) == 12
    alike = _clone(base, tmp_path).set_params(n_jobs=2, verbose=True)
    assert fingerprint(alike, X.copy(), Y.copy()) in fits


@pytest.mark.slow
def test_a_name_is_the_same_in_another_process():
    """Modules and functions are told by what they hold, not by where they lie."""
    code = """
from functools import partial
import torch
from skdvn import DVNMultiLabelClassifier
from skdvn.estimators import fingerprint
def own_oracle(y, y_true): ...
torch.manual_seed(0)
class Callable:
    def __init__(self):
        self.weight = torch.ones(3)
    def __call__(self, y, y_true): ...
inner = DVNMultiLabelClassifier(network=torch.nn.Linear(2, 2))
clf = DVNMultiLabelClassifier(
    oracle=partial(own_oracle, y_true=torch.ones(2)),
    encoder=torch.nn.Linear(3, 4),
    init=inner,
    tuples={own_oracle: 1, Callable(): 2},
)
print(fingerprint(clf, torch.ones(2, 3), None))
"""
    names = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert len(names) == 1 and names.pop().strip()


@pytest.mark.slow
def test_candidates_of_a_grid_search_share_a_folder(tmp_path):
    X, Y = LABELS
    grid = {"oracle": [agreement(1.0), agreement(3.0)], "tau": [0.0, 0.1]}
    scores = [
        GridSearchCV(_clone(ESTIMATORS["refit"], folder), grid, cv=2, n_jobs=n_jobs)
        .fit(X, Y)
        .cv_results_["mean_test_score"]
        for folder, n_jobs in ((None, 1), (tmp_path, 2))
    ]
    np.testing.assert_allclose(*scores)
    assert not list(tmp_path.iterdir())


def test_the_same_fit_twice_at_once(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        fits = [
            pool.submit(_clone(ESTIMATORS["refit"], tmp_path).fit, *LABELS)
            for _ in range(3)
        ]
    first, *others = (fit.result() for fit in fits)
    for other in others:
        assert weights_of(other).keys() == weights_of(first).keys()
        for name, weight in weights_of(other).items():
            np.testing.assert_array_equal(weight, weights_of(first)[name])


def test_a_copy_of_another_choice_is_not_taken(tmp_path, monkeypatch):
    """As where sums in another order led to another learning rate."""
    clf = _clone(ESTIMATORS["refit"], tmp_path)
    save = Checkpoints.save

    def save_another(copies, number, state):
        state["run"]["learning_rate_init"] *= 2
        save(copies, number, state)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_another)
        patch.setattr(Checkpoints, "clear", lambda copies: None)
        clf.fit(*LABELS)
    n_run, run_epoch = [], Trainer.run_epoch
    monkeypatch.setattr(
        Trainer, "run_epoch", lambda trainer: n_run.append(0) or run_epoch(trainer)
    )
    assert len(clf.fit(*LABELS).history_) == len(n_run)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    clf = _clone(ESTIMATORS["refit"], tmp_path / "file")
    with pytest.raises(ValueError, match=r"checkpoint_dir=.*file.* must be a folder"):
        clf.fit(*LABELS)


@pytest.mark.parametrize("state", [None, np.random.RandomState(0)])
def test_checkpoints_need_a_seed(tmp_path, state):
    clf = DVNMultiLabelClassifier(checkpoint_dir=tmp_path, random_state=state)
    with pytest.raises(ValueError, match=r"random_state=.*checkpoint_dir="):
        clf.fit(*LABELS)
    assert not hasattr(clf, "network_")


def test_a_checkpoint_runs_no_code(tmp_path):
    """A file that would run a command when unpickled is refused."""

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    Checkpoints(tmp_path).save(1, {"trainer": Evil()})
    with pytest.raises(ValueError, match="cannot be read"):
        Checkpoints(tmp_path).load(1)
    assert not (tmp_path / "ran").exists()


def test_a_failed_write_leaves_the_older_copy(tmp_path):
    copies = Checkpoints(tmp_path)
    copies.save(1, {"n": 1})
    with pytest.raises(Exception, match="pickle|local object"):
        copies.save(1, {"n": lambda: 0})
    assert copies.load(1) == {"n": 1}
    assert [path.name for path in Path(tmp_path).iterdir()] == ["training-1.pt"]
