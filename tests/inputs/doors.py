"""The doors by which inputs and labels come in, each as a function of one argument.

What a door returns depends on what it was given, so that the same in another form can
be told from something else.
"""

from functools import cache, partial

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from settings import QUICK_LABELS
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.tree import DecisionTreeClassifier

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier, StackedGuess
from skdvn.baselines import (
    FeedForwardClassifier,
    PlugInClassifier,
    ThresholdClassifier,
)
from skdvn.inspection import (
    AscentPathDisplay,
    NStepsDisplay,
    RiskCoverageDisplay,
    ValueCalibrationDisplay,
)
from skdvn.metrics import (
    oracle_values,
    relaxed_accuracy_score,
    relaxed_f1_score,
    relaxed_fbeta_score,
    relaxed_iou_score,
    value_pairs,
)

matplotlib.use("agg")

RNG = np.random.default_rng(0)
# Counts, most of them 0 or 1.
X = RNG.poisson(0.8, size=(36, 5)).astype(float)
Y = (X[:, :3] + 0.5 * RNG.normal(size=(36, 3)) > 0.8).astype(int)
CLASSES = np.array(["ant", "bee", "cat"])[(X[:, :3] + RNG.random((36, 3))).argmax(1)]
FAST = QUICK_LABELS | {"hidden_layer_sizes": (4,), "n_steps": 3, "max_iter": 2}
REGRESSION = OneVsRestClassifier(LogisticRegression())


def linear(**params):
    return DVNMultiLabelClassifier(**FAST | params)


def on_experts(**params):
    return DVNMultiLabelClassifier(random_state=0, **params)


def on_regression(**params):
    return DVNMultiLabelClassifier([("lr", REGRESSION)], cv=3, random_state=0, **params)


def started():
    return linear(init=DecisionTreeClassifier(random_state=0))


def calibrated():
    return CalibratedValueCV(linear(), cv=2, method="sigmoid")


def feed_forward(**params):
    params = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0} | params
    return FeedForwardClassifier(**params)


def stacked():
    return StackedGuess(random_state=0)


def plug_in():
    return PlugInClassifier(REGRESSION)


def plug_in_with_counts():
    return PlugInClassifier(stacked(), counts=True)


def threshold():
    return ThresholdClassifier(REGRESSION, cv=3)


MAKERS = [linear, on_experts, on_regression, started, calibrated, feed_forward, stacked]
ON_LABELS = [plug_in, plug_in_with_counts, threshold]
# Those whose fits take longer than all the others together.
SLOW = (
    *("on_experts", "on_regression", "stacked", "plug_in_with_counts"),
    "AscentPathDisplay",
)


def each(doors, but=()):
    """Names of doors as parameters of a test, slow ones marked.

    Parameters
    ----------
    doors : dict of str to callable
    but : tuple of str, default=()
        Parts of the names of those to leave out.
    """
    return [
        pytest.param(name, marks=pytest.mark.slow if name.endswith(SLOW) else ())
        for name in doors
        if not any(part in name for part in but)
    ]


def dense(found):
    """An array, also of what is sparse."""
    return found.toarray() if hasattr(found, "toarray") else np.asarray(found)


