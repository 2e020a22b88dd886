"""The reference in docs/api lists what is public, and nothing else."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import skdvn

PAGES = sorted((Path(__file__).parents[1] / "docs" / "api").glob("*.rst"))
ENTRY = re.compile(r"^(?:   |\.\. (?:py:data|autodata):: )(\w+)$", re.MULTILINE)


def page_of(path):
    """The module that a page is about, and the names that it lists."""
    text = path.read_text(encoding="utf-8")
    module = re.search(r"currentmodule:: (\S+)", text)[1]
    return module, ENTRY.findall(text)


LISTED = dict(map(page_of, PAGES))
MODULES = ["skdvn"] + [
    f"skdvn.{module.name}"
    for module in pkgutil.iter_modules(skdvn.__path__)
    if not module.name.startswith("_")
]


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_listed(name):
    public = set(getattr(importlib.import_module(name), "__all__", ()))
    missing = public - set(LISTED.get(name, ()))
    assert not missing, f"list them in docs/api/{name.split('.')[-1]}.rst"


@pytest.mark.parametrize("name", LISTED)
def test_listed_names_exist(name):
    module = importlib.import_module(name)
    assert LISTED[name]
    assert not [one for one in LISTED[name] if not hasattr(module, one)]
