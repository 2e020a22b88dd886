"""Tests of parameters in small objects, and of what had another name before."""

import importlib
import inspect
import pickle
import re

import numpy as np
import pytest
from settings import QUICK_LABELS
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV

import skdvn
from skdvn import (
    SGD,
    Adam,
    AdamW,
    Ascent,
    Augmentation,
    CalibratedValueCV,
    Crops,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    EarlyStopping,
    Initializer,
    LabelNet,
    Loss,
    MaskNet,
    Mixture,
    baselines,
)
from skdvn._moved import MODULES, OF_SAVED, PARAMETERS
from skdvn.baselines import FCNSegmenter, FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import make_silhouettes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X @ RNG.normal(size=(5, 4)) + 0.5 * RNG.normal(size=(60, 4)) > 0).astype(int)
IMAGES, MASKS = make_silhouettes(6, size=16, random_state=0)
ESTIMATORS = {
    kind.__name__: kind
    for kind in (
        DVNMultiLabelClassifier,
        DVNSegmenter,
        FeedForwardClassifier,
        UNetSegmenter,
        FCNSegmenter,
    )
}
# An object of each kind, none of its parameters at its default, and how it is written.
COMPONENTS = [
    (
        Ascent("rms", momentum=0.5, noise=0.1, decay=0.2, projection="simplex"),
        "Ascent(decay=0.2, momentum=0.5, noise=0.1, projection='simplex', "
        "step_rule='rms')",
    ),
    (
        Mixture(
            {"replay": 1.0},
            mixing="one",
            n_iterates=2,
            n_samples=3,
            replay_size=4,
            lag=1,
        ),
        "Mixture(lag=1, mixing='one', n_iterates=2, n_samples=3, replay_size=4, "
        "shares={'replay': 1.0})",
    ),
    (
        Loss("hinge", guess_weight=1.0, gradient="cross_entropy", gradient_weight=0.5),
        "Loss(gradient='cross_entropy', gradient_weight=0.5, guess_weight=1.0, "
        "value='hinge')",
    ),
    (
        SGD(0.5, schedule="step", max_grad_norm=2.0, averaging=0.9),
        "SGD(averaging=0.9, max_grad_norm=2.0, momentum=0.5, schedule='step')",
    ),
    (
        Adam(schedule="step", max_grad_norm=2.0, averaging=0.9),
        "Adam(averaging=0.9, max_grad_norm=2.0, schedule='step')",
    ),
    (
        AdamW(schedule="step", max_grad_norm=2.0, averaging=0.9),
        "AdamW(averaging=0.9, max_grad_norm=2.0, schedule='step')",
    ),
    (EarlyStopping(3, tol=0.1), "EarlyStopping(n_iter_no_change=3, tol=0.1)"),
    (
        Initializer(DummyClassifier(), scale=0.2),
        "Initializer(estimator=DummyClassifier(), scale=0.2)",
    ),
    (
        LabelNet("oracle", n_global_units=[4, 2], activation="tanh"),
        "LabelNet(activation='tanh', local_term='oracle', n_global_units=[4, 2])",
    ),
    (
        MaskNet("linear", n_levels=2, stride=2),
        "MaskNet(local_term='linear', n_levels=2, stride=2)",
    ),
    (
        Crops(
            8,
            shift=2,
            n_crops=4,
            stride=2,
            aggregation="average",
            flip=True,
            per_image=2,
            visits=3,
        ),
        "Crops(aggregation='average', flip=True, n_crops=4, per_image=2, shift=2, "
        "size=8, stride=2, visits=3)",
    ),
    (
        Augmentation(0.5, flips="both"),
        "Augmentation(flips='both', strength=0.5)",
    ),
]
every_component = pytest.mark.parametrize(
    ("component", "written"), COMPONENTS, ids=[type(c).__name__ for c, _ in COMPONENTS]
)


def values_of(component):
    """Its parameters, down to those of an estimator within it."""
    return {
        name: value
        for name, value in component.get_params().items()
        if not hasattr(value, "get_params")
    }


# -- the objects -----------------------------------------------------------------------


def test_every_component_is_tested():
    classes = filter(inspect.isclass, (getattr(skdvn, name) for name in skdvn.__all__))
    estimators = {DVNMultiLabelClassifier, DVNSegmenter, CalibratedValueCV}
    public = {*classes} - estimators - {skdvn.StackedGuess}
    assert {type(component) for component, _ in COMPONENTS} == public


@every_component
def test_components_are_written_as_they_are_made(component, written):
    assert " ".join(repr(component).split()) == written
    made = eval(written, {**vars(skdvn), "DummyClassifier": DummyClassifier})
    assert values_of(made) == values_of(component)
    if not isinstance(component, Initializer):  # which needs a classifier
        kind = type(component)
        assert repr(kind()) == f"{kind.__name__}()"
        for name, value in values_of(kind()).items():
            assert getattr(component, name) != value


