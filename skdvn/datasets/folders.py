"""Images and masks of the user's own, in folders."""

from __future__ import annotations

from pathlib import Path

from ..data.typing import FilePath


def image_files(
    images: FilePath, masks: FilePath | None = None, *, pattern: str = "*"
) -> list[Path] | tuple[list[Path], list[Path]]:
    """List image files, and the masks that belong to them.

    Segmenters take such lists as X and y and read files only when they need them, so
    that they are never all in memory. Needs Pillow then: ``pip install skdvn[images]``.

    Parameters
    ----------
    images : str or path-like
        Folder of the images.
    masks : str or path-like, default=None
        Folder of the masks; a mask belongs to the image whose name is the same up to
        the suffix.
    pattern : str, default="*"
        Which files of `images`, such as ``"*.jpg"``.

    Returns
    -------
    paths : list of Path, or tuple of two lists
        Of images in the order of their names; with `masks` of images and of masks.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, no such file, or no mask for an image.

    Examples
    --------
    >>> from skdvn.datasets import image_files
    >>> X, y = image_files("photos", "masks", pattern="*.jpg")  # doctest: +SKIP
    """
    found = sorted(_files(images, pattern))
    if masks is None:
        return found
    known = {path.stem: path for path in _files(masks, "*")}
    missing = [path for path in found if path.stem not in known]
    if missing:
        raise FileNotFoundError(
            f"{missing[0]} has no mask {missing[0].stem}.* in {Path(masks)} "
            f"({len(missing)} such); add it, or leave the image out by pattern."
        )
    return found, [known[path.stem] for path in found]


def _files(folder, pattern):
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    files = [
        path
        for path in folder.glob(pattern)
        if path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise FileNotFoundError(f"{folder} holds no file that matches {pattern!r}.")
    return files
