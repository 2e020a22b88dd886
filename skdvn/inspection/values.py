"""Figures of predicted beside true values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data.typing import ArrayLike, MatrixLike, NDArray, Self
from ..metrics import (
    check_values,
    risk_coverage_curve,
    value_bins,
    value_calibration_error,
    value_pairs,
)
from ._plotting import axes_for, check_matplotlib, reference_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RiskCoverageDisplay:
    """Mean true value of the examples kept against the share of them that is kept.

    Examples of the highest predicted value are kept first; the others are left to a
    person, say. The ideal line keeps the truly best first, and the random line, level
    at the mean of all, keeps any.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    coverage : ndarray of shape (n_samples,)
        Share of the examples kept.
    kept_value : ndarray of shape (n_samples,)
        Mean true value of those kept.
    ideal_value : ndarray of shape (n_samples,)
        The same where the order is that of the true values.
    name : str, default=None
        What the legend calls the curve.

    Attributes
    ----------
    area, ideal_area, random_area : float
        Means of the three lines over the coverage.
    line_, ideal_line_, random_line_ : matplotlib Line2D
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skdvn.metrics.risk_coverage_curve : The curve alone.

    Examples
    --------
    >>> from skdvn.inspection import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_predictions(
    ...     [0, 0.5, 1, 0.5], [0.1, 0.4, 0.8, 0.9]
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        coverage: NDArray[Any],
        kept_value: NDArray[Any],
        ideal_value: NDArray[Any],
        *,
        name: str | None = None,
    ) -> None:
        self.coverage = coverage
        self.kept_value = kept_value
        self.ideal_value = ideal_value
        self.name = name

    @property
    def area(self) -> float:
        """Mean of the curve over the coverage."""
        return float(self.kept_value.mean())

    @property
    def ideal_area(self) -> float:
        """The greatest area that any order has."""
        return float(self.ideal_value.mean())

    @property
    def random_area(self) -> float:
        """The area of a random order on average: the mean true value."""
        return float(self.kept_value[-1])

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: MatrixLike,
        *,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curve of an estimator's predictions.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
            Fitted.
        X, y : array-like, sparse matrix or list of arrays
            Inputs and true labels or masks that it was not fitted to.
        name : str, default=None
            What the legend calls the curve; by default the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the curve.

        Returns
        -------
        display : RiskCoverageDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        name = type(estimator).__name__ if name is None else name
        pairs = value_pairs(estimator, X, y)
        return cls.from_predictions(*pairs, name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        values_true: ArrayLike,
        values_pred: ArrayLike,
        *,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curve of true and predicted values.

        Parameters
        ----------
        values_true, values_pred : array-like of shape (n_samples,)
            Values in [0, 1], as of `skdvn.metrics.value_pairs`.
        name : str, default=None
            What the legend calls the curve.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the curve.

        Returns
        -------
        display : RiskCoverageDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        coverage, kept_value = risk_coverage_curve(values_true, values_pred)
        _, ideal_value = risk_coverage_curve(values_true, values_true)
        display = cls(coverage, kept_value, ideal_value, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Axes | None = None, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw the curve, with the ideal and the random one.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            What the legend calls the curve.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the curve.

        Returns
        -------
        display : RiskCoverageDisplay
        """
        self.ax_, self.figure_ = axes_for(self, ax)
        name = (name or self.name or "highest value first") + f" (area {self.area:.3f})"
        self.ideal_line_ = reference_line(
            self.ax_,
            f"truly best first (area {self.ideal_area:.3f})",
            *(self.ax_.plot, self.coverage, self.ideal_value),
            linestyle="--",
        )
        self.random_line_ = reference_line(
            self.ax_,
            f"random order (area {self.random_area:.3f})",
            *(self.ax_.axhline, self.random_area),
        )
        (self.line_,) = self.ax_.plot(
            self.coverage, self.kept_value, **{"label": name, **kwargs}
        )
        self.ax_.set(
            xlim=(0, 1),
            xlabel="share of the examples kept",
            ylabel="mean true value of those kept",
        )
        self.ax_.legend(loc="best")
        return self


class ValueCalibrationDisplay:
    """True against predicted value of each example, with means over bins.

    Where the means lie on the diagonal, values can be taken at their word.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    values_true, values_pred : ndarray of shape (n_samples,)
        Values of each example.
    bin_true, bin_pred : ndarray of shape (n_bins,)
        Mean values of each bin.
    error : float
        The expected calibration error over these bins.
    name : str, default=None
        What the legend calls the bins.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The means of the bins.
    points_ : matplotlib PathCollection
        The examples.
    diagonal_ : matplotlib Line2D
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skdvn.metrics.value_calibration_error : The error alone.
    skdvn.CalibratedValueCV : Makes it smaller.
    """

    def __init__(
        self,
        values_true: NDArray[Any],
        values_pred: NDArray[Any],
        bin_true: NDArray[Any],
        bin_pred: NDArray[Any],
        error: float,
        *,
        name: str | None = None,
    ) -> None:
        self.values_true = values_true
        self.values_pred = values_pred
        self.bin_true = bin_true
        self.bin_pred = bin_pred
        self.error = error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: MatrixLike,
        *,
        n_bins: int = 10,
        strategy: str = "quantile",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the values of an estimator's predictions.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
            Fitted.
        X, y : array-like, sparse matrix or list of arrays
            Inputs and true labels or masks that it was not fitted to.
        n_bins : int, default=10
            Number of bins.
        strategy : {"quantile", "uniform"}, default="quantile"
            Bins of as many examples each, or of the same width.
        name : str, default=None
            What the legend calls the bins; by default the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the means of the bins.

        Returns
        -------
        display : ValueCalibrationDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(
            *value_pairs(estimator, X, y),
            n_bins=n_bins,
            strategy=strategy,
            name=name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        values_true: ArrayLike,
        values_pred: ArrayLike,
        *,
        n_bins: int = 10,
        strategy: str = "quantile",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw true and predicted values.

        Parameters
        ----------
        values_true, values_pred : array-like of shape (n_samples,)
            Values in [0, 1], as of `skdvn.metrics.value_pairs`.
        n_bins, strategy, name, ax, **kwargs
            As for `from_estimator`.

        Returns
        -------
        display : ValueCalibrationDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        pair = check_values(values_true, values_pred)
        bin_true, bin_pred, _ = value_bins(*pair, n_bins, strategy)
        error = value_calibration_error(*pair, n_bins=n_bins, strategy=strategy)
        display = cls(*pair, bin_true, bin_pred, error, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, *, ax: Axes | None = None, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw the examples, the means of the bins and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str, default=None
            What the legend calls the bins.
        **kwargs : dict
            Passed on to matplotlib's ``plot`` for the means of the bins.

        Returns
        -------
        display : ValueCalibrationDisplay
        """
        self.ax_, self.figure_ = axes_for(self, ax)
        name = (name or self.name or "means of bins") + f" (error {self.error:.3f})"
        middle = [self.values_pred.mean()] * 2
        self.diagonal_ = reference_line(
            self.ax_, "perfectly calibrated", self.ax_.axline, middle, slope=1
        )
        style = {"label": name, "marker": "o", "zorder": 3, **kwargs}
        (self.line_,) = self.ax_.plot(self.bin_pred, self.bin_true, **style)
        self.points_ = self.ax_.scatter(
            self.values_pred,
            self.values_true,
            s=8,
            alpha=0.25,
            color=self.line_.get_color(),
            linewidths=0,
        )
        self.ax_.set(xlabel="predicted value", ylabel="true value")
        self.ax_.legend(loc="best")
        return self
