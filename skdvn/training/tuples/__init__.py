"""Training tuples (x, y, v*): where the outputs to learn from come from."""

from .generators import (
    GENERATORS,
    adversarial,
    chain,
    ground_truth,
    guess,
    inference,
    loss_augmented,
    one_step,
    oracle_and_grad,
    other_truths,
    replay,
)
from .memory import ReplayBuffer
from .mixture import Batch, TupleMixture, Tuples, TupleSettings
from .stratified import corrupt, stratified, stratified_log_weights

__all__ = [
    "GENERATORS",
    "Batch",
    "ReplayBuffer",
    "TupleMixture",
    "TupleSettings",
    "Tuples",
    "adversarial",
    "chain",
    "corrupt",
    "ground_truth",
    "guess",
    "inference",
    "loss_augmented",
    "one_step",
    "oracle_and_grad",
    "other_truths",
    "replay",
    "stratified",
    "stratified_log_weights",
]
