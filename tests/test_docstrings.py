"""Docstrings of everything public say what goes in and what comes out."""

import importlib
import inspect

import pytest
from public_modules import PROTOCOLS, PUBLIC

from skdvn.estimators.calibration import _if_estimator_has

numpydoc = pytest.importorskip("numpydoc.validate")

# No extended summary, "See Also" or example is needed; what is returned has a name,
# which may say enough; a summary may be a noun, and stands in the first line.
UNWANTED = {"ES01", "SA01", "EX01", "RT02", "RT03", "SS05", "GL01", "GL02", "GL03"}
OF_PROTOCOLS = {"PR01", "PR07", "RT01", "YD01"}
# Where a class shares parameters with another, their names are listed once.
OF_SHARED_PARAMETERS = {"PR03", "PR04"}
DESCRIPTORS = classmethod, staticmethod, property, type(_if_estimator_has("x")(len))


def _public(module):
    """Functions, classes and, of these, the methods that skdvn itself defines."""
    contents = importlib.import_module(module)
    for name, thing in vars(contents).items():
        listed = name in getattr(contents, "__all__", [])
        here = getattr(thing, "__module__", "") == module
        if name.startswith("_") or not (listed or here):
            continue
        if inspect.isfunction(thing):
            yield f"{module}.{name}", thing
        elif inspect.isclass(thing):
            yield f"{module}.{name}", thing
            for method in dir(thing):
                owner = next((b for b in thing.__mro__ if method in vars(b)), object)
                value = inspect.getattr_static(thing, method)
                ours = owner.__module__.startswith("skdvn")
                described = callable(value) or isinstance(value, DESCRIPTORS)
                if ours and described and not method.startswith("_"):
                    yield f"{module}.{name}.{method}", getattr(thing, method)


def _errors(name, thing, unwanted):
    if "As for `" in (thing.__doc__ or ""):
        unwanted = unwanted | OF_SHARED_PARAMETERS
    errors = numpydoc.validate(name)["errors"]
    return [f"{name}: {text}" for code, text in errors if code not in unwanted]


@pytest.mark.parametrize("module", PUBLIC + PROTOCOLS)
def test_docstrings_are_complete(module):
    unwanted = UNWANTED | OF_PROTOCOLS if module in PROTOCOLS else UNWANTED
    names = dict(_public(module))
    assert names
    errors = [
        error
        for name, thing in names.items()
        for error in _errors(name, thing, unwanted)
    ]
    assert not errors, "\n".join(errors)
