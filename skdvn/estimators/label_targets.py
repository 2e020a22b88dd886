"""Labels of the user as binary matrices, and back."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from ..data import check_binary, inner, read_labels


def labels_of(Y, name="y"):
    """Labels of the user as a matrix of 0 and 1 or as one class per row, checked.

    Parameters
    ----------
    Y : {array-like, data frame, sparse matrix}
        A matrix of several columns, or one class per row, in one column too, of which
        scikit-learn's warning tells.
    name : str, default="y"
        What error messages call it.

    Returns
    -------
    labels : {ndarray, CSR matrix} of shape (n_samples, n_labels), or ndarray \
(n_samples,)
    """
    Y = _matrix_or_classes(Y, name)
    if Y.ndim == 2:
        check_binary(Y, name)
    return Y


def _matrix_or_classes(Y, name):
    Y = read_labels(Y, name)
    if Y.ndim > 2:
        raise ValueError(
            f"{name} must be a binary matrix, one column per label, or hold one class "
            f"per row; got shape {Y.shape}."
        )
    return column_or_1d(Y, warn=True) if Y.shape[1:] in ((), (1,)) else Y


class LabelTargets:
    """Turns Y into a binary matrix with one column per label.

    A Y of several columns is such a matrix already. One of k classes, one per row,
    becomes k columns of which each row sets one, and is decoded to the class of the
    largest entry.

    Parameters
    ----------
    Y : {array-like, sparse matrix}
        Of shape (n_samples, n_labels), binary, or (n_samples,) or (n_samples, 1).

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels, 2) or (n_classes,)
        A row ``[0, 1]`` per label, or the classes of a one-dimensional y.
    n_labels_ : int
        Number of columns.
    """

    def __init__(self, Y):
        Y = labels_of(Y)
        self.sparse_ = sparse.issparse(Y)
        if Y.ndim == 2:
            self.n_labels_ = Y.shape[1]
            self.classes_ = np.tile([0, 1], (self.n_labels_, 1))
            return
        check_classification_targets(Y)
        self.classes_ = unique_labels(Y)
        self.n_labels_ = len(self.classes_)
        if self.n_labels_ < 2:
            raise ValueError(
                "y has only one class, "
                f"{self.classes_.tolist()[0]!r}; at least 2 classes are needed."
            )

    @property
    def _is_one_of(self):
        """Whether a row has one class rather than any labels."""
        return self.classes_.ndim == 1

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
        Y = labels_of(Y, name)
        self._refuse_unseen(Y, name)
        return self._encoded(Y, name)

    def truth(self, Y, name="y"):
        """As `encode`, for labels to judge outputs by.

        Rows of classes that the constructor has not seen have none of the labels, so
        that no output is right; a warning tells of them.
        """
        Y = labels_of(Y, name)
        if self._is_one_of and (unseen := self._unseen(Y, name)):
            warnings.warn(
                f"{name} holds the class(es) {unseen[:5]}, which were not there in "
                f"fit: {self.classes_.tolist()} were. Such rows count as wrong.",
                stacklevel=3,
            )
        return self._encoded(Y, name)

    def _encoded(self, Y, name):
        if self._is_one_of:
            known = np.isin(Y, self.classes_)
            matrix = np.zeros((len(Y), self.n_labels_), dtype=int)
            matrix[known, np.searchsorted(self.classes_, Y[known])] = 1
            return matrix
        if Y.ndim == 1:
            raise ValueError(
                f"{name} must have {self.n_labels_} labels, as in training, a column "
                f"each; got one class per row, shape {Y.shape}."
            )
        if Y.shape[1] != self.n_labels_:
            raise ValueError(
                f"{name} must have {self.n_labels_} labels, as in training; got "
                f"{Y.shape[1]}."
            )
        return Y

    def _refuse_unseen(self, Y, name):
        if self._is_one_of and (unseen := self._unseen(Y, name)):
            raise ValueError(
                f"{name} holds the unknown class(es) {unseen[:5]}; known are "
                f"{self.classes_.tolist()}."
            )

    def _unseen(self, y, name):
        """Classes of y that the constructor has not seen."""
        if y.ndim == 2:
            raise ValueError(
                f"{name} must hold one class per row, as in training, shape "
                f"(n_samples,); got shape {y.shape}."
            )
        if (y.dtype.kind in "biuf") != (self.classes_.dtype.kind in "biuf"):
            raise ValueError(
                f"{name} must hold classes of the kind of those in training, "
                f"{self.classes_.tolist()}; got {y[:3].tolist()}."
            )
        return np.unique(y[~np.isin(y, self.classes_)]).tolist()

    def relaxed(self, Y, name="Y"):
        """Outputs of a user: as `encode`, but anything in [0, 1] goes in a matrix."""
        Y = _matrix_or_classes(Y, name)
        if Y.ndim == 1:
            self._refuse_unseen(Y, name)
            return self._encoded(Y, name)
        if Y.shape[1] != self.n_labels_ or Y.min() < 0 or Y.max() > 1:
            raise ValueError(
                f"{name} must hold outputs in [0, 1] of shape (n_samples, "
                f"{self.n_labels_}), got shape {Y.shape} and values from "
                f"{Y.min():.4g} to {Y.max():.4g}."
            )
        return Y

    def check_min_labels(self, min_labels):
        """Raise if rows cannot have so many labels."""
        most = 1 if self._is_one_of else self.n_labels_
        if min_labels > most:
            of_what = "one class" if self._is_one_of else f"{most} labels"
            raise ValueError(
                f"min_labels={min_labels} is more than the {of_what} that a row can "
                "have."
            )

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
        if self._is_one_of:
            return self.classes_[np.argmax(Y, axis=1)]
        return (sparse.csr_matrix(Y) if self.sparse_ else Y).astype(int)

    def decode_parts(self, parts, min_labels=0):
        """As `decode`, for relaxed outputs that come as parts of the rows."""
        decoded = [self.decode(part, min_labels) for part in parts]
        if self.sparse_:
            return sparse.vstack(decoded, format="csr")
        return np.concatenate(decoded)

    def round(self, relaxed, min_labels=0):
        """Round relaxed outputs to a boolean matrix; parameters as for `decode`."""
        self.check_min_labels(min_labels)
        if self._is_one_of:
            largest = np.argmax(self.probabilities(relaxed), axis=1)
            return np.eye(self.n_labels_, dtype=bool)[largest]
        Y = relaxed >= 0.5
        few = np.flatnonzero(Y.sum(axis=1) < min_labels)
        if len(few):
            Y[few] = _largest(relaxed[few], min_labels)
        return Y

    def probabilities(self, relaxed):
        """Relaxed outputs inside (0, 1); for a one-dimensional y they add up to 1."""
        inside = inner(relaxed)
        if self._is_one_of:
            return inside / inside.sum(axis=1, keepdims=True)
        return inside


def _largest(array, k):
    """Where the k largest entries of each row are; of equal ones the first."""
    least = -np.partition(-array, k - 1, axis=1)[:, k - 1 : k]
    above, equal = array > least, array == least
    room = k - above.sum(axis=1, keepdims=True)
    return above | (equal & (equal.cumsum(axis=1) <= room))
