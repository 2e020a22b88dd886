"""Reader of Mulan's multi-label files: ARFF, dense or sparse, and an XML of labels.

SciPy's reader does not know sparse ARFF, and scikit-learn's is private.
"""

from __future__ import annotations

import io
import math
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils import Bunch

from ..data.typing import FilePath
from .home import DataSet

_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""


_CODE = re.compile(rf"(?:{_QUOTED}|[^%])*")  # the line before an unquoted %


_NAME = rf"""({_QUOTED}|[^\s{{'"][^\s{{]*)(?:\s+|(?=\{{))"""


_ATTRIBUTE = re.compile(rf"@attribute\s+{_NAME}(\{{.*\}}|[^{{].*)$", re.IGNORECASE)


_VALUE = rf"""({_QUOTED}|(?:[^,\t'"\s][^,\t]*)?)\s*(,|\t|$)"""


_DENSE_FIELD = re.compile(rf"\s*{_VALUE}")


_SPARSE_FIELD = re.compile(rf"\s*(\d+)\s+{_VALUE}")


_NEEDS_TOKENISER = re.compile(r"""['"\t]""")


_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


class _Attribute(NamedTuple):
    """One column of an ARFF file, and how its values become floats."""

    name: str
    convert: Callable[[str], float]
    default: float  # what a sparse row means by leaving the column out
    allowed: str
    categories: list[str] | None  # when values are coded by their place among these


def _error(path, lineno, message):
    return ValueError(f"{path}, line {lineno}: {message}")


def _unquote(token):
    token = token.strip()
    if len(token) > 1 and token[0] in "'\"" and token[-1] == token[0]:
        return re.sub(r"\\(.)", lambda m: _ESCAPED.get(m[1], m[1]), token[1:-1])
    return token


def _tokenise(text, field):
    """Split text that may hold quoted values; ``field`` ends in the separator."""
    tokens, start, separator = [], 0, ","
    while separator:
        match = field.match(text, start)
        if match is None:
            raise ValueError(
                f"cannot be read from {text[start : start + 30]!r} on; allowed are "
                "comma-separated values, each quoted as a whole or not at all, in a "
                "sparse row with their column's index in front"
            )
        *parts, separator = match.groups()
        tokens.extend(map(_unquote, parts))
        start = match.end()
    return tokens


def _split_dense(line, n_attributes):
    """Return the columns of a dense row (None: all of them) and its values."""
    if line[0] == "{":
        raise ValueError("found a sparse row; allowed are dense rows, as the first is")
    if _NEEDS_TOKENISER.search(line):
        tokens = _tokenise(line, _DENSE_FIELD)
    else:
        tokens = list(map(str.strip, line.split(",")))
    if len(tokens) != n_attributes:
        raise ValueError(f"found {len(tokens)} values for {n_attributes} attributes")
    return None, tokens


def _split_sparse(line, n_attributes):
    """Return the columns and the values that a sparse row names."""
    if line[0] != "{" or line[-1] != "}":
        raise ValueError(
            f"found {line[:30]!r}; allowed in a sparse body are rows of the form "
            "'{index value, index value}', with no instance weight behind"
        )
    body = line[1:-1].strip()
    pairs = [pair.split() for pair in body.split(",")] if body else []
    if _NEEDS_TOKENISER.search(body) or any(len(pair) != 2 for pair in pairs):
        tokens = _tokenise(body, _SPARSE_FIELD)
        pairs = list(zip(tokens[::2], tokens[1::2], strict=True))
    try:
        columns = [int(index) for index, _ in pairs]
    except ValueError:
        columns = [-1]
    in_range = not columns or 0 <= min(columns) <= max(columns) < n_attributes
    if not in_range or len(set(columns)) < len(columns):
        wrong = [j for j, _ in pairs if not j.isdigit() or int(j) >= n_attributes]
        found = f"column index {wrong[0]!r}" if wrong else "a column index twice"
        raise ValueError(
            f"found {found}; allowed are integers from 0 to {n_attributes - 1}, each "
            "at most once in a row"
        )
    return columns, [token for _, token in pairs]


