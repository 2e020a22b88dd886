"""Tests of what mutation testing found that no quick test noticed."""

import copy
import weakref

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skdvn.data import ConstantRows, Examples, Rows
from skdvn.inference import GradientAscent, last
from skdvn.networks import (
    FCN,
    GuessLabelNetwork,
    GuessNetwork,
    JointLabelNetwork,
    LabelNetwork,
    UNet,
    expected_term,
    has_closed_form,
    score_and_grad,
)
from skdvn.oracles import (
    MAP_ORACLES,
    ORACLES,
    FBeta,
    relaxed_f1,
    relaxed_iou,
    relaxed_mean_iou,
    relaxed_pixel_accuracy,
)
from skdvn.training import (
    GRADIENT_LOSSES,
    Objective,
    Optimization,
    Trainer,
    TupleMixture,
    TupleSettings,
    chain,
    corrupt,
    inference,
    replay,
)

# -- inference ------------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [1, 5])
def test_steps_decay_geometrically_from_the_step_size_on(n_steps):
    """The last one is `step_decay` times the first."""

    def slope(y):
        return y.sum(1), torch.ones_like(y)

    ascent = GradientAscent(n_steps, 0.1, "logit", step_decay=1 / 16)
    start = torch.zeros(2, 3).double()
    outputs = [start, *(y.clone() for y in ascent.iterates(slope, start))]
    sizes = [0.1, 0.05, 0.025, 0.0125, 0.00625][:n_steps]
    for step, size in enumerate(sizes):
        expected = outputs[step] + size
        torch.testing.assert_close(outputs[step + 1], expected)
        done = torch.full((2,), step)
        torch.testing.assert_close(ascent.step(slope, outputs[step], done), expected)


def test_outputs_that_are_left_behind_are_not_held():
    """Those of all rows, after each of many steps, may not fit into memory."""
    made, held = [], []

    def outputs():
        for _ in range(6):
            y = torch.zeros(3)
            made.append(weakref.ref(y))
            held.append(sum(one() is not None for one in made))
            yield y

    assert last(outputs()) is made[-1]()
    assert max(held) <= 2


# -- networks -------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("oracle", [relaxed_pixel_accuracy, relaxed_mean_iou])
def test_expected_terms_of_two_classes_are_the_oracle_on_certain_guesses(
    oracle, n_channels, uniform
):
    y, truth = uniform(5, 1, 20, 20), (uniform(5, 1, 20, 20, seed=1) > 0.4).double()
    if n_channels == 2:
        y, truth = uniform(5, 2, 20, 20), torch.cat([1 - truth, truth], 1)
    logit, _ = expected_term(oracle)(y, truth)
    torch.testing.assert_close(
        torch.sigmoid(logit), oracle(y, truth), atol=2e-3, rtol=0
    )


def test_the_oracles_that_have_names_have_closed_forms():
    for oracle in (*ORACLES.values(), *MAP_ORACLES.values(), FBeta(3.0)):
        assert has_closed_form(oracle)
    assert not has_closed_form(lambda y, y_true: relaxed_iou(y, y_true))


def test_a_mask_of_one_half_everywhere_says_nothing(image_networks, uniform):
    """Up to the border, beyond which there is nothing either."""
    network = image_networks()["conv"]
    y = torch.full((4, 1, 8, 8), 0.5).double()
    with torch.no_grad():
        context = network.encode(uniform(4, 3, 8, 8))
        before = network.score(context, y)
        for p in network.of_mask.parameters():
            p.add_(1)
        torch.testing.assert_close(network.score(context, y), before)
        assert not torch.allclose(network.score(context, y + 0.1), before)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("kind", [FCN, UNet])
def test_guesses_are_distributions_over_the_classes(kind, n_outputs, seeded, uniform):
    """The loss is the mean of minus the log of what they give to the truth."""
    network = kind(3, n_outputs, generator=seeded()).double().eval()
    x = uniform(2, 3, 16, 16)
    classes = torch.randint(max(n_outputs, 2), (2, 16, 16), generator=seeded(1))
    truth = F.one_hot(classes).permute(0, 3, 1, 2).double()
    with torch.no_grad():
        context = network.encode(x)
        guess = network.guess(context)
        assert guess.shape == (2, n_outputs, 16, 16)
        if n_outputs == 1:
            chances, truth = torch.cat([1 - guess, guess], 1), truth[:, 1:]
        else:
            chances = guess
        torch.testing.assert_close(chances.sum(1), torch.ones(2, 16, 16).double())
        expected = -chances.gather(1, classes[:, None]).log().mean((1, 2, 3))
        losses = network.guess_losses(context, truth)
        torch.testing.assert_close(losses, expected)
        torch.testing.assert_close(network.score(context, truth), -expected)


