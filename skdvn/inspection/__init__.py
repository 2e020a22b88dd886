"""Figures of what a model knows about its outputs, and of what it has learned.

Display classes in the manner of scikit-learn: `from_estimator` or `from_predictions`
compute and draw, ``plot`` draws again. They need matplotlib, ``pip install
skdvn[plot]``.
"""

from .ascent import AscentPathDisplay
from .history import TrainingHistoryDisplay
from .images import MeanImageDisplay
from .labels import LabelPairsDisplay
from .segmentation import SegmentationDisplay
from .steps import NStepsDisplay
from .values import RiskCoverageDisplay, ValueCalibrationDisplay

__all__ = [
    "AscentPathDisplay",
    "LabelPairsDisplay",
    "MeanImageDisplay",
    "NStepsDisplay",
    "RiskCoverageDisplay",
    "SegmentationDisplay",
    "TrainingHistoryDisplay",
    "ValueCalibrationDisplay",
]
