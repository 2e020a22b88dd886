"""Tests of saving and loading fitted estimators."""

import copy
import functools
import json
import os
import pickle
import re
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import safetensors.numpy
import skops.io
import torch
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from skdvn import (
    SGD,
    CalibratedValueCV,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    StackedGuess,
)
from skdvn.baselines import (
    FCNSegmenter,
    FeedForwardClassifier,
    PixelwiseSegmenter,
    PlugInClassifier,
    PlugInSegmenter,
    ThresholdClassifier,
    UNetSegmenter,
)
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.estimators import half_pays, packed, unpacked
from skdvn.networks import GuessLabelNetwork, JointNetwork, LabelNetwork, describe
from skdvn.oracles import FBeta
from skdvn.persistence import TRUSTED_TYPES, OtherVersionWarning, load, save
from skdvn.persistence.files import checksum

ROWS, LABELS = (part[:60] for part in load_digit_attributes(return_X_y=True))
NAMES = np.array(["even", "odd"])[LABELS[:, 0]]
IMAGES, MASKS = make_silhouettes(4, size=16, random_state=0)
LABEL = {"hidden_layer_sizes": 20, "max_iter": 1, "random_state": 0}
LINEAR = {**LABEL, "network": "linear"}
IMAGE = {"max_iter": 1, "batch_size": 4, "random_state": 0}
SMALL = {"n_channels": 2}
FEED_FORWARD = FeedForwardClassifier(**LABEL)
DVN = DVNMultiLabelClassifier(**LINEAR, refit=True, step_size=0.5)


def agreement(y, y_true):
    """An oracle of the user."""
    return 1 - (y - y_true).square().flatten(1).mean(1)


def encoder():
    """An encoder of the user."""
    return torch.nn.Sequential(torch.nn.Linear(64, 9), torch.nn.Tanh())


class Own(LabelNetwork):
    """A network of the user."""

    def __init__(self, n_features, n_labels):
        super().__init__(n_features, n_labels, (7,))


MODELS = {
    "labels": lambda: DVNMultiLabelClassifier(
        **LINEAR, learning_rate_init=0.3, alpha=0
    ).fit(ROWS, LABELS),
    "sparse": lambda: DVN.fit(sparse.csr_matrix(ROWS), sparse.csr_matrix(LABELS)),
    "classes": lambda: (
        copy.deepcopy(DVN)
        .set_params(
            random_state=np.random.RandomState(0), solver=SGD(max_grad_norm=np.inf)
        )
        .fit(ROWS, NAMES)
    ),
    "oracle term": lambda: DVNMultiLabelClassifier(
        **LABEL, estimators=(), n_networks=2, init=FEED_FORWARD, oracle="iou"
    ).fit(ROWS, LABELS),
    "feed-forward": lambda: copy.deepcopy(FEED_FORWARD).fit(ROWS, LABELS),
    "segmenter": lambda: DVNSegmenter(**IMAGE, **SMALL, n_steps=3, n_networks=2).fit(
        IMAGES, np.array(["sky", "thing"])[MASKS]
    ),
    "conv": lambda: DVNSegmenter(
        network="conv", **IMAGE, n_steps=2, tuples={"ground_truth": 1}
    ).fit(IMAGES, MASKS),
    "started": lambda: DVNSegmenter(
        **IMAGE, **SMALL, n_steps=3, init=UNetSegmenter(**IMAGE, **SMALL)
    ).fit(IMAGES, MASKS),
    "fcn": lambda: FCNSegmenter(**IMAGE).fit(IMAGES, MASKS),
    "unet": lambda: UNetSegmenter(**IMAGE, **SMALL).fit(IMAGES, MASKS),
    "mask rule": lambda: PlugInSegmenter(UNetSegmenter(**IMAGE, **SMALL)).fit(
        IMAGES, MASKS
    ),
    "isotonic": lambda: CalibratedValueCV(
        DVN, cv=ShuffleSplit(1, test_size=0.5, random_state=0)
    ).fit(ROWS, LABELS),
    "sigmoid": lambda: CalibratedValueCV(
        FrozenEstimator(fitted("labels")), method="sigmoid"
    ).fit(ROWS, LABELS),
    "guess": lambda: StackedGuess(random_state=0).fit(ROWS, LABELS),
    "plug-in": lambda: PlugInClassifier(FEED_FORWARD).fit(ROWS, LABELS),
    "threshold": lambda: ThresholdClassifier(FEED_FORWARD, threshold=0.4).fit(
        ROWS, LABELS
    ),
}


