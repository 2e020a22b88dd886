"""Figures of images beside their masks."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data import (
    MaskTargets,
    check_images,
    check_label_maps,
    check_same_sizes,
    pictures_of,
)
from ..data.typing import ArrayLike, NDArray, Self
from ..estimators import BaseSegmenter
from ..metrics import encoded_truth, encoded_values
from ..oracles import MAP_ORACLES, Oracle, get_oracle
from ._ascents import fitted_within
from ._masks import class_colors, displayable, painted
from ._plotting import check_matplotlib, grid_for

if TYPE_CHECKING:
    from ._plotting import Grid

PANEL = 1.5  # inches
ORACLE_NAMES = {"iou": "IOU", "mean_iou": "mean IOU", "f1": "F1"}


class SegmentationDisplay:
    """Images beside their true masks and those that were found.

    One row for each image; the figures below a mask are its true value by the oracle,
    and the one that the model expects of it. Relaxed masks mix the colours of the
    classes: with two classes, which are black and white, they are grey.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    images : list of ndarray of shape (height, width, n_channels) or (height, width)
        The images.
    masks : dict of str to list of ndarray
        Columns of masks by title, one mask for each image: positions of classes,
        shape (height, width), or shares of them, (n_classes, height, width).
    class_names : sequence of str of length n_classes
        What the colour key calls the classes.
    values_true, values_pred : dict of str to ndarray of shape (n_images,), default=None
        Oracle values and predicted values of the masks of some columns.
    value_name : str, default="value"
        What the oracle is called.
    with_key : bool, default=None
        Whether there is a key of the colours; None draws one for more than two
        classes.

    Attributes
    ----------
    images_ : ndarray of matplotlib AxesImage, shape (n_images, 1 + n_columns)
    axes_ : ndarray of matplotlib Axes, shape (n_images, 1 + n_columns)
    legend_ : matplotlib Legend or None
        The key of the colours.
    figure_ : matplotlib Figure

    See Also
    --------
    MeanImageDisplay : Masks that are found where there is nothing to find.
    AscentPathDisplay : Values along the ascent.

    Examples
    --------
    >>> from skdvn.datasets import make_silhouettes
    >>> from skdvn.inspection import SegmentationDisplay
    >>> X, Y = make_silhouettes(3, random_state=0)
    >>> nothing = [mask * 0 for mask in Y]
    >>> display = SegmentationDisplay.from_predictions(
    ...     X, Y, {"truth again": Y, "nothing": nothing}
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        images: list[NDArray[Any]],
        masks: dict[str, list[NDArray[Any]]],
        class_names: Sequence[str],
        *,
        values_true: dict[str, NDArray[Any]] | None = None,
        values_pred: dict[str, NDArray[Any]] | None = None,
        value_name: str = "value",
        with_key: bool | None = None,
    ) -> None:
        self.images = images
        self.masks = masks
        self.class_names = class_names
        self.values_true = values_true
        self.values_pred = values_pred
        self.value_name = value_name
        self.with_key = with_key

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        steps: Sequence[int] = (),
        relaxed: bool = False,
        class_names: Sequence[str] | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Segment some images and draw the masks.

        Parameters
        ----------
        estimator : DVNSegmenter, another segmenter or CalibratedValueCV of one
            Fitted.
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            A few images.
        y : array-like of shape (n, height, width), or list of arrays, default=None
            Their true masks.
        steps : sequence of int, default=()
            Steps of the ascent whose relaxed masks are drawn, 0 being the start.
        relaxed : bool, default=False
            Whether the last relaxed mask is drawn beside the prediction, which is its
            rounding.
        class_names : sequence of str, default=None
            Names of the classes; by default the classes.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw: None makes a new figure; several Axes must have the shape
            of ``axes_``; one Axes makes place for them, best in a figure with
            ``layout="constrained"``.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``.

        Returns
        -------
        display : SegmentationDisplay

        Raises
        ------
        TypeError
            If the estimator is no segmenter, or has no ascent and `steps` are wanted.
        ValueError
            If there are no such steps, or the names do not fit.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted = fitted_within(estimator)
        if not isinstance(fitted, BaseSegmenter):
            raise TypeError(
                "estimator must be a segmenter of skdvn, or CalibratedValueCV of one; "
                f"got {type(fitted).__name__}."
            )
        found = _relaxed_columns(fitted, X, steps, relaxed)
        masks, values_true, values_pred = {}, {}, {}
        targets = fitted.codec_.targets
        if y is not None:
            truth = encoded_truth(fitted, y, "y")
            check_same_sizes(found["prediction"], truth, "y")
            masks["truth"] = [
                targets.positions(mask[: targets.n_outputs_]) for mask in truth
            ]
            for title, column in found.items():
                rounded = list(map(targets.round, column))
                values_true[title] = encoded_values(fitted, truth, rounded)
        for title, column in found.items():
            masks[title] = list(map(targets.probabilities, column))
        masks["prediction"] = list(map(targets.positions, found["prediction"]))
        if hasattr(estimator, "predict_value"):
            decoded = list(map(targets.decode, found["prediction"]))
            values_pred["prediction"] = estimator.predict_value(X, decoded)
        display = cls(
            pictures_of(X),
            masks,
            _names_of_classes(class_names, targets.classes_),
            values_true=values_true,
            values_pred=values_pred,
            value_name=_name_of_oracle(
                getattr(fitted, "oracle", fitted.codec_.default_oracle),
                len(targets.classes_),
            ),
            with_key=True if class_names is not None else None,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_pred: ArrayLike | Mapping[str, ArrayLike],
        *,
        oracle: str | Oracle | None = "auto",
        class_names: Sequence[str] | None = None,
        ax: Grid | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw masks that you have already, of one model or several.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            A few images.
        y_true : array-like of shape (n, height, width), or list of arrays
            Their true masks; None for none.
        y_pred : array-like of shape (n, height, width), list of arrays, or dict of them
            Masks of a model, or of several by name.
        oracle : {"auto", "iou", "f1", "accuracy", "mean_iou", "f0.5", "f2"} or \
callable, default="auto"
            What masks are judged by, as for `DVNSegmenter`.
        class_names : sequence of str, default=None
            Names of the classes, which are those of all masks in sorted order; by
            default the classes.
        ax : matplotlib Axes or array-like of Axes, default=None
            As for `from_estimator`.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``.

        Returns
        -------
        display : SegmentationDisplay

        Raises
        ------
        ValueError
            If masks do not fit the images, or names the classes.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        images, columns = check_images(X), _columns(y_true, y_pred)
        maps = {}
        for title, (name, given) in columns.items():
            maps[title] = check_label_maps(given, name)
            check_same_sizes(images, [one[np.newaxis] for one in maps[title]], name)
        targets = MaskTargets([one for column in maps.values() for one in column])
        encoded = {title: targets.encode(column) for title, column in maps.items()}
        values_true, n_classes = {}, len(targets.classes_)
        if y_true is not None:
            judge = get_oracle(_resolved(oracle, n_classes), MAP_ORACLES)
            values_true = {
                title: _values(judge, encoded["truth"], column)
                for title, column in encoded.items()
                if title != "truth"
            }
        display = cls(
            pictures_of(X),
            {t: list(map(targets.positions, column)) for t, column in encoded.items()},
            _names_of_classes(class_names, targets.classes_),
            values_true=values_true,
            value_name=_name_of_oracle(oracle, n_classes),
            with_key=True if class_names is not None else None,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Grid | None = None, **kwargs: Any) -> Self:
        """Draw a row for each image.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            As for `from_estimator`.
        **kwargs : dict
            Passed on to matplotlib's ``imshow``.

        Returns
        -------
        display : SegmentationDisplay
        """
        n_classes = len(self.class_names)
        with_key = n_classes > 2 if self.with_key is None else self.with_key
        shape = len(self.images), 1 + len(self.masks)
        self.axes_, self.figure_ = grid_for(self, ax, shape, self._size(with_key))
        self.images_ = np.empty(shape, dtype=object)
        colors = class_colors(n_classes)
        style = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
        style |= kwargs
        for i, row in enumerate(self.axes_):
            panels = [displayable(self.images[i])]
            panels += [painted(masks[i], colors) for masks in self.masks.values()]
            notes = ["", *(self._note(title, i) for title in self.masks)]
            for j, ax in enumerate(row):
                self.images_[i, j] = ax.imshow(panels[j], **style)
                ax.set(xticks=[], yticks=[])
                ax.set_xlabel(notes[j], fontsize="small")
        for ax, title in zip(self.axes_[0], ["image", *self.masks], strict=True):
            ax.set_title(textwrap.fill(title, 16), fontsize="medium")
        self.legend_ = self._draw_key(colors) if with_key else None
        return self

    def _size(self, with_key):
        """Width and height of a new figure."""
        height, width = np.mean([image.shape[:2] for image in self.images], axis=0)
        n_lines = bool(self.values_true) + bool(self.values_pred)
        rows = (PANEL * height / width + 0.17 * n_lines) * len(self.images) + 0.4
        columns = PANEL * (1 + len(self.masks))
        if not with_key:
            return columns, rows
        key = 0.8 + 0.22 * len(self.class_names)
        return columns + 0.6 + 0.09 * max(map(len, self.class_names)), max(rows, key)

    def _note(self, title, i):
        """What a mask is worth."""
        lines = []
        if title in (self.values_true or {}):
            lines.append(f"{self.value_name} {self.values_true[title][i]:.2f}")
        if title in (self.values_pred or {}):
            lines.append(f"expected {self.values_pred[title][i]:.2f}")
        return "\n".join(lines)

    def _draw_key(self, colors):
        """The colours and names of the classes, beside the first row."""
        from matplotlib.patches import Patch

        patches = [
            Patch(facecolor=color, edgecolor="0.5", label=name)
            for color, name in zip(colors, self.class_names, strict=True)
        ]
        return self.axes_[0, -1].legend(
            handles=patches, loc="upper left", bbox_to_anchor=(1.04, 1), frameon=False
        )


def _columns(y_true, y_pred):
    """Masks by title, each with what error messages call them; the truth is first."""
    columns = {} if y_true is None else {"truth": ("y_true", y_true)}
    if not isinstance(y_pred, Mapping):
        return {**columns, "prediction": ("y_pred", y_pred)}
    named = {title: (f"y_pred[{title!r}]", given) for title, given in y_pred.items()}
    return {**columns, **named}


def _relaxed_columns(fitted, X, steps, relaxed):
    """Relaxed masks by title; the last, the prediction, is to be rounded."""
    if not len(steps):
        columns, last = {}, list(fitted._relaxed(X))
    else:
        if not hasattr(fitted, "staged_predict"):
            raise TypeError(
                f"steps={steps!r} needs an estimator that predicts by an ascent, as "
                f"DVNSegmenter does; {type(fitted).__name__} allows only ()."
            )
        stages = list(fitted._relaxed_stages(X))
        wrong = [step for step in steps if step not in range(len(stages))]
        if wrong:
            raise ValueError(
                f"steps must hold numbers from 0 to {len(stages) - 1}, the steps of "
                f"the ascent; got {wrong[0]!r}."
            )
        columns, last = {f"step {step}": stages[step] for step in steps}, stages[-1]
    if relaxed:
        columns["relaxed"] = last
    return {**columns, "prediction": last}


def _names_of_classes(names, classes):
    """Names as given, or the classes."""
    names = classes if names is None else names
    if len(names) != len(classes):
        raise ValueError(
            f"class_names must hold {len(classes)} names, one for each of the classes "
            f"{classes.tolist()}; got {len(names)}."
        )
    return list(map(str, names))


def _resolved(oracle, n_classes):
    """What "auto" stands for."""
    if isinstance(oracle, str) and oracle == "auto":
        return "iou" if n_classes == 2 else "accuracy"
    return oracle


def _name_of_oracle(oracle, n_classes):
    oracle = _resolved(oracle, n_classes)
    if not isinstance(oracle, str):
        return getattr(oracle, "__name__", "value").replace("_", " ")
    return ORACLE_NAMES.get(oracle, oracle)


def _values(oracle, truth, masks):
    """Oracle value of each mask."""
    pairs = (
        [torch.tensor(part[np.newaxis], dtype=torch.float64) for part in pair]
        for pair in zip(masks, truth, strict=True)
    )
    return np.array([oracle(y, y_true).item() for y, y_true in pairs])
