"""Random programs hold skdvn to what it promises; planted faults are noticed."""

import inspect
import random
from pathlib import Path

import pytest
import torch

import skdvn
from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.baselines import FeedForwardClassifier

from .calls import ARGUMENTS, methods_of, new_program
from .estimators import ESTIMATORS, drawn, kinds_of
from .judges import InvalidProgram
from .names import with_imports
from .running import run
from .search import Search
from .shrinking import smallest

LABELS = """
rng = np.random.default_rng(0)
X0 = rng.integers(-4, 5, size=(6, 2)) / 2
Y0 = rng.integers(0, 2, size=(6, 3))
X = unsorted(X0)
Y = sparse.csr_matrix(Y0)
clf = FeedForwardClassifier(hidden_layer_sizes=2, max_iter=1, random_state=0)
clf.fit(X, Y)
clf.predict_proba(X)
assert_same(clf.predict_proba, sparse.csr_matrix(X0), X)
"""


def check(seed, n_cases):
    search = Search(seed, n_cases).carry_out()
    assert not search.found, search.report()
    assert search.n_invalid <= 0.1 * n_cases


@pytest.mark.parametrize("seed", [0, 2, 3, 5])
def test_a_few_programs(seed):
    check(seed, n_cases=50)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_programs(seed):
    check(seed, n_cases=500)


# -- the fuzzer itself -------------------------------------------------------------


def plant(monkeypatch, method, lines, owner=FeedForwardClassifier):
    """Put lines, which seem to be skdvn's, before a method; they may return."""
    parameters = "self, X, *args, **kwargs"
    body = "\n ".join([*lines, f"return original({parameters})"])
    place = Path(skdvn.__file__).with_name("planted.py")
    namespace = {"original": getattr(owner, method)}
    imports = "import numpy as np, torch, warnings\n"
    source = f"{imports}def {method}({parameters}):\n {body}"
    exec(compile(source, place, "exec"), namespace)
    monkeypatch.setattr(owner, method, namespace[method])


FAULTS = {
    "caller's data: X": ["X.sort_indices()"],
    "global state: numpy.random": ["np.random.seed(0)"],
    "global state: torch's generator": ["torch.rand(1)"],
    "global state: threads, torch's threads": ["torch.set_num_threads(3)"],
    "global state: warnings.filters": ["warnings.simplefilter('error')"],
    "not finite: clf.predict_proba": ["return np.full((6, 3), np.nan)"],
    "outside [0, 1]: clf.predict_proba": ["return np.full((6, 3), 2.0)"],
    "containers: differs": ["return np.full((6, 3), X.has_sorted_indices * 0.5)"],
    "containers: takes": ["if not X.has_sorted_indices: raise ValueError('X')"],
    "RuntimeWarning: divide by zero": ["np.ones(1) / 0"],
    "undocumented KeyError": ["{}[0]"],
    "undocumented MemoryError": ["np.ones(2**31)"],
    "accidental ValueError": ["np.ones(2) + np.ones(3)"],
    "ValueError without a name": ["raise ValueError('Something is wrong.')"],
    "parameters: max_iter": ["self.max_iter += 1"],
    "estimator: changed": ["self.classes_ = self.classes_[::-1]"],
}


@pytest.fixture
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("same_threads")
@pytest.mark.parametrize("kind", FAULTS)
def test_notices(kind, monkeypatch):
    plant(monkeypatch, "predict_proba", FAULTS[kind])
    assert run(LABELS).kind.startswith(kind)


def test_notices_what_does_not_end(monkeypatch):
    plant(monkeypatch, "predict_proba", ["while True: pass"])
    assert run(LABELS, seconds=0.5).kind == "time: clf.predict_proba"


def test_notices_that_a_failed_fit_loses_what_was_fitted(monkeypatch):
    source = LABELS + "clf.fit(X, Y0[:-1])"
    assert run(source) is None
    plant(monkeypatch, "fit", ["vars(self).pop('network_', 0)"])
    assert run(source).kind == "estimator: changed by a call that failed"


def test_fine_program_is_fine():
    assert run(LABELS) is None


def test_program_that_fails_by_itself_is_invalid():
    with pytest.raises(InvalidProgram):
        run(LABELS + "clf.predict(X0 + [1, 2, 3])")


def test_random_programs_meet_a_fault(monkeypatch):
    for owner in (DVNMultiLabelClassifier, DVNSegmenter):
        plant(monkeypatch, "fit", ["return self.spoilt"], owner)
    search = Search(0, 15).carry_out()
    _, cases = search.found["undocumented AttributeError in planted.py, fit"]
    assert len(cases) > 1


def test_smallest_program(monkeypatch):
    plant(monkeypatch, "predict_proba", ["return np.full((6, 3), np.nan)"])
    finding = run(LABELS)
    small = smallest(LABELS, finding)
    assert finding.is_like(run(small))
    assert len(small.splitlines()) <= 6 and "max_iter" not in small
    assert "from skdvn.baselines import FeedForwardClassifier" in with_imports(small)


def test_programs_depend_on_their_seed_alone():
    one, same, other = (new_program(random.Random(seed)) for seed in (0, 0, 1))
    assert one == same != other


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_parameters_are_drawn(name):
    cls, rng = ESTIMATORS[name], random.Random(0)
    for parameter in inspect.signature(cls).parameters:
        kinds = kinds_of(name) * 40
        texts = {drawn(rng, cls, parameter, kind) for kind in kinds}
        assert texts - {None, "None"}, f"tests/fuzz/estimators.py needs {parameter!r}"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_methods_can_be_called(name):
    cls = ESTIMATORS[name]
    for method in methods_of(cls):
        for parameter in inspect.signature(getattr(cls, method)).parameters.values():
            needed = parameter.default is parameter.empty and parameter.kind.value < 2
            known = parameter.name in {"self", *ARGUMENTS}
            assert known or not needed, f"tests/fuzz/calls.py needs {parameter}"
