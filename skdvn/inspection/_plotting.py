"""What the displays share."""


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


def reference_line(ax, label, draw, *args, **style):
    """A grey line, drawn unless another display on the same axes has drawn it."""
    for line in ax.lines:
        if line.get_label() == label:
            return line
    drawn = draw(*args, label=label, color="0.6", linewidth=1, **style)
    return drawn[0] if isinstance(drawn, list) else drawn
