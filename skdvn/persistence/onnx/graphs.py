"""Fitted estimators as torch modules from raw inputs to values or predictions."""

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from ...data import MARGIN
from ...estimators import MeanStart
from ...inference import PROJECTIONS, STEP_RULES, value_field
from ...networks import (
    GuessLabelNetwork,
    GuessNetwork,
    HalfPrecision,
    has_closed_form,
    members,
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


def prepared(estimator, needs_grad):
    """The network of an estimator in a form that can be exported."""
    network = estimator.network_
    for module in network.modules():
        if isinstance(module, HalfPrecision):
            module.half = False
    for member in members(network):
        is_shaped = isinstance(member, GuessLabelNetwork) or (
            isinstance(member, GuessNetwork) and member.local_term == "oracle"
        )
        if is_shaped and not has_closed_form(member.oracle):
            raise ValueError(
                f"oracle={estimator.oracle!r} has no closed form, which a network that "
                "stands on a guess needs to be exported. Remedy: an oracle of skdvn, "
                "or network=LabelNet('linear') or MaskNet('linear')."
            )
        if needs_grad and not hasattr(member, "score_and_grad"):
            raise ValueError(
                f"The network {type(member).__name__} cannot be exported for "
                "prediction, since its gradient in y is taken by autograd. Remedy: "
                "give it a method score_and_grad(context, y) in closed form."
            )
    return network


def keep(module, **arrays):
    """Store arrays, or None, as constants of a module, in single precision."""
    for name, array in arrays.items():
        if array is not None:
            array = torch.tensor(np.asarray(array), dtype=torch.float32)
        module.register_buffer(name, array)


class Prediction(nn.Module):
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
                f"ascent with noise={ascent.noise} cannot be exported, since the graph "
                "draws no numbers. Remedy: set_params(ascent__noise=0)."
            )
        if not isinstance(estimator.init_, MeanStart | None):
            raise ValueError(
                f"init={estimator.init!r} cannot be exported: inference starts at what "
                "another estimator predicts. Allowed are 'auto', 'zeros', 'mean', "
                "'guess' and numbers."
            )
        self.ascent = ascent
        self.network = prepared(estimator, needs_grad=ascent.n_steps > 0)
        keep(self, start=start)

    @property
    def sizes(self):
        """Sizes of the steps."""
        return [self.ascent._size_of(step) for step in range(self.ascent.n_steps)]

    def forward(self, x):
        """Predictions without any step."""
        return self.finish(self.begin(x)[0])

    def _begin(self, x):
        """Start and context, for inputs of the network."""
        context = self.network.encode(x)
        if self.start is None:
            y = self.network.guess(context)
        else:
            y = self.start.expand(x.shape[0], *self.start.shape[1:])
        leaves, self._structure = tree_flatten(context)
        return (y, *leaves)

    def advance(self, size, y, velocity, *leaves):
        """The next iterate and velocity; as `GradientAscent.iterates`."""
        context = tree_unflatten(leaves, self._structure)
        project, along = PROJECTIONS[self.ascent.projection]
        score, grad = value_field(self.network, context)(y)
        grad = along(grad)
        factor = STEP_RULES[self.ascent.step_rule](score, grad)
        push = grad * factor.view(-1, *[1] * (y.ndim - 1))
        velocity = self.ascent.momentum * velocity + push
        return project(y + size * velocity), velocity


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
        keep(self, low=x[:-1], widths=widths, slopes=np.diff(y) / widths)
        self.first = float(y[0])

    def forward(self, x, y):
        """Values, shape (n,)."""
        values = self.graph(x, y)
        if self.slope is not None:
            logits = torch.logit(values.clamp(MARGIN, 1 - MARGIN))
            return torch.sigmoid(self.slope * logits + self.intercept)
        # Up each piece of the line as far as the value reaches.
        climbed = torch.minimum((values[:, None] - self.low).clamp(min=0), self.widths)
        return self.first + (climbed * self.slopes).sum(1)
