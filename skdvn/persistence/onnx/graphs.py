"""Fitted estimators as torch modules from raw inputs to values or predictions."""

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import MaxAbsScaler
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from .crops import CroppedNetwork
from .data import CLIP_HIGH, CLIP_LOW
from .inference import PROJECTIONS, STEP_RULES, value_field
from .masks import MARGIN as MASK_MARGIN
from .networks import GuessLabelNetwork, GuessNetwork, HalfPrecision, members
from .networks.expected import has_closed_form
from .oracles import relaxed_accuracy, relaxed_iou
from .prior import LIMIT, ClippingScaler
from .starts import MeanStart
from .targets import MARGIN as LABEL_MARGIN


class ClosedFormGuessNetwork(GuessNetwork):
    """A `GuessNetwork` whose gradient needs no autograd."""

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y."""
        score, grad = self._local(context[0], y)
        if self.correction is None:
            return score, grad
        guess = self.guess(context)
        return (
            score + self.correction(context[1], y, guess),
            grad + self.correction.grad(context[1], y, guess),
        )


class Function(nn.Module):
    """A function of tensors, or a method of a module, as a module."""

    def __init__(self, function):
        super().__init__()
        self.owner = getattr(function, "__self__", function)
        self.function = function

    def forward(self, *arguments):
        """What the function returns."""
        return self.function(*arguments)


def _prepared(estimator, needs_grad):
    """The network of an estimator, changed in place so that it can be exported."""
    network = estimator.network_
    for module in network.modules():
        if isinstance(module, HalfPrecision):
            module.half = False
        if type(module) is GuessNetwork:
            module.__class__ = ClosedFormGuessNetwork
    for member in members(network):
        is_shaped = isinstance(member, GuessLabelNetwork) or (
            isinstance(member, GuessNetwork) and member.local_term == "oracle"
        )
        if is_shaped and not has_closed_form(member.oracle):
            raise ValueError(
                f"oracle={estimator.oracle!r} has no closed form, which the network "
                "needs to be exported with local_term='oracle'. Remedy: an oracle of "
                "skdvn, or local_term='linear'."
            )
        if needs_grad and not hasattr(member, "score_and_grad"):
            raise ValueError(
                f"The network {type(member).__name__} cannot be exported for "
                "prediction, since its gradient in y is taken by autograd. Remedy: "
                "give it a method score_and_grad(context, y) in closed form."
            )
    return network


def _keep(module, **arrays):
    """Store arrays, or None, as constants of a module, in single precision."""
    for name, array in arrays.items():
        if array is not None:
            array = torch.tensor(np.asarray(array), dtype=torch.float32)
        module.register_buffer(name, array)


class _Prediction(nn.Module):
    """What predictions of labels and masks share: the ascent, in three parts.

    `begin` maps raw inputs to the start and what else the ascent needs, tensors whose
    first axis counts examples or crops; `advance` makes one step; and `finish` turns
    the last iterate into what users see.
    """

    def __init__(self, estimator, start):
        super().__init__()
        ascent = estimator._ascent()
        if ascent.noise:
            raise ValueError(
                f"inference_noise={ascent.noise} cannot be exported, since the graph "
                "draws no numbers. Remedy: set_params(inference_noise=0)."
            )
        if not isinstance(estimator.init_, MeanStart | None):
            raise ValueError(
                f"init={estimator.init!r} cannot be exported: inference starts at what "
                "another estimator predicts. Allowed are 'auto', 'zeros', 'mean', "
                "'guess' and numbers."
            )
        self.ascent, self.pulled = ascent, False
        self.network = _prepared(estimator, needs_grad=ascent.n_steps > 0)
        _keep(self, start=start)

    @property
    def sizes(self):
        """Sizes of the steps."""
        return [self.ascent._size_of(step) for step in range(self.ascent.n_steps)]

    def forward(self, x):
        """Predictions without any step."""
        return self.finish(self.begin(x)[0])

    def _begin(self, x, pull=None):
        """Start and context, for inputs of the network."""
        context = self.network.encode(x)
        if self.start is None:
            y = self.network.guess(context)
        else:
            y = self.start.expand(x.shape[0], *self.start.shape[1:])
        leaves, self._structure = tree_flatten(context)
        self.pulled = pull is not None
        return (y, *leaves, pull) if self.pulled else (y, *leaves)

    def advance(self, size, y, velocity, *leaves):
        """The next iterate and velocity; as `Ascent.iterates`."""
        *leaves, pull = leaves if self.pulled else (*leaves, None)
        context = tree_unflatten(leaves, self._structure)
        project, along = PROJECTIONS[self.ascent.projection]
        score, grad = value_field(self.network, context, pull)(y)
        grad = along(grad)
        factor = STEP_RULES[self.ascent.step_rule](score, grad)
        push = grad * factor.view(-1, *[1] * (y.ndim - 1))
        velocity = self.ascent.momentum * velocity + push
        return project(y + size * velocity), velocity


# -- labels ------------------------------------------------------------------------


class _LabelInputs(nn.Module):
    """Raw rows as the network sees them."""

    def __init__(self, estimator):
        super().__init__()
        scaler = estimator.scaler_
        mean, scale = (scaler.mean_, scaler.scale_) if scaler else (None, None)
        _keep(self, mean=mean, scale=scale)

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
        self.network = _prepared(estimator, needs_grad=False)
        self.inputs = _LabelInputs(estimator)
        self.shapes = estimator._x_shape, (estimator._targets.n_labels_,)

    def forward(self, x, y):
        """Values, shape (n,)."""
        context = self.network.encode(self.inputs(x))
        return torch.sigmoid(self.network.score(context, y))


class LabelPrediction(_Prediction):
    """Rows to relaxed labels and labels; parameters as for `LabelValue`."""

    def __init__(self, estimator):
        start = getattr(estimator, "_start_row", None)
        start = start if start is None else start[np.newaxis]
        super().__init__(estimator, start)
        self.inputs = _LabelInputs(estimator)
        self.prior = None
        if self.ascent.prior_weight:
            self.prior = _Prior(estimator.prior_)
        self.exclusive = estimator.classes_.ndim == 1
        self.min_labels = estimator.min_labels
        self.shapes = (estimator._x_shape,)

    def begin(self, x):
        """Start and context of raw rows."""
        pull = None
        if self.prior is not None:
            pull = self.ascent.prior_weight * self.prior(x)
        return self._begin(self.inputs(x), pull)

    def finish(self, relaxed):
        """Probabilities and labels, or positions of classes."""
        inside = relaxed.clamp(LABEL_MARGIN, 1 - LABEL_MARGIN)
        if self.exclusive:
            inside = inside / inside.sum(1, keepdim=True)
            return inside, inside.argmax(1)
        labels = relaxed >= 0.5
        if self.min_labels:
            largest = relaxed.topk(self.min_labels, 1).indices
            labels = labels | torch.zeros_like(relaxed).scatter(1, largest, 1.0).bool()
        return inside, labels.to(torch.int64)


class _View(nn.Module):
    """One view of a `LinearPrior`: logits of the labels."""

    def __init__(self, transformer, coefficients, intercepts):
        super().__init__()
        self.kind = type(transformer)
        is_tfidf = self.kind is TfidfTransformer
        _keep(
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


class _Prior(nn.Module):
    """The margins of a `LinearPrior`."""

    def __init__(self, prior):
        super().__init__()
        self.oracle = prior.oracle
        self.views = nn.ModuleList(_View(*view) for view in prior.views_)

    def forward(self, x):
        logits = torch.stack([view(x) for view in self.views]).mean(0)
        probabilities = torch.sigmoid(logits).clamp(LIMIT, 1 - LIMIT)
        thresholds = self._thresholds(probabilities).clamp(LIMIT, 1 - LIMIT)
        return torch.logit(probabilities) - torch.logit(thresholds)

    def _thresholds(self, probabilities):
        """As `skdvn.prior.decision_thresholds`."""
        if self.oracle is relaxed_accuracy:
            return torch.full_like(probabilities[:, :1], 0.5)
        shared = probabilities.sort(1, descending=True).values.cumsum(1)
        size = torch.arange(1, shared.shape[1] + 1, dtype=shared.dtype)
        size_true = shared[:, -1:]
        if self.oracle is relaxed_iou:
            best = (shared / (size + size_true - shared)).amax(1, keepdim=True)
            return best / (1 + best)
        weight = float(self.oracle.beta) ** 2
        values = (1 + weight) * shared / (size + weight * size_true)
        return values.amax(1, keepdim=True) / (1 + weight)


# -- masks -------------------------------------------------------------------------


class _ImageInputs(nn.Module):
    """Raw images, channels last, as the network sees them."""

    def __init__(self, estimator):
        super().__init__()
        _keep(self, mean=estimator.mean_, scale=estimator.scale_)

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
        _prepared(estimator, needs_grad=False)
        views = estimator._views(height, width, estimator._flips_crops())
        self.network = estimator._on_views(views)
        self.inputs = _ImageInputs(estimator)
        n_outputs = estimator._targets.n_outputs_
        self.is_binary = n_outputs == 1
        mask = (height, width) if self.is_binary else (n_outputs, height, width)
        self.shapes = (height, width, estimator.n_channels_in_), mask

    def forward(self, x, y):
        """Values, shape (n,)."""
        y = y.unsqueeze(1) if self.is_binary else y
        context = self.network.encode(self.inputs(x))
        return torch.sigmoid(self.network.score(context, y))


class MaskPrediction(_Prediction):
    """Images to relaxed masks and masks; parameters as for `MaskValue`."""

    def __init__(self, estimator, height, width):
        shape = height, width, estimator.n_channels_in_
        super().__init__(estimator, _mask_start(estimator, *shape))
        self.shapes = (shape,)
        self.inputs = _ImageInputs(estimator)
        self.views = estimator._views(height, width, estimator._flips_crops())
        joint = getattr(estimator, "aggregation", "joint") == "joint"
        self.apart = not (joint or self.views.is_whole)
        if joint and not self.views.is_whole:
            self.network = CroppedNetwork(self.network, self.views)
        # A constant of the graph, to be computed before it is traced.
        _keep(self, coverage=self.views.coverage)

    def begin(self, x):
        """Start and context of raw images."""
        x = self.inputs(x)
        return self._begin(self.views.cut(x) if self.apart else x)

    def finish(self, relaxed):
        """Probabilities and positions of classes."""
        if self.apart:
            relaxed = self.views.paste(relaxed) / self.coverage
        inside = relaxed.clamp(MASK_MARGIN, 1 - MASK_MARGIN)
        if relaxed.shape[1] == 1:
            positions = (relaxed[:, 0] >= 0.5).to(torch.int64)
            return torch.cat([1 - inside, inside], 1), positions
        return inside / inside.sum(1, keepdim=True), relaxed.argmax(1)


def _mask_start(estimator, height, width, n_channels):
    """Where inference starts on images of this size; None for the guess."""
    if isinstance(estimator.init_, MeanStart):
        return estimator.init_.predict([np.zeros((height, width, n_channels))])[0][None]
    constant = estimator._constant_start(height, width, 1)
    return None if constant is None else constant.take(slice(1)).numpy()


# -- calibration -------------------------------------------------------------------


class Calibrated(nn.Module):
    """Calibrated values.

    Parameters
    ----------
    graph : LabelValue or MaskValue
    calibrator : SigmoidMap or IsotonicRegression
        Fitted.
    """

    def __init__(self, graph, calibrator):
        super().__init__()
        self.graph, self.shapes = graph, graph.shapes
        self.slope = self.intercept = None
        if hasattr(calibrator, "slope_"):
            self.slope, self.intercept = calibrator.slope_, calibrator.intercept_
            return
        x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
        widths = np.diff(x)
        _keep(self, low=x[:-1], widths=widths, slopes=np.diff(y) / widths)
        self.first = float(y[0])

    def forward(self, x, y):
        """Values, shape (n,)."""
        values = self.graph(x, y)
        if self.slope is not None:
            logits = torch.logit(values.clamp(MASK_MARGIN, 1 - MASK_MARGIN))
            return torch.sigmoid(self.slope * logits + self.intercept)
        # Up each piece of the line as far as the value reaches.
        climbed = torch.minimum((values[:, None] - self.low).clamp(min=0), self.widths)
        return self.first + (climbed * self.slopes).sum(1)
