"""Tests of the training tuples: what each generator promises, and their mixture."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.nn import functional as F

from skdvn.inference import GradientAscent, value_field
from skdvn.oracles import ORACLES, check_oracle, relaxed_accuracy, relaxed_f1
from skdvn.training import (
    GENERATORS,
    Batch,
    ReplayBuffer,
    TupleMixture,
    TupleSettings,
    adversarial,
    corrupt,
    ground_truth,
    inference,
    one_step,
    replay,
    stratified,
    stratified_log_weights,
)


def subset_accuracy(y, y_true):
    """A user's oracle that has no gradient."""
    return (y.round() == y_true).all(1).to(y.dtype)


@pytest.fixture
def make_batch(make_network, uniform, seeded):
    """``make_batch(...)``: always the same batch, with another seed if asked."""

    def make(
        n=6, n_labels=4, seed=0, dtype=torch.float64, oracle=relaxed_f1, **options
    ):
        ascent = options.pop("ascent", GradientAscent())
        network = make_network(n_labels=n_labels, dtype=dtype)
        with torch.no_grad():
            context = network.encode(uniform(n, 5, dtype=dtype))
        names = {"y_true", "y_init", "replay"} & options.keys()
        given = {name: options.pop(name) for name in names}
        defaults = dict(
            y_true=(uniform(n, n_labels, seed=1) > 0.5).to(dtype),
            y_init=torch.zeros(n, n_labels, dtype=dtype),
            rows=torch.arange(n),
            chains=ReplayBuffer(1, n),
        )
        return Batch(
            network,
            context,
            **{**defaults, **given},
            settings=TupleSettings(oracle, ascent, **{"tau": 0.2, **options}),
            rng=seeded(seed),
        )

    return make


def only(generator, batch):
    """The single output of a generator, without gradients."""
    with torch.no_grad():
        (y,) = generator(batch)
    return y


# -- every generator ------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_generators_yield_relaxed_outputs_and_leave_the_batch_alone(
    name, dtype, make_batch, global_randomness_untouched
):
    buffer = ReplayBuffer(2, 6)
    batch = make_batch(dtype=dtype, replay=buffer)
    buffer.store(batch.rows, torch.full_like(batch.y_true, 0.25))
    before = batch.y_true.clone(), batch.y_init.clone(), batch.context.clone()
    with torch.no_grad():
        outputs = GENERATORS[name](batch)
    assert len(outputs) == (4 if name == "inference" else 1)
    for y in outputs:
        assert y.shape == batch.y_true.shape and y.dtype == dtype
        assert (y >= 0).all() and (y <= 1).all()
        assert not y.requires_grad
    after = batch.y_true, batch.y_init, batch.context
    assert all(map(torch.equal, before, after))


@pytest.mark.parametrize("name", ["stratified", "adversarial", "one_step"])
def test_random_generators_repeat_with_the_seed(name, make_batch):
    def draw(seed):
        return only(GENERATORS[name], make_batch(n=50, seed=seed))

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_single_row_of_a_single_label_will_do(name, make_batch):
    batch = make_batch(n=1, n_labels=1, replay=ReplayBuffer(1, 1))
    with torch.no_grad():
        for y in GENERATORS[name](batch):
            assert y.shape == (1, 1)
            assert torch.isfinite(y).all()


@pytest.mark.parametrize("name", ["ground_truth", "stratified"])
def test_masks_will_do(name, make_batch, uniform):
    y_true = (uniform(5, 3, 4) > 0.5).double()
    batch = make_batch(n=5, y_true=y_true, y_init=torch.zeros_like(y_true))
    assert only(GENERATORS[name], batch).shape == (5, 3, 4)


# -- the truth, and starts ------------------------------------------------------------


@pytest.mark.parametrize("oracle", ORACLES)
def test_the_ground_truth_has_value_one(oracle, make_batch):
    batch = make_batch(oracle=ORACLES[oracle])
    assert torch.equal(only(ground_truth, batch), batch.y_true)
    tuples = TupleMixture({ground_truth: 1})(batch)
    torch.testing.assert_close(tuples.values, torch.ones(1, 6).double())


def test_truth_and_start_at_even_odds(make_batch):
    n = 2000
    batch = make_batch(n=n, y_true=torch.ones(n, 4), y_init=torch.zeros(n, 4))
    starts = batch.truth_or_start()
    assert ((starts == 0).all(1) | (starts == 1).all(1)).all()  # whole rows
    assert starts[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)


# -- inference ------------------------------------------------------------------------


