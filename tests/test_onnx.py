"""Tests of the export to ONNX."""

import functools
import json
import sys
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skdvn import (
    Ascent,
    CalibratedValueCV,
    Crops,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    MaskNet,
)
from skdvn.baselines import FCNSegmenter, FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.persistence import export_predict, export_value
from skdvn.persistence.onnx.export import OLDEST_TORCH, _graph
from skdvn.persistence.onnx.graphs import Calibrated
from skdvn.persistence.onnx.label_graphs import LabelPrediction, LabelValue
from skdvn.persistence.onnx.loops import looped
from skdvn.persistence.onnx.mask_graphs import MaskPrediction, MaskValue

X, Y = (part[:300] for part in load_digit_attributes(return_X_y=True))
CLASSES = np.array(["low", "middle", "high"])[Y[:, 0] + Y[:, 1] * (1 - Y[:, 0])]
IMAGES, MASKS = make_silhouettes(4, size=16, random_state=0)
WIDE = np.concatenate([IMAGES, IMAGES[:, :, :8]], 2)
needs_exporter = pytest.mark.skipif(
    torch.__version__ < OLDEST_TORCH, reason=f"needs PyTorch {OLDEST_TORCH}"
)
CPU = {"device": "cpu", "random_state": 0}  # a GPU rounds more
LABEL = {"hidden_layer_sizes": 20, "max_iter": 2, "refit": True, **CPU}
FIXED = {
    **LABEL,
    "network": "linear",
    "step_size": 0.5,
    "n_steps": 8,
    "learning_rate_init": 0.3,
}
IMAGE = {"max_iter": 1, "batch_size": 4, "precision": "single", **CPU}
SMALL = {**IMAGE, "n_channels": 4, "n_steps": 5}


def agreement(y, y_true):
    """An oracle of the user."""
    return 1 - (y - y_true).square().flatten(1).mean(1)


