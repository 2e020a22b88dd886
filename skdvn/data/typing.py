"""Types in the signatures that users see."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

__all__ = [
    "ArrayLike",
    "FilePath",
    "Float64s",
    "Labels",
    "Maps",
    "MatrixLike",
    "Method",
    "NDArray",
    "RandomState",
    "Self",
]


class SparseMatrix(Protocol):
    """Any of SciPy's sparse matrices, as input."""

    @property
    def shape(self) -> Any: ...

    def tocsr(self) -> Any: ...

    def toarray(self) -> Any: ...


class CSRMatrix(SparseMatrix, Protocol):
    """SciPy's CSR matrix, as output: what it has in common with arrays, and more."""

    @property
    def dtype(self) -> Any: ...

    @property
    def nnz(self) -> Any: ...

    def __getitem__(self, key: Any, /) -> Any: ...

    def sum(self, axis: Any = None) -> Any: ...

    def mean(self, axis: Any = None) -> Any: ...


#: What users pass as inputs or labels: arrays, data frames and sparse matrices.
MatrixLike: TypeAlias = ArrayLike | SparseMatrix


#: Labels that are returned: like the y given to `fit`.
Labels: TypeAlias = NDArray[Any] | CSRMatrix


#: Masks or label maps that are returned: a list for a list, which is Any here so that
#: users of arrays need not tell the two apart.
Maps: TypeAlias = NDArray[Any] | Any


Float64s: TypeAlias = NDArray[np.float64]


FilePath: TypeAlias = str | os.PathLike[str]


RandomState: TypeAlias = int | np.random.RandomState | None


#: A decorator that leaves the signature alone takes and returns a `Method`.
Method = TypeVar("Method", bound=Callable[..., Any])
