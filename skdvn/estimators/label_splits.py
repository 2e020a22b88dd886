"""Rows of labels that are held out, and linear experts that have not seen them."""

import numpy as np
import torch
from scipy import sparse
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.utils import check_random_state

from ..data import ComputedRows
from ..oracles import get_oracle, has_threshold
from ..training import Split
from .label_codec import checked_rows
from .linear_expert import LinearExpert
from .parameters import continues, given_or

# Below so many rows a held-out part says little; nothing is selected then.
MIN_ROWS_TO_HOLD_OUT = 100
# With more labels times rows or features than this, "auto" goes without the linear
# expert if rows have more features that are not 0 than this: it would take longer than
# all the rest.
MAX_EXPERT_ENTRIES = 5_000_000
MAX_FEATURES_PER_ROW = 500


class Splitter:
    """Holds rows of labels out.

    Parameters
    ----------
    params : estimator
    codec : LabelCodec
    data : LabelData
    wants_expert : bool
        Whether each split needs a linear expert that has not seen its rows.
    """

    def __init__(self, params, codec, data, wants_expert=False):
        self.params, self.codec, self.data = params, codec, data
        self.wants_expert = wants_expert

    def splits(self, X_val, y_val, has_choice, refits):
        """The rows given for it, one part of those to train on, or folds of them."""
        params, n_rows = self.params, self.data.X.shape[0]
        if X_val is not None:
            return (self._split_given(X_val, y_val, n_rows),)
        if not has_choice:
            return ()
        if n_rows < (2 if params.early_stopping else MIN_ROWS_TO_HOLD_OUT):
            return ()
        rng = check_random_state(params.random_state)
        if refits:
            fraction = params.validation_fraction
            splitter = ShuffleSplit(1, test_size=fraction, random_state=rng)
        else:
            n_folds = min(n_rows, max(2, round(1 / params.validation_fraction)))
            splitter = KFold(n_folds, shuffle=True, random_state=rng)
        return tuple(
            self._split(rows, self.data.at(held_out))
            for rows, held_out in splitter.split(self.data.X)
        )

    def _split_given(self, X_val, y_val, n_rows):
        X, y = checked_rows(self.params, X_val, y_val, shape=self.codec.shape)
        held_out = self.codec.transform(X, y, "y_val", X_given=X_val)
        return self._split(np.arange(n_rows), held_out)

    def _split(self, rows, held_out):
        margins = None
        if self.wants_expert:
            X, Y, _, weight = self.data.at(rows)
            expert = LinearExpert(get_oracle(self.params.oracle)).fit(X, Y, weight)
            margins = margins_of(expert, held_out.X, self.codec)
        return Split(torch.from_numpy(rows), self.codec.examples(held_out), margins)


def wants_linear_expert(params, data):
    """Whether a linear model of the labels may lead the ascent."""
    possible = has_threshold(get_oracle(params.oracle)) and data.X.ndim == 2
    weight = params.prior_weight
    if weight == "auto" and not continues(params):
        return possible and _has_cheap_expert(data)
    weight = given_or(weight, getattr(params, "prior_weight_", 0.0))
    if weight and not possible:
        raise ValueError(
            f"prior_weight={weight} needs an oracle of skdvn, F-beta, IOU or accuracy, "
            f"to tell which labels pay, and X of two dimensions; got {params.oracle!r} "
            f"and {data.X.ndim} dimensions. Allowed with them are 0 and 'auto'."
        )
    return weight > 0


def _has_cheap_expert(data):
    n_entries = max(data.X.shape) * data.Y.shape[1]
    n_stored = data.X.nnz if sparse.issparse(data.X) else data.X.size
    thin = n_stored <= MAX_FEATURES_PER_ROW * data.X.shape[0]
    return thin or n_entries <= MAX_EXPERT_ENTRIES


def margins_of(expert, X, codec):
    """What the linear expert adds to the score of rows, computed when asked for."""
    return ComputedRows(expert.margins, X, codec.device, codec.dtype)
