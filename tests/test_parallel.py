"""Tests of work on several processes, by joblib, on a Dask cluster, and in batches."""

import os

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdvn import AdamW, DVNMultiLabelClassifier
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.metrics import relaxed_f1_scorer


@pytest.fixture(scope="module")
def digits():
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    return X[:160], Y[:160]


@pytest.fixture(scope="module")
def cluster():
    """A client of a real cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def small(**params):
    defaults = {"max_iter": 1, "learning_rate_init": 0.3, "validation_fraction": 0.4}
    return DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(8,), random_state=0, **(defaults | params)
    )


def assert_same_weights(clf, other):
    for mine, others in zip(
        clf.network_.parameters(), other.network_.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, others)


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"n_networks": 2, "max_iter": 2}])
def test_n_jobs_changes_no_result(digits, capsys, params):
    """Of folds and of final networks; the log is the same, too."""
    one = small(verbose=True, **params).fit(*digits)
    alone = capsys.readouterr().out
    several = small(verbose=True, n_jobs=2, **params).fit(*digits)
    together = capsys.readouterr().out
    assert_same_weights(one, several)
    assert one.get_params()["n_jobs"] is None and one.n_steps_ == several.n_steps_
    assert len(alone.splitlines()) == len(together.splitlines())
    numbers = [(entry["training"], entry["epoch"]) for entry in several.history_]
    assert numbers == sorted(numbers)


@pytest.mark.slow
def test_n_jobs_works_in_other_processes(digits, tmp_path):
    def oracle(y, y_true):
        (tmp_path / str(os.getpid())).touch()
        return 1 - (y - y_true).abs().mean(1)

    several = small(oracle=oracle, n_jobs=2).fit(*digits)
    assert len(list(tmp_path.iterdir())) > 1
    assert_same_weights(several, small(oracle=oracle).fit(*digits))


def test_backends_that_return_all_at_the_end_are_not_used(digits):
    with parallel_config("multiprocessing", n_jobs=2):
        there = small().fit(*digits)
    assert_same_weights(there, small().fit(*digits))


@pytest.mark.slow
def test_a_callback_may_stop_parallel_trainings(digits, recwarn):
    clf = small(n_jobs=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdvn.estimators.base.FitProgress.epoch", lambda progress: True)
        clf.fit(*digits)
    assert {entry["training"] for entry in clf.history_} == {1}
    assert not recwarn.list and clf.predict(digits[0]).shape == digits[1].shape


@pytest.mark.slow
def test_parallel_segmenters_draw_crops_of_their_own():
    X, Y = make_silhouettes(20, size=16, random_state=0)
    clf = UNetSegmenter(
        4,
        2,
        crops=12,
        max_iter=2,
        n_networks=2,
        random_state=0,
        solver=AdamW(averaging=0.0),
    )
    one = clf.fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(
        clf.set_params(n_jobs=2).fit(X, Y).predict_proba(X), one, rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
def test_parallel_warm_starts_go_on_from_their_own_networks(digits):
    fits = [
        small(n_networks=2, warm_start=True, n_jobs=n_jobs).fit(*digits).fit(*digits)
        for n_jobs in (1, 2)
    ]
    assert_same_weights(*fits)


@pytest.mark.slow
def test_parallel_trainings_go_on_from_their_own_checkpoints(digits, tmp_path):
    whole = small().fit(*digits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdvn.training.Checkpoints.clear", lambda copies: None)
        small(checkpoint_dir=tmp_path).fit(*digits)
    copies = sorted(tmp_path.glob("*/*.pt"))
    assert len(copies) > 1
    copies[0].unlink()
    resumed = small(n_jobs=2, checkpoint_dir=tmp_path).fit(*digits)
    assert_same_weights(resumed, whole)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "params", [{}, pytest.param({"n_jobs": 2}, marks=pytest.mark.slow)]
)
def test_thread_count_is_left_alone(digits, params):
    before = torch.get_num_threads()
    small(**params).fit(*digits).predict(digits[0])
    assert torch.get_num_threads() == before


# -- Dask --------------------------------------------------------------------------


@pytest.mark.slow
def test_grid_search_on_dask(digits, cluster):
    grid = {"tau": [0.0, 0.1]}
    search = GridSearchCV(small(refit=True), grid, cv=2, scoring=relaxed_f1_scorer)
    with parallel_config(backend="dask"):
        search.fit(*digits)
    here = GridSearchCV(small(refit=True), grid, cv=2, scoring=relaxed_f1_scorer)
    here.fit(*digits)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(search.cv_results_[key], here.cv_results_[key])
    assert search.best_params_ == here.best_params_


@pytest.mark.slow
def test_cross_validation_on_dask(digits, cluster):
    with parallel_config(backend="dask"):
        there = cross_val_score(small(refit=True), *digits, cv=2)
    np.testing.assert_allclose(there, cross_val_score(small(refit=True), *digits, cv=2))


@pytest.mark.slow
def test_networks_are_trained_on_dask(digits, cluster):
    clf = small(n_networks=2, refit=True)
    with parallel_config(backend="dask", n_jobs=2):
        there = clf.fit(*digits).predict_proba(digits[0])
    np.testing.assert_allclose(clf.fit(*digits).predict_proba(digits[0]), there)


@pytest.mark.slow
def test_prediction_over_dask_arrays(digits, cluster):
    da = pytest.importorskip("dask.array")
    X, Y = digits
    clf = small(refit=True).fit(X, Y)
    blocks = da.from_array(X, chunks=(50, X.shape[1]))
    predicted = blocks.map_blocks(
        clf.predict, dtype=int, chunks=(blocks.chunks[0], (Y.shape[1],))
    )
    assert predicted.shape == Y.shape  # known before anything is computed
    np.testing.assert_array_equal(predicted.compute(), clf.predict(X))
    values = blocks.map_blocks(clf.predict_value, dtype=float, drop_axis=1)
    np.testing.assert_allclose(values.compute(), clf.predict_value(X), rtol=1e-6)


def test_a_dask_array_is_an_array(digits):
    da = pytest.importorskip("dask.array")
    X, Y = digits
    clf = small(refit=True).fit(da.from_array(X), da.from_array(Y))
    np.testing.assert_array_equal(clf.predict(da.from_array(X)), clf.predict(X))


# -- more than fits in memory --------------------------------------------------------


def test_partial_fit_over_blocks_of_a_file(tmp_path):
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    np.save(tmp_path / "X.npy", X[:1200])
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    clf = small(step_size=0.5, n_steps=20)
    scores = []
    for _ in range(2):
        for low in range(0, 1200, 300):
            clf.partial_fit(on_disk[low : low + 300], Y[low : low + 300])
        scores.append(clf.score(X[1200:], Y[1200:]))
    assert scores[1] > 0.6 and scores[1] > scores[0] - 0.02
