"""One guess of the labels from several experts, cross-fitted."""

from __future__ import annotations

from collections import Counter
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..data import batches_of, canonical, rows_at_once, stacked
from ..data.typing import ArrayLike, MatrixLike, NDArray, RandomState, Self
from .cross_fitting import CrossFitted
from .experts import (
    KernelRidgeExpert,
    LogisticExpert,
    NeighborsExpert,
    logits_of,
    numbers,
)
from .forests import TreesExpert
from .input_views import dense, kind_of
from .label_rows import without_weightless
from .label_targets import LabelTargets, labels_of
from .perceptron import PerceptronExpert

# A handful of numbers is learned from at most so many labels of rows.
MAX_ENTRIES = 2**21
# A perceptron of dense inputs pays from so many rows on.
MIN_PERCEPTRON_ROWS = 5_000
# Where leaving a row out of a kernel costs a second.
MAX_KERNEL_ROWS = 2_000
# Of so many rows few are looked at for similar ones.
MANY_ROWS = 50_000
# Where there is so much to predict, half of the folds, trees and neighbours have to do.
MANY_OUTPUTS = 2**21


def experts_for(X, Y, n_jobs=None, random_state=None):
    """The experts that suit the size and kind of a data set.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    Y : {ndarray, sparse matrix} of shape (n_samples, n_labels)
    n_jobs, random_state : int, RandomState instance or None
        Passed on.

    Returns
    -------
    experts : list of (str, Expert)
        Not fitted. Logistic regression, extra trees and nearest neighbours; up to
        2,000 rows kernel ridge regression as well, and from 5,000 rows of dense inputs
        a perceptron. Of many rows trees and neighbours use a sample.
    """
    n, many = X.shape[0], X.shape[0] * Y.shape[1] >= MANY_OUTPUTS
    common = {"n_jobs": n_jobs, "random_state": random_state}
    experts = [
        ("logistic", LogisticExpert(n_folds=2 if many else 5, **common)),
        ("trees", TreesExpert(18 if many else "auto", **common)),
    ]
    # Similarities to a sample take as long as all else together.
    rows = 2_000 if n >= MANY_ROWS else 5_000 if many else 10_000
    experts.append(
        ("neighbors", NeighborsExpert(max_rows=rows, random_state=random_state))
    )
    if n <= MAX_KERNEL_ROWS:
        experts.append(("kernel_ridge", KernelRidgeExpert()))
    if n >= MIN_PERCEPTRON_ROWS and kind_of(X) == "standardised":
        experts.append(("perceptron", PerceptronExpert(**common)))
    return experts


class NamedEstimators(BaseEstimator):
    """Parameters of the classifiers in `estimators`, by names such as ``lr__C``."""

    estimators: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of nested objects and of named estimators are among them.

        Returns
        -------
        params : dict
        """
        params = super().get_params(deep)
        if not deep:
            return params
        nested = {}
        for name, estimator in self._named_estimators().items():
            nested[name] = estimator
            if hasattr(estimator, "get_params"):
                inner = estimator.get_params(deep=True)
                nested |= {f"{name}__{key}": value for key, value in inner.items()}
        return {**nested, **params}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of named estimators included.

        Parameters
        ----------
        **params : object
            Values by name; the name of an estimator alone replaces it.

        Returns
        -------
        self : estimator
        """
        if "estimators" in params:
            super().set_params(estimators=params.pop("estimators"))
        named = self._named_estimators().keys()
        replaced = (params.keys() & named) - super().get_params(deep=False).keys()
        new = {name: params.pop(name) for name in replaced}
        if new:
            self.estimators = [
                (name, new.get(name, estimator)) for name, estimator in self.estimators
            ]
        return super().set_params(**params)

    def _named_estimators(self):
        """Estimators by name, as far as they have one."""
        if not isinstance(self.estimators, list | tuple):
            return {}
        pairs = [pair for pair in self.estimators if isinstance(pair, list | tuple)]
        pairs = [pair for pair in pairs if len(pair) == 2 and isinstance(pair[0], str)]
        return {name: estimator for name, estimator in pairs}


