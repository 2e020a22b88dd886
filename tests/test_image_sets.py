"""Tests of the image sets: what is read and refused, and what the drawn ones are."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import zoom
from sklearn.linear_model import LogisticRegression

from skdvn import datasets
from skdvn.datasets import load_weizmann_horses, make_silhouettes


def mean_iou(Y, P):
    """Intersection over union of each mask, averaged over masks."""
    Y, P = Y.astype(bool), P.astype(bool)
    both, either = (Y & P).sum(axis=(1, 2)), (Y | P).sum(axis=(1, 2))
    return np.mean(both / np.maximum(either, 1))


def save(folder, kind, number, pixels):
    """Write an array as images/image-N.png or masks/mask-N.png."""
    Image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    place = folder / f"{kind}s" / f"{kind}-{number}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(place)
    return place


@pytest.fixture
def horses(tmp_path):
    """A folder of three pairs: numbers 2, 10 and 1, colours and sizes their own."""
    for number, (height, width) in [(2, (4, 6)), (10, (8, 4)), (1, (5, 5))]:
        image = np.full((height, width, 3), [number, 100, 200])
        mask = np.zeros((height, width))
        mask[:, : width // 2] = 255
        save(tmp_path, "image", number, image)
        save(tmp_path, "mask", number, mask)
    return tmp_path


def test_horses_come_in_numerical_order_at_one_size(horses):
    bunch = load_weizmann_horses(horses, size=2)
    assert bunch.names == ["image-1", "image-2", "image-10"]
    assert bunch.data.shape == (3, 2, 2, 3) and bunch.data.dtype == np.uint8
    np.testing.assert_array_equal(bunch.data[:, 0, 0, 0], [1, 2, 10])
    assert bunch.target.shape == (3, 2, 2) and bunch.target.dtype == np.uint8
    np.testing.assert_array_equal(bunch.target[1:], [[[1, 0], [1, 0]]] * 2)
    assert bunch.target_names == ["background", "horse"]
    assert "Borenstein" in bunch.DESCR and "3 images" in bunch.DESCR
    X, Y = load_weizmann_horses(horses, size=2, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(Y, bunch.target)
    assert load_weizmann_horses(horses).data.shape == (3, 32, 32, 3)


def test_horses_with_height_and_width_or_their_own(horses):
    X, Y = load_weizmann_horses(horses, size=(3, 7), return_X_y=True)
    assert X.shape == (3, 3, 7, 3) and Y.shape == (3, 3, 7)
    bunch = load_weizmann_horses(horses, size=None)
    assert isinstance(bunch.data, list) and isinstance(bunch.target, list)
    assert [x.shape for x in bunch.data] == [(5, 5, 3), (4, 6, 3), (8, 4, 3)]
    assert [y.shape for y in bunch.target] == [(5, 5), (4, 6), (8, 4)]
    assert all(set(np.unique(y)) == {0, 1} for y in bunch.target)
    bunch.data[0][:] = 0  # arrays of its own, not views of read-only buffers


def test_resized_pixels_are_means_and_masks_need_half(tmp_path):
    blocks = np.arange(64).reshape(8, 8)
    save(tmp_path, "image", 0, np.repeat(blocks[..., None], 3, axis=2))
    mask = np.zeros((8, 8))
    mask[:4, 0:2] = 255  # half of the first quarter
    mask[4:, 4:] = 255
    mask[4, 0:4] = mask[5, 0:3] = 255  # 7 of 16
    save(tmp_path, "mask", 0, mask)
    X, Y = load_weizmann_horses(tmp_path, size=2, return_X_y=True)
    means = blocks.reshape(2, 4, 2, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(X[0, :, :, 0], means, atol=0.5)
    np.testing.assert_array_equal(Y[0], [[1, 0], [0, 1]])


def test_grey_pictures_and_masks_in_grey_steps(tmp_path):
    save(tmp_path, "image", 0, [[10, 20], [30, 40]])
    save(tmp_path, "mask", 0, [[0, 127], [128, 255]])
    bunch = load_weizmann_horses(tmp_path, size=None)
    np.testing.assert_array_equal(bunch.data[0][0, 1], [20, 20, 20])
    np.testing.assert_array_equal(bunch.target[0], [[0, 0], [1, 1]])


@pytest.mark.parametrize("place", [".", "weizmann_horse"])
def test_where_horses_are_looked_for(tmp_path, monkeypatch, place):
    for kind in ("image", "mask"):
        save(tmp_path / place, kind, 7, np.zeros((2, 2)))
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path / "elsewhere"))
    assert load_weizmann_horses(str(tmp_path)).names == ["image-7"]
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path))
    assert load_weizmann_horses().names == ["image-7"]


def test_horses_that_are_not_there(tmp_path, monkeypatch):
    pytest.importorskip("PIL", reason="needs Pillow")
    monkeypatch.delenv("SKDVN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"SKDVN_DATA.*Borenstein.*msri\.org"):
        load_weizmann_horses()
    with pytest.raises(FileNotFoundError) as caught:
        load_weizmann_horses(tmp_path)
    for part in ("images/image-N.png", str(tmp_path / "weizmann_horse"), "msri.org"):
        assert part in str(caught.value)


def test_horses_without_their_other_half(horses):
    (horses / "masks" / "mask-10.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"image-10.png has no masks/mask-10"):
        load_weizmann_horses(horses)
    (horses / "images" / "image-10.png").unlink()
    assert load_weizmann_horses(horses).names == ["image-1", "image-2"]
    save(horses, "mask", 3, np.zeros((2, 2)))
    with pytest.raises(FileNotFoundError, match=r"mask-3.png has no images/image-3"):
        load_weizmann_horses(horses)


def test_mask_of_another_size(horses):
    save(horses, "mask", 2, np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"mask-2.png has .*\(5, 4\).*\(6, 4\)"):
        load_weizmann_horses(horses)


@pytest.mark.parametrize("size", [0, -3, 2.5, True, "32", (8,), (8, 8, 3), (8, 0), ()])
def test_bad_size_of_horses(horses, size):
    with pytest.raises(
        ValueError, match=r"size=.*allowed are.*\(height, width\).*None"
    ):
        load_weizmann_horses(horses, size=size)


def test_without_pillow(horses, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"Pillow.*pip install skdvn\[images\]"):
        load_weizmann_horses(horses)
    assert make_silhouettes(1)[0].shape == (1, 32, 32, 3)


def test_real_horses(data_home):
    pytest.importorskip("PIL", reason="needs Pillow")
    folders = [data_home, data_home / "weizmann_horse"]
    if not any((folder / "images").is_dir() for folder in folders):
        pytest.skip(f"no Weizmann horses in {data_home}, which SKDVN_DATA names")
    bunch = load_weizmann_horses()
    assert bunch.data.shape == (327, 32, 32, 3) and bunch.target.shape == (327, 32, 32)
    share = bunch.target.mean(axis=(1, 2))
    assert 0.2 < share.mean() < 0.3 and share.min() > 0.0 and share.max() < 0.8
    numbers = [int(name.split("-")[1]) for name in bunch.names]
    assert numbers == sorted(set(range(328)) - {317})
    images, masks = load_weizmann_horses(size=None, return_X_y=True)
    assert len({image.shape for image in images}) > 100
    for image, mask in zip(images, masks, strict=True):
        assert image.shape == (*mask.shape, 3) and set(np.unique(mask)) == {0, 1}
    full = np.array([mask.mean() for mask in masks])
    assert np.abs(full - share).max() < 0.08


def test_silhouettes_are_what_they_say():
    X, Y = make_silhouettes(random_state=0)
    assert X.shape == (200, 32, 32, 3) and X.dtype == np.uint8
    assert Y.shape == (200, 32, 32) and Y.dtype == np.uint8
    assert set(np.unique(Y)) == {0, 1}
    share = Y.mean(axis=(1, 2))
    assert share.min() > 0.08 and share.max() < 0.5
    assert X.std(axis=(1, 2, 3)).min() > 5.0  # no image is blank
    left = Y[:, :, :16].sum(axis=(1, 2)) > Y[:, :, 16:].sum(axis=(1, 2))
    assert 0.3 < left.mean() < 0.7
    assert len(np.unique(Y.reshape(200, -1), axis=0)) == 200
    assert {"load_weizmann_horses", "make_silhouettes"} <= set(datasets.__all__)


@settings(max_examples=20)
@given(
    n=st.integers(1, 4),
    size=st.integers(16, 40),
    noise=st.sampled_from([0, 0.0, 8.0, 300.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_silhouettes_of_any_size(n, size, noise, seed):
    X, Y = make_silhouettes(n, size=size, noise=noise, random_state=seed)
    again = make_silhouettes(n, size=size, noise=noise, random_state=seed)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(Y, again[1])
    assert X.shape == (n, size, size, 3) and Y.shape == (n, size, size)
    assert all(set(np.unique(y)) == {0, 1} for y in Y)


def test_randomness_of_silhouettes(global_randomness_untouched):
    X, Y = make_silhouettes(5, random_state=1)
    other = make_silhouettes(5, random_state=2)[1]
    assert all((a != b).any() for a, b in zip(Y, other, strict=True))
    rng = np.random.RandomState(1)
    np.testing.assert_array_equal(X, make_silhouettes(5, random_state=rng)[0])
    assert not np.array_equal(X, make_silhouettes(5, random_state=rng)[0])


def test_animals_are_alike_at_every_size():
    small = make_silhouettes(20, size=32, random_state=3)[1]
    large = make_silhouettes(20, size=64, random_state=3)[1]
    halved = large.reshape(20, 32, 2, 32, 2).mean(axis=(2, 4)) >= 0.5
    assert mean_iou(small, halved) > 0.9
    assert mean_iou(zoom(small, (1, 2, 2), order=0), large) > 0.85


def test_noise_changes_pixels_but_not_animals():
    calm, Y = make_silhouettes(20, noise=0, random_state=4)
    noisy, Y_noisy = make_silhouettes(20, noise=20, random_state=4)
    np.testing.assert_array_equal(Y, Y_noisy)
    change = noisy.astype(float) - calm
    inside = (calm > 80) & (calm < 175)  # nothing is clipped within four deviations
    assert np.std(change[inside]) == pytest.approx(20, rel=0.05)


@settings(max_examples=10)
@given(size=st.integers(16, 48), seed=st.integers(0, 2**32 - 1))
def test_parts_make_up_the_animals(size, seed):
    X, Y = make_silhouettes(3, size=size, random_state=seed)
    same, parts = make_silhouettes(3, size=size, parts=True, random_state=seed)
    np.testing.assert_array_equal(same, X)
    np.testing.assert_array_equal(parts > 0, Y == 1)
    assert parts.dtype == np.uint8 and parts.max() <= 3


def test_parts_are_where_animals_have_them():
    parts = make_silhouettes(100, size=64, parts=True, random_state=0)[1]
    rows, columns = np.mgrid[:64, :64]

    def middle(k, along):
        return np.array([along[one == k].mean() for one in parts])

    trunk, head, legs = (middle(k, rows) for k in (1, 2, 3))
    assert (legs > trunk).all() and (head < trunk).mean() > 0.9
    beside = np.abs(middle(2, columns) - middle(1, columns))
    under = np.abs(middle(3, columns) - middle(1, columns))
    assert np.median(beside) > 2 * np.median(under)
    shares = [(parts == k).mean() for k in (1, 2, 3)]
    assert min(shares) > 0.03 and shares[1] < shares[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_colour_alone_does_not_find_silhouettes(seed):
    X, Y = make_silhouettes(200, random_state=seed)
    colours = X.reshape(-1, 3) / 255.0
    model = LogisticRegression().fit(colours[: 100 * 1024], Y[:100].ravel())
    score = model.decision_function(colours).reshape(Y.shape)
    cuts = np.quantile(score[:100], np.linspace(0, 0.98, 50))
    best = max(cuts, key=lambda cut: mean_iou(Y[:100], score[:100] >= cut))
    assert mean_iou(Y[100:], score[100:] >= best) < 0.6
    assert mean_iou(Y[100:], score[100:] >= 0.0) < 0.6


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_samples": 0}, "n_samples=0; allowed are integers not below 1"),
        ({"n_samples": 2.0}, "n_samples=2.0; allowed are integers"),
        ({"n_samples": True}, "n_samples=True; allowed are integers"),
        ({"size": 15}, "size=15; allowed are integers not below 16"),
        ({"size": (32, 32)}, r"size=\(32, 32\); allowed are integers"),
        ({"noise": -1}, "noise=-1; allowed are finite numbers not below 0"),
        ({"noise": np.nan}, "noise=nan; allowed are finite"),
        ({"noise": np.inf}, "noise=inf; allowed are finite"),
        ({"noise": "8"}, "noise='8'; allowed are finite"),
    ],
)
def test_silhouettes_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        make_silhouettes(**options)
