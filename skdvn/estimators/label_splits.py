"""Rows of labels that are held out."""

import math
from functools import partial

import numpy as np
import torch
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.utils import check_random_state

from ..training import Split
from .label_rows import read_rows

# Below so many rows a held-out part says little; nothing is selected then.
MIN_ROWS_TO_HOLD_OUT = 100


class Splitter:
    """Holds rows of labels out.

    Parameters
    ----------
    params : estimator
    codec : LabelCodec
    data : LabelData
    """

    def __init__(self, params, codec, data):
        self.params, self.codec, self.data = params, codec, data

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
            if math.ceil(fraction * n_rows) >= n_rows:
                raise ValueError(
                    f"validation_fraction={fraction} of {n_rows} rows leaves none to "
                    "train on. Lower it."
                )
            splitter = ShuffleSplit(1, test_size=fraction, random_state=rng)
        else:
            n_folds = min(n_rows, max(2, round(1 / params.validation_fraction)))
            splitter = KFold(n_folds, shuffle=True, random_state=rng)
        return tuple(
            self._split(rows, self.data.at(held_out))
            for rows, held_out in splitter.split(self.data.X)
        )

    def _split_given(self, X_val, y_val, n_rows):
        shape = self.codec.shape
        rows = read_rows(self.params, X_val, y_val, None, y_name="y_val", shape=shape)
        encode = partial(self.codec.targets.truth, name="y_val")
        held_out = self.codec.transform(rows, encode)
        return self._split(np.arange(n_rows), held_out)

    def _split(self, rows, held_out):
        return Split(torch.from_numpy(rows), self.codec.examples(held_out))
