"""Multi-label data sets by name."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.datasets import fetch_openml, load_digits
from sklearn.utils import Bunch, check_random_state

from ..data.typing import FilePath, RandomState
from .home import DataSet, find_folder, subset_parts
from .mulan import load_mulan

_OPENML = "birds emotions enron genbase image langlog reuters scene slashdot yeast"


_OPENML_IDS = {name: 41464 + i for i, name in enumerate(_OPENML.split())}


_TRUTH = dict.fromkeys(("true", "yes", "1", "1.0"), 1)
_TRUTH |= dict.fromkeys(("false", "no", "0", "0.0"), 0)


_DIGIT_ATTRIBUTES = {
    "even": (0, 2, 4, 6, 8),
    "prime": (2, 3, 5, 7),
    "greater_than_four": (5, 6, 7, 8, 9),
    "multiple_of_three": (0, 3, 6, 9),
    "power_of_two": (1, 2, 4, 8),
    "perfect_square": (0, 1, 4, 9),
    "fibonacci": (0, 1, 2, 3, 5, 8),
    "closed_loop": (0, 6, 8, 9),
    "straight_strokes_only": (1, 4, 7),
    "mirror_symmetric": (0, 1, 3, 8),
}


def load_bibtex(
    data_home: FilePath | None = None,
    *,
    subset: str = "train",
    return_X_y: bool = False,
) -> DataSet:
    """Read the Bibtex tagging data from files you have.

    BibSonomy entries and the tags their users gave them: 4880 training and 2515
    test rows, 1836 binary words, 159 tags, 2.4 tags per entry.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds bibtex-train.arff, bibtex-test.arff and bibtex.xml, or
        holds them in a folder bibtex. Default is the environment variable
        SKDVN_DATA.
    subset : {"train", "test", "all"}, default="train"
        Which rows; "all" has the training rows first.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        As :func:`load_mulan` returns; ``data`` is a CSR matrix.

    References
    ----------
    I. Katakis, G. Tsoumakas, I. Vlahavas. Multilabel text classification for
    automated tag suggestion. ECML/PKDD 2008 Discovery Challenge.
    """
    files = [f"bibtex-{part}.arff" for part in subset_parts(subset, ["train", "test"])]
    bunch, source = _read_mulan_set("bibtex", files, data_home)
    bunch.DESCR = f"Bibtex, {subset} rows: words of BibSonomy entries, tags. {source}"
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_bookmarks(
    data_home: FilePath | None = None, *, return_X_y: bool = False
) -> DataSet:
    """Read the Bookmarks tagging data from a file you have.

    Bookmarks of BibSonomy and the tags their users gave them: 87,856 rows, 2,150
    binary words, 208 tags, 2.0 tags per bookmark.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that holds bookmarks.arff and bookmarks.xml, or holds them in a folder
        bookmarks. Default is the environment variable SKDVN_DATA.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        As :func:`load_mulan` returns; ``data`` is a CSR matrix.

    Notes
    -----
    Mulan has all rows in one file. The published results of structured prediction
    energy networks and deep value networks (Table 1 of Gygli et al., 2017) are on a
    split of them that was published apart, in files of another format, which this
    reader does not know: scores on a split of your own are comparable only roughly.

    Written to Mulan's format and tested on small files; it was not run on the
    published file.

    References
    ----------
    I. Katakis, G. Tsoumakas, I. Vlahavas. Multilabel text classification for
    automated tag suggestion. ECML/PKDD 2008 Discovery Challenge.

    David Belanger, Andrew McCallum. Structured prediction energy networks. ICML 2016.
    """
    bunch, source = _read_mulan_set("bookmarks", ["bookmarks.arff"], data_home)
    bunch.DESCR = f"Bookmarks: words of BibSonomy bookmarks, tags. {source}"
    return (bunch.data, bunch.target) if return_X_y else bunch


def _read_mulan_set(name, arffs, data_home):
    """Read sparse files of Katakis et al. one below the other; say where they are."""
    source = (
        f"{name.title()} (Katakis et al. 2008) is on Mulan's page of multi-label data "
        "sets (mulan.sourceforge.net/datasets-mlc.html)."
    )
    folder = find_folder(data_home, name, [*arffs, f"{name}.xml"], source)
    xml = folder / f"{name}.xml"
    bunches = [load_mulan(folder / arff, xml, sparse=True) for arff in arffs]
    bunch = bunches[0]
    if len(bunches) > 1:
        bunch.data = vstack([b.data for b in bunches], format="csr")
        bunch.target = np.vstack([b.target for b in bunches])
    return bunch, source


def fetch_multilabel(
    name: str | int,
    *,
    version: int | str = "active",
    data_home: FilePath | None = None,
    return_X_y: bool = False,
) -> DataSet:
    """Fetch a multi-label data set from OpenML, labels as a 0/1 matrix.

    By name: birds, emotions, enron, genbase, image, langlog, reuters, scene,
    slashdot and yeast, OpenML's ids 41464 to 41473 in this order. Any other set
    with two or more 0/1 targets by its id.

    Parameters
    ----------
    name : str or int
        One of the names above, an OpenML data id, or with ``version`` any name.
    version : int or "active", default="active"
        OpenML's version of ``name``. "active" takes the multi-label set for the
        names above, where OpenML's first active version is often another set.
    data_home : str or path-like, default=None
        Cache folder of :func:`~sklearn.datasets.fetch_openml`.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        As from :func:`~sklearn.datasets.fetch_openml` without pandas; ``target``
        holds integers 0 and 1.
    """
    data_id = name if not isinstance(name, str) else None
    if version == "active" and data_id is None:
        data_id = _OPENML_IDS.get(name.lower())
    which = {"name": name} if data_id is None else {"data_id": data_id}
    bunch = fetch_openml(
        **which,
        version=version,
        data_home=data_home,
        as_frame=False,
        parser="liac-arff",  # needs no pandas
    )
    raw = bunch.target
    if raw is None or raw.ndim != 2:
        raise ValueError(
            f"OpenML data set {name!r}, version {version!r}, has "
            f"{'no' if raw is None else 'one'} target column; allowed are two or more, "
            f"as the sets have that are known by name: {', '.join(_OPENML_IDS)}"
        )
    if issparse(bunch.data):
        raise ValueError(
            f"OpenML data set {name!r} is stored as sparse ARFF, where fetch_openml "
            "leaves labels that a row omits undefined; download it and use load_mulan"
        )
    texts, codes = np.unique(raw.astype(str), return_inverse=True)
    unknown = [str(text) for text in texts if text.lower() not in _TRUTH]
    if unknown:
        raise ValueError(
            f"OpenML data set {name!r} has target values {unknown[:5]}; allowed are "
            f"{', '.join(_TRUTH)} in upper or lower case"
        )
    bits = np.array([_TRUTH[text.lower()] for text in texts], dtype=np.int64)
    bunch.target = bits[codes.reshape(raw.shape)]
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_digit_attributes(
    *, noise: float = 0.0, random_state: RandomState = 0, return_X_y: bool = False
) -> DataSet:
    """Attributes of handwritten digits: a multi-label problem with no download.

    The 1797 images (8 x 8, grey values 0 to 16) of
    :func:`~sklearn.datasets.load_digits`, and ten labels that hold for the digit
    drawn: even, prime, greater than four, has a closed loop, and so on. Each digit
    has its own set of 3 to 6 labels, so 10 of the 1024 label vectors occur, and
    a label alone is harder to see than the digit that implies it.

    Parameters
    ----------
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to every grey value (which may
        leave 0 to 16 by it). With 6, the labels are hard to tell one by one.
    random_state : int, RandomState instance or None, default=0
        Source of the noise.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        ``data``, float64 of shape (1797, 64); ``target``, integers 0 and 1 of
        shape (1797, 10); ``feature_names``; ``target_names``; ``digit``, the
        digits drawn; ``DESCR``.

    Notes
    -----
    Shape labels are those of the digit as printed: a handwritten 4 counts as open
    and of straight strokes, whatever its writer did.

    One-vs-rest logistic regression reaches an example-averaged F1 of about .90
    without noise and .76 with ``noise=6``; the best constant answer has .58.

    Examples
    --------
    >>> from skdvn.datasets import load_digit_attributes
    >>> X, Y = load_digit_attributes(return_X_y=True)
    >>> X.shape, Y.shape
    ((1797, 64), (1797, 10))
    """
    if not 0.0 <= noise < np.inf:
        raise ValueError(f"noise={noise!r}; allowed are finite numbers not below 0")
    digits = load_digits()
    data = digits.data
    if noise:
        rng = check_random_state(random_state)
        data = data + rng.normal(scale=noise, size=data.shape)
    table = [np.isin(range(10), members) for members in _DIGIT_ATTRIBUTES.values()]
    target = np.column_stack(table).astype(np.int64)[digits.target]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=digits.feature_names,
        target_names=list(_DIGIT_ATTRIBUTES),
        digit=digits.target,
        DESCR=f"Attributes of the digits drawn, pixel noise {noise}.\n{digits.DESCR}",
    )
