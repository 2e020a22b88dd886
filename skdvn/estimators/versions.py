"""Which version of skdvn saved an estimator."""

import warnings

from sklearn.exceptions import InconsistentVersionWarning

from .._moved import __version__

VERSION = "_skdvn_version"


class OtherVersionWarning(InconsistentVersionWarning):
    """Warns of an estimator that another version of skdvn has saved.

    Whoever filters scikit-learn's warning of its own versions filters this one too.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.
    current_skdvn_version, original_skdvn_version : str
        The version that loads it, and the one that saved it.
    """

    def __init__(
        self, *, estimator_name, current_skdvn_version, original_skdvn_version
    ):
        self.estimator_name = estimator_name
        self.current_skdvn_version = current_skdvn_version
        self.original_skdvn_version = original_skdvn_version

    def __str__(self):
        return (
            f"{self.estimator_name} was saved by skdvn {self.original_skdvn_version} "
            f"and is loaded by skdvn {self.current_skdvn_version}. It may fail or "
            "predict something else. Remedy: install the version that saved it, or "
            "fit again."
        )


def this_version():
    """The version of skdvn that is running."""
    return __version__


def stamped(state):
    """A state with the version of skdvn that is running."""
    return {**state, VERSION: this_version()}


def opened(state, estimator_name):
    """A state without its version; warns if that is another one."""
    state = dict(state)
    original = state.pop(VERSION, "before 0.1.0")
    if original != this_version():
        warnings.warn(
            OtherVersionWarning(
                estimator_name=estimator_name,
                current_skdvn_version=this_version(),
                original_skdvn_version=original,
            ),
            stacklevel=3,
        )
    return state


class VersionedMixin:
    """Whoever loads an estimator that another version has saved is warned."""

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(opened(state, type(self).__name__))
