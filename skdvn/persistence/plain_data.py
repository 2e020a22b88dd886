"""Estimators as JSON and arrays, and back, with a closed table of classes.

skops stores estimators too, and `TRUSTED_TYPES` lets it; but it has no place for what
only code can make, which `save` leaves out and `load` is given again, and it calls the
constructors of any type one trusts, where this knows a closed table.
"""

import inspect
import math
from pathlib import Path, PurePath

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.tree._tree import Tree

from ..baselines import (
    FCNSegmenter,
    FeedForwardClassifier,
    PixelwiseSegmenter,
    PlugInClassifier,
    PlugInSegmenter,
    ThresholdClassifier,
    UNetSegmenter,
)
from ..data import MaskTargets
from ..estimators import (
    CALLBACK_ATTRIBUTES,
    MARKS,
    SGD,
    Adam,
    AdamW,
    Ascent,
    Augmentation,
    BaseDVN,
    CalibratedValueCV,
    ClippingScaler,
    Crops,
    CrossFitted,
    DVNMultiLabelClassifier,
    DVNSegmenter,
    EarlyStopping,
    EstimatorStart,
    ImageCodec,
    Initializer,
    InputView,
    KernelRidgeExpert,
    LabelCodec,
    LabelNet,
    LabelTargets,
    LogisticExpert,
    Loss,
    MaskNet,
    MeanStart,
    Mixture,
    NamedEstimators,
    NeighborsExpert,
    PerceptronExpert,
    SegmenterStart,
    Sizes,
    StackedGuess,
    TreesExpert,
)
from ..metrics import SigmoidMap
from ..networks import join, members
from .structures import csr_of, csr_parts, tree_of, tree_parts

ESTIMATORS = (
    *(DVNMultiLabelClassifier, DVNSegmenter),
    *(FeedForwardClassifier, FCNSegmenter, UNetSegmenter, PixelwiseSegmenter),
    *(CalibratedValueCV, PlugInClassifier, ThresholdClassifier, PlugInSegmenter),
    StackedGuess,
)
OWN = (
    *ESTIMATORS,
    *(Ascent, Mixture, Loss, SGD, Adam, AdamW, EarlyStopping, Initializer),
    *(LabelNet, MaskNet, Crops, Augmentation),
    *(LabelCodec, ImageCodec, Sizes, LabelTargets, MaskTargets),
    *(EstimatorStart, SegmenterStart, MeanStart),
    *(LogisticExpert, TreesExpert, NeighborsExpert, KernelRidgeExpert),
    *(PerceptronExpert, CrossFitted),
    *(InputView, ClippingScaler, SigmoidMap),
)
SKLEARN = (
    *(StandardScaler, MaxAbsScaler, TfidfTransformer),
    *(IsotonicRegression, FrozenEstimator, KFold, ShuffleSplit),
)
KNOWN = {kind.__name__: kind for kind in (*OWN, *SKLEARN)}

#: Classes that skops may meet in a fitted estimator: those of skdvn, and a few of
#: scikit-learn.
TRUSTED_TYPES = sorted(
    f"{one.__module__}.{one.__name__}"
    for one in (*KNOWN.values(), Tree, sparse.csr_matrix)
)

# Kinds of arrays whose bytes say it all: booleans, integers, floating point numbers.
NUMBERS = "biuf"
# Parameters whose objects become parts of the network.
OF_NETWORK = ("network", "encoder", "oracle")
# The one that is part of the networks that guess, too.
OF_GUESS = "encoder"


