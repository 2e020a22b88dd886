"""The benchmarks can make what they measure."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """``load(name)``: a script as a module."""
    monkeypatch.syspath_prepend(FOLDER)

    def load_script(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load_script


@pytest.mark.parametrize(
    ("script", "table"), [("bibtex", "ROWS"), ("large", "GROWTH"), ("large", "QUALITY")]
)
def test_every_row_has_a_model(load, script, table):
    models = [make(0) for make in getattr(load(script), table).values()]
    assert models and all(hasattr(model, "fit") for model in models)


def test_parts_of_the_default_are_learned_one_after_the_other(load, uniform):
    labels = load("labels")
    p = uniform(60, 4).numpy()
    truth = (uniform(60, 4, seed=1).numpy() < p).astype(int)
    plain = labels.trained_network(p, truth, (), 0)
    counted = labels.trained_network(p, truth, ("counts", "slope"), 0)
    whole = labels.trained_network(p, truth, ("counts", "slope", "correction"), 0)
    assert plain.log_slope == 0 and not plain.correction.any()
    assert counted.log_slope != 0 and not counted.correction.any()
    assert whole.correction.all()
    Y, found, values = labels.climbed(whole, p)
    row = labels.measured(Y.astype(int), found, values, truth)
    assert 0 < row["f1"] < 1 and 0 < row["risk"] < 1
