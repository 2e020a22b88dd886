"""Scorers for ``scoring=`` of scikit-learn's searches and cross-validation."""

from sklearn.metrics import make_scorer

from .scores import (
    mean_iou_score,
    pixel_accuracy_score,
    relaxed_accuracy_score,
    relaxed_f1_score,
    relaxed_iou_score,
)

relaxed_f1_scorer = make_scorer(relaxed_f1_score)
relaxed_iou_scorer = make_scorer(relaxed_iou_score)
relaxed_accuracy_scorer = make_scorer(relaxed_accuracy_score)
pixel_accuracy_scorer = make_scorer(pixel_accuracy_score)
mean_iou_scorer = make_scorer(mean_iou_score)
