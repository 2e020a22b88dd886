"""Tests of the oracle values: their meaning, their limits, and their gradients."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    fbeta_score,
    hamming_loss,
    jaccard_score,
)
from torch.nn import functional as F

from skdvn.oracles import (
    MAP_ORACLES,
    ORACLES,
    FBeta,
    check_oracle,
    check_oracle_values,
    get_oracle,
    reach,
    relaxed_accuracy,
    relaxed_f1,
    relaxed_iou,
    relaxed_mean_iou,
    relaxed_pixel_accuracy,
)

# 0.7 and 3.5 have squares that binary fractions do not hold.
EVERY_ORACLE = {**ORACLES, "f0.7": FBeta(0.7), "f3.5": FBeta(3.5)}
SHAPES = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5)

every_oracle = pytest.mark.parametrize(
    "oracle", EVERY_ORACLE.values(), ids=EVERY_ORACLE.keys()
)


def pairs(dtype=np.float64, elements=None):
    """Two relaxed outputs of the same shape."""
    if elements is None:
        width = 32 if dtype == np.float32 else 64
        elements = st.floats(0, 1, width=width, allow_subnormal=False)

    def two(shape):
        one = arrays(dtype, shape, elements=elements).map(torch.from_numpy)
        return st.tuples(one, one)

    return SHAPES.flatmap(two)


# -- values ---------------------------------------------------------------------------


def test_reach_is_how_many_labels_make_a_value_of_one():
    y_true = torch.zeros(3, 40)
    y_true[0, :2], y_true[1, :6] = 1, 1  # the third row is empty
    for oracle in (relaxed_f1, relaxed_iou):
        assert reach(oracle, y_true) == pytest.approx(4)
    assert reach(relaxed_accuracy, y_true) == pytest.approx(40)


def test_nothing_is_in_reach_where_nothing_is_better_than_the_truth():
    y_true = torch.ones(3, 4)
    for oracle in (lambda y, y_true: 1 - y.mean(1), lambda y, y_true: y.sum(1) * 0):
        assert reach(oracle, y_true) == 0
    assert reach(relaxed_f1, torch.zeros(3, 4)) == 0


@given(pairs(np.float32) | pairs(np.float64))
def test_one_value_in_0_1_per_example_in_the_precision_given(both):
    for oracle in EVERY_ORACLE.values():
        values = oracle(*both)
        assert values.shape == (len(both[0]),)
        assert values.dtype == both[0].dtype
        assert (values >= 0).all() and (values <= 1 + 1e-6).all()


@given(pairs())
def test_symmetric_in_output_and_truth(both):
    for oracle in (relaxed_f1, relaxed_iou, relaxed_accuracy):
        torch.testing.assert_close(oracle(*both), oracle(*both[::-1]))


@given(pairs(), st.floats(0.2, 5))
def test_swapping_output_and_truth_swaps_precision_and_recall(both, beta):
    torch.testing.assert_close(FBeta(beta)(*both), FBeta(1 / beta)(*both[::-1]))


def test_recall_counts_more_with_a_larger_beta():
    y_true = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    greedy, shy = torch.ones(1, 4), torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert FBeta(2.0)(greedy, y_true) > FBeta(2.0)(shy, y_true)
    assert FBeta(0.5)(greedy, y_true) < FBeta(0.5)(shy, y_true)


@given(pairs())
def test_f1_follows_from_iou(both):
    iou = relaxed_iou(*both)
    torch.testing.assert_close(relaxed_f1(*both), 2 * iou / (1 + iou))


@given(pairs())
def test_intersection_and_union_are_sums_of_minima_and_maxima(both):
    """Eqs. 6, 9 and 10, written out."""
    y, y_true = both
    union = torch.maximum(y, y_true).flatten(1).sum(1)
    shared = torch.minimum(y, y_true).flatten(1).sum(1)
    expected = torch.where(union > 0, shared / union, torch.ones_like(union))
    torch.testing.assert_close(relaxed_iou(y, y_true), expected)


def test_equal_to_scikit_learn_on_all_binary_outputs_of_three_labels():
    corners = np.array(list(itertools.product([0, 1], repeat=3)))
    Y, Y_true = (
        part.reshape(64, 3)
        for part in np.broadcast_arrays(corners[:, None], corners[None])
    )
    how = dict(average="samples", zero_division=1)
    references = {
        "f1": lambda *both: f1_score(*both, **how),
        "f0.5": lambda *both: fbeta_score(*both, beta=0.5, **how),
        "f3.5": lambda *both: fbeta_score(*both, beta=3.5, **how),
        "iou": lambda *both: jaccard_score(*both, **how),
        "accuracy": lambda *both: 1 - hamming_loss(*both),
    }
    for name, reference in references.items():
        y, y_true = (torch.tensor(part, dtype=torch.float64) for part in (Y, Y_true))
        expected = [reference(Y_true[[i]], Y[[i]]) for i in range(64)]
        np.testing.assert_allclose(EVERY_ORACLE[name](y, y_true), expected)


@given(both=pairs(), shares=st.data())
def test_never_falls_on_the_way_to_the_truth(both, shares):
    y, y_true = both
    share = shares.draw(arrays(np.float64, y.shape, elements=st.floats(0, 1)))
    nearer = torch.lerp(y, y_true, torch.from_numpy(share)).clamp(0, 1)
    for oracle in EVERY_ORACLE.values():
        assert (oracle(nearer, y_true) >= oracle(y, y_true) - 1e-9).all()


@given(pairs())
def test_one_for_the_truth_itself(both):
    for oracle in EVERY_ORACLE.values():
        values = oracle(both[0], both[0])
        torch.testing.assert_close(values, torch.ones_like(values))


@every_oracle
def test_less_than_one_for_anything_but_a_binary_truth(oracle):
    y_true = torch.tensor([[1.0, 0.0, 1.0]])
    for i in range(3):
        y = y_true.clone()
        y[0, i] = 1 - y[0, i]
        assert oracle(y, y_true) < 1


@every_oracle
@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 5), (3, 2, 2, 2)])
def test_empty_against_empty_is_one_whatever_its_neighbours(oracle, shape):
    y, y_true = torch.zeros(shape), torch.zeros(shape)
    y[1] = 1
    values = oracle(y, y_true)
    assert values[0] == values[2] == 1
    assert values[1] == 0


@every_oracle
def test_the_shape_of_an_output_does_not_matter(oracle, uniform):
    y, y_true = uniform(3, 2, 4), uniform(3, 2, 4, seed=1)
    torch.testing.assert_close(
        oracle(y, y_true), oracle(y.flatten(1), y_true.flatten(1))
    )


@every_oracle
def test_rows_do_not_influence_each_other(oracle, uniform):
    y, y_true = uniform(5, 4), uniform(5, 4, seed=1)
    alone = torch.cat([oracle(y[[i]], y_true[[i]]) for i in range(5)])
    torch.testing.assert_close(oracle(y, y_true), alone, rtol=0, atol=0)


@every_oracle
def test_precise_on_large_outputs_in_single_precision(oracle, uniform):
    y, y_true = uniform(2, 300, 300), (uniform(2, 300, 300, seed=1) > 0.6).double()
    torch.testing.assert_close(
        oracle(y.float(), y_true.float()).double(),
        oracle(y, y_true),
        rtol=1e-5,
        atol=1e-5,
    )


# -- gradients, which the adversarial tuples climb ------------------------------------


@every_oracle
def test_gradient_by_finite_differences(oracle, uniform):
    y, y_true = uniform(3, 4), (uniform(3, 4, seed=1) > 0.5).double()
    y = (0.9 * y + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: oracle(y, y_true), y)


@every_oracle
def test_gradient_is_finite_where_both_are_empty(oracle):
    y = torch.zeros(2, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(oracle(y, torch.zeros(2, 3)).sum(), y)
    assert torch.isfinite(grad).all()


@pytest.mark.parametrize("name", ORACLES)
def test_gradient_at_a_corner_is_that_of_steps_into_the_box(name):
    """Adversarial ascent starts at corners: no outputs, or the truth.

    There outputs and truth tie, and only one side of each tie lies in the box: adding
    a false label to nothing gains nothing, dropping a true one loses all of it.
    """
    oracle, tiny = ORACLES[name], 1e-6
    corners = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3))).double()
    y, y_true = (
        part.reshape(-1, 3)
        for part in torch.broadcast_tensors(corners[:, None], corners)
    )
    some = (y + y_true).any(1)  # nothing against nothing is a jump
    y, y_true = y[some].requires_grad_(), y_true[some]
    (grad,) = torch.autograd.grad(oracle(y, y_true).sum(), y)
    with torch.no_grad():
        for i in range(3):
            step = tiny * (1 - 2 * y[:, [i]]) * torch.eye(3).double()[i]
            slope = (oracle(y + step, y_true) - oracle(y, y_true)) / step[:, i]
            torch.testing.assert_close(grad[:, i], slope, rtol=1e-4, atol=1e-4)


# -- maps of classes ------------------------------------------------------------------


def one_hot(classes, n_classes):
    return F.one_hot(torch.tensor(classes), n_classes).permute(0, 3, 1, 2).double()


class_maps = arrays(int, (2, 3, 4), elements=st.integers(0, 3))


@given(class_maps, class_maps)
def test_on_one_class_per_pixel_they_are_the_metrics_they_are_named_after(found, truth):
    accuracy = relaxed_pixel_accuracy(one_hot(found, 4), one_hot(truth, 4))
    iou = relaxed_mean_iou(one_hot(found, 4), one_hot(truth, 4))
    for i in range(2):
        pair = truth[i].ravel(), found[i].ravel()
        assert accuracy[i].item() == pytest.approx(accuracy_score(*pair))
        expected = jaccard_score(
            *pair, average=None, labels=range(4), zero_division=1.0
        )
        assert iou[i].item() == pytest.approx(expected.mean())


@given(arrays(int, (2, 3, 4), elements=st.integers(0, 1)), class_maps)
def test_one_channel_stands_for_two_classes(truth, found):
    found = found % 2
    for oracle in (relaxed_pixel_accuracy, relaxed_mean_iou):
        both = [one_hot(part, 2) for part in (found, truth)]
        torch.testing.assert_close(
            oracle(*(part[:, 1:] for part in both)), oracle(*both)
        )


@given(
    arrays(float, (2, 3, 2, 2), elements=st.floats(0, 1)),
    arrays(int, (2, 2, 2), elements=st.integers(0, 2)),
)
def test_relaxed_maps_have_values_in_0_1(y, truth):
    y, truth = torch.tensor(y), one_hot(truth, 3)
    for oracle in MAP_ORACLES.values():
        values = oracle(y, truth)
        assert values.shape == (2,)
        assert (values >= 0).all() and (values <= 1 + 1e-9).all()
        torch.testing.assert_close(oracle(truth, truth), torch.ones(2).double())


def test_on_distributions_the_accuracy_is_one_minus_the_total_variation(uniform):
    y = uniform(4, 3, 2, 2)
    y = y / y.sum(1, keepdim=True)
    truth = one_hot(np.arange(16).reshape(4, 2, 2) % 3, 3)
    expected = 1 - 0.5 * (y - truth).abs().sum(1).mean((1, 2))
    torch.testing.assert_close(relaxed_pixel_accuracy(y, truth), expected)


def test_claiming_every_class_does_not_pay():
    truth = one_hot(np.zeros((1, 2, 2), int), 4)
    value = relaxed_pixel_accuracy(torch.ones_like(truth), truth)
    assert value.item() == pytest.approx(1 / 4)


def test_beside_the_truth_the_gradient_knows_that_claiming_more_costs():
    """Where y adds up to 1, in any release of PyTorch."""
    truth = one_hot(np.zeros((1, 2, 2), int), 3).double()
    y = truth.clone().requires_grad_()
    relaxed_pixel_accuracy(y, truth).sum().backward()
    assert (y.grad[:, 0] == 0).all() and (y.grad[:, 1:] == -1 / 4).all()


# -- names and errors -----------------------------------------------------------------


@pytest.mark.parametrize("name", ORACLES)
def test_every_name_resolves(name):
    assert get_oracle(name) is ORACLES[name]


def test_the_names_mean_what_they_say(uniform):
    y, y_true = uniform(6, 5), uniform(6, 5, seed=1)
    assert get_oracle("f1") == FBeta(1.0)
    assert get_oracle("f2") == FBeta(2.0)
    assert get_oracle("f0.5") == FBeta(0.5)
    assert torch.equal(get_oracle("iou")(y, y_true), relaxed_iou(y, y_true))
    assert torch.equal(get_oracle("accuracy")(y, y_true), relaxed_accuracy(y, y_true))


def test_a_callable_is_taken_as_it_is():
    def mine(y, y_true):
        return y[:, 0]

    assert get_oracle(mine) is mine


@pytest.mark.parametrize(
    ("wrong", "meant"), [("iuo", "iou"), ("F1", "f1"), ("acuracy", "accuracy")]
)
def test_a_misspelt_name_gets_a_hint(wrong, meant):
    with pytest.raises(ValueError, match=f"Unknown oracle '{wrong}'") as caught:
        get_oracle(wrong)
    message = str(caught.value)
    assert f"Did you mean {meant!r}?" in message
    assert all(repr(name) in message for name in ORACLES)
    assert "callable" in message


def test_a_name_like_no_other_gets_no_hint():
    with pytest.raises(ValueError, match="Allowed are") as caught:
        get_oracle("zzzz")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 1, ["f1"]])
def test_neither_name_nor_callable(wrong):
    with pytest.raises(TypeError, match="oracle must be a name or a callable") as e:
        get_oracle(wrong)
    assert repr(wrong) in str(e.value)
    assert type(wrong).__name__ in str(e.value)


@pytest.mark.parametrize("beta", [0, -1.0, float("nan"), float("inf"), "1", None])
def test_beta_lies_between_0_and_infinity(beta):
    with pytest.raises(ValueError, match="beta must be") as caught:
        FBeta(beta)
    assert repr(beta) in str(caught.value)


Y_TRUE = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


@every_oracle
def test_own_oracles_pass_the_check(oracle):
    check_oracle(oracle, Y_TRUE)
    check_oracle(oracle, torch.zeros(2, 3))


def no_tensor(y, y_true):
    return [1.0] * len(y)


def one_number(y, y_true):
    return (y * y_true).mean()


def one_column(y, y_true):
    return (y * y_true).mean(1, keepdim=True)


def percent(y, y_true):
    return 100 * relaxed_f1(y, y_true)


def loss(y, y_true):
    return -(y - y_true).abs().mean(1)


def no_convention_for_nothing(y, y_true):
    return (y * y_true).sum(1) / y.sum(1)


@pytest.mark.parametrize(
    ("oracle", "error", "parts"),
    [
        (no_tensor, TypeError, ["torch.Tensor", "got list"]),
        (one_number, ValueError, ["one value per example", "(2,)", "got shape ()"]),
        (one_column, ValueError, ["one value per example", "(2,)", "(2, 1)"]),
        (percent, ValueError, ["in [0, 1]", "to 100", "Rescale"]),
        (loss, ValueError, ["in [0, 1]", "from -0."]),
        (no_convention_for_nothing, ValueError, ["in [0, 1]", "nan"]),
    ],
)
def test_an_unfit_oracle_is_refused_with_what_it_returned(oracle, error, parts):
    with pytest.raises(error) as caught:
        check_oracle(oracle, Y_TRUE)
    for part in parts:
        assert part in str(caught.value)


def test_an_oracle_that_raises_is_refused_with_its_message():
    def broken(y, y_true):
        raise RuntimeError("no such weather")

    with pytest.raises(ValueError, match="no such weather") as caught:
        check_oracle(broken, Y_TRUE)
    assert "(2, 3)" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_values_a_rounding_error_off_are_accepted():
    check_oracle_values(torch.tensor([1 + 1e-7, -1e-7]), 2)


def test_the_check_leaves_the_truth_alone():
    y_true = Y_TRUE.clone()
    check_oracle(relaxed_f1, y_true)
    assert torch.equal(y_true, Y_TRUE)
