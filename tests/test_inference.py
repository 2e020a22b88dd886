"""Tests of inference: projections, steps, trajectories, and the optima they reach."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from skdvn.data import ConstantRows, Queries, Rows
from skdvn.inference import (
    STEP_RULES,
    GradientAscent,
    infer,
    inferred,
    project_box,
    project_simplex,
    stages,
    value_field,
    values,
)
from skdvn.networks import JointNetwork, join

CPU = torch.device("cpu")
every_rule = pytest.mark.parametrize("rule", STEP_RULES)


def rows(array, dtype=torch.float64):
    return Rows(np.asarray(array), CPU, dtype)


def all_labelings(n_labels):
    """Every binary output, shape (2 ** n_labels, n_labels)."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n_labels))).double()


def scores_of_all_labelings(network, context):
    """Shape (2 ** n_labels, n) for contexts of n examples."""
    corners = all_labelings(context.shape[1])
    return network.score(context, corners[:, None].expand(-1, len(context), -1))


def climb(network, ascent, x, y):
    with torch.no_grad():
        context = network.encode(x)
        y = ascent.climb(value_field(network, context), y)
        return y, network.score(context, y)


# -- the projection -------------------------------------------------------------------

numbers = arrays(float, (3, 4), elements=st.floats(-1e6, 1e6))
inside = arrays(float, (3, 4), elements=st.floats(0, 1))


@given(numbers, inside)
def test_the_projection_is_the_nearest_point_of_the_box(point, other):
    y = torch.tensor(point)
    found = project_box(y.clone())
    assert (found >= 0).all() and (found <= 1).all()
    assert torch.equal(project_box(found.clone()), found)
    distances = (found - y).norm(dim=1), (torch.tensor(other) - y).norm(dim=1)
    assert (distances[0] <= distances[1] * (1 + 1e-12)).all()


@given(inside)
def test_the_projection_keeps_what_is_in_the_box(point):
    assert torch.equal(project_box(torch.tensor(point)), torch.tensor(point))


def test_the_projection_works_in_place():
    y = torch.tensor([-1.0, 0.5, 2.0])
    assert project_box(y) is y
    assert y.tolist() == [0, 0.5, 1]
    y = torch.tensor([[-1.0, 0.75, 0.75]])
    assert project_simplex(y) is y
    assert y.tolist() == [[0, 0.5, 0.5]]


@given(arrays(float, (2, 4, 3), elements=st.floats(-50, 50)))
def test_the_nearest_point_of_the_simplex(point):
    """Of a convex set the nearest point makes no acute angle with any corner."""
    y = torch.tensor(point)
    found = project_simplex(y.clone())
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.ones(2, 3).double())
    for corner in torch.eye(4).double():
        towards = corner.view(4, 1) - found
        assert ((y - found) * towards).sum(1).max() <= 1e-9 * (1 + y.abs().max())
    torch.testing.assert_close(project_simplex(found.clone()), found)


# -- single steps ---------------------------------------------------------------------

DIRECTIONS = {
    "value": lambda network, context, y: torch.sigmoid(network.score(context, y)),
    "logit": lambda network, context, y: network.score(context, y),
}


@pytest.mark.parametrize("rule", DIRECTIONS)
def test_a_step_follows_the_gradient_of_what_the_rule_names(
    rule, make_network, uniform
):
    """Eq. 8, with the gradient by autograd."""
    network, y = make_network(), uniform(6, 4)
    context = network.encode(uniform(6, 5, seed=1)).detach()
    leaf = y.clone().requires_grad_()
    target = DIRECTIONS[rule](network, context, leaf).sum()
    (grad,) = torch.autograd.grad(target, leaf)
    ascent = GradientAscent(n_steps=1, step_size=0.3, step_rule=rule)
    with torch.no_grad():
        found = ascent.climb(value_field(network, context), y)
    torch.testing.assert_close(found, (y + 0.3 * grad).clamp(0, 1))


