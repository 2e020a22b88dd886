"""Where the files of a data set are that the user has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from sklearn.utils import Bunch

#: What readers return: everything, or with ``return_X_y`` inputs and targets.
DataSet: TypeAlias = Bunch | tuple[Any, NDArray[Any]]


def subset_parts(subset, parts):
    """Return the parts of a data set that ``subset`` names: one of them, or "all"."""
    allowed = [*parts, "all"]
    if subset not in allowed:
        raise ValueError(f"subset={subset!r}; allowed are {allowed}")
    return list(parts) if subset == "all" else [subset]


def find_folder(data_home, name, wanted, source):
    """Find the folder with a data set's files.

    Parameters
    ----------
    data_home : str, path-like or None
        Folder that holds the files, or holds them in a folder ``name``. None is the
        environment variable SKDVN_DATA.
    name : str
        The data set's own folder.
    wanted : list of str
        Paths in the folder, or patterns of them.
    source : str
        Where the files can be had, for error messages.

    Returns
    -------
    folder : Path

    Raises
    ------
    FileNotFoundError
        If any of the files is in neither folder.
    """
    home = data_home or os.environ.get("SKDVN_DATA")
    if not home:
        raise FileNotFoundError(
            f"No folder to read {', '.join(wanted)} from: pass data_home or set the "
            f"environment variable SKDVN_DATA. {source}"
        )
    folders = [Path(home), Path(home) / name]
    lacking = [[w for w in wanted if not any(d.glob(w))] for d in folders]
    best = 0 if len(lacking[0]) < len(lacking[1]) else 1
    if lacking[best]:
        raise FileNotFoundError(
            f"{', '.join(lacking[best])} not found in {folders[best]} (looked in "
            f"{folders[1 - best]} too). {source}"
        )
    return folders[best]
