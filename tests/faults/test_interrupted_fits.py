"""Tests of fits that something comes between, within this process.

Each ends with the result of a fit left in peace, bit for bit, or with an error that
says what to do, and the estimator is as it was before.
"""

import re
import warnings
from contextlib import ExitStack, contextmanager

import damages
import numpy as np
import pytest
from joblib import parallel_config
from settings import QUICK_LABELS
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.baselines import FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.estimators import execution_for
from skdvn.persistence import load, save
from skdvn.training import Trainer

ROWS, LABELS = (part[:60] for part in load_digit_attributes(return_X_y=True))
IMAGES, MASKS = make_silhouettes(6, size=16, random_state=0)
SMALL = {"max_iter": 3, "random_state": 0, "device": "cpu"}
CLF = DVNMultiLabelClassifier(**{**QUICK_LABELS, **SMALL, "hidden_layer_sizes": (5,)})
ESTIMATORS = {
    "several": clone(CLF).set_params(n_networks=2),
    "feed-forward": FeedForwardClassifier((5,), **SMALL),
    "masks": DVNSegmenter(n_channels=2, **SMALL),
    "unet": UNetSegmenter(2, **SMALL),
}
ALL = [
    "several",
    "unet",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("feed-forward", "masks")),
]


def data_of(estimator):
    return (IMAGES, MASKS) if "egmenter" in type(estimator).__name__ else (ROWS, LABELS)


def probabilities(estimator):
    return estimator.predict_proba(data_of(estimator)[0])


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def a_copy_after_each_epoch(monkeypatch):
    monkeypatch.setattr("skdvn.training.execution.SECONDS_BETWEEN_COPIES", 0.0)


