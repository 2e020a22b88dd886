"""Tests of the user's arrays as mini-batches of tensors."""

import numpy as np
import pytest
import torch
from scipy import sparse

from skdvn.data import (
    CLIP_HIGH,
    CLIP_LOW,
    ConstantRows,
    Examples,
    Rows,
    SparseBatch,
)

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
THIN = np.where(RNG.random((20, 30)) < 0.1, RNG.normal(3, 2, (20, 30)), 0)
MEAN, SCALE = THIN.mean(0), THIN.std(0) + 0.01


def rows_of(array, **params):
    return Rows(array, CPU, torch.float64, **params)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("params", [{}, {"mean": MEAN, "scale": SCALE}])
@pytest.mark.parametrize("part", [slice(3, 9), torch.tensor([5, 0, 5]), slice(None)])
def test_sparse_rows_equal_dense_ones(form, params, part):
    dense = rows_of(THIN, **params).take(part)
    torch.testing.assert_close(rows_of(form(THIN), **params).take(part), dense)
    kept = rows_of(form(THIN), keep_sparse=True, **params).take(part)
    assert isinstance(kept, SparseBatch)
    torch.testing.assert_close(
        torch.from_numpy(kept.differences.toarray()) + kept.base, dense
    )


def test_standardising_clips():
    rows = rows_of(THIN, mean=MEAN, scale=SCALE).take(slice(None)).numpy()
    expected = np.clip((THIN - MEAN) / SCALE, CLIP_LOW, CLIP_HIGH)
    np.testing.assert_allclose(rows, expected)
    outlier = rows_of(np.array([[1e9], [-1e9]]), mean=np.zeros(1), scale=np.ones(1))
    assert outlier.take(slice(None)).flatten().tolist() == [CLIP_HIGH, CLIP_LOW]


def test_the_array_of_the_user_is_left_alone():
    for array in (THIN.copy(), sparse.csr_matrix(THIN)):
        before = array.copy()
        rows = rows_of(array, mean=MEAN, scale=SCALE)
        tensor = rows.take(slice(None))
        tensor.zero_()
        assert abs(before - array).max() == 0


def test_dense_data_stay_dense():
    full = sparse.csr_matrix(np.ones((3, 4)))
    assert isinstance(rows_of(full, keep_sparse=True).take(slice(None)), torch.Tensor)


def test_sparse_product_and_gradient():
    batch = rows_of(
        sparse.csr_matrix(THIN), mean=MEAN, scale=SCALE, keep_sparse=True
    ).take(torch.arange(7))
    dense = rows_of(THIN, mean=MEAN, scale=SCALE).take(torch.arange(7))
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(30, 4, generator=rng, dtype=torch.float64)
    pull = torch.randn(7, 4, generator=rng, dtype=torch.float64)
    gradients = []
    for x in (batch, dense):
        w = weight.clone().requires_grad_()
        product = x @ w
        torch.testing.assert_close(product.detach(), dense @ weight)
        ((product**2) * pull).sum().backward()
        gradients.append(w.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_subset_is_take_of_take(form):
    rows = rows_of(form(THIN), mean=MEAN, scale=SCALE)
    chosen = torch.tensor([4, 1, 17])
    part = rows.subset(chosen)
    assert len(part) == 3 and len(rows) == 20
    torch.testing.assert_close(part.take(slice(None)), rows.take(chosen))
    torch.testing.assert_close(
        part.take(torch.tensor([2, 0])), rows.take(torch.tensor([17, 4]))
    )


def test_constant_rows():
    rows = ConstantRows(torch.tensor([0.25, 0.5]), 9)
    assert len(rows) == 9 and len(rows.subset(torch.tensor([1, 3]))) == 2
    assert rows.take(slice(7, 20)).tolist() == [[0.25, 0.5]] * 2
    assert rows.take(torch.tensor([8, 0, 0])).shape == (3, 2)


def test_subset_of_examples():
    weight = torch.arange(20.0)
    start = ConstantRows(torch.zeros(2), 20)
    examples = Examples(rows_of(THIN), rows_of(THIN[:, :2]), start, weight)
    chosen = torch.tensor([3, 9])
    part = examples.subset(chosen)
    assert len(part) == 2 and part.weight.tolist() == [3, 9]
    torch.testing.assert_close(part.x.take(slice(None)), examples.x.take(chosen))
    torch.testing.assert_close(part.y.take(slice(None)), examples.y.take(chosen))
    assert len(part.y_init) == 2
