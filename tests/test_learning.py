"""Tests of what is chosen on held-out rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skdvn.data import ConstantRows, Examples, Queries, Rows
from skdvn.inference import GradientAscent, infer
from skdvn.networks import copy_network, members
from skdvn.oracles import relaxed_f1
from skdvn.training import (
    Execution,
    Objective,
    Optimization,
    Plan,
    Split,
    Trained,
    TupleMixture,
    TupleSettings,
    ground_truth,
    inference,
    select_and_train,
)
from skdvn.training.scoring import _smooth

CPU, DOUBLE = torch.device("cpu"), torch.float64
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X @ RNG.normal(size=(5, 4)) > 0).astype(float)
# Training changes nothing to speak of.
FROZEN = Optimization(learning_rate_init=1e-12, alpha=0.0, batch_size=60)
GOOD = Optimization(learning_rate_init=0.5, alpha=0.0, batch_size=10)


def examples_of(X, Y):
    start = ConstantRows(torch.zeros(Y.shape[1], dtype=DOUBLE), len(X))
    return Examples(Rows(X, CPU, DOUBLE), Rows(Y, CPU, DOUBLE), start)


@pytest.fixture
def plan_of(make_network):
    def make(splits=1, n_epochs=1, **params):
        network = make_network(scale=0.3)
        settings = TupleSettings(relaxed_f1, GradientAscent())
        folds = np.array_split(np.arange(60), max(splits, 2))[:splits]
        made = tuple(
            Split(
                torch.from_numpy(np.setdiff1d(np.arange(60), fold)),
                examples_of(X[fold], Y[fold]),
            )
            for fold in folds
        )
        defaults = {
            "build": lambda rng, index: copy_network(network),
            "objective": Objective(
                TupleMixture({ground_truth: 0.5, inference: 0.5}), settings
            ),
            "optimizations": (FROZEN,),
            "decide": lambda y: (y >= 0.5).astype(int),
            "ascents": (GradientAscent(),),
            "choose_n_steps": False,
            "splits": made,
        }
        plan = Plan(**(defaults | params))
        lengthened = (replace(one, n_epochs=n_epochs) for one in plan.optimizations)
        return replace(plan, optimizations=tuple(lengthened))

    return make


def score_of(network, ascent, held_out):
    queries = Queries(held_out.x, held_out.y_init)
    y = infer(network, ascent, queries, batch_size=100)
    truth = held_out.y.take(slice(None))
    return relaxed_f1((y >= 0.5).to(truth), truth).mean().item()


def test_nothing_to_choose_no_split(plan_of):
    plan = plan_of(splits=0, n_epochs=3, n_networks=2)
    learned = select_and_train(plan, examples_of(X, Y), seed=0)
    assert np.isnan(learned.score)
    assert len(learned.history) == plan.n_epochs_planned == 6
    assert len(members(learned.network)) == 2 and not learned.interrupted


@pytest.mark.parametrize("splits", [1, 3])
def test_best_ascent_and_prefix_by_brute_force(plan_of, splits):
    ascents = tuple(
        GradientAscent(n_steps=12, step_size=size) for size in (0.05, 0.3, 1.0)
    )
    plan = plan_of(splits=splits, ascents=ascents, choose_n_steps=True)
    learned = select_and_train(plan, examples_of(X, Y), seed=0)
    network = plan.build(None, 0)
    table = np.array(
        [
            [
                np.mean(
                    [
                        score_of(network, replace(one, n_steps=n), split.held_out)
                        for split in plan.splits
                    ]
                )
                for n in range(1, 13)
            ]
            for one in ascents
        ]
    )
    padded = np.pad(table, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    which, step = np.unravel_index(smooth.argmax(), smooth.shape)
    assert learned.ascent.step_size == ascents[which].step_size
    assert smooth[which, learned.ascent.n_steps - 1] == pytest.approx(smooth.max())
    assert learned.score == pytest.approx(smooth[which, step])


def test_given_number_of_steps_is_kept(plan_of):
    ascents = tuple(GradientAscent(n_steps=9, step_size=size) for size in (1e-9, 0.5))
    plan = plan_of(ascents=ascents)
    learned = select_and_train(plan, examples_of(X, Y), seed=0)
    assert learned.ascent == ascents[1]
    expected = score_of(plan.build(None, 0), ascents[1], plan.splits[0].held_out)
    assert learned.score == pytest.approx(expected)


@pytest.mark.parametrize("budget", [1, 28, 10_000])
def test_the_choice_does_not_depend_on_rows_held_at_once(plan_of, budget, monkeypatch):
    ascents = tuple(GradientAscent(step_size=size) for size in (0.1, 0.5, 2.0))
    plan = plan_of(ascents=ascents, choose_n_steps=True)
    expected = select_and_train(plan, examples_of(X, Y), seed=0)
    monkeypatch.setattr("skdvn.data.rows.MAX_DENSE_ENTRIES", budget)
    found = select_and_train(plan, examples_of(X, Y), seed=0)
    assert found.ascent == expected.ascent
    assert found.score == pytest.approx(expected.score)


def test_held_out_rows_are_encoded_once_for_all_ascents(plan_of, monkeypatch):
    plan = plan_of(
        ascents=tuple(GradientAscent(step_size=size) for size in (0.1, 0.5, 2.0))
    )
    held_out = plan.splits[0].held_out
    taken = []
    monkeypatch.setattr(
        held_out.x,
        "take",
        lambda rows, take=held_out.x.take: taken.append(1) or take(rows),
    )
    select_and_train(plan, examples_of(X, Y), seed=0)
    assert len(taken) == 1


@pytest.mark.parametrize(
    "good", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))]
)
def test_the_training_that_learns_is_chosen(plan_of, good):
    optimizations = [replace(FROZEN, alpha=k * 1e-9) for k in range(3)]
    optimizations[good] = GOOD
    plan = plan_of(splits=3, optimizations=tuple(optimizations), n_epochs=15)
    announced = plan.n_epochs_planned
    learned = select_and_train(plan, examples_of(X, Y), seed=0)
    assert learned.optimization == replace(GOOD, n_epochs=15)
    assert len(learned.history) == announced == (3 + 2 * 2 + 1) * 15
    assert learned.history[-1]["candidate"] == good
    assert learned.history[-1]["split"] is None
    assert learned.score > 0.6


def test_the_first_training_wins_ties(plan_of):
    optimizations = tuple(replace(FROZEN, alpha=k * 1e-9) for k in range(3))
    plan = plan_of(optimizations=optimizations)
    learned = select_and_train(plan, examples_of(X, Y), seed=0)
    assert learned.optimization is plan.optimizations[0]


def test_without_refit_the_networks_of_the_folds_stay(plan_of):
    learned = select_and_train(
        plan_of(splits=4, refit=False), examples_of(X, Y), seed=0
    )
    assert len(members(learned.network)) == 4 and len(learned.history) == 4
    assert [entry["split"] for entry in learned.history] == [0, 1, 2, 3]


def test_the_last_training_takes_the_mean_number_of_epochs(plan_of):
    """Of those that early stopping found on the splits."""
    n_epochs, asked = iter([2, 3, 10]), []

    class Scripted(Execution):
        """Stops each training where the script says."""

        def results(self, trainings, plan, examples, on_epoch):
            for one in trainings:
                if one.split is None:
                    asked.append(one.n_epochs)
                length = next(n_epochs, one.n_epochs)
                totals = torch.ones(2, 1, 1).double()
                yield Trained(plan.build(None, 0), length, totals=totals)

    plan = plan_of(splits=3, n_epochs=20, early_stopping=True)
    learned = select_and_train(plan, examples_of(X, Y), 0, execution=Scripted())
    assert asked == [5] and learned.n_epochs == 5


def test_smoothing():
    means = torch.tensor([[0.0, 3.0, 0.0, 6.0]])
    assert _smooth(means).tolist() == [[1.0, 1.0, 3.0, 4.0]]
    assert _smooth(torch.tensor([[5.0]])).tolist() == [[5.0]]


def test_seed_decides(make_network, plan_of):
    plan = plan_of(optimizations=(GOOD,), n_epochs=2)
    runs = [select_and_train(plan, examples_of(X, Y), seed=seed) for seed in (0, 0, 1)]
    first, same, other = (run.network.input.weight for run in runs)
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_a_true_return_stops_all_training(plan_of):
    plan = plan_of(n_epochs=5)
    learned = select_and_train(
        plan, examples_of(X, Y), seed=0, on_epoch=lambda entry: entry["epoch"] == 2
    )
    assert [entry["epoch"] for entry in learned.history] == [1, 2]
    assert not learned.interrupted and 0 <= learned.score <= 1