def _to_number(token):
    return math.nan if token == "?" else float(token)


def _to_bit(token):
    value = float(token)
    if value not in (0.0, 1.0):
        raise ValueError
    return value


def _make_attribute(name, kind, is_label):
    """Turn a declared type into a converter, or raise with what is allowed."""
    if kind[0] != "{":
        if kind.split()[0].lower() not in ("numeric", "real", "integer"):
            raise ValueError(
                f"attribute {name!r} has type {kind!r}; allowed are numeric, real, "
                "integer and {value, value, ...}: drop it or encode it as numbers first"
            )
        convert = _to_bit if is_label else _to_number
        return _Attribute(name, convert, 0.0, "0, 1" if is_label else "number, ?", None)
    categories = _tokenise(kind[1:-1], _DENSE_FIELD)
    try:
        values, coded = [float(category) for category in categories], False
    except ValueError:
        values, coded = [float(i) for i in range(len(categories))], True
    if is_label and (coded or not set(values) <= {0.0, 1.0}):
        raise ValueError(
            f"label {name!r} is declared {kind}; allowed is {{0,1}}: write 1 for rows "
            "that have the label and 0 for the others"
        )
    lookup = dict(zip(categories, values, strict=True))
    if not is_label:
        lookup.setdefault("?", math.nan)
    allowed = ", ".join(lookup)
    names = categories if coded else None
    return _Attribute(name, lookup.__getitem__, values[0], allowed, names)


def _read_labels(path):
    """Return the names in Mulan's XML list, nested or flat."""
    form = 'allowed is Mulan\'s list, <labels><label name="..."/>...</labels>'
    try:
        elements = ElementTree.parse(path).iter()
    except ElementTree.ParseError as error:  # its message has line and column
        raise ValueError(f"{path}: found malformed XML ({error}); {form}") from None
    labels = [e.get("name") for e in elements if e.tag.rpartition("}")[2] == "label"]
    if not labels or None in labels:
        found = "a <label> without name" if labels else "no <label>"
        raise ValueError(f"{path}: found {found}; {form}")
    return labels


def _read_header(lines, path, labels):
    """Read up to ``@data``; return the attributes and which of them are labels."""
    attributes, names = [], []
    for lineno, line in lines:
        keyword = line.split(None, 1)[0].lower()
        if keyword == "@data":
            break
        match = _ATTRIBUTE.match(line)
        if keyword != "@relation" and match is None:
            raise _error(
                path,
                lineno,
                f"found {line[:60]!r}; allowed before '@data' are '@relation name' and "
                "'@attribute name type', with names quoted that hold spaces, % or {",
            )
        if match is not None:
            names.append(_unquote(match[1]))
            try:
                attribute = _make_attribute(names[-1], match[2], names[-1] in labels)
            except ValueError as error:
                raise _error(path, lineno, error) from None
            attributes.append(attribute)
    else:
        raise ValueError(f"{path}: found no '@data' line; allowed is exactly one")
    for label in labels:
        if names.count(label) != 1:
            raise ValueError(
                f"{path}: found {names.count(label)} attributes named {label!r}, which "
                "the XML file lists as a label; allowed is exactly one"
            )
    return attributes, np.array([name in labels for name in names])


