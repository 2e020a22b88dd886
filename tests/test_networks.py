"""Tests of the value networks: closed forms, contexts, initialisation, checks."""

import itertools

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from skdvn.data import Rows
from skdvn.networks import (
    ACTIVATIONS,
    JointNetwork,
    LabelNetwork,
    UNet,
    autograd_score_and_grad,
    check_network,
    copy_network,
    detach_context,
    join,
    members,
    score_all,
    score_and_grad,
)

every_shape = pytest.mark.parametrize(
    ("hidden", "interaction"),
    list(itertools.product([(), (6,), (5, 7, 3)], [(), (3,), (4, 2), (5, 3, 2)])),
)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


class Plain(nn.Module):
    """A user's network without a closed form; its context is a tuple."""

    def __init__(self, n_features=5, n_labels=4, seed=0):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        draw = torch.randn(n_features, n_labels, generator=rng, dtype=torch.float64)
        self.weight = nn.Parameter(draw)

    def encode(self, x):
        return x @ self.weight, x.sum(1)

    def score(self, context, y):
        coefficients, offset = context
        return (torch.sin(y) * coefficients).flatten(1).sum(1) + offset


class ClosedForm(torch.autograd.Function):
    """A network's score whose gradient in y is the network's own closed form."""

    @staticmethod
    def forward(ctx, y, network, context):
        score, grad = network.score_and_grad(context, y)
        ctx.save_for_backward(grad)
        return score

    @staticmethod
    def backward(ctx, upstream):
        (grad,) = ctx.saved_tensors
        return upstream[:, None] * grad, None, None


# -- the closed form ------------------------------------------------------------------


@every_shape
@every_activation
def test_closed_form_against_autograd_and_finite_differences(
    activation, hidden, interaction, make_network, uniform
):
    network = make_network(
        hidden=hidden, interaction=interaction, activation=activation
    )
    context, y = network.encode(uniform(3, 5, seed=1)).detach(), uniform(3, 4)
    score, grad = network.score_and_grad(context, y)
    expected_score, expected_grad = autograd_score_and_grad(network, context, y)
    torch.testing.assert_close(score, expected_score)
    torch.testing.assert_close(grad, expected_grad)
    torch.testing.assert_close(score, network.score(context, y))
    y.requires_grad_()
    with torch.no_grad():
        context = context.clone()
    assert torch.autograd.gradcheck(
        lambda y: ClosedForm.apply(y, network.requires_grad_(False), context), y
    )


def test_score_written_out(make_network, uniform):
    """Section 5.1: a perceptron of x weighs the labels, a second one joins them."""
    network = make_network(hidden=(6,), interaction=(3,))
    by_shape = {tuple(p.shape): p for p in network.parameters()}
    W1, b1, W2, b2, C, c = (
        by_shape[shape] for shape in [(5, 6), (6,), (4, 6), (4,), (3, 4), (3,)]
    )
    x, y = uniform(7, 5), uniform(7, 4, seed=1)
    softplus = nn.Softplus()
    local = softplus(x @ W1 + b1) @ W2.T + b2
    expected = (y * local).sum(1) + softplus(y @ C.T) @ c
    torch.testing.assert_close(network.score(network.encode(x), y), expected)


@every_activation
def test_precise_in_single_precision(activation, make_network, uniform):
    settings = dict(interaction=(4, 2), activation=activation)
    double = make_network(**settings)
    single = make_network(**settings, dtype=torch.float32)
    x, y = uniform(6, 5), uniform(6, 4, seed=1)
    expected = double.score_and_grad(double.encode(x), y)
    found = single.score_and_grad(single.encode(x.float()), y.float())
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


@every_activation
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_finite_however_large_the_weights(activation, scale, make_network, uniform):
    network = make_network(activation=activation, scale=scale, dtype=torch.float32)
    x, y = uniform(3, 5, dtype=torch.float32), uniform(3, 4, dtype=torch.float32)
    for part in network.score_and_grad(network.encode(x), y):
        assert torch.isfinite(part).all()


# -- structure of the score -----------------------------------------------------------


