"""Figures of how training went."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.typing import Self
from ._ascents import fitted_within
from ._plotting import check_matplotlib, grid_for, next_color, whole_steps

if TYPE_CHECKING:
    from ._plotting import Grid


class TrainingHistoryDisplay:
    """Loss, and validation score where there is one, after each epoch of training.

    One `fit` may train many networks: of each candidate setting on each of some splits
    of the rows, to choose, and then on all rows. Those of one setting have one colour;
    trainings on a split are thin lines, those that hold nothing out thick ones.

    Use `from_estimator` or `from_history` to create one.

    Parameters
    ----------
    history : list of dict
        As in the attribute ``history_`` of the estimators: "epoch" and "loss", and
        where they are known "training", "candidate", "split" and "validation_score".
    name : str, default=None
        What the legend calls the lines.

    Attributes
    ----------
    loss_lines_ : list of matplotlib Line2D
        One for each training.
    score_lines_ : list of matplotlib Line2D
        One for each training that has validation scores.
    axes_ : ndarray of matplotlib Axes
        Of shape (1, 1), or (2, 1) where there are validation scores, below.
    figure_ : matplotlib Figure

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Something else, scores against the
        number of training examples.
    NStepsDisplay : Values against the number of steps of the ascent.

    Examples
    --------
    >>> from skdvn.inspection import TrainingHistoryDisplay
    >>> history = [{"epoch": 1, "loss": 0.7}, {"epoch": 2, "loss": 0.5}]
    >>> display = TrainingHistoryDisplay.from_history(history)  # doctest: +SKIP
    """

    def __init__(
        self, history: list[dict[str, Any]], *, name: str | None = None
    ) -> None:
        self.history = history
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier, DVNSegmenter, another estimator of skdvn \
with ``history_``, or CalibratedValueCV of one
            Fitted. Of CalibratedValueCV it is the fit to all data.
        name : str, default=None
            What the legend calls the lines.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw: None makes a new figure; several Axes must have the shape
            of ``axes_``; one Axes makes place for two where there are validation
            scores.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for all lines.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        TypeError
            If the estimator keeps no history.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted = fitted_within(estimator)
        if not hasattr(fitted, "history_"):
            raise TypeError(
                "estimator must have the attribute history_, as the classifiers and "
                f"segmenters of skdvn have that train networks; got "
                f"{type(fitted).__name__}."
            )
        return cls.from_history(fitted.history_, name=name, ax=ax, **kwargs)

    @classmethod
    def from_history(
        cls,
        history: list[dict[str, Any]],
        *,
        name: str | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a history that you have already.

        Parameters
        ----------
        history : list of dict
            As for the constructor.
        name : str, default=None
            What the legend calls the lines.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for `from_estimator`.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for all lines.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        ValueError
            If the history is empty, or an entry lacks "epoch" or "loss".
        """
        check_matplotlib(f"{cls.__name__}.from_history")
        if not len(history):
            raise ValueError("history must hold at least one entry, got none.")
        for i, entry in enumerate(history):
            lacking = {"epoch", "loss"} - set(entry)
            if lacking:
                raise ValueError(
                    f"history[{i}] must hold 'epoch' and 'loss', got {sorted(entry)}."
                )
        return cls(list(history), name=name).plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Grid | None = None, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw the losses, and below them the validation scores if there are any.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            As for `from_estimator`.
        name : str, default=None
            What the legend calls the lines.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for all lines.

        Returns
        -------
        display : TrainingHistoryDisplay
        """
        trainings = _trainings(self.history)
        n_rows = 2 if any(map(_is_scored, trainings)) else 1
        figsize = 6.4, 2.4 + 2.2 * n_rows
        self.axes_, self.figure_ = grid_for(self, ax, (n_rows, 1), figsize)
        self.loss_lines_, self.score_lines_ = [], []
        of_losses, of_scores = self.axes_[0, 0], self.axes_[-1, 0]
        styles = _styles(of_losses, trainings, name or self.name, kwargs)
        for training, style in zip(trainings, styles, strict=True):
            self.loss_lines_.append(_draw(of_losses, training, "loss", style))
            if _is_scored(training):
                line = _draw(of_scores, training, "validation_score", style)
                self.score_lines_.append(line)
        of_losses.set_ylabel("training loss")
        if self.score_lines_:
            of_scores.set_ylabel("validation score")
            of_scores.set_xlim(of_losses.get_xlim())
        of_scores.set_xlabel("epoch")
        for ax in self.axes_.flat:
            whole_steps(ax)
        if of_losses.get_legend_handles_labels()[1]:
            of_losses.legend(loc="best")
        return self


def _trainings(history):
    """The entries of each training, in order."""
    trainings, seen = {}, Counter()
    for entry in history:
        key = entry.get("training")
        if key is None:  # of partial_fit: one epoch of each network in turn
            key = "part", seen[entry["epoch"]]
            seen[entry["epoch"]] += 1
        trainings.setdefault(key, []).append(entry)
    return list(trainings.values())


def _is_scored(training):
    return "validation_score" in training[0]


def _group(training):
    """Which setting a training is of, and whether rows were held out."""
    entry = training[0]
    return entry.get("candidate"), entry.get("split") is not None


def _styles(ax, trainings, name, kwargs):
    """Style of the line of each training; the first of each group has its label."""
    groups, colors, labels, styles = Counter(map(_group, trainings)), {}, set(), []
    for training in trainings:
        candidate, holds_out = group = _group(training)
        if candidate not in colors:
            colors[candidate] = next_color(ax, kwargs, colors.values())
        style = {"color": colors[candidate], "linewidth": 2}
        if holds_out and len(trainings) > 1:
            style |= {"linewidth": 1, "alpha": 0.7}
        if len(training) == 1:
            style["marker"] = "o"
        if group not in labels:
            style["label"] = _label(group, groups, name)
        labels.add(group)
        styles.append({**style, **kwargs})
    return styles


def _label(group, groups, name):
    """What the legend says of a group of trainings."""
    if len(groups) == 1:
        return name
    (candidate, holds_out), parts = group, [] if name is None else [name]
    if candidate is None:
        parts.append("other trainings")
    else:
        if len({one for one, _ in groups}) > 1:
            parts.append(f"setting {candidate + 1}")
        n_splits = f"{groups[group]} split" + "s" * (groups[group] > 1)
        parts.append(f"on {n_splits}" if holds_out else "on all rows")
    return ", ".join(parts)


def _draw(ax, training, what, style):
    """The line of one training."""
    epochs = [entry["epoch"] for entry in training]
    values = [entry.get(what, np.nan) for entry in training]
    (line,) = ax.plot(epochs, values, **style)
    return line
