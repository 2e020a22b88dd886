"""Expected oracle values of an output, for labels whose number is uncertain.

Each class makes, once per row, what it needs of the probabilities of the numbers s of
labels, (n, max_count + 1), and of the `LabelsGivenCount`, and returns the expected
value of outputs, and its gradient.

Binary outputs have the value that they have. For relaxed ones an empty truth, which
only the empty output finds, is worth ``prod(1 - y_i)``, the probability that nothing
is left after rounding at random, and no output counts for less than one label. From
the empty output to a single label F-beta is thus linear, and the ascent goes on to
one of the ends.
"""

import torch

from ..oracles import FBeta, at_least_one, relaxed_accuracy, relaxed_iou
from .poisson_binomial import LabelsGivenCount, sample_labels

# Entries of outputs that an oracle is given at once.
SAMPLED_SIZE = 2**20


def _emptiness(y):
    """``prod(1 - y_i)``, shape (n,), and its gradient."""
    off = 1 - y
    ones = torch.ones_like(off[:, :1])
    before = torch.cat([ones, off[:, :-1].cumprod(1)], 1)
    after = torch.cat([ones, off.flip(1)[:, :-1].cumprod(1)], 1).flip(1)
    return before[:, -1] * off[:, -1], -before * after


class FBetaValue:
    """Expected F-beta, exact on binary outputs (Dembczynski et al., 2011).

    Parameters
    ----------
    oracle : FBeta
    """

    def __init__(self, oracle):
        self.weight = float(oracle.beta) ** 2

    def prepare(self, p, counts, labels):
        """What depends on the row alone: a tuple of tensors, counts first."""
        return counts, *labels

    def value(self, parts, y):
        """Expected values, shape (n,)."""
        value, *_ = self._value(parts, y)
        return value + parts[0][:, 0] * _emptiness(y)[0]

    def value_and_grad(self, parts, y):
        """Expected values, shape (n,), and their gradient in y."""
        counts, labels = parts[0], LabelsGivenCount(*parts[1:])
        value, shares, claimed = self._value(parts, y)
        empty, slope = _emptiness(y)
        # The more labels, the less each of them counts.
        more = (y.sum(1) >= 1) * ((1 + self.weight) * claimed).sum(1)
        grad = (1 + self.weight) * labels.weighted(shares) - more[:, None]
        return value + counts[:, 0] * empty, grad + counts[:, :1] * slope

    def _value(self, parts, y):
        counts, labels = parts[0], LabelsGivenCount(*parts[1:])
        size_true = torch.arange(counts.shape[1], dtype=y.dtype, device=y.device)
        size = at_least_one(y.sum(1, keepdim=True)) + self.weight * size_true
        shares, shared = counts / size, labels.sums(y)
        value = (1 + self.weight) * (shares * shared).sum(1)
        return value, shares, shares * shared / size


