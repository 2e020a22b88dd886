"""Random estimators as source text, with parameters inside their documented ranges.

Ranges are read from the constraints of the classes, so that a new parameter is drawn as
soon as there is one. What stands here are objects that no constraint can describe, such
as modules, and what keeps a program quick.
"""

import inspect
from numbers import Integral

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

import skdvn
import skdvn.baselines
from skdvn.estimators import Component
from skdvn.oracles import MAP_ORACLES

ESTIMATORS = {
    name: getattr(module, name)
    for module in (skdvn, skdvn.baselines)
    for name in module.__all__
    if hasattr(getattr(module, name), "fit")
}
# How often a parameter is given that need not be.
SHARE = 0.08

CLASSIFIERS = [
    "KNeighborsClassifier(1)",
    "DecisionTreeClassifier(max_depth=1, random_state=0)",
    "OneVsRestClassifier(LogisticRegression(random_state=0))",
    "DummyClassifier(random_state=0)",
]
# Always given, so that a program is quick; an ellipsis is what the constraints allow.
QUICK = {
    "hidden_layer_sizes": ["3", "(2,)", "[2, 2]", "np.array([3])"],
    "max_iter": ["1", "1", "2"],
    "n_steps": ["1", "2", ...],
    "estimators": [*["()"] * 12, *["[('one', KNeighborsClassifier(1))]"] * 2, ...],
    "random_state": [*["0"] * 6, ...],
    "DVNSegmenter.network": [*["MaskNet(n_levels=1, stride=1)"] * 8, ...],
    "PixelwiseSegmenter.network": [...],
    "StackedGuess.estimators": [*["[('one', KNeighborsClassifier(1))]"] * 3, ...],
    "n_channels": [*["1", "2"] * 6, ...],
    "n_levels": [*["1", "2"] * 6, ...],
    "stride": ["1", "1", "2", ...],
    "crops": [*["Crops(shift=0, flip=False)"] * 6, ...],
    "precision": ["'single'", ...],
    "cv": ["2", ...],
}
# What no constraint describes: objects, files, other processes.
OBJECTS = {
    "oracle": [*map(repr, MAP_ORACLES), "agreement"],
    "shares": ["{'inference': 0.5, 'replay': 0.5}", "{'stratified': 1, 'chain': 1}"],
    "tuples": ["{'ground_truth': 1, 'one_step': 2}", "{'guess': 1, ground_truth: 1}"],
    "estimators": [
        "()",
        f"[('one', {CLASSIFIERS[0]}), ('two', {CLASSIFIERS[1]})]",
        f"[('one', {CLASSIFIERS[2]}), ('two', 'drop')]",
    ],
    "checkpoint_dir": ["tempfile.mkdtemp()"],
    "device": ["'cpu'", "'auto'", "torch.device('cpu')"],
    "n_jobs": ["1"],
    "ignore_label": ["255", "1", "2", "'a'"],
}
OF_LABELS = {
    "network": ["PairwiseValue"],
    "encoder": ["torch.nn.Tanh()", "torch.nn.Flatten"],
    "init": ["[0.5, 1.0]", "np.array([0, 0.5, 1])"],
}
OF_IMAGES = {
    "network": ["convolution", "convolution(1, 1)"],
    "augmentation": ["mirrored"],
}
WORDS = {
    "boolean": ["True", "False"],
    "cv_object": ["2", "KFold(2)", "ShuffleSplit(1, test_size=0.5, random_state=0)"],
    "random_state": ["None", "7", "np.random.RandomState(0)"],
    "verbose": ["True", "0", "2"],
    None: ["None"],
}


def kinds_of(name):
    """What an estimator predicts, "labels" or "images"; both if another one says so."""
    if name == "CalibratedValueCV":
        return ["labels", "images"]
    return ["images"] if "Segmenter" in name else ["labels"]


def instance(rng, cls, kind):
    """Source text of an estimator, or of an object among the parameters of one.

    Parameters
    ----------
    rng : random.Random
    cls : class
    kind : {"labels", "images"}
        What it predicts.
    """
    arguments = []
    for name, parameter in inspect.signature(cls).parameters.items():
        needed = parameter.default is parameter.empty or _quick(cls, name)
        text = drawn(rng, cls, name, kind) if needed or rng.random() < SHARE else None
        if text is not None:
            arguments.append(f"{name}={text}")
    return f"{cls.__name__}({', '.join(arguments)})"


def drawn(rng, cls, name, kind):
    """Source text of a value of a parameter; None if it cannot be drawn."""
    choice = rng.choice(_quick(cls, name) or [...])
    if choice is not ...:
        return choice
    objects = OF_IMAGES if kind == "images" else OF_LABELS
    texts = [*OBJECTS.get(name, []), *objects.get(name, [])]
    for constraint in _constraints(cls, name):
        texts += _allowed(rng, constraint, kind)
    return rng.choice(texts) if texts else None


def _quick(cls, name):
    return QUICK.get(f"{cls.__name__}.{name}", QUICK.get(name))


def _constraints(cls, name):
    """Those of a parameter; one without is as that of the main classifier."""
    own = getattr(cls, "_parameter_constraints", {})
    return own.get(name) or skdvn.DVNMultiLabelClassifier._parameter_constraints[name]


def _allowed(rng, constraint, kind):
    """Source texts of some values that satisfy a constraint."""
    if isinstance(constraint, Interval):
        return _numbers(constraint)
    if isinstance(constraint, StrOptions):
        return [repr(option) for option in sorted(constraint.options)]
    if isinstance(constraint, HasMethods):
        return _with_methods(rng, constraint.methods, kind)
    if isinstance(constraint, type) and issubclass(constraint, Component):
        return [instance(rng, rng.choice(_leaves(constraint)), kind)]
    return WORDS.get(constraint, []) if isinstance(constraint, str | None) else []


def _numbers(interval):
    """The ends of an interval, if they belong to it, and some numbers within."""
    if interval.type is Integral:
        low = interval.left + (interval.closed in ("right", "neither"))
        numbers = [low, low + 1, low + 2]
    else:
        numbers = [interval.left, 1e-12, 0.3, 1.0, 7, 1e30, interval.right]
    inside = [n for n in numbers if n is not None and n in interval]
    return [repr(n).replace("inf", "np.inf") for n in inside]


def _with_methods(rng, methods, kind):
    """An estimator that has these methods, of skdvn or of scikit-learn."""
    found = [
        cls
        for name, cls in ESTIMATORS.items()
        if kind in kinds_of(name)
        and not _needed(cls)
        and all(hasattr(cls, method) for method in methods)
    ]
    texts = [instance(rng, rng.choice(found), kind)] if found else []
    plain = {"fit", "predict", "predict_proba"}.issuperset(methods)
    return texts + (CLASSIFIERS if plain and kind == "labels" else [])


def _needed(cls):
    """Parameters without a default."""
    parameters = inspect.signature(cls).parameters.values()
    return [one for one in parameters if one.default is one.empty]


def _leaves(cls):
    """Classes of skdvn that are made of a class and that no other is made of."""
    below = [one for one in cls.__subclasses__() if one.__name__ in skdvn.__all__]
    return [leaf for one in below for leaf in _leaves(one)] or [cls]