@given(n_steps=st.integers(1, 25), n_iterates=st.integers(1, 8))
def test_iterates_are_a_prefix_of_a_longer_trajectory(
    n_steps, n_iterates, make_network, uniform
):
    network = make_network()
    context, start = network.encode(uniform(3, 5)).detach(), uniform(3, 4)
    settings = TupleSettings(relaxed_f1, GradientAscent(n_steps), n_iterates=n_iterates)
    batch = Batch(network, context, start, start, None, settings, None)
    with torch.no_grad():
        found = inference(batch)
        longer = [
            y.clone()
            for y in GradientAscent(n_steps + 5).iterates(
                value_field(network, context), start
            )
        ]
    assert len(found) == min(n_steps, n_iterates)
    places = []
    for y in found:
        places.append(next(i for i, z in enumerate(longer, 1) if torch.equal(y, z)))
    assert places == sorted(set(places))
    assert places[-1] == n_steps
    gaps = np.diff([0, *places])
    assert gaps.max() <= math.ceil(n_steps / min(n_steps, n_iterates)) + 1


def test_iterates_are_evenly_spaced(make_batch):
    batch = make_batch(ascent=GradientAscent(20), n_iterates=4)
    with torch.no_grad():
        found = inference(batch)
        field = value_field(batch.network, batch.context)
        for y, n_steps in zip(found, (5, 10, 15, 20), strict=True):
            assert torch.equal(y, GradientAscent(n_steps).climb(field, batch.y_init))


def test_one_step_is_one_step_of_the_ascent_from_the_truth_or_the_start(make_batch):
    options = dict(n=200, ascent=GradientAscent(20, 0.3, momentum=0.5))
    batch = make_batch(**options)
    starts = make_batch(**options).truth_or_start()
    field = value_field(batch.network, batch.context)
    with torch.no_grad():
        expected = GradientAscent(1, 0.3).climb(field, starts)
    torch.testing.assert_close(only(one_step, batch), expected)


# -- stratified samples ---------------------------------------------------------------


def softmax_over_strata(values, tau, n_strata):
    """Chances of candidates with these values, by the definition, one example."""
    strata = (values * n_strata).astype(int)  # value 1 is a stratum of its own
    kinds = np.unique(strata)
    means = np.array([values[strata == kind].mean() for kind in kinds])
    chances = np.exp((means - means.max()) / tau)
    chances /= chances.sum()
    sizes = np.array([(strata == kind).sum() for kind in kinds])
    return (chances / sizes)[np.searchsorted(kinds, strata)]


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=12),
    tau=st.sampled_from([0.02, 0.1, 1.0, 10.0]),
    n_strata=st.sampled_from([1, 4, 20]),
)
def test_log_weights_by_their_definition(values, tau, n_strata):
    values = np.array(values)
    found = stratified_log_weights(torch.tensor(values)[:, None], tau, n_strata)
    np.testing.assert_allclose(
        torch.softmax(found, 0)[:, 0].numpy(),
        softmax_over_strata(values, tau, n_strata),
        atol=1e-9,
    )


def test_log_weights_of_examples_are_apart(uniform):
    values = uniform(8, 3)
    together = stratified_log_weights(values, 0.1, 5)
    for i in range(3):
        alone = stratified_log_weights(values[:, [i]], 0.1, 5)
        torch.testing.assert_close(together[:, [i]], alone)


def test_many_bad_outputs_do_not_drown_a_good_one():
    """One of value 1 against 999 of value 0.5: as likely as against a single one."""
    values = torch.full((1000, 1), 0.5).double()
    values[0] = 1
    for tau in (0.2, 1.0):
        found = torch.softmax(stratified_log_weights(values, tau, 10), 0)[0].item()
        assert found == pytest.approx(1 / (1 + math.exp(-0.5 / tau)))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("tau", [0.1, 0.5])