@pytest.mark.parametrize("kind", [FCN, UNet])
def test_guesses_in_half_precision_are_handed_on_in_single(kind, seeded, uniform):
    network = kind(3, 1, generator=seeded()).eval()
    x = uniform(2, 3, 16, 16, dtype=torch.float32)
    with torch.no_grad():
        full = network.encode(x)
        network.half = True
        half = network.encode(x)
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    assert (half - full).abs().max() < 0.05 * full.abs().max() + 0.05


def test_the_loss_of_the_value_trains_the_guess_unless_told_otherwise(
    make_network, seeded, uniform
):
    encoder = UNet(3, 1, 4, 2, generator=seeded())
    network = GuessNetwork(encoder, relaxed_iou).double()
    x, y = uniform(2, 3, 8, 8), uniform(2, 1, 8, 8, seed=1)
    network.score(network.encode(x), y).sum().backward()
    assert encoder.head.weight.grad.abs().max() > 0
    network = GuessLabelNetwork(make_network(), relaxed_f1).double()
    network.score(network.encode(uniform(3, 5)), uniform(3, 4)).sum().backward()
    assert network.labels.input.weight.grad.abs().max() > 0


def test_labels_from_what_an_encoder_makes_of_the_input(seeded, uniform):
    """Flattened, whatever its shape."""
    plain, encoding = (
        LabelNetwork(6, 4, encoder=encoder, generator=seeded())
        for encoder in (None, torch.nn.Unflatten(1, (2, 3)))
    )
    x = uniform(5, 6, dtype=torch.float32)
    torch.testing.assert_close(encoding.encode(x), plain.encode(x))


def test_new_weights_have_a_variance_of_two_over_fan_in(seeded):
    """But for the first layer, whose inputs are standardised and many."""
    network = LabelNetwork(60, 50, (300, 70), (200, 80), generator=seeded())
    layers = (*network.hidden, *network.interaction.layers)
    assert [layer.in_features for layer in layers] == [300, 70, 50, 200]
    for layer in layers:
        expected = (2 / layer.in_features) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.1)
    readout = network.interaction.readout
    assert readout.std().item() == pytest.approx((2 / 80) ** 0.5, rel=0.3)
    assert network.input.weight.std().item() == pytest.approx(0.01, rel=0.1)


def test_a_joint_label_network_of_one_is_that_one(make_network, uniform):
    network, x, y = make_network(), uniform(3, 5), uniform(3, 4, seed=1)
    joint = JointLabelNetwork([network])
    alone = score_and_grad(network, network.encode(x), y)
    for found, expected in zip(
        score_and_grad(joint, joint.encode(x), y), alone, strict=True
    ):
        torch.testing.assert_close(found, expected)


# -- tuples ---------------------------------------------------------------------------


SHAPES = {"labels": (3, 6), "masks": (3, 1, 16, 16), "classes": (3, 3, 16, 16)}


def truth_of(kind):
    """The first label alone, a mask of all pixels, or all pixels of the first class."""
    y_true = torch.zeros(SHAPES[kind])
    y_true[:, 0] = 1
    return y_true


@pytest.mark.parametrize("kind", ["labels", "masks", "classes"])
def test_candidates_repeat_with_the_seed(kind, seeded, global_randomness_untouched):
    one, same, other = (corrupt(truth_of(kind), 8, seeded(s)) for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("kind", ["masks", "classes"])
def test_candidates_of_masks_are_wrong_in_patches(kind, seeded):
    """Each by itself, a third of all pixels would differ from the next one."""
    y_true = truth_of(kind)
    candidates = corrupt(y_true, 300, seeded())
    assert candidates.shape == (300, *y_true.shape)
    assert torch.equal(candidates[0], y_true)
    assert set(candidates.unique().tolist()) == {0.0, 1.0}
    wrong = (candidates[1:, :, 0] != 1).float()
    assert wrong.mean().item() == pytest.approx(0.5, abs=0.1)
    for axis in (2, 3):
        assert 0.05 < wrong.diff(dim=axis).abs().mean() < 0.25


# -- training -------------------------------------------------------------------------

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5))
Y = (X @ RNG.normal(size=(5, 4)) > 0).astype(float)