def _read_body(lines, path, attributes):
    """Read the rows as one matrix: CSR for a sparse body, else an array."""
    converters = [attribute.convert for attribute in attributes]
    filled = {j: a.default for j, a in enumerate(attributes) if a.default != 0.0}
    values, indices, indptr = array("d"), array("i"), [0]
    split = None
    for lineno, line in lines:
        if split is None:
            split = _split_sparse if line[0] == "{" else _split_dense
        try:
            columns, tokens = split(line, len(attributes))
        except ValueError as error:
            raise _error(path, lineno, error) from None
        used = converters if columns is None else [converters[j] for j in columns]
        try:
            values.extend([convert(t) for convert, t in zip(used, tokens, strict=True)])
        except (KeyError, ValueError):
            where = range(len(attributes)) if columns is None else columns
            raise _bad_value(path, lineno, attributes, where, tokens) from None
        if columns is not None:
            indices.extend(columns)
            for j in filled.keys() - set(columns) if filled else ():
                indices.append(j)
                values.append(filled[j])
        indptr.append(len(values))
    if split is None:
        raise ValueError(f"{path}: found no row after '@data'; allowed is one or more")
    shape = (len(indptr) - 1, len(attributes))
    if split is _split_dense:
        return np.array(values).reshape(shape)
    matrix = csr_matrix((np.array(values), np.array(indices), indptr), shape=shape)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def _bad_value(path, lineno, attributes, columns, tokens):
    """Find the value that no converter took, and say so."""
    for j, token in zip(columns, tokens, strict=True):
        try:
            attributes[j].convert(token)
        except (KeyError, ValueError):
            name, allowed = attributes[j].name, attributes[j].allowed
            message = f"found {token!r} for attribute {name!r}; allowed are: {allowed}"
            return _error(path, lineno, message)


def _code_lines(path):
    """Yield the numbered lines that are left without comments and blanks."""
    raw = Path(path).read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # Weka writes the encoding of its platform
        text = raw.decode("latin-1")
    for lineno, line in enumerate(io.StringIO(text, newline=None), 1):
        line = (_CODE.match(line)[0] if "%" in line else line).strip()
        if line:
            yield lineno, line


def load_mulan(
    arff_path: FilePath,
    xml_path: FilePath,
    *,
    sparse: bool | None = None,
    return_X_y: bool = False,
) -> DataSet:
    """Read a multi-label data set in Mulan's format, an ARFF and an XML file.

    Parameters
    ----------
    arff_path : str or path-like
        ARFF file, with a dense or a sparse body. Attributes are numeric, real,
        integer or nominal; a missing feature value, ``?``, becomes NaN.
    xml_path : str or path-like
        XML file whose ``<label name="...">`` elements, flat or nested, name the
        attributes that are labels. They may stand anywhere among the columns and
        must be 0 or 1 in every row.
    sparse : bool, default=None
        Whether ``data`` is a CSR matrix. With None it is if the file's body is.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch` or tuple
        ``data``, float64 of shape (n_samples, n_features); ``target``, integers 0
        and 1 of shape (n_samples, n_labels); ``feature_names`` and
        ``target_names``, lists in the ARFF file's order; ``categories``, a dict
        of the names behind the codes of nominal features.

    Notes
    -----
    Nominal features whose values are all numbers, such as {0,1}, become those
    numbers. Others become their place in the declaration, as in
    :func:`~sklearn.datasets.fetch_openml` without pandas, and are listed in
    ``categories``; pass such columns to :class:`~sklearn.preprocessing.OneHotEncoder`
    if their order has no meaning. A value left out of a sparse row is 0, for a
    nominal attribute its first category.

    Examples
    --------
    >>> from skdvn.datasets import load_mulan
    >>> bibtex = load_mulan("bibtex-train.arff", "bibtex.xml")  # doctest: +SKIP
    """
    labels = dict.fromkeys(_read_labels(xml_path))
    lines = _code_lines(arff_path)
    attributes, is_label = _read_header(lines, arff_path, labels)
    matrix = _read_body(lines, arff_path, attributes)
    data, target = matrix[:, ~is_label], matrix[:, is_label]
    if issparse(matrix):
        target = target.toarray()
        data = data.toarray() if sparse is False else data
    else:
        data = csr_matrix(data) if sparse else np.ascontiguousarray(data)
    target = target.astype(np.int64, order="C")
    if return_X_y:
        return data, target
    features = [a for a in attributes if a.name not in labels]
    return Bunch(
        data=data,
        target=target,
        feature_names=[a.name for a in features],
        target_names=[a.name for a in attributes if a.name in labels],
        categories={a.name: a.categories for a in features if a.categories},
    )
