"""What copies of estimators hold, and what is to be done when they are loaded."""

import warnings

import torch
from sklearn.exceptions import InconsistentVersionWarning

from ._parameters import usable
from ._plain_state import packed, unpacked

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
    from . import __version__

    return __version__


class PlainStateMixin:
    """Copies, pickles and the like hold plain data where that is possible."""

    def __getstate__(self):
        return packed(dict(vars(self)))

    def __setstate__(self, state):
        vars(self).update(unpacked(state))


class VersionedMixin:
    """Whoever loads an estimator that another version has saved is warned."""

    def __getstate__(self):
        return {**super().__getstate__(), VERSION: this_version()}

    def __setstate__(self, state):
        state = dict(state)
        original = state.pop(VERSION, "before 0.1.0")
        if original != this_version():
            warnings.warn(
                OtherVersionWarning(
                    estimator_name=type(self).__name__,
                    current_skdvn_version=this_version(),
                    original_skdvn_version=original,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


class PortableStateMixin(VersionedMixin, PlainStateMixin):
    """Copies of an estimator with a network load on any machine."""

    def __setstate__(self, state):
        super().__setstate__(state)
        if "device_" not in vars(self):
            return
        moves = not usable(self.device_)
        if moves:
            self.device_ = torch.device("cpu")
        if "network_" in vars(self):
            # Elsewhere another precision may suit.
            self._placed(self.network_) if moves else self.network_.to(self.device_)