@functools.cache
def fitted(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[name]()


def inputs(model):
    return IMAGES if "egmenter" in type(model).__name__ else ROWS


def assert_same(one, other):
    """Two estimators predict the same bit for bit, and tell the same."""
    X = inputs(one)
    for method in ("predict", "predict_proba", "predict_value"):
        if hasattr(one, method):
            found, expected = (getattr(each, method)(X) for each in (other, one))
            if sparse.issparse(expected):
                found, expected = found.toarray(), expected.toarray()
            np.testing.assert_array_equal(found, expected)
    assert vars(other).keys() == vars(one).keys()
    texts = [re.sub(" at 0x[0-9A-F]+", "", repr(e.get_params())) for e in (one, other)]
    assert texts[0] == texts[1]
    assert getattr(other, "history_", None) == getattr(one, "history_", None)
    np.testing.assert_array_equal(other.classes_, one.classes_)


# -- pickles -----------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", MODELS)
def test_pickles_predict_the_same(name):
    model = fitted(name)
    data = pickle.dumps(model)
    assert_same(model, pickle.loads(data))
    assert b"torch" not in data  # nothing in them depends on the version of torch


@pytest.mark.parametrize("name", ["labels", "unet"])
def test_read_only_arrays_of_joblib(name, tmp_path):
    joblib.dump(fitted(name), tmp_path / "model.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
        assert_same(fitted(name), loaded)


def test_pickles_hold_the_networks_of_users():
    clf = DVNMultiLabelClassifier(
        **LABEL, network=Own, oracle=agreement, n_networks=2
    ).fit(ROWS, LABELS)
    loaded = pickle.loads(pickle.dumps(clf))
    assert_same(clf, loaded)
    assert type(loaded.network_.networks[0]) is Own


@pytest.mark.parametrize("name", ["labels", "segmenter", "plug-in", "sigmoid"])
def test_pickles_of_another_version_warn(name, monkeypatch):
    monkeypatch.setattr("skdvn.estimators.versions.__version__", "0.0.9")
    data = pickle.dumps(fitted(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)
    monkeypatch.undo()
    with pytest.warns(OtherVersionWarning, match="by skdvn 0.0.9 and is loaded by"):
        pickle.loads(data)
    with pytest.warns(InconsistentVersionWarning):  # what scikit-learn's users filter
        pickle.loads(data)


def test_pickles_before_versions_warn():
    state = fitted("feed-forward").__getstate__()
    del state["_skdvn_version"]
    with pytest.warns(OtherVersionWarning, match="skdvn before 0.1.0"):
        FeedForwardClassifier.__new__(FeedForwardClassifier).__setstate__(state)


ELSEWHERE = torch.device("cuda:99")  # as if the GPU were missing on this machine


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", ["labels", "oracle term", "started", "isotonic"])
@pytest.mark.parametrize("store", ["pickle", "safetensors", "skops"])
def test_models_of_a_gpu_load_without_one(name, store, tmp_path):
    model = copy.deepcopy(fitted(name))
    inner = [model, getattr(model, "estimator_", None)]
    inner += [getattr(getattr(model, "init_", None), "estimator", None)]
    for one in inner:
        if hasattr(one, "device_"):
            one.device_ = ELSEWHERE
    if store == "pickle":
        loaded = pickle.loads(pickle.dumps(model))
    elif store == "safetensors":
        save(model, tmp_path / "model.safetensors")
        loaded = load(tmp_path / "model.safetensors")
    else:
        loaded = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    assert_same(fitted(name), loaded)
    predictor = getattr(loaded, "estimator_", loaded)
    assert predictor.device_ == torch.device("cpu")
    if getattr(predictor, "init_", None) is not None:
        assert predictor.init_.estimator.device_ == torch.device("cpu")


def test_half_precision_of_a_gpu_stays_there():
    model = copy.deepcopy(fitted("unet"))
    model.device_, model.network_.half = ELSEWHERE, True
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.network_.half == half_pays(torch.device("cpu"))
    model.device_ = torch.device("cpu")
    assert pickle.loads(pickle.dumps(model)).network_.half


def test_training_goes_on_alike(tmp_path):
    clf = FeedForwardClassifier(**LABEL, solver="adam", warm_start=True)
    clf.fit(ROWS, LABELS)
    save(clf, tmp_path / "clf.safetensors")
    again = [pickle.loads(pickle.dumps(clf)), load(tmp_path / "clf.safetensors")]
    clf.fit(ROWS, LABELS)
    for one in again:
        np.testing.assert_array_equal(
            one.fit(ROWS, LABELS).predict_proba(ROWS), clf.predict_proba(ROWS)
        )


def test_partial_fit_goes_on_alike(tmp_path):
    clf = DVNMultiLabelClassifier(**LINEAR, solver="adam").partial_fit(ROWS, LABELS)
    save(clf, tmp_path / "clf.safetensors")
    again = load(tmp_path / "clf.safetensors").partial_fit(ROWS, LABELS)
    np.testing.assert_array_equal(
        again.predict_proba(ROWS), clf.partial_fit(ROWS, LABELS).predict_proba(ROWS)
    )


# -- networks as plain data --------------------------------------------------------


def all_networks(make_network, image_networks):
    labels = make_network(hidden=(6, 7), interaction=(3, 2))
    yield from (labels, make_network(hidden=(), interaction=()))
    yield GuessLabelNetwork(copy.deepcopy(labels), FBeta(2.0), apart=True).eval()
    frozen = make_network()
    frozen.input.weight.requires_grad_(False)
    yield frozen
    images = image_networks()
    yield from (images["conv"], images["oracle"], images["own oracle"])
    others = image_networks(seed=1)
    yield JointNetwork([images["linear"], others["linear"].encoder]).eval()


def test_networks_are_built_again(
    make_network, image_networks, global_randomness_untouched
):
    for network in all_networks(make_network, image_networks):
        plain = packed(network)
        twin = unpacked(plain)
        assert type(twin) is type(network)
        old, new = (dict(one.named_parameters()) for one in (network, twin))
        assert old.keys() == new.keys()
        for name, weight in old.items():
            assert torch.equal(weight, new[name])
            assert weight.stride() == new[name].stride()
            assert weight.requires_grad == new[name].requires_grad
        kinds = {type(module) for module in twin.modules() if module.training}
        assert kinds <= {torch.nn.ModuleList}
        next(iter(new.values())).data.add_(1)  # shares nothing with the original
        assert torch.equal(unpacked(plain).state_dict()[name], weight)


def test_networks_of_users_stay_what_they_are():
    changed = LabelNetwork(5, 3)
    changed.hidden[0] = torch.nn.Sequential(changed.hidden[0], torch.nn.Identity())
    for network in (Own(5, 3), changed):
        assert packed(network) is network
    assert packed(LabelNetwork(5, 3)) is not None
    with_encoder = LabelNetwork(5, 3, encoder=torch.nn.Tanh())
    assert describe(with_encoder)["arguments"]["encoder"] is with_encoder.encoder


def test_weights_that_do_not_fit_are_refused(make_network):
    plain = packed(make_network())
    plain["skdvn:network"]["arguments"]["n_labels"] = 9
    with pytest.raises(ValueError, match="not those of a LabelNetwork"):
        unpacked(plain)


# -- safetensors -------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", MODELS)
def test_saved_models_predict_the_same(name, tmp_path, global_randomness_untouched):
    path = tmp_path / "model.safetensors"
    save(fitted(name), path)
    assert_same(fitted(name), load(path))
    assert os.listdir(tmp_path) == [path.name]


VALUES = {
    "containers": ([1, "two", None, True], (3.5, [()]), {"a": {2: (4,)}, None: []}),
    "infinite": [np.inf, -np.inf, 10**30, -0.0],
    "path": Path("folder") / "file",
    "scalars": [np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("text")],
    "arrays": [
        np.zeros((0, 3)),
        np.array(2.5),
        np.array([True]),
        np.arange(3, dtype="u1"),
    ],
    "layouts": [np.arange(6.0).reshape(2, 3).T, np.arange(12).reshape(3, 4)[:, ::2]],
    "texts": np.array([["a", "bcd"], ["", "é"]]),
    "objects": np.array(["a", None, 1.5], dtype=object),
    "of torch": [
        torch.arange(3),
        torch.tensor(2.0),
        torch.float64,
        torch.device("cpu"),
    ],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_values_come_back(value, tmp_path):
    clf = copy.deepcopy(fitted("feed-forward"))
    clf.verbose = value
    save(clf, tmp_path / "model.safetensors")
    found = load(tmp_path / "model.safetensors").verbose
    assert type(found) is type(value)
    assert repr(found) == repr(value)
    if "tensor" not in repr(value):
        np.testing.assert_equal(found, value)
    if isinstance(value, list) and isinstance(value[0], np.ndarray):
        layouts = [[a.dtype, a.flags.f_contiguous] for a in value]
        assert [[a.dtype, a.flags.f_contiguous] for a in found] == layouts


@pytest.mark.parametrize("value", [1j, {1, 2}, b"bytes", np.array([1j]), len], ids=repr)
def test_other_values_are_refused(value, tmp_path):
    clf = copy.deepcopy(fitted("feed-forward"))
    clf.verbose = value
    with pytest.raises(ValueError, match="verbose=.* cannot be saved as plain data"):
        save(clf, tmp_path / "model.safetensors")


def test_objects_of_users_are_left_out_and_given_again(tmp_path):
    path = tmp_path / "model.safetensors"
    clf = DVNMultiLabelClassifier(
        **LINEAR, encoder=encoder, oracle=agreement, n_networks=2
    ).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match=r"encoder=.*without=\['encoder'\].*joblib"):
        save(clf, path)
    with pytest.raises(ValueError, match="oracle=<function agreement"):
        save(clf, path, without=["encoder"])
    with pytest.raises(ValueError, match=r"no parameter.*\['oracel'\]"):
        save(clf, path, without=["encoder", "oracle", "oracel"])
    assert not path.exists()
    save(clf, path, without=iter(["encoder", "oracle", "encoder"]))
    with pytest.raises(ValueError, match=r"given the parameters .*got \['oracle'\]"):
        load(path, oracle=agreement)
    loaded = load(path, encoder=encoder, oracle=agreement)
    assert_same(clf, loaded)
    assert loaded.encoder is encoder
    with pytest.raises(ValueError, match=r"given, \['encoder', 'oracle'\], are not"):
        load(path, encoder=torch.nn.Linear(64, 5), oracle=agreement)


@pytest.mark.parametrize("given", [Own, Own(64, 10)])
def test_networks_of_users_keep_their_weights(given, tmp_path):
    path = tmp_path / "model.safetensors"
    clf = DVNMultiLabelClassifier(**LABEL, network=given).fit(ROWS, LABELS)
    save(clf, path, without="network")
    assert_same(clf, load(path, network=given))


def test_objects_within_other_estimators_are_left_out(tmp_path):
    path = tmp_path / "model.safetensors"
    tuples = {lambda batch: [batch.y_true]: 1.0}
    dvn = copy.deepcopy(DVN).set_params(tuples=tuples)
    start = LogisticRegression(C=0.001)
    clf = CalibratedValueCV(
        dvn.set_params(init=start), cv=ShuffleSplit(1, test_size=0.5, random_state=0)
    ).fit(ROWS, NAMES)
    with pytest.raises(ValueError, match="estimator__tuples="):
        save(clf, path, without=["estimator__init"])
    save(clf, path, without=["estimator__init", "estimator__tuples"])
    start_fitted = clf.estimator_.init_.estimator
    loaded = load(path, estimator__init=start_fitted, estimator__tuples=tuples)
    np.testing.assert_array_equal(loaded.predict_value(ROWS), clf.predict_value(ROWS))
    assert loaded.estimator_.init_.estimator is start_fitted


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(NotFittedError):
        save(DVN.__class__(), path)
    with pytest.raises(TypeError, match="DummyClassifier cannot be saved"):
        save(DummyClassifier().fit(ROWS, NAMES), path)
    with pytest.raises(ValueError, match=r"estimator=DecisionTreeClassifier\(\)"):
        rule = PlugInClassifier(DecisionTreeClassifier()).fit(ROWS, LABELS)
        save(rule, path)
    changed = copy.deepcopy(DVN).set_params(encoder=encoder)
    changed.fit(ROWS, LABELS).set_params(hidden_layer_sizes=3)
    with pytest.raises(ValueError, match="do not fit what the parameters make now"):
        save(changed, path, without=["encoder"])


def test_a_save_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save(fitted("feed-forward"), path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save(fitted("labels"), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_saved_by_another_version_warns(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    monkeypatch.setattr("skdvn.estimators.versions.__version__", "0.0.9")
    save(fitted("feed-forward"), path)
    monkeypatch.undo()
    with pytest.warns(OtherVersionWarning, match=r"skdvn 0\.0\.9"):
        load(path)


# -- files that are not what they should be ----------------------------------------


@pytest.fixture
def saved(tmp_path):
    """A saved model, its header, and a function that writes another header to it.

    With its checksum, as a stranger could who means harm.
    """
    path = tmp_path / "model.safetensors"
    save(fitted("feed-forward"), path)
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def write(**changes):
        content = {**metadata, **changes}
        del content["sha256"]
        content["sha256"] = checksum(content, arrays)
        path.write_bytes(safetensors.numpy.save(arrays, content))
        return path

    return path, json.loads(metadata["estimator"]), write


@pytest.mark.parametrize("share", [0, 4, 0.1, 0.5, 0.999])
def test_truncated_files(saved, share):
    path, *_ = saved
    data = path.read_bytes()
    path.write_bytes(data[: share if share > 1 else int(share * len(data))])
    with pytest.raises(ValueError, match="damaged"):
        load(path)


def test_other_files(saved, tmp_path):
    path, _, write = saved
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match=r"version 3 .*Remedy: install skdvn 3"):
        load(write(skdvn_format="3", skdvn_version="3.0"))
    with pytest.raises(ValueError, match=r"saved by skdvn 0\.1\.0.*Remedy: fit again"):
        load(write(skdvn_format="1", skdvn_version="0.1.0"))
    for header in ({"estimator": "{"}, {"estimator": "[" * 10**5}, {"without": "1"}):
        with pytest.raises(ValueError, match="what skdvn.persistence.save does not"):
            load(write(**header))
    path.write_bytes(safetensors.numpy.save({"a": np.ones(2)}))
    with pytest.raises(ValueError, match="no file of skdvn.persistence.save"):
        load(path)
    path.write_bytes(pickle.dumps(np.ones(2)))
    with pytest.raises(ValueError, match="joblib, pickle or torch.save has written"):
        load(path)


def test_files_without_a_checksum(saved):
    """Those of version 0.1 are told what they are, others are not believed."""
    path, _, write = saved
    with safetensors.safe_open(write(), framework="numpy") as file:
        metadata = file.metadata()
    del metadata["sha256"]
    path.write_bytes(safetensors.numpy.save({}, {**metadata, "skdvn_format": "1"}))
    with pytest.raises(ValueError, match="Remedy: fit again"):
        load(path)
    path.write_bytes(safetensors.numpy.save({}, metadata))
    with pytest.raises(ValueError, match="has no checksum.*Remedy: .*save"):
        load(path)


class Bomb:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickles_are_not_read(saved, tmp_path):
    path, *_ = saved
    path.write_bytes(pickle.dumps(Bomb(str(tmp_path / "harm"))))
    with pytest.raises(ValueError, match="damaged"):
        load(path)
    assert not (tmp_path / "harm").exists()


CRAFTED = {
    "unknown class": ({"object": ["Popen", {"args": "ls"}]}, "unknown class 'Popen'"),
    "no estimator": ({"object": ["LabelTargets", {}]}, "LabelTargets, no estimator"),
    "no object": ([1, 2], "list, no estimator"),
    "unknown kind": ({"import": "os"}, "it holds 'import'"),
    "two kinds": ({"float": "1", "array": "x"}, "does not write"),
    "unknown array": ({"array": "x"}, "does not write"),
    "unknown object": ({"same": 5}, "does not write"),
    "not given": ({"given": "oracle"}, "does not write"),
    "type of objects": ({"elements": ["V8", [1], [0]]}, "elements of type"),
}


@pytest.mark.parametrize("content, message", CRAFTED.values(), ids=CRAFTED)
def test_crafted_contents_are_refused(saved, content, message):
    _, tree, write = saved
    with pytest.raises(ValueError, match=message):
        load(write(estimator=json.dumps(content)))
    tree["object"][1]["classes_"] = content
    if message != "LabelTargets, no estimator" and type(content) is dict:
        with pytest.raises(ValueError, match=message):
            load(write(estimator=json.dumps(tree)))


@pytest.mark.parametrize(
    "name", ["predict", "__class__", "__dict__", "_ascent", "fit", "a b", "set_params"]
)
def test_attributes_cannot_replace_methods(saved, name):
    _, tree, write = saved
    tree["object"][1][name] = 1
    with pytest.raises(ValueError, match="is no attribute of FeedForwardClassifier"):
        load(write(estimator=json.dumps(tree)))


@pytest.mark.parametrize(
    "content",
    [
        {"skdvn:network": {"dict": [["kind", "Linear"], ["arguments", None]]}},
        {"skdvn:network": 3},
        {"skdvn:dtype": "load"},
        {"skdvn:device": "nowhere"},
        {"skdvn:oracle": "eval"},
        {"skdvn:f_beta": -1},
    ],
    ids=str,
)
def test_crafted_marks_are_refused(saved, content):
    _, tree, write = saved
    pairs = {"dict": [list(pair) for pair in content.items()]}
    tree["object"][1]["network_"] = pairs
    with pytest.raises(ValueError, match="does not write"):
        load(write(estimator=json.dumps(tree)))


def test_missing_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda p: save(fitted("feed-forward"), p), load):
        with pytest.raises(ImportError, match=r"pip install skdvn\[safetensors\]"):
            call(tmp_path / "model.safetensors")


# -- skops -------------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [name for name in MODELS if name != "conv"])
def test_skops(name):
    data = skops.io.dumps(fitted(name))
    assert set(skops.io.get_untrusted_types(data=data)) <= set(TRUSTED_TYPES)
    assert_same(fitted(name), skops.io.loads(data, trusted=TRUSTED_TYPES))


def test_skops_asks_for_functions_of_users():
    clf = DVNMultiLabelClassifier(**LINEAR, oracle=agreement).fit(ROWS, LABELS)
    data = skops.io.dumps(clf)
    strange = set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES)
    assert strange == {f"{agreement.__module__}.agreement"}
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        skops.io.loads(data, trusted=TRUSTED_TYPES)


@pytest.mark.parametrize("kind", [DVNSegmenter, PixelwiseSegmenter])
def test_segmentation_networks_of_the_user_are_given_again(kind, tmp_path):
    network = torch.nn.Conv2d(IMAGES.shape[-1], 1, 3, padding=1)
    model = kind(network, **IMAGE).fit(IMAGES, MASKS)
    save(model, tmp_path / "model.skdvn", without=["network"])
    loaded = load(tmp_path / "model.skdvn", network=network)
    np.testing.assert_array_equal(
        loaded.predict_proba(IMAGES), model.predict_proba(IMAGES)
    )
