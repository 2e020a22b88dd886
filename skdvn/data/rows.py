"""Arrays of the user as mini-batches of tensors: rows, examples, queries."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

# Standardised inputs are cut off here: rare binary features would otherwise reach
# values of 50 and more.
CLIP_LOW, CLIP_HIGH = -3.0, 5.0


# Below this share of non-zeros a sparse product beats a dense one.
SPARSE_DENSITY = 0.2


# Rows with more entries than this are not made dense all at once.
MAX_DENSE_ENTRIES = 2**22


def batches_of(n, batch_size):
    """Slices that cover ``range(n)``."""
    return [slice(low, min(low + batch_size, n)) for low in range(0, n, batch_size)]


def rows_at_once(n_entries):
    """How many rows of so many entries may be made dense at once."""
    return max(1, MAX_DENSE_ENTRIES // max(1, n_entries))


def stacked(parts, n_rows):
    """Parts of `n_rows` rows, ndarrays, as one, of which only one is held beside it."""
    array, low = None, 0
    for part in parts:
        if array is None:
            array = np.empty((n_rows, *part.shape[1:]), part.dtype)
        array[low : low + len(part)] = part
        low += len(part)
    return array


def as_tensor(array, dtype, device):
    """A copy of an array, of numbers of any type and in any order, as a tensor."""
    wide = np.float64 if dtype == torch.float64 else np.float32
    return torch.from_numpy(np.array(array, dtype=wide, order="C")).to(device)


class SparseBatch(NamedTuple):
    """Rows that differ from a common row in few places.

    Parameters
    ----------
    base : torch.Tensor of shape (n_columns,)
        The common row: what an all-zero row of the user's is after standardising.
    differences : CSR matrix of shape (n, n_columns)
        What is to be added to it.
    """

    base: torch.Tensor
    differences: sparse.csr_matrix

    def __matmul__(self, weight):
        """Product with a matrix, differentiable in the latter."""
        return _SparseProduct.apply(weight, self)


class _SparseProduct(torch.autograd.Function):
    """SciPy's sparse products; those of torch are several times slower on a CPU."""

    @staticmethod
    def forward(ctx, weight, batch):
        ctx.batch = batch
        product = torch.from_numpy(batch.differences @ weight.detach().numpy())
        return product.add_(batch.base @ weight)

    @staticmethod
    def backward(ctx, grad):
        batch = ctx.batch
        product = torch.from_numpy(batch.differences.T @ grad.numpy())
        return product.addr_(batch.base, grad.sum(0)), None


class Rows:
    """Rows of a dense or sparse array as tensors on a device, standardised.

    Parameters
    ----------
    array : {ndarray, CSR matrix} of shape (n, ...)
        The rows. A sparse array stays sparse; only rows asked for are made dense.
    device : torch.device
        Where the tensors go.
    dtype : torch.dtype
        Their floating point type.
    mean, scale : ndarray of shape (n_columns,), default=None
        If given, columns are standardised with these and clipped to [-3, 5].
    keep_sparse : bool, default=False
        Whether to return rows of a sparse array as a `SparseBatch` where that pays,
        which is on a CPU.
    """

    def __init__(
        self, array, device, dtype, *, mean=None, scale=None, keep_sparse=False
    ):
        self.device, self.dtype = device, dtype
        self._base = None
        if sparse.issparse(array):
            array = array.tocsr()
            base = np.zeros(array.shape[1])
            data = array.data
            if mean is not None:
                base = _standardize(base, mean, scale)
                columns = array.indices
                data = _standardize(data, mean[columns], scale[columns]) - base[columns]
            # As wide as the tensors, so that products need no conversion.
            data = as_tensor(data, dtype, "cpu").numpy()
            array = sparse.csr_matrix((data, array.indices, array.indptr), array.shape)
            self._base = as_tensor(base, dtype, device)
            density = array.nnz / max(1, math.prod(array.shape))
            pays = density < SPARSE_DENSITY and self._base.device.type == "cpu"
            self._keep_sparse = keep_sparse and pays
        else:
            # Scaled in the precision given, since float32 may not hold the array.
            if mean is not None:
                array = _standardize(array, mean, scale)
            array = as_tensor(array, dtype, device)
        self._array = array

    def __len__(self):
        return self._array.shape[0]

    def take(self, rows):
        """The rows at these positions (a CPU tensor or a slice)."""
        part = self._at(rows)
        if self._base is None:
            return part
        if self._keep_sparse:
            return SparseBatch(self._base, part)
        return torch.from_numpy(part.toarray()).to(self.device) + self._base

    def subset(self, rows):
        """The rows at these positions, as `Rows`."""
        part = object.__new__(Rows)
        part.__dict__.update(self.__dict__)
        part._array = self._at(rows)
        return part

    def _at(self, rows):
        if self._base is not None and isinstance(rows, torch.Tensor):
            rows = rows.numpy()
        return self._array[rows]