@contextmanager
def no_room(n_bytes=2000):
    """No file may grow beyond some bytes, as where the disk is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def dying(after, how=Killed):
    """Raise instead of beginning another epoch."""
    with pytest.MonkeyPatch.context() as patch:
        run_epoch, n_run = Trainer.run_epoch, []

        def run_or_die(trainer):
            if len(n_run) == after:
                raise how
            n_run.append(trainer)
            return run_epoch(trainer)

        patch.setattr(Trainer, "run_epoch", run_or_die)
        yield


def checkpoints_of(estimator):
    folder = execution_for(
        estimator, *data_of(estimator), *[None] * 3
    ).checkpoints.folder
    return sorted(folder.iterdir()) if folder.exists() else []


# -- a full disk -------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_without_room_for_checkpoints_a_fit_goes_on(name, tmp_path):
    whole = clone(ESTIMATORS[name]).fit(*data_of(ESTIMATORS[name]))
    clf = clone(whole).set_params(checkpoint_dir=tmp_path)
    with no_room(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(*data_of(clf))
    found = [str(one.message) for one in caught if "checkpoint" in str(one.message)]
    assert len(found) == 1
    assert re.search(f"{tmp_path}.*training-1.pt'\\. .*Remedy: make room", found[0])
    np.testing.assert_array_equal(probabilities(clf), probabilities(whole))
    assert not list(tmp_path.iterdir())


def test_without_room_parallel_trainings_go_on(tmp_path):
    clf = clone(ESTIMATORS["several"]).set_params(checkpoint_dir=tmp_path, n_jobs=2)
    told = pytest.warns(UserWarning, match="No checkpoint can be written")
    with no_room(), parallel_config("threading"), told as caught:
        clf.fit(ROWS, LABELS)
    assert len([one for one in caught if "No checkpoint" in str(one.message)]) == 1


def test_a_fit_ends_without_checkpoints_if_told_to(tmp_path):
    clf = clone(CLF).fit(ROWS, LABELS)
    before = clf.__getstate__()
    clf.set_params(checkpoint_dir=tmp_path, max_iter=2)
    with no_room(), warnings.catch_warnings():
        warnings.filterwarnings("error", message="No checkpoint can be written")
        with pytest.raises(UserWarning, match="Remedy"):
            clf.fit(ROWS, LABELS)
    assert (
        clf.set_params(checkpoint_dir=None, max_iter=3).history_ == before["history_"]
    )
    np.testing.assert_array_equal(
        probabilities(clf), probabilities(clone(CLF).fit(ROWS, LABELS))
    )


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    clf = clone(CLF).set_params(checkpoint_dir=tmp_path, max_iter=6)
    with dying(after=2), pytest.raises(Killed):
        clf.fit(ROWS, LABELS)
    good = [(path, path.read_bytes()) for path in checkpoints_of(clf)]
    told = pytest.warns(UserWarning, match="No checkpoint")
    with no_room(), dying(after=2), told, pytest.raises(Killed):
        clf.fit(ROWS, LABELS)
    assert [(path, path.read_bytes()) for path in checkpoints_of(clf)] == good
    whole = clone(clf).set_params(checkpoint_dir=None).fit(ROWS, LABELS)
    with dying(after=4):  # two of the six are done
        clf.fit(ROWS, LABELS)
    np.testing.assert_array_equal(probabilities(clf), probabilities(whole))


def test_checkpoints_are_written_again_once_there_is_room(tmp_path, monkeypatch):
    clf = clone(CLF).set_params(checkpoint_dir=tmp_path)
    run_epoch, n_run = Trainer.run_epoch, []

    def run_and_make_room(trainer):
        n_run.append(trainer)
        if len(n_run) == 2:
            full_disk.close()
        return run_epoch(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", run_and_make_room)
    told = pytest.warns(UserWarning, match="No checkpoint")
    with ExitStack() as full_disk, dying(after=2), told, pytest.raises(Killed):
        full_disk.enter_context(no_room())
        clf.fit(ROWS, LABELS)
    assert len(checkpoints_of(clf)) == 1


def test_a_model_without_room_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.safetensors"
    clf = clone(CLF).fit(ROWS, LABELS)
    save(clf, path)
    with no_room(), pytest.raises(OSError, match="model.safetensors"):
        save(clone(clf).set_params(max_iter=1).fit(ROWS, LABELS), path)
    np.testing.assert_array_equal(probabilities(load(path)), probabilities(clf))
    assert list(tmp_path.iterdir()) == [path]


# -- folders that cannot be written ------------------------------------------------


@pytest.mark.parametrize("place", ["file/beneath", "/proc/checkpoints"])
def test_a_folder_that_cannot_be_made_is_named_before_the_fit(place, tmp_path):
    (tmp_path / "file").touch()
    clf = clone(CLF).fit(ROWS, LABELS)
    before = probabilities(clf)
    clf.set_params(checkpoint_dir=tmp_path / place)
    with pytest.raises(ValueError, match=r"checkpoint_dir=.* must be a folder"):
        clf.fit(ROWS, LABELS)
    np.testing.assert_array_equal(probabilities(clf), before)


def test_a_folder_that_is_lost_on_the_way_ends_no_fit(tmp_path, monkeypatch):
    """As where a network drive is gone; writing to what is read-only fails alike."""
    folder = tmp_path / "drive"
    clf = clone(CLF).set_params(checkpoint_dir=folder)
    run_epoch = Trainer.run_epoch

    def lose_the_drive(trainer):
        if folder.is_dir():
            for path in sorted(folder.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            folder.rmdir()
            folder.touch()
        return run_epoch(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", lose_the_drive)
    with pytest.warns(UserWarning, match="drive.*Remedy"):
        clf.fit(ROWS, LABELS)
    whole = clone(CLF).fit(ROWS, LABELS)
    np.testing.assert_array_equal(probabilities(clf), probabilities(whole))


# -- damaged checkpoints -----------------------------------------------------------


def test_damaged_checkpoints_are_named(tmp_path):
    """None goes on from other numbers, however small the damage."""
    clf = clone(CLF).fit(ROWS, LABELS).set_params(max_iter=4)
    before, after = probabilities(clf), clone(clf).fit(ROWS, LABELS)
    clf.set_params(checkpoint_dir=tmp_path)
    with dying(after=2), pytest.raises(Killed):
        clf.fit(ROWS, LABELS)
    (path,) = checkpoints_of(clf)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        kind = str(rng.choice(sorted(damages.BYTES)))
        path.write_bytes(damages.damaged(data, kind, rng))
        with pytest.raises(ValueError, match=rf"{path.name}.*Remedy: delete it"):
            clf.fit(ROWS, LABELS)
    np.testing.assert_array_equal(probabilities(clf), before)
    path.unlink()
    np.testing.assert_array_equal(
        probabilities(clf.fit(ROWS, LABELS)), probabilities(after)
    )


# -- Ctrl-C ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_ctrl_c_keeps_what_is_trained_and_the_fit_can_go_on(name, tmp_path):
    clf = clone(ESTIMATORS[name])
    whole = clone(clf).fit(*data_of(clf))
    clf.set_params(checkpoint_dir=tmp_path)
    told = pytest.warns(ConvergenceWarning, match="interrupted")
    with dying(after=2, how=KeyboardInterrupt), told:
        clf.fit(*data_of(clf))
    assert np.isfinite(probabilities(clf)).all()
    with dying(after=len(whole.history_) - 2):  # what was done is not done again
        clf.fit(*data_of(clf))
    np.testing.assert_array_equal(probabilities(clf), probabilities(whole))


class Interrupting:
    """A callback in which the user presses Ctrl-C once."""

    pressed = False

    def setup(self, *arguments, **keywords):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, *arguments, **keywords):
        if not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_in_a_callback(n_jobs):
    """One training is kept as it is; of several at once there is no result."""
    clf = clone(ESTIMATORS["several"]).set_params(n_jobs=n_jobs)
    if not hasattr(clf, "set_callbacks"):
        pytest.skip("this scikit-learn has no callbacks")
    with parallel_config("threading"):
        before = probabilities(clf.fit(ROWS, LABELS))
        clf.set_params(max_iter=5).set_callbacks(Interrupting())
        if n_jobs is None:
            with pytest.warns(ConvergenceWarning, match="interrupted"):
                clf.fit(ROWS, LABELS)
            assert len(clf.history_) == 1
        else:
            with pytest.raises(KeyboardInterrupt):
                clf.fit(ROWS, LABELS)
            np.testing.assert_array_equal(probabilities(clf), before)