class IOUValue:
    """Expected IOU, from the intersection that is expected given each number s.

    IOU is no linear function of the intersection T, so this is no exact expectation:
    it is one to second order, with the variance of T of labels drawn independently
    and held to s in all (Hajek, 1964). On ten labels it was on average .002 to .008
    off the truth, most often below; without the variance .012 to .025.
    """

    def prepare(self, p, counts, labels):
        """What depends on the row alone: a tuple of tensors, counts first."""
        # Variances in place of probabilities; those of rare labels are the same.
        spread = labels._replace(labels=labels.labels * (1 - labels.labels))
        total = spread.labels.sum(1) + spread.rest.sum(1, keepdim=True) * spread.left
        return counts, total, spread.labels, *labels

    def value(self, parts, y):
        """Expected values, shape (n,)."""
        size, rest, shared, variance, _ = self._terms(parts, y)
        ratios = shared / rest + size * variance / rest**3
        return (parts[0] * ratios).sum(1) + parts[0][:, 0] * _emptiness(y)[0]

    def value_and_grad(self, parts, y):
        """Expected values, shape (n,), and their gradient in y."""
        counts, labels, spread = self._labels(parts)
        size, rest, shared, variance, slope = self._terms(parts, y)
        value = (counts * (shared / rest + size * variance / rest**3)).sum(1)
        curved = 3 * size * variance / rest**4
        by_shared = counts * (size / rest**2 + curved)
        by_size = counts * (variance / rest**3 - shared / rest**2 - curved)
        grad = labels.weighted(by_shared)
        grad = grad + spread.weighted(counts * slope * size / rest**3)
        grad = grad + ((y.sum(1) >= 1) * by_size.sum(1))[:, None]
        empty, steeper = _emptiness(y)
        return value + counts[:, 0] * empty, grad + counts[:, :1] * steeper

    def _labels(self, parts):
        """Probabilities of the numbers, of the labels, and the latters' variances."""
        labels = LabelsGivenCount(*parts[3:])
        return parts[0], labels, labels._replace(labels=parts[2])

    def _terms(self, parts, y):
        """Sizes of both, of their union, of the intersection; its variance; a slope.

        The slope is that of the variance in the sum of independent variances.
        """
        counts, labels, spread = self._labels(parts)
        size_true = torch.arange(counts.shape[1], dtype=y.dtype, device=y.device)
        size = at_least_one(y.sum(1, keepdim=True)) + size_true
        shared, independent = labels.sums(y), spread.sums(y)
        share = independent / parts[1].clamp_min(1e-6)
        variance = independent * (1 - share)
        return size, size - shared, shared, variance, 1 - 2 * share


class AccuracyValue:
    """Expected accuracy, exact, from the probabilities that the counts leave."""

    def prepare(self, p, counts, labels):
        """What depends on the row alone: a tuple of tensors, counts first."""
        return counts, labels.weighted(counts)

    def value(self, parts, y):
        """Expected values, shape (n,)."""
        return (y * parts[1] + (1 - y) * (1 - parts[1])).mean(1)

    def value_and_grad(self, parts, y):
        """Expected values, shape (n,), and their gradient in y."""
        return self.value(parts, y), (2 * parts[1] - 1) / y.shape[1]


