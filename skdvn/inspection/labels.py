"""Figures of what a label network has learned about labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data.typing import NDArray, Self
from ..networks import LabelNetwork, members
from ._ascents import fitted_within, names_of_labels
from ._plotting import axes_for, check_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LabelPairsDisplay:
    """Pairs of labels that the global term of the value network attracts and repels.

    The score of the network for labels has a term g(y) of the labels alone (section
    5.1 of Gygli et al., 2017). Where no other label is set, the pair of labels i and j
    changes the logit of the value by ::

        g(e_i + e_j) - g(e_i) - g(e_j) + g(0)

    beyond what each of them does alone: a positive pair is worth more together,
    whatever x may be. With several networks it is the mean over them.

    What labels have in common by way of x, the local term has learned, and does not
    show here. The term may well be next to 0: compare with the logits of single labels,
    which are of the order of 1.

    Use `from_estimator` to create one.

    Parameters
    ----------
    interactions : ndarray of shape (n_labels, n_labels)
        Symmetric, in logits, 0 on the diagonal.
    label_names : sequence of str of length n_labels
        Names of the labels.
    n_pairs : int, default=10
        Pairs drawn of each sign, at most.

    Attributes
    ----------
    attracted, repelled : ndarray of shape (n_shown, 2)
        Positions of the labels of each pair drawn, the strongest first.
    bars_ : matplotlib BarContainer
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    def __init__(
        self,
        interactions: NDArray[Any],
        label_names: Sequence[str],
        *,
        n_pairs: int = 10,
    ) -> None:
        self.interactions = interactions
        self.label_names = label_names
        self.n_pairs = n_pairs

    @property
    def attracted(self) -> NDArray[Any]:
        """Pairs of labels that are worth more together, the strongest first."""
        return self._strongest(self.interactions)

    @property
    def repelled(self) -> NDArray[Any]:
        """Pairs of labels that are worth less together, the strongest first."""
        return self._strongest(-self.interactions)

    def _strongest(self, strength):
        pairs = np.column_stack(np.triu_indices(len(strength), 1))
        found = strength[tuple(pairs.T)]
        order = np.argsort(-found, kind="stable")[: self.n_pairs]
        return pairs[order[found[order] > 0]]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        label_names: Sequence[str] | None = None,
        *,
        n_pairs: int = 10,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the strongest pairs of a fitted estimator.

        Parameters
        ----------
        estimator : DVNMultiLabelClassifier or CalibratedValueCV of one
            Fitted, with a positive ``n_global_units``.
        label_names : sequence of str, default=None
            Names of the labels; by default the classes of a one-dimensional y, or
            numbers.
        n_pairs : int, default=10
            Pairs drawn of each sign, at most.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``barh``.

        Returns
        -------
        display : LabelPairsDisplay

        Raises
        ------
        ValueError
            If the network has no global term, or the names do not fit.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted = fitted_within(estimator)
        interactions = np.mean([_pairs(g) for g in _global_terms(fitted)], axis=0)
        label_names = names_of_labels(fitted, label_names, len(interactions))
        display = cls(interactions, label_names, n_pairs=n_pairs)
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw a bar for each pair.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed on to matplotlib's ``barh``.

        Returns
        -------
        display : LabelPairsDisplay
        """
        self.ax_, self.figure_ = axes_for(self, ax)
        pairs = np.concatenate([self.attracted, self.repelled[::-1]])
        strength = self.interactions[tuple(pairs.T)]
        colors = np.where(strength > 0, "tab:blue", "tab:red")
        names = [" + ".join(self.label_names[i] for i in pair) for pair in pairs]
        places = np.arange(len(pairs))
        self.bars_ = self.ax_.barh(places, strength, **{"color": colors, **kwargs})
        self.ax_.set_yticks(places, names)
        self.ax_.invert_yaxis()
        self.ax_.axvline(0, color="0.35", linewidth=0.8)
        self.ax_.locator_params(axis="x", nbins=5)
        self.ax_.set_xlabel("interaction (logits of the value)")
        return self


def _global_terms(fitted):
    """The global term of each network of an estimator."""
    networks = members(fitted.network_)
    for network in networks:
        if not isinstance(network, LabelNetwork):
            raise ValueError(
                "Pairs of labels are known of network='linear' of "
                f"DVNMultiLabelClassifier; that of this {type(fitted).__name__} is a "
                f"{type(network).__name__}."
            )
        if not network.interaction.layers:
            raise ValueError(
                f"The network has no global term: network={fitted.network!r}. Fit with "
                "LabelNet(...) of a positive n_global_units."
            )
    return [network.interaction for network in networks]


@torch.no_grad()
def _pairs(g):
    """Second differences of a function of labels at 0, as a symmetric matrix."""
    n_labels = g.layers[0].in_features
    single = torch.eye(n_labels).to(g.readout)
    nothing, alone = g(torch.zeros_like(single[:1])), g(single)
    pairs = np.zeros((n_labels, n_labels))
    for i in range(n_labels - 1):
        others = slice(i + 1, None)
        together = g(single[i] + single[others])
        beyond = together - alone[i] - alone[others] + nothing
        pairs[i, others] = pairs[others, i] = beyond.cpu().numpy()
    return pairs
