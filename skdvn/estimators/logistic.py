"""Logistic regressions of all labels at once."""

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logit

from ..data import batches_of, rows_at_once

# The optimiser remembers about 15 vectors of the coefficients fitted together.
MAX_COEFFICIENTS = 2**20


def logistic_regressions(X, Y, sample_weight, C, max_iter):
    """Coefficients and intercepts of one regression per label.

    Labels do not depend on each other here; as many are fitted together as memory
    allows, by L-BFGS on coefficients scaled by the curvature at the start.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        In single precision.
    Y : CSR matrix of shape (n_samples, n_labels)
        Binary.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive; only ratios matter.
    C : float
        Inverse strength of the penalty.
    max_iter : int
        Stopping early regularises, too.

    Returns
    -------
    coefficients : ndarray of shape (n_features, n_labels)
    intercepts : ndarray of shape (n_labels,)
    """
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    weight = (weight / weight.mean()).astype(np.float32)[:, None]
    together = max(1, MAX_COEFFICIENTS // (X.shape[1] + 1))
    rows = batches_of(X.shape[0], rows_at_once(min(together, Y.shape[1])))
    parts = [(X[part], transposed(X[part]), weight[part]) for part in rows]
    squares = sum(_sum_of_squares(*part) for part in parts)
    columns, fitted = Y.tocsc(), []
    for labels in batches_of(Y.shape[1], together):
        truths = columns[:, labels].tocsr()
        problem = [
            (*part, truths[at].nonzero()) for part, at in zip(parts, rows, strict=True)
        ]
        rates = (truths.T @ weight[:, 0]) / len(weight)
        fitted.append(_fitted_together(problem, squares, rates, C, max_iter))
    return tuple(np.concatenate(each, axis=-1) for each in zip(*fitted, strict=True))


def transposed(X):
    """X transposed, as products with it want it in memory."""
    return X.T.tocsr() if sparse.issparse(X) else X.T


def _sum_of_squares(X, X_transposed, weight):
    squares = X.multiply(X).T if sparse.issparse(X) else (X * X).T
    return squares @ weight


def _fitted_together(parts, squares, rates, C, max_iter):
    """The regressions of some labels.

    Parameters
    ----------
    parts : list of tuples (X, X transposed, weight, positives)
        What belongs to a part of the rows each; the last are places in Y.
    squares : ndarray of shape (n_features, 1)
        Weighted sums of squared inputs.
    rates : ndarray of shape (n_labels,)
        Weighted means of the labels.
    C, max_iter : float, int
        As for `logistic_regressions`.
    """
    shape = len(squares), len(rates)
    n_rows = sum(len(weight) for *_, weight, _ in parts)
    low = 0.5 / n_rows
    rates = np.clip(rates, low, 1 - low)
    curvature = (rates * (1 - rates)).astype(np.float32)
    scale = 1 / np.sqrt(1 / C + squares * curvature)
    scale_intercepts = 1 / np.sqrt(n_rows * curvature)
    start = logit(rates).astype(np.float32)

    def unpack(flat):
        flat = flat.astype(np.float32)
        coefficients = flat[: -shape[1]].reshape(shape) * scale
        return coefficients, flat[-shape[1] :] * scale_intercepts + start

    def loss_and_grad(flat):
        coefficients, intercepts = unpack(flat)
        loss = np.vdot(coefficients, coefficients) / (2 * C)
        grad, grad_intercepts = coefficients / C, 0
        for X, X_transposed, weight, at in parts:
            logits = X @ coefficients + intercepts
            losses, errors = losses_and_errors(logits, at, weight)
            loss += losses.sum(dtype=np.float64)
            grad += X_transposed @ errors
            grad_intercepts += errors.sum(axis=0)
        grad *= scale
        grad = np.concatenate([grad.ravel(), grad_intercepts * scale_intercepts])
        return float(loss), grad.astype(np.float64)

    options = {"maxiter": max_iter, "maxcor": 5}
    zeros = np.zeros((shape[0] + 1) * shape[1])
    found = minimize(loss_and_grad, zeros, jac=True, method="L-BFGS-B", options=options)
    return unpack(found.x)


def losses_and_errors(logits, at, weight):
    """Weighted cross-entropies, labels being 1 at `at`, and their derivatives."""
    decay = np.exp(-np.abs(logits))
    losses = np.maximum(logits, 0) + np.log1p(decay)
    errors = np.where(logits >= 0, np.float32(1), decay) / (1 + decay)
    losses[at] -= logits[at]
    errors[at] -= 1
    errors *= weight
    return weight * losses, errors
