"""Tests of the value networks for images and their closed forms."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from skdvn.networks import (
    FCN,
    ConvNetwork,
    GuessNetwork,
    JointNetwork,
    UNet,
    autograd_score_and_grad,
    check_network,
    copy_network,
    expected_term,
    score_and_grad,
    scores_and_grads,
)
from skdvn.oracles import (
    MAP_ORACLES,
    FBeta,
    relaxed_accuracy,
    relaxed_iou,
    relaxed_mean_iou,
    relaxed_pixel_accuracy,
)


@pytest.mark.parametrize("name", ["conv", "oracle", "own oracle", "linear"])
def test_closed_form_equals_autograd(image_networks, name, uniform):
    network = image_networks()[name]
    x, y = uniform(4, 3, 8, 8), uniform(4, 1, 8, 8, seed=1)
    check_network(network, x, y)
    with torch.no_grad():
        context = network.encode(x)
        score, grad = network.score_and_grad(context, y)
        torch.testing.assert_close(score, network.score(context, y))
    _, expected = autograd_score_and_grad(network, context, y)
    assert not grad.requires_grad
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("name", ["conv", "oracle", "own oracle", "linear"])
def test_gradients_can_be_trained_on(image_networks, name, uniform):
    network = image_networks()[name]
    x, outputs = uniform(2, 3, 8, 8), uniform(3, 2, 1, 8, 8, seed=1)
    results = []
    for plain in (False, True):
        twin = copy_network(network)
        if plain:
            twin.score_and_grad = None
            twin = _WithoutClosedForm(twin)
        scores, grads = scores_and_grads(twin, twin.encode(x), outputs)
        (scores.square().sum() + grads.square().sum()).backward()
        results.append([p.grad for p in twin.parameters()])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs)


class _WithoutClosedForm(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def encode(self, x):
        return self.network.encode(x)

    def score(self, context, y):
        return self.network.score(context, y)


@given(seed=st.integers(0, 999), beta=st.sampled_from([0.5, 1.0, 2.0]))
def test_expected_terms_are_the_oracle_on_certain_guesses(seed, beta):
    """With a binary guess the value is that of the oracle, up to the smoothing."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.rand(5, 1, 20, 20, generator=rng, dtype=torch.float64)
    truth = (torch.rand(5, 1, 20, 20, generator=rng) > 0.4).double()
    for oracle in (relaxed_accuracy, relaxed_iou, FBeta(beta)):
        logit, _ = expected_term(oracle)(y, truth)
        torch.testing.assert_close(
            torch.sigmoid(logit), oracle(y, truth), atol=2e-3, rtol=0
        )


def class_map(rng, n_classes, *size):
    classes = torch.randint(n_classes, size, generator=rng)
    return F.one_hot(classes, n_classes).permute(0, 3, 1, 2).double()


@given(seed=st.integers(0, 999), n_classes=st.integers(3, 5))
def test_expected_terms_of_several_classes(seed, n_classes):
    rng = torch.Generator().manual_seed(seed)
    y, truth = (class_map(rng, n_classes, 3, 30, 30) for _ in range(2))
    for oracle in (relaxed_pixel_accuracy, relaxed_mean_iou):
        logit, _ = expected_term(oracle)(y, truth)
        torch.testing.assert_close(
            torch.sigmoid(logit), oracle(y, truth), atol=2e-3, rtol=0
        )


@pytest.mark.parametrize("oracle", MAP_ORACLES.values(), ids=MAP_ORACLES)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_gradients_of_expected_terms(oracle, n_channels, uniform):
    term = expected_term(oracle)
    y = uniform(2, n_channels, 4, 4).requires_grad_()
    guess = uniform(2, n_channels, 4, 4, seed=1)
    logit, grad = term(y, guess)
    (expected,) = torch.autograd.grad(logit.sum(), y)
    torch.testing.assert_close(grad, expected)


def test_the_expected_accuracy_is_best_at_the_likeliest_classes(seeded, uniform):
    guess = uniform(3, 4, 5, 5)
    guess = guess / guess.sum(1, keepdim=True)
    best = F.one_hot(guess.argmax(1), 4).permute(0, 3, 1, 2).double()
    term = expected_term(relaxed_pixel_accuracy)
    value, _ = term(best, guess)
    for seed in range(20):
        other, _ = term(class_map(seeded(seed), 4, 3, 5, 5), guess)
        assert (other <= value).all()