@every_component
@pytest.mark.parametrize(
    "copy", [clone, lambda thing: pickle.loads(pickle.dumps(thing))]
)
def test_components_are_cloned_and_pickled(component, written, copy):
    twin = copy(component)
    assert type(twin) is type(component) and twin is not component
    assert values_of(twin) == values_of(component)


QUICK = {name: value for name, value in QUICK_LABELS.items() if name != "network"}


def test_estimators_clone_their_components():
    clf = DVNMultiLabelClassifier(ascent=Ascent(noise=0.1), solver=SGD(0.5))
    twin = clone(clf).set_params(ascent__noise=0.7, solver__momentum=0.0)
    assert (clf.ascent.noise, clf.solver.momentum) == (0.1, 0.5)
    assert (twin.ascent.noise, twin.solver.momentum) == (0.7, 0.0)


def test_a_fit_leaves_its_components_alone():
    tuples, solver, stopping = Mixture(), SGD(), EarlyStopping()
    clf = DVNMultiLabelClassifier(
        **QUICK,
        ascent=Ascent(),
        tuples=tuples,
        solver=solver,
        early_stopping=stopping,
        loss=Loss(),
        network=LabelNet(),
    ).fit(X, Y)
    for name in ("ascent", "tuples", "solver", "early_stopping", "loss", "network"):
        component = getattr(clf, name)
        assert values_of(component) == values_of(type(component)())
    assert clf.tuples is tuples and clf.solver is solver


def test_default_objects_are_the_defaults():
    plain = DVNMultiLabelClassifier(**QUICK, network="linear").fit(X, Y)
    spelt = DVNMultiLabelClassifier(
        **QUICK,
        ascent=Ascent(),
        tuples=Mixture(),
        solver=SGD(),
        loss=Loss(),
        network=LabelNet(),
    ).fit(X, Y)
    np.testing.assert_array_equal(spelt.predict_proba(X), plain.predict_proba(X))


# -- bad values ------------------------------------------------------------------------

BAD_FOR_LABELS = [
    ("ascent", Ascent(noise=-1), "noise"),
    ("ascent", Ascent("sign"), "step_rule"),
    ("tuples", Mixture(n_iterates=0), "n_iterates"),
    ("tuples", Mixture({"dream": 1}), "tuples.*dream"),
    ("loss", Loss("huber"), "value"),
    ("loss", Loss(gradient_weight=-1), "gradient_weight"),
    ("solver", SGD(1.0), "momentum"),
    ("solver", Adam(schedule="linear"), "schedule"),
    ("solver", AdamW(), "solver"),  # only for masks
    ("early_stopping", EarlyStopping(0), "n_iter_no_change"),
    ("init", Initializer(DummyClassifier(), scale=0), "scale"),
    ("init", Initializer(3), "estimator"),
    ("network", LabelNet("mlp"), "local_term"),
    ("network", MaskNet(), "network"),
    ("ascent", Mixture(), "ascent"),
]
BAD_FOR_MASKS = [
    ("ascent", Ascent(decay=0), "decay"),
    ("tuples", Mixture(mixing="some"), "mixing"),
    ("loss", Loss(gradient="l1"), "gradient"),
    ("solver", AdamW(averaging=1.0), "averaging"),
    ("early_stopping", EarlyStopping(tol=-1), "tol"),
    ("network", MaskNet(n_levels=-1), "n_levels"),
    ("network", LabelNet(), "network"),
    ("crops", Crops(0), "size"),
    ("crops", Crops(per_image=0), "per_image"),
    ("augmentation", Augmentation(-1), "strength"),
    ("augmentation", Augmentation(flips="vertical"), "flips"),
]


@pytest.mark.parametrize(("parameter", "component", "named"), BAD_FOR_LABELS)
def test_bad_values_are_named_by_fit_on_labels(parameter, component, named):
    clf = DVNMultiLabelClassifier(**(QUICK_LABELS | {parameter: component}))
    with pytest.raises((TypeError, ValueError), match=named):
        clf.fit(X, Y)
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize(("parameter", "component", "named"), BAD_FOR_MASKS)
def test_bad_values_are_named_by_fit_on_masks(parameter, component, named):
    clf = DVNSegmenter(max_iter=1, n_channels=4, **{parameter: component})
    with pytest.raises((TypeError, ValueError), match=named):
        clf.fit(IMAGES, MASKS)
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (FeedForwardClassifier, (X, Y)),
        (UNetSegmenter, (IMAGES, MASKS)),
        (FCNSegmenter, (IMAGES, MASKS)),
    ],
)
def test_bad_values_are_named_by_fit_of_baselines(kind, data):
    clf = kind(max_iter=1, solver=Adam(max_grad_norm=0))
    with pytest.raises((TypeError, ValueError), match="max_grad_norm"):
        clf.fit(*data)