class Slope(torch.nn.Module):
    """An encoder of images."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return torch.tanh(self.layer(x.unflatten(1, (1, 8))))


def labels(**parameters):
    return DVNMultiLabelClassifier(**{**FIXED, **parameters})


LABELERS = {
    "default": lambda: DVNMultiLabelClassifier(
        **{**LABEL, "network": "linear", "refit": False}
    ).fit(X, Y),
    "fixed": lambda: labels().fit(X, Y),
    "sparse": lambda: labels().fit(sparse.csr_matrix(X), Y),
    "momentum": lambda: labels(
        ascent=Ascent("normalized", momentum=0.5), init=0.3, min_labels=3
    ).fit(X, Y),
    "classes": lambda: labels(standardize=False).fit(X / 16, CLASSES),
    "oracle term": lambda: labels(network="oracle", estimators=(), n_networks=2).fit(
        X, Y
    ),
    "encoder": lambda: labels(encoder=Slope).fit(X.reshape(-1, 8, 8), Y),
    "feed-forward": lambda: FeedForwardClassifier(
        hidden_layer_sizes=20, max_iter=2, random_state=0
    ).fit(X, Y),
}
SEGMENTERS = {
    "u-net": lambda: DVNSegmenter(**SMALL, ascent=Ascent(decay=0.1)).fit(IMAGES, MASKS),
    "crops": lambda: DVNSegmenter(**SMALL, crops=12, n_networks=2).fit(IMAGES, MASKS),
    "average": lambda: DVNSegmenter(
        **SMALL, crops=Crops(12, aggregation="average"), network=MaskNet("linear")
    ).fit(IMAGES, MASKS),
    "classes": lambda: DVNSegmenter(**SMALL, init="mean", crops=Crops(flip=False)).fit(
        IMAGES, MASKS + np.triu(MASKS[0])
    ),
    "conv": lambda: DVNSegmenter(
        **IMAGE, network="conv", n_steps=3, tuples={"ground_truth": 1}
    ).fit(IMAGES, MASKS),
    "fcn": lambda: FCNSegmenter(**IMAGE).fit(IMAGES, MASKS),
    "guess": lambda: UNetSegmenter(**IMAGE, n_channels=4).fit(IMAGES, MASKS),
}


@functools.cache
def fitted(kind, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"labels": LABELERS, "masks": SEGMENTERS}[kind][name]()


def rows(name):
    return {"encoder": X.reshape(-1, 8, 8), "classes": X / 16}.get(name, X)


def climbed(graph, x):
    """What the exported loop does, in torch."""
    with torch.no_grad():
        y, *context = graph.begin(torch.as_tensor(x, dtype=torch.float32))
        velocity = torch.zeros_like(y)
        for size in graph.sizes:
            y, velocity = graph.advance(torch.tensor(size), y, velocity, *context)
        return [one.numpy() for one in graph.finish(y)]


def predictions(model, size=None):
    return _graph(model, size, LabelPrediction, MaskPrediction)


def assert_agrees(model, X, probabilities, rounded):
    predict = getattr(model, "predict_relaxed", None) or model.predict_proba
    expected = predict(X)
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
    undecided = np.isclose(expected, 0.5, atol=1e-3).any(axis=1)
    predicted = model.predict(X)
    if model.classes_.ndim == 1:
        rounded = model.classes_[rounded]
    elif undecided.ndim == 1:
        undecided = np.broadcast_to(undecided[:, None], predicted.shape)
    np.testing.assert_array_equal(rounded[~undecided], predicted[~undecided])


def values(graph, *arrays):
    with torch.no_grad():
        tensors = (torch.as_tensor(one, dtype=torch.float32) for one in arrays)
        return graph.eval()(*tensors).numpy()


def given_labels(model, rng):
    return rng.random((len(X), model.codec_.targets.n_labels_))


# -- what is exported, in torch ----------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", LABELERS)
def test_label_predictions(name):
    model = fitted("labels", name)
    assert_agrees(model, rows(name), *climbed(predictions(model), rows(name)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [name for name in LABELERS if name != "feed-forward"])
def test_label_values(name):
    model = fitted("labels", name)
    outputs = given_labels(model, np.random.default_rng(0))
    graph = _graph(model, None, LabelValue, MaskValue)
    found = values(graph, rows(name), outputs)
    expected = model.predict_value(rows(name), outputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize("images", [IMAGES, WIDE], ids=["square", "wide"])
def test_mask_predictions(name, images):
    model = fitted("masks", name)
    graph = predictions(model, images.shape[1:3])
    assert_agrees(model, images, *climbed(graph, images))


@pytest.mark.parametrize("name", ["u-net", "crops", "average", "classes", "conv"])
def test_mask_values(name):
    model = fitted("masks", name)
    shape = (4, 16, 24) if model.codec_.targets.n_outputs_ == 1 else (4, 3, 16, 24)
    outputs = np.random.default_rng(0).random(shape, dtype=np.float32)
    graph = _graph(model, (16, 24), LabelValue, MaskValue)
    expected = model.predict_value(WIDE, outputs)
    np.testing.assert_allclose(values(graph, WIDE, outputs), expected, atol=1e-5)


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
def test_calibrated_values(method):
    dvn = FrozenEstimator(fitted("labels", "default"))
    model = CalibratedValueCV(dvn, method=method).fit(X, Y)
    outputs = given_labels(dvn.estimator, np.random.default_rng(0)).round()
    graph = _graph(dvn.estimator, None, LabelValue, MaskValue)
    found = values(Calibrated(graph, model.calibrator_), X, outputs)
    expected = model.predict_value(X, outputs)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_estimator_is_not_changed():
    model = fitted("masks", "u-net")
    before = model.predict_proba(IMAGES)
    kinds = [type(module) for module in model.network_.modules()]
    predictions(model, (16, 16))
    assert kinds == [type(module) for module in model.network_.modules()]
    np.testing.assert_array_equal(model.predict_proba(IMAGES), before)


# -- files -------------------------------------------------------------------------


def run(path, **arrays):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    arrays = {name: one.astype(np.float32) for name, one in arrays.items()}
    return session.run(None, arrays), session


def check_predict(model, X, path, **image_size):
    export_predict(model, path, **image_size)
    (probabilities, rounded), session = run(path, X=X)
    assert_agrees(model, X, probabilities, rounded)
    (alone, _), _ = run(path, X=X[:1])
    np.testing.assert_allclose(alone, probabilities[:1], atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == model.classes_.tolist()
    return [one.name for one in session.get_outputs()]


def check_value(model, X, outputs, path, **image_size):
    export_value(model, path, **image_size)
    ((found,), _) = run(path, X=X, Y=outputs)
    expected = model.predict_value(X, outputs)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def model_of(inputs, outputs, *nodes):
    """An ONNX model of nodes (operation, inputs, outputs); size is a scalar."""
    infos = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [] if name == "size" else ["n", 2]
        )
        for name in (*inputs, *outputs)
    ]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes],
        "graph",
        infos[: len(inputs)],
        infos[len(inputs) :],
        [helper.make_tensor("half", TensorProto.FLOAT, [], [0.5])],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def test_loops(tmp_path):
    # y starts at X / 2; the velocity halves and gains X; the output is the last y / 2.
    begin = model_of(
        ["X"],
        ["start", "context_0"],
        ("Mul", ["X", "half"], ["start"]),
        ("Identity", ["X"], ["context_0"]),
    )
    advance = model_of(
        ["size", "y", "velocity", "context_0"],
        ["next_y", "next_velocity"],
        ("Mul", ["velocity", "half"], ["kept"]),
        ("Add", ["kept", "context_0"], ["next_velocity"]),
        ("Mul", ["size", "next_velocity"], ["kept_too"]),
        ("Add", ["y", "kept_too"], ["next_y"]),
    )
    finish = model_of(["last"], ["result"], ("Mul", ["last", "half"], ["result"]))
    model = looped(begin, advance, finish, [1.0, 10.0, 100.0])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    x = np.arange(6).reshape(3, 2)
    (found,), _ = run(tmp_path / "model.onnx", X=x)
    np.testing.assert_allclose(found, x * (0.5 + 1 + 10 * 1.5 + 100 * 1.75) / 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["default", "sparse", "momentum", "classes", "oracle term", "encoder"],
)
@needs_exporter
def test_exported_labels(name, tmp_path):
    model, path = fitted("labels", name), tmp_path / "model.onnx"
    names = check_predict(model, rows(name), path)
    assert names == ["relaxed", "classes" if name == "classes" else "labels"]
    outputs = given_labels(model, np.random.default_rng(0))
    check_value(model, rows(name), outputs, path)


@pytest.mark.slow
@needs_exporter
def test_exported_guesses(tmp_path):
    names = check_predict(fitted("labels", "feed-forward"), X, tmp_path / "model.onnx")
    assert names == ["relaxed", "labels"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crops", "average", "classes", "conv", "guess"])
@needs_exporter
def test_exported_masks(name, tmp_path):
    model, path = fitted("masks", name), tmp_path / "model.onnx"
    names = check_predict(model, IMAGES, path, image_size=(16, 16))
    assert names == ["relaxed", "masks"]
    if hasattr(model, "predict_value"):
        masks = MASKS if len(model.classes_) == 2 else np.eye(3)[MASKS]
        masks = masks.astype(np.float32)
        masks = masks if masks.ndim == 3 else masks.transpose(0, 3, 1, 2)
        check_value(model, IMAGES, masks, path, image_size=(16, 16))


@pytest.mark.slow
@needs_exporter
def test_exported_calibration(tmp_path):
    dvn = FrozenEstimator(fitted("labels", "default"))
    model = CalibratedValueCV(dvn).fit(X, Y)
    check_value(model, X, Y, tmp_path / "model.onnx")
    check_predict(model, X, tmp_path / "model.onnx")


# -- what cannot be exported -------------------------------------------------------


class Opinion(torch.nn.Module):
    """A network of the user without a closed form of its gradient."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.layer = torch.nn.Linear(n_features, n_labels)

    def encode(self, x):
        return self.layer(x)

    def score(self, context, y):
        return (context * torch.sin(y)).sum(1)


