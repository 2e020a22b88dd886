"""Value networks: ``v(x, y) = sigmoid(s(x, y))``."""

from .checks import check_is_network, check_network
from .conv import ConvNetwork
from .count_model import CountModel, largest_count
from .count_values import best_labels, exact_maximiser
from .counts import N_APART, CountNetwork
from .expected import expected_term, has_closed_form
from .guesses import GuessNetwork
from .joint import JointNetwork, join, members, score_all
from .label_guesses import GuessLabelNetwork
from .labels import (
    ACTIVATIONS,
    GlobalTerm,
    InputLayer,
    JointLabelNetwork,
    LabelNetwork,
    LabelScore,
)
from .layers import HalfPrecision, logits_of
from .normalisation import single_values_normalised
from .poisson_binomial import (
    LabelsGivenCount,
    conditional_labels,
    log_count_distribution,
)
from .protocol import (
    autograd_score_and_grad,
    copy_network,
    detach_context,
    score_and_grad,
    scores_and_grads,
)
from .records import KINDS, build, describe, is_known, layout
from .segmenters import FCN, Backbone, Guesser, UNet, logits_in

__all__ = [
    "ACTIVATIONS",
    "FCN",
    "KINDS",
    "N_APART",
    "Backbone",
    "ConvNetwork",
    "CountModel",
    "CountNetwork",
    "GlobalTerm",
    "GuessLabelNetwork",
    "GuessNetwork",
    "Guesser",
    "HalfPrecision",
    "InputLayer",
    "JointLabelNetwork",
    "JointNetwork",
    "LabelNetwork",
    "LabelScore",
    "LabelsGivenCount",
    "UNet",
    "autograd_score_and_grad",
    "best_labels",
    "build",
    "check_is_network",
    "check_network",
    "conditional_labels",
    "copy_network",
    "describe",
    "detach_context",
    "exact_maximiser",
    "expected_term",
    "has_closed_form",
    "is_known",
    "join",
    "largest_count",
    "layout",
    "log_count_distribution",
    "logits_in",
    "logits_of",
    "members",
    "score_all",
    "score_and_grad",
    "scores_and_grads",
    "single_values_normalised",
]
