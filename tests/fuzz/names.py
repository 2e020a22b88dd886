"""What a program may name without importing it, and the imports of one to be read."""

import ast

import skdvn
import skdvn.baselines

from . import helpers

IMPORTS = [
    "import copy",
    "import pickle",
    "import tempfile",
    "import numpy as np",
    "import pandas as pd",
    "import polars as pl",
    "import torch",
    "from scipy import sparse",
    "from sklearn.base import clone",
    "from sklearn.dummy import DummyClassifier",
    "from sklearn.linear_model import LogisticRegression",
    "from sklearn.model_selection import KFold",
    "from sklearn.model_selection import ShuffleSplit",
    "from sklearn.multiclass import OneVsRestClassifier",
    "from sklearn.neighbors import KNeighborsClassifier",
    "from sklearn.tree import DecisionTreeClassifier",
    "from skdvn.training import ground_truth",
    *(f"from skdvn import {name}" for name in skdvn.__all__),
    *(f"from skdvn.baselines import {name}" for name in skdvn.baselines.__all__),
    *(f"from skdvn.metrics import {name}" for name in skdvn.metrics.__all__),
]
NAMESPACE = {
    name: thing for name, thing in vars(helpers).items() if not name.startswith("_")
}
exec("\n".join(IMPORTS), NAMESPACE)


def uses(node, name):
    """Whether a piece of a program reads this name."""
    return any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
        for one in ast.walk(node)
    )


def with_imports(source):
    """A program that can be run by itself, from the root of the repository."""
    tree = ast.parse(source)
    used = [line for line in IMPORTS if uses(tree, line.split()[-1])]
    known = {line.split()[-1] for line in IMPORTS}
    helping = [
        f"from tests.fuzz.helpers import {name}"
        for name in NAMESPACE.keys() - known
        if uses(tree, name)
    ]
    return "\n".join([*used, *sorted(helping), "", source])
