"""What all segmenters share: fit, prediction by crops, scores."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._base import BaseDVN
from ._image_data import ImageData, ImageDataMixin
from ._label_data import checked_weight
from ._parameters import ParametersMixin, above, at_least
from ._typing import ArrayLike, Maps
from ._value_metrics import encoded_values
from .crops import CroppedNetwork
from .data import Queries
from .images import FLIPS
from .inference import infer, stages, values
from .masks import MaskTargets, check_images, check_same_sizes
from .networks import HalfPrecision, members
from .oracles import MAP_ORACLES, get_oracle
from .plans import Plan
from .training import Optimization

# Mini-batches to train for, where max_iter is "auto".
N_UPDATES = 2000
SHARED_PARAMETERS = (
    *("learning_rate", "momentum", "max_grad_norm", "early_stopping"),
    *("validation_fraction", "n_iter_no_change", "tol", "n_networks"),
    *("prediction_batch_size", "warm_start", "checkpoint_dir", "n_jobs", "device"),
    *("random_state", "verbose"),
)


class BaseSegmenter(ImageDataMixin, ParametersMixin, ClassifierMixin, BaseDVN):
    """Skeleton of the segmenters: images in, masks out, crops in between.

    A subclass names its parameters, builds its network and says what the objective
    is and how inference goes.
    """

    _parameter_constraints = {
        **{
            name: ParametersMixin._parameter_constraints[name]
            for name in SHARED_PARAMETERS
        },
        "crop_size": [at_least(1, Integral), StrOptions({"auto"})],
        "n_crops": [at_least(1, Integral), StrOptions({"auto"})],
        "crop_stride": [at_least(1, Integral), None],
        "flip_crops": ["boolean", StrOptions({"auto"})],
        "flips": [StrOptions(set(FLIPS))],
        "augmentation": [at_least(0)],
        "solver": [StrOptions({"sgd", "adam", "adamw"})],
        "learning_rate_init": [above(0)],
        "alpha": [at_least(0)],
        "averaging": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [at_least(1, Integral)],
        "max_iter": [at_least(1, Integral), StrOptions({"auto"})],
        "precision": [StrOptions({"auto", "single", "half"})],
    }

    init = "guess"
    oracle = "auto"
    inference_noise = 0.0
    inference_lag = 0

    def _oracle(self):
        """The oracle in use; "auto" goes by the number of classes."""
        if isinstance(self.oracle, str) and self.oracle == "auto":
            return MAP_ORACLES["iou" if len(self.classes_) == 2 else "accuracy"]
        return get_oracle(self.oracle, MAP_ORACLES)

    # -- learning ----------------------------------------------------------------

    def _plan(self, examples, splits):
        n_networks = self.n_networks
        if self._continues():
            n_networks = len(members(self.network_))
        return Plan(
            build=self._builder(examples),
            objective=self._objective(examples),
            optimizations=(self._next_optimization(len(examples)),),
            decide=self._targets.round,
            ascents=(self._ascent(),),
            choose_n_steps=False,
            splits=splits,
            n_networks=n_networks,
            refit=self._continues() or n_networks > 1,
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            asides=self._asides(len(examples), n_networks),
        )

    def _asides(self, n_rows, n_networks):
        """Rows that each network's guess is not to learn from."""
        return ()

    def _next_optimization(self, n_rows):
        n_epochs = self.max_iter
        if n_epochs == "auto":
            n_epochs = -(-N_UPDATES // -(-n_rows // self.batch_size))
        return Optimization(
            solver=self.solver,
            learning_rate_init=self.learning_rate_init,
            schedule=self.learning_rate,
            momentum=self.momentum,
            alpha=self.alpha,
            n_epochs=n_epochs,
            batch_size=self.batch_size,
            max_grad_norm=self.max_grad_norm,
            lag=self.inference_lag,
            averaging=self.averaging,
        )

    def _store_choice(self, optimization, ascent, score):
        self.validation_score_ = score

    def _network_sizes(self):
        return {
            "n_channels": self.n_channels_in_,
            "n_outputs": self._targets.n_outputs_,
            "crop_size": self.crop_size_,
        }

    def _placed(self, network):
        network = super()._placed(network)
        for module in network.modules():
            if isinstance(module, HalfPrecision):
                module.half = self._runs_half()
        return network

    def _runs_half(self):
        if self.precision != "auto":
            return self.precision == "half"
        return half_pays(self.device_)

    def _fit_part(self, X, y, classes, sample_weight):
        """One epoch on these images; see `partial_fit`."""
        draft = self._draft()
        first = not hasattr(self, "network_")
        images = check_images(X)
        draft._check_channels(images, reset=first)
        if first:
            draft._targets = MaskTargets(y if classes is None else [[classes]])
            draft.classes_ = draft._targets.classes_
        masks = draft._targets.encode(y)
        check_same_sizes(images, masks)
        draft._settle(images, first)
        starts = None
        if first:
            starts = draft._fit_start(X, y)
        elif self.init_ is not None:
            starts = self.init_.predict(X)
        weight = checked_weight(sample_weight, np.zeros(len(images)))
        data = ImageData(images, masks, starts, weight)
        draft._learn_part(draft._examples(data))
        self._adopt(draft)
        return self

    # -- inference ---------------------------------------------------------------

    def _starts_of(self, X):
        """Where inference on new images starts, where another model says so."""
        return None if self.init_ is None else self.init_.predict(X)

    def _ready(self, images, starts):
        """Views and queries of the images of each size, with their positions."""
        self._validate_params()  # they may have been set since fit
        for rows, (x, y_init) in self._by_size(images, starts):
            height, width = x.size(0)
            views = self._views(height, width, self._flips_crops())
            if y_init is None:
                y_init = self._constant_start(height, width, len(x))
            yield rows, views, Queries(x, y_init)

    def _relaxed(self, images, starts):
        """The last stage of the inference on each image."""
        relaxed = [None] * len(images)
        for rows, views, queries in self._ready(images, starts):
            _put(relaxed, rows, self._infer_views(views, queries))
        return relaxed

    def _relaxed_stages(self, X):
        """Relaxed masks of all images at the start and after each step."""
        images = self._checked(X)
        parts = [
            (rows, self._stages_of_views(views, queries))
            for rows, views, queries in self._ready(images, self._starts_of(X))
        ]
        for together in zip(*(iterates for _, iterates in parts), strict=True):
            relaxed = [None] * len(images)
            for (rows, _), found in zip(parts, together, strict=True):
                _put(relaxed, rows, found)
            yield relaxed

    def _flips_crops(self):
        if self.flip_crops == "auto":
            return self.flips != "none"
        return self.flip_crops

    def _infer_views(self, views, queries):
        how = self._how(len(views))
        return infer(self._on_views(views), self._ascent(), queries, **how)

    def _stages_of_views(self, views, queries):
        how = self._how(len(views))
        return stages(self._on_views(views), self._ascent(), queries, **how)

    def _on_views(self, views):
        """A value network on whole images, by joint inference over their crops."""
        if views.is_whole:
            return self.network_
        return CroppedNetwork(self.network_, views)

    def _how(self, n_views):
        rng = None
        if self.inference_noise:
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            rng = torch.Generator().manual_seed(seed)
        return {
            "batch_size": max(1, self.prediction_batch_size // n_views),
            "rng": rng,
        }

    def _predict(self, X, decode):
        relaxed = self._relaxed(self._checked(X), self._starts_of(X))
        return _in_form_of(X, map(decode, relaxed))

    def predict(self, X: ArrayLike) -> Maps:
        """Predict masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, none of them smaller than the crop.

        Returns
        -------
        Y : ndarray of shape (n, height, width), or list of arrays
            Classes; a list if X is one.
        """
        check_is_fitted(self)
        return self._predict(X, self._targets.decode)

    def predict_proba(self, X: ArrayLike) -> Maps:
        """Predict relaxed masks.

        Parameters
        ----------
        X : array-like of shape (n, height, width, n_channels) or (n, height, width), \
or list of arrays
            Images, none of them smaller than the crop.

        Returns
        -------
        Y : ndarray of shape (n, n_classes, height, width), or list of arrays
            Entries in (0, 1), which add up to 1 over the classes.
        """
        check_is_fitted(self)
        return self._predict(X, self._targets.probabilities)

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean oracle value of the predicted masks over images.

        By default the mean IOU of two classes, and the pixel accuracy of more.

        Parameters
        ----------
        X : array-like or list of arrays
            Images.
        y : array-like of shape (n, height, width), or list of arrays
            True masks.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images.

        Returns
        -------
        score : float
            In [0, 1], best is 1.
        """
        check_is_fitted(self)
        truth = self._targets.encode(y, "y")
        predicted = self._targets.encode(self.predict(X))
        check_same_sizes(predicted, truth, "y")
        found = encoded_values(self, truth, predicted)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, found)
        return float(np.average(found, weights=sample_weight))

    def _values_of_stages(self, X, stages):
        """What the network thinks of masks at each stage, (n_stages, n_samples)."""
        return self._values_of(self._checked(X), stages)

    def _values_of(self, images, outputs):
        """What the network thinks of several masks of each image, (n_outputs, n)."""
        for masks in outputs:
            check_same_sizes(images, masks)
        found = np.empty((len(outputs), len(images)))
        for rows, (x, *masks) in self._by_size(images, *outputs):
            views = self._views(*x.size(0), self._flips_crops())
            size = self._how(len(views))["batch_size"]
            network = self._on_views(views)
            found[:, rows] = values(network, x, masks, batch_size=size).numpy()
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = True
        return tags


def half_pays(device):
    """Whether networks run faster in half precision on a device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    found = (getattr(torch.cpu, probe, lambda: False) for probe in probes)
    return device.type == "cpu" and any(probe() for probe in found)


def _put(results, rows, found):
    for row, one in zip(rows, found.numpy(), strict=True):
        results[row] = one


def _in_form_of(X, results):
    """A list for a list of images, else an array."""
    results = list(results)
    return results if isinstance(X, list | tuple) else np.stack(results)
