"""The estimators, and what their parameters mean."""

from . import recipes
from .base import BaseDVN, execution_for
from .calibration import CalibratedValueCV
from .callbacks import CALLBACK_ATTRIBUTES, with_callbacks
from .components import (
    AUTO,
    CHANNELS,
    LEVELS,
    STRIDE,
    Ascent,
    Augmentation,
    Component,
    Crops,
    Initializer,
    LabelNet,
    Loss,
    MaskNet,
    Mixture,
    above,
    at_least,
)
from .cross_fitting import CrossFitted
from .experts import KernelRidgeExpert, LogisticExpert, NeighborsExpert
from .feed_forward import FeedForwardClassifier
from .fingerprint import fingerprint
from .forests import TreesExpert
from .image_codec import ImageCodec
from .image_data import counting
from .image_sizes import Geometry, Sizes
from .initializers import EstimatorStart, MeanStart, SegmenterStart
from .input_views import ClippingScaler, InputView
from .label_codec import LabelCodec, check_positives
from .label_rows import read_rows, without_weightless
from .label_splits import Splitter
from .label_targets import LabelTargets, labels_of
from .labeler import LabelEstimator
from .mask_networks import (
    half_pays,
    mask_builder,
    module_geometry,
    new_backbone,
    new_unet,
    unet_shape,
    users_module,
)
from .mask_plan import (
    mask_optimization,
    mask_splits,
    pixel_objective,
    plan_for_pixels,
)
from .multilabel import DVNMultiLabelClassifier
from .parameters import (
    SOLVERS,
    TRAINING_CONSTRAINTS,
    check_pair,
    checked_weight,
    on_experts,
    reading_numbers,
    with_checked_parameters,
)
from .perceptron import PerceptronExpert
from .plain_state import MARKS, PlainStateMixin, packed, unpacked
from .segmentation import DVNSegmenter
from .segmenter import SEGMENTER_CONSTRAINTS, BaseSegmenter, score_of_masks
from .solvers import SGD, Adam, AdamW, EarlyStopping, Solver
from .stack import NamedEstimators, StackedGuess, experts_for
from .threads import on_one_thread
from .versions import OtherVersionWarning, VersionedMixin, this_version

__all__ = [
    "AUTO",
    "CALLBACK_ATTRIBUTES",
    "CHANNELS",
    "LEVELS",
    "MARKS",
    "SEGMENTER_CONSTRAINTS",
    "SGD",
    "SOLVERS",
    "STRIDE",
    "TRAINING_CONSTRAINTS",
    "Adam",
    "AdamW",
    "Ascent",
    "Augmentation",
    "BaseDVN",
    "BaseSegmenter",
    "CalibratedValueCV",
    "ClippingScaler",
    "Component",
    "Crops",
    "CrossFitted",
    "DVNMultiLabelClassifier",
    "DVNSegmenter",
    "EarlyStopping",
    "EstimatorStart",
    "FeedForwardClassifier",
    "Geometry",
    "ImageCodec",
    "Initializer",
    "InputView",
    "KernelRidgeExpert",
    "LabelCodec",
    "LabelEstimator",
    "LabelNet",
    "LabelTargets",
    "LogisticExpert",
    "Loss",
    "MaskNet",
    "MeanStart",
    "Mixture",
    "NamedEstimators",
    "NeighborsExpert",
    "OtherVersionWarning",
    "PerceptronExpert",
    "PlainStateMixin",
    "SegmenterStart",
    "Sizes",
    "Solver",
    "Splitter",
    "StackedGuess",
    "TreesExpert",
    "VersionedMixin",
    "above",
    "at_least",
    "check_pair",
    "check_positives",
    "checked_weight",
    "counting",
    "execution_for",
    "experts_for",
    "fingerprint",
    "half_pays",
    "labels_of",
    "mask_builder",
    "mask_optimization",
    "mask_splits",
    "module_geometry",
    "new_backbone",
    "new_unet",
    "on_experts",
    "on_one_thread",
    "packed",
    "pixel_objective",
    "plan_for_pixels",
    "read_rows",
    "reading_numbers",
    "recipes",
    "score_of_masks",
    "this_version",
    "unet_shape",
    "unpacked",
    "users_module",
    "with_callbacks",
    "with_checked_parameters",
    "without_weightless",
]
