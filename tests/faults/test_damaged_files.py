"""Tests of damaged files: each is refused by name, or loads what was saved."""

import sys
from collections import Counter
from itertools import cycle, islice

import damages
import numpy as np
import pytest
import safetensors

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.persistence import load, save

ROWS, LABELS = (part[:60] for part in load_digit_attributes(return_X_y=True))
IMAGES, MASKS = make_silhouettes(4, size=16, random_state=0)
MODELS = {
    "weights": lambda: FeedForwardClassifier((5,), max_iter=1, random_state=0).fit(
        ROWS, LABELS
    ),
    "trees": lambda: DVNMultiLabelClassifier(
        step_size=0.5, n_steps=2, learning_rate_init=0.1, alpha=0.01, max_iter=1,
        cv=2, random_state=0,
    ).fit(ROWS, LABELS),
    "masks": lambda: UNetSegmenter(2, max_iter=1, random_state=0).fit(IMAGES, MASKS),
}  # fmt: skip
SAYING_NOTHING = ("entries reordered", "blanks added")
# What Python tells its auditors about when code is run or files are changed.
ACTIONS = (
    *("exec", "compile", "os.system", "os.posix_spawn", "subprocess.Popen"),
    *("pickle.find_class", "os.mkdir", "os.remove", "os.rename", "socket.connect"),
)


class Watch:
    """Notes what is done while it is on."""

    def __init__(self):
        self.actions = None
        sys.addaudithook(self.note)

    def note(self, event, arguments):
        if self.actions is not None and event in ACTIONS:
            self.actions.append((event, str(arguments)[:200]))

    def __enter__(self):
        self.actions = []
        return self.actions

    def __exit__(self, *error):
        self.actions = None


WATCH = Watch()


def checksum_in(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata()["sha256"]


def check_damaged_files(model, n_files, tmp_path, seed):
    """Load damaged files, two of three with damaged bytes, of all kinds in turn."""
    X = IMAGES if "egmenter" in type(model).__name__ else ROWS
    path, again = tmp_path / "model.safetensors", tmp_path / "again.safetensors"
    save(model, path)
    data, checksum = path.read_bytes(), checksum_in(path)
    expected = load(path).predict_proba(X)
    rng, n_damaged, n_loaded = np.random.default_rng(seed), Counter(), Counter()
    kinds = cycle([*damages.BYTES, *damages.HEADERS, *damages.BYTES])
    for kind in islice(kinds, n_files):
        n_damaged[kind] += 1
        path.write_bytes(damages.damaged(data, kind, rng))
        with WATCH as actions:
            try:
                loaded = load(path)
            except ValueError as error:
                loaded = None
                assert repr(str(path)) in str(error) and "Remedy: " in str(error)
        assert not actions, kind
        if loaded is not None:
            n_loaded[kind] += 1
            np.testing.assert_array_equal(loaded.predict_proba(X), expected)
            save(loaded, again)
            assert checksum_in(again) == checksum, kind
    for kind in SAYING_NOTHING:
        assert n_loaded[kind] == n_damaged[kind] > 0


def test_damaged_files_are_refused_or_load_what_was_saved(tmp_path):
    check_damaged_files(MODELS["weights"](), 200, tmp_path, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, n_files", {"weights": 4000, "trees": 3000, "masks": 3000}.items()
)
def test_10_000_damaged_files(name, n_files, tmp_path):
    check_damaged_files(MODELS[name](), n_files, tmp_path, 1)