class Writer:
    """Turns an estimator into JSON and arrays.

    Parameters
    ----------
    without : set of str
        Names of parameters to leave out.
    """

    def __init__(self, without):
        self._without, self._left_out = without, set()
        self._arrays, self._seen = {}, {}

    def written(self, estimator):
        """The estimator as a tree for JSON, and its arrays by name."""
        if type(estimator) not in ESTIMATORS:
            raise TypeError(
                f"{type(estimator).__name__} cannot be saved as plain data. Allowed "
                f"are {sorted(kind.__name__ for kind in ESTIMATORS)}. Remedy: joblib."
            )
        content = self._encode(estimator, "", ())
        if self._without != self._left_out:
            raise ValueError(
                f"without={sorted(self._without)} names what is no parameter of this "
                f"{type(estimator).__name__}: "
                f"{sorted(self._without - self._left_out)}."
            )
        return content, self._arrays

    def _encode(self, value, where, path):
        """A value; `where` is the parameter it comes from, `path` names arrays."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) in (list, tuple):
            parts = [
                self._encode(part, where, (*path, str(i)))
                for i, part in enumerate(value)
            ]
            return parts if type(value) is list else {"tuple": parts}
        if type(value) is dict:
            return {"dict": [self._pair(*pair, where, path) for pair in value.items()]}
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value, where, path)
        if sparse.issparse(value) and value.format == "csr":
            return {"csr": self._encode(csr_parts(value), where, path)}
        if type(value) is Tree:
            return {"tree": self._encode(tree_parts(value), where, path)}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if type(value) is np.random.RandomState:
            return {"random_state": self._encode(value.get_state(), where, path)}
        if KNOWN.get(type(value).__name__) is type(value):
            return self._object(value, where, path)
        return self._given(value, where)

    def _pair(self, key, value, where, path):
        deeper = path if key in MARKS else (*path, str(key))
        return [self._encode(key, where, path), self._encode(value, where, deeper)]

    def _array(self, array, where, path):
        if isinstance(array, np.generic):
            return {"scalar": self._array(np.asarray(array), where, path)}
        if array.dtype.kind in "UO":
            elements = self._encode(array.ravel().tolist(), where, path)
            return {"elements": [array.dtype.str, list(array.shape), elements]}
        if array.dtype.kind not in NUMBERS or array.dtype.itemsize > 8:
            return self._given(array, where)
        # The layout in memory may decide the rounding of products.
        is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        name = ".".join(path)
        while name in self._arrays:
            name += "_"
        array = np.asarray(array.T if is_fortran else array, order="C")
        self._arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
        return {"transposed" if is_fortran else "array": name}

    def _object(self, one, where, path):
        if id(one) in self._seen:
            return {"same": self._seen[id(one)]}
        if isinstance(one, NamedEstimators) and not self._knows(one.estimators):
            raise ValueError(
                "estimators cannot be saved as plain data once they are fitted, but "
                "for 'auto' and estimators of skdvn, these with save(..., "
                "without=['encoder']) if they have one. Remedy: joblib, whose files "
                f"can run code. Got estimators={one.estimators!r}."
            )
        self._seen[id(one)] = len(self._seen)
        state = one.__getstate__() if hasattr(one, "__getstate__") else vars(one)
        encoded = {}
        for name, value in state.items():
            if name.startswith(CALLBACK_ATTRIBUTES):
                continue
            encoded[name] = self._attribute(one, name, value, where, (*path, name))
        return {"object": [type(one).__name__, encoded]}

    def _attribute(self, one, name, value, where, path):
        if not isinstance(one, BaseEstimator):
            return self._encode(value, where, path)
        inner = f"{where}__" * bool(where) + name.removesuffix("_")
        if name in self._without and name == OF_GUESS:
            inner = name  # in all networks that guess it is the same
            if value is None:  # and these have none
                return None
        if not name.endswith("_") and inner in self._without:
            return self._given(value, inner)
        if name == "network_" and self._is_on_users_objects(one, inner):
            return self._members(one, inner, path)
        return self._encode(value, inner, path)

    def _knows(self, estimators):
        """Whether classifiers that guess are plain data, too."""
        if isinstance(estimators, str):
            return True
        classifiers = [one for _, one in estimators if not isinstance(one, str)]
        return all(
            type(one) in ESTIMATORS
            and (getattr(one, OF_GUESS, None) is None or OF_GUESS in self._without)
            for one in classifiers
        )

    def _is_on_users_objects(self, one, where):
        prefix = where.removesuffix("network")
        named = any(prefix + name in self._without for name in OF_NETWORK)
        return named or (OF_GUESS in self._without and hasattr(one, OF_GUESS))

    def _members(self, estimator, where, path):
        """Weights of networks that the user's objects make."""
        states = [one.state_dict() for one in members(estimator.network_)]
        try:
            for state in states:
                _fresh_network(estimator).load_state_dict(state)
            arrays = [
                {name: weight.cpu().numpy() for name, weight in state.items()}
                for state in states
            ]
        except (AttributeError, RuntimeError, TypeError) as error:
            raise ValueError(
                f"{where}: its weights cannot be saved, since they are no plain arrays "
                f"or do not fit what the parameters make now. Remedy: joblib. ({error})"
            ) from error
        return {"members": self._encode(arrays, where, path)}

    def _given(self, value, where):
        """The place of a value that is left out."""
        if where in self._without:
            self._left_out.add(where)
            return {"given": where}
        raise ValueError(
            f"{where}={value!r} cannot be saved as plain data. Remedy: leave it out, "
            f"save(..., without=[{where!r}]), and give it to load again, "
            f"load(..., {where}=...); or use joblib, whose files can run code."
        )