# -- search by nested names ------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ascent__noise", [0.0, 2.0]),
        ("tuples__n_iterates", [1, 8]),
        ("solver__momentum", [0.0, 0.9]),
    ],
)
def test_grid_search_by_nested_names(name, values):
    clf = DVNMultiLabelClassifier(
        **QUICK_LABELS, ascent=Ascent(), tuples=Mixture(), solver=SGD()
    )

    def mean_value(clf, X, Y):
        return clf.predict_value(X, Y).mean()

    search = GridSearchCV(clf, {name: values}, scoring=mean_value, cv=2).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert search.best_estimator_.get_params()[name] == search.best_params_[name]
    parameter, _, inner = name.partition("__")
    # As when the object is made with the value.
    for value, score in zip(values, scores, strict=True):
        made = type(getattr(clf, parameter))(**{inner: value})
        one = clone(clf).set_params(**{parameter: made})
        again = GridSearchCV(one, {}, scoring=mean_value, cv=2).fit(X, Y)
        assert again.best_score_ == pytest.approx(score)


def test_grid_search_over_crops():
    clf = DVNSegmenter(
        max_iter=1, n_channels=4, n_steps=2, crops=Crops(8), random_state=0
    )
    search = GridSearchCV(clf, {"crops__n_crops": [4, 16]}, cv=2).fit(IMAGES, MASKS)
    assert search.best_estimator_.crops.n_crops in (4, 16)
    assert search.best_estimator_.crops.size == 8


# -- what had another name before ------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in PARAMETERS for name in PARAMETERS[kind]]
)
def test_a_parameter_that_has_moved_says_where(kind, name):
    estimator = ESTIMATORS[kind]
    assert name not in inspect.signature(estimator).parameters
    instead = PARAMETERS[kind][name].format(0.5)
    for attempt in (
        lambda: estimator(**{name: 0.5}),
        lambda: estimator().set_params(**{name: 0.5}),
    ):
        with pytest.raises(TypeError) as caught:
            attempt()
        message = str(caught.value)
        assert kind in message and repr(name) in message and instead in message


@pytest.mark.parametrize("kind", PARAMETERS)
def test_what_to_write_instead_can_be_written(kind):
    """The parameter that a message names is there, and the object has the other."""
    signature = inspect.signature(ESTIMATORS[kind]).parameters
    for instead in PARAMETERS[kind].values():
        found = re.match(r"(\w+)=(?:(\w+)\(.*?(?:(\w+)=)?\{!r\}\))?", instead)
        parameter, component, inner = found.groups()
        assert parameter in signature
        if inner is not None:
            assert inner in inspect.signature(getattr(skdvn, component)).parameters


@pytest.mark.parametrize("kind", ESTIMATORS.values())
def test_a_name_that_never_was_is_an_error_as_ever(kind):
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        kind(colour="red")
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        kind().set_params(colour="red")


@pytest.mark.parametrize("name", [*MODULES, *OF_SAVED])
def test_a_module_that_has_moved_says_where(name):
    instead = MODULES.get(name, "fit again, or load them with")
    with pytest.raises(ImportError) as caught:
        importlib.import_module(f"skdvn.{name}")
    assert f"skdvn.{name}" in str(caught.value) and instead in str(caught.value)
    if name == "recipes":  # an attribute is what it has become
        assert skdvn.recipes.SPEN
        return
    with pytest.raises(AttributeError) as caught:
        getattr(skdvn, name)
    assert f"skdvn.{name}" in str(caught.value) and instead in str(caught.value)
    assert not hasattr(skdvn, name)


def test_modules_that_never_were_are_not_found_as_ever():
    with pytest.raises(ModuleNotFoundError, match="No module named 'skdvn.colours'"):
        importlib.import_module("skdvn.colours")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("tuples_of_another_package")
    with pytest.raises(AttributeError, match="no attribute 'colours'"):
        skdvn.colours  # noqa: B018


# -- size ------------------------------------------------------------------------------

PUBLIC = [
    getattr(module, name)
    for module in (skdvn, baselines)
    for name in module.__all__
    if hasattr(getattr(module, name), "fit")
]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_estimators_are_small(kind):
    assert len(inspect.signature(kind).parameters) <= 32
    ours = [one for one in kind.__mro__ if one.__module__.split(".")[0] == "skdvn"]
    assert len(ours) <= 4, [one.__name__ for one in ours]


def test_all_estimators_are_measured():
    assert {*ESTIMATORS.values(), CalibratedValueCV} <= set(PUBLIC)


@pytest.mark.parametrize("name", ["ascent__noise", "tuples__lag", "solver__momentum"])
def test_nested_names_need_an_object(name):
    with pytest.raises(ValueError, match=f"{name} cannot be set.*Give one first"):
        DVNMultiLabelClassifier().set_params(**{name: 0.1})


def test_recipes_are_not_changed_by_who_uses_them():
    clf = DVNSegmenter(**skdvn.recipes.CONV_SEGMENTER).set_params(crops__n_crops=9)
    assert clf.crops.n_crops == 9
    assert skdvn.recipes.CONV_SEGMENTER["crops"].n_crops == 36
