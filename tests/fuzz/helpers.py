"""What programs use beyond NumPy: unusual containers, comparisons, parts of users.

They are functions, so that a program stays short, and a minimised one runs where this
package can be imported.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import sparse

from skdvn.persistence import load, save

# -- arrays ------------------------------------------------------------------------


def each(function, X):
    """The function of an array, or of all arrays of a list."""
    return [function(x) for x in X] if isinstance(X, list) else function(X)


def with_value(X, value):
    """A copy whose last entry is this value."""
    if isinstance(X, list):
        return [*X[:-1], with_value(X[-1], value)]
    X = X.astype(np.result_type(X, np.asarray(value)))
    X[(-1,) * X.ndim] = value
    return X


def classes_of(Y):
    """All classes of an array, or of the arrays of a list."""
    return np.unique(np.concatenate([np.ravel(y) for y in Y]))


def backwards(x):
    """The same values with negative strides."""
    return np.ascontiguousarray(x[::-1])[::-1]


def every_second(x):
    """The same values, every second one of an array twice as large."""
    return np.repeat(x, 2, axis=-1)[..., ::2]


def read_only(x):
    """A copy that cannot be written to."""
    x = x.copy()
    x.flags.writeable = False
    return x


def memmapped(x):
    """The same values in a file that cannot be written to."""
    path = Path(tempfile.mkdtemp()) / "values.npy"
    np.save(path, x)
    return np.load(path, mmap_mode="r" if x.size else None)


def as_objects(X):
    """An array of objects, one for each array."""
    objects = np.empty(len(X), dtype=object)
    for i, x in enumerate(X):
        objects[i] = x
    return objects


class Lazy:
    """A sequence whose items are copied when asked for."""

    def __init__(self, X):
        self._X = X

    def __len__(self):
        return len(self._X)

    def __getitem__(self, i):
        return np.array(self._X[i])


def image_files(X):
    """Paths of files that show these bytes."""
    folder = Path(tempfile.mkdtemp())
    paths = [folder / f"{i}.png" for i in range(len(X))]
    for path, x in zip(paths, X, strict=True):
        Image.fromarray(x[..., 0] if x.ndim == 3 and x.shape[2] == 1 else x).save(path)
    return paths


def label_sets(Y):
    """For each row the set of its labels."""
    return [set(np.flatnonzero(row).tolist()) for row in Y]


# -- sparse matrices ---------------------------------------------------------------


def with_zeros(X):
    """A CSR matrix that stores all entries, zeros too."""
    n, m = X.shape
    indices, indptr = np.tile(np.arange(m), n), np.arange(n + 1) * m
    return sparse.csr_matrix((X.ravel(), indices, indptr), shape=X.shape)


def unsorted(X):
    """A CSR matrix whose rows list their entries from right to left."""
    full = with_zeros(X[:, ::-1])
    indices = X.shape[1] - 1 - full.indices
    return sparse.csr_matrix((full.data, indices, full.indptr), shape=X.shape)


def duplicated(X):
    """A CSR matrix that stores each entry as the sum of two."""
    full = with_zeros(X)
    data = np.column_stack([2.0 * full.data, -1.0 * full.data]).ravel()
    parts = data, np.repeat(full.indices, 2), 2 * full.indptr
    return sparse.csr_matrix(parts, shape=X.shape)


def with_long_indices(X):
    """A CSR matrix with indices of 64 bits."""
    X = sparse.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


# -- comparisons -------------------------------------------------------------------


def assert_same(function, plain, other):
    """Raise an AssertionError unless the function is the same of both.

    What it refuses of the plain one is judged where it is called directly.
    """
    try:
        expected = function(plain)
    except Exception:
        return
    names = type(plain).__name__, type(other).__name__
    try:
        found = function(other)
    except Exception as error:
        raise AssertionError(
            "takes {}, not {}".format(*names) + f": {error!r}"
        ) from error
    if not _same(expected, found):
        raise AssertionError("differs between {} and {}".format(*names))


def _same(one, other):
    if isinstance(one, list) or isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_same(*pair) for pair in pairs)
    one, other = (
        x.toarray() if sparse.issparse(x) else np.asarray(x) for x in (one, other)
    )
    if one.shape != other.shape:
        return False
    if one.dtype.kind == other.dtype.kind == "f":
        return np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True)
    return np.array_equal(one, other)


def reloaded(clf):
    """A fitted estimator that was a file meanwhile."""
    path = Path(tempfile.mkdtemp()) / "clf.safetensors"
    save(clf, path)
    return load(path)


# -- parts of users ----------------------------------------------------------------


def agreement(y, y_true):
    """An oracle of the user's: one minus the mean squared difference."""
    return 1 - (y - y_true).square().flatten(1).mean(1)


def mirrored(image, mask, random_state):
    """An augmentation of the user's."""
    return image[:, ::-1], mask[:, ::-1]


def convolution(n_channels, n_outputs, crop_size=None):
    """A segmentation network of the user's."""
    with torch.random.fork_rng(devices=[]):
        return torch.nn.Conv2d(n_channels, n_outputs, 1)


class PairwiseValue(torch.nn.Module):
    """A value network of the user's for labels."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.pairs = torch.nn.Bilinear(n_features, n_labels, 1)

    def encode(self, x):
        return x

    def score(self, context, y):
        return self.pairs(context, y)[:, 0]
