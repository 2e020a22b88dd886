"""Segmenters as torch modules from raw images to values or predictions."""

import numpy as np
import torch
from torch import nn

from ...data import MARGIN
from ...estimators import MeanStart
from .graphs import Prediction, keep, prepared


class _ImageInputs(nn.Module):
    """Raw images, channels last, as the network sees them."""

    def __init__(self, estimator):
        super().__init__()
        keep(self, mean=estimator.mean_, scale=estimator.scale_)

    def forward(self, x):
        return ((x - self.mean) / self.scale).permute(0, 3, 1, 2)


class MaskValue(nn.Module):
    """Images and masks to values.

    Parameters
    ----------
    estimator : DVNSegmenter
        Fitted, on the CPU and in single precision; it is changed.
    height, width : int
        Size of the images.
    """

    def __init__(self, estimator, height, width):
        super().__init__()
        prepared(estimator, needs_grad=False)
        self.network = estimator._predictor().network_on(height, width)
        self.inputs = _ImageInputs(estimator)
        n_outputs = estimator.codec_.targets.n_outputs_
        self.is_binary = n_outputs == 1
        mask = (height, width) if self.is_binary else (n_outputs, height, width)
        self.shapes = (height, width, estimator.n_channels_in_), mask

    def forward(self, x, y):
        """Values, shape (n,)."""
        y = y.unsqueeze(1) if self.is_binary else y
        context = self.network.encode(self.inputs(x))
        return torch.sigmoid(self.network.score(context, y))


class MaskPrediction(Prediction):
    """Images to relaxed masks and masks; parameters as for `MaskValue`."""

    def __init__(self, estimator, height, width):
        shape = height, width, estimator.n_channels_in_
        super().__init__(estimator, _mask_start(estimator, *shape))
        self.shapes = (shape,)
        self.inputs = _ImageInputs(estimator)
        predictor = estimator._predictor()
        self.apart = predictor.averages(height, width)
        if self.apart:
            self.views = predictor.views(height, width)
            # A constant of the graph, to be computed before it is traced.
            keep(self, coverage=self.views.coverage)
        else:
            self.network = predictor.network_on(height, width)

    def begin(self, x):
        """Start and context of raw images."""
        x = self.inputs(x)
        return self._begin(self.views.cut(x) if self.apart else x)

    def finish(self, relaxed):
        """Probabilities and positions of classes."""
        if self.apart:
            relaxed = self.views.paste(relaxed) / self.coverage
        inside = relaxed.clamp(MARGIN, 1 - MARGIN)
        if relaxed.shape[1] == 1:
            positions = (relaxed[:, 0] >= 0.5).to(torch.int64)
            return torch.cat([1 - inside, inside], 1), positions
        return inside / inside.sum(1, keepdim=True), relaxed.argmax(1)


def _mask_start(estimator, height, width, n_channels):
    """Where inference starts on images of this size; None for the guess."""
    if isinstance(estimator.init_, MeanStart):
        return estimator.init_.predict([np.zeros((height, width, n_channels))])[0][None]
    constant = estimator.codec_.constant_start(height, width, 1)
    return None if constant is None else constant.take(slice(1)).numpy()