@pytest.mark.parametrize("oracle", [relaxed_f1, relaxed_accuracy])
def test_samples_have_the_frequencies_of_their_definition(tau, oracle, make_batch):
    """A chi-square test over the oracle's values, given the candidates."""
    n, n_strata = 3000, 8
    y_true = torch.tensor([1.0, 0, 0, 1, 0, 0]).double().expand(n, 6)
    options = dict(
        n=n, n_labels=6, y_true=y_true, tau=tau, n_candidates=16, n_strata=n_strata
    )
    batch = make_batch(oracle=oracle, **options)
    found = oracle(only(stratified, batch), y_true).numpy()
    # The sampler draws its candidates first.
    candidates = corrupt(y_true, 16, make_batch(**options).rng)
    values = torch.stack([oracle(y, y_true) for y in candidates]).numpy()
    levels = np.unique(values.round(9))
    expected = np.zeros(len(levels))
    for column in values.T:
        chances = softmax_over_strata(column, tau, n_strata)
        np.add.at(expected, np.searchsorted(levels, column.round(9)), chances)
    observed = np.bincount(
        np.searchsorted(levels, found.round(9)), minlength=len(levels)
    )
    often = expected >= 10
    statistic = ((observed - expected)[often] ** 2 / expected[often]).sum()
    assert often.sum() >= 4
    assert statistic < stats.chi2.ppf(1 - 1e-4, often.sum() - 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [0, 1e-3, 1e-38, 1e-40, 1e-46, 1e-300])
def test_a_tau_of_almost_nothing_gives_the_truth(tau, dtype, make_batch):
    batch = make_batch(n=200, dtype=dtype, tau=tau)
    assert torch.equal(only(stratified, batch), batch.y_true)


def test_samples_get_worse_with_tau(make_batch):
    means = []
    for tau in (0.02, 0.05, 0.1, 0.2, 0.5, 2.0):
        batch = make_batch(n=3000, n_labels=8, tau=tau)
        means.append(relaxed_f1(only(stratified, batch), batch.y_true).mean().item())
    assert (np.diff(means) < -0.005).all()
    assert means[0] > 0.9