def examples_of(y_init, n=400):
    x, y = (Rows(part[:n], torch.device("cpu"), torch.float64) for part in (X, Y))
    return Examples(x, y, y_init)


def trainer(network, examples, goal, rng, **params):
    optimization = Optimization(**({"batch_size": 8, "alpha": 0.0} | params))
    return Trainer(network, examples, goal, optimization, 4, rng)


SETTINGS = TupleSettings(relaxed_f1, GradientAscent(n_steps=5))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_trainer_goes_on_from_its_state_as_if_it_had_not_stopped(
    solver, make_network, seeded
):
    """With all that it may remember."""
    examples = examples_of(ConstantRows(torch.zeros(4).double(), 24), 24)
    goal = Objective(TupleMixture({inference: 1, replay: 1, chain: 1}), SETTINGS)
    params = {"solver": solver, "learning_rate_init": 0.05, "averaging": 0.5}
    whole = trainer(make_network(scale=0.3), examples, goal, seeded(), **params)
    for _ in range(2):
        whole.run_epoch()
    state = copy.deepcopy(whole.state())
    resumed = trainer(make_network(seed=1), examples, goal, seeded(1), **params)
    resumed.resume(state)
    assert [whole.run_epoch(), whole.run_epoch()] == [
        resumed.run_epoch(),
        resumed.run_epoch(),
    ]
    for mine, theirs in ((whole, resumed), (whole.average, resumed.average)):
        weights = theirs.network.state_dict()
        for name, weight in mine.network.state_dict().items():
            assert torch.equal(weight, weights[name])


@pytest.mark.parametrize("given", [False, True])
def test_starts_that_vary_take_turns_with_nothing(given, make_network, seeded, uniform):
    """Without any it is the network's guess that takes turns."""
    network, seen = make_network(), []
    starts = 0.1 + 0.8 * uniform(400, 4)
    if not given:
        with torch.no_grad():
            starts = torch.sigmoid(network.encode(torch.from_numpy(X)))

    def spy(batch):
        seen.append((batch.rows, batch.y_init))
        return [batch.y_true]

    rows = Rows(starts.numpy(), torch.device("cpu"), torch.float64) if given else None
    goal = Objective(TupleMixture({spy: 1}), SETTINGS)
    trainer(network, examples_of(rows), goal, seeded(), batch_size=400).run_epoch()
    ((order, found),) = seen
    kept = (found != 0).all(1)
    assert not found[~kept].any()
    torch.testing.assert_close(found[kept], starts[order][kept])
    assert kept.double().mean().item() == pytest.approx(0.5, abs=0.1)


def test_without_tuples_the_guess_alone_is_trained(make_network, seeded):
    network = make_network(scale=0.3)
    goal = Objective(None, SETTINGS, guess_weight=0.5)
    examples = examples_of(ConstantRows(torch.zeros(4).double(), 24), 24)
    before = copy.deepcopy(network)
    made = trainer(network, examples, goal, seeded(), batch_size=24)
    logits = before.encode(torch.from_numpy(X[:24]))
    expected = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(Y[:24]))
    losses = [made.run_epoch() for _ in range(4)]
    assert losses[0] == pytest.approx(0.5 * 4 * expected.item())
    assert losses[-1] < losses[0]
    for p, old in zip(
        network.interaction.parameters(), before.interaction.parameters(), strict=True
    ):
        assert torch.equal(p, old)


@pytest.mark.parametrize("kind", GRADIENT_LOSSES)
def test_every_output_of_every_example_has_a_gradient_loss_of_its_own(kind, uniform):
    loss = GRADIENT_LOSSES[kind]
    scores = 4 * uniform(3, 5) - 2
    grads, wanted = (uniform(3, 5, 2, 4, seed=seed) - 0.5 for seed in (1, 2))
    found = loss(scores, grads, wanted)
    assert found.shape == (3, 5)
    for k in range(3):
        for i in range(5):
            one = [part[k : k + 1, i : i + 1] for part in (scores, grads, wanted)]
            torch.testing.assert_close(loss(*one)[0, 0], found[k, i])
