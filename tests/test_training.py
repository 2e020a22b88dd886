"""Tests of the regression of the value network onto the oracle."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skdvn.data import ConstantRows, Examples, Rows
from skdvn.inference import GradientAscent, value_field
from skdvn.oracles import relaxed_accuracy, relaxed_f1, relaxed_iou
from skdvn.training import (
    GRADIENT_LOSSES,
    SCHEDULES,
    SGD,
    Adam,
    AdamW,
    MovingAverage,
    Objective,
    Optimization,
    Trainer,
    TupleMixture,
    Tuples,
    TupleSettings,
    chain,
    ground_truth,
    inference,
    loss_augmented,
    oracle_and_grad,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5))
Y = (X @ RNG.normal(size=(5, 4)) > 0).astype(float)


@pytest.fixture
def examples():
    device, dtype = torch.device("cpu"), torch.float64
    start = ConstantRows(torch.zeros(4, dtype=dtype), len(X))
    return Examples(Rows(X, device, dtype), Rows(Y, device, dtype), start)


def objective(generators=None, loss="cross_entropy"):
    generators = generators or {ground_truth: 0.5, inference: 0.5}
    settings = TupleSettings(relaxed_f1, GradientAscent(n_steps=5))
    return Objective(TupleMixture(generators), settings, loss)


def trainer(network, examples, seeded, goal=None, n_epochs=10, **params):
    optimization = Optimization(**({"batch_size": 8, "alpha": 0.0} | params))
    goal = goal or objective()
    return Trainer(network, examples, goal, optimization, n_epochs, seeded())


def decayed_apart(network, alpha):
    named = list(network.named_parameters())
    return [
        {
            "params": [p for n, p in named if not n.endswith("bias")],
            "weight_decay": alpha,
        },
        {"params": [p for n, p in named if n.endswith("bias")], "weight_decay": 0.0},
    ]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("max_norm", [0.3, float("inf")])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_optimizers_equal_those_of_torch(
    make_network, uniform, solver, alpha, max_norm, momentum
):
    mine, theirs = make_network(), make_network()
    groups = decayed_apart(theirs, alpha)
    if solver == "sgd":
        reference = torch.optim.SGD(groups, lr=1, momentum=momentum)
        optimizer = SGD(mine, alpha, max_norm, momentum)
    else:
        mirrored = {
            "adam": (torch.optim.Adam, Adam),
            "adamw": (torch.optim.AdamW, AdamW),
        }
        theirs_of, mine_of = mirrored[solver]
        reference, optimizer = theirs_of(groups, lr=1), mine_of(mine, alpha, max_norm)
    x, y, target = uniform(6, 5), uniform(6, 4, seed=1), uniform(6, seed=2)
    for rate in (0.1, 0.05, 0.2, 0.01):
        for network in (mine, theirs):
            score = network.score(network.encode(x), y)
            F.binary_cross_entropy_with_logits(
                score, target, reduction="sum"
            ).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        reference.zero_grad()
        optimizer.step(rate)
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert p.grad is None
            torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("solver", "kind"), [("sgd", SGD), ("adam", Adam), ("adamw", AdamW)]
)
def test_the_solver_is_the_one_asked_for(make_network, examples, seeded, solver, kind):
    assert (
        type(trainer(make_network(), examples, seeded, solver=solver).optimizer) is kind
    )


def test_frozen_and_unused_parameters_stay(make_network):
    network = make_network()
    network.input.weight.requires_grad_(False)
    network.unused = torch.nn.Parameter(torch.ones(2))
    before = network.input.weight.clone()
    optimizer = SGD(network, 0.1, 1.0, 0.9)
    network.encode(torch.ones(2, 5).double()).sum().backward()
    optimizer.step(0.1)
    assert torch.equal(network.input.weight, before)
    assert network.unused.tolist() == [1, 1]


def test_schedules():
    done = np.linspace(0, 1, 391)[:-1]
    rates = {name: [f(d) for d in done.tolist()] for name, f in SCHEDULES.items()}
    assert set(rates["constant"]) == {1.0}
    np.testing.assert_allclose(rates["cosine"], np.cos(np.pi * done / 2) ** 2)
    expected = [1.0] * 150 + [0.1] * 150 + [0.01] * 90
    np.testing.assert_allclose(rates["step"], expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_trainer_follows_the_schedule(make_network, examples, seeded, schedule):
    run = trainer(
        make_network(), examples, seeded, schedule=schedule, learning_rate_init=0.2
    )
    rates, step = [], run.optimizer.step
    run.optimizer.step = lambda rate: (rates.append(rate), step(rate))
    for _ in range(10):
        run.run_epoch()
    expected = [0.2 * SCHEDULES[schedule](k / 30) for k in range(30)]
    np.testing.assert_allclose(rates, expected)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("lag", [0, 2])
def test_loss_falls_early(make_network, examples, seeded, solver, lag):
    rate = {"sgd": 0.2, "adam": 0.02}[solver]
    run = trainer(
        make_network(scale=0.3),
        examples,
        seeded,
        solver=solver,
        learning_rate_init=rate,
        lag=lag,
    )
    losses = [run.run_epoch() for _ in range(10)]
    assert losses[-1] < losses[0] - 0.03
    assert not run.network.training


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_is_the_definition(make_network, examples, seeded, loss, weighted):
    """Eq. 11: -v* log v - (1 - v*) log(1 - v), shares and row weights applied."""
    if weighted:
        examples.weight = torch.linspace(0.1, 1.9, len(X), dtype=torch.float64)

    def half(batch):
        return [0.5 * batch.y_true, torch.full_like(batch.y_true, 0.3)]

    network = make_network()
    goal = objective({ground_truth: 3.0, half: 1.0}, loss)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    expected = 0.0
    outputs = [(0.75, y), (0.125, 0.5 * y), (0.125, torch.full_like(y, 0.3))]
    for share, output in outputs:
        value = relaxed_f1(output, y)
        v = torch.sigmoid(network.score(network.encode(x), output)).detach()
        if loss == "squared":
            losses = (v - value) ** 2
        else:
            losses = -value * v.log() - (1 - value) * (1 - v).log()
        if weighted:
            losses = losses * examples.weight
        expected += share * losses.mean().item()
    run = trainer(
        network, examples, seeded, goal, batch_size=24, learning_rate_init=1e-9
    )
    assert run.run_epoch() == pytest.approx(expected, rel=1e-6)


def test_loss_of_an_epoch_weighs_batches_by_size(make_network, examples, seeded):
    whole = trainer(
        make_network(), examples, seeded, batch_size=24, learning_rate_init=1e-12
    )
    parts = trainer(
        make_network(), examples, seeded, batch_size=7, learning_rate_init=1e-12
    )
    assert parts.run_epoch() == pytest.approx(whole.run_epoch(), rel=1e-6)


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_lag_infers_with_older_weights(make_network, examples, seeded, lag):
    seen, current = [], []

    def spy(batch):
        seen.append(batch.network.input.weight.detach().clone())
        return [batch.y_true, torch.zeros_like(batch.y_true)]

    run = trainer(make_network(), examples, seeded, objective({spy: 1.0}), lag=lag)
    current.append(run.network.input.weight.detach().clone())
    step = run.optimizer.step

    def recorded(rate):
        step(rate)
        current.append(run.network.input.weight.detach().clone())

    run.optimizer.step = recorded
    run.run_epoch()
    assert len(seen) == 3 and len(current) == 4
    for k, weights in enumerate(seen):
        assert torch.equal(weights, current[max(0, k - lag)])


def test_every_row_once_per_epoch(make_network, examples, seeded):
    rows = []

    def spy(batch):
        rows.extend(batch.rows.tolist())
        return [batch.y_true]

    trainer(make_network(), examples, seeded, objective({spy: 1.0})).run_epoch()
    assert sorted(rows) == list(range(24)) and rows != sorted(rows)


@pytest.mark.parametrize("lag", [0, 2])
def test_starts_that_vary_take_turns_with_zeros(make_network, examples, seeded, lag):
    """Row by row, at even odds; starts that are the same everywhere stay."""
    given, starts = torch.linspace(0.1, 0.9, 24).double(), []

    def spy(batch):
        starts.extend(zip(batch.rows.tolist(), batch.y_init.clone(), strict=True))
        return [batch.y_true]

    fixed = trainer(make_network(), examples, seeded, objective({spy: 1.0}), lag=lag)
    fixed.examples.y_init = ConstantRows(torch.full((4,), 0.25).double(), len(X))
    fixed.run_epoch()
    assert all((y == 0.25).all() for _, y in starts)
    starts.clear()
    device, dtype = torch.device("cpu"), torch.float64
    examples.y_init = Rows(given[:, None].expand(24, 4).numpy(), device, dtype)
    run = trainer(make_network(), examples, seeded, objective({spy: 1.0}), lag=lag)
    for _ in range(20):
        run.run_epoch()
    assert all((y == 0).all() or (y == given[row]).all() for row, y in starts)
    zeros = [not y.any() for _, y in starts]
    assert len(zeros) == 480 and np.mean(zeros) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("lag", [0, 2])
def test_tuples_are_made_by_a_network_that_predicts(
    make_network, examples, seeded, lag
):
    """Without dropout and such, which only the loss meets."""
    modes, learning = [], []

    def spy(batch):
        modes.append(batch.network.training)
        return [batch.y_true]

    run = trainer(make_network(), examples, seeded, objective({spy: 1.0}), lag=lag)
    run._loss = lambda *args, loss=run._loss: (
        learning.append(run.network.training) or loss(*args)
    )
    run.run_epoch()
    assert modes == [False] * 3 and learning == [True] * 3


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_optimizer_goes_on(make_network, examples, seeded, solver):
    """Two epochs by two trainers are the two epochs of one."""
    plan = {"schedule": "constant", "batch_size": 100, "solver": solver}
    one = trainer(make_network(), examples, seeded, **plan)
    one.run_epoch()
    one.run_epoch()
    first = trainer(make_network(), examples, seeded, **plan)
    first.run_epoch()
    again = Trainer(
        first.network,
        examples,
        first.objective,
        first.optimization,
        1,
        seeded(),
        optimizer_state=first.optimizer.state(),
    )
    again.run_epoch()
    for expected, found in zip(
        one.network.parameters(), first.network.parameters(), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_moving_average_forgets_the_beginning(make_network):
    network = make_network()
    average = MovingAverage(network, 0.9)
    with torch.no_grad():
        for value in (5.0, 1.0, 1.0, 1.0):
            for p in network.parameters():
                p.fill_(value)
            average.update(network)
            if value == 5.0:  # the initial weights do not count
                assert all((p == 5).all() for p in average.network.parameters())
        for _ in range(100):
            average.update(network)
    for p in average.network.parameters():
        torch.testing.assert_close(p, torch.ones_like(p), atol=1e-3, rtol=0)
    assert not average.network.training


def test_averaged_weights_are_kept(make_network, examples, seeded):
    """The average written out, with its first updates that forget the beginning."""
    network = make_network(scale=0.3)
    made = trainer(network, examples, seeded, averaging=0.5)
    assert made.trained is not network
    expected, n_updates, step = None, 0, made.optimizer.step

    def recorded(rate):
        nonlocal expected, n_updates
        step(rate)
        n_updates += 1
        share = max(0.5, 10 / (9 + n_updates))
        now = [p.detach().clone() for p in network.parameters()]
        before = expected or now
        expected = [p + share * (q - p) for p, q in zip(before, now, strict=True)]

    made.optimizer.step = recorded
    for _ in range(10):
        made.run_epoch()
    assert n_updates == 30
    for found, mean, last in zip(
        made.trained.parameters(), expected, network.parameters(), strict=True
    ):
        torch.testing.assert_close(found.detach(), mean)
        assert not torch.equal(found, last)


@pytest.mark.parametrize("oracle", [relaxed_iou, relaxed_f1, relaxed_accuracy])
def test_gradient_losses_vanish_where_the_gradients_agree(oracle, uniform):
    y, y_true = uniform(5, 6), (uniform(5, 6, seed=1) > 0.5).double()
    y_true[:, 0] = 1
    value, wanted = oracle_and_grad(oracle, y, y_true)
    value = value.clamp(0.01, 0.99)
    slope = (value * (1 - value))[:, None]
    squared, signed = GRADIENT_LOSSES["squared"], GRADIENT_LOSSES["cross_entropy"]
    score = torch.logit(value)[None]
    right = squared(score, (wanted / slope)[None], wanted[None])
    torch.testing.assert_close(right, torch.zeros_like(right), atol=1e-12, rtol=0)
    assert (squared(score, (1.5 * wanted / slope)[None], wanted[None]) > 1e-3).all()
    pointing, opposed = (
        signed(score, sign * 50 * wanted[None], wanted[None]) for sign in (1, -1)
    )
    assert (pointing < opposed).all()


def test_iou_gradient_in_units_of_the_union(uniform):
    """U dv*/dy is t - (1 - t) v*, as for sums; the steepest entry is one over U."""
    y, t = uniform(4, 9), (uniform(4, 9, seed=1) > 0.4).double()
    t[:, 0] = 1
    value, grad = oracle_and_grad(relaxed_iou, y, t)
    union = torch.maximum(y, t).sum(1, keepdim=True)
    torch.testing.assert_close(union * grad, t - (1 - t) * value[:, None])
    torch.testing.assert_close(grad.abs().amax(1, keepdim=True), 1 / union)


def test_matching_gradients_trains_them(make_network, examples, seeded):
    """After training with the second loss the gradients differ less."""
    errors = []
    for weight in (0.0, 1.0):
        network = make_network(scale=0.3)
        settings = TupleSettings(relaxed_f1, GradientAscent(n_steps=5))
        mixture = TupleMixture({ground_truth: 0.5, inference: 0.5})
        goal = Objective(mixture, settings, gradient_weight=weight)
        made = trainer(network, examples, seeded, goal, learning_rate_init=0.2)
        for _ in range(10):
            made.run_epoch()
        x, y = (part.take(slice(None)) for part in (examples.x, examples.y))
        y = y * 0.8 + 0.1
        context = network.encode(x).detach()
        with torch.no_grad():
            score, grad = network.score_and_grad(context, y)
            wanted = oracle_and_grad(relaxed_f1, y, (y > 0.5).double())[1]
        loss = GRADIENT_LOSSES["squared"](score[None], grad[None], wanted[None])
        errors.append(loss.mean().item())
    assert errors[1] < errors[0]


def test_chains_go_on_from_visit_to_visit(make_network, examples, seeded):
    """With a network that does not learn, n visits are n steps of one ascent."""
    network = make_network(scale=0.3)
    ascent = GradientAscent(n_steps=3, step_rule="rms", step_size=0.2, step_decay=0.5)
    goal = Objective(TupleMixture({chain: 1.0}), TupleSettings(relaxed_f1, ascent))
    made = trainer(
        network, examples, seeded, goal, learning_rate_init=1e-12, batch_size=24
    )
    made.network.eval()
    context = network.encode(examples.x.take(slice(None))).detach()
    start = torch.zeros(24, 4, dtype=torch.float64)
    with torch.no_grad():
        expected = list(
            y.clone()
            for y in ascent.iterates(
                lambda y: network.score_and_grad(context, y), start
            )
        )
    for visit in range(5):
        made.run_epoch()
        stored = made.chains.last(torch.arange(24), start)
        torch.testing.assert_close(stored, expected[visit % 3], atol=2e-3, rtol=0)


# -- the structured hinge -------------------------------------------------------------


def test_the_hinge_written_out(make_network, examples, seeded, uniform):
    network = make_network(n_labels=4)
    goal = objective({ground_truth: 1}, "hinge")
    hinge = trainer(network, examples, seeded, goal)
    drawn = examples.draw(torch.arange(24), seeded())
    outputs = uniform(3, 24, 4)
    values = torch.stack([relaxed_f1(y, drawn.y) for y in outputs])
    tuples = Tuples(outputs, values, torch.ones(3).double() / 3)
    context = network.encode(drawn.x)
    found = hinge._value_losses(context, drawn.y, tuples)
    best = network.score(context, drawn.y)
    for y, value, losses in zip(outputs, values, found, strict=True):
        margin = 1 - value + network.score(context, y) - best
        torch.testing.assert_close(losses, margin.clamp(min=0))


@pytest.mark.slow
def test_training_on_the_hinge_ranks_the_truth_first(make_network, examples, seeded):
    network = make_network(hidden=(8,), scale=0.3)
    goal = objective({loss_augmented: 1}, "hinge")
    goal = replace(
        goal, settings=replace(goal.settings, ascent=GradientAscent(10, 0.5, "logit"))
    )
    training = trainer(
        network, examples, seeded, goal, n_epochs=60, learning_rate_init=0.1
    )
    losses = [training.run_epoch() for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]
    drawn = examples.draw(torch.arange(24), seeded())
    context = network.encode(drawn.x).detach()
    found = goal.settings.ascent.climb(
        value_field(network, context), torch.zeros(24, 4).double()
    )
    assert relaxed_f1(found.round(), drawn.y).mean() > 0.9
