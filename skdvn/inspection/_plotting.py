"""What the displays share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data.typing import NDArray

    #: One Axes, or as many as a display draws on.
    Grid: TypeAlias = Axes | Sequence[Axes] | NDArray[Any]

# Okabe and Ito's colours, which everybody can tell apart.
PALETTE = (
    *("#000000", "#e69f00", "#56b4e9", "#009e73"),
    *("#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
)
# Those of lines on white, without the yellow, in the order of use.
LINE_COLORS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#56b4e9", "#e69f00", "#000000"),
)


def check_matplotlib(caller):
    """Raise unless matplotlib can be imported; call it before computing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which cannot be imported; remedy: "
            "pip install skdvn[plot]"
        ) from error


def axes_for(display, ax, figsize=None):
    """The axes to draw on, in a new figure if None, and their figure."""
    check_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax, ax.figure


def grid_for(display, ax, shape, figsize):
    """A grid of axes to draw on, and their figure.

    Parameters
    ----------
    display : object
        The display.
    ax : matplotlib Axes, array-like of Axes, or None
        None makes a new figure; one Axes gives its place to the grid; others are
        the grid.
    shape : tuple of int
        Rows and columns.
    figsize : tuple of float
        Of a new figure, in inches.

    Returns
    -------
    axes : ndarray of matplotlib Axes
        Of this shape.
    figure : matplotlib Figure
    """
    check_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=figsize, layout="constrained")
        axes = figure.subplots(*shape, squeeze=False)
        return axes, figure
    axes = np.asarray(ax, dtype=object)
    if axes.ndim == 0 and shape != (1, 1):
        return _divided(ax, shape), ax.figure
    if axes.size != np.prod(shape):
        raise ValueError(
            f"ax must be None, one Axes to divide, or {shape[0]} x {shape[1]} Axes, "
            f"got {axes.size}."
        )
    return axes.reshape(shape), axes.flat[0].figure


def _divided(ax, shape):
    """A grid of axes in place of one."""
    if not ax.axison:
        raise ValueError(
            "ax has given its place to other axes already; pass those of the display, "
            "ax=display.axes_, to draw on them."
        )
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must be one of the subplots of a figure to be divided, as of "
            "plt.subplots(); got Axes placed by hand."
        )
    ax.set_axis_off()
    return place.subgridspec(*shape).subplots(squeeze=False)


def reference_line(ax, label, draw, *args, **style):
    """A grey line, drawn unless another display on the same axes has drawn it."""
    for line in ax.lines:
        if line.get_label() == label:
            return line
    drawn = draw(*args, label=label, color="0.6", linewidth=1, **style)
    return drawn[0] if isinstance(drawn, list) else drawn


def next_color(ax, style, taken=()):
    """The colour of this style, else the one that fewest lines on the axes have.

    Those in `taken` are for lines that are still to be drawn.
    """
    from matplotlib.colors import to_hex

    if "color" in style or "c" in style:
        return style.get("color", style.get("c"))
    counts = Counter([*taken, *(to_hex(line.get_color()) for line in ax.lines)])
    return min(LINE_COLORS, key=lambda color: counts[color])


def whole_steps(ax):
    """Ticks of the horizontal axis at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