class SampledValue:
    """Mean value of any oracle against samples of the truth, the same at each call.

    Parameters
    ----------
    oracle : callable
    n_samples : int
        Samples per row.
    seed : int
        Seed of the uniform numbers that all rows share.
    """

    def __init__(self, oracle, n_samples, seed):
        self.oracle, self.n_samples, self.seed = oracle, n_samples, seed

    def prepare(self, p, counts, labels):
        """What depends on the row alone: a tuple of tensors, counts first."""
        rng = torch.Generator().manual_seed(self.seed)
        noise = torch.rand(
            self.n_samples, 1 + p.shape[1], generator=rng, dtype=torch.float64
        ).to(p.device)
        # One sample from each of equally probable strata of the numbers.
        strata = torch.arange(self.n_samples, device=p.device)
        quantiles = (strata + noise[:, 0]) / self.n_samples
        below = counts.detach().double().cumsum(1)[:, :-1].contiguous()
        n_labels = torch.searchsorted(below, quantiles.expand(len(p), -1).contiguous())
        samples = sample_labels(p, n_labels.T, noise[:, 1:].T[:, None])
        return counts, samples.transpose(0, 1)

    def value(self, parts, y):
        """Mean values, shape (n,)."""
        total, at_once = 0.0, max(1, SAMPLED_SIZE // max(y.numel(), 1))
        for samples in parts[1].split(at_once, 1):
            repeated = y[:, None].expand_as(samples).flatten(0, 1)
            values = self.oracle(repeated, samples.flatten(0, 1))
            total = total + values.view(samples.shape[:2]).sum(1)
        return total / self.n_samples

    def value_and_grad(self, parts, y):
        """Mean values, shape (n,), and their gradient in y.

        By autograd; where it finds none at all, as for an oracle that rounds, what each
        label is worth beside the others: the difference that 1 makes to 0.
        """
        with torch.enable_grad():
            leaf = y.detach().requires_grad_()
            value = self.value(parts, leaf)
            if value.requires_grad:
                (grad,) = torch.autograd.grad(value.sum(), leaf)
                if grad.any():
                    return value.detach(), grad
        return value.detach(), self._differences(parts, y)

    @torch.no_grad()
    def _differences(self, parts, y):
        """Mean values with a label less those without it, for each label."""
        differences = torch.empty_like(y)
        for label in range(y.shape[1]):
            having, lacking = y.clone(), y.clone()
            having[:, label], lacking[:, label] = 1, 0
            gain = self.value(parts, having) - self.value(parts, lacking)
            differences[:, label] = gain
        return differences


def expected_value(oracle, n_samples, seed):
    """How the expected value of an oracle is found.

    Parameters
    ----------
    oracle : callable
    n_samples, seed : int
        As for `SampledValue`, which takes what no other can.

    Returns
    -------
    expected : FBetaValue, IOUValue, AccuracyValue or SampledValue
    """
    if isinstance(oracle, FBeta):
        return FBetaValue(oracle)
    if oracle is relaxed_iou:
        return IOUValue()
    if oracle is relaxed_accuracy:
        return AccuracyValue()
    return SampledValue(oracle, n_samples, seed)


def best_labels(counts, labels, beta=1.0):
    """The same as `exact_maximiser`, for labels independent given their number.

    Whatever their number, labels of larger p are then more probable, so that the best
    output of each size has those of the largest p. Work and memory per row are linear
    in the labels that are stored one by one times max_count.

    Parameters
    ----------
    counts : torch.Tensor of shape (n, max_count + 1)
        Probabilities of the numbers of labels.
    labels : LabelsGivenCount
        Outputs consist of the most probable labels, those in ``labels.places``.
    beta : float, default=1.0

    Returns
    -------
    outputs : torch.Tensor of shape (n, n_labels)
        Entries 0 and 1.
    values : torch.Tensor of shape (n,)
    """
    shared = labels.labels.cumsum(1)
    gains = (shared * _shares(labels.labels, beta).T * counts[:, None]).sum(2)
    best, place = torch.cat([counts[:, :1], gains], 1).max(1)
    return _first(labels.places, place, labels.rest), best


def _shares(labels, beta):
    """What a found label counts, by sizes of truth and output."""
    weight, n_labels = float(beta) ** 2, labels.shape[1]
    sizes = torch.arange(1, n_labels + 1, dtype=labels.dtype, device=labels.device)
    n_counts = labels.shape[2]
    size_true = torch.arange(n_counts, dtype=labels.dtype, device=labels.device)
    return (1 + weight) / (sizes + weight * size_true[:, None])


def _first(order, n_chosen, like):
    """Outputs that have the first labels of an order, so many for each row."""
    places = torch.arange(order.shape[1], device=order.device)
    chosen = (places < n_chosen[:, None]).to(like.dtype)
    return torch.zeros_like(like).scatter(1, order, chosen)


def exact_maximiser(counts, labels, beta=1.0):
    """The outputs with the largest expected F-beta (Dembczynski et al., 2011).

    For each size k the best output has the k labels with the largest sums
    ``W_i(k) = sum_s (1 + beta^2) P(s) P(y_i = 1 | s) / (k + beta^2 s)``; the empty
    one is worth ``P(0)``. Work and memory per row grow with the square of n_labels.

    Parameters
    ----------
    counts : torch.Tensor of shape (n, max_count + 1)
        Probabilities of the numbers of labels.
    labels : torch.Tensor of shape (n, n_labels, max_count + 1)
        Those of the labels given their number.
    beta : float, default=1.0

    Returns
    -------
    outputs : torch.Tensor of shape (n, n_labels)
        Entries 0 and 1.
    values : torch.Tensor of shape (n,)
    """
    # Of rows, labels and sizes.
    gains = (labels * counts[:, None]) @ _shares(labels, beta)
    ordered = gains.sort(1, descending=True)
    values = ordered.values.cumsum(1).diagonal(dim1=1, dim2=2)
    best, place = torch.cat([counts[:, :1], values], 1).max(1)
    rows = torch.arange(len(counts), device=labels.device)
    order = ordered.indices[rows, :, (place - 1).clamp_min(0)]
    return _first(order, place, labels[:, :, 0]), best
