"""Run a program, with judges around each statement that uses its estimator."""

import ast
import contextlib
import io
import sys
import warnings

from sklearn.base import BaseEstimator

from .judges import (
    Finding,
    InvalidProgram,
    judge_error,
    judge_result,
    judge_warning,
    names_of,
)
from .limits import TimeIsUp, limits, own_folder
from .names import NAMESPACE, uses
from .state import changes, described, global_state

MAX_SECONDS = 15
# Methods that change their estimator.
FITTING = {"fit", "partial_fit", "set_params"}


def run(source, seconds=MAX_SECONDS):
    """Run a program up to the first `Finding`; None if there is none.

    Parameters
    ----------
    source : str
        Statements; those that use a name ``clf`` are judged.
    seconds : float
        How long it may take.

    Raises
    ------
    InvalidProgram
        If a statement fails that is not judged.
    """
    namespace = dict(NAMESPACE)
    with own_folder(), limits(seconds):
        for node in ast.parse(source).body:
            try:
                found = _found(node, namespace)
            except TimeIsUp:
                call = ast.unparse(node).split("(")[0]
                found = Finding(f"time: {call}", "It takes too long.")
            if found is not None:
                return found
    return None


def _found(node, namespace):
    """The first `Finding` of a statement, or None."""
    if isinstance(namespace.get("clf"), BaseEstimator) and uses(node, "clf"):
        return _judged(node, namespace)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _execute(node, namespace)
    except Exception as error:
        raise InvalidProgram(ast.unparse(node)) from error
    return None


def _execute(node, namespace):
    """The value of an expression; what else the statement does stays in the names."""
    if isinstance(node, ast.Expr):
        code = compile(ast.Expression(node.value), "<program>", "eval")
        return eval(code, namespace)
    exec(compile(ast.Module([node], []), "<program>", "exec"), namespace)
    return None


def _judged(node, namespace):
    """The same for one that uses the estimator."""
    watch = _Watch(namespace, node)
    warned, result, error = [], None, None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, category, *_, **__: warned.append(
            judge_warning(category, message, sys._getframe(1))
        )
        before = global_state()
        try:
            result = _execute(node, namespace)
        except Exception as raised:
            error = raised
        changed = changes(before, global_state())
    return (
        (error and judge_error(error, names_of(watch.clf)))
        or next(filter(None, warned), None)
        or judge_result(ast.unparse(node), result)
        or watch.judge_state(changed)
        or watch.judge_data()
        or watch.judge_estimator(error)
    )


class _Watch:
    """Knows what a program had before a statement."""

    def __init__(self, namespace, node):
        self.namespace, self.clf = namespace, namespace["clf"]
        self.called = _methods_called(node)
        self.data = self._data()
        self.estimator = self._estimator()

    def _data(self):
        names = self.namespace.keys() - NAMESPACE.keys() - {"clf"}
        return {
            name: described(self.namespace[name])
            for name in names
            if not name.startswith("__")
        }

    def _estimator(self):
        return {name: described(value) for name, value in vars(self.clf).items()}

    def judge_state(self, changed):
        """A `Finding` if global state has changed, else None."""
        if "numpy.random" in changed and _draws_globally(self.clf):
            changed.remove("numpy.random")
        if changed:
            return Finding(f"global state: {', '.join(changed)}", "It has changed.")
        return None

    def judge_data(self):
        """A `Finding` if an array of the caller's has changed, else None."""
        changed = changes(self.data, self._data())
        if changed:
            return Finding(f"caller's data: {', '.join(changed)}", "It has changed.")
        return None

    def judge_estimator(self, error):
        """A `Finding` if the estimator has changed where it must not, else None."""
        changed = changes(self.estimator, self._estimator())
        params = [name for name in changed if name == name.strip("_")]
        if params and "set_params" not in self.called:
            return Finding(f"parameters: {', '.join(params)}", "They have changed.")
        if not changed or (self.called & FITTING and error is None):
            return None
        how = "that fits nothing" if error is None else "that failed"
        return Finding(f"estimator: changed by a call {how}", f"{changed}, {error!r}")


def _methods_called(node):
    """Names of the methods of `clf` itself that a statement calls."""
    return {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == "clf"
    }


def _draws_globally(clf):
    """Whether NumPy's global generator is what scikit-learn's convention has it use."""
    params = clf.get_params(deep=True).items()
    return any(name.endswith("random_state") and one is None for name, one in params)
