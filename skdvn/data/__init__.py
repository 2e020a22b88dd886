"""Arrays of the user as mini-batches of tensors: rows, images, masks, examples."""

from .augmentation import FLIPS, Distortion
from .files import replacing
from .image_examples import ImageExamples, round_masks
from .images import Images, mirrored
from .label_maps import check_label_maps, check_same_shapes, in_form_of, is_integer
from .margins import MARGIN, inner
from .masks import (
    MaskTargets,
    check_as_many,
    check_images,
    check_same_size,
    check_same_sizes,
    parts_of,
    pictures_of,
)
from .resizing import resized, working_size
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
from .sequences import Mapped, chosen, is_read_late, mapped

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
    "Mapped",
    "MaskTargets",
    "Queries",
    "Rows",
    "SparseBatch",
    "batches_of",
    "check_as_many",
    "check_images",
    "check_label_maps",
    "check_same_shapes",
    "check_same_size",
    "check_same_sizes",
    "chosen",
    "in_form_of",
    "inner",
    "is_integer",
    "is_read_late",
    "mapped",
    "mirrored",
    "parts_of",
    "pictures_of",
    "replacing",
    "resized",
    "round_masks",
    "rows_at_once",
    "stacked",
    "working_size",
]
