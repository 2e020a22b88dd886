"""Arrays of the user as mini-batches of tensors: rows, images, masks, examples."""

from .augmentation import FLIPS, Distortion
from .files import replacing
from .image_examples import ImageExamples, round_masks
from .images import Images, mirrored
from .label_maps import check_label_maps, check_same_shapes, is_integer
from .lazy import LazySequence, chosen, import_pillow, is_lazy, mapped, opened
from .margins import MARGIN, inner
from .masks import IGNORED, KNOWN, UNSEEN, MaskTargets, as_one_kind, opposed
from .matrices import canonical, check_binary, read_labels
from .pictures import (
    check_as_many,
    check_images,
    check_same_size,
    check_same_sizes,
    in_form_of,
    is_array,
    parts_at,
    parts_of,
    pictures_of,
)
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
    "IGNORED",
    "KNOWN",
    "MARGIN",
    "UNSEEN",
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
    "as_one_kind",
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
    "is_array",
    "is_integer",
    "is_lazy",
    "mapped",
    "mirrored",
    "opened",
    "opposed",
    "padded",
    "parts_at",
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
