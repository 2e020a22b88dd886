"""What a user of the installed package meets before anything is fitted."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from public_modules import PUBLIC

import skdvn
from skdvn.datasets import load_fasseg_frontal, load_lfw_parts, load_weizmann_horses
from skdvn.inspection import (
    LabelPairsDisplay,
    MeanImageDisplay,
    RiskCoverageDisplay,
    ValueCalibrationDisplay,
)
from skdvn.metrics import slic_segments

HERE = Path(skdvn.__file__).parent
ROOT = Path(__file__).parents[1]
OPTIONAL = (
    *("matplotlib", "PIL", "skimage", "polars"),
    *("dask", "distributed", "onnx", "onnxscript", "onnxruntime"),
    *("safetensors", "skops"),
)


@pytest.mark.slow
def test_import_brings_nothing_optional():
    """Nor is anything trained, drawn or downloaded by it."""
    code = f"""
import sys
import skdvn, {", ".join(PUBLIC)}
print(sorted(set({OPTIONAL}) & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert ran.stdout.strip() == "[]"
    assert not ran.stderr


MISSING = {
    "slic_segments": ("skimage", "superpixels", lambda: slic_segments([[[1]]])),
    **{
        load.__name__: ("PIL", "images", lambda load=load: load("nowhere"))
        for load in (load_weizmann_horses, load_fasseg_frontal, load_lfw_parts)
    },
    **{
        f"{display.__name__}.from_predictions": (
            "matplotlib",
            "plot",
            lambda display=display: display.from_predictions([1.0], [1.0]),
        )
        for display in (RiskCoverageDisplay, ValueCalibrationDisplay)
    },
    **{
        f"{display.__name__}.from_estimator": (
            "matplotlib",
            "plot",
            lambda display=display: display.from_estimator(None, np.empty(0), None),
        )
        for display in (MeanImageDisplay, RiskCoverageDisplay, ValueCalibrationDisplay)
    },
    "LabelPairsDisplay.from_estimator": (
        "matplotlib",
        "plot",
        lambda: LabelPairsDisplay.from_estimator(None),
    ),
}


@pytest.mark.parametrize("caller", MISSING)
def test_a_missing_extra_is_named(caller, monkeypatch):
    package, extra, call = MISSING[caller]
    for name in [package, *(name for name in sys.modules if name.startswith(package))]:
        monkeypatch.setitem(sys.modules, name, None)
    message = rf"{re.escape(caller)} needs .*pip install skdvn\[{extra}\]"
    with pytest.raises(ImportError, match=message):
        call()


def test_every_extra_in_a_message_is_declared():
    declared = (ROOT / "setup.py").read_text(encoding="utf-8")
    named = {
        extra
        for path in HERE.rglob("*.py")
        for extra in re.findall(r"skdvn\[(\w+)\]", path.read_text(encoding="utf-8"))
    }
    assert {"images", "plot", "superpixels"} <= named
    assert all(re.search(rf'^ *"{extra}": ', declared, re.MULTILINE) for extra in named)


def test_scripts_beside_a_checkout_find_the_package(tmp_path):
    """And not the checkout itself, a folder of the same name without a module."""
    (tmp_path / "skdvn").mkdir()
    command = "from importlib.util import find_spec; find_spec('skdvn').loader.name"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True)


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {skdvn.__version__}\n" in citation


def _callables(module):
    """Public functions, and methods that skdvn defines in public classes."""
    contents = importlib.import_module(module)
    for name, thing in vars(contents).items():
        listed = name in getattr(contents, "__all__", [])
        here = getattr(thing, "__module__", "") == module
        if name.startswith("_") or not (listed or here):
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            for method, found in inspect.getmembers(thing, inspect.isroutine):
                ours = getattr(found, "__module__", None) or ""
                if ours.startswith("skdvn") and not method.startswith("_"):
                    yield f"{name}.{method}", found


@pytest.mark.parametrize("module", PUBLIC)
def test_what_users_call_is_annotated(module):
    assert (HERE / "py.typed").is_file()
    for name, function in _callables(module):
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty, name
        for parameter in signature.parameters.values():
            if parameter.name not in ("self", "cls"):
                assert parameter.annotation is not parameter.empty, (name, parameter)
