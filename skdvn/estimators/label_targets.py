"""Labels of the user as binary matrices, and back."""

import numpy as np
from scipy import sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ..data import inner


class LabelTargets:
    """Turns Y into a binary matrix with one column per label.

    A two-dimensional Y is such a matrix already. A one-dimensional y of k classes
    becomes k columns of which each row sets one, and is decoded to the class of the
    largest entry.

    Parameters
    ----------
    Y : {array-like, sparse matrix}
        Of shape (n_samples, n_labels), binary, or (n_samples,).

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels, 2) or (n_classes,)
        A row ``[0, 1]`` per label, or the classes of a one-dimensional y.
    n_labels_ : int
        Number of columns.
    """

    def __init__(self, Y):
        self._binarizer = None
        self.sparse_ = sparse.issparse(Y)
        if _is_matrix(Y):
            matrix = self.encode(Y)
            self.n_labels_ = matrix.shape[1]
            self.classes_ = np.tile([0, 1], (self.n_labels_, 1))
        else:
            y = _column(Y)
            check_classification_targets(y)
            self._binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._binarizer.classes_
            self.n_labels_ = len(self.classes_)
            if self.n_labels_ < 2:
                raise ValueError(
                    "y has only one class, "
                    f"{self.classes_.tolist()[0]!r}; at least 2 classes are needed."
                )

    def encode(self, Y, name="Y"):
        """Y as a binary matrix of shape (n_samples, n_labels).

        Parameters
        ----------
        Y : {array-like, sparse matrix}
            As for the constructor.
        name : str, default="Y"
            What error messages call it.

        Returns
        -------
        matrix : {ndarray, CSR matrix} of shape (n_samples, n_labels)
        """
        if self._binarizer is None:
            return self._check_matrix(Y, name)
        y = _column(Y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{name} holds the unknown class(es) {unknown.tolist()}; known are "
                f"{self.classes_.tolist()}."
            )
        matrix = self._binarizer.transform(y)
        return np.hstack([1 - matrix, matrix]) if self.n_labels_ == 2 else matrix

    def _check_matrix(self, Y, name):
        Y = check_array(Y, accept_sparse="csr", dtype="numeric", input_name=name)
        values = np.unique(Y.data if sparse.issparse(Y) else Y)
        if not np.isin(values, (0, 1)).all():
            strange = values[~np.isin(values, (0, 1))]
            raise ValueError(
                f"{name} must be a binary matrix of 0 and 1, one column per label; it "
                f"also holds {strange[:5].tolist()}."
            )
        n_labels = getattr(self, "n_labels_", Y.shape[1])
        if Y.shape[1] != n_labels:
            raise ValueError(
                f"{name} must have {n_labels} labels, as in fit; got {Y.shape[1]}."
            )
        return Y

    def relaxed(self, Y, name="Y"):
        """Relaxed outputs of a user: as `encode`, but anything in [0, 1] goes."""
        if self._binarizer is not None and np.ndim(Y) == 1:
            return self.encode(Y, name)
        Y = check_array(Y, accept_sparse="csr", input_name=name)
        if Y.shape[1] != self.n_labels_ or Y.min() < 0 or Y.max() > 1:
            raise ValueError(
                f"{name} must hold outputs in [0, 1] of shape (n_samples, "
                f"{self.n_labels_}), got shape {Y.shape} and values from "
                f"{Y.min():.4g} to {Y.max():.4g}."
            )
        return Y

    def decode(self, relaxed, min_labels=0):
        """Round relaxed outputs.

        Parameters
        ----------
        relaxed : ndarray of shape (n_samples, n_labels)
            Entries in [0, 1].
        min_labels : int, default=0
            Each row gets at least this many labels, the largest entries.

        Returns
        -------
        Y : ndarray or CSR matrix of shape (n_samples, n_labels), or (n_samples,)
            In the form of the Y that the constructor saw.
        """
        Y = self.round(relaxed, min_labels)
        if self._binarizer is not None:
            return self.classes_[np.argmax(Y, axis=1)]
        return (sparse.csr_matrix(Y) if self.sparse_ else Y).astype(int)

    def decode_parts(self, parts, min_labels=0):
        """As `decode`, for relaxed outputs that come as parts of the rows."""
        decoded = [self.decode(part, min_labels) for part in parts]
        if self._binarizer is None and self.sparse_:
            return sparse.vstack(decoded, format="csr")
        return np.concatenate(decoded)

    def round(self, relaxed, min_labels=0):
        """Round relaxed outputs to a boolean matrix; parameters as for `decode`."""
        if self._binarizer is not None:
            largest = np.argmax(self.probabilities(relaxed), axis=1)
            return np.eye(self.n_labels_, dtype=bool)[largest]
        if min_labels > self.n_labels_:
            raise ValueError(
                f"min_labels={min_labels} is more than the {self.n_labels_} labels "
                "there are."
            )
        Y = relaxed >= 0.5
        few = np.flatnonzero(Y.sum(axis=1) < min_labels)
        if len(few):
            Y[few] = _largest(relaxed[few], min_labels)
        return Y

    def probabilities(self, relaxed):
        """Relaxed outputs inside (0, 1); for a one-dimensional y they add up to 1."""
        inside = inner(relaxed)
        if self._binarizer is None:
            return inside
        return inside / inside.sum(axis=1, keepdims=True)


def _largest(array, k):
    """Where the k largest entries of each row are; of equal ones the first."""
    least = -np.partition(-array, k - 1, axis=1)[:, k - 1 : k]
    above, equal = array > least, array == least
    room = k - above.sum(axis=1, keepdims=True)
    return above | (equal & (equal.cumsum(axis=1) <= room))


def check_no_label_lists(Y):
    """Raise if Y lists the labels of each row instead of marking them in a matrix.

    Parameters
    ----------
    Y : object
        What the user gave as labels.
    """
    plain = isinstance(Y, np.ndarray) and Y.dtype != object
    if plain or sparse.issparse(Y) or not hasattr(Y, "__iter__"):
        return
    first = next(iter(Y), None)
    if isinstance(first, list | tuple):
        ragged = len({np.size(row) for row in Y}) > 1
        listed = ragged or any(isinstance(label, str) for label in first)
    else:
        listed = isinstance(first, set | frozenset)
    if listed:
        raise ValueError(
            "y must be a binary matrix of 0 and 1, one column per label; its first row "
            f"is {first!r}. If rows list their labels, "
            "sklearn.preprocessing.MultiLabelBinarizer makes a matrix of them."
        )


def _is_matrix(Y):
    return np.ndim(Y) == 2 and np.shape(Y)[1] > 1 if not sparse.issparse(Y) else True


def _column(Y):
    return column_or_1d(Y, warn=True)