@every_activation
def test_linear_in_y_without_a_global_part(activation, make_network, uniform):
    network = make_network(interaction=(), activation=activation)
    context = network.encode(uniform(3, 5))
    one, other = uniform(3, 4, seed=1), uniform(3, 4, seed=2)
    torch.testing.assert_close(
        network.score(context, 2 * one - 3 * other),
        2 * network.score(context, one) - 3 * network.score(context, other),
    )
    _, grad = network.score_and_grad(context, one)
    torch.testing.assert_close(grad, network.score_and_grad(context, other)[1])


def test_not_linear_in_y_with_a_global_part(make_network, uniform):
    network = make_network()
    context = network.encode(uniform(3, 5))
    one, other = uniform(3, 4, seed=1), uniform(3, 4, seed=2)
    middle = network.score(context, (one + other) / 2)
    ends = (network.score(context, one) + network.score(context, other)) / 2
    assert (middle - ends).abs().min() > 1e-4


def test_the_global_part_sees_y_alone(make_network, uniform):
    network, y = make_network(), uniform(6, 4)
    parts = []
    for seed in (1, 2):
        context = network.encode(uniform(6, 5, seed=seed))
        parts.append(network.score(context, y) - (context * y).sum(1))
    torch.testing.assert_close(*parts)


@every_activation
def test_rows_do_not_influence_each_other(activation, make_network, uniform):
    network = make_network(activation=activation)
    x, y = uniform(6, 5), uniform(6, 4, seed=1)
    together = network.score_and_grad(network.encode(x), y)
    for i in range(6):
        alone = network.score_and_grad(network.encode(x[[i]]), y[[i]])
        torch.testing.assert_close(alone[0], together[0][[i]])
        torch.testing.assert_close(alone[1], together[1][[i]])


def test_a_context_is_good_for_any_output(make_network, uniform):
    """Encoding once per example gives what encoding each time gives."""
    network, x = make_network(), uniform(6, 5)
    context = network.encode(x)
    before = context.clone()
    for seed in (1, 2):
        y = uniform(6, 4, seed=seed)
        rows = torch.tensor([4, 0, 4])
        torch.testing.assert_close(
            network.score(context[rows], y[rows]),
            network.score(network.encode(x[rows]), y[rows]),
        )
        network.score_and_grad(context, y)
    assert torch.equal(context, before)


@pytest.mark.parametrize("kind", ["closed form", "joint", "joined", "user"])
def test_several_outputs_per_example_at_once(kind, make_network, uniform):
    network = {
        "closed form": make_network(),
        "joint": JointNetwork([make_network(), Plain()]),
        "joined": join([make_network(), make_network(seed=1)]),
        "user": Plain(),
    }[kind]
    context, outputs = network.encode(uniform(3, 5)), uniform(6, 3, 4)
    scores = score_all(network, context, outputs)
    assert scores.shape == (6, 3)
    for y, expected in zip(outputs, scores, strict=True):
        torch.testing.assert_close(network.score(context, y), expected)


def test_images_need_only_a_network_for_them(uniform):
    class Masks(Plain):
        def encode(self, x):
            return x, x.flatten(1).sum(1)

    x, y = uniform(3, 2, 4, 5), uniform(3, 2, 4, 5, seed=1)
    network = Masks()
    score, grad = score_and_grad(network, network.encode(x), y)
    assert score.shape == (3,)
    torch.testing.assert_close(grad, torch.cos(y) * x)


# -- sparse inputs --------------------------------------------------------------------


