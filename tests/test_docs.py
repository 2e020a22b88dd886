"""The figures of the user guide are drawn, and the README's code runs.

Snippets of the pages are tested in docs.
"""

import io
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIGURES = sorted((ROOT / "docs" / "figures").glob("*.py"))
PAGES = [
    ROOT / "README.rst",
    ROOT / "CHANGELOG.rst",
    *sorted((ROOT / "docs").glob("*.rst")),
    *sorted((ROOT / "docs" / "guide").glob("*.rst")),
]
README = (ROOT / "README.rst").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figure(path, tmp_path):
    env = os.environ | {"MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=env, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_tables_of_the_page_are_well_formed(path):
    """Else it shows an error in their place; directives of Sphinx are not looked at."""
    docutils = pytest.importorskip("docutils.core")
    told = io.StringIO()
    docutils.publish_doctree(
        path.read_text(encoding="utf-8"),
        settings_overrides={"warning_stream": told, "halt_level": 5},
    )
    assert "Malformed table" not in told.getvalue()


def test_the_code_of_the_readme_runs():
    """As a user would copy it."""
    blocks = re.findall(r"^\.\. code:: python\n\n((?:    .*\n|\n)+)", README, re.M)
    assert len(blocks) == 1
    exec(textwrap.dedent(blocks[0]), {})


def test_the_readme_shows_its_figure():
    docutils = pytest.importorskip("docutils.core")
    nodes = pytest.importorskip("docutils.nodes")
    document = docutils.publish_doctree(README, settings_overrides={"report_level": 5})
    (figure,) = document.findall(nodes.image)
    assert (ROOT / figure["uri"]).exists() and figure["alt"]
