"""Tests of the readers of faces: FASSEG's, and the Part Labels of LFW."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdvn import datasets
from skdvn.datasets import load_fasseg_frontal, load_lfw_parts
from skdvn.metrics import pixel_accuracy_score, resize_labels, superpixel_accuracy

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


def write_image(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
    return path


def test_readers_are_public():
    assert {"load_fasseg_frontal", "load_lfw_parts"} <= set(datasets.__all__)


# -- FASSEG ---------------------------------------------------------------------------


def write_face(folder, part, number, labels):
    """Write a label map and an image that is ten times as bright as its classes."""
    labels = np.asarray(labels)
    image = np.repeat(10 * labels[..., np.newaxis], 3, axis=2)
    write_image(folder / part / "images" / f"{number:03d}.png", image)
    return write_image(folder / part / "labels" / f"{number:03d}.png", labels)


@pytest.fixture
def faces(tmp_path):
    """Faces of two columns each: train 2 and 10, test 1."""
    write_face(tmp_path, "train", 10, [[2, 1]])
    write_face(tmp_path, "train", 2, [[1, 0], [1, 2], [1, 2], [1, 2]])
    write_face(tmp_path, "test", 1, [[0, 2], [0, 2]])
    return tmp_path


def test_faces_and_their_three_classes(faces):
    bunch = load_fasseg_frontal(faces, size=(1, 2))
    assert bunch.names == ["train/002", "train/010"]
    assert bunch.data.shape == (2, 1, 2, 3) and bunch.data.dtype == np.uint8
    assert bunch.target.dtype == np.uint8
    np.testing.assert_array_equal(bunch.target, [[[1, 2]], [[2, 1]]])
    np.testing.assert_array_equal(bunch.data[:, 0, :, 1], [[10, 15], [20, 10]])
    assert bunch.target_names == ["background", "face", "hair"]
    assert "FASSEG" in bunch.DESCR and "2 faces" in bunch.DESCR
    assert load_fasseg_frontal(faces).data.shape == (2, 32, 32, 3)


def test_subsets_and_original_sizes_of_faces(faces):
    X, Y = load_fasseg_frontal(faces, subset="all", size=None, return_X_y=True)
    assert isinstance(X, list) and isinstance(Y, list)
    assert [x.shape for x in X] == [(4, 2, 3), (1, 2, 3), (2, 2, 3)]
    np.testing.assert_array_equal(Y[0], [[1, 0], [1, 2], [1, 2], [1, 2]])
    np.testing.assert_array_equal(Y[2], [[0, 2], [0, 2]])
    assert load_fasseg_frontal(faces, subset="test").names == ["test/001"]
    assert load_fasseg_frontal(faces, subset="all").names[2] == "test/001"
    with pytest.raises(ValueError, match=r"subset='dev'; allowed are \['train', 'te"):
        load_fasseg_frontal(faces, subset="dev")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=arrays(np.uint8, (6, 8), elements=st.integers(0, 2)))
def test_resized_labels_are_those_of_the_largest_area(tmp_path, labels):
    write_face(tmp_path, "test", 1, labels)
    X, Y = load_fasseg_frontal(tmp_path, subset="test", size=2, return_X_y=True)
    blocks = labels.reshape(2, 3, 2, 4).transpose(0, 2, 1, 3).reshape(2, 2, 12)
    counts = (blocks[..., np.newaxis] == np.arange(3)).sum(axis=2)
    chosen = np.take_along_axis(counts, Y[0][..., np.newaxis].astype(int), axis=2)
    np.testing.assert_array_equal(chosen[..., 0], counts.max(axis=2))
    np.testing.assert_allclose(X[0, :, :, 0], 10 * blocks.mean(axis=2), atol=1)


@pytest.mark.parametrize("place", [".", "fasseg_frontal"])
def test_where_faces_are_looked_for(tmp_path, monkeypatch, place):
    write_face(tmp_path / place, "train", 7, [[1]])
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path))
    assert load_fasseg_frontal().names == ["train/007"]
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path / "elsewhere"))
    assert load_fasseg_frontal(str(tmp_path)).names == ["train/007"]
    with pytest.raises(FileNotFoundError, match=r"test/images.*not found.*FASSEG"):
        load_fasseg_frontal(tmp_path, subset="all")
    monkeypatch.delenv("SKDVN_DATA")
    with pytest.raises(FileNotFoundError, match=r"data_home or set .*SKDVN_DATA"):
        load_fasseg_frontal()


def test_face_files_that_do_not_fit(faces):
    path = write_image(faces / "train" / "labels" / "002.png", [[0, 3]])
    with pytest.raises(ValueError, match=r"002.png: found the grey value 3; .*2 hair"):
        load_fasseg_frontal(faces)
    write_image(path, [[0, 2]])
    with pytest.raises(ValueError, match=r"002.png has .*\(2, 1\).*\(2, 4\)"):
        load_fasseg_frontal(faces)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"002.png has no train/labels/002.png .*\(1 such\)"
    ):
        load_fasseg_frontal(faces)


def test_faces_without_pillow(faces, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for load in (load_fasseg_frontal, load_lfw_parts):
        with pytest.raises(ImportError, match=rf"{load.__name__} needs Pillow.*images"):
            load(faces)


def test_real_faces(data_home):
    folders = [data_home, data_home / "fasseg_frontal"]
    if not any((folder / "train" / "labels").is_dir() for folder in folders):
        pytest.skip(f"no FASSEG faces in {data_home}, which SKDVN_DATA names")
    bunch = load_fasseg_frontal(subset="all")
    assert bunch.data.shape == (70, 32, 32, 3) and bunch.target.shape == (70, 32, 32)
    assert bunch.names[0] == "train/001" and bunch.names[-1] == "test/050"
    shares = np.array([(bunch.target == k).mean(axis=(1, 2)) for k in range(3)])
    assert shares[1].min() > 0.3 and 0.1 < shares[2].mean() < 0.5
    middle = bunch.target[:, 14:18, 14:18]
    assert (middle == 1).mean() > 0.95  # noses are where noses are
    assert (bunch.target[:, 0] != 1).mean() > 0.9  # and foreheads not at the top
    images, labels = load_fasseg_frontal(subset="all", size=None, return_X_y=True)
    assert all(x.shape == (*y.shape, 3) for x, y in zip(images, labels, strict=True))
    enlarged = resize_labels(bunch.target, [y.shape for y in labels])
    assert pixel_accuracy_score(labels, enlarged) > 0.95
    assert len(load_fasseg_frontal().data) == 20
    np.testing.assert_array_equal(images[14], images[45])  # in both parts, as it says


# -- the Part Labels ------------------------------------------------------------------

COLOURS = np.array([[0, 0, 255], [0, 255, 0], [255, 0, 0]])  # by class
SPLITS = {"train": ["Ann_Lee 1", "Bo_Oh 12"], "validation": ["Cy 3"], "test": ["Di 4"]}


def write_lfw_face(folder, line, labels, segments):
    name, number = line.split()
    stem = f"{name}_{int(number):04d}"
    image = np.full((*np.shape(labels), 3), 10 * int(number))
    write_image(folder / "lfw_funneled" / name / f"{stem}.jpg", image, quality=100)
    place = folder / "parts_lfw_funneled_gt_images"
    write_image(place / f"{stem}.ppm", COLOURS[np.asarray(labels)])
    path = folder / "parts_lfw_funneled_superpixels_mat" / name / f"{stem}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(" ".join(map(str, row)) + " \n" for row in segments))


@pytest.fixture
def lfw(tmp_path):
    """A folder of four faces of 4 x 4 pixels in two superpixels, 0 and 5."""
    segments = np.repeat([[0, 0, 0, 5]], 4, axis=0)
    for k, lines in enumerate(SPLITS.values()):
        for line in lines:
            labels = np.array([[0, 0, 1, 2]] * 4)
            labels[0] = k
            write_lfw_face(tmp_path, line, labels, segments)
    for part, lines in SPLITS.items():
        (tmp_path / f"parts_{part}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_lfw_parts(lfw):
    bunch = load_lfw_parts(lfw, size=4)
    assert bunch.names == ["Ann_Lee_0001", "Bo_Oh_0012"]
    np.testing.assert_array_equal(bunch.target[0], [[0] * 4, *[[0, 0, 1, 2]] * 3])
    np.testing.assert_array_equal(bunch.segments, [[[0, 0, 0, 5]] * 4] * 2)
    assert bunch.target_names == ["background", "face", "hair"]
    assert bunch.data.shape == (2, 4, 4, 3) and bunch.data.dtype == np.uint8
    np.testing.assert_allclose(bunch.data.mean(axis=(1, 2, 3)), [10, 120], atol=2)
    assert bunch.target.dtype == np.uint8 and bunch.segments.dtype == np.int32
    assert "2 faces" in bunch.DESCR and "Kae" in bunch.DESCR
    assert superpixel_accuracy(bunch.target, bunch.target, bunch.segments) == 1.0


def test_lfw_parts_of_another_size(lfw):
    bunch = load_lfw_parts(lfw, subset="test", size=(1, 2))
    np.testing.assert_array_equal(bunch.target, [[[0, 2]]])
    np.testing.assert_array_equal(bunch.segments, [[[0, 5]]])
    own = load_lfw_parts(lfw, subset="test", size=None)
    assert all(isinstance(own[key], list) for key in ("data", "target", "segments"))
    np.testing.assert_array_equal(own.segments[0], [[0, 0, 0, 5]] * 4)
    assert load_lfw_parts(lfw).segments.shape == (2, 32, 32)


def test_subsets_of_lfw_parts(lfw):
    assert load_lfw_parts(lfw, subset="validation").names == ["Cy_0003"]
    names = load_lfw_parts(lfw, subset="all").names
    assert names == ["Ann_Lee_0001", "Bo_Oh_0012", "Cy_0003", "Di_0004"]
    with pytest.raises(ValueError, match=r"subset='dev'; allowed are .*'validation'"):
        load_lfw_parts(lfw, subset="dev")


def test_lfw_superpixels_are_not_needed_for_x_and_y(lfw):
    for path in (lfw / "parts_lfw_funneled_superpixels_mat").glob("*/*.dat"):
        path.unlink()
    X, Y = load_lfw_parts(lfw, size=4, return_X_y=True)
    assert X.shape == (2, 4, 4, 3) and Y.shape == (2, 4, 4)
    with pytest.raises(FileNotFoundError, match=r"Ann_Lee_0001.dat is not there"):
        load_lfw_parts(lfw)


def test_lfw_labels_in_plain_text(lfw):
    path = lfw / "parts_lfw_funneled_gt_images" / "Di_0004.ppm"
    rows = "\n".join(["0 0 254 0 255 0 255 0 0 255 0 1"] * 4)
    path.write_text(f"P3\n4 4\n255\n{rows}\n")
    Y = load_lfw_parts(lfw, subset="test", size=4).target
    np.testing.assert_array_equal(Y, [[[0, 1, 2, 2]] * 4])


@pytest.mark.parametrize(
    "place, text, message",
    [
        ("parts_test.txt", "Di\n", r"parts_test.txt, line 1: found 'Di'; allowed"),
        ("parts_test.txt", "\nDi x\n", r"parts_test.txt, line 2: found 'Di x'"),
        ("parts_test.txt", "\n", r"parts_test.txt: found no line"),
        ("{}/Di/Di_0004.dat", "1 2\n3 4\n", r"4.dat has 2 rows and 2 col.* 4 and 4"),
        ("{}/Di/Di_0004.dat", "1 2\n3\n", r"Di_0004.dat: .*allowed are rows of int"),
        ("{}/Di/Di_0004.dat", "1 .5\n3 4\n", r"Di_0004.dat: .*allowed are rows of"),
    ],
)
def test_lfw_files_that_do_not_fit(lfw, place, text, message):
    (lfw / place.format("parts_lfw_funneled_superpixels_mat")).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_lfw_parts(lfw, subset="test")


def test_lfw_labels_of_another_colour_or_size(lfw):
    path = lfw / "parts_lfw_funneled_gt_images" / "Di_0004.ppm"
    write_image(path, np.full((4, 4, 3), 255))
    with pytest.raises(ValueError, match=r"4.ppm: found the colour \(255, 255, 255\)"):
        load_lfw_parts(lfw, subset="test")
    write_image(path, [[[0, 255, 0]]])
    with pytest.raises(ValueError, match=r"Di_0004.ppm has .*\(1, 1\).*\(4, 4\)"):
        load_lfw_parts(lfw, subset="test")


def test_lfw_files_that_are_not_there(lfw, tmp_path):
    (lfw / "parts_test.txt").write_text("Di 4\nEve 1\n")
    with pytest.raises(FileNotFoundError, match=r"Eve_0001.jpg is not there.*Kae"):
        load_lfw_parts(lfw, subset="test")
    (lfw / "parts_validation.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"parts_validation.txt not found in"):
        load_lfw_parts(lfw, subset="all")
    assert load_lfw_parts(lfw, subset="train").names[1] == "Bo_Oh_0012"