@given(
    n_labels=st.integers(1, 12),
    share=st.floats(0, 1),
    n_candidates=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_candidates_are_binary_and_the_truth_comes_first(
    n_labels, share, n_candidates, seed, uniform, seeded
):
    y_true = (uniform(3, n_labels, seed=seed) < share).double()
    candidates = corrupt(y_true, n_candidates, seeded(seed))
    assert candidates.shape == (n_candidates, 3, n_labels)
    assert torch.equal(candidates[0], y_true)
    assert ((candidates == 0) | (candidates == 1)).all()


@pytest.mark.parametrize("n_true", [0, 1, 5, 20])
def test_candidates_forget_and_invent_up_to_as_many_as_the_truth_has(n_true, seeded):
    n_labels = 40
    y_true = torch.zeros(1, n_labels).double()
    y_true[0, :n_true] = 1
    candidates = corrupt(y_true, 4000, seeded())[1:, 0]
    kept = candidates[:, :n_true].sum(1)
    invented = candidates[:, n_true:].sum(1)
    assert kept.mean().item() == pytest.approx(n_true / 2, abs=0.05 * n_true)
    # An empty truth counts as one of a single label.
    at_most = max(n_true, 1) * (n_labels - n_true) / (n_labels - max(n_true, 1))
    assert invented.mean().item() == pytest.approx(at_most / 2, rel=0.08)
    if n_true >= 5:  # rates of their own: forgetting tells nothing of inventing
        both = torch.stack([kept, invented])
        assert abs(torch.corrcoef(both)[0, 1]) < 0.1
        assert kept.min() == 0 and kept.max() == n_true


def test_candidates_of_several_classes_have_one_class_per_pixel(seeded):
    classes = torch.randint(4, (5, 8, 8), generator=seeded())
    y_true = F.one_hot(classes, 4).permute(0, 3, 1, 2).double()
    candidates = corrupt(y_true, 200, seeded(1))
    assert torch.equal(candidates[0], y_true)
    assert torch.equal(candidates.sum(2), torch.ones(200, 5, 8, 8).double())
    assert set(candidates.unique().tolist()) == {0.0, 1.0}
    wrong = (candidates.argmax(2) != classes).float().mean((1, 2, 3))[1:]
    assert wrong.min() < 0.3 and wrong.max() > 0.6
    # Every class is mistaken for every other one.
    pairs = torch.stack([classes.expand(200, -1, -1, -1), candidates.argmax(2)])
    assert len(pairs.flatten(1).unique(dim=1).T) == 16


def test_candidates_lie_at_many_distances(seeded, uniform):
    y_true = (uniform(20, 30) > 0.6).double()
    candidates = corrupt(y_true, 300, seeded())
    values = torch.stack([relaxed_f1(y, y_true) for y in candidates])
    filled = torch.histc(values, bins=10, min=0, max=1)
    assert (filled > 0.01 * values.numel()).all()


# -- adversarial outputs --------------------------------------------------------------


def cross_entropy(batch, y, oracle):
    """Eq. 11 for each example."""
    score = batch.network.score(batch.context, y)
    value = oracle(y, batch.y_true)
    return F.binary_cross_entropy_with_logits(score, value, reduction="none")


@pytest.fixture
def relaxed_start(uniform):
    return 0.1 + 0.8 * uniform(200, 4, seed=3)


@pytest.mark.parametrize(
    "oracle", [relaxed_f1, relaxed_accuracy, ORACLES["iou"], subset_accuracy]
)
@pytest.mark.parametrize("rule", ["value", "normalized"])
def test_an_adversarial_step_climbs_the_gradient_of_the_loss(
    oracle, rule, make_batch, relaxed_start
):
    """By autograd through the network's value and the oracle's."""
    options = dict(
        n=200, oracle=oracle, y_init=relaxed_start, ascent=GradientAscent(1, 0.02, rule)
    )
    batch, starts = make_batch(**options), make_batch(**options).truth_or_start()
    found = only(adversarial, batch)
    leaf = starts.clone().requires_grad_()
    loss = cross_entropy(batch, leaf, oracle)
    (grad,) = torch.autograd.grad(loss.sum(), leaf)
    expected = (starts + 0.02 * grad).clamp(0, 1)
    inner = (starts == relaxed_start).all(1)  # at the truth, outputs and truth tie
    assert 50 < inner.sum() < 150
    torch.testing.assert_close(found[inner], expected[inner])


@pytest.mark.parametrize("oracle", [relaxed_f1, relaxed_accuracy, ORACLES["iou"]])
@pytest.mark.parametrize("start", ["empty", "relaxed"])
@pytest.mark.parametrize("n_steps", [1, 5])
def test_adversarial_outputs_have_a_higher_loss(
    oracle, start, n_steps, make_batch, relaxed_start
):
    y_init = relaxed_start if start == "relaxed" else torch.zeros(200, 4).double()
    options = dict(
        n=200, oracle=oracle, y_init=y_init, ascent=GradientAscent(n_steps, 0.01)
    )
    batch, starts = make_batch(**options), make_batch(**options).truth_or_start()
    with torch.no_grad():
        before = cross_entropy(batch, starts, oracle)
        after = cross_entropy(batch, only(adversarial, batch), oracle)
    assert after.mean() > before.mean() + 1e-3
    assert (after >= before - 1e-3).double().mean() > 0.9


def test_an_adversarial_step_is_no_ascent_of_the_value(make_batch, relaxed_start):
    """It lowers the value of outputs the network underrates (not so the release)."""
    options = dict(n=200, y_init=relaxed_start, ascent=GradientAscent(1, 0.01))
    batch, starts = make_batch(**options), make_batch(**options).truth_or_start()
    score = batch.network.score
    with torch.no_grad():
        change = score(batch.context, only(adversarial, batch)) - score(
            batch.context, starts
        )
    assert 0.1 < (change < 0).double().mean() < 0.9


def test_loss_augmented_outputs_score_high_and_are_far_from_the_truth(make_batch):
    batch = make_batch()
    (found,) = GENERATORS["loss_augmented"](batch)
    plain = batch.settings.ascent.climb(
        value_field(batch.network, batch.context), batch.y_init
    )

    def augmented(y):
        score = batch.network.score(batch.context, y)
        return (score + 1 - batch.settings.oracle(y, batch.y_true)).mean()

    assert augmented(found) > augmented(plain)
    assert augmented(found) > augmented(batch.y_init)


def test_adversarial_outputs_are_free_of_noise(make_batch):
    plain, noisy = (
        only(adversarial, make_batch(ascent=GradientAscent(3, noise=noise)))
        for noise in (0.0, 0.5)
    )
    assert torch.equal(plain, noisy)


# -- replay ---------------------------------------------------------------------------


def numbered(rows, time):
    """Outputs that say which row they belong to, and when they were stored."""
    return torch.stack([rows / 16, torch.full((len(rows),), time / 16)], dim=1)


def drawn(buffer, rows, rng, n_draws=40):
    default = torch.full((len(rows), 2), -1.0)
    return torch.stack([buffer.draw(rows, default, rng) for _ in range(n_draws)])


def test_nothing_stored_draws_the_default(seeded):
    buffer, default = ReplayBuffer(3, 4), torch.rand(2, 5, generator=seeded())
    rows = torch.tensor([3, 1])
    assert torch.equal(buffer.draw(rows, default, seeded()), default)
    buffer.store(torch.tensor([1]), torch.zeros(1, 5))
    found = buffer.draw(rows, default, seeded())
    assert torch.equal(found[0], default[0])
    assert torch.equal(found[1], torch.zeros(5))


def test_rows_get_back_their_own_outputs_and_the_oldest_is_forgotten(seeded):
    buffer, rng = ReplayBuffer(3, 8), seeded()
    for time in range(5):  # row 0 is stored 5 times, row 1 only at times 0, 2, 4 ...
        rows = torch.tensor([r for r in range(8) if time % (r % 4 + 1) == 0])
        rows = rows[torch.randperm(len(rows), generator=rng)]
        buffer.store(rows, numbered(rows, time))
    asked = torch.tensor([6, 0, 1, 5, 7, 2])
    found = drawn(buffer, asked, rng)
    assert (found[..., 0] == asked / 16).all()
    for i, row in enumerate(asked.tolist()):
        stored = [time for time in range(5) if time % (row % 4 + 1) == 0]
        times = sorted(set((16 * found[:, i, 1]).long().tolist()))
        assert times == stored[-3:]


def test_remembered_outputs_are_drawn_alike(seeded):
    n = 4000
    buffer, rows = ReplayBuffer(4, n), torch.arange(n)
    for time in range(4):
        buffer.store(rows, torch.full((n, 1), float(time)))
    found = buffer.draw(rows, torch.zeros(n, 1), seeded()).flatten().long()
    assert (torch.bincount(found, minlength=4) > 900).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 2, 2)])
