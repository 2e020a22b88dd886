"""Figures of the ascent of single examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..data.typing import ArrayLike, MatrixLike, NDArray, Self
from ..metrics import encoded_truth
from ._ascents import Climber, check_paths, check_same_shape, names_of_labels
from ._plotting import (
    check_matplotlib,
    grid_for,
    next_color,
    reference_line,
    whole_steps,
)

if TYPE_CHECKING:
    from ._plotting import Grid

KINDS = ("values", "labels", "both")


class AscentPathDisplay:
    """The ascent of some examples: value and labels at the start and after each step.

    The predicted value is that of the relaxed output, which the ascent climbs, and the
    true value what the oracle says of the same output. Where the former rises and the
    latter does not, the ascent has gone beyond what the network knows.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    values_pred : ndarray of shape (n_stages, n_samples)
        Predicted values at the start and after each step.
    values_true : ndarray of shape (n_stages, n_samples), default=None
        Oracle values.
    relaxed : ndarray of shape (n_stages, n_samples, n_labels), default=None
        Relaxed labels.
    y_true : ndarray of shape (n_samples, n_labels), default=None
        True labels.
    label_names : sequence of str of length n_labels, default=None
        Names of the labels.
    names : sequence of str of length n_samples, default=None
        Names of the examples.
    n_steps : int, default=None
        Steps that `predict` takes, to be marked where the path is longer.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        Predicted values of each example; empty where they are not drawn.
    true_lines_ : list of matplotlib Line2D
        True values of each example; empty without them.
    images_ : list of matplotlib AxesImage
        Relaxed labels of each example; empty where they are not drawn.
    colorbar_ : matplotlib Colorbar or None
        Of the relaxed labels.
    axes_ : ndarray of matplotlib Axes
        Of shape (1, 1) for values alone, (n_samples, 1) for labels alone and
        (n_samples, 2) for both.
    figure_ : matplotlib Figure

    See Also
    --------
    NStepsDisplay : Means over many examples.
    SegmentationDisplay : Shows masks at steps of the ascent.

    Examples
    --------
    >>> from skdvn.inspection import AscentPathDisplay
    >>> display = AscentPathDisplay.from_predictions(
    ...     [0.2, 0.6, 0.8], [0.1, 0.5, 0.6]
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        values_pred: NDArray[Any],
        values_true: NDArray[Any] | None = None,
        *,
        relaxed: NDArray[Any] | None = None,
        y_true: NDArray[Any] | None = None,
        label_names: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        n_steps: int | None = None,
    ) -> None:
        self.values_pred = values_pred
        self.values_true = values_true
        self.relaxed = relaxed
        self.y_true = y_true
        self.label_names = label_names
        self.names = names
        self.n_steps = n_steps

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: MatrixLike | None = None,
        *,
        n_steps: int | None = None,
        kind: str | None = None,
        label_names: Sequence[str] | None = None,
        max_labels: int = 10,
        names: Sequence[str] | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Climb with some examples and draw their paths.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
            Fitted. It is not changed.
        X : {array-like, sparse matrix} or list of arrays
            A few inputs.
        y : {array-like, sparse matrix} or list of arrays, default=None
            Their true labels or masks.
        n_steps : int, default=None
            Steps to climb; None takes those of `predict`.
        kind : {"values", "labels", "both"}, default=None
            What to draw; None is both for labels, and values for masks.
        label_names : sequence of str, default=None
            Names of the labels; by default the classes of a one-dimensional y, or
            numbers.
        max_labels : int, default=10
            Labels drawn of each example, at most: the true ones first, then those
            that came highest.
        names : sequence of str, default=None
            Names of the examples; by default numbers.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw: None makes a new figure; several Axes must have the shape
            of ``axes_``; one Axes makes place for them, best in a figure with
            ``layout="constrained"``.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the predicted values.

        Returns
        -------
        display : AscentPathDisplay

        Raises
        ------
        TypeError
            If the estimator has no ascent.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        climber = Climber(estimator, n_steps)
        stages, relaxed, y_true = climber.stages(X), None, None
        if not climber.is_segmenter:
            relaxed = np.stack(stages)
            label_names = names_of_labels(
                climber.fitted, label_names, relaxed.shape[-1]
            )
            y_true = _encoded(climber, y)
        display = cls(
            climber.values_pred(X, stages),
            climber.values_true(y, stages),
            relaxed=relaxed,
            y_true=y_true,
            label_names=label_names,
            names=_names(names, len(stages[0])),
            n_steps=climber.n_steps_marked,
        )
        return display.plot(ax=ax, kind=kind, max_labels=max_labels, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        values_pred: ArrayLike,
        values_true: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        n_steps: int | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw values that you have already.

        Parameters
        ----------
        values_pred : array-like of shape (n_stages, n_samples) or (n_stages,)
            Predicted values in [0, 1], those of the start first.
        values_true : array-like of the same shape, default=None
            Oracle values in [0, 1].
        names : sequence of str, default=None
            Names of the examples; by default numbers.
        n_steps : int, default=None
            Steps that `predict` takes, to be marked where the path is longer.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the predicted values.

        Returns
        -------
        display : AscentPathDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        values_pred = check_paths("values_pred", values_pred)
        if values_true is not None:
            values_true = check_paths("values_true", values_true)
            check_same_shape("values_true", values_true, "values_pred", values_pred)
        names = _names(names, values_pred.shape[1])
        display = cls(values_pred, values_true, names=names, n_steps=n_steps)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        *,
        ax: Grid | None = None,
        kind: str | None = None,
        max_labels: int = 10,
        **kwargs: Any,
    ) -> Self:
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            As for `from_estimator`.
        kind : {"values", "labels", "both"}, default=None
            What to draw; None is both for labels, and values for masks.
        max_labels : int, default=10
            Labels drawn of each example, at most.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the predicted values.

        Returns
        -------
        display : AscentPathDisplay
        """
        kind = self._checked_kind(kind)
        n_samples = self.values_pred.shape[1]
        shape = {"values": (1, 1), "labels": (n_samples, 1), "both": (n_samples, 2)}
        n_rows, n_columns = shape[kind]
        self.axes_, self.figure_ = grid_for(
            self, ax, shape[kind], (5 * n_columns, 3.2 * n_rows + 0.4)
        )
        self.lines_, self.true_lines_, self.images_ = [], [], []
        for sample, name in enumerate(_names(self.names, n_samples)):
            row = self.axes_[sample if n_rows > 1 else 0]
            if kind != "labels":
                self._draw_values(row[0], sample, name, kwargs)
            if kind != "values":
                self._draw_labels(row[-1], sample, name, max_labels)
        self.colorbar_ = None
        if self.images_:
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0],
                ax=list(self.axes_[:, -1]),
                label="relaxed label",
                aspect=20 * n_samples,
            )
        for ax in self.axes_.flat:
            ax.set_xlabel("ascent step")
            whole_steps(ax)
        return self

    def _checked_kind(self, kind):
        if kind is None:
            return "values" if self.relaxed is None else "both"
        if kind not in KINDS:
            raise ValueError(f"kind must be None or one of {KINDS}, got {kind!r}.")
        if kind != "values" and self.relaxed is None:
            raise ValueError(
                f"kind={kind!r} needs relaxed labels, which there are none of here. "
                "Allowed are None and 'values'; masks are drawn by SegmentationDisplay."
            )
        return kind

    def _draw_values(self, ax, sample, name, kwargs):
        """Value of one example at each step."""
        steps = np.arange(len(self.values_pred))
        if self.values_true is not None:
            reference_line(ax, "predicted value", ax.plot, [], [])
            reference_line(ax, "true value", ax.plot, [], [], linestyle="--")
        color = next_color(ax, kwargs)
        style = {"color": color, "label": name, **kwargs}
        (line,) = ax.plot(steps, self.values_pred[:, sample], **style)
        self.lines_.append(line)
        if self.values_true is not None:
            (line,) = ax.plot(
                steps, self.values_true[:, sample], color=color, linestyle="--"
            )
            self.true_lines_.append(line)
        self._mark_n_steps(ax)
        what = "predicted value" if self.values_true is None else "value"
        ax.set(ylim=(-0.03, 1.03), ylabel=what)
        ax.legend(loc="best")

    def _draw_labels(self, ax, sample, name, max_labels):
        """True labels, and those that came highest, of one example."""
        relaxed = self.relaxed[:, sample]
        true = np.zeros(relaxed.shape[1], bool)
        if self.y_true is not None:
            true = self.y_true[sample].astype(bool)
        order = np.lexsort((-relaxed.max(axis=0), ~true))[:max_labels]
        ends = (-0.5, len(relaxed) - 0.5, len(order) - 0.5, -0.5)
        style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
        image = ax.imshow(relaxed[:, order].T, aspect="auto", extent=ends, **style)
        self.images_.append(image)
        names = self.label_names or [f"label {i}" for i in range(len(true))]
        ax.set_yticks(range(len(order)), [names[i] for i in order])
        for tick, label in zip(ax.get_yticklabels(), order, strict=True):
            tick.set_fontweight("bold" if true[label] else "normal")
        note = "" if self.y_true is None else " (bold: true labels)"
        ax.set_title(name + note, fontsize="medium")
        self._mark_n_steps(ax)

    def _mark_n_steps(self, ax):
        """A line where `predict` stops, if the path goes on."""
        if self.n_steps is not None and self.n_steps < len(self.values_pred) - 1:
            label = f"predict stops ({self.n_steps} steps)"
            reference_line(ax, label, ax.axvline, self.n_steps, linestyle=":")


def _names(names, n_samples):
    """Names of examples as given, or numbers."""
    if names is None:
        return [f"example {i}" for i in range(n_samples)]
    if len(names) < n_samples:
        raise ValueError(
            f"names must hold {n_samples} names, one per example; got {len(names)}."
        )
    return list(map(str, names))


def _encoded(climber, y):
    """True labels as a dense matrix; None without y."""
    if y is None:
        return None
    encoded = encoded_truth(climber.fitted, y, "y")
    return encoded.toarray() if sparse.issparse(encoded) else np.asarray(encoded)
