"""Tests on a GPU; skipped where there is none."""

import io
import pickle

import numpy as np
import pytest
import torch

from skdvn import DVNMultiLabelClassifier, DVNSegmenter, Mixture
from skdvn.baselines import FCNSegmenter, FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes

GPU = {"device": "cuda", "random_state": 0}
pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device"
)

LABELS = load_digit_attributes(noise=6, return_X_y=True)
LABELS = tuple(part[:300] for part in LABELS)
MASKS = make_silhouettes(40, size=16, random_state=0)
PARTS = make_silhouettes(40, size=16, parts=True, random_state=0)
CHAINS = {"chain": 0.3, "replay": 0.2, "stratified": 0.3, "adversarial": 0.2}
TUPLES = {"inference": 0.4, "replay": 0.2, "stratified": 0.2, "adversarial": 0.2}
SMALL = {"n_channels": 8, "max_iter": 4, "crops": 12}
MASKED = {**SMALL, **GPU}
ESTIMATORS = {
    "labels": (
        DVNMultiLabelClassifier(
            network="linear", hidden_layer_sizes=(20,), max_iter=3, **GPU
        ),
        LABELS,
    ),
    "tuples": (
        DVNMultiLabelClassifier(
            network="linear", hidden_layer_sizes=(20,),
            max_iter=3, tuples=Mixture(TUPLES, lag=1), tau=0.1, refit=True,
            **GPU,
        ),
        LABELS,
    ),
    "guess": (
        DVNMultiLabelClassifier(
            estimators=(), hidden_layer_sizes=(20,),
            network="oracle", max_iter=3, refit=True, **GPU
        ),
        LABELS,
    ),
    "feed-forward": (FeedForwardClassifier((20,), max_iter=3, **GPU), LABELS),
    "masks": (DVNSegmenter(**MASKED), MASKS),
    "chains": (DVNSegmenter(**MASKED, tuples=CHAINS, tau=0.1), MASKS),
    "parts": (DVNSegmenter(**MASKED, n_networks=2), PARTS),
    "conv": (
        DVNSegmenter("conv", crops=12, max_iter=2, **GPU), MASKS
    ),
    "U-Net": (UNetSegmenter(**MASKED), MASKS),
    "FCN": (FCNSegmenter(crops=12, max_iter=2, **GPU), PARTS),
}  # fmt: skip


class _Pickler(pickle.Pickler):
    """Fails where it meets something on a GPU."""

    def reducer_override(self, thing):
        assert not (isinstance(thing, torch.Tensor) and thing.is_cuda)
        return NotImplemented


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fit_on_the_gpu_predicts_the_same_on_a_cpu(name):
    clf, (X, Y) = ESTIMATORS[name]
    clf.fit(X, Y)
    assert clf.device_.type == "cuda"
    assert all(p.is_cuda for p in clf.network_.parameters())
    relaxed, labels = clf.predict_proba(X), clf.predict(X)
    score = clf.score(X, Y)
    pickled = io.BytesIO()
    _Pickler(pickled).dump(clf)
    loaded = pickle.loads(pickled.getvalue())
    loaded.device_ = torch.device("cpu")
    loaded.network_.cpu()
    # The GPU multiplies in TF32 or half precision, so few entries may differ.
    differ = np.mean(np.abs(loaded.predict_proba(X) - relaxed) > 0.05)
    assert differ < 0.02
    assert np.mean(loaded.predict(X) != labels) < 0.02
    assert abs(loaded.score(X, Y) - score) < 0.02


@pytest.mark.parametrize("name", ["labels", "tuples", "chains"])
def test_a_killed_fit_goes_on_on_the_gpu(name, tmp_path, monkeypatch):
    from sklearn.base import clone

    from skdvn.training import Trainer

    estimator, (X, Y) = ESTIMATORS[name]
    whole = clone(estimator).fit(X, Y)
    run_epoch, n_run = Trainer.run_epoch, []

    def run_or_die(trainer):
        if len(n_run) == 2:
            n_run.append(None)
            raise SystemExit
        n_run.append(None)
        return run_epoch(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", run_or_die)
    clf = clone(estimator).set_params(checkpoint_dir=tmp_path)
    with pytest.raises(SystemExit):
        clf.fit(X, Y)
    clf.fit(X, Y)
    # Sums on a GPU are made in no fixed order.
    np.testing.assert_allclose(
        clf.predict_proba(X).mean(), whole.predict_proba(X).mean(), atol=0.02
    )
    assert len(clf.history_) == len(whole.history_)


def test_partial_fit_on_the_gpu():
    clf = DVNMultiLabelClassifier(network="linear", hidden_layer_sizes=(20,), **GPU)
    for low in (0, 100, 200):
        clf.partial_fit(*(part[low : low + 100] for part in LABELS))
    assert clf.network_ is not None and clf.device_.type == "cuda"


def test_networks_in_parallel_on_the_gpu():
    X, Y = LABELS
    clf = DVNMultiLabelClassifier(
        network="linear", hidden_layer_sizes=(8,), max_iter=1, n_networks=2, **GPU
    )
    one = clf.fit(X, Y).predict_proba(X)
    several = clf.set_params(n_jobs=2).fit(X, Y).predict_proba(X)
    assert np.mean(np.abs(one - several) > 0.05) < 0.02


@pytest.mark.parametrize("width, kind", [(20, "cpu"), (10_000, "cuda")])
def test_auto_takes_the_gpu_where_it_pays(width, kind):
    clf = DVNMultiLabelClassifier(
        network="linear",
        hidden_layer_sizes=(width,),
        max_iter=1,
        refit=True,
        random_state=0,
    )
    assert clf.fit(*LABELS).device_.type == kind
