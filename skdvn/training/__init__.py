"""Training: tuples, the loop, selection on held-out rows, and how it is carried out."""

from .checkpoints import NO_CHECKPOINTS, Checkpoints
from .execution import HERE, Execution, Trained, Training, train_part
from .full_batch import FullBatchTrainer
from .optimizers import SGD, Adam, AdamW, MovingAverage
from .plan import (
    GRADIENT_LOSSES,
    LOSSES,
    SCHEDULES,
    Objective,
    Optimization,
    Plan,
    Split,
)
from .scoring import best_ascent, totals_of
from .selection import select_and_train
from .sharpening import sharpen
from .teams import ALONE, Team, current_team, data_parallel
from .trainer import Trainer
from .tuples import (
    GENERATORS,
    Batch,
    ReplayBuffer,
    TupleMixture,
    Tuples,
    TupleSettings,
    adversarial,
    chain,
    corrupt,
    ground_truth,
    guess,
    inference,
    loss_augmented,
    one_step,
    oracle_and_grad,
    other_truths,
    replay,
    stratified,
    stratified_log_weights,
)

__all__ = [
    "ALONE",
    "GENERATORS",
    "GRADIENT_LOSSES",
    "HERE",
    "LOSSES",
    "NO_CHECKPOINTS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Batch",
    "Checkpoints",
    "Execution",
    "FullBatchTrainer",
    "MovingAverage",
    "Objective",
    "Optimization",
    "Plan",
    "ReplayBuffer",
    "Split",
    "Team",
    "Trained",
    "Trainer",
    "Training",
    "TupleMixture",
    "TupleSettings",
    "Tuples",
    "adversarial",
    "best_ascent",
    "chain",
    "corrupt",
    "current_team",
    "data_parallel",
    "ground_truth",
    "guess",
    "inference",
    "loss_augmented",
    "one_step",
    "oracle_and_grad",
    "other_truths",
    "replay",
    "select_and_train",
    "sharpen",
    "stratified",
    "stratified_log_weights",
    "totals_of",
    "train_part",
]
