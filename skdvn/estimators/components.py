"""Knobs of experts, in small objects: their parameters can be searched by nested names.

Each is a scikit-learn estimator without `fit`, so that ``GridSearchCV`` finds
``ascent__noise``, and `clone`, `repr` and pickle work as for any other. "auto" is what
suits the estimator that it is given to.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..data import FLIPS
from ..inference import PROJECTIONS, STEP_RULES
from ..networks import ACTIVATIONS
from ..training import GRADIENT_LOSSES, LOSSES

AUTO = StrOptions({"auto"})
# Rates, weights and sizes beyond this exhaust the range of numbers, and more samples,
# copies or networks than that the memory.
LARGEST, MOST = 1_000_000, 1_000


def at_least(low, kind=Real, most=None):
    """Numbers from this one upwards; real ones to the largest that are of use."""
    most = LARGEST if kind is Real else most
    return Interval(kind, low, most, closed="left" if most is None else "both")


def above(low):
    """Real numbers greater than this one, to the largest that are of use."""
    return Interval(Real, low, LARGEST, closed="right")


SHARE = Interval(Real, 0, 1, closed="left")
# Of images and of networks for them. More would take memory without end: channels are
# doubled by each level, and distorted crops are cut from windows that grow with the
# strength.
SIDE, CHANNELS = at_least(1, Integral, 2048), at_least(1, Integral, 1024)
LEVELS, STRIDE = at_least(1, Integral, 8), at_least(1, Integral, 16)
STRENGTH = Interval(Real, 0, 3, closed="both")


class Component(BaseEstimator):
    """Parameters of an estimator that belong together."""

    _parameter_constraints: dict[str, list[Any]] = {}


class Ascent(Component):
    """How inference steps (section 3.1 of Gygli et al., 2017).

    Parameters
    ----------
    step_rule : {"auto", "value", "logit", "normalized", "rms"}, default="auto"
        Direction of a step: the gradient of the value (eq. 8), of its logit, or the
        latter divided by its largest absolute entry or by its root mean square.
        "auto" is "value" for labels, "normalized" for those on estimators, and "rms"
        for masks, where the first two make smaller steps the more pixels there are.
    momentum : float, default=0.0
        Share of the last step that the next one keeps, in [0, 1).
    noise : float, default=0.0
        Standard deviation of the Gaussian noise in each step, from 0 to a million
        (the paper's future work). With noise, predictions depend on `random_state`.
    decay : float, "linear" or "auto", default="auto"
        Size of the last step relative to the first, in (0, 1]; in between it falls
        geometrically. "linear" falls in equal parts, to 0 after the last step. "auto"
        is 1 for labels and 0.1 for masks, and "linear" for labels on estimators.
    projection : {"auto", "box", "simplex"}, default="auto"
        Where the ascent keeps y: in [0, 1], or where the classes of a pixel add up to
        1. "auto" is the simplex for masks of more than two classes, else the box.

    Examples
    --------
    >>> from skdvn import Ascent, DVNMultiLabelClassifier
    >>> clf = DVNMultiLabelClassifier(ascent=Ascent(noise=0.1))
    >>> clf.set_params(ascent__noise=0.2).ascent
    Ascent(noise=0.2)
    """

    _parameter_constraints = {
        "step_rule": [StrOptions({"auto", *STEP_RULES})],
        "momentum": [SHARE],
        "noise": [at_least(0)],
        "decay": [
            Interval(Real, 0, 1, closed="right"),
            StrOptions({"auto", "linear"}),
        ],
        "projection": [StrOptions({"auto", *PROJECTIONS})],
    }

    def __init__(
        self,
        step_rule: str = "auto",
        *,
        momentum: float = 0.0,
        noise: float = 0.0,
        decay: float | str = "auto",
        projection: str = "auto",
    ) -> None:
        self.step_rule = step_rule
        self.momentum = momentum
        self.noise = noise
        self.decay = decay
        self.projection = projection


class Mixture(Component):
    """Where the outputs to train on come from, and how they are mixed (section 3.3).

    Parameters
    ----------
    shares : dict, default=None
        Generators with their shares, as for the parameter `tuples` of the estimator;
        None is what the estimator does by default.
    mixing : {"auto", "all", "one"}, default="auto"
        Whether each mini-batch trains on the tuples of all generators, weighted by
        their shares, or on those of one, drawn by share (Algorithm 1). "auto" is "all"
        for labels and "one" for masks.
    n_iterates : int or "auto", default="auto"
        Iterates of each inference trajectory that become tuples, evenly spaced, the
        last included; at most 1,000. "auto" is 4 for labels and 2 for masks.
    n_samples : int or "auto", default="auto"
        Stratified samples per example, at most 1,000; "auto" is 1 for labels and 2 for
        masks.
    replay_size : int, default=8
        Earlier outputs kept per example for "replay", at most 1,000.
    lag : int, default=0
        With more than 0, tuples are inferred in a parallel thread with the weights of
        so many mini-batches ago (section 3.3), at most 1,000. Results do not depend on
        timing. Pays where inference is slow and a second core is idle.

    Examples
    --------
    >>> from skdvn import DVNMultiLabelClassifier, Mixture
    >>> mixture = Mixture({"inference": 0.8, "replay": 0.2}, replay_size=16)
    >>> DVNMultiLabelClassifier(tuples=mixture).tuples.replay_size
    16
    """

    _parameter_constraints = {
        "shares": [dict, None],
        "mixing": [StrOptions({"auto", "all", "one"})],
        "n_iterates": [at_least(1, Integral, MOST), AUTO],
        "n_samples": [at_least(1, Integral, MOST), AUTO],
        "replay_size": [at_least(1, Integral, MOST)],
        "lag": [at_least(0, Integral, MOST)],
    }

    def __init__(
        self,
        shares: dict[Any, float] | None = None,
        *,
        mixing: str = "auto",
        n_iterates: int | str = "auto",
        n_samples: int | str = "auto",
        replay_size: int = 8,
        lag: int = 0,
    ) -> None:
        self.shares = shares
        self.mixing = mixing
        self.n_iterates = n_iterates
        self.n_samples = n_samples
        self.replay_size = replay_size
        self.lag = lag


class Loss(Component):
    """What training minimises.

    Parameters
    ----------
    value : {"cross_entropy", "squared", "hinge"}, default="cross_entropy"
        Discrepancy of value and oracle value: eq. 11, or the squared error. "hinge" is
        the structured hinge, by which structured prediction energy networks learn to
        rank instead, see `skdvn.recipes.SPEN`; `predict_value` is no estimate then.
    guess_weight : float or "auto", default="auto"
        Weight of the cross-entropy, per label or pixel, of the network's own guess
        (beyond the paper), from 0 to a million. "auto" is 1 for networks of skdvn whose
        value stands on a guess, which then learns from this loss alone; 0 for label
        networks of one's own, 1 for segmentation networks of one's own that have a
        guess.
    gradient : {"squared", "cross_entropy"}, default="squared"
        How the gradient of the value in y is compared with that of the oracle: by
        squared differences, or by the cross-entropy of the score's gradient, read as
        logits of the sign of the oracle's.
    gradient_weight : float, default=0.0
        Weight of that comparison (Sobolev training, beyond the paper), from 0 to a
        million.
        Segmentation networks that learn from values alone learn several times faster
        with it; the oracle must be differentiable.

    References
    ----------
    Wojciech M. Czarnecki et al. Sobolev Training for Neural Networks. NeurIPS 2017.
    """

    _parameter_constraints = {
        "value": [StrOptions({*LOSSES, "hinge"})],
        "guess_weight": [at_least(0), AUTO],
        "gradient": [StrOptions(set(GRADIENT_LOSSES))],
        "gradient_weight": [at_least(0)],
    }

    def __init__(
        self,
        value: str = "cross_entropy",
        *,
        guess_weight: float | str = "auto",
        gradient: str = "squared",
        gradient_weight: float = 0.0,
    ) -> None:
        self.value = value
        self.guess_weight = guess_weight
        self.gradient = gradient
        self.gradient_weight = gradient_weight


class Initializer(Component):
    """Inference on labels starts at what another classifier predicts, scaled down.

    Parameters
    ----------
    estimator : classifier
        Cloned and fitted inside `fit`, without weights.
    scale : float, default=0.5
        What a predicted label starts at, in (0, 1].
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "scale": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(self, estimator: Any, *, scale: float = 0.5) -> None:
        self.estimator = estimator
        self.scale = scale


class LabelNet(Component):
    """The value network for labels (section 5.1).

    Parameters
    ----------
    local_term : {"linear", "oracle"}, default="linear"
        What the local part computes: coefficients of y, as in the paper, or a guess of
        the labels, learnt label by label, against which the value is shaped like the
        oracle (beyond the paper, see `skdvn.networks.GuessLabelNetwork`). The latter
        suits an `encoder` that has much to learn from few rows.
    n_global_units : int or array-like of int, default=16
        Widths of the hidden layers of the global part, which sees only y and learns
        which labels go together. 0 or ``()`` leaves it out. As to their number, see
        `hidden_layer_sizes` of the estimator.
    activation : {"softplus", "tanh", "relu"}, default="softplus"
        Activation of all hidden layers. Smooth ones suit gradients in y.
    """

    _parameter_constraints = {
        "local_term": [StrOptions({"linear", "oracle"})],
        "n_global_units": ["array-like", at_least(0, Integral)],
        "activation": [StrOptions(set(ACTIVATIONS))],
    }

    def __init__(
        self,
        local_term: str = "linear",
        *,
        n_global_units: Any = 16,
        activation: str = "softplus",
    ) -> None:
        self.local_term = local_term
        self.n_global_units = n_global_units
        self.activation = activation


class MaskNet(Component):
    """The value network for masks on top of a U-Net (beyond the paper).

    Parameters
    ----------
    local_term : {"oracle", "linear"}, default="oracle"
        What the value is made of: the oracle's expected value under the U-Net's guess,
        see `skdvn.networks.GuessNetwork`, or a term linear in y as in the paper's
        network for labels.
    n_levels : int or "auto", default="auto"
        Levels, from 1 to 8; each halves the resolution and doubles the channels, of
        which the last may have 4,096. "auto" is 3 for images of up to 48 pixels and 4
        for larger ones.
    stride : int or "auto", default="auto"
        Side of the squares of pixels that the finest level sees as one, from 1 to 16,
        see `skdvn.networks.UNet`. "auto" is 1 for images of up to 48 pixels, 2 for
        larger ones. Together with the levels it may divide images by 256.
    """

    _parameter_constraints = {
        "local_term": [StrOptions({"oracle", "linear"})],
        "n_levels": [LEVELS, AUTO],
        "stride": [STRIDE, AUTO],
    }

    def __init__(
        self,
        local_term: str = "oracle",
        *,
        n_levels: int | str = "auto",
        stride: int | str = "auto",
    ) -> None:
        self.local_term = local_term
        self.n_levels = n_levels
        self.stride = stride


class Crops(Component):
    """What segmentation networks see of an image at once (section 5.4).

    Parameters
    ----------
    size : int or "auto", default="auto"
        Side of the square crops, up to 2,048. With "auto", networks that can take
        images of any size see them whole: they train on squares with the typical longer
        side of the images, at most 128 pixels, and predict each image in one piece,
        large ones in tiles. "conv" sees three quarters of the typical shorter side,
        value networks of your own all of it.
    n_crops : int or "auto", default="auto"
        Crops per image in prediction, evenly spaced: 1, 9, 25, 36 ... for 1, 3, 5, 6
        along each axis, and more where they would not cover the image; at most 1,000.
        "auto" overlaps neighbours by at least half.
    stride : int, default=None
        Distance of neighbouring crops in pixels, instead of `n_crops`. More than the
        side of a crop counts as that, so that crops cover the image.
    aggregation : {"joint", "average"}, default="joint"
        Whether all crops of an image climb together, each pixel by the sum of their
        gradients, or each crop alone, whose masks are averaged. Guesses of per-pixel
        segmenters are always averaged.
    flip : bool or "auto", default="auto"
        Whether the mirror image of each crop, or of a whole image, is predicted, too.
        "auto" does so if mirror images are trained on, and with whole images only if
        they are at most twice as large as those trained on.
    shift : int or "auto", default="auto"
        Pixels by which whole images are shifted up, down, left and right in
        prediction, for four more views over which the guess is averaged (test-time
        augmentation); 0 for none, at most 128. "auto" is 1 for images at most twice as
        large as those trained on, else 0.
    per_image : int, default=1
        Random crops of each training image in an epoch, at most 1,000.
    visits : int, default=1
        For how many epochs a crop stays before another takes its place, at most 1,000.
        More than 1 lets "chain" and "replay" tuples go on from visit to visit.
    """

    _parameter_constraints = {
        "size": [SIDE, AUTO],
        "n_crops": [at_least(1, Integral, MOST), AUTO],
        "stride": [SIDE, None],
        "aggregation": [StrOptions({"joint", "average"})],
        "flip": ["boolean", AUTO],
        "shift": [at_least(0, Integral, 128), AUTO],
        "per_image": [at_least(1, Integral, MOST)],
        "visits": [at_least(1, Integral, MOST)],
    }

    def __init__(
        self,
        size: int | str = "auto",
        *,
        n_crops: int | str = "auto",
        stride: int | None = None,
        aggregation: str = "joint",
        flip: bool | str = "auto",
        shift: int | str = "auto",
        per_image: int = 1,
        visits: int = 1,
    ) -> None:
        self.size = size
        self.n_crops = n_crops
        self.stride = stride
        self.aggregation = aggregation
        self.flip = flip
        self.shift = shift
        self.per_image = per_image
        self.visits = visits


class Augmentation(Component):
    """How training images are changed at random.

    Parameters
    ----------
    strength : float, default=1.0
        Of rotation, scaling, shift and colour changes, from 0 to 3; 0 turns them off
        and 1 is what works for photographs.
    flips : {"horizontal", "both", "none"}, default="horizontal"
        Mirror images to train on.
    """

    _parameter_constraints = {
        "strength": [STRENGTH],
        "flips": [StrOptions(set(FLIPS))],
    }

    def __init__(self, strength: float = 1.0, *, flips: str = "horizontal") -> None:
        self.strength = strength
        self.flips = flips
