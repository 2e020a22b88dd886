"""Classifiers of labels as torch modules from raw rows to values or predictions."""

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import MaxAbsScaler
from torch import nn

from ...data import CLIP_HIGH, CLIP_LOW, MARGIN
from ...estimators import LIMIT, ClippingScaler
from ...oracles import decision_threshold, relaxed_accuracy, value_of_counts
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
        self.prior = None
        if self.ascent.prior_weight:
            self.prior = _Expert(estimator.prior_)
        self.exclusive = estimator.classes_.ndim == 1
        self.min_labels = getattr(estimator, "min_labels", 0)
        self.shapes = (estimator.codec_.shape,)

    def begin(self, x):
        """Start and context of raw rows."""
        pull = None
        if self.prior is not None:
            pull = self.ascent.prior_weight * self.prior(x)
        return self._begin(self.inputs(x), pull)

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


class _View(nn.Module):
    """One view of a `LinearExpert`: logits of the labels."""

    def __init__(self, transformer, coefficients, intercepts):
        super().__init__()
        self.kind = type(transformer)
        is_tfidf = self.kind is TfidfTransformer
        keep(
            self,
            coefficients=coefficients,
            intercepts=intercepts,
            mean=getattr(transformer, "mean_", None),
            factor=transformer.idf_ if is_tfidf else 1 / transformer.scale_,
        )

    def forward(self, x):
        if self.kind is ClippingScaler:
            seen = ((x - self.mean) * self.factor).clamp(CLIP_LOW, CLIP_HIGH)
        elif self.kind is MaxAbsScaler:
            seen = x * self.factor
        else:
            seen = x * self.factor
            length = seen.square().sum(1, keepdim=True).sqrt()
            seen = seen / torch.where(length > 0, length, 1.0)
        return seen @ self.coefficients + self.intercepts


class _Expert(nn.Module):
    """The margins of a `LinearExpert`."""

    def __init__(self, expert):
        super().__init__()
        self.oracle = expert.oracle
        self.views = nn.ModuleList(_View(*view) for view in expert.views_)

    def forward(self, x):
        logits = torch.stack([view(x) for view in self.views]).mean(0)
        probabilities = torch.sigmoid(logits).clamp(LIMIT, 1 - LIMIT)
        thresholds = self._thresholds(probabilities).clamp(LIMIT, 1 - LIMIT)
        return torch.logit(probabilities) - torch.logit(thresholds)

    def _thresholds(self, probabilities):
        """As `skdvn.estimators.decision_thresholds`."""
        if self.oracle is relaxed_accuracy:
            return torch.full_like(probabilities[:, :1], 0.5)
        shared = probabilities.sort(1, descending=True).values.cumsum(1)
        sizes = torch.arange(1, shared.shape[1] + 1, dtype=shared.dtype)
        values = value_of_counts(self.oracle, shared, sizes, shared[:, -1:])
        return decision_threshold(self.oracle, values.amax(1, keepdim=True))
