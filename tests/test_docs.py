"""The figures of the user guide are drawn; its snippets are tested in docs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIGURES = sorted((Path(__file__).parents[1] / "docs" / "figures").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figure(path, tmp_path):
    env = os.environ | {"MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=env, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