@given(
    grad=arrays(float, (3, 2, 2), elements=st.floats(-1e3, 1e3)).filter(
        lambda grad: (np.abs(grad).max(axis=(1, 2)) > 1e-3).all()
    ),
    step_size=st.floats(0.01, 0.5),
)
def test_a_normalized_step_moves_the_steepest_entry_by_the_step_size(grad, step_size):
    grad, y = torch.tensor(grad), torch.full((3, 2, 2), 0.5).double()
    ascent = GradientAscent(n_steps=1, step_size=step_size, step_rule="normalized")
    moved = ascent.climb(lambda y: (y.flatten(1).sum(1), grad), y) - y
    torch.testing.assert_close(
        moved.abs().flatten(1).amax(1), torch.full((3,), step_size).double()
    )
    # Parallel to the gradient, and no entry against it.
    torch.testing.assert_close(
        moved * grad.abs().amax((1, 2), keepdim=True), step_size * grad
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_normalized_step_does_not_depend_on_the_size_of_the_gradient(dtype, size):
    grad = size * torch.tensor([[1.0, -0.5]], dtype=dtype)
    y = torch.full((1, 2), 0.5, dtype=dtype)
    ascent = GradientAscent(n_steps=1, step_size=0.2, step_rule="normalized")
    found = ascent.climb(lambda y: (y.sum(1), grad), y)
    torch.testing.assert_close(found, torch.tensor([[0.7, 0.4]], dtype=dtype))


@every_rule
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("score", [-1e4, -50.0, 0.0, 50.0, 1e4])
def test_no_gradient_and_extreme_scores_do_no_harm(rule, dtype, score):
    grad = torch.tensor([[0.0, 0.0], [1.0, -1.0]], dtype=dtype)
    y = torch.full((2, 2), 0.5, dtype=dtype)
    scores = torch.full((2,), score, dtype=dtype)
    found = GradientAscent(n_steps=3, step_rule=rule).climb(lambda y: (scores, grad), y)
    assert torch.isfinite(found).all()
    assert torch.equal(found[0], y[0])
    assert found[1, 0] >= 0.5 >= found[1, 1]


@every_rule
@pytest.mark.parametrize("activation", ["softplus", "tanh"])
@given(seed=st.integers(0, 10**6))
def test_a_small_step_raises_the_score(rule, activation, seed, make_network, uniform):
    network = make_network(seed=seed, activation=activation)
    x, y = uniform(8, 5, seed=seed), uniform(8, 4, seed=seed + 1)
    context = network.encode(x)
    before, grad = network.score_and_grad(context, y)
    if rule == "value":
        grad = grad * torch.sigmoid(before)[:, None] * torch.sigmoid(-before)[:, None]
    tiny = 1e-4
    free = ((y + tiny * grad).clamp(0, 1) - y).norm(dim=1) / tiny > 1e-2
    _, after = climb(network, GradientAscent(1, tiny, rule), x, y)
    assert (after[free] > before[free]).all()
    assert (after >= before - 1e-9).all()


@every_rule
@given(
    seed=st.integers(0, 10**6),
    step_size=st.floats(1e-3, 1e3),
    momentum=st.sampled_from([0.0, 0.5, 0.99]),
    noise=st.sampled_from([0.0, 3.0]),
)
def test_outputs_never_leave_the_box(
    rule, seed, step_size, momentum, noise, make_network, uniform, seeded
):
    network = make_network(seed=seed, dtype=torch.float32)
    ascent = GradientAscent(5, step_size, rule, momentum, noise)
    with torch.no_grad():
        context = network.encode(uniform(3, 5, dtype=torch.float32))
        start = uniform(3, 4, seed=seed, dtype=torch.float32)
        for y in ascent.iterates(value_field(network, context), start, seeded(seed)):
            assert (y >= 0).all() and (y <= 1).all()


@pytest.mark.parametrize("rule", STEP_RULES)
def test_on_the_simplex_the_ascent_finds_the_best_corner(rule, uniform):
    slopes = 5 + uniform(3, 4, 2)  # what all classes have in common says nothing

    def field(y):
        return (slopes * y).flatten(1).sum(1) - 10, slopes

    start = torch.full((3, 4, 2), 0.25).double()
    ascent = GradientAscent(500, 1.0, rule, projection="simplex")
    for y in ascent.iterates(field, start):
        torch.testing.assert_close(y.sum(1), torch.ones(3, 2).double())
    assert torch.equal(y.argmax(1), slopes.argmax(1))
    torch.testing.assert_close(y.amax(1), torch.ones(3, 2).double())
    torch.testing.assert_close(
        ascent.step(field, y, torch.arange(3)), y, rtol=0, atol=1e-9
    )


# -- momentum and noise ---------------------------------------------------------------


@pytest.mark.parametrize("rule", ["value", "logit"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_written_out(rule, momentum, make_network, uniform):
    network, y = make_network(), uniform(3, 4)
    field = value_field(network, network.encode(uniform(3, 5)).detach())
    expected, velocity = y.clone(), torch.zeros_like(y)
    ascent = GradientAscent(6, 0.2, rule, momentum)
    with torch.no_grad():
        for found in ascent.iterates(field, y):
            score, grad = field(expected)
            value = torch.sigmoid(score)[:, None]
            step = grad * value * (1 - value) if rule == "value" else grad
            velocity = momentum * velocity + step
            expected = (expected + 0.2 * velocity).clamp(0, 1)
            torch.testing.assert_close(found, expected)


def flat(y):
    """A field without a slope."""
    return y.new_zeros(len(y)), torch.zeros_like(y)


def test_noise_has_the_size_asked_for(seeded):
    start = torch.full((2000, 5), 0.5).double()
    ascent = GradientAscent(n_steps=1, step_size=0.25, noise=0.2)
    draws = ascent.climb(flat, start, seeded()) - start
    assert draws.std().item() == pytest.approx(0.2 * math.sqrt(0.25), rel=0.05)
    assert abs(draws.mean().item()) < 0.005


def test_noise_comes_from_the_generator_alone(seeded, global_randomness_untouched):
    start = torch.full((4, 5), 0.5)
    ascent = GradientAscent(n_steps=3, noise=0.1)
    runs = [ascent.climb(flat, start, seeded(seed)) for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_steps_of_noise_are_independent(seeded):
    ascent = GradientAscent(n_steps=2, step_size=1.0, noise=0.05)
    start = torch.full((2000, 2), 0.5).double()
    one, two = (y.clone() for y in ascent.iterates(flat, start, seeded()))
    steps = torch.stack([(one - start).flatten(), (two - one).flatten()])
    assert abs(torch.corrcoef(steps)[0, 1]) < 0.1


def test_no_noise_needs_no_randomness(
    make_network, uniform, global_randomness_untouched
):
    network = make_network()
    one, other = (
        climb(network, GradientAscent(), uniform(3, 5), uniform(3, 4))[0]
        for _ in range(2)
    )
    assert torch.equal(one, other)


# -- iterates -------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_iterates_leave_the_start_alone_and_reuse_one_tensor(
    rule, momentum, make_network, uniform
):
    network, start = make_network(interaction=()), uniform(3, 4)
    context = network.encode(uniform(3, 5)).detach()
    before = start.clone(), context.clone()
    seen = []
    with torch.no_grad():
        ascent = GradientAscent(4, step_rule=rule, momentum=momentum)
        for y in ascent.iterates(value_field(network, context), start):
            seen.append((id(y), y.clone()))
    assert len(seen) == 4
    assert len({address for address, _ in seen}) == 1
    assert not torch.equal(seen[0][1], seen[1][1])
    assert seen[0][0] != id(start)
    assert torch.equal(start, before[0])
    # Without a global part the context is the gradient itself.
    assert torch.equal(context, before[1])


def test_an_expanded_start_becomes_one_output_per_example(make_network, uniform):
    network, x = make_network(), uniform(5, 5)
    zeros = torch.zeros(4).double()
    found, _ = climb(network, GradientAscent(), x, zeros.expand(5, 4))
    expected, _ = climb(network, GradientAscent(), x, torch.zeros(5, 4).double())
    assert torch.equal(found, expected)
    assert not zeros.any()


def test_climbing_is_the_last_iterate(make_network, uniform):
    network, start = make_network(), uniform(3, 4)
    field = value_field(network, network.encode(uniform(3, 5)).detach())
    ascent = GradientAscent(7)
    with torch.no_grad():
        iterates = [y.clone() for y in ascent.iterates(field, start)]
        assert torch.equal(ascent.climb(field, start), iterates[-1])
        # A shorter ascent is a prefix of a longer one.
        assert torch.equal(replace(ascent, n_steps=3).climb(field, start), iterates[2])


def test_no_steps_stay_at_the_start(make_network, uniform):
    network, start = make_network(), uniform(3, 4)
    found, _ = climb(network, GradientAscent(n_steps=0), uniform(3, 5), start)
    assert torch.equal(found, start)


@every_rule
def test_each_example_climbs_alone(rule, make_network, uniform):
    network, x, start = make_network(), uniform(6, 5), uniform(6, 4, seed=1)
    ascent = GradientAscent(10, step_rule=rule)
    together, _ = climb(network, ascent, x, start)
    for i in range(6):
        alone, _ = climb(network, ascent, x[[i]], start[[i]])
        torch.testing.assert_close(alone, together[[i]])


# -- what is climbed, with a linear term added ----------------------------------------


class Hidden(nn.Module):
    """Hides everything of a network but `encode` and `score`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def encode(self, x):
        return self.network.encode(x)

    def score(self, context, y):
        return self.network.score(context, y)


# -- against the best of all labelings ------------------------------------------------


@pytest.mark.one_in(3)
@every_rule
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), n_labels=st.integers(1, 6))
def test_local_scores_are_climbed_to_the_best_labeling(
    rule, seed, n_labels, make_network, uniform
):
    """Without a global part the best labels are those with a positive coefficient."""
    network = make_network(n_labels=n_labels, interaction=(), seed=seed)
    x = uniform(5, 5, seed=seed)
    ascent = GradientAscent(300 if rule == "value" else 40, 1.0, rule)
    outputs = infer(
        network,
        ascent,
        Queries(rows(x), ConstantRows(torch.full((n_labels,), 0.5).double(), 5)),
        batch_size=2,
    )
    with torch.no_grad():
        context = network.encode(x)
    clear = (context.abs() > 0.05 * context.abs().amax(1, keepdim=True)).all(1)
    if rule == "value":  # its steps vanish where the value nears 0 or 1
        clear &= context.abs().sum(1) < 8
        clear &= context.abs().amin(1) > 0.05
    labels = (outputs >= 0.5).double()
    assert torch.equal(labels[clear], (context > 0).double()[clear])
    best = scores_of_all_labelings(network, context).amax(0)
    torch.testing.assert_close(network.score(context, labels)[clear], best[clear])


class Separable(nn.Module):
    """Concave in each label: ``sum_i a_i(x) y_i - c_i y_i^2``."""

    def __init__(self, curvature):
        super().__init__()
        self.curvature = curvature

    def encode(self, x):
        return x

    def score(self, context, y):
        return (context * y - self.curvature * y.square()).sum(-1)


@pytest.mark.parametrize("rule", ["value", "logit"])
@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_rounding_the_optimum_of_separable_scores_is_optimal(rule, start, uniform):
    """A parabola's peak is right of 1/2 just where label 1 beats label 0."""
    network = Separable(0.2 + 0.4 * uniform(1, 6))
    x = 1.2 * uniform(20, 6, seed=1) - 0.4
    outputs, _ = climb(
        network, GradientAscent(400, 1.0, rule), x, torch.full((20, 6), start).double()
    )
    best = scores_of_all_labelings(network, x).amax(0)
    torch.testing.assert_close(network.score(x, (outputs >= 0.5).double()), best)


def curved_network(make_network, seed, sign, scale=1.0):
    """Convex in y (sign 1) or concave (sign -1): the readout has one sign."""
    network = make_network(n_labels=5, hidden=(7,), interaction=(6,), seed=seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(scale)
        (readout,) = (p for p in network.parameters() if p.shape == (6,))
        readout.copy_(sign * readout.abs())
    return network


@pytest.mark.one_in(3)
@every_rule
@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_concave_scores_are_climbed_beyond_every_labeling(
    rule, seed, make_network, uniform
):
    """From any start to the same peak, which no labeling exceeds."""
    # Small weights, or the steps of the value vanish.
    network = curved_network(make_network, seed, -1, scale=0.5)
    x = uniform(1, 5, seed=seed).expand(4, 5)
    with torch.no_grad():
        best = scores_of_all_labelings(network, network.encode(x)).amax(0)
    y = torch.cat([torch.zeros(1, 5).double(), uniform(3, 5, seed=seed)])
    for step_size in (1.0, 0.2, 0.04, 0.01):
        y, peaks = climb(network, GradientAscent(120, step_size, rule), x, y)
    assert (peaks > best - 0.01).all()
    assert peaks.max() - peaks.min() < 0.01


@every_rule
@given(seed=st.integers(0, 10**6), step_size=st.sampled_from([0.05, 0.5, 5.0]))
def test_convex_scores_rise_with_every_step_of_any_size(
    rule, seed, step_size, make_network, uniform
):
    network = curved_network(make_network, seed, 1)
    with torch.no_grad():
        context = network.encode(uniform(8, 5, seed=seed))
        start = uniform(8, 5, seed=seed + 1)
        scores = [network.score(context, start)]
        for y in GradientAscent(15, step_size, rule).iterates(
            value_field(network, context), start
        ):
            scores.append(network.score(context, y))
    assert (torch.stack(scores).diff(dim=0) > -1e-9).all()


@every_rule
@given(seed=st.integers(0, 10**6))
def test_the_best_labeling_of_a_convex_score_is_never_left(
    rule, seed, make_network, uniform
):
    network = curved_network(make_network, seed, 1)
    x = uniform(8, 5, seed=seed)
    with torch.no_grad():
        best = scores_of_all_labelings(network, network.encode(x)).argmax(0)
    start = all_labelings(5)[best]
    found, _ = climb(network, GradientAscent(5, 0.5, rule), x, start)
    assert torch.equal(found, start)


@pytest.mark.parametrize("activation", ["softplus", "tanh", "relu"])
def test_enough_restarts_find_the_best_of_all_labelings(
    activation, make_network, uniform
):
    """On random networks, where nothing guarantees it, and never anything better."""
    n_found, n_restarts = 0, 64
    for seed in range(10):
        network = make_network(
            n_labels=6, interaction=(4,), seed=seed, activation=activation
        )
        x = uniform(1, 5, seed=seed).expand(n_restarts, 5)
        starts = uniform(n_restarts, 6, seed=seed)
        with torch.no_grad():
            context = network.encode(x)
            best = scores_of_all_labelings(network, context[:1]).max()
            before = network.score(context, starts)
        outputs, after = climb(
            network, GradientAscent(100, 0.1, "normalized"), x, starts
        )
        assert (after.max() >= before.max()).all()
        found = network.score(context, (outputs >= 0.5).double()).max()
        assert found <= best + 1e-9
        n_found += bool(found >= best - 1e-9)
    assert n_found >= 9


# -- all rows -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def queries(uniform):
    return Queries(rows(uniform(7, 5)), rows(uniform(7, 4, seed=1)))


@every_rule
@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batches_do_not_matter(rule, momentum, batch_size, make_network, queries):
    network, ascent = (
        make_network(),
        GradientAscent(12, step_rule=rule, momentum=momentum),
    )
    expected, _ = climb(
        network,
        ascent,
        *(part.take(slice(None)) for part in (queries.x, queries.y_init)),
    )
    found = infer(network, ascent, queries, batch_size=batch_size)
    torch.testing.assert_close(found, expected)
    steps = list(stages(network, ascent, queries, batch_size=batch_size))
    assert len(steps) == 13
    assert torch.equal(steps[0], queries.y_init.take(slice(None)))
    torch.testing.assert_close(steps[-1], found)
    shorter = replace(ascent, n_steps=5)
    torch.testing.assert_close(
        steps[5], infer(network, shorter, queries, batch_size=batch_size)
    )


def test_outputs_come_batch_by_batch_in_order(make_network, queries):
    parts = list(inferred(make_network(), GradientAscent(5), queries, batch_size=3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert not any(part.requires_grad for part in parts)
    expected = infer(make_network(), GradientAscent(5), queries, batch_size=100)
    torch.testing.assert_close(torch.cat(parts), expected)


def test_stages_yield_tensors_to_keep(make_network, queries):
    for batch_size in (3, 100):  # several batches are joined, one need not be
        steps = list(
            stages(make_network(), GradientAscent(5), queries, batch_size=batch_size)
        )
        assert len({y.data_ptr() for y in steps}) == 6
        assert not torch.equal(steps[0], steps[1])


@pytest.mark.parametrize("batch_size", [3, 100])
def test_noisy_stages_end_where_noisy_inference_does(
    batch_size, make_network, queries, seeded
):
    network, ascent = make_network(), GradientAscent(5, noise=0.1)
    *_, last = stages(network, ascent, queries, batch_size=batch_size, rng=seeded())
    found = infer(network, ascent, queries, batch_size=batch_size, rng=seeded())
    torch.testing.assert_close(found, last)


def test_noisy_inference_does_not_depend_on_the_batches(make_network, queries, seeded):
    network, ascent = make_network(), GradientAscent(5, noise=0.1)
    one, other = (
        infer(network, ascent, queries, batch_size=size, rng=seeded())
        for size in (3, 100)
    )
    torch.testing.assert_close(one, other)


def test_inference_leaves_inputs_starts_and_parameters_alone(make_network, queries):
    network = make_network().requires_grad_()
    parts = [part.take(slice(None)) for part in (queries.x, queries.y_init)]
    before = [part.clone() for part in (*parts, *network.parameters())]
    found = infer(network, GradientAscent(5), queries, batch_size=3)
    list(stages(network, GradientAscent(5), queries, batch_size=3))
    for part, old in zip((*parts, *network.parameters()), before, strict=True):
        assert torch.equal(part, old)
    assert not found.requires_grad
    assert all(p.grad is None for p in network.parameters())


def test_each_input_is_encoded_once_however_many_the_steps(make_network, queries):
    network, seen = make_network(), []

    class Counting(Hidden):
        def encode(self, x):
            seen.append(len(x))
            return super().encode(x)

    infer(Counting(network), GradientAscent(10), queries, batch_size=3)
    assert seen == [3, 3, 1]
    seen.clear()
    list(stages(Counting(network), GradientAscent(10), queries, batch_size=3))
    assert seen == [3, 3, 1]


def test_a_network_without_closed_form_is_climbed_alike(make_network, queries):
    network, ascent = make_network(), GradientAscent(12)
    torch.testing.assert_close(
        infer(Hidden(network), ascent, queries, batch_size=3),
        infer(network, ascent, queries, batch_size=3),
    )


def test_networks_that_agree_climb_as_one(make_network, queries):
    network, ascent = make_network(), GradientAscent(12)
    expected = infer(network, ascent, queries, batch_size=3)
    for joint in (JointNetwork([network] * 3), join([network] * 3)):
        torch.testing.assert_close(
            infer(joint, ascent, queries, batch_size=3), expected
        )


def test_images_are_climbed_too(uniform):
    class Masks(nn.Module):
        def encode(self, x):
            return x.mean(1)

        def score(self, context, y):
            return ((context - 0.5) * y).flatten(1).sum(1)

    x = uniform(4, 3, 6, 5)
    starts = ConstantRows(torch.zeros(6, 5).double(), 4)
    expected = (x.mean(1) > 0.5).double()
    for rule in STEP_RULES:
        ascent = GradientAscent(100, 30.0, rule)
        outputs = infer(Masks(), ascent, Queries(rows(x), starts), batch_size=3)
        assert outputs.shape == (4, 6, 5)
        assert ((outputs >= 0.5) == expected.bool()).double().mean() > 0.98


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_values_are_sigmoids_of_scores(batch_size, make_network, queries):
    network = make_network().requires_grad_()
    outputs = [queries.y_init, rows(torch.ones(7, 4, dtype=torch.float64))]
    found = values(network, queries.x, outputs, batch_size=batch_size)
    context = network.encode(queries.x.take(slice(None)))
    for y, of_y in zip(outputs, found, strict=True):
        expected = torch.sigmoid(network.score(context, y.take(slice(None))))
        torch.testing.assert_close(of_y, expected)
    assert found.shape == (2, 7) and not found.requires_grad
    assert (found >= 0).all() and (found <= 1).all()
