"""Classifiers of labels as torch modules from raw rows to values or predictions."""

import numpy as np
import torch
from torch import nn

from ...data import CLIP_HIGH, CLIP_LOW, MARGIN
from .graphs import Prediction, keep, prepared


class _LabelInputs(nn.Module):
    """Raw rows as the network sees them."""

    def __init__(self, estimator):
        super().__init__()
        scaler = estimator.scaler_
        mean, scale = (scaler.mean_, scaler.scale_) if scaler else (None, None)
        keep(self, mean=mean, scale=scale)

    def forward(self, x):
        if self.mean is None:
            return x
        return ((x - self.mean) / self.scale).clamp(CLIP_LOW, CLIP_HIGH)


class LabelValue(nn.Module):
    """Rows and labels to values.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier
        Fitted, on the CPU and in single precision; it is changed.
    """

    def __init__(self, estimator):
        super().__init__()
        self.network = prepared(estimator, needs_grad=False)
        self.inputs = _LabelInputs(estimator)
        self.shapes = estimator.codec_.shape, (estimator.codec_.targets.n_labels_,)

    def forward(self, x, y):
        """Values, shape (n,)."""
        context = self.network.encode(self.inputs(x))
        return torch.sigmoid(self.network.score(context, y))


class LabelPrediction(Prediction):
    """Rows to relaxed labels and labels; parameters as for `LabelValue`."""

    def __init__(self, estimator):
        start = estimator.codec_.start
        start = start if start is None else start[np.newaxis]
        super().__init__(estimator, start)
        self.inputs = _LabelInputs(estimator)
        self.exclusive = estimator.classes_.ndim == 1
        self.min_labels = getattr(estimator, "min_labels", 0)
        self.shapes = (estimator.codec_.shape,)

    def begin(self, x):
        """Start and context of raw rows."""
        return self._begin(self.inputs(x))

    def finish(self, relaxed):
        """Probabilities and labels, or positions of classes."""
        inside = relaxed.clamp(MARGIN, 1 - MARGIN)
        if self.exclusive:
            inside = inside / inside.sum(1, keepdim=True)
            return inside, inside.argmax(1)
        labels = relaxed >= 0.5
        if self.min_labels:
            largest = relaxed.topk(self.min_labels, 1).indices
            labels = labels | torch.zeros_like(relaxed).scatter(1, largest, 1.0).bool()
        return inside, labels.to(torch.int64)
