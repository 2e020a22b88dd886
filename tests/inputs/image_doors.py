"""All doors through which images and masks come in, and tiny data to try them with."""

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from skdvn import CalibratedValueCV, Crops, DVNSegmenter, MaskNet
from skdvn.baselines import (
    FCNSegmenter,
    PixelwiseSegmenter,
    PlugInSegmenter,
    UNetSegmenter,
)
from skdvn.datasets import make_silhouettes
from skdvn.inspection import (
    AscentPathDisplay,
    MeanImageDisplay,
    SegmentationDisplay,
)
from skdvn.metrics import (
    boundary_f1_score,
    majority_labels,
    mean_iou_scorer,
    oracle_values,
    pixel_accuracy_scorer,
    relaxed_accuracy_scorer,
    relaxed_f1_scorer,
    relaxed_iou_scorer,
    superpixel_accuracy,
    value_pairs,
)

X, Y = (
    np.ascontiguousarray(part[:, ::2, ::2])
    for part in make_silhouettes(6, size=16, random_state=0)
)
QUICK = {
    "max_iter": 1,
    "batch_size": 4,
    "random_state": 0,
    "precision": "single",
    "crops": Crops(flip=False, shift=0),
}


def convolution(n_channels, n_outputs, crop_size):
    """A network of the user's."""
    return torch.nn.Conv2d(n_channels, n_outputs, 3, padding=1)


# Each makes a segmenter that is not yet fitted.
SEGMENTERS = {
    "dvn": lambda **params: DVNSegmenter(
        n_channels=2, n_steps=2, **{"network": MaskNet(n_levels=2)} | QUICK | params
    ),
    "conv": lambda **params: DVNSegmenter("conv", n_steps=2, **QUICK | params),
    "unet": lambda **params: UNetSegmenter(2, **{"n_levels": 2} | QUICK | params),
    "fcn": lambda **params: FCNSegmenter(**QUICK | params),
    "pixelwise": lambda **params: PixelwiseSegmenter(convolution, **QUICK | params),
    "plug-in": lambda **params: PlugInSegmenter(SEGMENTERS["unet"](**params)),
}
TRAINED = [name for name in SEGMENTERS if name != "plug-in"]


def held_out_score(make, images, masks):
    """What early stopping makes of these images and masks."""
    segmenter = make(early_stopping=True)
    return segmenter.fit(X, Y, X_val=images, y_val=masks).validation_score_


# How segmenters are fitted: ``door(make, images, masks)`` returns numbers.
FIT_DOORS = {
    "fit": lambda make, images, masks: make().fit(images, masks).predict_proba(X),
    "partial_fit": lambda make, images, masks: (
        make().partial_fit(images, masks).predict_proba(X)
    ),
    "X_val": held_out_score,
}


def shown(kind, segmenter, images, masks, part):
    """What a display draws, on a figure of no window."""
    from matplotlib.figure import Figure

    display = kind.from_estimator(segmenter, images, masks, ax=Figure().subplots())
    return getattr(display, part)


def calibrated(segmenter, images, masks):
    """Values whose map these images and masks make."""
    model = CalibratedValueCV(FrozenEstimator(segmenter), method="sigmoid")
    return model.fit(images, masks).predict_value(images)


# What is asked of fitted ones: ``door(segmenter, images, masks)`` returns numbers. The
# first take no masks.
IMAGE_DOORS = {
    "predict": lambda fitted, images, masks: fitted.predict(images),
    "predict_proba": lambda fitted, images, masks: fitted.predict_proba(images),
    "predict_relaxed": lambda fitted, images, masks: fitted.predict_relaxed(images),
    "staged_predict": lambda fitted, images, masks: list(fitted.staged_predict(images)),
    "staged_predict_relaxed": lambda fitted, images, masks: list(
        fitted.staged_predict_relaxed(images)
    ),
    "predict_value": lambda fitted, images, masks: fitted.predict_value(images),
}
MASK_DOORS = {
    "predict_value of masks": lambda fitted, images, masks: fitted.predict_value(
        images, masks
    ),
    "refine": lambda fitted, images, masks: fitted.refine(images, masks),
}
TRUTH_DOORS = {
    "score": lambda fitted, images, masks: fitted.score(images, masks),
    "oracle_values": lambda fitted, images, masks: oracle_values(
        fitted, masks, fitted.predict(images)
    ),
    "value_pairs": lambda fitted, images, masks: value_pairs(fitted, images, masks),
    "calibration": calibrated,
}
DISPLAYS = {
    "SegmentationDisplay": lambda *given: shown(
        SegmentationDisplay, *given, "values_true"
    )["prediction"],
    "MeanImageDisplay": lambda *given: shown(MeanImageDisplay, *given, "mean_mask"),
    "AscentPathDisplay": lambda *given: shown(AscentPathDisplay, *given, "values_true"),
}
SCORERS = {
    "pixel_accuracy_scorer": pixel_accuracy_scorer,
    "mean_iou_scorer": mean_iou_scorer,
    "relaxed_iou_scorer": relaxed_iou_scorer,
    "relaxed_f1_scorer": relaxed_f1_scorer,
    "relaxed_accuracy_scorer": relaxed_accuracy_scorer,
}
MAP_DOORS = {
    "boundary_f1_score": lambda fitted, images, masks: boundary_f1_score(
        masks, fitted.predict(images)
    ),
    "superpixel_accuracy": lambda fitted, images, masks: superpixel_accuracy(
        masks, *two_maps(fitted, images)
    ),
    "majority_labels": lambda fitted, images, masks: majority_labels(
        masks, two_maps(fitted, images)[1]
    ),
}
DOORS = {**IMAGE_DOORS, **MASK_DOORS, **TRUTH_DOORS, **SCORERS, **MAP_DOORS}

# The doors that not all segmenters have.
NEEDS = {
    "predict_value": {"predict_value of masks", "value_pairs", "calibration"},
    "predict_relaxed": {"AscentPathDisplay"},
    "network_": {"SegmentationDisplay", "MeanImageDisplay"},
}


def two_maps(fitted, images):
    """The predicted masks, and superpixels of the images."""
    masks = fitted.predict(images)
    return masks, [np.indices(mask.shape).sum(0) // 4 for mask in masks]


def has_door(segmenter, door):
    """Whether there is such a door for a fitted segmenter."""
    needed = [name for name, doors in NEEDS.items() if door in doors]
    if door in {**IMAGE_DOORS, **MASK_DOORS, "score": None} and not needed:
        needed = [door]
    return all(hasattr(segmenter, name) for name in needed)


def as_numbers(result):
    """All numbers of a result in a row, whatever holds them."""
    if isinstance(result, list | tuple):
        return np.concatenate([as_numbers(part) for part in result])
    return np.ravel(result).astype(float)


class Lazy:
    """A sequence that is no list, and has nothing but a length and items."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def objects(items):
    """An array of objects."""
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array