class StackedGuess(NamedEstimators):
    """Label probabilities from several experts, weighted as they deserve.

    The logit of a label is a weighted sum of the experts' logits and that of the
    label's rate, plus a bias. Weights are shared by all labels and are learned from
    what each expert says of rows it has not seen.

    Parameters
    ----------
    estimators : "auto" or list of (str, classifier), default="auto"
        Names and classifiers with `predict_proba`, as for
        `sklearn.ensemble.StackingClassifier`; a classifier "drop" is left out. "auto"
        is `experts_for`.
    cv : int, splitter, iterable of splits or "prefit", default=5
        How `estimators` are cross-fitted; an int is a number of shuffled folds. Not
        used by "auto".
    n_jobs : int or None, default=None
        Threads at work together.
    random_state : int, RandomState instance or None, default=None
        Controls folds, trees and samples of rows. Pass an int for the same result at
        each call.
    refit : bool, default=True
        Whether `estimators` are fitted to all rows in the end. With False new rows get
        the mean logits of those of the folds, which saves that fit, and is better for
        classifiers that gain from averaging, as neural networks do. Not used by "auto".

    Attributes
    ----------
    experts_ : list of (str, expert)
        Fitted.
    weights_ : ndarray of shape (n_experts,)
        Non-negative.
    rate_weight_, bias_ : float
        Of the logit of the rate, and what is added to all.
    rates_ : ndarray of shape (n_labels,)
        How frequent labels are.
    cross_fitted_ : ndarray of shape (n_samples, n_labels)
        Probabilities of the training rows, each without its own labels.
    classes_ : ndarray
        A row ``[0, 1]`` per label, or the classes of a one-dimensional y.

    See Also
    --------
    skdvn.baselines.PlugInClassifier : Decides on its probabilities.

    Examples
    --------
    >>> from skdvn import StackedGuess
    >>> from skdvn.baselines import PlugInClassifier
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> clf = PlugInClassifier(StackedGuess(random_state=0))
    >>> clf.fit(X[:300], Y[:300]).predict(X[300:]).shape
    (1497, 10)
    """

    def __init__(
        self,
        estimators: Any = "auto",
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        refit: bool = True,
    ) -> None:
        self.estimators = estimators
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.refit = refit

    def fit(
        self, X: Any, y: MatrixLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit experts and the weights of their logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            With `estimators` of the user anything that they take.
        y : {array-like, sparse matrix}
            Binary labels (n_samples, n_labels), or classes (n_samples,).
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; rows of weight 0 are as good as absent.

        Returns
        -------
        self : StackedGuess
        """
        used, *counted = without_weightless(X, y, sample_weight)
        self.cross_fitted_ = self._fit(*counted)
        if len(used) < _num_samples(X):
            everywhere = self.predict_proba(X)
            everywhere[used] = self.cross_fitted_
            self.cross_fitted_ = everywhere
        return self

    def _fit(self, X, y, weight):
        """Fit to rows that count; the probabilities of each without its own labels."""
        y = labels_of(y)
        check_consistent_length(X, y)
        targets = LabelTargets(y)
        Y = sparse.csr_matrix(targets.encode(y), dtype=np.float32)
        rng = check_random_state(self.random_state)
        experts = self._fitted_experts(X, y, Y, weight, targets, rng)
        said = [expert.cross_fitted_ for _, expert in experts]
        for _, expert in experts:  # not kept twice
            del expert.cross_fitted_
        n = Y.shape[0]
        mass = np.ones(n) if weight is None else weight
        # Half a row more of each kind keeps rates inside (0, 1).
        self.rates_ = (Y.T @ mass / mass.sum() * n + 0.5) / (n + 1)
        self.experts_, self.classes_ = experts, targets.classes_
        *weights, self.rate_weight_, self.bias_ = self._weights(said, Y, mass, rng)
        self.weights_ = np.array(weights)
        return self._stacked(said)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities of the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            In the form of the X given to `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels)
            Of a one-dimensional y a column per class; rows need not add up to 1.
        """
        check_is_fitted(self)
        if self.estimators != "auto":
            return self._said(canonical(X))
        X = numbers(X)
        rows = batches_of(X.shape[0], rows_at_once(len(self.rates_)))
        return stacked((self._said(X[part]) for part in rows), X.shape[0])

    def _said(self, X):
        return self._stacked([expert.predict_proba(X) for _, expert in self.experts_])

    def _fitted_experts(self, X, y, Y, weight, targets, rng):
        seed = rng.randint(2**31 - 1)
        if isinstance(self.estimators, str) and self.estimators == "auto":
            X = numbers(X)
            experts = experts_for(X, Y, self.n_jobs, seed)
            return [(name, one.fit(X, Y, weight)) for name, one in experts]
        cv = self.cv
        if not isinstance(cv, Integral | str) and not hasattr(cv, "split"):
            cv = list(cv)  # an iterator serves one classifier alone
        return [
            (
                name,
                CrossFitted(name, estimator, cv, self.n_jobs, seed, self.refit).fit(
                    X, y, weight, targets
                ),
            )
            for name, estimator in checked_estimators(self.estimators)
        ]

    def _weights(self, said, Y, mass, rng):
        """One weight per expert, one for the rates, and a bias, by log loss."""
        rows = np.arange(len(mass))
        most = max(100, MAX_ENTRIES // Y.shape[1])
        if len(rows) > most:
            rows = np.sort(rng.choice(rows, most, replace=False))
        mass = (mass[rows] / (mass[rows].sum() * Y.shape[1]))[:, None]
        base = np.broadcast_to(logit(self.rates_), (len(rows), Y.shape[1]))
        logits = [*(logits_of(one[rows]) for one in said), base]
        truth = dense(Y[rows])

        def loss_and_grad(weights):
            total = weights[-1] + sum(
                w * z for w, z in zip(weights[:-1], logits, strict=True)
            )
            errors = mass * (expit(total) - truth)
            loss = (mass * (np.logaddexp(0, total) - truth * total)).sum()
            grad = [np.vdot(errors, z) for z in logits]
            return loss, np.array([*grad, errors.sum()])

        start = np.array([*[1 / len(said)] * len(said), 0.0, 0.0])
        bounds = [(0, None)] * len(said) + [(None, None)] * 2
        return minimize(
            loss_and_grad, start, jac=True, method="L-BFGS-B", bounds=bounds
        ).x

    def _stacked(self, said):
        found = np.empty(said[0].shape, np.result_type(*said))
        base = self.rate_weight_ * logit(self.rates_) + self.bias_
        for rows in batches_of(len(found), rows_at_once(found.shape[1])):
            total = sum(
                w * logits_of(one[rows])
                for w, one in zip(self.weights_, said, strict=True)
            )
            found[rows] = expit(total + base)
        return found


def checked_estimators(estimators):
    """The pairs of `estimators` but for those that are "drop"; raises if it is none."""
    allowed = "a list of (name, classifier), as for StackingClassifier, or 'auto'"
    if not isinstance(estimators, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in estimators
    ):
        hint = " Write [('name', classifier)]." if hasattr(estimators, "fit") else ""
        raise ValueError(f"estimators must be {allowed}; got {estimators!r}.{hint}")
    names = [name for name, _ in estimators]
    strange = [name for name in names if not isinstance(name, str) or "__" in name]
    if strange:
        raise ValueError(
            f"estimators names one {strange[0]!r}; names must be strings without '__'."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"estimators has the name(s) {twice} more than once; give each its own."
        )
    kept = [pair for pair in estimators if not _is_dropped(pair[1])]
    if not kept:
        raise ValueError(f"estimators holds no classifier; it must be {allowed}.")
    for name, estimator in kept:
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise ValueError(
                f"Estimator {name!r} is {estimator!r}, which is no classifier. Give an "
                "instance with fit and predict_proba."
            )
    return kept


def _is_dropped(estimator):
    return isinstance(estimator, str) and estimator == "drop"
