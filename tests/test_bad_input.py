"""Bad input: a message that names what is wrong, what was found, what is allowed."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from settings import QUICK_LABELS
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from skdvn import (
    SGD,
    Adam,
    Ascent,
    DVNMultiLabelClassifier,
    EarlyStopping,
    Initializer,
    LabelNet,
    Loss,
    Mixture,
)

FIXED = QUICK_LABELS | {"hidden_layer_sizes": (4,), "n_steps": 3, "max_iter": 1}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5))
Y = (X[:, :3] > 0).astype(int)


def make(**params):
    return DVNMultiLabelClassifier(**(FIXED | params))


class BadStart(ClassifierMixin, BaseEstimator):
    def fit(self, X, Y):
        self.classes_ = [np.array([0, 1])] * 3
        return self

    def predict(self, X):
        return np.full((len(X), 3), 0.5)


def spoiled(array, value):
    array = array.astype(float)
    array[3, 1] = value
    return array


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, Y)


DATA = {
    "nan": (spoiled(X, np.nan), Y, r"Input X contains NaN"),
    "inf": (spoiled(X, np.inf), Y, r"Input X contains infinity"),
    "sparse nan": (sparse.csr_matrix(spoiled(X, np.nan)), Y, r"X contains NaN"),
    "text": (
        np.full((30, 5), "a"),
        Y,
        r"could not convert string.*TfidfVectorizer",
    ),
    "complex": (X + 1j, Y, r"Complex data not supported"),
    "flat x": (X[:, 0], Y, r"Expected 2D array, got 1D array"),
    "images": (
        np.ones((30, 8, 8)),
        Y,
        r"n_features\).*\(30, 8, 8\).*reshape.*encoder",
    ),
    "no rows": (X[:0], Y[:0], r"Found array with 0 sample\(s\).*minimum of 1"),
    "no columns": (X[:, :0], Y, r"0 feature\(s\).*minimum of 1"),
    "lengths": (X, Y[:-1], r"inconsistent numbers of samples.*30.*29"),
    "nan label": (X, spoiled(Y, np.nan), r"y contains NaN"),
    "inf label": (X, spoiled(Y, np.inf), r"y contains infinity"),
    "two": (X, spoiled(Y, 2), r"binary matrix of 0 and 1.*2\.0"),
    "twos": (X, 2 * Y, r"also holds \[2\]. Pass \(y > 0\)"),
    "one and two": (X, Y + 1, r"also holds \[2\]. Pass \(y == 2\)"),
    "numbers of labels": (
        X,
        Y + np.array([1, 3, 5]),
        r"\[2, 3, 4, 5, 6\].*MultiLabelBinarizer",
    ),
    "minus one": (X, 2 * Y - 1, r"binary matrix of 0 and 1.*-1"),
    "half": (X, spoiled(Y, 0.5), r"binary matrix of 0 and 1.*0\.5.*Pass \(y >= 0.5"),
    "sparse two": (X, sparse.csr_matrix(2 * Y), r"binary matrix of 0 and 1.*2"),
    "no positive": (X, 0 * Y, r"no positive.*\(30, 3\).*[Aa]t least one"),
    "one class": (X, np.ones(30, int), r"only one class.*1.*at least 2 classes"),
    "one label, one class": (X, np.zeros((30, 1), int), r"only one class"),
    "continuous": (X, X[:, 0], r"Unknown label type: .*continuous"),
    "signs": (X, 2 * Y - 1, r"also holds \[-1\]. Pass \(y > 0\).astype\(int\)"),
    "three axes": (
        X,
        Y[:, :, None] * np.ones(2),
        r"one class per row; got shape \(30, 3, 2\)",
    ),
    "no y": (X, None, r"requires y to be passed"),
    "ragged": (
        X,
        [[0, 1]] * 29 + [[1]],
        r"binary matrix.*\[0, 1\].*MultiLabelBinarizer",
    ),
    "lists": (X, [("a", "b")] * 30, r"'a', 'b'.*MultiLabelBinarizer"),
    "words": (
        X,
        np.where(Y, "yes", "no"),
        "If 'no' and 'yes' .*pass np.asarray\\(y\\) == 'yes'",
    ),
    "sets": (X, [{"a"}, {"a", "b"}] * 15, r"\{'a'\}.*MultiLabelBinarizer"),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.filterwarnings("ignore:A column-vector")
def test_data(name, method):
    X, Y, message = DATA[name]
    if method == "partial_fit" and name == "no positive":
        pytest.skip("a part of the data may lack positives")
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(make(), method)(X, Y)


def test_column_of_label_lists():
    with pytest.raises(ValueError, match=r"\['a'\].*MultiLabelBinarizer"):
        make().fit(X, pd.Series([["a"], ["a", "b"]] * 15))


def test_rows_as_lists_are_fine():
    np.testing.assert_array_equal(
        make().fit(X.tolist(), Y.tolist()).predict(X), make().fit(X, Y).predict(X)
    )


def test_arrays_read_backwards_are_fine():
    order = np.arange(len(X))[::-1]
    clf, copied = make().fit(X[::-1], Y[::-1]), make().fit(X[order], Y[order])
    assert clf.score(X[::-1], Y[::-1]) == copied.score(X[order], Y[order])
    for method in ("refine", "predict_value"):
        np.testing.assert_array_equal(
            getattr(clf, method)(X, Y[::-1]), getattr(copied, method)(X, Y[order])
        )


def test_one_label_and_constant_features_are_fine():
    clf = make().fit(np.hstack([X, np.ones((30, 1))]), Y[:, 0])
    assert np.isfinite(clf.predict_proba(np.hstack([X, np.full((30, 1), 2)]))).all()
    assert make().fit(np.ones((30, 2)), Y).predict(np.ones((2, 2))).shape == (2, 3)


PARAMETERS = {
    "hidden_layer_sizes": [0, -1, 1.5, "wide", None, (0,), (5, -1), (2.5,)],
    "standardize": ["yes"],
    "network": [3, object()],
    "oracle": ["f3", 7, None],
    "loss": ["huber"],
    "tuples": ["inference", ["inference"]],
    "tau": [-0.1, np.nan, np.inf, "hot"],
    "init": ["ones", -0.1, 1.1, np.nan, None, [0.5], [0, 0, 2], [[0, 0, 0]], "classes"],
    "step_size": [0, -1, np.nan, np.inf, "big", None],
    "n_steps": [0, -3, 1.5, "all"],
    "min_labels": [-1, 0.5],
    "solver": ["lbfgs"],
    "learning_rate_init": [0, -1, np.nan, "high"],
    "alpha": [-1, np.nan],
    "batch_size": [0, 1.5, "all"],
    "max_iter": [0, -1, 1.5, None],
    "early_stopping": ["yes"],
    "validation_fraction": [0, 1, -1],
    "refit": ["never"],
    "n_networks": [0],
    "prediction_batch_size": [0],
    "warm_start": ["yes"],
    "device": [3, "gpu", "cuda:99"],
    "random_state": ["lucky"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in PARAMETERS.items() for v in values]
)
def test_parameter(name, value):
    with pytest.raises((ValueError, TypeError), match=name) as caught:
        make(**{name: value}).fit(X, Y)
    assert len(str(caught.value)) > 40  # says what is allowed, too


NETWORK = LabelNet, "network"
STEPS = Ascent, "ascent"
TUPLES = Mixture, "tuples"
START = partial(Initializer, BadStart()), "init"
PARTS = [
    (NETWORK, "local_term", ["mlp", None]),
    (NETWORK, "n_global_units", [-1, 2.5, None, (-3,), (2.5,)]),
    (NETWORK, "activation", ["sigmoid"]),
    (TUPLES, "mixing", ["some"]),
    (TUPLES, "n_iterates", [0, 1.5]),
    (TUPLES, "n_samples", [0, 1.5]),
    (TUPLES, "replay_size", [-1, 0, 0.5]),
    (TUPLES, "lag", [-1]),
    (START, "scale", [0, 1.5, -1]),
    (STEPS, "step_rule", ["sign"]),
    (STEPS, "momentum", [-0.1, 1]),
    (STEPS, "noise", [-1, np.nan]),
    (STEPS, "decay", [0, 1.1, "slow"]),
    (STEPS, "projection", ["ball"]),
    ((Loss, "loss"), "value", ["huber"]),
    ((Loss, "loss"), "guess_weight", [-1, "much"]),
    ((Loss, "loss"), "gradient", ["l1"]),
    ((Loss, "loss"), "gradient_weight", [-1]),
    ((SGD, "solver"), "schedule", ["linear"]),
    ((SGD, "solver"), "momentum", [-0.1, 1.0]),
    ((SGD, "solver"), "max_grad_norm", [0, -1, np.nan]),
    ((Adam, "solver"), "averaging", [-0.1, 1.0]),
    ((EarlyStopping, "early_stopping"), "n_iter_no_change", [0]),
    ((EarlyStopping, "early_stopping"), "tol", [-1]),
]


@pytest.mark.parametrize(
    ("part", "name", "value"), [(p, n, v) for p, n, values in PARTS for v in values]
)
def test_parameter_of_a_part(part, name, value):
    kind, parameter = part
    with pytest.raises((ValueError, TypeError), match=name) as caught:
        make(**{parameter: kind(**{name: value})}).fit(X, Y)
    assert len(str(caught.value)) > 40  # says what is allowed, too


@pytest.mark.parametrize("value", [0, -1.0, "big"])
def test_step_size_set_after_fit(value):
    clf = make().fit(X, Y).set_params(step_size=value)
    with pytest.raises((ValueError, TypeError), match="step_size"):
        clf.predict(X)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda():
    with pytest.raises(ValueError, match=r"device='cuda'.*'auto' and 'cpu'.*sees none"):
        make(device="cuda").fit(X, Y)


@pytest.mark.parametrize(
    ("tuples", "message"),
    [
        ({}, r"tuples must give some generator a share above 0, got \{\}"),
        ({"inference": 0}, r"share above 0"),
        ({"infrence": 1}, r"'infrence'.*Did you mean 'inference'"),
        ({"noise": 1}, r"unknown generator 'noise'.*Allowed are \['adversarial'"),
        ({3: 1}, r"unknown generator 3"),
        ({"inference": -1}, r"'inference' the share -1; allowed .* non-negative"),
        ({"inference": float("nan")}, r"share nan"),
        ({"inference": float("inf")}, r"share inf"),
        ({"inference": "half"}, r"share 'half'"),
        ({"inference": None}, r"share None"),
    ],
)
def test_tuples(tuples, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(tuples=tuples).fit(X, Y)


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (lambda batch: [], r"generator"),
        (lambda batch: [batch.y_true[:, :1]], r"generator"),
        (lambda batch: batch.missing, r"generator"),
        (lambda batch: [batch.y_true.numpy()], r"generator"),
        (lambda batch: None, r"generator"),
    ],
    ids=["nothing", "shape", "raises", "array", "none"],
)
def test_generator_of_the_user(generator, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(tuples={generator: 1}).fit(X, Y)


def test_unknown_oracle_gets_a_hint():
    with pytest.raises(ValueError, match=r"'accurracy'.*Did you mean 'accuracy'"):
        make(oracle="accurracy").fit(X, Y)


@pytest.mark.parametrize(
    ("oracle", "message"),
    [
        (lambda y, t: 2 + 0 * y.sum(1), r"oracle must.*\[0, 1\].*from 2 to 2"),
        (lambda y, t: -y.sum(1), r"oracle must.*\[0, 1\]"),
        (lambda y, t: y.sum(1) * float("nan"), r"oracle must.*nan"),
        (lambda y, t: y, r"oracle must.*shape \(3,\).*got shape \(3, 3\)"),
        (lambda y, t: y.mean(), r"oracle must.*shape \(3,\).*got shape \(\)"),
        (lambda y, t: 0.5, r"oracle must.*torch.Tensor.*float"),
        (lambda y, t: y.mean(1).cpu().numpy(), r"oracle must.*torch.Tensor.*ndarray"),
        (lambda y, t: y @ t, r"oracle .* failed on tensors.*shape \(3, 3\)"),
        (lambda y: y.mean(1), r"oracle .* failed"),
    ],
    ids=[
        "above",
        "below",
        "nan",
        "matrix",
        "scalar",
        "float",
        "array",
        "raises",
        "one",
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_oracle_of_the_user(oracle, message, method):
    # (3, 3) @ (3, 3) would work: three labels, and three rows to try on.
    labels = Y if "failed on" not in message else np.hstack([Y, Y[:, :1]])
    message = message if labels is Y else r"oracle .* failed on tensors"
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(make(oracle=oracle), method)(X, labels)


class Network(torch.nn.Module):
    def __init__(self, encode=None, score=None):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(5, 3))
        self._encode = encode or (lambda x: x @ self.weight.to(x))
        self._score = score or (lambda context, y: (context * y).sum(1))

    def encode(self, x):
        return self._encode(x)

    def score(self, context, y):
        return self._score(context, y)


class Incomplete(torch.nn.Module):
    def encode(self, x):
        return x


class NoModule:
    def encode(self, x):
        return x

    def score(self, context, y):
        return y.sum(1)


def fails(*args):
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Incomplete(), r"network.*score"),
        (NoModule(), r"network.*NoModule"),
        (lambda n, m: Incomplete(), r"network Incomplete lacks.*'score'"),
        (lambda n, m: None, r"network NoneType must be a torch.nn.Module"),
        (lambda n: Network(), r"network=.*failed when called with n_features=5"),
        (fails, r"network=.*failed when called.*n_labels=3.*mat1"),
        (lambda n, m: Network(encode=fails), r"network Network failed.*\(3, 5\)"),
        (lambda n, m: Network(score=fails), r"network Network failed.*\(3, 3\)"),
        (
            lambda n, m: Network(score=lambda c, y: c * y),
            r"score must be finite numbers.*\(3, 3\)",
        ),
        (
            lambda n, m: Network(score=lambda c, y: y.sum()),
            r"score must be finite numbers.*\(\)",
        ),
        (
            lambda n, m: Network(score=lambda c, y: y.sum(1) / 0),
            r"score must be finite numbers",
        ),
        (lambda n, m: Network(score=lambda c, y: c.sum(1)), r"network Network failed"),
    ],
)
def test_network_of_the_user(network, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(network=network).fit(X, Y)


def test_init_must_predict_labels():
    with pytest.raises(ValueError, match=r"init.predict.*binary.*0\.5"):
        make(init=BadStart()).fit(X, Y)


def test_validation_rows():
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        make().fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        make().fit(X, Y, y_val=Y)
    with pytest.raises(ValueError, match=r"y_val must have 3 labels.*got 2"):
        make().fit(X, Y, X_val=X, y_val=Y[:, :2])
    with pytest.raises(ValueError, match=r"X has 4 features.*5 features"):
        make().fit(X, Y, X_val=X[:, :4], y_val=Y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        make().fit(X, Y, X_val=X, y_val=Y[:4])
    with pytest.raises(ValueError, match=r"NaN"):
        make().fit(X, Y, X_val=spoiled(X, np.nan), y_val=Y)
    with pytest.raises(ValueError, match=r"y_val.*binary.*7"):
        make().fit(X, Y, X_val=X, y_val=7 * Y)
    with pytest.raises(ValueError, match=r"y_val must hold one class per row"):
        make().fit(X, Y[:, 0], X_val=X, y_val=Y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(30), r"sample_weight must.*non-negative.*-1"),
        (np.zeros(30), r"[Ss]ample.weight.* at least one (above 0|non-zero)"),
        (np.ones(29), r"sample_weight"),
        (np.full(30, np.nan), r"sample_weight contains NaN"),
    ],
)
def test_sample_weight(weight, message):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(make(), method)(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    "call",
    [
        lambda clf: clf.predict(X),
        lambda clf: clf.predict_proba(X),
        lambda clf: list(clf.staged_predict(X)),
        lambda clf: list(clf.staged_predict_relaxed(X)),
        lambda clf: clf.refine(X, Y),
        lambda clf: clf.predict_value(X),
        lambda clf: clf.score(X, Y),
    ],
)
def test_nothing_works_before_fit(call):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        call(make())


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_value"])
def test_other_inputs_at_prediction(fitted, method):
    for given, message in [
        (X[:, :4], r"X has 4 features.*expecting 5"),
        (spoiled(X, np.nan), r"X contains NaN"),
        (X[:0], r"0 sample\(s\)"),
        (X[0], r"Expected 2D array, got 1D"),
    ]:
        with pytest.raises(ValueError, match=message):
            getattr(fitted, method)(given)


@pytest.mark.parametrize("method", ["refine", "predict_value"])
@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (Y[:, :2], r"\(n_samples, 3\), got shape \(30, 2\)"),
        (Y[:4], r"X has 30 rows and Y.* has 4"),
        (2 * Y, r"in \[0, 1\].*to 2"),
        (-0.5 * Y, r"in \[0, 1\].*from -0.5"),
        (sparse.csr_matrix(2 * Y), r"in \[0, 1\].*to 2"),
        (spoiled(Y, np.nan), r"Y.* contains NaN"),
        (Y[:, 0], r"must have 3 labels.*one class per row, shape \(30,\)"),
        (Y[:0], r"0 sample"),
    ],
)
def test_outputs_to_judge_or_refine(fitted, method, outputs, message):
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(X, outputs)


def test_partial_fit_with_other_labels():
    clf = make().partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"must have 3 labels, as in training.*got 2"):
        clf.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match=r"X has 4 features"):
        clf.partial_fit(X[:, :4], Y)


def test_warm_start_with_other_labels_or_features():
    clf = make(warm_start=True).fit(X, Y)
    for other_X, other_Y in [(X, Y[:, :2]), (X[:, :4], Y)]:
        with pytest.raises(ValueError, match="warm_start"):
            clf.fit(other_X, other_Y)
