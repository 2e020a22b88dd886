"""Horses, and faces in three classes."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from ..data import import_pillow
from ..data.typing import FilePath
from .home import DataSet, find_folder, subset_parts
from .readers import check_shape, gather, numbered_pairs, read_pair

_FACE_CLASSES = ["background", "face", "hair"]


_HORSES = (
    "The Weizmann horses (Borenstein & Ullman 2004), 328 images with masks, are on "
    "E. Borenstein's page, www.msri.org/people/members/eranb: save its colour images "
    "as images/image-N.png and its figure-ground masks as masks/mask-N.png."
)


_FASSEG = (
    "FASSEG (Benini et al. 2019) has 70 frontal faces with masks as frontal02, 20 to "
    "train and 50 to test on: save images as train/images/001.png ..., "
    "test/images/001.png ..., and the classes of their masks as grey values, 0 for "
    "background, 1 for skin, eyes, nose and mouth, 2 for hair, as "
    "train/labels/001.png ..., test/labels/001.png ..."
)


def load_weizmann_horses(
    data_home: FilePath | None = None,
    *,
    size: int | tuple[int, int] | None = 32,
    return_X_y: bool = False,
) -> DataSet:
    """Read the Weizmann horses and their masks from files you have.

    Pictures of horses in side view, most of them facing left, and for each the
    pixels that are horse. The published results of deep value networks train on 200
    random images of 32 x 32 pixels and test on the rest; the split is left to you,
    with :func:`~sklearn.model_selection.train_test_split` for one.

    Needs Pillow: ``pip install skdvn[images]``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds images/image-N.png and masks/mask-N.png for the same
        numbers N, or holds them in a folder weizmann_horse. Default is the
        environment variable SKDVN_DATA.
    size : int, (int, int) or None, default=32
        Height and width to which every image is resized, one number for both.
        None leaves each image at its size.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        ``data``, uint8 of shape (n_samples, height, width, 3); ``target``, uint8 0
        and 1 of shape (n_samples, height, width), two lists of such arrays with
        ``size=None``; ``names``, the images' file names without suffix, ordered by
        number; ``target_names``, what 0 and 1 mean; ``DESCR``.

    Notes
    -----
    A resized pixel is the mean over the area it covers, and is horse if at least
    half of that area is. The proportions of an image are not kept.

    At least nine pictures are there twice, such as image-5 and image-17, so a random
    split may put one on both sides.

    References
    ----------
    Eran Borenstein, Shimon Ullman. Learning to segment. ECCV 2004.

    M. Gygli, M. Norouzi, A. Angelova. Deep value networks learn to evaluate and
    iteratively refine structured outputs. ICML 2017.

    Examples
    --------
    >>> from skdvn.datasets import load_weizmann_horses
    >>> X, Y = load_weizmann_horses("data", return_X_y=True)  # doctest: +SKIP
    """
    shape = check_shape(size)
    Image = import_pillow("load_weizmann_horses")
    wanted = ["images/image-[0-9]*.png", "masks/mask-[0-9]*.png"]
    folder = find_folder(data_home, "weizmann_horse", wanted, _HORSES)
    paths = numbered_pairs(folder, "images/image-{}.png", "masks/mask-{}.png")
    pairs = [read_pair(Image, *pair, _horse_or_not, shape) for pair in paths]
    data, target = (gather(parts, shape) for parts in zip(*pairs, strict=True))
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        names=[image.stem for image, _ in paths],
        target_names=["background", "horse"],
        DESCR=f"{len(data)} images and masks, size={size}. {_HORSES}",
    )


def _horse_or_not(file):
    return np.asarray(file.convert("L")) >= 128


def load_fasseg_frontal(
    data_home: FilePath | None = None,
    *,
    subset: str = "train",
    size: int | tuple[int, int] | None = 32,
    return_X_y: bool = False,
) -> DataSet:
    """Read frontal faces, and where face and hair are in them, from files you have.

    The subset frontal02 of FASSEG: 70 photographs of heads and shoulders, 20 to train
    and 50 to test on. Small enough to try out segmentation into three classes, those
    of the Labeled Faces in the Wild (section 5.3 of Gygli et al., 2017, see
    :func:`load_lfw_parts`).

    Needs Pillow: ``pip install skdvn[images]``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds train/images/001.png ..., train/labels/001.png ... and the
        same for test, or holds them in a folder fasseg_frontal. A label map has grey
        values 0, 1 and 2. Default is the environment variable SKDVN_DATA.
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" has the training images first.
    size : int, (int, int) or None, default=32
        Height and width to which every image is resized, one number for both.
        None leaves each image at its size.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        ``data``, uint8 of shape (n_samples, height, width, 3); ``target``, uint8 of
        shape (n_samples, height, width), two lists of such arrays with ``size=None``;
        ``names``, such as train/001; ``target_names``, what 0, 1 and 2 mean:
        background, face and hair; ``DESCR``.

    Notes
    -----
    A resized pixel is the mean over the area it covers, and has the class with the
    largest share of that area. The proportions of an image are not kept.

    Ears and neck count as face, eyebrows as hair. Six pictures are in both parts,
    train/015 to train/020, as test/026, 017, 013, 020, 023 and 044. Their two label
    maps, drawn apart, agree in 95 to 99 percent of the pixels, so that no model can be
    expected to get much closer to the truth.

    References
    ----------
    S. Benini, K. Khan, R. Leonardi, M. Mauro, P. Migliorati. FASSEG: a face semantic
    segmentation repository for face image analysis. Data in Brief 24, 2019.

    K. Khan, M. Mauro, R. Leonardi. Multi-class semantic segmentation of faces.
    ICIP 2015.

    Examples
    --------
    >>> from skdvn.datasets import load_fasseg_frontal
    >>> X, Y = load_fasseg_frontal("data", return_X_y=True)  # doctest: +SKIP
    """
    parts, shape = subset_parts(subset, ["train", "test"]), check_shape(size)
    Image = import_pillow("load_fasseg_frontal")
    kinds = ("images", "labels")
    wanted = [f"{part}/{kind}/[0-9]*.png" for part in parts for kind in kinds]
    folder = find_folder(data_home, "fasseg_frontal", wanted, _FASSEG)
    paths = []
    for part in parts:
        forms = (f"{part}/{kind}/{{}}.png" for kind in kinds)
        paths += numbered_pairs(folder, *forms)
    pairs = [read_pair(Image, *pair, _grey_class, shape) for pair in paths]
    data, target = (gather(parts, shape) for parts in zip(*pairs, strict=True))
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        names=[image.parts[-3] + "/" + image.stem for image, _ in paths],
        target_names=list(_FACE_CLASSES),
        DESCR=f"{len(data)} faces and label maps, {subset}, size={size}. {_FASSEG}",
    )


def _grey_class(file):
    labels = np.asarray(file.convert("L"))
    if labels.max() >= len(_FACE_CLASSES):
        allowed = ", ".join(f"{k} {name}" for k, name in enumerate(_FACE_CLASSES))
        raise ValueError(f"found the grey value {labels.max()}; allowed are {allowed}")
    return labels
