"""Random calls of estimators as source text, and the programs made of them.

Methods and their arguments are read from the classes, so that a new method is called as
soon as there is one, if the names of its arguments are among `ARGUMENTS`.
"""

import inspect

import skdvn.metrics

from .estimators import ESTIMATORS, drawn, instance, kinds_of
from .values import labelled_rows, masked_images, spoiled

# What is given for an argument.
ARGUMENTS = {
    "X": "X",
    "y": "Y",
    "Y": "Y",
    "Y_init": "Y",
    "sample_weight": "w",
    "X_val": "X",
    "y_val": "Y",
    "classes": "classes_of(Y0)",
}
SCORERS = [name for name in skdvn.metrics.__all__ if name.endswith("_scorer")]
ANYWHERE = [
    "clone(clf)",
    "repr(clf)",
    "copy.deepcopy(clf)",
    "clf = pickle.loads(pickle.dumps(clf))",
    "clf = reloaded(clf)",
]
WITH_PREDICT = [
    "assert_same(lambda one: one.predict(X), clf, pickle.loads(pickle.dumps(clf)))",
    "assert_same(lambda one: one.predict(X), clf, reloaded(clf))",
    *[f"{name}(clf, X, Y)" for name in SCORERS],
]
WITH_VALUES = [
    "oracle_values(clf, Y, clf.predict(X))",
    "value_calibration_error(*value_pairs(clf, X, Y))",
    "risk_coverage_curve(*value_pairs(clf, X, Y))",
    "value_bins(*value_pairs(clf, X, Y))",
    "clf.predict_value(X, clf.predict(X))",
    "clf.predict_value(X, clf.predict_proba(X))",
]
WITH_REFINE = ["clf.refine(X, clf.predict(X))", "clf.refine(X, clf.predict_relaxed(X))"]
# What must not depend on the container, of X or of Y.
SAME_X = [
    "assert_same(clf.predict, {plain}, X)",
    "assert_same(clf.predict_proba, {plain}, X)",
    "assert_same(lambda X: clone(clf).fit(X, Y).predict(X), {plain}, X)",
]
SAME_Y = [
    "assert_same(lambda Y: clone(clf).fit(X, Y).predict(X), {plain}, Y)",
    "assert_same(lambda Y: clf.score(X, Y), {plain}, Y)",
]
SHARE_OF_BAD = 0.35


def new_program(rng):
    """Random source text: data, an estimator `clf`, and calls of it.

    Parameters
    ----------
    rng : random.Random
    """
    names = [*ESTIMATORS, *["DVNMultiLabelClassifier", "DVNSegmenter"] * 3]
    cls = ESTIMATORS[rng.choice(names)]
    kind = rng.choice(kinds_of(cls.__name__))
    data = masked_images(rng) if kind == "images" else labelled_rows(rng)
    made = instance(rng, cls, kind)
    calls = _calls(rng, cls, kind, data, is_repeatable=_is_repeatable(made))
    return "\n".join([*data.lines, f"clf = {made}", *calls])


def _is_repeatable(made):
    """Whether the same fit gives the same estimator."""
    return "random_state=None" not in made and "RandomState" not in made


def _calls(rng, cls, kind, data, is_repeatable):
    """Statements, mostly after a first that fits."""
    methods = methods_of(cls)
    fits = rng.choice([["fit"]] * 9 + [["partial_fit"], ["partial_fit", "fit"], []])
    names = [name for name in fits if name in methods]
    names += rng.choices([name for name in methods if name != "fit"], k=2)
    calls = [_call(name, _arguments(rng, methods[name])) for name in names]
    others = _others(rng, cls, kind, data, is_repeatable)
    if rng.random() < SHARE_OF_BAD:
        others.append(_bad_call(rng, methods, data))
    for text in others:
        calls.insert(rng.randint(1, len(calls)), text)
    return calls


def _bad_call(rng, methods, data):
    """A statement with one argument that should be refused."""
    name = rng.choice(["fit", *methods])
    arguments = _arguments(rng, methods[name])
    wrong = rng.choice([key for key in arguments if arguments[key] in data.variables])
    arguments[wrong] = spoiled(rng, data.variables[arguments[wrong]])
    return _call(name, arguments)


def _others(rng, cls, kind, data, is_repeatable):
    """Statements other than calls of methods."""
    texts = list(ANYWHERE)
    texts += WITH_PREDICT * hasattr(cls, "predict")
    texts += WITH_VALUES * hasattr(cls, "predict_value")
    texts += WITH_REFINE * hasattr(cls, "refine")
    for name in rng.sample([*inspect.signature(cls).parameters], 1):
        value = drawn(rng, cls, name, kind)
        texts += [f"clf.set_params({name}={value})"] * 4 * (value is not None)
    chosen = rng.sample(texts, rng.choice([0, 0, 1]))
    if is_repeatable and rng.random() < 0.4:
        variable = data.variables[rng.choice("XY")]
        same = rng.choice(SAME_X if variable.name == "X" else SAME_Y)
        chosen.append(same.format(plain=variable.plain))
    return chosen


def methods_of(cls):
    """Public methods of a class that take an X: parameters by name, by method."""
    found = {}
    for name, method in inspect.getmembers(cls, callable):
        if name.startswith(("_", "set_")):
            continue
        parameters = inspect.signature(method).parameters
        if "X" in parameters:
            known = parameters.keys() & ARGUMENTS.keys()
            found[name] = {key: parameters[key] for key in parameters if key in known}
    return found


def _arguments(rng, parameters):
    """Source texts of arguments by name: those that must be, and some others."""
    given = {
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty or rng.random() < 0.2
    }
    given = given - {"y_val"} | ({"y_val"} if "X_val" in given else set())
    return {name: ARGUMENTS[name] for name in parameters if name in given}


def _call(name, arguments):
    call = ", ".join(f"{key}={value}" for key, value in arguments.items())
    text = f"clf.{name}({call})"
    return f"list({text})" if name.startswith("staged_") else text