def label_doors(truth):
    """Doors for labels of the rows of X above: functions of labels in any form.

    Parameters
    ----------
    truth : ndarray
        Labels, or classes.

    Returns
    -------
    doors : dict of str to callable
    """
    makers = MAKERS + ON_LABELS * (truth.ndim == 2)
    fitted = cache(lambda make: make().fit(X, truth))

    def fit(make, labels):
        return make().fit(X, labels).predict_proba(X)

    def partial_fit(labels):
        clf = linear().partial_fit(X, labels).partial_fit(X, labels)
        return clf.predict_proba(X)

    def validate(make, labels):
        clf = make(early_stopping=True).fit(X, truth, X_val=X, y_val=labels)
        return clf.validation_score_

    def call(method, make, labels):
        return dense(getattr(fitted(make), method)(X, labels))

    def draw(figure, value, labels, **options):
        display = figure.from_estimator(fitted(linear), X, labels, **options)
        pyplot.close()
        return getattr(display, value)

    doors = {f"fit of {make.__name__}": partial(fit, make) for make in makers}
    doors["partial_fit"] = partial_fit
    for make in (linear, on_experts, feed_forward):
        doors[f"y_val of {make.__name__}"] = partial(validate, make)
    for make in (linear, calibrated, feed_forward, *ON_LABELS * (truth.ndim == 2)):
        doors[f"score of {make.__name__}"] = partial(call, "score", make)
    for method in ("predict_value", "refine"):
        for make in (linear, on_experts, calibrated):
            doors[f"{method} of {make.__name__}"] = partial(call, method, make)
    scores = {
        "relaxed_f1_score": relaxed_f1_score,
        "relaxed_fbeta_score": partial(relaxed_fbeta_score, beta=2),
        "relaxed_iou_score": relaxed_iou_score,
        "relaxed_accuracy_score": relaxed_accuracy_score,
        "oracle_values": lambda *pair: oracle_values(fitted(linear), *pair),
    }
    outputs = truth[::-1]
    for name, score in scores.items():
        doors[f"truth of {name}"] = lambda labels, f=score: f(labels, outputs)
        doors[f"output of {name}"] = lambda labels, f=score: f(outputs, labels)
    doors["value_pairs"] = lambda labels: value_pairs(fitted(linear), X, labels)[0]
    for figure, value in (
        (RiskCoverageDisplay, "kept_value"),
        (ValueCalibrationDisplay, "values_true"),
        (NStepsDisplay, "values_true"),
    ):
        doors[figure.__name__] = partial(draw, figure, value)
    paths = partial(draw, AscentPathDisplay, "values_true", kind="values")
    return doors | {"AscentPathDisplay": paths}


def input_doors():
    """Doors for inputs: functions of X in any form."""
    fitted = cache(lambda make: make().fit(X, Y))

    def fit(make, inputs):
        return make().fit(inputs, Y).predict_proba(X)

    def partial_fit(inputs):
        clf = linear().partial_fit(inputs, Y).partial_fit(inputs, Y)
        return clf.predict_proba(X)

    def validate(make, inputs):
        clf = make(early_stopping=True).fit(X, Y, X_val=inputs, y_val=Y)
        return clf.validation_score_

    def call(method, make, *given):
        return dense(getattr(fitted(make), method)(*given))

    def draw(inputs):
        display = NStepsDisplay.from_estimator(fitted(linear), inputs, Y)
        pyplot.close()
        return display.values_pred

    makers = MAKERS + ON_LABELS
    doors = {f"fit of {make.__name__}": partial(fit, make) for make in makers}
    doors["partial_fit"] = partial_fit
    for make in (linear, on_experts, feed_forward):
        doors[f"X_val of {make.__name__}"] = partial(validate, make)
    for make in makers:
        proba = partial(call, "predict_proba", make)
        doors[f"predict_proba of {make.__name__}"] = proba
    for method in ("predict", "predict_relaxed", "predict_value"):
        doors[method] = partial(call, method, linear)
    for method in ("score", "refine"):
        doors[method] = lambda inputs, name=method: call(name, linear, inputs, Y)
    doors["staged_predict"] = lambda inputs: list(fitted(linear).staged_predict(inputs))
    doors["NStepsDisplay"] = draw
    return doors


LABEL_DOORS, CLASS_DOORS = label_doors(Y), label_doors(CLASSES)
INPUT_DOORS = input_doors()
USUAL = {
    **dict.fromkeys(LABEL_DOORS.values(), Y),
    **dict.fromkeys(CLASS_DOORS.values(), CLASSES),
    **dict.fromkeys(INPUT_DOORS.values(), X),
}


@cache
def _usual(door):
    return door(USUAL[door])


def check_same(door, given):
    """Check that a door says of what is given what it says of its usual form."""
    found, wanted = np.asarray(door(given)), np.asarray(_usual(door))
    if wanted.dtype.kind in "UO":
        np.testing.assert_array_equal(found, wanted)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-9)
