"""Arrays of the user as mini-batches of tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

# Standardised inputs are cut off here: rare binary features would otherwise reach
# values of 50 and more.
CLIP_LOW, CLIP_HIGH = -3.0, 5.0


class Rows:
    """Rows of a dense or sparse array as tensors on a device.

    A sparse array stays sparse; only the rows asked for are made dense.

    Parameters
    ----------
    array : {ndarray, CSR matrix} of shape (n, ...)
        The rows.
    device : torch.device
        Where the tensors go.
    dtype : torch.dtype
        Their floating point type.
    mean, scale : ndarray of shape (n_columns,), default=None
        If given, columns are standardised with these and clipped to [-3, 5].
    """

    def __init__(self, array, device, dtype, mean=None, scale=None):
        self.device, self.dtype = device, dtype
        self._mean, self._scale = (
            None if part is None else torch.as_tensor(part, dtype=dtype)
            for part in (mean, scale)
        )
        self._sparse = sparse.issparse(array)
        if self._sparse:
            self._array = array.tocsr()
        else:
            # Scaled in the precision given, since float32 may not hold the array.
            if mean is not None:
                array = np.clip((array - mean) / scale, CLIP_LOW, CLIP_HIGH)
            self._array = torch.tensor(array, dtype=dtype, device=device)

    def __len__(self):
        return self._array.shape[0]

    def take(self, rows):
        """The rows at these positions (a CPU tensor or a slice), as a tensor."""
        part = self._at(rows)
        if not self._sparse:
            return part
        x = torch.from_numpy(part.toarray()).to(self.dtype)
        if self._mean is not None:
            x.sub_(self._mean).div_(self._scale).clamp_(CLIP_LOW, CLIP_HIGH)
        return x.to(self.device)

    def subset(self, rows):
        """The rows at these positions, as `Rows`."""
        part = object.__new__(Rows)
        part.__dict__.update(self.__dict__)
        part._array = self._at(rows)
        return part

    def _at(self, rows):
        if self._sparse and isinstance(rows, torch.Tensor):
            rows = rows.numpy()
        return self._array[rows]


class ConstantRows:
    """The same row over and over: where inference starts unless told otherwise.

    Parameters
    ----------
    row : torch.Tensor
        The row.
    n : int
        How often.
    """

    def __init__(self, row, n):
        self._row, self._n = row, n

    def __len__(self):
        return self._n

    def take(self, rows):
        """The rows at these positions (a CPU tensor or a slice), as a tensor."""
        n = len(range(self._n)[rows]) if isinstance(rows, slice) else len(rows)
        return self._row.expand(n, *self._row.shape)

    def subset(self, rows):
        """The rows at these positions, as `ConstantRows`."""
        return ConstantRows(self._row, len(rows))


@dataclass
class Examples:
    """Inputs, truths, starting points of inference and weights, row by row.

    Parameters
    ----------
    x, y : Rows
    y_init : Rows or ConstantRows
    weight : torch.Tensor of shape (n,), default=None
        Weights of mean 1; None weighs all rows alike.
    """

    x: Rows
    y: Rows
    y_init: Rows | ConstantRows
    weight: torch.Tensor | None = None

    def __len__(self):
        return len(self.y)

    def subset(self, rows):
        """The examples at these positions."""
        weight = None if self.weight is None else self.weight[rows]
        return Examples(
            *(p.subset(rows) for p in (self.x, self.y, self.y_init)), weight
        )