@given(seed=st.integers(0, 999))
def test_maximiser_of_the_expected_iou_is_a_threshold(seed):
    """The best of all masks keeps the pixels with p > v / (1 + v)."""
    rng = torch.Generator().manual_seed(seed)
    guess = torch.rand(1, 1, 3, 3, generator=rng, dtype=torch.float64)
    masks = torch.cartesian_prod(*[torch.arange(2.0)] * 9).double().view(-1, 1, 3, 3)
    value = (masks * guess).sum((1, 2, 3)) / (masks + guess - masks * guess).sum(
        (1, 2, 3)
    )
    best = value.argmax()
    expected = (guess > value[best] / (1 + value[best])).double()
    assert torch.equal(masks[best], expected[0])


def test_guess_starts_the_value(image_networks, uniform):
    network = image_networks()["oracle"]
    x = uniform(4, 3, 8, 8)
    with torch.no_grad():
        context = network.encode(x)
        guess = network.guess(context)
        truth = (guess > 0.5).double()
        losses = F.binary_cross_entropy(guess, truth, reduction="none")
        torch.testing.assert_close(
            network.guess_losses(context, truth), losses.mean((1, 2, 3))
        )
        joint = JointNetwork([network, image_networks(seed=1)["oracle"]])
        contexts = joint.encode(x)
        each = [n.guess(c) for n, c in zip(joint.networks, contexts, strict=True)]
        torch.testing.assert_close(joint.guess(contexts), sum(each) / 2)


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_guessers_keep_the_size(kind, seeded, uniform):
    network = kind(3, 2, generator=seeded()).double().eval()
    x = uniform(2, 3, 16, 24)
    with torch.no_grad():
        assert network.guess(network.encode(x)).shape == (2, 2, 16, 24)


def test_dropout_draws_from_its_own_source(
    uniform, seeded, global_randomness_untouched
):
    network = ConvNetwork(3, 1, 8, (4, 4, 4), (64, 4), generator=seeded()).double()
    x, y = uniform(2, 3, 8, 8), uniform(2, 1, 8, 8, seed=1)
    twin = pickle.loads(pickle.dumps(network))
    with torch.no_grad():
        context = network.encode(x)
        first, second = (network.train().score(context, y) for _ in range(2))
        assert not torch.equal(first, second)
        assert torch.equal(first, twin.train().score(context, y))
        network.eval()
        assert torch.equal(network.score(context, y), network.score(context, y))
        dropped, _ = score_and_grad(network.train(), context, y)
        assert not torch.equal(dropped, network.eval().score(context, y))


def test_half_precision_is_close(uniform, seeded):
    x = uniform(4, 3, 16, 16, dtype=torch.float32)
    y = uniform(4, 1, 16, 16, seed=1, dtype=torch.float32)
    encoder = UNet(3, 1, 8, 2, generator=seeded())
    for network in (
        ConvNetwork(3, 1, 16, generator=seeded()),
        GuessNetwork(encoder, relaxed_iou),
    ):
        network.eval()
        with torch.no_grad():
            full = network.score_and_grad(network.encode(x), y)
            getattr(network, "encoder", network).half = True
            half = network.score_and_grad(network.encode(x), y)
        for a, b in zip(full, half, strict=True):
            assert b.dtype == torch.float32
            assert (a - b).abs().max() < 0.05 * a.abs().max() + 0.05


@pytest.mark.parametrize("apart", [False, True])
def test_a_value_apart_leaves_the_guess_alone(apart, seeded, uniform):
    encoder = UNet(3, 1, 4, 2, generator=seeded())
    network = GuessNetwork(encoder, relaxed_iou, apart=apart)
    network = network.double()
    x, y = uniform(2, 3, 8, 8), uniform(2, 1, 8, 8, seed=1)
    network.score(network.encode(x), y).sum().backward()
    assert network.log_slope.grad is not None
    assert (encoder.head.weight.grad is None) == apart
