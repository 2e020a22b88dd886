"""A linear expert that gives the ascent a lead.

The local term of a label network is linear in y, and so is the decision of any model
of the label probabilities p(x): label i raises the expected score if p_i exceeds a
threshold h(x). The expert's margins ``logit p_i - logit h`` can therefore be added to
the local term. Where words decide, as in text, a linear model is hard to beat; how
much it is listened to is chosen on held-out rows, and may be not at all.
"""

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from ..data import CLIP_HIGH, CLIP_LOW, batches_of, rows_at_once
from ..oracles import decision_threshold, relaxed_accuracy, value_of_counts
from .logistic import MAX_COEFFICIENTS, losses_and_errors, transposed
from .plain_state import PlainStateMixin

# Few iterations: stopping early regularises.
MAX_ITER = 25
LIMIT = 1e-4


def decision_thresholds(oracle, probabilities):
    """Probability above which a label raises the expected oracle value.

    With the k most probable labels predicted, and expected counts in place of counts,
    the best value is found over k; see `skdvn.oracles.decision_threshold`.

    Parameters
    ----------
    oracle : callable
        One that `skdvn.oracles.has_threshold`.
    probabilities : ndarray of shape (n_samples, n_labels)

    Returns
    -------
    thresholds : ndarray of shape (n_samples, 1)
    """
    if oracle is relaxed_accuracy:
        return np.full((len(probabilities), 1), 0.5)
    shared = np.cumsum(-np.sort(-probabilities, axis=1), axis=1)
    sizes, size_true = np.arange(1, shared.shape[1] + 1), shared[:, -1:]
    values = value_of_counts(oracle, shared, sizes, size_true)
    return decision_threshold(oracle, values.max(axis=1, keepdims=True))


class LinearExpert(PlainStateMixin):
    """Logistic regression of all labels at once, on one or two views of X.

    Dense inputs are standardised and clipped as the network's are. Sparse ones are
    seen as they are and, if they are not negative, as tf-idf; the logits of both are
    averaged.

    Parameters
    ----------
    oracle : callable
        One that `skdvn.oracles.has_threshold`.
    """

    def __init__(self, oracle):
        self.oracle = oracle

    def fit(self, X, Y, sample_weight=None):
        """Fit to inputs and binary labels.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Y : {ndarray, CSR matrix} of shape (n_samples, n_labels)
        sample_weight : ndarray of shape (n_samples,), default=None

        Returns
        -------
        self : LinearExpert
        """
        self.sparse_ = sparse.issparse(X)
        Y = sparse.csc_matrix(Y)
        weight = np.ones(Y.shape[0]) if sample_weight is None else sample_weight
        weight = (weight / weight.mean()).astype(np.float32)[:, None]
        self.views_ = []
        for view, C in _views(X):
            seen = view.fit_transform(X).astype(np.float32)
            self.views_.append((view, *_logistic(seen, Y, weight, C)))
        return self

    def margins(self, X):
        """By how much labels are worth predicting, in logits.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n_samples, n_features)

        Returns
        -------
        margins : ndarray of shape (n_samples, n_labels)
        """
        if sparse.issparse(X) and not self.sparse_:
            X = X.toarray()
        logits = [
            view.transform(X).astype(np.float32) @ coefficients + intercepts
            for view, coefficients, intercepts in self.views_
        ]
        probabilities = np.clip(expit(np.mean(logits, axis=0)), LIMIT, 1 - LIMIT)
        thresholds = decision_thresholds(self.oracle, probabilities)
        return logit(probabilities) - logit(np.clip(thresholds, LIMIT, 1 - LIMIT))


class ClippingScaler(StandardScaler):
    """Standardises inputs and clips them as those of the network are."""

    def transform(self, X):
        """Columns of mean 0 and variance 1, clipped."""
        return np.clip(super().transform(X), CLIP_LOW, CLIP_HIGH)


def _views(X):
    """Pairs of a transformer of X and the inverse strength of the penalty."""
    if not sparse.issparse(X):
        return [(ClippingScaler(), 1.0)]
    views = [(MaxAbsScaler(), 1.0)]
    if X.nnz and X.data.min() >= 0:
        views.append((TfidfTransformer(), 3.0))
    return views


def _logistic(X, Y, weight, C):
    """Coefficients and intercepts of all labels.

    Labels do not depend on each other here; as many are fitted together as memory
    allows.
    """
    together = max(1, MAX_COEFFICIENTS // (X.shape[1] + 1))
    rows = batches_of(X.shape[0], rows_at_once(min(together, Y.shape[1])))
    parts = [(X[part], transposed(X[part]), weight[part]) for part in rows]
    fitted = []
    for labels in batches_of(Y.shape[1], together):
        truths = Y[:, labels].tocsr()
        problem = [(*part, truths[at]) for part, at in zip(parts, rows, strict=True)]
        fitted.append(_logistic_together(problem, C))
    return tuple(np.concatenate(each, axis=-1) for each in zip(*fitted, strict=True))


def _logistic_together(parts, C):
    """The same by L-BFGS on all labels at once.

    Parameters
    ----------
    parts : list of tuples (X, X transposed, weight, Y)
        What belongs to a part of the rows each; Y is sparse.
    C : float
        Inverse strength of the penalty.
    """
    shape = parts[0][0].shape[1], parts[0][3].shape[1]
    n_rows = sum(len(weight) for *_, weight, _ in parts)
    positives = sum(Y.T @ weight[:, 0] for *_, weight, Y in parts)
    low = 0.5 / n_rows

    def unpack(flat):
        flat = flat.astype(np.float32)
        return flat[: -shape[1]].reshape(shape), flat[-shape[1] :]

    def loss_and_grad(flat):
        coefficients, intercepts = unpack(flat)
        loss = np.vdot(coefficients, coefficients) / (2 * C)
        grad, grad_intercepts = coefficients / C, 0
        for X, X_transposed, weight, Y in parts:
            logits = X @ coefficients + intercepts
            losses, errors = losses_and_errors(logits, Y.nonzero(), weight)
            loss += losses.sum()
            grad += X_transposed @ errors
            grad_intercepts += errors.sum(axis=0)
        grad = np.concatenate([grad.ravel(), grad_intercepts])
        return float(loss), grad.astype(np.float64)

    start = np.zeros((shape[0] + 1) * shape[1])
    start[-shape[1] :] = logit(np.clip(positives / n_rows, low, 1 - low))
    options = {"maxiter": MAX_ITER, "maxcor": 5}
    return unpack(
        minimize(loss_and_grad, start, jac=True, method="L-BFGS-B", options=options).x
    )
