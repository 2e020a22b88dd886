"""Figures of the number of steps of the ascent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.typing import ArrayLike, MatrixLike, NDArray, Self
from ._ascents import Climber, check_paths, check_same_shape
from ._plotting import axes_for, check_matplotlib, next_color, whole_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NStepsDisplay:
    """Mean true and predicted value against the number of steps of the ascent.

    Both are values of what `predict` would return after so many steps, rounded. More
    steps go on to raise the predicted value; the true one tells where to stop.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    values_true, values_pred : ndarray of shape (n_stages, n_samples)
        Oracle values and predicted values of each example at the start and after each
        step.
    n_steps : int, default=None
        Steps that `predict` takes, to be marked.
    name : str, default=None
        What the legend calls the curves.

    Attributes
    ----------
    mean_true, mean_pred : ndarray of shape (n_stages,)
        What is drawn.
    line_ : matplotlib Line2D
        Of the true values.
    pred_line_ : matplotlib Line2D
        Of the predicted values, dashed.
    mark_ : matplotlib Line2D or None
        The dot at `n_steps` on the line of the true values.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    AscentPathDisplay : The ascent of single examples.

    Notes
    -----
    The steps of a `DVNSegmenter` fall to the share ``step_decay`` of the first: the
    curve is that of one ascent, whose last point alone is what `predict` with so many
    steps returns.

    Examples
    --------
    >>> from skdvn.inspection import NStepsDisplay
    >>> display = NStepsDisplay.from_predictions(
    ...     [[0, 0.2], [0.4, 1], [0.5, 0.7]], [[0.1, 0], [0.5, 0.8], [0.8, 0.9]]
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        values_true: NDArray[Any],
        values_pred: NDArray[Any],
        *,
        n_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.values_true = values_true
        self.values_pred = values_pred
        self.n_steps = n_steps
        self.name = name

    @property
    def mean_true(self) -> NDArray[Any]:
        """Mean true value at the start and after each step."""
        return self.values_true.mean(axis=1)

    @property
    def mean_pred(self) -> NDArray[Any]:
        """Mean predicted value at the start and after each step."""
        return self.values_pred.mean(axis=1)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: MatrixLike,
        *,
        n_steps: int | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Climb with some examples and draw the means of their values.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
            Fitted. It is not changed.
        X, y : array-like, sparse matrix or list of arrays
            Inputs and true labels or masks that it was not fitted to.
        n_steps : int, default=None
            Steps to climb. None is twice as many as `predict` takes if all steps are
            of one size, else as many.
        name : str, default=None
            What the legend calls the curves; by default the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : NStepsDisplay

        Raises
        ------
        TypeError
            If the estimator has no ascent.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        climber = Climber(estimator, n_steps)
        if n_steps is None and climber.ascent.step_decay == 1:
            climber = Climber(estimator, 2 * climber.n_steps_predict)
        parts = [_rounded_values(climber, *part) for part in climber.parts(X, y)]
        values_true, values_pred = (
            np.concatenate(part, axis=1) for part in zip(*parts, strict=True)
        )
        return cls.from_predictions(
            values_true,
            values_pred,
            n_steps=climber.n_steps_marked,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        values_true: ArrayLike,
        values_pred: ArrayLike,
        *,
        n_steps: int | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the means of values that you have already.

        Parameters
        ----------
        values_true, values_pred : array-like of shape (n_stages, n_samples) or \
(n_stages,)
            Oracle values and predicted values in [0, 1], those of the start first.
        n_steps : int, default=None
            Steps that `predict` takes, to be marked.
        name : str, default=None
            What the legend calls the curves.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : NStepsDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        values_true = check_paths("values_true", values_true)
        values_pred = check_paths("values_pred", values_pred)
        check_same_shape("values_pred", values_pred, "values_true", values_true)
        display = cls(values_true, values_pred, n_steps=n_steps, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Axes | None = None, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw both means, and mark the steps that `predict` takes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            What the legend calls the curves.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : NStepsDisplay
        """
        self.ax_, self.figure_ = axes_for(self, ax)
        name = name or self.name
        prefix = f"{name}: " if name else ""
        steps = np.arange(len(self.values_true))
        style = {**kwargs, "color": next_color(self.ax_, kwargs)}
        style.pop("c", None)
        (self.line_,) = self.ax_.plot(
            steps, self.mean_true, **{"label": f"{prefix}true value", **style}
        )
        dashed = {"linestyle": "--", "alpha": 0.8, "label": f"{prefix}predicted value"}
        (self.pred_line_,) = self.ax_.plot(steps, self.mean_pred, **{**style, **dashed})
        self.mark_ = None
        if self.n_steps is not None and self.n_steps < len(steps):
            (self.mark_,) = self.ax_.plot(
                self.n_steps,
                self.mean_true[self.n_steps],
                marker="o",
                linestyle="none",
                color=self.line_.get_color(),
                label=f"{prefix}predict takes {self.n_steps} steps",
            )
        self.ax_.set(xlabel="steps of the ascent", ylabel="mean value")
        whole_steps(self.ax_)
        self.ax_.legend(loc="best")
        return self


def _rounded_values(climber, X, y):
    """True and predicted values of what `predict` would return after each step."""
    stages = [climber.round(stage) for stage in climber.stages(X)]
    return climber.values_true(y, stages), climber.values_pred(X, stages)
