"""Optimizers of the weights and early stopping, as objects with parameters."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..training import SCHEDULES
from .components import AUTO, SHARE, Component, at_least


class Solver(Component):
    """What optimizers of the weights have in common."""

    _parameter_constraints = {
        "schedule": [StrOptions(set(SCHEDULES))],
        "max_grad_norm": [Interval(Real, 0, np.inf, closed="right"), AUTO],
        "averaging": [SHARE, AUTO],
    }


class SGD(Solver):
    """Stochastic gradient descent with momentum, for the weights.

    Parameters
    ----------
    momentum : float, default=0.9
        In [0, 1).
    schedule : {"constant", "cosine", "step"}, default="cosine"
        The learning rate stays constant, falls to 0 along a cosine, or is divided by 10
        after 38% and 77% of the epochs.
    max_grad_norm : float or "auto", default="auto"
        Gradients of a larger norm are scaled down to it; positive, infinity allowed.
        "auto" is 1 for labels and 5 for masks.
    averaging : float or "auto", default="auto"
        Decay per mini-batch of the moving average of the weights that is kept, in
        [0, 1); 0 keeps the last weights. "auto" is 0 for labels and 0.998 for masks.
    """

    _parameter_constraints = {**Solver._parameter_constraints, "momentum": [SHARE]}

    def __init__(
        self,
        momentum: float = 0.9,
        *,
        schedule: str = "cosine",
        max_grad_norm: float | str = "auto",
        averaging: float | str = "auto",
    ) -> None:
        self.momentum = momentum
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm
        self.averaging = averaging


class Adam(Solver):
    """Adam (Kingma & Ba, 2015), for the weights.

    Parameters
    ----------
    schedule, max_grad_norm, averaging
        As for `SGD`.
    """

    def __init__(
        self,
        *,
        schedule: str = "cosine",
        max_grad_norm: float | str = "auto",
        averaging: float | str = "auto",
    ) -> None:
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm
        self.averaging = averaging


class AdamW(Solver):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019), for the weights.

    Parameters
    ----------
    schedule, max_grad_norm, averaging
        As for `SGD`.
    """

    def __init__(
        self,
        *,
        schedule: str = "cosine",
        max_grad_norm: float | str = "auto",
        averaging: float | str = "auto",
    ) -> None:
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm
        self.averaging = averaging


class EarlyStopping(Component):
    """When training stops because held-out examples are no longer scored better.

    Parameters
    ----------
    n_iter_no_change : int or "auto", default="auto"
        Epochs without improvement after which training stops; "auto" is 5 for labels
        and 10 for masks.
    tol : float, default=1e-4
        What counts as improvement, from 0 to 1, which none reaches.
    """

    _parameter_constraints = {
        "n_iter_no_change": [at_least(1, Integral), AUTO],
        "tol": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self, n_iter_no_change: int | str = "auto", *, tol: float = 1e-4
    ) -> None:
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
