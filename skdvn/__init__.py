"""Deep Value Networks for structured prediction, as scikit-learn estimators."""

from .multilabel import DVNMultiLabelClassifier
from .segmentation import DVNSegmenter

__version__ = "0.1.0"
__all__ = ["DVNMultiLabelClassifier", "DVNSegmenter"]
