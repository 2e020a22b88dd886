"""Arrays of the user as mini-batches of tensors: rows, images, masks, examples."""

from .augmentation import FLIPS, Distortion
from .files import replacing
from .image_examples import ImageExamples, round_masks
from .images import Images, mirrored
from .label_maps import check_label_maps, check_same_shapes, in_form_of, is_integer
from .lazy import LazySequence, chosen, import_pillow, is_lazy, mapped
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
from .matrices import canonical, check_binary, read_labels
from .resizing import enlarged, padded, reduced, resized, working_size
from .rows import (
    CLIP_HIGH,
    CLIP_LOW,
    ConstantRows,
    Draw,
    Examples,
    Queries,
    Rows,
    SparseBatch,
    as_tensor,
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
    "LazySequence",
    "MaskTargets",
    "Queries",
    "Rows",
    "SparseBatch",
    "as_tensor",
    "batches_of",
    "canonical",
    "check_as_many",
    "check_binary",
    "check_images",
    "check_label_maps",
    "check_same_shapes",
    "check_same_size",
    "check_same_sizes",
    "chosen",
    "enlarged",
    "import_pillow",
    "in_form_of",
    "inner",
    "is_integer",
    "is_lazy",
    "mapped",
    "mirrored",
    "padded",
    "parts_of",
    "pictures_of",
    "read_labels",
    "reduced",
    "replacing",
    "resized",
    "round_masks",
    "rows_at_once",
    "stacked",
    "working_size",
]
