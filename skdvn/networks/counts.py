"""A value for labels: the oracle expected under a guess of them and their number."""

import torch
from torch import nn

from .count_model import CountModel, largest_count
from .count_values import best_labels, expected_value
from .poisson_binomial import LabelsGivenCount, conditional_labels, sample_labels

# Values are kept so far off 0 and 1, where their logits would be infinite.
VALUE_MARGIN = 1e-4
# Twice the largest number of labels and this many more are reckoned with one by one.
N_APART = 16


class CountNetwork(nn.Module):
    """Expected oracle value under a guess of labels and of their number.

    The input is a guess of each row already: probabilities p of its labels. Labels
    are taken as independent given their number, whose distribution is learned; the
    score is the logit of the expected value, scaled, and a correction for rows with
    many labels, or with an uncertain number of them (beyond the paper)::

        P(y* | x) = P(|y*| | x) P(y* | |y*|, p)
        s(x, y) = a * logit(E v*) + b + w_1 log(1 + mean |y*|) + w_2 log(1 + std |y*|)

    The expected value is exact for F-beta and accuracy on binary outputs, nearly so
    for IOU (see `IOUValue`), and a mean over samples for other oracles.

    Parameters
    ----------
    n_labels : int
    oracle : callable
        The oracle whose expected value it is.
    max_count : int, default=None
        Largest number of labels to reckon with; None for all up to 150.
        `fit_counts` finds its own.
    n_samples : int, default=32
        Samples of the truth per row, for oracles without a form of their own.
    seed : int, default=0
        Seed of these samples.
    """

    def __init__(self, n_labels, oracle, max_count=None, n_samples=32, seed=0):
        super().__init__()
        max_count = min(n_labels, 150 if max_count is None else max_count)
        self.n_labels, self.oracle = n_labels, oracle
        self.n_samples, self.seed = n_samples, seed
        self.counts = CountModel(n_labels, max_count)
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))
        self.correction = nn.Parameter(torch.zeros(2))

    def fit_counts(self, p, Y, rng, weight=None):
        """Learn the distribution of the number of labels; see `CountModel.fit`.

        Parameters
        ----------
        p : torch.Tensor of shape (n, n_labels)
            Guesses that have not seen the labels of their row.
        Y : torch.Tensor of shape (n, n_labels)
            True labels.
        rng : torch.Generator
            Source of the folds.
        weight : torch.Tensor of shape (n,), default=None
            Weights of the rows; None weighs all alike.

        Returns
        -------
        self : CountNetwork
        """
        model = CountModel(self.n_labels, largest_count(Y))
        model.fit(p, Y, rng, weight)
        self.counts = model.to(self.bias)
        return self

    def encode(self, x):
        """The guess, the numbers of labels, and what the oracle needs of both."""
        n_apart = 2 * self.counts.max_count + N_APART
        with torch.no_grad():
            log_counts, labels = conditional_labels(x, self.counts.max_count, n_apart)
        counts = self.counts(x, log_counts).exp()
        return (x, *self._expected().prepare(x, counts, labels))

    def guess(self, context):
        """The guess, in [0, 1]."""
        return context[0]

    def sample(self, context, rng):
        """A truth as it may be: labels drawn given a number of them, drawn before."""
        p, counts = context[:2]
        drawn = torch.multinomial(counts.cpu(), 1, generator=rng).T.to(p.device)
        noise = torch.rand(*p.T.shape, 1, generator=rng, dtype=torch.float64)
        return sample_labels(p, drawn, noise.to(p.device))[0]

    def best(self, context):
        """The labels of the largest expected F-beta, (n, n_labels), and that value."""
        counts, *labels = context[1:]
        return best_labels(counts, LabelsGivenCount(*labels), self.oracle.beta)

    def summary(self, context, y):
        """All that the score is made from: three numbers per output, (n, 3).

        They are the logit of the expected value, and ``log(1 + t)`` of mean and
        standard deviation t of the number of labels.
        """
        logit, _ = self._logit(self._expected().value(context[1:], y))
        return torch.stack([logit, *_moments(context[1])], 1)

    def readout(self, summary):
        """The score, of what `summary` returned."""
        score = self.log_slope.exp() * summary[:, 0] + self.bias
        return score + summary[:, 1:] @ self.correction

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        return self.readout(self.summary(context, y))

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y; with samples, by autograd."""
        value, grad = self._expected().value_and_grad(context[1:], y)
        logit, slope = self._logit(value)
        score = self.readout(torch.stack([logit, *_moments(context[1])], 1))
        return score, (self.log_slope.exp() * slope)[:, None] * grad

    def _expected(self):
        return expected_value(self.oracle, self.n_samples, self.seed)

    def _logit(self, value):
        """Logit of a value kept off 0 and 1, and its derivative."""
        inner = 1 - 2 * VALUE_MARGIN
        low, high = 0.5 * VALUE_MARGIN, 1 - 0.5 * VALUE_MARGIN
        kept = VALUE_MARGIN + inner * value
        within = (kept >= low) & (kept <= high)
        kept = kept.clamp(low, high)
        slope = torch.where(within, inner / (kept * (1 - kept)), 0.0)
        return torch.logit(kept), slope


def _moments(counts):
    """Mean and standard deviation of the number of labels, as logarithms."""
    sizes = torch.arange(counts.shape[1], dtype=counts.dtype, device=counts.device)
    mean = counts @ sizes
    spread = (counts * (sizes - mean[:, None]).square()).sum(1)
    return mean.log1p(), spread.add(1e-6).sqrt().log1p()