class Reader:
    """Turns what `Writer` has written into an estimator.

    Parameters
    ----------
    arrays : dict
        Arrays by name.
    given : dict
        What was left out, by name.
    """

    def __init__(self, arrays, given):
        self._arrays, self._given, self._made = arrays, given, []
        self._readers = {
            "float": float,
            "path": Path,
            "tuple": lambda parts: tuple(map(self._decode, parts)),
            "dict": lambda pairs: {
                self._decode(key): self._decode(value) for key, value in pairs
            },
            "array": self._arrays.__getitem__,
            "transposed": lambda name: self._arrays[name].T,
            "scalar": lambda content: self._decode(content)[()],
            "elements": self._elements,
            "csr": lambda parts: csr_of(self._decode(parts)),
            "tree": lambda parts: tree_of(self._decode(parts)),
            "random_state": self._random_state,
            "object": lambda content: self._object(*content),
            "same": self._made.__getitem__,
            "given": self._given.__getitem__,
        }

    def estimator(self, content):
        """The estimator of such a tree."""
        estimator = self._decode(content)
        if type(estimator) not in ESTIMATORS:
            raise ValueError(f"it holds a {type(estimator).__name__}, no estimator")
        return estimator

    def _decode(self, content):
        if isinstance(content, list):
            return [self._decode(part) for part in content]
        if not isinstance(content, dict):
            return content
        ((kind, inner),) = content.items()
        if kind not in self._readers:
            raise ValueError(f"it holds {kind!r}, known are {sorted(self._readers)}")
        return self._readers[kind](inner)

    def _elements(self, content):
        dtype, shape, elements = content
        if np.dtype(dtype).kind not in "UO":
            raise ValueError(f"it holds elements of type {dtype!r}")
        array = np.empty(len(elements), dtype)
        array[:] = self._decode(elements)
        return array.reshape(shape)

    def _random_state(self, content):
        random_state = np.random.RandomState()
        random_state.set_state(self._decode(content))
        return random_state

    def _object(self, name, encoded):
        if name not in KNOWN:
            raise ValueError(f"it holds the unknown class {name!r}")
        kind, position = KNOWN[name], len(self._made)
        self._made.append(None)
        networks = encoded.get("network_")
        if not (isinstance(networks, dict) and "members" in networks):
            networks = None
        state = {}
        for attribute, content in encoded.items():
            _check_attribute(kind, attribute)
            if networks is None or attribute != "network_":
                state[attribute] = self._decode(content)
        one = self._made[position] = object.__new__(kind)
        if hasattr(kind, "__setstate__"):
            one.__setstate__(state)
        else:
            vars(one).update(state)
        if networks is not None:
            one.network_ = _loaded(one, self._decode(networks["members"]))
        return one


def _check_attribute(kind, name):
    """Raise if an attribute would take the place of a method or the like."""
    beneath = inspect.getattr_static(kind, name, None)
    is_plain = beneath is None or isinstance(beneath, bool | int | float | str)
    if not name.isidentifier() or name.startswith("__") or not is_plain:
        raise ValueError(f"it sets {name!r}, which is no attribute of {kind.__name__}")


def _fresh_network(estimator):
    """A network as the parameters make it, on the estimator's device."""
    rng = torch.Generator().manual_seed(0)
    return estimator._placed(estimator._fresh_network(rng)).eval()


def _loaded(estimator, states):
    """Fresh networks with these weights, joined."""
    if not isinstance(estimator, BaseDVN):
        raise ValueError(f"it holds networks of a {type(estimator).__name__}")
    networks = [_fresh_network(estimator) for _ in states]
    for network, state in zip(networks, states, strict=True):
        network.load_state_dict(
            {name: torch.as_tensor(weight) for name, weight in state.items()}
        )
    return join(networks)
