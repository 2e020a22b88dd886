"""Figures of what a segmenter has learned about masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..data import check_as_many, check_images, check_label_maps
from ..data.typing import ArrayLike, NDArray, RandomState, Self
from ._masks import displayable
from ._plotting import axes_for, check_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08


class MeanImageDisplay:
    """Masks that a segmenter finds where there is nothing to find: the mean image.

    Figure 5 of Gygli et al. (2017, section 5.5): the mean mask of some images, the
    mask found for their mean image, and those found for the mean image with Gaussian
    noise. What can be seen there is what the model has learned about shapes rather
    than taken from the image.

    Use `from_estimator` to create one.

    Parameters
    ----------
    mean_mask : ndarray of shape (height, width)
        Share of the images whose pixel is foreground.
    mean_image : ndarray of shape (height, width, n_channels) or (height, width)
        Mean of the images.
    mask : ndarray of shape (height, width)
        Relaxed mask found for the mean image, 1 is foreground.
    noisy_masks : ndarray of shape (n_noisy, height, width)
        Relaxed masks found for the mean image with noise.
    noise : float
        Standard deviation of the noise in pixel values.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        From left to right.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    def __init__(
        self,
        mean_mask: NDArray[Any],
        mean_image: NDArray[Any],
        mask: NDArray[Any],
        noisy_masks: NDArray[Any],
        noise: float,
    ) -> None:
        self.mean_mask = mean_mask
        self.mean_image = mean_image
        self.mask = mask
        self.noisy_masks = noisy_masks
        self.noise = noise

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        noise: float = 10.0,
        n_noisy: int = 2,
        random_state: RandomState = None,
        ax: Axes | None = None,
    ) -> Self:
        """Find and draw the masks.

        Parameters
        ----------
        estimator : DVNSegmenter, another segmenter or CalibratedValueCV of one
            Fitted.
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images of one size, in the paper those of the training set.
        y : array-like of shape (n, height, width), or list of arrays
            Their masks.
        noise : float, default=10.0
            Standard deviation of the noise in pixel values, non-negative. The paper has
            10, for images with values from 0 to 255.
        n_noisy : int, default=2
            Masks for images with noise.
        random_state : int, RandomState instance or None, default=None
            Of the noise.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : MeanImageDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        if not noise >= 0:
            raise ValueError(f"noise must be a non-negative number, got {noise!r}.")
        images, masks = list(check_images(X)), check_label_maps(y, "y")
        check_as_many(images, masks, "y")
        mean_image = _mean(images, "X").transpose(1, 2, 0)
        mean_image = mean_image[..., 0] if mean_image.shape[2] == 1 else mean_image
        mean_mask = _mean([mask != estimator.classes_[0] for mask in masks], "y")
        shape = (n_noisy, *mean_image.shape)
        noises = check_random_state(random_state).normal(scale=noise, size=shape)
        shown = np.concatenate([mean_image[None], mean_image + noises])
        masks = 1 - estimator.predict_proba(shown)[:, 0]
        display = cls(mean_mask, mean_image, masks[0], masks[1:], noise)
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw mean mask, mean image and masks found side by side.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : MeanImageDisplay
        """
        noisy = [(f"found, noise {self.noise:g}", mask) for mask in self.noisy_masks]
        panels = [
            ("mean mask", self.mean_mask),
            ("mean image", displayable(self.mean_image)),
            ("found for it", self.mask),
            *noisy,
        ]
        height, width = self.mean_mask.shape
        figsize = 1.7 * len(panels), 1.7 * height / width + 0.3
        self.ax_, self.figure_ = axes_for(self, ax, figsize)
        left, self.images_ = 0, []
        for title, pixels in panels:
            extent = (left, left + width, height, 0)
            style = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
            self.images_.append(self.ax_.imshow(pixels, extent=extent, **style))
            self.ax_.text(
                left + width / 2, -0.03 * height, title, ha="center", va="bottom"
            )
            left += width * (1 + GAP)
        self.ax_.set(xlim=(0, left - width * GAP), ylim=(height, 0))
        self.ax_.set_anchor("S")
        self.ax_.set_axis_off()
        return self


def _mean(arrays, name):
    """Mean of images or masks of one size, in floating point."""
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ValueError(
            f"{name} must hold images or masks of one size, to have a mean; got "
            f"{len(shapes)} sizes. Resize or crop them first."
        )
    return np.mean(arrays, axis=0, dtype=np.float64)