REFUSED = {
    "noise": ({"ascent": Ascent(noise=0.1)}, "noise=0.1 cannot be exported"),
    "init": (
        {"init": FeedForwardClassifier(max_iter=1, random_state=0)},
        "init=FeedForwardClassifier.*another estimator",
    ),
    "oracle": (
        {"oracle": agreement, "network": "oracle", "estimators": ()},
        "oracle=<function agreement .*closed form",
    ),
    "network": ({"network": Opinion}, "Opinion.*score_and_grad"),
    "estimators": ({"network": "oracle"}, "estimators='auto' cannot.*estimators=()"),
}


@pytest.mark.parametrize("parameters, message", REFUSED.values(), ids=REFUSED)
def test_refused_predictions(parameters, message, tmp_path):
    model = labels(**parameters).fit(X[:100], Y[:100])
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=message):
        export_predict(model, path)
    assert not path.exists()


@pytest.mark.slow
@needs_exporter
def test_values_of_a_network_of_ones_own(tmp_path):
    model = labels(network=Opinion).fit(X[:100], Y[:100])
    check_value(model, X, Y, tmp_path / "model.onnx")


@pytest.mark.slow
@needs_exporter
def test_networks_that_depend_on_data_are_refused(tmp_path):
    class Moody(Opinion):
        def encode(self, x):
            return self.layer(x if float(x.sum()) > 0 else -x)

    model = labels(network=Moody).fit(X[:100], Y[:100])
    with pytest.raises(ValueError, match="The network Moody cannot be exported"):
        export_value(model, tmp_path / "model.onnx")


def test_refused_arguments(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(NotFittedError):
        export_predict(DVNSegmenter(), path)
    with pytest.raises(TypeError, match="LogisticRegression cannot be exported"):
        export_predict(LogisticRegression(C=1e-3).fit(X, CLASSES), path)
    with pytest.raises(TypeError, match="FeedForwardClassifier estimates no values"):
        export_value(fitted("labels", "feed-forward"), path)
    with pytest.raises(ValueError, match=r"image_size=\(8, 8\) is for segmenters"):
        export_predict(fitted("labels", "fixed"), path, image_size=(8, 8))
    for size in ((8, 30), (16,)):
        with pytest.raises(ValueError, match="nor smaller than 12"):
            export_predict(fitted("masks", "crops"), path, image_size=size)


def test_missing_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for export in (export_predict, export_value):
        with pytest.raises(ImportError, match=r"pip install skdvn\[onnx\]"):
            export(fitted("labels", "feed-forward"), tmp_path / "model.onnx")


def test_older_pytorch(monkeypatch, tmp_path):
    monkeypatch.setattr("skdvn.persistence.onnx.export.OLDEST_TORCH", "99")
    with pytest.raises(ImportError, match=r"PyTorch 99 or newer.*pip install"):
        export_value(fitted("labels", "default"), tmp_path / "model.onnx")
