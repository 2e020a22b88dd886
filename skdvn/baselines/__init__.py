"""What a user would pick instead: decision rules, feed-forward networks."""

from .decision_rules import PlugInClassifier, ThresholdClassifier, plug_in_labels
from .feed_forward import FeedForwardClassifier
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
