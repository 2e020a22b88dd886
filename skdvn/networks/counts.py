"""A value for labels: the oracle expected under a guess of them and their number."""

import torch
from torch import nn

from .count_model import CountModel, largest_count
from .count_values import expected_value
from .poisson_binomial import conditional_labels

# Values are kept so far off 0 and 1, where their logits would be infinite.
VALUE_MARGIN = 1e-4


class CountCorrection(nn.Module):
    """What the expected value leaves out: a hidden layer on a few numbers per output.

    These are the size of the output and the logit of its expected value, mean and
    standard deviation of the number of labels. The correction starts at 0.

    Parameters
    ----------
    n_units : int
    generator : torch.Generator, default=None
        Source of the weights.
    """

    def __init__(self, n_units, generator=None):
        super().__init__()
        self.weight = nn.Parameter(0.5 * torch.randn(4, n_units, generator=generator))
        self.bias = nn.Parameter(torch.zeros(n_units))
        self.readout = nn.Parameter(torch.zeros(n_units))

    def forward(self, size, logit, counts):
        """The correction, shape (n,), and its derivatives in size and logit."""
        s = torch.arange(counts.shape[1], dtype=counts.dtype, device=counts.device)
        mean = counts @ s
        deviation = (counts * (s - mean[:, None]).square()).sum(1).add(1e-6).sqrt()
        numbers = [size.log1p(), logit, mean.log1p(), deviation.log1p()]
        hidden = torch.tanh(torch.stack(numbers, 1) @ self.weight + self.bias)
        slopes = ((1 - hidden.square()) * self.readout) @ self.weight[:2].T
        return hidden @ self.readout, slopes[:, 0] / (1 + size), slopes[:, 1]


class CountNetwork(nn.Module):
    """Expected oracle value under a guess of labels and of their number.

    The input is a guess of each row already: probabilities p of its labels. Labels
    are taken as independent given their number, whose distribution is learned; the
    score is the logit of the expected value, scaled, and a correction (beyond the
    paper)::

        P(y* | x) = P(|y*| | x) P(y* | |y*|, p),   s(x, y) = a * logit(E v*) + c + g

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
    n_global_units : int, default=0
        Units of the correction; 0 leaves it out.
    n_samples : int, default=32
        Samples of the truth per row, for oracles without a form of their own.
    seed : int, default=0
        Seed of these samples.
    generator : torch.Generator, default=None
        Source of the correction's weights; torch's global one if None.
    """

    def __init__(
        self,
        n_labels,
        oracle,
        max_count=None,
        n_global_units=0,
        n_samples=32,
        seed=0,
        generator=None,
    ):
        super().__init__()
        max_count = min(n_labels, 150 if max_count is None else max_count)
        self.n_labels, self.oracle = n_labels, oracle
        self.n_samples, self.seed = n_samples, seed
        self.counts = CountModel(n_labels, max_count)
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))
        self.correction = None
        if n_global_units:
            self.correction = CountCorrection(n_global_units, generator)

    def fit_counts(self, p, Y, rng):
        """Learn the distribution of the number of labels; see `CountModel.fit`.

        Parameters
        ----------
        p : torch.Tensor of shape (n, n_labels)
            Guesses that have not seen the labels of their row.
        Y : torch.Tensor of shape (n, n_labels)
            True labels.
        rng : torch.Generator
            Source of the folds.

        Returns
        -------
        self : CountNetwork
        """
        model = CountModel(self.n_labels, largest_count(Y))
        model.fit(p, Y, rng)
        self.counts = model.to(self.bias)
        return self

    def encode(self, x):
        """The guess, the numbers of labels, and what the oracle needs of both."""
        with torch.no_grad():
            log_counts, labels = conditional_labels(x, self.counts.max_count)
        counts = self.counts(x, log_counts).exp()
        return (x, *self._expected().prepare(x, counts, labels))

    def guess(self, context):
        """The guess, in [0, 1]."""
        return context[0]

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        logit, _ = self._logit(self._expected().value(context[1:], y))
        score = self.log_slope.exp() * logit + self.bias
        if self.correction is None:
            return score
        return score + self.correction(y.sum(1), logit, context[1])[0]

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y; with samples, by autograd."""
        value, grad = self._expected().value_and_grad(context[1:], y)
        logit, slope = self._logit(value)
        scale = self.log_slope.exp()
        score = scale * logit + self.bias
        if self.correction is None:
            return score, (scale * slope)[:, None] * grad
        more, by_size, by_logit = self.correction(y.sum(1), logit, context[1])
        grad = ((scale + by_logit) * slope)[:, None] * grad + by_size[:, None]
        return score + more, grad

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
