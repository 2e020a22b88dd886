"""What a user would pick instead: decision rules, feed-forward networks."""

from ..estimators import FeedForwardClassifier
from .decision_rules import PlugInClassifier, ThresholdClassifier, plug_in_labels
from .pixelwise import FCNSegmenter, PixelwiseSegmenter, UNetSegmenter
from .plug_in_masks import PlugInSegmenter

__all__ = [
    "FCNSegmenter",
    "FeedForwardClassifier",
    "PixelwiseSegmenter",
    "PlugInClassifier",
    "PlugInSegmenter",
    "ThresholdClassifier",
    "UNetSegmenter",
    "plug_in_labels",
]
