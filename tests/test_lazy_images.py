"""Tests of images that are read when they are needed, and of users' augmentation."""

import builtins
import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skdvn import DVNSegmenter
from skdvn.baselines import UNetSegmenter
from skdvn.data import LazySequence, mapped
from skdvn.datasets import image_files, make_silhouettes
from skdvn.inspection import SegmentationDisplay

X, Y = make_silhouettes(12, size=16, random_state=0)
QUICK = {"n_channels": 4, "max_iter": 2, "batch_size": 4, "random_state": 0}


class Lazy:
    """A sequence that counts how many of its items are in use at once."""

    def __init__(self, items):
        self.items, self.n_read = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        self.n_read += 1
        return self.items[i]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    Image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("pictures")
    for name, arrays in (("images", X), ("masks", Y)):
        (folder / name).mkdir()
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(folder / name / f"{i:03d}.png")
    return folder / "images", folder / "masks"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", [DVNSegmenter, UNetSegmenter])
def test_sequences_give_what_arrays_give(kind):
    expected = kind(**QUICK).fit(X, Y)
    images, masks = Lazy(X), Lazy(Y)
    found = kind(**QUICK).fit(images, masks)
    assert images.n_read >= 3 * len(X)  # a look, and two epochs
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))
    late = found.predict(Lazy(X))
    assert isinstance(late, list)
    np.testing.assert_array_equal(np.stack(late), expected.predict(X))
    assert found.score(Lazy(X), Lazy(Y)) == pytest.approx(expected.score(X, Y))


def test_predict_reads_each_image_once_and_holds_few():
    segmenter = DVNSegmenter(prediction_batch_size=4, **QUICK).fit(X, Y)
    images = Lazy(X)
    segmenter.predict(images)
    assert images.n_read <= len(X) + 1  # the first tells the channels
    values = segmenter.predict_value(Lazy(X), Lazy(Y))
    np.testing.assert_allclose(values, segmenter.predict_value(X, Y), atol=1e-6)


def test_files(folders):
    images, masks = image_files(*folders)
    assert [path.name for path in images[:2]] == ["000.png", "001.png"]
    expected = UNetSegmenter(**QUICK).fit(X, Y)
    found = UNetSegmenter(**QUICK).fit(images, masks)
    assert found.classes_.tolist() == expected.classes_.tolist()
    np.testing.assert_array_equal(found.predict(images), expected.predict(X))
    names = [str(path) for path in images]
    np.testing.assert_array_equal(found.predict(names), expected.predict(X))
    assert len(image_files(folders[0], pattern="00*.png")) == 10


@pytest.mark.one_in(2)
@pytest.mark.parametrize("init", ["mean", UNetSegmenter(**QUICK)])
def test_files_with_starts_of_other_models(folders, init):
    images, masks = image_files(*folders)
    found = DVNSegmenter(init=init, **QUICK).fit(images, masks)
    expected = DVNSegmenter(init=init, **QUICK).fit(X, Y)
    np.testing.assert_array_equal(found.predict(images), expected.predict(X))


@pytest.mark.slow
def test_searches_take_files(folders):
    images, masks = image_files(*folders)
    search = GridSearchCV(DVNSegmenter(**QUICK), {"step_size": [0.2, 0.5]}, cv=2)
    assert len(search.fit(images, masks).predict(images[:2])) == 2


def test_arrays_of_paths_and_of_objects(folders):
    images, masks = image_files(*folders)
    segmenter = UNetSegmenter(**QUICK).fit(np.array(list(map(str, images))), masks)
    objects = np.empty(2, object)
    objects[0], objects[1] = X[0], X[1, :9]
    found = segmenter.predict(objects)
    assert [mask.shape for mask in found] == [(16, 16), (9, 16)]


