"""The reference in docs/api lists what is public, and nothing else."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from public_modules import PROTOCOLS, PUBLIC

import skdvn

PAGES = sorted((Path(__file__).parents[1] / "docs" / "api").glob("*.rst"))
ENTRY = re.compile(r"^(?:   |\.\. (?:py:data|autodata):: )(\w+)$", re.MULTILINE)


def page_of(path):
    """The module that a page is about, and the names that it lists."""
    text = path.read_text(encoding="utf-8")
    module = re.search(r"currentmodule:: (\S+)", text)[1]
    return module, ENTRY.findall(text)


LISTED = dict(map(page_of, PAGES))
# Names that rooms hand to other rooms, and not to users.
BETWEEN_ROOMS = {
    "skdvn.metrics": {
        *("SigmoidMap", "check_values", "encoded_truth", "encoded_values", "new_map"),
        *("read_weights", "value_bins", "value_of_mask"),
    },
    "skdvn.networks": {
        *("KINDS", "N_APART", "build", "describe", "expected_term"),
        *("has_closed_form", "is_known", "layout", "logits_in", "logits_of"),
        *("single_values_normalised",),
    },
}
# Of these rooms only what their pages list is for users.
ROOMS = {"skdvn.data", "skdvn.estimators", "skdvn.inference", "skdvn.training"}
MODULES = ["skdvn"] + [
    f"skdvn.{module.name}"
    for module in pkgutil.iter_modules(skdvn.__path__)
    if not module.name.startswith("_")
]


@pytest.mark.parametrize("name", sorted({*MODULES} - ROOMS))
def test_public_names_are_listed(name):
    public = set(getattr(importlib.import_module(name), "__all__", ()))
    missing = public - set(LISTED.get(name, ())) - BETWEEN_ROOMS.get(name, set())
    assert not missing, f"list them in docs/api/{name.split('.')[-1]}.rst"


def test_names_between_rooms_are_there_and_not_listed():
    for name, between in BETWEEN_ROOMS.items():
        assert between <= set(importlib.import_module(name).__all__)
        assert not between & set(LISTED[name])


def test_public_modules_have_a_page():
    assert {*PUBLIC, *PROTOCOLS} == set(LISTED)
    assert set(LISTED) | ROOMS == set(MODULES)


@pytest.mark.parametrize("name", LISTED)
def test_listed_names_exist(name):
    module = importlib.import_module(name)
    assert LISTED[name]
    assert not [one for one in LISTED[name] if not hasattr(module, one)]