def sparse_rows():
    rng = np.random.default_rng(0)
    X = sparse.random(9, 40, density=0.06, format="csr", random_state=1)
    X = sparse.diags([1.0, 1, 1, 0, 1, 1, 1, 1, 0]) @ X  # also the last row
    X.eliminate_zeros()
    return X.tocsr(), dict(mean=rng.normal(size=40), scale=rng.uniform(0.1, 2, size=40))


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("rows", [slice(None), slice(2, 4), [8], [5, 3, 3, 0]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_rows_are_encoded_as_dense_ones(scaled, rows, dtype, make_network):
    X, scaling = sparse_rows()
    if not scaled:
        scaling = {}
    device = torch.device("cpu")
    network = make_network(40, dtype=dtype).requires_grad_()
    if isinstance(rows, list):
        rows = torch.tensor(rows)
    outcomes = []
    for array in (X, X.toarray()):
        batch = Rows(array, device, dtype, keep_sparse=True, **scaling).take(rows)
        assert isinstance(batch, torch.Tensor) == isinstance(array, np.ndarray)
        context = network.encode(batch)
        network.zero_grad()
        context.square().sum().backward()
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        assert len(grads) == 4
        outcomes.append((context.detach(), *grads))
    for found, expected in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


# -- several networks as one ----------------------------------------------------------


def test_a_joint_score_is_the_mean_of_its_members(make_network, uniform):
    members = [
        make_network(),
        make_network(seed=1, hidden=(3, 3), interaction=(2, 2)),
        Plain(),
        JointNetwork([make_network(seed=2), Plain(seed=1)]),
    ]
    joint, x, y = JointNetwork(members), uniform(3, 5), uniform(3, 4, seed=1)
    context = joint.encode(x)
    expected = torch.stack([m.score(m.encode(x), y) for m in members]).mean(0)
    torch.testing.assert_close(joint.score(context, y), expected)
    score, grad = score_and_grad(joint, context, y)
    torch.testing.assert_close(score, expected)
    torch.testing.assert_close(grad, autograd_score_and_grad(joint, context, y)[1])


def test_a_joint_network_of_one_is_that_one(make_network, uniform):
    network, x, y = make_network(), uniform(3, 5), uniform(3, 4, seed=1)
    joint = JointNetwork([network])
    alone = score_and_grad(network, network.encode(x), y)
    for found, expected in zip(
        score_and_grad(joint, joint.encode(x), y), alone, strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_members_and_contexts_must_be_as_many(make_network, uniform):
    joint = JointNetwork([make_network(), make_network(seed=1)])
    context = joint.encode(uniform(3, 5))
    with pytest.raises(ValueError):
        joint.score(context[:1], uniform(3, 4))


LABEL_MEMBERS = {
    "alike": [{}, {}, {}],
    "other widths": [{"interaction": (2,)}, {"hidden": (), "interaction": (7,)}],
    "linear": [{"interaction": ()}, {"interaction": ()}],
    "deep": [{"interaction": (3, 2)}, {"interaction": (2, 3)}],
    "some linear": [{"interaction": ()}, {"interaction": (3,)}],
    "other activations": [{"activation": name} for name in ACTIVATIONS],
}


@pytest.mark.parametrize("kinds", LABEL_MEMBERS.values(), ids=LABEL_MEMBERS.keys())
def test_joined_networks_score_as_the_mean_of_the_members(kinds, make_network, uniform):
    parts = [make_network(seed=seed, **kind) for seed, kind in enumerate(kinds)]
    joint, reference = join(parts), JointNetwork(parts)
    assert members(joint) == parts
    x, y = uniform(3, 5), uniform(3, 4, seed=1)
    found = score_and_grad(joint, joint.encode(x), y)
    expected = score_and_grad(reference, reference.encode(x), y)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])
    torch.testing.assert_close(joint.score(joint.encode(x), y), expected[0])


def test_joining_leaves_the_members_alone(make_network):
    parts = [make_network(seed=seed) for seed in range(2)]
    before = [copy_network(part).state_dict() for part in parts]
    join(parts)
    for part, state in zip(parts, before, strict=True):
        assert part.state_dict().keys() == state.keys()
        assert all(torch.equal(p, state[name]) for name, p in part.state_dict().items())


def test_one_network_needs_no_joining_and_users_networks_are_joined(make_network):
    network = make_network()
    assert join([network]) is network
    assert members(network) == [network]
    parts = [network, Plain()]
    assert members(join(parts)) == parts


# -- autograd -------------------------------------------------------------------------


def test_autograd_is_used_without_a_closed_form_also_where_gradients_are_off(uniform):
    network, y = Plain(), uniform(3, 4)
    with torch.no_grad():
        context = network.encode(uniform(3, 5))
        score, grad = score_and_grad(network, context, y)
    torch.testing.assert_close(grad, torch.cos(y) * context[0])
    assert not score.requires_grad and not grad.requires_grad
    assert not y.requires_grad
    assert network.weight.grad is None


def test_the_closed_form_is_preferred(uniform):
    class Own(Plain):
        def score_and_grad(self, context, y):
            return torch.zeros(len(y)), torch.full_like(y, 7.0)

    network = Own()
    _, grad = score_and_grad(network, network.encode(uniform(3, 5)), uniform(3, 4))
    assert (grad == 7).all()


# -- initialisation -------------------------------------------------------------------


@every_shape
def test_new_weights_come_from_the_generator_alone(
    hidden, interaction, seeded, global_randomness_untouched
):
    with torch.random.fork_rng(devices=[]):
        network = LabelNetwork(5, 4, hidden, interaction)
    drawn = []
    for seed in (0, 0, 1):
        with torch.no_grad():
            for weight in network.parameters():
                weight.fill_(float("nan"))
        network.reset_parameters(seeded(seed))
        drawn.append(nn.utils.parameters_to_vector(network.parameters()).detach())
    assert torch.isfinite(drawn[0]).all()
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_new_scores_are_neither_saturated_nor_dead(seeded):
    network = LabelNetwork(1000, 100)
    network.reset_parameters(seeded())
    x = torch.randn(50, 1000, generator=seeded(1))
    y = (torch.rand(50, 100, generator=seeded(2)) < 0.05).float()
    score, grad = network.score_and_grad(network.encode(x), y)
    assert score.abs().median() < 20
    assert (grad.abs().amax(1) > 1e-3).all()


def test_normalised_layers_of_unets_start_small(seeded):
    """They learn faster; the logits, which nothing normalises, start at variance 1."""
    network = UNet(3, 1, generator=seeded())
    scales = {
        name: float(weight.detach().var() * weight[0].numel())
        for name, weight in network.named_parameters()
        if weight.ndim == 4
    }
    assert 0.4 < scales.pop("head.weight") < 2
    assert scales and all(0.3 < scale < 0.4 for scale in scales.values())


def test_a_network_just_made_has_weights():
    """A user may hand over the class, which nobody then resets."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # makes torch.empty hold nan
    try:
        with torch.random.fork_rng(devices=[]):
            network = LabelNetwork(5, 4)
    finally:
        torch.use_deterministic_algorithms(before)
    for name, weight in network.named_parameters():
        assert torch.isfinite(weight).all(), name


def test_a_copy_shares_nothing(make_network, uniform):
    network = make_network()
    context, y = network.encode(uniform(3, 5)), uniform(3, 4)
    twin = copy_network(network)
    torch.testing.assert_close(twin.score(context, y), network.score(context, y))
    with torch.no_grad():
        for weight in twin.parameters():
            weight.zero_()
    assert (twin.score(context, y) != network.score(context, y)).all()


# -- contexts -------------------------------------------------------------------------


def test_detached_contexts_keep_numbers_and_nesting_but_no_graph():
    one, two, three = (
        torch.full((2,), float(i), requires_grad=True) for i in (1, 2, 3)
    )
    found = detach_context((one, [two * 2, (three,)]))
    assert isinstance(found, tuple) and isinstance(found[1], list)
    assert isinstance(found[1][1], tuple)
    for tensor, number in zip(
        (found[0], found[1][0], found[1][1][0]), (1, 4, 3), strict=True
    ):
        assert not tensor.requires_grad
        assert tensor.tolist() == [number, number]
    assert one.requires_grad
    assert not detach_context(one * 2).requires_grad


def test_contexts_of_other_kinds_will_do(few):
    """As long as the network's own methods understand them."""
    network = variant(
        encode=lambda self, x: {"x": x[:, :4] @ self.weight[:4]},
        score=lambda self, context, y: (context["x"] * y).sum(1),
    )
    check_network(network, *few)
    context = detach_context(network.encode(few[0]))
    with torch.no_grad():
        _, grad = score_and_grad(network, context, few[1])
    torch.testing.assert_close(grad, context["x"].detach())


# -- the check of a user's network ----------------------------------------------------


@pytest.fixture
def few(uniform):
    return uniform(3, 5), uniform(3, 4, seed=1)


@pytest.mark.parametrize("kind", ["closed form", "joint", "user"])
def test_sound_networks_pass_the_check_unchanged(kind, make_network, few):
    network = {
        "closed form": make_network(),
        "joint": JointNetwork([make_network(), Plain()]),
        "user": Plain(),
    }[kind]
    before = copy_network(network).state_dict()
    check_network(network, *few)
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, before[name])
    assert all(p.grad is None for p in network.parameters())


