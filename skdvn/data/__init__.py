"""Arrays of the user as mini-batches of tensors: rows, images, masks, examples."""

from .augmentation import FLIPS, Distortion
from .files import replacing
from .image_examples import ImageExamples, round_masks
from .images import Images
from .label_maps import check_label_maps, check_same_shapes, in_form_of, is_integer
from .margins import MARGIN, inner
from .masks import MaskTargets, check_images, check_same_sizes
from .rows import (
    CLIP_HIGH,
    CLIP_LOW,
    ConstantRows,
    Draw,
    Examples,
    Queries,
    Rows,
    SparseBatch,
    batches_of,
    rows_at_once,
    stacked,
)

__all__ = [
    "CLIP_HIGH",
    "CLIP_LOW",
    "FLIPS",
    "MARGIN",
    "ConstantRows",
    "Distortion",
    "Draw",
    "Examples",
    "ImageExamples",
    "Images",
    "MaskTargets",
    "Queries",
    "Rows",
    "SparseBatch",
    "batches_of",
    "check_images",
    "check_label_maps",
    "check_same_shapes",
    "check_same_sizes",
    "in_form_of",
    "inner",
    "is_integer",
    "replacing",
    "round_masks",
    "rows_at_once",
    "stacked",
]
