"""What a user would pick instead: decision rules, feed-forward networks."""

from .decision_rules import PlugInClassifier, ThresholdClassifier, plug_in_labels
from .feed_forward import FeedForwardClassifier
from .pixelwise import FCNSegmenter, UNetSegmenter

__all__ = [
    "FCNSegmenter",
    "FeedForwardClassifier",
    "PlugInClassifier",
    "ThresholdClassifier",
    "UNetSegmenter",
    "plug_in_labels",
]
