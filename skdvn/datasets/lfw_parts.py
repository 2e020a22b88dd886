"""The Part Labels of Labeled Faces in the Wild, from files of the user."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from ..data import import_pillow
from ..data.typing import FilePath
from ..metrics import resize_labels
from .home import DataSet, find_folder, subset_parts
from .readers import check_shape, gather, read_pair

_IMAGES = "lfw_funneled"


_LABELS = "parts_lfw_funneled_gt_images"


_SEGMENTS = "parts_lfw_funneled_superpixels_mat"


_SOURCE = (
    "The Part Labels (Kae et al. 2013) are on vis-www.cs.umass.edu/lfw/part_labels: "
    f"unpack {_LABELS} and {_SEGMENTS} beside parts_train.txt, parts_validation.txt "
    f"and parts_test.txt, and beside them {_IMAGES} from vis-www.cs.umass.edu/lfw."
)


_TARGET_NAMES = ["background", "face", "hair"]


_RED_GREEN_BLUE = np.array([2, 1, 0])  # the classes of these colours


def load_lfw_parts(
    data_home: FilePath | None = None,
    *,
    subset: str = "train",
    size: int | tuple[int, int] | None = 32,
    return_X_y: bool = False,
) -> DataSet:
    """Read the part labels of Labeled Faces in the Wild from files you have.

    2,927 photographs of faces, 250 pixels high and wide, 1,500 to train, 500 to
    validate and 927 to test on, with the pixels that are face, hair and background,
    and the superpixels on which they were labelled (section 5.3 of Gygli et al.,
    2017).

    Needs Pillow: ``pip install skdvn[images]``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds the files, or holds them in a folder lfw_parts:
        parts_train.txt, parts_validation.txt and parts_test.txt with lines of a name
        and a number, and for each the image lfw_funneled/Name/Name_0001.jpg, the
        labels parts_lfw_funneled_gt_images/Name_0001.ppm and the superpixels
        parts_lfw_funneled_superpixels_mat/Name/Name_0001.dat. Default is the
        environment variable SKDVN_DATA.
    subset : {"train", "validation", "test", "all"}, default="train"
        Which images; "all" has them in this order.
    size : int, (int, int) or None, default=32
        Height and width to which every image is resized, one number for both.
        None leaves each image at its size.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch; superpixels are not read then
        and their files need not be there.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        ``data``, uint8 of shape (n_samples, height, width, 3); ``target``, uint8 of
        shape (n_samples, height, width); ``segments``, int32 of that shape, the
        number of each pixel's superpixel in its image; lists of such arrays with
        ``size=None``; ``names``, such as Name_0001; ``target_names``, what 0, 1 and 2
        mean: background, face and hair; ``DESCR``.

    Notes
    -----
    A resized pixel is the mean over the area it covers, and has the class with the
    largest share of that area and the superpixel at its middle, so that small
    superpixels get lost. To be comparable with published superpixel accuracies,
    resize predictions instead, to the original size, with
    :func:`skdvn.metrics.resize_labels`.

    Written to the published format and tested on small files; it was not run on the
    published files.

    References
    ----------
    A. Kae, K. Sohn, H. Lee, E. Learned-Miller. Augmenting CRFs with Boltzmann machine
    shape priors for image labeling. CVPR 2013.

    G. B. Huang, M. Ramesh, T. Berg, E. Learned-Miller. Labeled Faces in the Wild.
    Technical report 07-49, University of Massachusetts, Amherst, 2007.

    Examples
    --------
    >>> from skdvn.datasets import load_lfw_parts
    >>> faces = load_lfw_parts("data", subset="test", size=None)  # doctest: +SKIP
    """
    parts = subset_parts(subset, ["train", "validation", "test"])
    shape = check_shape(size)
    Image = import_pillow("load_lfw_parts")
    lists = [f"parts_{part}.txt" for part in parts]
    wanted = [*lists, _IMAGES, _LABELS, *([] if return_X_y else [_SEGMENTS])]
    folder = find_folder(data_home, "lfw_parts", wanted, _SOURCE)
    names = [name for file in lists for name in _read_names(folder / file)]
    paths = [_paths(folder, *name, with_segments=not return_X_y) for name in names]
    pairs = [
        read_pair(Image, image, labels, _classes_of, shape)
        for image, labels, *_ in paths
    ]
    data, target = (gather(part, shape) for part in zip(*pairs, strict=True))
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        segments=_read_segments(Image, paths, shape),
        names=[labels.stem for _, labels, _ in paths],
        target_names=list(_TARGET_NAMES),
        DESCR=f"{len(data)} faces and label maps, {subset}, size={size}. {_SOURCE}",
    )


def _read_names(path) -> list[tuple[str, int]]:
    """Read the lines "Name 1" of a list."""
    found = []
    for lineno, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if words and (len(words) != 2 or not words[1].isdecimal()):
            raise ValueError(
                f"{path}, line {lineno}: found {line!r}; allowed are a name and a "
                "number, such as 'Aaron_Eckhart 1'"
            )
        if words:
            found.append((words[0], int(words[1])))
    if not found:
        raise ValueError(f"{path}: found no line; allowed is one or more")
    return found


def _paths(folder, name, number, with_segments):
    """Return the files of one face: image, labels, and superpixels if wanted."""
    stem = f"{name}_{number:04d}"
    paths = [folder / _IMAGES / name / f"{stem}.jpg", folder / _LABELS / f"{stem}.ppm"]
    if with_segments:
        paths.append(folder / _SEGMENTS / name / f"{stem}.dat")
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there. {_SOURCE}")
    return paths


def _classes_of(file):
    """Turn red into hair, green into face and blue into background."""
    colours = np.asarray(file.convert("RGB"))
    strongest = colours.argmax(axis=2)
    unclear = (colours == colours.max(axis=2, keepdims=True)).sum(axis=2) > 1
    if unclear.any():
        colour = tuple(map(int, colours[unclear][0]))
        raise ValueError(
            f"found the colour {colour}; allowed are red (255, 0, 0) for hair, green "
            "(0, 255, 0) for face and blue (0, 0, 255) for background"
        )
    return _RED_GREEN_BLUE[strongest]


def _read_segments(Image, paths, shape):
    """Read the superpixels of all faces, resized to ``shape`` unless it is None."""
    segments = []
    for image_path, _, path in paths:
        with Image.open(image_path) as file:
            size = file.size[::-1]
        try:
            found = np.loadtxt(path, ndmin=2)
            if (found % 1 != 0).any():
                raise ValueError("found a fraction, or no number")
        except ValueError as error:
            raise ValueError(f"{path}: {error}; allowed are rows of integers") from None
        if found.shape != size:
            raise ValueError(
                f"{path} has {found.shape[0]} rows and {found.shape[1]} columns; "
                f"allowed are those of {image_path.name}, {size[0]} and {size[1]}"
            )
        segments.append(found.astype(np.int32))
    return segments if shape is None else resize_labels(segments, shape)
