"""The version, and what had another name before: errors that say where it went."""

import sys
from collections.abc import Callable
from functools import wraps
from importlib.abc import MetaPathFinder
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])

__version__ = "0.2.0"

# Modules that users imported, and where their contents are now.
MODULES = {
    "calibration": "skdvn (CalibratedValueCV) and skdvn.metrics (value_pairs)",
    "distributed": "skdvn.training (data_parallel)",
    "onnx": "skdvn.persistence (export_predict, export_value)",
    "recipes": "skdvn, as in 'from skdvn import recipes'",
    "superpixels": "skdvn.metrics",
    "tuples": "skdvn.training",
}
# Modules that saved estimators refer to.
OF_SAVED = (
    *("_label_data", "_segmenter", "_value_maps", "labelwise", "masks", "multilabel"),
    *("pixelwise", "prior", "segmentation", "starts", "targets"),
)
ASCENT = {
    "step_rule": "ascent=Ascent(step_rule={!r})",
    "inference_momentum": "ascent=Ascent(momentum={!r})",
    "inference_noise": "ascent=Ascent(noise={!r})",
    "step_decay": "ascent=Ascent(decay={!r})",
    "projection": "ascent=Ascent(projection={!r})",
}
MIXTURE = {
    "tuple_mixing": "tuples=Mixture(..., mixing={!r})",
    "n_iterates": "tuples=Mixture(..., n_iterates={!r})",
    "n_samples": "tuples=Mixture(..., n_samples={!r})",
    "replay_size": "tuples=Mixture(..., replay_size={!r})",
    "inference_lag": "tuples=Mixture(..., lag={!r})",
}
LOSS = {
    "guess_loss_weight": "loss=Loss(guess_weight={!r})",
    "gradient_loss": "loss=Loss(gradient={!r})",
    "gradient_loss_weight": "loss=Loss(gradient_weight={!r})",
}
SOLVER = {
    "learning_rate": "solver=SGD(schedule={!r}), or Adam or AdamW",
    "momentum": "solver=SGD(momentum={!r})",
    "max_grad_norm": "solver=SGD(max_grad_norm={!r}), or Adam or AdamW",
    "averaging": "solver=AdamW(averaging={!r}), or Adam or SGD",
    "n_iter_no_change": "early_stopping=EarlyStopping({!r})",
    "tol": "early_stopping=EarlyStopping(tol={!r})",
}
CROPS = {
    "crop_size": "crops={!r}",
    "n_crops": "crops=Crops(n_crops={!r})",
    "crop_stride": "crops=Crops(stride={!r})",
    "aggregation": "crops=Crops(aggregation={!r})",
    "flip_crops": "crops=Crops(flip={!r})",
    "crops_per_image": "crops=Crops(per_image={!r})",
    "crop_visits": "crops=Crops(visits={!r})",
    "flips": "augmentation=Augmentation(flips={!r})",
}
# Parameters of estimators, and what to write instead of them.
PARAMETERS = {
    "DVNMultiLabelClassifier": {
        "local_term": "network={!r}",
        "n_global_units": "network=LabelNet(n_global_units={!r})",
        "activation": "network=LabelNet(activation={!r})",
        "init_scale": "init=Initializer(classifier, scale={!r})",
        "prior_weight": "estimators='auto', whose guess does the job of the prior,",
        **ASCENT,
        **MIXTURE,
        **LOSS,
        **SOLVER,
    },
    "DVNSegmenter": {
        "local_term": "network=MaskNet({!r})",
        "n_levels": "network=MaskNet(n_levels={!r})",
        "n_global_units": "network=MaskNet(), which has no correction any more,",
        **ASCENT,
        **MIXTURE,
        **LOSS,
        **SOLVER,
        **CROPS,
    },
    "FeedForwardClassifier": SOLVER,
    "UNetSegmenter": {**SOLVER, **CROPS},
    "FCNSegmenter": {**SOLVER, **CROPS},
}


def refuse_moved(kind, params):
    """Raise if one of these parameters has moved.

    Parameters
    ----------
    kind : str
        Name of the estimator's class.
    params : dict
        What the user gave, by name.

    Raises
    ------
    TypeError
        Says what to write instead.
    """
    for name in params.keys() & PARAMETERS.get(kind, {}).keys():
        now = PARAMETERS[kind][name].format(params[name])
        raise TypeError(
            f"{kind} has no parameter {name!r} since version 0.2. Write {now} instead "
            "(objects with a capital letter are imported from skdvn)."
        )


def with_moved_names(init: Method) -> Method:
    """Decorate `__init__` so that names of parameters that have moved are told."""

    @wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        refuse_moved(type(self).__name__, kwargs)
        init(self, *args, **kwargs)

    return cast(Method, checked)


def module_message(name):
    """What to tell whoever asks for a module of before, None if there is nothing."""
    if name in MODULES:
        return f"skdvn.{name} has moved since version 0.2: see {MODULES[name]}."
    if name in OF_SAVED:
        return (
            f"skdvn.{name} is a module of skdvn 0.1. Estimators that it has saved "
            "cannot be loaded by this version. Remedy: fit again, or load them with "
            "skdvn 0.1."
        )
    return None


class MovedModuleFinder(MetaPathFinder):
    """Tells where modules of before have gone; asked only for those not found."""

    def find_spec(self, fullname, path=None, target=None):
        """Raise for a module of before; find nothing."""
        package, _, name = fullname.partition(".")
        if package == "skdvn" and (message := module_message(name)):
            raise ImportError(message)  # a name would have it swallowed
        return None


sys.meta_path.append(MovedModuleFinder())