def test_remembered_outputs_are_close_whatever_their_shape_and_type(
    dtype, shape, uniform, seeded
):
    y, rows = uniform(5, *shape, dtype=dtype), torch.arange(5)
    buffer = ReplayBuffer(1, 5)
    buffer.store(rows, y)
    found = buffer.draw(rows, torch.zeros_like(y), seeded())
    assert found.dtype == dtype
    torch.testing.assert_close(found, y, rtol=0, atol=1e-3)
    assert (found >= 0).all() and (found <= 1).all()


def test_stored_outputs_are_copies(seeded):
    buffer, y = ReplayBuffer(1, 2), torch.zeros(2, 3)
    buffer.store(torch.arange(2), y)
    y.fill_(1)
    assert not buffer.draw(torch.arange(2), y, seeded()).any()


# -- mixtures -------------------------------------------------------------------------


def ones(batch):
    return [torch.ones_like(batch.y_true)]


def halves(batch):
    return [torch.full_like(batch.y_true, 0.5)]


def quarters(batch):
    """A user's generator of several outputs."""
    return [torch.full_like(batch.y_true, share) for share in (0.25, 0.75)]


@pytest.mark.parametrize(
    ("generate", "found"),
    [
        (
            lambda batch: [3 * batch.y_true],
            r"list of \['shape \(\d+, \d+\), from 0 to 3'",
        ),
        (lambda batch: [batch.y_true.numpy()], r"list of \[\(\d+, \d+\)\]"),
        (lambda batch: 3, r"int of \[3\]"),
    ],
)
def test_what_a_generator_returns_is_told(generate, found, make_batch):
    with pytest.raises(ValueError, match=rf"entries in \[0, 1\]; got {found}"):
        TupleMixture({generate: 1})(make_batch())


def never(batch):
    raise AssertionError("a generator of share 0 was called")


SHARE = st.floats(0, 10, allow_subnormal=False)


@given(shares=st.tuples(SHARE, SHARE, SHARE).filter(lambda s: sum(s) > 1e-6))
def test_weights_add_up_to_one_and_follow_the_shares(shares, make_network, uniform):
    network, y_true = make_network(), (uniform(3, 4) > 0.5).double()
    settings = TupleSettings(relaxed_f1, GradientAscent())
    batch = Batch(network, None, y_true, y_true, None, settings, None)
    tuples = TupleMixture(dict(zip((ones, halves, quarters), shares, strict=True)))(
        batch
    )
    assert tuples.weights.sum().item() == pytest.approx(1)
    assert len(tuples.weights) == len(tuples.outputs) == len(tuples.values)
    found = dict.fromkeys([0.25, 0.5, 0.75, 1.0], 0.0)
    for y, weight in zip(tuples.outputs, tuples.weights, strict=True):
        found[y[0, 0].item()] += weight.item()
    share_ones, share_halves, share_quarters = np.array(shares) / sum(shares)
    assert found[1.0] == pytest.approx(share_ones)
    assert found[0.5] == pytest.approx(share_halves)
    assert found[0.25] == pytest.approx(share_quarters / 2)
    assert found[0.75] == pytest.approx(share_quarters / 2)