def test_something_other_than_a_module_is_refused(few):
    class NoModule:
        encode = score = None

    with pytest.raises(TypeError, match="NoModule must be a torch.nn.Module"):
        check_network(NoModule(), *few)


@pytest.mark.parametrize(
    ("methods", "missing"),
    [((), ["encode", "score"]), (("encode",), ["score"]), (("score",), ["encode"])],
)
def test_missing_methods_are_named(methods, missing, few):
    class Half(nn.Module):
        pass

    for method in methods:
        setattr(Half, method, lambda self, *arguments: None)
    with pytest.raises(TypeError, match="Half lacks") as caught:
        check_network(Half(), *few)
    assert str(missing) in str(caught.value)
    assert "score(context, y)" in str(caught.value)


def variant(**methods):
    return type("Mine", (Plain,), methods)()


@pytest.mark.parametrize("method", ["encode", "score"])
def test_a_network_that_raises_is_refused_with_its_message(method, few):
    def broken(self, *arguments):
        raise RuntimeError("the bridge is out")

    with pytest.raises(ValueError, match="the bridge is out") as caught:
        check_network(variant(**{method: broken}), *few)
    message = str(caught.value)
    assert "Mine failed" in message
    assert "(3, 5)" in message and "(3, 4)" in message
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    "score",
    [
        lambda self, context, y: y.detach().sum(1),
        lambda self, context, y: self.bias + y.round().detach().sum(1),
    ],
)
def test_a_score_without_a_gradient_in_y_is_refused(score, few):
    network = variant(score=score)
    network.bias = torch.nn.Parameter(torch.zeros(()).double())
    with pytest.raises(ValueError, match="Mine failed.*no gradient in y.*detach"):
        check_network(network, *few)


