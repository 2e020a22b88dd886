"""Prediction by projected gradient ascent on the value, on rows and on crops."""

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
)
from .prediction import (
    EncodedBatch,
    encoded,
    guesses,
    infer,
    inferred,
    stages,
    values,
)

__all__ = [
    "PROJECTIONS",
    "SCALED_RULES",
    "STEP_RULES",
    "CroppedNetwork",
    "CroppedRows",
    "EncodedBatch",
    "GradientAscent",
    "Views",
    "encoded",
    "guesses",
    "infer",
    "inferred",
    "last",
    "offsets_along",
    "offsets_by_stride",
    "project_box",
    "project_simplex",
    "stages",
    "starting_points",
    "value_field",
    "values",
]
