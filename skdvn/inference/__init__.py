"""Prediction by projected gradient ascent on the value: rows, crops, whole images."""

from .ascent import (
    PROJECTIONS,
    SCALED_RULES,
    STEP_RULES,
    GradientAscent,
    last,
    project_box,
    project_simplex,
    starting_points,
    value_field,
)
from .crops import (
    CroppedNetwork,
    CroppedRows,
    Views,
    offsets_along,
    offsets_by_stride,
    views_of,
)
from .prediction import (
    EncodedBatch,
    encoded,
    guessed,
    guesses,
    infer,
    inferred,
    refined,
    stages,
    values,
)
from .whole_images import WholeImages, on_whole_images

__all__ = [
    "PROJECTIONS",
    "SCALED_RULES",
    "STEP_RULES",
    "CroppedNetwork",
    "CroppedRows",
    "EncodedBatch",
    "GradientAscent",
    "Views",
    "WholeImages",
    "encoded",
    "guessed",
    "guesses",
    "infer",
    "inferred",
    "last",
    "offsets_along",
    "offsets_by_stride",
    "on_whole_images",
    "project_box",
    "project_simplex",
    "refined",
    "stages",
    "starting_points",
    "value_field",
    "values",
    "views_of",
]
