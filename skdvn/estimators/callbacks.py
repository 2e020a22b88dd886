"""scikit-learn's callbacks where there are any (1.9 and newer)."""

from ..data.typing import Method

__all__ = ["CallbackSupportMixin", "FitProgress", "with_callbacks", "without_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    from abc import ABC as CallbackSupportMixin  # stands in: no callbacks

    def _with_callbacks(method):
        """Stands in for scikit-learn's decorator: changes nothing."""
        return method


def with_callbacks(method: Method) -> Method:
    """Decorate `fit` so that it takes callbacks, where scikit-learn has them."""
    return _with_callbacks(method)


# Attributes of scikit-learn's own, which concern the estimator that was called.
CALLBACK_ATTRIBUTES = ("_skl_callback", "_callback", "_parent_callback")


def without_callbacks(attributes):
    """Attributes of an estimator by name, but for those of callbacks."""
    return {
        name: value
        for name, value in attributes.items()
        if not name.startswith(CALLBACK_ATTRIBUTES)
    }


class FitProgress:
    """Tells an estimator's callbacks about each epoch.

    Parameters
    ----------
    estimator : estimator
        The one being fitted.
    n_epochs : int
        Greatest number of epochs to come.
    data : dict
        X and y of the fit.
    """

    def __init__(self, estimator, n_epochs, **data):
        self._estimator, self._data, self._context = estimator, data, None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=n_epochs)
            self._context.call_on_fit_task_begin(estimator=estimator, **data)

    def epoch(self):
        """Report an epoch; True if a callback asks to stop."""
        if self._context is None:
            return False
        task = self._context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return bool(task.call_on_fit_task_end(estimator=self._estimator, **self._data))

    def end(self):
        """Report the end of the fit."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator, **self._data)
