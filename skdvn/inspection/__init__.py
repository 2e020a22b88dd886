"""Figures of what a model knows about its outputs, and of what it has learned.

Display classes in the manner of scikit-learn: `from_estimator` or `from_predictions`
compute and draw, ``plot`` draws again. They need matplotlib, ``pip install
skdvn[plot]``.
"""

from .images import MeanImageDisplay
from .labels import LabelPairsDisplay
from .values import RiskCoverageDisplay, ValueCalibrationDisplay

__all__ = [
    "LabelPairsDisplay",
    "MeanImageDisplay",
    "RiskCoverageDisplay",
    "ValueCalibrationDisplay",
]