@pytest.mark.parametrize("oracle", [*ORACLES.values(), subset_accuracy])
def test_values_are_what_the_oracle_says(oracle, make_batch):
    batch = make_batch(oracle=oracle)
    generators = {ground_truth: 1, inference: 1, stratified: 1, quarters: 1}
    tuples = TupleMixture(generators)(batch)
    assert len(tuples.outputs) == 1 + 4 + 1 + 2
    for y, values in zip(tuples.outputs, tuples.values, strict=True):
        torch.testing.assert_close(values, oracle(y, batch.y_true))
        assert not y.requires_grad and not values.requires_grad


def whole_numbers(y, y_true):
    return (y.round() == y_true).all(1).long()


def truths(y, y_true):
    return (y.round() == y_true).all(1)


@pytest.mark.parametrize("oracle", [whole_numbers, truths])
def test_an_oracle_that_passes_the_check_can_be_learned_from(oracle, make_batch):
    """Either it is refused, or its values and weights are fit for the loss."""
    batch = make_batch(oracle=oracle)
    try:
        check_oracle(oracle, batch.y_true)
    except (TypeError, ValueError):
        return
    tuples = TupleMixture({ground_truth: 1, stratified: 1, halves: 2})(batch)
    assert tuples.values.is_floating_point()
    assert tuples.values[0].tolist() == [1] * 6
    assert tuples.weights.tolist() == [0.25, 0.25, 0.5]


def test_values_a_rounding_error_off_are_clipped(make_batch):
    batch = make_batch(oracle=lambda y, y_true: relaxed_f1(y, y_true) + 1e-7)
    assert (TupleMixture({ground_truth: 1, stratified: 1})(batch).values <= 1).all()


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_a_share_of_zero_is_no_share(one_at_a_time, make_batch):
    mixture = TupleMixture({ones: 1, never: 0}, one_at_a_time)
    for seed in range(10):
        assert len(mixture(make_batch(seed=seed)).outputs) == 1


def test_one_at_a_time_draws_by_share(make_batch):
    """Algorithm 1: the tuples of one generator, with all the weight."""
    mixture = TupleMixture({ones: 3, quarters: 1}, one_at_a_time=True)
    batch, n_ones, n_draws = make_batch(), 0, 1200
    for _ in range(n_draws):
        tuples = mixture(batch)
        assert tuples.weights.sum().item() == pytest.approx(1)
        assert len(tuples.outputs) in (1, 2)
        n_ones += len(tuples.outputs) == 1
    assert stats.binomtest(n_ones, n_draws, 0.75).pvalue > 1e-4


def test_mixtures_repeat_with_the_seed(make_batch, global_randomness_untouched):
    generators = {GENERATORS[name]: 1 for name in GENERATORS}
    for one_at_a_time in (False, True):
        mixture = TupleMixture(generators, one_at_a_time)
        one, other = (mixture(make_batch(replay=ReplayBuffer(2, 6))) for _ in range(2))
        for found, expected in zip(one, other, strict=True):
            assert torch.equal(torch.as_tensor(found), torch.as_tensor(expected))


def test_only_a_mixture_with_replay_asks_for_a_buffer():
    assert TupleMixture({replay: 0.1, ones: 1}).has_replay
    assert not TupleMixture({ones: 1}).has_replay


def test_replay_meets_earlier_outputs_but_stores_neither_them_nor_the_truth(
    make_batch,
):
    buffer = ReplayBuffer(4, 6)
    mixture = TupleMixture({replay: 1, ground_truth: 1, halves: 1})
    batch = make_batch(replay=buffer)
    # At first there is only the truth to meet.
    assert torch.equal(mixture(batch).outputs[0], batch.y_true)
    for _ in range(6):
        assert (mixture(batch).outputs[0] == 0.5).all()


def test_replay_belongs_to_the_rows_of_the_batch(make_batch):
    buffer = ReplayBuffer(4, 100)
    rows = torch.tensor([90, 4, 17, 99, 0, 55])

    def remember_rows(batch):
        return [(batch.rows[:, None] / 128).expand_as(batch.y_true)]

    mixture = TupleMixture({replay: 1, remember_rows: 1})
    first = make_batch(replay=buffer)
    mixture(replace(first, rows=rows))
    shuffled = rows.flip(0)
    found = mixture(replace(first, rows=shuffled)).outputs[0]
    assert torch.equal(found[:, 0], shuffled.double() / 128)
