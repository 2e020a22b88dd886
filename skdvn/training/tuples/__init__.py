"""Training tuples (x, y, v*): where the outputs to learn from come from."""

from .batch import Batch, TupleSettings
from .generators import (
    GENERATORS,
    adversarial,
    chain,
    ground_truth,
    inference,
    loss_augmented,
    one_step,
    oracle_and_grad,
    replay,
)
from .mixture import TupleMixture, Tuples
from .replay import ReplayBuffer
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
    "inference",
    "loss_augmented",
    "one_step",
    "oracle_and_grad",
    "replay",
    "stratified",
    "stratified_log_weights",
]