def test_a_network_for_other_sizes_is_refused(few, make_network):
    with pytest.raises(ValueError, match="LabelNetwork failed on x of shape"):
        check_network(make_network(n_features=6), *few)
    with pytest.raises(ValueError, match="LabelNetwork failed on x of shape"):
        check_network(make_network(n_labels=3), *few)


@pytest.mark.parametrize(
    ("score", "found"),
    [
        (lambda self, context, y: y.sum(1, keepdim=True), "(3, 1)"),
        (lambda self, context, y: y.sum(), "()"),
        (lambda self, context, y: y, "(3, 4)"),
    ],
)
def test_scores_of_another_shape_are_refused(score, found, few):
    with pytest.raises(ValueError, match="Mine: the score must be") as caught:
        check_network(variant(score=score), *few)
    assert "(3,)" in str(caught.value)
    assert f"got shape {found}" in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused(number, few):
    with pytest.raises(ValueError, match="finite"):
        check_network(variant(score=lambda s, c, y: number * y.sum(1)), *few)


def test_gradients_that_are_not_finite_are_refused(few):
    """Ascent would turn every output into nan, and so into no label at all."""

    def score(self, context, y):
        return y.sum(1) + (0 * y).sqrt().sum(1)

    with pytest.raises(ValueError, match="gradient"):
        check_network(variant(score=score), *few)


@pytest.mark.parametrize(
    "score",
    [
        lambda self, context, y: y.detach().sum(1),
        lambda self, context, y: y.detach().sum(1) + 1,
        lambda self, context, y: (y > 0.5).sum(1),
    ],
)
def test_scores_that_do_not_depend_on_y_smoothly_are_refused(score, few):
    with pytest.raises(ValueError, match="Mine failed"):
        check_network(variant(score=score), *few)


def test_a_network_without_parameters_to_train_is_refused(few):
    with pytest.raises(ValueError, match="no parameter to train"):
        check_network(variant().requires_grad_(False), *few)


def test_a_gradient_of_another_shape_is_refused(few):
    def closed_form(self, context, y):
        return y.sum(1), torch.ones(y.shape[1])

    with pytest.raises(ValueError, match="gradient of the score") as caught:
        check_network(variant(score_and_grad=closed_form), *few)
    assert "(3, 4)" in str(caught.value) and "(4,)" in str(caught.value)
