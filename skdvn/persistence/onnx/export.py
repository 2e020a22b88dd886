"""Graphs of fitted estimators, converted by PyTorch's exporter, as files."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ...data import replacing
from ...data.typing import FilePath
from ...estimators import (
    BaseDVN,
    BaseSegmenter,
    CalibratedValueCV,
    on_experts,
    this_version,
)
from .graphs import Calibrated, Function
from .label_graphs import LabelPrediction, LabelValue
from .loops import looped
from .mask_graphs import MaskPrediction, MaskValue

OLDEST_TORCH = "2.8"  # whose exporter can do what is asked of it here

# Rows of the examples that the exporter sees; 1 would be taken as a constant.
N_EXAMPLES = 2


def export_value(
    estimator: Any, path: FilePath, *, image_size: tuple[int, int] | None = None
) -> None:
    """Export what `predict_value` does with given outputs.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
        Fitted.
    path : str or path-like
        Where to; an older file is replaced at one stroke.
    image_size : tuple of int, default=None
        Height and width of the images, for segmenters; those of the crops if None.

    Raises
    ------
    TypeError
        If the estimator is of another kind.
    ValueError
        If the network stands on estimators or cannot be exported, or `image_size`
        does not suit.
    ImportError
        If onnx or onnxscript is missing, or PyTorch is older than 2.8.

    Notes
    -----
    The graph has the inputs

    - ``X``: float32 of shape (n, n_features), or images (n, height, width,
      n_channels), and
    - ``Y``: float32, in [0, 1], of shape (n, n_labels), with one column per class for
      a one-dimensional y; or masks (n, height, width), how much each pixel is the
      second of two classes, or (n, n_classes, height, width),

    and the output ``value``, float32 of shape (n,).

    Examples
    --------
    >>> from skdvn import DVNMultiLabelClassifier
    >>> from skdvn.persistence import export_value
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> clf = DVNMultiLabelClassifier(
    ...     (), max_iter=1, refit=True, random_state=0
    ... )
    >>> export_value(clf.fit(X, Y), "value.onnx")  # doctest: +SKIP
    """
    _check_onnx("skdvn.persistence.export_value")
    inner, calibrator = _unwrapped(estimator)
    if not hasattr(inner, "predict_value"):
        raise TypeError(
            f"{type(inner).__name__} estimates no values. Allowed are "
            "DVNMultiLabelClassifier, DVNSegmenter and CalibratedValueCV; see "
            "export_predict."
        )
    graph = _graph(inner, image_size, LabelValue, MaskValue)
    if calibrator is not None:
        graph = Calibrated(graph, calibrator)
    model = _converted(graph, _examples(graph), ["X", "Y"], ["value"], inner)
    _save(model, inner, path)


def export_predict(
    estimator: Any, path: FilePath, *, image_size: tuple[int, int] | None = None
) -> None:
    """Export what `predict_relaxed` and `predict` do.

    Parameters
    ----------
    estimator : estimator
        Fitted: DVNMultiLabelClassifier, DVNSegmenter, FeedForwardClassifier,
        FCNSegmenter, UNetSegmenter, or CalibratedValueCV of one of them.
    path : str or path-like
        Where to; an older file is replaced at one stroke.
    image_size : tuple of int, default=None
        Height and width of the images, for segmenters; those of the crops if None.

    Raises
    ------
    TypeError
        If the estimator is of another kind.
    ValueError
        If the network stands on estimators; if inference draws noise or starts at what
        another estimator predicts; if the network's gradient in y has no closed form,
        as that of a network of your own without ``score_and_grad``; if the network
        cannot be exported for another reason, or `image_size` does not suit.
    ImportError
        If onnx or onnxscript is missing, or PyTorch is older than 2.8.

    Notes
    -----
    The graph has the input ``X``, as for `export_value`, and the outputs

    - ``relaxed``: float32, as `predict_relaxed` returns, or `predict_proba` of those
      that have no such method, and
    - ``labels``, int64 of shape (n, n_labels); for a one-dimensional y ``classes``, of
      shape (n,); for segmenters ``masks``, of shape (n, height, width). The latter two
      are positions in ``classes_``, which the file's metadata hold as JSON.

    Number and size of the steps, and all else that can be set after `fit`, are those
    of the estimator at the time of the export.
    """
    _check_onnx("skdvn.persistence.export_predict")
    inner, _ = _unwrapped(estimator)
    graph = _graph(inner, image_size, LabelPrediction, MaskPrediction)
    rounded = "labels"
    if isinstance(inner, BaseSegmenter):
        rounded = "masks"
    elif inner.classes_.ndim == 1:
        rounded = "classes"
    _save(_prediction(graph, inner, ["relaxed", rounded]), inner, path)


def _unwrapped(estimator):
    """The estimator with the network, and the map of its values or None."""
    check_is_fitted(estimator)
    calibrator = None
    if isinstance(estimator, CalibratedValueCV):
        estimator, calibrator = estimator.estimator_, estimator.calibrator_
    if isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not isinstance(estimator, BaseDVN):
        raise TypeError(
            f"{type(estimator).__name__} cannot be exported. Allowed are estimators "
            "of skdvn with a network."
        )
    if on_experts(estimator.codec_):
        raise ValueError(
            f"estimators={estimator.estimators!r} cannot be exported, only networks. "
            "Remedy: fit with estimators=(), where the network guesses the labels."
        )
    return estimator, calibrator


def _graph(estimator, image_size, of_labels, of_masks):
    """The module to export, on the CPU and in single precision."""
    estimator = copy.deepcopy(estimator)
    codec = estimator.codec_
    estimator.device_ = codec.device = torch.device("cpu")
    codec.dtype = torch.float32
    estimator.network_.to("cpu", torch.float32)
    if not isinstance(estimator, BaseSegmenter):
        if image_size is not None:
            raise ValueError(
                f"image_size={image_size} is for segmenters; for "
                f"{type(estimator).__name__} only None is allowed."
            )
        return of_labels(estimator).eval()
    size = (estimator.crop_size_,) * 2 if image_size is None else tuple(image_size)
    low = 1 if estimator._predictor().is_whole else estimator.crop_size_
    high = codec.sizes.longest
    if len(size) != 2 or min(size) < low or (high and max(size) > high):
        most = f"larger than {high}, the size worked on," if high else ""
        raise ValueError(
            f"image_size={image_size} must be height and width, neither {most} nor "
            f"smaller than {low}. Resize images before, and what is "
            "relaxed after; masks may then differ a little from those of predict."
        )
    return of_masks(estimator, *map(int, size)).eval()


def _converted(function, arguments, inputs, outputs, estimator):
    """A function of tensors as an ONNX model.

    Parameters
    ----------
    function : nn.Module or bound method of one
    arguments : tuple of torch.Tensor
        Examples, of `N_EXAMPLES` rows or a multiple of it; scalars stay scalars.
    inputs, outputs : sequence of str
        Names of arguments and results.
    estimator : estimator
        Whose network it is.
    """
    if torch.__version__ < OLDEST_TORCH:
        raise ImportError(
            f"The export to ONNX needs PyTorch {OLDEST_TORCH} or newer, this is "
            f"{torch.__version__}; remedy: pip install 'torch>={OLDEST_TORCH}'"
        )
    n = torch.export.Dim("n", min=1)
    shapes = tuple(
        {0: n if len(one) == N_EXAMPLES else len(one) // N_EXAMPLES * n}
        if one.ndim
        else None
        for one in arguments
    )
    try:
        with _quiet(), torch.no_grad():
            return torch.onnx.export(
                Function(function),
                arguments,
                dynamo=True,
                verbose=False,
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=(shapes,),
            ).model_proto
    except Exception as error:
        kind = type(estimator.network_).__name__
        raise ValueError(
            f"The network {kind} cannot be exported to ONNX: {_reason(error)}"
        ) from error


def _examples(graph):
    return tuple(torch.full((N_EXAMPLES, *shape), 0.5) for shape in graph.shapes)


def _prediction(graph, estimator, outputs):
    """A prediction as an ONNX model, with a loop of as many steps as there are."""
    examples = _examples(graph)
    if not graph.sizes:
        return _converted(graph, examples, ["X"], outputs, estimator)
    with torch.no_grad():
        begun = graph.begin(*examples)
    context = [f"context_{i}" for i in range(len(begun) - 1)]
    size, velocity = torch.tensor(1.0), torch.zeros_like(begun[0])
    begin = _converted(graph.begin, examples, ["X"], ["start", *context], estimator)
    advance = _converted(
        graph.advance,
        (size, begun[0].clone(), velocity, *begun[1:]),
        ["size", "y", "velocity", *context],
        ["next_y", "next_velocity"],
        estimator,
    )
    finish = _converted(graph.finish, begun[:1], ["last"], outputs, estimator)
    return looped(begin, advance, finish, graph.sizes)


def _save(model, estimator, path):
    for name, value in _metadata(estimator).items():
        model.metadata_props.add(key=name, value=value)
    with replacing(path) as file:
        file.write(model.SerializeToString())


def _metadata(estimator):
    classes = np.asarray(estimator.classes_)
    return {
        "skdvn_version": this_version(),
        "estimator": type(estimator).__name__,
        "classes": json.dumps(classes.tolist()),
    }


def _reason(error):
    """The first cause of an exporter's error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _quiet():
    """Without what PyTorch's exporter has to say to its own developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _check_onnx(caller):
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs onnx and onnxscript, which cannot be imported; remedy: "
            "pip install skdvn[onnx]"
        ) from error
