"""How a network is trained: the optimizer's settings and schedule."""

import math
from dataclasses import dataclass

# Factor on the learning rate as a function of the share of training done. "step" is
# the schedule of the authors' code: 150, 150 and 90 of 390 epochs.
SCHEDULES = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "step": lambda done: 0.1 ** ((done >= 150 / 390) + (done >= 300 / 390)),
}


@dataclass(frozen=True)
class Optimization:
    """How it is trained.

    Parameters
    ----------
    solver : {"sgd", "adam", "adamw"}
    learning_rate_init : float
    schedule : {"constant", "cosine", "step"}
    momentum : float
        Of SGD.
    alpha : float
        Weight decay: ``alpha * W`` is added to the gradient of weights (not biases),
        with "adamw" to the update.
    n_epochs : int
        Length of the schedule.
    batch_size : int
    max_grad_norm : float
        Gradients of larger norm are scaled down to it; infinity leaves them alone.
    lag : int
        With ``lag > 0`` the tuples of a mini-batch are inferred in a parallel thread
        with the weights of `lag` steps ago, as in section 3.3.
    averaging : float
        With more than 0, the weights to keep are an exponential moving average with
        this decay per mini-batch.
    """

    solver: str = "sgd"
    learning_rate_init: float = 0.6
    schedule: str = "cosine"
    momentum: float = 0.9
    alpha: float = 1e-3
    n_epochs: int = 16
    batch_size: int = 128
    max_grad_norm: float = 1.0
    lag: int = 0
    averaging: float = 0.0