def test_palettes_hold_colours_of_images_and_indices_of_masks(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    paths = [(tmp_path / f"{i}.png", tmp_path / f"mask{i}.png") for i in range(12)]
    for (image, mask), x, y in zip(paths, X, Y, strict=False):
        Image.fromarray(x).convert("P", palette=Image.Palette.ADAPTIVE).save(image)
        indexed = Image.fromarray(y, mode="P")
        indexed.putpalette([0, 0, 0, 200, 100, 50])
        indexed.save(mask)
    segmenter = UNetSegmenter(**QUICK).fit(*map(list, zip(*paths, strict=True)))
    assert segmenter.n_channels_in_ == 3
    assert segmenter.classes_.tolist() == [0, 1]


def test_figures_of_files(folders):
    pytest.importorskip("matplotlib").use("agg")
    images, masks = image_files(*folders)
    segmenter = UNetSegmenter(**QUICK).fit(X, Y)
    display = SegmentationDisplay.from_estimator(segmenter, images[:2], masks[:2])
    assert display.axes_ is not None


def test_files_that_are_missing(folders, tmp_path):
    images, masks = image_files(*folders)
    segmenter = UNetSegmenter(**QUICK)
    with pytest.raises(ValueError, match=r"X\[2\] is .*nowhere.png.*cannot be read"):
        segmenter.fit([*images[:2], tmp_path / "nowhere.png"], masks[:3])
    text = tmp_path / "text.png"
    text.write_text("no image")
    with pytest.raises(ValueError, match=r"Y\[1\] is .*text.png.*cannot be read"):
        segmenter.fit(images[:2], [masks[0], text])
    assert not hasattr(segmenter, "network_")
    with pytest.raises(FileNotFoundError, match="no folder"):
        image_files(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no file that matches"):
        image_files(folders[0], pattern="*.tif")
    with pytest.raises(FileNotFoundError, match=r"has no mask 000\.\*"):
        (tmp_path / "masks").mkdir()
        (tmp_path / "masks" / "other.png").write_bytes(masks[0].read_bytes())
        image_files(folders[0], tmp_path / "masks")


def test_files_need_pillow(folders, monkeypatch):
    images, masks = image_files(*folders)
    real = builtins.__import__

    def without_pillow(name, *args, **kwargs):
        if name == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pillow)
    with pytest.raises(ImportError, match=r"pip install skdvn\[images\]"):
        UNetSegmenter(**QUICK).fit(images, masks)


def test_generators_are_told_to_be_lists():
    with pytest.raises(ValueError, match=r"got generator. Pass list\(X\)"):
        DVNSegmenter(**QUICK).fit((x for x in X), Y)


def test_mapped_sequences():
    late = mapped(lambda item, i: (item, i), Lazy([3, 4, 5]))
    assert isinstance(late, LazySequence)
    assert list(late) == [(3, 0), (4, 1), (5, 2)]
    assert list(late.at([2, 0])) == [(5, 2), (3, 0)]
    assert list(late.at([2, 0]).at([1])) == [(3, 0)]
    assert mapped(lambda item, i: item + i, [3, 4]) == [3, 5]


def mirrored(image, mask, random_state):
    if random_state.rand() < 0.5:
        return image[:, ::-1], mask[:, ::-1]
    return image, mask


def smaller(image, mask, random_state):
    return image[:, :9], mask


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", [DVNSegmenter, UNetSegmenter])
def test_augmentation_by_a_function(kind):
    seen = []

    def spy(image, mask, random_state):
        seen.append((image.shape, image.dtype, mask.shape, set(np.unique(mask))))
        return mirrored(image, mask, random_state)

    names = np.array(["animal", "meadow"])[1 - Y]
    segmenter = kind(augmentation=spy, **QUICK).fit(X, names)
    assert len(seen) >= 2 * len(X)
    shape, dtype, mask_shape, labels = seen[0]
    assert (shape, dtype, mask_shape) == ((16, 16, 3), np.uint8, (16, 16))
    assert labels <= {"animal", "meadow"}
    again = kind(augmentation=spy, **QUICK).fit(X, names)
    np.testing.assert_array_equal(again.predict(X), segmenter.predict(X))
    plain = kind(augmentation=mirrored, **QUICK).fit(X, names)
    assert pickle.loads(pickle.dumps(plain)).predict(X[:1]).shape == (1, 16, 16)


def test_bad_augmentation():
    for function, message in (
        (smaller, r"size \(16, 16\); allowed are 3 channel"),
        (lambda image, mask, rng: image, "It must return an image and its mask"),
        (lambda image, mask, rng: (image, mask + 5), "unknown class"),
    ):
        with pytest.raises(ValueError, match=message):
            DVNSegmenter(augmentation=function, **QUICK).fit(X, Y)


def test_augmentation_and_starts_of_other_models():
    with pytest.raises(ValueError, match="Set init to 'zeros' or a number"):
        DVNSegmenter("conv", augmentation=mirrored, max_iter=1).fit(X, Y)
    conv = DVNSegmenter("conv", augmentation=mirrored, init=0.2, max_iter=1)
    assert conv.fit(X, Y).predict(X[:1]).shape == (1, 16, 16)


def test_another_range_of_pixels_is_told():
    segmenter = DVNSegmenter(**QUICK).fit(X, Y)
    with pytest.warns(UserWarning, match="fitted on go from .* Scale images"):
        segmenter.predict(X / 255.0)
    with pytest.warns(UserWarning, match="fitted on go from"):
        segmenter.predict_value(X.astype(float) * 257, Y)


def test_channels_first_are_told():
    with pytest.raises(ValueError, match=r"looks like channels first.*moveaxis"):
        DVNSegmenter(**QUICK).fit(np.moveaxis(X, -1, 1), Y)


def test_classes_of_a_few_pixels_are_told():
    noisy = 255 * Y.astype(int)
    noisy[3, 0, 0] = 254
    with pytest.warns(
        UserWarning, match=r"more than 5 pixels of the class\(es\) \[254"
    ):
        DVNSegmenter(**QUICK).fit(X, noisy)
