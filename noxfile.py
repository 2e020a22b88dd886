"""The tests at the lowest and at the newest versions of everything skdvn needs.

``make matrix`` runs every row whose Python is on the PATH and skips the others.
With ``pip install nox uv`` one row alone, and arguments for pytest:

    nox -s "tests(lowest, 3.10)" -- -x

PyTorch comes from PyPI, on Linux with gigabytes of GPU libraries, unless
``UV_FIND_LINKS`` or ``UV_INDEX`` names a place that has a smaller build.
"""

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False

ROWS = {
    "lowest, 3.10": ("3.10", "lowest-direct"),
    "newest, 3.11": ("3.11", "highest"),
    "newest, 3.12": ("3.12", "highest"),
    "newest, 3.13": ("3.13", "highest"),
}
SHOWN = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib", "skdvn")
SHOW = f"""
import platform
from importlib.metadata import version
print("Python", platform.python_version())
print(*[f"{{name}} {{version(name)}}" for name in {SHOWN}], sep="\\n")
"""


@nox.session
@nox.parametrize("python, resolution", list(ROWS.values()), ids=list(ROWS))
def tests(session, resolution):
    """Run the quick tests, in an environment of this row's versions."""
    session.install("--resolution", resolution, "-e", ".[test]")
    session.run("python", "-c", SHOW)
    session.run("python", "-m", "pytest", *session.posargs)
