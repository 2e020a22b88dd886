"""Deep Value Networks for structured prediction, as scikit-learn estimators."""

from ._moved import __version__ as __version__
from ._moved import module_message
from .estimators import (
    SGD,
    Adam,
    AdamW,
    Ascent,
    Augmentation,
    CalibratedValueCV,
    Crops,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    EarlyStopping,
    Initializer,
    LabelNet,
    Loss,
    MaskNet,
    Mixture,
    StackedGuess,
    recipes,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Ascent",
    "Augmentation",
    "CalibratedValueCV",
    "Crops",
    "DVNMultiLabelClassifier",
    "DVNSegmenter",
    "EarlyStopping",
    "Initializer",
    "LabelNet",
    "Loss",
    "MaskNet",
    "Mixture",
    "StackedGuess",
    "recipes",
]


def __getattr__(name):
    raise AttributeError(
        module_message(name) or f"module 'skdvn' has no attribute {name!r}"
    )
