"""Scores and scorers, of predicted values too; superpixels."""

from .boundaries import boundary_f1_score
from .outputs import (
    encoded_truth,
    encoded_values,
    oracle_values,
    value_of_mask,
    value_pairs,
)
from .scorers import (
    mean_iou_scorer,
    pixel_accuracy_scorer,
    relaxed_accuracy_scorer,
    relaxed_f1_scorer,
    relaxed_iou_scorer,
)
from .scores import (
    mean_iou_score,
    pixel_accuracy_score,
    read_weights,
    relaxed_accuracy_score,
    relaxed_f1_score,
    relaxed_fbeta_score,
    relaxed_iou_score,
    superpixel_accuracy,
)
from .superpixels import majority_labels, resize_labels, slic_segments
from .value_maps import SigmoidMap, new_map
from .values import (
    check_values,
    risk_coverage_curve,
    value_bins,
    value_calibration_error,
)

__all__ = [
    "SigmoidMap",
    "boundary_f1_score",
    "check_values",
    "encoded_truth",
    "encoded_values",
    "majority_labels",
    "mean_iou_score",
    "mean_iou_scorer",
    "new_map",
    "oracle_values",
    "pixel_accuracy_score",
    "pixel_accuracy_scorer",
    "read_weights",
    "relaxed_accuracy_score",
    "relaxed_accuracy_scorer",
    "relaxed_f1_score",
    "relaxed_f1_scorer",
    "relaxed_fbeta_score",
    "relaxed_iou_score",
    "relaxed_iou_scorer",
    "resize_labels",
    "risk_coverage_curve",
    "slic_segments",
    "superpixel_accuracy",
    "value_bins",
    "value_calibration_error",
    "value_of_mask",
    "value_pairs",
]
