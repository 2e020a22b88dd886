"""How many labels a row has: what single labels say, corrected by what is learned."""

import torch
from scipy.optimize import minimize
from torch import nn

from .poisson_binomial import log_count_distribution

# So many of the largest probabilities, and the sum of all, are what counts depend on.
N_LARGEST = 10
# Squared weights of the regression, and distances of the exponents from where they
# start, in units of log loss, summed over rows.
REGRESSION_PENALTY = 1.0
EXPONENT_PENALTY = 16.0
N_FOLDS = 5


def largest_count(Y, cap=150):
    """The largest number of labels to reckon with: that of Y, and a margin.

    Parameters
    ----------
    Y : torch.Tensor of shape (n, n_labels)
        True labels.
    cap : int, default=150
        The margin ends here.

    Returns
    -------
    max_count : int
    """
    largest = int(Y.sum(1).max())
    return max(1, largest, min(largest + 2 + largest // 5, Y.shape[1], cap))


class CountModel(nn.Module):
    """Distribution of the number of labels, given probabilities of the single ones.

    In formulas::

        P(s | x) ~ PB(s | x)^a * base(s)^b * m(s | x)^c

    PB is the number of independent labels, base are frequencies in training, m is a
    multinomial logistic regression on the largest probabilities and the sum of all.
    Until it is fitted it is PB, up to `max_count`.

    Parameters
    ----------
    n_labels : int
    max_count : int
        The largest number, at most n_labels.
    """

    def __init__(self, n_labels, max_count):
        super().__init__()
        n_features = min(N_LARGEST, n_labels) + 1
        self.exponents = nn.Parameter(torch.tensor([1.0, 0.0, 0.0]))
        self.weight = nn.Parameter(torch.zeros(n_features, max_count + 1))
        self.bias = nn.Parameter(torch.zeros(max_count + 1))
        uniform = torch.full((max_count + 1,), 1.0 / (max_count + 1))
        self.register_buffer("log_base", uniform.log())
        self.register_buffer("feature_mean", torch.zeros(n_features))
        self.register_buffer("feature_scale", torch.ones(n_features))

    @property
    def max_count(self):
        """The largest number of labels."""
        return len(self.log_base) - 1

    def forward(self, p, log_counts):
        """Logarithm of P(s | x), shape (n, max_count + 1).

        Parameters
        ----------
        p : torch.Tensor of shape (n, n_labels)
            Probabilities of the labels.
        log_counts : torch.Tensor of shape (n, max_count + 1)
            What `log_count_distribution` makes of them.
        """
        features = (count_features(p) - self.feature_mean) / self.feature_scale
        regression = self.log_base + self.bias + features @ self.weight
        terms = [log_counts, self.log_base.expand_as(log_counts), regression]
        return (torch.stack(terms, -1) @ self.exponents).log_softmax(1)

    @torch.no_grad()
    def fit(self, p, Y, rng, weight=None):
        """Learn the three factors from rows whose labels p has not seen.

        The regression is fitted on all rows; the exponents by log loss on rows that
        regressions in five folds have not seen. All is pulled to where it starts, so
        that few rows change little.

        Parameters
        ----------
        p, Y : torch.Tensor of shape (n, n_labels)
            Cross-fitted probabilities, and true labels.
        rng : torch.Generator
            Source of the folds.
        weight : torch.Tensor of shape (n,), default=None
            Weights of the rows; None weighs all alike.
        """
        p, n_counts = p.double(), self.max_count + 1
        counts = Y.sum(1).long().clamp(max=self.max_count)
        weight = torch.ones(len(p)) if weight is None else weight
        weight = weight.to(p)
        seen = torch.bincount(counts, weight, minlength=n_counts) + 1 / n_counts
        log_base = (seen / seen.sum()).log()
        features = count_features(p)
        mean, scale = features.mean(0), features.std(0, correction=0).clamp_min(1e-3)
        features = (features - mean) / scale
        held_out = torch.empty(len(p), n_counts, dtype=p.dtype)
        order = torch.randperm(len(p), generator=rng)
        for fold in order.chunk(min(N_FOLDS, len(p))) if len(p) > 1 else ():
            others = torch.ones(len(p), dtype=torch.bool)
            others[fold] = False
            rows = features[others], counts[others], weight[others]
            weights, bias = _regress(*rows, log_base)
            held_out[fold] = log_base + bias + features[fold] @ weights
        terms = log_count_distribution(p, self.max_count), held_out
        if len(p) > 1:
            self.exponents.copy_(_fit_exponents(terms, counts, weight, log_base))
        weights, bias = _regress(features, counts, weight, log_base)
        for own, found in (
            (self.weight, weights),
            (self.bias, bias),
            (self.log_base, log_base),
            (self.feature_mean, mean),
            (self.feature_scale, scale),
        ):
            own.copy_(found)


def count_features(p):
    """The largest probabilities in order, and the sum of all."""
    largest = p.topk(min(N_LARGEST, p.shape[1]), 1).values
    return torch.cat([largest, p.sum(1, keepdim=True)], 1)


def _regress(features, counts, weight, log_base):
    """Weights and biases of the regression, on top of the base frequencies."""
    shape = features.shape[1] + 1, len(log_base)
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], 1)

    def loss_and_grad(flat):
        weights = torch.from_numpy(flat).view(shape)
        log_probabilities = (log_base + inputs @ weights).log_softmax(1)
        errors = log_probabilities.exp()
        picked = log_probabilities.gather(1, counts[:, None])
        errors[torch.arange(len(counts)), counts] -= 1
        penalty = 0.5 * REGRESSION_PENALTY * weights.square().sum()
        loss = penalty - weight @ picked[:, 0]
        grad = inputs.T @ (weight[:, None] * errors) + REGRESSION_PENALTY * weights
        return loss.item(), grad.flatten().numpy()

    start = torch.zeros(shape, dtype=features.dtype).flatten().numpy()
    found = _minimum(loss_and_grad, start).view(shape)
    return found[:-1], found[-1]


def _fit_exponents(terms, counts, weight, log_base):
    """The exponents a, b and c."""
    log_counts, regression = terms
    terms = torch.stack([log_counts, log_base.expand_as(regression), regression], -1)
    picked = terms[torch.arange(len(counts)), counts]
    start = torch.tensor([1.0, 0.0, 0.0], dtype=terms.dtype)

    def loss_and_grad(flat):
        exponents = torch.from_numpy(flat)
        log_total = (terms @ exponents).logsumexp(1, keepdim=True)
        probabilities = (terms @ exponents - log_total).exp()
        away = exponents - start
        loss = weight @ (log_total[:, 0] - picked @ exponents)
        loss = loss + 0.5 * EXPONENT_PENALTY * away.square().sum()
        expected = torch.einsum("n,ns,nst->t", weight, probabilities, terms)
        grad = expected - weight @ picked + EXPONENT_PENALTY * away
        return loss.item(), grad.numpy()

    # Probable numbers shall not become improbable ones.
    bounds = [(0, None), (None, None), (0, None)]
    return _minimum(loss_and_grad, start.numpy().copy(), bounds)


def _minimum(loss_and_grad, start, bounds=None):
    options = {"maxiter": 200}
    found = minimize(
        loss_and_grad,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options=options,
    )
    return torch.from_numpy(found.x)