def _standardize(array, mean, scale):
    return np.clip((array - mean) / scale, CLIP_LOW, CLIP_HIGH)


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
class Queries:
    """Inputs and what else inference needs of them, row by row.

    Parameters
    ----------
    x : Rows
        Inputs.
    y_init : Rows or ConstantRows, default=None
        Where inference starts; None means the network's own guess.
    """

    x: Rows
    y_init: Rows | ConstantRows | None = None

    def __len__(self):
        return len(self.x)


class Draw(NamedTuple):
    """A mini-batch of n examples as tensors.

    Parameters
    ----------
    x, y : torch.Tensor of shape (n, ...)
        Inputs and truths.
    y_init : torch.Tensor of the shape of y, or None
        Where inference starts; None means the network's own guess.
    weight : torch.Tensor of shape (n,), or None
        Weights in the losses; None weighs all alike.
    renewed : torch.Tensor of shape (n,), or None
        Which inputs differ from those of the last draw of the same rows; None where
        they never do.
    known : torch.Tensor of shape (n, 1, height, width), or None
        1 where the truth is known, else 0; None where it is known everywhere.
    """

    x: torch.Tensor
    y: torch.Tensor
    y_init: torch.Tensor | None
    weight: torch.Tensor | None = None
    renewed: torch.Tensor | None = None
    known: torch.Tensor | None = None


@dataclass
class Examples:
    """Inputs, truths, starting points of inference and weights, row by row.

    Parameters
    ----------
    x, y : Rows
    y_init : Rows or ConstantRows, default=None
        None means the network's own guess.
    weight : torch.Tensor of shape (n,), default=None
        Weights of mean 1; None weighs all rows alike.
    known : Rows, default=None
        `IGNORED`, `KNOWN` or `UNSEEN` for each pixel of a mask, see
        `MaskTargets.truth`; None is known everywhere.
    """

    x: Rows
    y: Rows
    y_init: Rows | ConstantRows | None = None
    weight: torch.Tensor | None = None
    known: Rows | None = None

    def __len__(self):
        return len(self.y)

    @property
    def starts_vary(self):
        """Whether inference starts elsewhere for each example."""
        return not isinstance(self.y_init, ConstantRows)

    def draw(self, rows, rng):
        """The examples at these positions (a CPU tensor), as a `Draw`."""
        start = None if self.y_init is None else self.y_init.take(rows)
        weight = None if self.weight is None else self.weight[rows]
        return Draw(self.x.take(rows), self.y.take(rows), start, weight)

    def state(self):
        """What they remember of earlier draws."""
        return {}

    def resume(self, state):
        """Remember earlier draws: there is nothing to remember."""

    def subset(self, rows):
        """The examples at these positions."""
        weight = None if self.weight is None else self.weight[rows]
        start = None if self.y_init is None else self.y_init.subset(rows)
        return Examples(self.x.subset(rows), self.y.subset(rows), start, weight)
