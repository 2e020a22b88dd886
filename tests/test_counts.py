"""Labels given their number, and the values that follow, against enumeration."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdvn.inference import GradientAscent
from skdvn.networks import (
    CountModel,
    CountNetwork,
    LabelsGivenCount,
    autograd_score_and_grad,
    build,
    check_network,
    conditional_labels,
    describe,
    exact_maximiser,
    is_known,
    join,
    log_count_distribution,
    score_all,
)
from skdvn.networks.count_model import count_features
from skdvn.networks.count_values import IOUValue
from skdvn.networks.counts import VALUE_MARGIN
from skdvn.oracles import FBeta, relaxed_accuracy, relaxed_f1, relaxed_iou

OTHER = "f1 squared"
ORACLES = {
    "f1": relaxed_f1,
    "f2": FBeta(2.0),
    "f0.5": FBeta(0.5),
    "accuracy": relaxed_accuracy,
    "iou": relaxed_iou,
    OTHER: lambda y, y_true: relaxed_f1(y, y_true) ** 2,
}


def truths(n_labels):
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n_labels))).double()


def log_probabilities(p, Y):
    on, off = p.double().log()[:, None], torch.log1p(-p.double())[:, None]
    return (Y * on + (1 - Y) * off).sum(2)


def network_with_counts(oracle, n_labels, **arguments):
    """In float64, with a distribution of counts that is not Poisson binomial."""
    network = CountNetwork(n_labels, oracle, **arguments).double()
    rng = torch.Generator().manual_seed(1)
    counts = network.counts
    counts.exponents.data = torch.tensor([0.7, 0.4, 0.5], dtype=torch.float64)
    counts.weight.data.normal_(generator=rng).mul_(0.3)
    counts.log_base.normal_(generator=rng)
    return network


def expected_values(network, x, outputs, oracle):
    """Of all outputs for all rows, (n, n_outputs), by enumeration of the truth."""
    Y = truths(x.shape[1])
    weights, counts = log_probabilities(x, Y).exp(), Y.sum(1).long()
    binomial = torch.zeros(len(x), x.shape[1] + 1).double()
    binomial.index_add_(1, counts, weights)
    learned = network.counts(x, binomial.log()).exp()
    weights = weights * (learned / binomial)[:, counts]
    values = torch.stack([oracle(y.expand_as(Y), Y) for y in outputs])
    return weights @ values.T


def values_of(network, x, outputs):
    context = network.encode(x)
    scores = score_all(network, context, outputs[:, None].expand(-1, len(x), -1))
    return (torch.sigmoid(scores).T - VALUE_MARGIN) / (1 - 2 * VALUE_MARGIN)


# -- the conditional Poisson binomial --------------------------------------------------

probability = st.floats(1e-6, 1 - 1e-6) | st.sampled_from([1e-6, 1 - 1e-6, 0.5])


@settings(max_examples=20, deadline=None)
@given(
    st.lists(probability, min_size=1, max_size=7),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_labels_given_their_number(p, dtype):
    # In float32 numbers next to 1 may be rounded beyond the margin.
    p = torch.tensor([p], dtype=dtype).clamp(1.01e-6, 1 - 1.1e-6)
    n_labels, Y = p.shape[1], truths(p.shape[1])
    log_weights, tolerance = log_probabilities(p, Y), 50 * torch.finfo(dtype).eps
    for max_count in {n_labels, (n_labels + 1) // 2}:
        log_counts, given = conditional_labels(p, max_count)
        labels = given.table()
        assert log_counts.dtype == labels.dtype == dtype
        torch.testing.assert_close(log_count_distribution(p, max_count), log_counts)
        for s in range(max_count + 1):
            chosen = Y.sum(1) == s
            total = torch.logsumexp(log_weights[:, chosen], 1).to(dtype)
            torch.testing.assert_close(log_counts[:, s], total, rtol=1e-6, atol=1e-6)
            wanted = log_weights[:, chosen].softmax(1) @ Y[chosen]
            error = (labels[:, :, s] - wanted).abs() / wanted.clamp_min(1e-9)
            assert error.max() < tolerance + 1e-9


def test_thousands_of_labels():
    rng = torch.Generator().manual_seed(0)
    p = torch.sigmoid(3 * torch.randn(3, 1500, generator=rng) - 5)
    p[0], p[1, :700] = 1e-6, 1 - 1e-6
    log_counts, given = conditional_labels(p, 60)
    labels = given.table()
    assert torch.isfinite(log_counts).all() and (labels >= 0).all()
    assert (labels <= 1 + 1e-6).all()
    torch.testing.assert_close(labels.sum(1), torch.arange(61.0).expand(3, -1))
    whole = [log_count_distribution(row[None], 60) for row in p]
    torch.testing.assert_close(torch.cat(whole), log_counts)
    torch.testing.assert_close(log_counts[0, 0].exp().item(), (1 - 1e-6) ** 1500)
    wanted = math.lgamma(1501) - math.lgamma(61) - math.lgamma(1441)
    wanted += 60 * math.log(1e-6) + 1440 * math.log1p(-1e-6)
    torch.testing.assert_close(log_counts[0, 60].item(), wanted, rtol=1e-5, atol=0)


def test_rare_labels_together_are_nearly_those_one_by_one():
    rng = torch.Generator().manual_seed(0)
    p = torch.sigmoid(2 * torch.randn(20, 400, generator=rng).double() - 7)
    exact_counts, exact = conditional_labels(p, 20)
    log_counts, few = conditional_labels(p, 20, 40)
    torch.testing.assert_close(log_counts, exact_counts)
    assert few.labels.shape == (20, 40, 21) and few.table().shape == (20, 400, 21)
    likely = exact_counts.exp()[:, None]
    assert ((few.table() - exact.table()) * likely).abs().max() < 2e-4
    torch.testing.assert_close(few.table().sum(1), exact.table().sum(1))
    y, weights = torch.rand(20, 400, generator=rng), torch.rand(20, 21, generator=rng)
    y, weights = y.double(), weights.double()
    torch.testing.assert_close(few.sums(y), (y[:, None] @ few.table())[:, 0])
    torch.testing.assert_close(
        few.weighted(weights), (few.table() @ weights[:, :, None])[:, :, 0]
    )


# -- values ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["f1", "f2", "f0.5", "accuracy"])
def test_values_of_binary_outputs_are_exact(name):
    oracle, rng = ORACLES[name], torch.Generator().manual_seed(0)
    network = network_with_counts(oracle, 6)
    x = torch.rand(7, 6, generator=rng).double().square().clamp_min(1e-3)
    wanted = expected_values(network, x, truths(6), oracle)
    torch.testing.assert_close(values_of(network, x, truths(6)), wanted)


@pytest.mark.parametrize(("name", "bias", "error"), [("iou", 0.003, 0.005)])
def test_values_of_iou_are_nearly_exact(name, bias, error):
    rng = torch.Generator().manual_seed(0)
    network = network_with_counts(ORACLES[name], 8)
    x = torch.sigmoid(1.5 * torch.randn(10, 8, generator=rng).double() - 1)
    wanted = expected_values(network, x, truths(8), ORACLES[name])
    errors = values_of(network, x, truths(8)) - wanted
    assert abs(errors.mean()) < bias and errors.abs().mean() < error


def test_the_iou_of_all_labels_is_exact_however_certain_they_are():
    """Their intersection with the truth is the truth, of which the number is known."""
    p = torch.full((2, 8), 1e-4).double()
    p[0, :3], p[0, 3:5], p[1, :2] = 1 - 1e-4, 0.3, torch.tensor([0.4, 0.6]).double()
    network = CountNetwork(8, relaxed_iou).double()
    value = values_of(network, p, torch.ones(1, 8).double())
    likely = network.counts(p, log_count_distribution(p, 8)).exp()
    wanted = likely @ torch.arange(9.0).double() / 8
    torch.testing.assert_close(value[:, 0], wanted)


def test_rows_with_rare_labels_are_valued_as_if_alone():
    rng = torch.Generator().manual_seed(0)
    p = torch.sigmoid(2 * torch.randn(5, 400, generator=rng).double() - 5)
    y = (torch.rand(5, 400, generator=rng) < p).double()

    def valued(p, y):
        log_counts, labels = conditional_labels(p, 20, 40)
        form = IOUValue()
        return form.value(form.prepare(p, log_counts.exp(), labels), y)

    alone = torch.cat([valued(p[[i]], y[[i]]) for i in range(5)])
    torch.testing.assert_close(valued(p, y), alone)


def test_values_of_other_oracles_are_means_over_samples():
    rng = torch.Generator().manual_seed(0)
    network = network_with_counts(ORACLES[OTHER], 5, n_samples=200)
    x = torch.rand(6, 5, generator=rng).double().clamp_min(1e-3)
    wanted = expected_values(network, x, truths(5), ORACLES[OTHER])
    errors = values_of(network, x, truths(5)) - wanted
    assert errors.abs().mean() < 0.012 and errors.abs().max() < 0.06
    # Samples of a row are the same alone and among others.
    alone = torch.cat([values_of(network, row[None], truths(5)) for row in x])
    torch.testing.assert_close(alone, values_of(network, x, truths(5)))


def test_an_oracle_without_gradient_is_climbed_by_differences():
    def subset_accuracy(y, y_true):
        return (y.round() == y_true).all(1).to(y.dtype)

    network = CountNetwork(4, subset_accuracy, n_samples=100).double()
    x = torch.tensor([[0.9, 0.8, 0.1, 0.4]]).double().expand(3, -1)
    context = network.encode(x)
    y = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]).double()
    _, grad = network.score_and_grad(context, y)
    assert (grad[0, :2] > 0).all() and (grad[0, 2:] < 0).all()
    assert grad[1, 2] < 0
    ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
    found = ascent.climb(lambda at: network.score_and_grad(context, at), y)
    best = max(
        (network.score(context, torch.tensor([t] * 3).double())[0].item(), t)
        for t in itertools.product([0.0, 1.0], repeat=4)
    )
    assert found[0].round().tolist() == list(best[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ORACLES)
def test_gradients_are_those_of_autograd(name, dtype):
    rng = torch.Generator().manual_seed(0)
    network = network_with_counts(ORACLES[name], 6).to(dtype)
    for weight in network.parameters():
        weight.data.add_(0.1 * torch.randn(weight.shape, generator=rng))
    x, y = torch.rand(2, 8, 6, generator=rng).to(dtype)
    y[0], y[1], y[2] = 0, y[1].round(), y[2] * 0.1
    y[3], y[4] = 0, 1
    y[3, 2] = 1
    context = network.encode(x)
    score, grad = network.score_and_grad(context, y)
    wanted_score, wanted = autograd_score_and_grad(network, context, y)
    torch.testing.assert_close(score, wanted_score)
    torch.testing.assert_close(grad, wanted, rtol=1e-4, atol=1e-4)
    assert grad.dtype == dtype
    check_network(network, x, y)


@pytest.mark.parametrize("name", ["f1", "iou", "accuracy"])
def test_all_weights_can_be_trained(name):
    rng = torch.Generator().manual_seed(0)
    network = network_with_counts(ORACLES[name], 6)
    x, y = torch.rand(2, 8, 6, generator=rng).double()
    score, grad = network.score_and_grad(network.encode(x), y)
    (score.sum() + grad.square().sum()).backward()
    for weight_name, weight in network.named_parameters():
        assert weight.grad.abs().max() > 0, weight_name


def test_the_score_is_made_from_its_summary():
    rng = torch.Generator().manual_seed(0)
    network = network_with_counts(relaxed_f1, 6)
    x, y = torch.rand(2, 4, 6, generator=rng).double()
    context = network.encode(x)
    value = values_of(network, x, y)[torch.arange(4), torch.arange(4)]
    summary = network.summary(context, y)
    kept = torch.sigmoid(summary[:, 0])
    torch.testing.assert_close((kept - VALUE_MARGIN) / (1 - 2 * VALUE_MARGIN), value)
    counts, sizes = context[1], torch.arange(7.0).double()
    mean = counts @ sizes
    variance = counts @ sizes.square() - mean.square()
    torch.testing.assert_close(summary[:, 1], mean.log1p())
    torch.testing.assert_close(
        summary[:, 2], variance.sqrt().log1p(), atol=1e-4, rtol=1e-4
    )
    for weight in (network.log_slope, network.bias, network.correction):
        weight.data.add_(0.3)
    wanted = 1.3498588 * summary[:, 0] + 0.3 + 0.3 * summary[:, 1:].sum(1)
    torch.testing.assert_close(network.score(context, y), wanted)
    assert torch.equal(network.guess(context), x)


def test_samples_are_truths_as_they_may_be():
    network = network_with_counts(relaxed_f1, 4)
    x = torch.tensor([[0.9, 0.5, 0.2, 0.1]]).double().expand(4000, -1)
    context = network.encode(x)
    samples = network.sample(context, torch.Generator().manual_seed(0))
    assert set(samples.unique().tolist()) == {0.0, 1.0}
    counts = torch.nn.functional.one_hot(samples.sum(1).long(), 5).double().mean(0)
    torch.testing.assert_close(counts, context[1][0], atol=0.03, rtol=0)
    marginals = conditional_labels(x[:1], 4)[1].weighted(context[1][:1])[0]
    torch.testing.assert_close(samples.mean(0), marginals, atol=0.03, rtol=0)


def test_a_network_comes_back_from_its_record():
    network = network_with_counts(FBeta(2.0), 6, max_count=4)
    x, y = torch.rand(2, 4, 6, generator=torch.Generator().manual_seed(0)).double()
    assert is_known(network)
    other = build(describe(network))
    wanted = network.score(network.encode(x), y)
    assert torch.equal(other.score(other.encode(x), y), wanted)
    joint = join([network, other])
    torch.testing.assert_close(joint.score(joint.encode(x), y), wanted)


# -- the best output -------------------------------------------------------------------


def counts_and_labels(network, x):
    _, counts, *labels = network.encode(x)
    return counts, LabelsGivenCount(*labels).table()


@pytest.mark.parametrize("name", ["f1", "f2", "f0.5"])
def test_the_exact_maximiser_is_that_of_enumeration(name):
    rng, oracle = torch.Generator().manual_seed(0), ORACLES[name]
    network = network_with_counts(oracle, 6)
    x = torch.sigmoid(2 * torch.randn(40, 6, generator=rng).double() - 3)
    x[:3] *= 0.01
    values = expected_values(network, x, truths(6), oracle)
    outputs, found = exact_maximiser(*counts_and_labels(network, x), oracle.beta)
    best, place = values.max(1)
    torch.testing.assert_close(found, best)
    torch.testing.assert_close(outputs, truths(6)[place])
    assert 0 < (outputs.sum(1) == 0).sum() < len(x)


@given(st.integers(1, 9), st.integers(0, 10**6), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_best_labels_are_the_most_probable_ones(n_labels, seed, beta):
    """One sum over labels in order finds what the search over all of them finds."""
    rng = torch.Generator().manual_seed(seed)
    p = torch.rand(4, n_labels, generator=rng).double() ** 2
    network = network_with_counts(FBeta(beta), n_labels)
    context = network.encode(p)
    outputs, values = network.best(context)
    _, expected = exact_maximiser(*counts_and_labels(network, p), beta=beta)
    torch.testing.assert_close(values, expected)
    scored = torch.sigmoid(network.score(context, outputs))
    torch.testing.assert_close(
        (scored - VALUE_MARGIN) / (1 - 2 * VALUE_MARGIN), values, atol=1e-6, rtol=0
    )


def test_the_exact_maximiser_of_any_distribution():
    """Which labels are best then depends on how many there are."""
    rng, Y = torch.Generator().manual_seed(0), truths(5)
    weights = torch.rand(200, len(Y), generator=rng).double().pow(8)
    weights /= weights.sum(1, keepdim=True)
    one_hot = torch.nn.functional.one_hot(Y.sum(1).long()).double()
    counts = weights @ one_hot
    labels = torch.einsum("nt,tl,ts->nls", weights, Y, one_hot) / counts[:, None]
    values = weights @ torch.stack([relaxed_f1(y.expand_as(Y), Y) for y in Y]).T
    outputs, found = exact_maximiser(counts, labels)
    best, place = values.max(1)
    torch.testing.assert_close(found, best)
    torch.testing.assert_close(outputs, Y[place])


def label_problem(n, n_labels, mean, rng):
    """Probabilities of rare and frequent labels, about `mean` of them per row."""
    logits = 1.2 * torch.randn(n_labels, generator=rng)
    logits = logits + 1.5 * torch.randn(n, n_labels, generator=rng)
    means = mean * (0.5 * torch.randn(n, 1, generator=rng)).exp()
    low, high = torch.full((2, n, 1), 30.0) * torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    for _ in range(30):
        middle = (low + high) / 2
        many = torch.sigmoid(logits + middle).sum(1, keepdim=True) > means
        low, high = torch.where(many, low, middle), torch.where(many, middle, high)
    return torch.sigmoid(logits + low)


def test_the_ascent_finds_the_best_output():
    rng, losses = torch.Generator().manual_seed(0), []
    for n_labels, mean, n in (
        (6, 1.5, 200),
        (19, 1.0, 200),
        (53, 3.4, 100),
        (159, 2.4, 60),
    ):
        network = CountNetwork(n_labels, relaxed_f1, max_count=20)
        p = label_problem(n, n_labels, mean, rng)
        with torch.no_grad():
            context = network.encode(p)
            best, value = exact_maximiser(*counts_and_labels(network, p))
            field = lambda y, at=context, of=network: of.score_and_grad(at, y)  # noqa: E731
            ascent = GradientAscent(10, 0.8, "normalized", step_decay="linear")
            y = ascent.climb(field, p)
            found = torch.sigmoid(network.score(context, (y > 0.5).float()))
        losses.append((value - (found - VALUE_MARGIN) / (1 - 2 * VALUE_MARGIN)).mean())
        assert (best.sum(1) == 0).any()
    assert max(losses) < 0.003 and sum(losses) / len(losses) < 0.0015
    assert min(losses) > -1e-4


# -- learned counts --------------------------------------------------------------------


def log_loss(model, p, Y):
    log_counts = model(p, log_count_distribution(p, model.max_count))
    counts = Y.sum(1).long().clamp(max=model.max_count)
    return -log_counts.gather(1, counts[:, None]).mean().item()


def test_the_regression_is_where_its_loss_is_least():
    rng = torch.Generator().manual_seed(0)
    p = label_problem(80, 12, 2.0, rng).double()
    Y = (torch.rand(p.shape, generator=rng) < p).double()
    model = CountModel(12, 6).double()
    model.fit(p, Y, rng)
    model.exponents.data = torch.tensor([0.0, 0.0, 1.0]).double()
    loss = (
        len(p)
        * -model(p, torch.zeros(80, 7).double())
        .gather(1, Y.sum(1).long().clamp(max=6)[:, None])
        .mean()
    )
    loss = loss + 0.5 * (model.weight.square().sum() + model.bias.square().sum())
    for grad in torch.autograd.grad(loss, (model.weight, model.bias)):
        assert grad.abs().max() < 0.02


def test_few_rows_change_little():
    """Where labels are independent there is nothing to learn."""
    rng = torch.Generator().manual_seed(0)
    p = label_problem(2100, 20, 3.0, rng)
    Y = (torch.rand(p.shape, generator=rng) < p).float()
    network = CountNetwork(20, relaxed_f1).fit_counts(p[:100], Y[:100], rng)
    plain = CountModel(20, network.counts.max_count)
    excess = log_loss(network.counts, p[100:], Y[100:]) - log_loss(
        plain, p[100:], Y[100:]
    )
    assert excess < 0.03


def test_the_number_of_labels_is_learned():
    """One label per row, whatever p says; then two where the largest p is small."""
    rng = torch.Generator().manual_seed(0)
    p = label_problem(600, 8, 1.5, rng)
    numbers = 1 + (p.amax(1) < 0.5).long()
    order = (p * (1 + torch.rand(p.shape, generator=rng))).argsort(1, descending=True)
    Y = torch.zeros_like(p).scatter(
        1, order, (torch.arange(8) < numbers[:, None]).float()
    )
    network = CountNetwork(8, relaxed_f1).fit_counts(p[:300], Y[:300], rng)
    again = CountNetwork(8, relaxed_f1).fit_counts(
        p[:300], Y[:300], torch.Generator().manual_seed(5)
    )
    model = network.counts
    assert model.max_count == 4 and model.exponents[2] > 0.3
    assert log_loss(model, p[300:], Y[300:]) < 0.35
    torch.testing.assert_close(model.weight, again.counts.weight)  # of all rows
    assert torch.isfinite(network.encode(p)[1]).all()


def test_rows_without_variety():
    p = torch.full((3, 2), 0.3)
    network = CountNetwork(2, relaxed_f1)
    for Y in (torch.zeros(3, 2), torch.ones(3, 2), torch.zeros(1, 2)):
        network.fit_counts(p[: len(Y)], Y, torch.Generator())
        counts = network.encode(p)[1]
        torch.testing.assert_close(counts.sum(1), torch.ones(3))
    assert count_features(p).shape == (3, 3)
