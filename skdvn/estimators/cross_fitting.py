"""Classifiers of the user, cross-fitted by folds, and what they say read with care."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _num_samples, has_fit_parameter

from .experts import logits_of
from .label_targets import LabelTargets
from .parameters import checked_weight

TOLERANCE = 1e-5


class CrossFitted:
    """A classifier, fitted to all rows, and what it says of rows it has not seen.

    Parameters
    ----------
    name : str
        What messages call the classifier.
    estimator : classifier with `predict_proba`
        Cloned, unless `cv` is "prefit". Of the clones a `random_state` that is None is
        set.
    cv : int, splitter, iterable of splits or "prefit", default=5
        An int is a number of shuffled folds, stratified by a one-dimensional y. With
        "prefit" the estimator is taken as it is, and must have been fitted to other
        rows.
    n_jobs, random_state : int, RandomState instance or None
    refit : bool, default=True
        Whether new rows are predicted by a classifier fitted to all rows, or by the
        mean logits of those of the folds.

    Attributes
    ----------
    cross_fitted_ : ndarray of shape (n_samples, n_labels)
        Probabilities of the training rows.
    estimators_ : list of classifier
        Those that predict new rows: the one fitted to all rows, or one per fold.
    """

    def __init__(
        self, name, estimator, cv=5, n_jobs=None, random_state=None, refit=True
    ):
        self.name, self.estimator, self.cv = name, estimator, cv
        self.n_jobs, self.random_state, self.refit = n_jobs, random_state, refit

    def fit(self, X, y, sample_weight=None, targets=None):
        """Fit clones to all rows and to folds.

        Parameters
        ----------
        X : object
            Anything that the classifier takes and that has rows.
        y : {array-like, sparse matrix}
            Labels (n_samples, n_labels), or classes (n_samples,).
        sample_weight : array-like of shape (n_samples,), default=None
            For classifiers whose `fit` takes it; rows of weight 0 are left out for all.
        targets : LabelTargets, default=None
            Knows the labels; default is to learn them from y.

        Returns
        -------
        self : CrossFitted
        """
        self._targets = LabelTargets(y) if targets is None else targets
        if not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"{self._who} has no predict_proba. Take a classifier that has one, or "
                "wrap it in sklearn.calibration.CalibratedClassifierCV."
            )
        n, weight = _num_samples(X), checked_weight(sample_weight, X)
        if self._is_prefit:
            self.estimators_ = [self.estimator]
            self.cross_fitted_ = self._says(self.estimator, X, "as fitted before")
            return self
        used = np.arange(n) if weight is None else np.flatnonzero(weight)
        rng = check_random_state(self.random_state)
        folds = self._folds(_safe_indexing(X, used), _safe_indexing(y, used), rng)
        seed = rng.randint(2**31 - 1)
        # Where they stay, networks that start alike would err alike.
        seeds = [seed + (0 if self.refit else k) for k in range(len(folds))]

        def one(k, train, test):
            where = f"in fold {k + 1} of {len(folds)}"
            fitted = self._fitted_on(X, y, weight, used[train], seeds[k], where)
            said = self._says(fitted, _safe_indexing(X, used[test]), where)
            return None if self.refit else fitted, said

        pool = Parallel(n_jobs=self.n_jobs, prefer="threads")
        found = pool(delayed(one)(k, *fold) for k, fold in enumerate(folds))
        fitted, parts = zip(*found, strict=True)
        if self.refit:
            fitted = [self._fitted_on(X, y, weight, used, seed, "on all rows")]
        self.estimators_ = list(fitted)
        if len(used) < n:
            known, self.cross_fitted_ = used, self.predict_proba(X)
        else:
            known = used
            self.cross_fitted_ = np.empty((n, self._targets.n_labels_), np.float32)
        for (_, test), part in zip(folds, parts, strict=True):
            self.cross_fitted_[known[test]] = part
        return self

    def predict_proba(self, X):
        """Probabilities of the labels, shape (n_samples, n_labels)."""
        said = [self._says(one, X, "on these rows") for one in self.estimators_]
        if len(said) == 1:
            return said[0]
        return expit(np.mean([logits_of(part) for part in said], axis=0))

    @property
    def _is_prefit(self):
        return isinstance(self.cv, str) and self.cv == "prefit"

    @property
    def _who(self):
        return f"Estimator {self.name!r} ({type(self.estimator).__name__})"

    def _folds(self, X, y, rng):
        n, cv = _num_samples(X), self.cv
        if isinstance(cv, Integral) and not isinstance(cv, bool):
            if not 2 <= cv <= n:
                raise ValueError(
                    f"cv={cv} asks for {cv} folds of {n} rows for {self._who}; allowed "
                    f"are 2 to {n}. Set cv to such a number."
                )
            cv = int(cv)
            kind = KFold
            if np.ndim(y) == 1 and np.unique(y, return_counts=True)[1].min() >= cv:
                kind = StratifiedKFold
            cv = kind(cv, shuffle=True, random_state=rng.randint(2**31 - 1))
        try:
            folds = list(check_cv(cv).split(X, y))
        except Exception as error:
            raise ValueError(
                f"cv={self.cv!r} cannot split {n} rows for {self._who}: {error} "
                "Allowed are an int, a splitter without groups, and 'prefit'."
            ) from error
        tested = np.concatenate([test for _, test in folds])
        if not np.array_equal(np.sort(tested), np.arange(n)):
            raise ValueError(
                f"cv={self.cv!r} does not hold out each of the {n} rows exactly once, "
                f"as {self._who} needs. Take a KFold, for example."
            )
        return folds

    def _fitted_on(self, X, y, weight, rows, seed, where):
        fitted = clone(self.estimator)
        _seed_random_states(fitted, seed)
        more = {}
        if weight is not None and _takes_weights(fitted):
            more["sample_weight"] = weight[rows]
        y = _safe_indexing(y, rows)
        if sparse.issparse(y):  # not all classifiers take it
            y = y.astype(np.int8).toarray()
        try:
            return fitted.fit(_safe_indexing(X, rows), y, **more)
        except Exception as error:
            raise ValueError(
                f"{self._who} cannot be fitted {where}: "
                f"{type(error).__name__}: {str(error).rstrip('. ')}. It gets X and y "
                "as they are, and parts of their rows: put what makes numbers of texts "
                "and categories before it, in a pipeline; for larger parts lower cv; "
                "wrap a classifier of one label in a OneVsRestClassifier."
            ) from error

    def _says(self, fitted, X, where):
        """What a fitted classifier says of rows, as a matrix, checked."""
        try:
            output = fitted.predict_proba(X)
        except Exception as error:
            advice = "Fit it first." if self._is_prefit else "Check it by itself."
            raise ValueError(
                f"{self._who} cannot predict {where}: {type(error).__name__}: {error} "
                + advice
            ) from error
        try:
            classes = getattr(fitted, "classes_", None)
            found = _as_matrix(output, classes, self._targets)
            _check(found, (_num_samples(X), self._targets.n_labels_))
        except ValueError as error:
            raise ValueError(
                f"{self._who}, {where}: predict_proba returned {error} Allowed are "
                f"probabilities of {self._targets.n_labels_} labels, finite and in "
                "[0, 1], as an array (n_samples, n_labels) or a list of arrays "
                "(n_samples, 2)."
            ) from error
        return found.astype(np.float32).clip(0, 1)


def _as_matrix(output, classes, targets):
    """What a `predict_proba` returned, with a column per label.

    Parameters
    ----------
    output : list of arrays, or array
    classes : list of arrays, array or None
        `classes_` of who returned it.
    targets : LabelTargets

    Returns
    -------
    probabilities : ndarray
    """
    if isinstance(output, list | tuple) or np.ndim(output) == 3:
        if len(output) != targets.n_labels_:
            raise ValueError(f"a list of {len(output)} arrays.")
        known = [None] * len(output) if classes is None else classes
        return np.column_stack(list(map(_of_label_1, output, known)))
    found = np.asarray(output.toarray() if sparse.issparse(output) else output)
    if found.ndim != 2 or targets.classes_.ndim == 2 or classes is None:
        return found
    strange = np.setdiff1d(classes, targets.classes_)
    if found.shape[1] != len(classes) or len(strange):
        raise ValueError(
            f"shape {found.shape} for the classes {list(classes)}; those of y are "
            f"{targets.classes_.tolist()}."
        )
    matrix = np.zeros((len(found), targets.n_labels_))
    matrix[:, np.searchsorted(targets.classes_, classes)] = found
    return matrix


def _of_label_1(output, classes):
    """The probability that one label is 1; a fold may lack one of the two classes."""
    output = np.asarray(output)
    if classes is None:
        classes = [0, 1]
    if output.ndim != 2 or output.shape[1] != len(classes):
        raise ValueError(f"an array of shape {output.shape} for a label.")
    return output @ (np.asarray(classes) == 1).astype(np.float64)


def _check(found, shape):
    if found.shape != shape:
        raise ValueError(f"shape {found.shape} where {shape} was expected.")
    if not np.issubdtype(found.dtype, np.number):
        raise ValueError(f"an array of {found.dtype}.")
    n_bad = np.count_nonzero(~np.isfinite(found))
    if n_bad:
        raise ValueError(f"{n_bad} values that are NaN or infinite.")
    low, high = found.min(), found.max()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(f"values from {low:.4g} to {high:.4g}.")


def _takes_weights(estimator):
    """Whether `fit` takes sample_weight, and those inside a multi-output wrapper do."""
    inner = getattr(estimator, "estimator", None)
    takes = has_fit_parameter(estimator, "sample_weight")
    if hasattr(inner, "fit"):
        takes = takes and has_fit_parameter(inner, "sample_weight")
    return takes


def _seed_random_states(estimator, seed):
    """Set each `random_state` that is None, those of parts included."""
    rng = np.random.RandomState(seed)
    unset = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if name.split("__")[-1] == "random_state" and value is None
    ]
    seeds = rng.randint(2**31 - 1, size=len(unset)).tolist()
    estimator.set_params(**dict(zip(unset, seeds, strict=True)))
