"""Tests of the data set readers: what they read, and what they refuse and how."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from skdvn.datasets import (
    fetch_multilabel,
    load_bibtex,
    load_bookmarks,
    load_digit_attributes,
    load_mulan,
)

XML = '<labels xmlns="http://mulan.sourceforge.net/labels">{}</labels>'
HEADER = """@relation toy
@attribute size numeric
@attribute red {0,1}
@attribute colour {blue,green}
@attribute round {0,1}
@data
"""


def write(folder, arff, labels=("red", "round"), name="toy"):
    """Write an ARFF text and its label list; return both paths."""
    arff_path, xml_path = folder / f"{name}.arff", folder / f"{name}.xml"
    arff_path.write_text(arff, encoding="utf-8")
    items = "".join(f'<label name="{label}"></label>' for label in labels)
    xml_path.write_text(XML.format(items), encoding="utf-8")
    return arff_path, xml_path


def read(folder, arff, labels=("red", "round"), **options):
    return load_mulan(*write(folder, arff, labels), **options)


def refused(folder, arff, labels=("red", "round")):
    """Return the message with which the text is refused."""
    with pytest.raises(ValueError) as caught:
        read(folder, arff, labels)
    assert str(folder / "toy.") in str(caught.value)
    return str(caught.value)


def test_dense_body(tmp_path):
    bunch = read(tmp_path, HEADER + "1.5,1,green,0\n-2e3, 0 ,blue,1\n")
    assert isinstance(bunch.data, np.ndarray) and bunch.data.dtype == np.float64
    np.testing.assert_array_equal(bunch.data, [[1.5, 1], [-2000, 0]])
    np.testing.assert_array_equal(bunch.target, [[1, 0], [0, 1]])
    assert bunch.target.dtype.kind == "i"
    assert bunch.feature_names == ["size", "colour"]
    assert bunch.target_names == ["red", "round"]
    assert bunch.categories == {"colour": ["blue", "green"]}


def test_sparse_body(tmp_path):
    bunch = read(tmp_path, HEADER + "{0 1.5, 1 1,2 green}\n{}\n{ 3 1 }\n")
    assert isinstance(bunch.data, sp.csr_matrix) and bunch.data.dtype == np.float64
    np.testing.assert_array_equal(bunch.data.toarray(), [[1.5, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(bunch.target, [[1, 0], [0, 0], [0, 1]])
    assert isinstance(bunch.target, np.ndarray)


@pytest.mark.parametrize("body", ["1,1,green,0\n", "{0 1, 1 1, 2 green}\n"])
@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_option_overrules_the_body(tmp_path, body, sparse):
    data = read(tmp_path, HEADER + body, sparse=sparse).data
    assert sp.issparse(data) is sparse
    np.testing.assert_array_equal(data.toarray() if sparse else data, [[1, 1]])


def test_value_left_out_of_a_sparse_row_is_the_first_category(tmp_path):
    header = """@relation r
@attribute red {1,0}
@attribute wheels {4,2}
@attribute mood {sad,glad}
@data
"""
    bunch = read(tmp_path, header + "{}\n{0 0, 1 2, 2 glad}\n{0 1}\n", ["red"])
    np.testing.assert_array_equal(bunch.target.ravel(), [1, 0, 1])
    np.testing.assert_array_equal(bunch.data.toarray(), [[4, 0], [2, 1], [4, 0]])
    assert bunch.data.has_sorted_indices


def test_zeros_written_out_in_a_sparse_row_are_not_stored(tmp_path):
    assert read(tmp_path, HEADER + "{0 0, 2 blue}\n{0 3}\n").data.nnz == 1


@pytest.mark.parametrize(
    "body", ["?,1,?,0\n2,0,green,1\n", "{0 ?,1 1,2 ?}\n{0 2,2 green,3 1}"]
)
def test_missing_feature_is_nan(tmp_path, body):
    data = read(tmp_path, HEADER + body, sparse=False).data
    np.testing.assert_array_equal(data, [[np.nan, np.nan], [2, 1]])


def test_comments_blank_lines_case_and_line_ends(tmp_path):
    text = (
        "% about\n\n@RELATION 'a % b'\n  @Attribute size REAL % in cm\n"
        "@attribute red{0,1}\n\n@attribute\tround\t{ 0 , 1 }\n"
        "@attribute n integer [0,9]\n@DATA\n% rows\n\n1,0,1,3 % odd\n\t2 ,1,0,4\n"
    )
    for end in ("\n", "\r\n", "\r"):
        bunch = read(tmp_path, text.replace("\n", end))
        np.testing.assert_array_equal(bunch.data, [[1, 3], [2, 4]])
        np.testing.assert_array_equal(bunch.target, [[0, 1], [1, 0]])


def test_quoted_names_and_values(tmp_path):
    text = r"""@relation 'it\'s'
@attribute 'two words' numeric
@attribute "don't, {really} 100%" {0,1}
@attribute 'L\'Aquila \\ "x"' {0,1}
@attribute place {'New York', "Rue d'Or", 'a\'b,\tc', plain}
@data
"""
    labels = [r"L'Aquila \ &quot;x&quot;"]
    dense = "'1',0,'1',\"Rue d'Or\"\n2,\"1\", 0 , 'a\\'b,\\tc'\n3\t0\t0\tplain\n"
    bunch = read(tmp_path, text + dense, labels)
    np.testing.assert_array_equal(bunch.data, [[1, 0, 1], [2, 1, 2], [3, 0, 3]])
    assert bunch.feature_names == ["two words", "don't, {really} 100%", "place"]
    assert bunch.target_names == ['L\'Aquila \\ "x"']
    assert bunch.categories["place"] == ["New York", "Rue d'Or", "a'b,\tc", "plain"]
    sparse = (
        "{0 '1',2 1, 3 \"Rue d'Or\"}\n{0 2,1 \"1\" , 3 'a\\'b,\\tc'}\n{0\t3,3 plain}\n"
    )
    again = read(tmp_path, text + sparse, labels)
    np.testing.assert_array_equal(again.data.toarray(), bunch.data)
    np.testing.assert_array_equal(again.target, bunch.target)


def test_numeric_categories_are_numbers_others_are_codes(tmp_path):
    text = """@relation r
@attribute stars {5,3,1}
@attribute size {s,m,l}
@attribute red {0,1}
@data
3,l,1
5,s,0
"""
    bunch = read(tmp_path, text, ["red"])
    np.testing.assert_array_equal(bunch.data, [[3, 2], [5, 0]])
    assert bunch.categories == {"size": ["s", "m", "l"]}


def test_labels_come_in_the_arff_order_from_nested_xml(tmp_path):
    arff, xml = write(tmp_path, HEADER + "1,1,blue,0\n")
    xml.write_text(
        '<?xml version="1.0" encoding="utf-8"?><!-- a tree --><labels><label '
        'name="round"><label name="red"/></label></labels>'
    )
    bunch = load_mulan(str(arff), str(xml))
    assert bunch.target_names == ["red", "round"]
    np.testing.assert_array_equal(bunch.target, [[1, 0]])


def test_numeric_label_of_zeros_and_ones(tmp_path):
    text = HEADER.replace("red {0,1}", "red numeric")
    assert read(tmp_path, text + "1,1.0,blue,0\n").target.tolist() == [[1, 0]]
    message = refused(tmp_path, text + "1,0.5,blue,0\n")
    assert "line 7: found '0.5' for attribute 'red'; allowed are: 0, 1" in message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path, encoding):
    arff, xml = write(tmp_path, "")
    text = HEADER.replace("size", "'grö\x85ße'") + "1,1,blue,0\n"
    arff.write_bytes(text.encode(encoding))
    assert load_mulan(arff, xml).feature_names[0] == "grö\x85ße"


@pytest.mark.parametrize(
    "row, found, allowed",
    [
        ("1,1,blue", "found 3 values for 4 attributes", ""),
        ("1,1,blue,0,1", "found 5 values for 4 attributes", ""),
        ("x,1,blue,0", "found 'x' for attribute 'size'", "number, ?"),
        (",1,blue,0", "found '' for attribute 'size'", "number, ?"),
        ("1,1,red,0", "found 'red' for attribute 'colour'", "blue, green, ?"),
        ("1,2,blue,0", "found '2' for attribute 'red'", "allowed are: 0, 1"),
        ("1,?,blue,0", "found '?' for attribute 'red'", "allowed are: 0, 1"),
        ("1,1,'blue,0", 'cannot be read from "\'blue,0"', "quoted as a whole"),
        ("1,1,'blue'x,0", "cannot be read from \"'blue'x,0\"", "quoted as a whole"),
        ("{0 1}", "found a sparse row", "allowed are dense rows"),
    ],
)
def test_bad_dense_row(tmp_path, row, found, allowed):
    message = refused(tmp_path, HEADER + "1,1,blue,0\n% comment\n\n" + row + "\n")
    assert f"toy.arff, line 10: {found}" in message and allowed in message


@pytest.mark.parametrize(
    "row, found, allowed",
    [
        ("{4 1}", "found column index '4'", "integers from 0 to 3"),
        ("{-1 1}", "found column index '-1'", "integers from 0 to 3"),
        ("{a 1}", "found column index 'a'", "integers from 0 to 3"),
        ("{1 1, 1 1}", "found a column index twice", "at most once"),
        ("{0 x}", "found 'x' for attribute 'size'", "number, ?"),
        ("{0 1, 2 red}", "found 'red' for attribute 'colour'", "blue, green, ?"),
        ("{3 ?}", "found '?' for attribute 'round'", "allowed are: 0, 1"),
        ("{0 1 2}", "found '1 2' for attribute 'size'", "number, ?"),
        ("{0}", "cannot be read from '0' on", "index in front"),
        ("{0 1,}", "cannot be read from '' on", "index in front"),
        ("{0, 1 1 3}", "cannot be read from '0, 1 1 3' on", "index in front"),
        ("{2 'blue}", 'cannot be read from "2 \'blue" on', "quoted as a whole"),
        ("{0 1}, 5", "found '{0 1}, 5'", "no instance weight"),
        ("1,1,blue,0", "found '1,1,blue,0'", "'{index value, index value}'"),
    ],
)
def test_bad_sparse_row(tmp_path, row, found, allowed):
    message = refused(tmp_path, HEADER + "{0 1}\n" + row + "\n")
    assert f"toy.arff, line 8: {found}" in message and allowed in message


@pytest.mark.parametrize(
    "line, found",
    [
        ("@attribute name string", "attribute 'name' has type 'string'; allowed are"),
        (
            "@attribute when date 'yyyy'",
            "attribute 'when' has type \"date 'yyyy'\"; allowed are",
        ),
        ("@attribute alone", "found '@attribute alone'; allowed before '@data'"),
        (
            "@attribute open {0,1",
            "found '@attribute open {0,1'; allowed before '@data'",
        ),
        ("@attribute 'open {0,1}", 'found "@attribute \'open {0,1}"; allowed before'),
        ("@attribute 100% {0,1}", "found '@attribute 100'; allowed before '@data'"),
        ("@inputs a, b", "found '@inputs a, b'; allowed before '@data'"),
        ("1,1,blue,0", "found '1,1,blue,0'; allowed before '@data'"),
    ],
)
def test_bad_header_line(tmp_path, line, found):
    text = HEADER.replace("@attribute size numeric", line) + "1,1,blue,0\n"
    assert f"toy.arff, line 2: {found}" in refused(tmp_path, text)


@pytest.mark.parametrize("kind", ["{no,yes}", "{0,1,2}", "{-1,1}"])
def test_label_that_is_not_binary(tmp_path, kind):
    message = refused(tmp_path, HEADER.replace("red {0,1}", f"red {kind}"))
    assert f"line 3: label 'red' is declared {kind}; allowed is {{0,1}}" in message


def test_label_with_one_declared_value(tmp_path):
    text = HEADER.replace("red {0,1}", "red {0}") + "1,0,blue,1\n"
    assert read(tmp_path, text).target.tolist() == [[0, 1]]


def test_incomplete_files(tmp_path):
    no_data = HEADER.replace("@data", "")
    assert "found no '@data' line" in refused(tmp_path, no_data)
    assert "found no row after '@data'" in refused(tmp_path, HEADER + "% none\n")
    message = refused(tmp_path, HEADER + "1,1,blue,0\n", ["red", "square"])
    assert "found 0 attributes named 'square'" in message
    twice = HEADER.replace("size", "red") + "1,1,blue,0\n"
    twice = twice.replace("red numeric", "red {0,1}")
    assert "found 2 attributes named 'red'" in refused(tmp_path, twice)
    with pytest.raises(FileNotFoundError):
        load_mulan(tmp_path / "absent.arff", tmp_path / "toy.xml")


@pytest.mark.parametrize(
    "text, found",
    [
        ("<labels><label", "found malformed XML"),
        ("<labels></labels>", "found no <label>"),
        ("<labels><label/></labels>", "found a <label> without name"),
    ],
)
def test_bad_xml(tmp_path, text, found):
    arff, xml = write(tmp_path, HEADER + "1,1,blue,0\n")
    xml.write_text(text)
    with pytest.raises(ValueError, match=f"toy.xml: {found}.*allowed is Mulan's list"):
        load_mulan(arff, xml)


ENTRIES = st.one_of(
    st.just(0.0), st.just(np.nan), st.floats(allow_nan=False, allow_infinity=False)
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**16), data=st.data())
def test_dense_and_sparse_bodies_read_alike(tmp_path, seed, data):
    rng = np.random.default_rng(seed)
    n, d, k = map(int, rng.integers(1, 5, size=3))
    X = data.draw(arrays(np.float64, (n, d), elements=ENTRIES))
    Y = rng.integers(0, 2, (n, k))
    order = rng.permutation(d + k)
    names = np.array([f"x {j}" for j in range(d)] + [f"y{j}" for j in range(k)])[order]
    kinds = np.array(["real"] * d + ["{0,1}"] * k)[order]
    cells = [
        [repr(float(v)) for v in x] + [str(v) for v in y]
        for x, y in zip(X, Y, strict=True)
    ]
    rows = np.array(cells, dtype=object)[:, order]
    rows[rows == "nan"] = "?"
    pairs = zip(names, kinds, strict=True)
    head = "".join(f"@attribute '{a}' {b}\n" for a, b in pairs) + "@data\n"
    dense = "\n".join(",".join(row) for row in rows)
    stored = [
        [f"{j} {v}" for j, v in enumerate(r) if float(v.replace("?", "1"))]
        for r in rows
    ]
    sparse = "\n".join("{" + ",".join(row) + "}" for row in stored)
    labels = [f"y{j}" for j in range(k)]
    one = read(tmp_path, head + dense, labels)
    two = read(tmp_path, head + sparse, labels)
    assert one.feature_names == two.feature_names
    assert one.target_names == two.target_names == [a for a in names if a in labels]
    columns = [int(a[2:]) for a in one.feature_names]
    np.testing.assert_array_equal(one.data, X[:, columns])
    np.testing.assert_array_equal(two.data.toarray(), X[:, columns])
    expected = Y[:, [int(a[1:]) for a in one.target_names]]
    np.testing.assert_array_equal(one.target, expected)
    np.testing.assert_array_equal(two.target, expected)


def bibtex_files(folder, parts=("train", "test")):
    """Write files named as Bibtex's, with two and one rows."""
    folder.mkdir(exist_ok=True)
    header = "@relation b\n@attribute w {0,1}\n@attribute TAG_a {0,1}\n@data\n"
    bodies = {"train": "{0 1}\n{1 1}\n", "test": "{0 1,1 1}\n"}
    for part, body in bodies.items():
        if part in parts:
            (folder / f"bibtex-{part}.arff").write_text(header + body)
    (folder / "bibtex.xml").write_text(XML.format('<label name="TAG_a"/>'))


@pytest.mark.parametrize("place", [".", "bibtex"])
def test_load_bibtex_finds_the_files(tmp_path, monkeypatch, place):
    bibtex_files(tmp_path / place)
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path / "elsewhere"))
    assert load_bibtex(tmp_path).target.ravel().tolist() == [0, 1]
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path))
    assert load_bibtex(subset="test").target.ravel().tolist() == [1]
    X, Y = load_bibtex(subset="all", return_X_y=True)
    assert isinstance(X, sp.csr_matrix)
    np.testing.assert_array_equal(X.toarray(), [[1], [0], [1]])
    np.testing.assert_array_equal(Y, [[0], [1], [1]])


def test_load_bibtex_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("SKDVN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"SKDVN_DATA.*Katakis.*Mulan's page"):
        load_bibtex()
    with pytest.raises(FileNotFoundError) as caught:
        load_bibtex(tmp_path)
    for part in ("bibtex-train.arff, bibtex.xml", str(tmp_path / "bibtex"), "mulan"):
        assert part in str(caught.value)
    bibtex_files(tmp_path, parts=["train"])
    assert load_bibtex(tmp_path).data.shape == (2, 1)
    with pytest.raises(FileNotFoundError, match="^bibtex-test.arff not found in"):
        load_bibtex(tmp_path, subset="all")
    with pytest.raises(ValueError, match="subset='dev'; allowed are .*'all'"):
        load_bibtex(tmp_path, subset="dev")


@pytest.mark.parametrize("place", [".", "bookmarks"])
def test_load_bookmarks(tmp_path, monkeypatch, place):
    (tmp_path / place).mkdir(exist_ok=True)
    header = "@relation b\n@attribute w {0,1}\n@attribute TAG_a {0,1}\n@data\n"
    write(tmp_path / place, header + "{0 1}\n{1 1}\n", ["TAG_a"], name="bookmarks")
    monkeypatch.setenv("SKDVN_DATA", str(tmp_path))
    bunch = load_bookmarks()
    assert isinstance(bunch.data, sp.csr_matrix) and bunch.target_names == ["TAG_a"]
    assert "Katakis" in bunch.DESCR
    X, Y = load_bookmarks(tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X.toarray(), [[1], [0]])
    np.testing.assert_array_equal(Y, [[0], [1]])
    (tmp_path / place / "bookmarks.xml").unlink()
    with pytest.raises(FileNotFoundError, match=r"^bookmarks.xml not found.*Mulan's"):
        load_bookmarks(tmp_path)


@pytest.mark.parametrize(
    "subset, n_rows, cardinality", [("train", 4880, 2.3803), ("test", 2515, 2.4437)]
)
def test_real_bibtex(subset, n_rows, cardinality):
    home = Path(os.environ.get("SKDVN_DATA", ""))
    if "SKDVN_DATA" not in os.environ:
        pytest.skip("SKDVN_DATA is not set: no folder with Mulan's Bibtex files")
    if not any(
        (d / f"bibtex-{subset}.arff").is_file() for d in (home, home / "bibtex")
    ):
        pytest.skip(f"no Bibtex files in the folder that SKDVN_DATA names, {home}")
    bunch = load_bibtex(subset=subset)
    assert bunch.data.shape == (n_rows, 1836) and bunch.target.shape == (n_rows, 159)
    assert isinstance(bunch.data, sp.csr_matrix) and bunch.data.dtype == np.float64
    assert set(bunch.data.data) == {1.0} and set(np.unique(bunch.target)) == {0, 1}
    assert bunch.target.sum(axis=1).mean() == pytest.approx(cardinality, abs=5e-4)
    assert all(name.startswith("TAG_") for name in bunch.target_names)
    assert bunch.feature_names[0] == "0" and "KATAKIS" in bunch.DESCR.upper()


@pytest.fixture
def openml(monkeypatch):
    """Stand in for OpenML: set what it returns, see what it was asked."""
    state = Bunch(asked=None, data=np.eye(3), target=None)

    def fake(name=None, **options):
        state.asked = {"name": name, **options}
        names = None if state.target is None else ["a", "b"]
        return Bunch(data=state.data, target=state.target, target_names=names, url="u")

    monkeypatch.setattr("skdvn.datasets.label_sets.fetch_openml", fake)
    return state


@pytest.mark.parametrize("words", [("FALSE", "TRUE"), ("0", "1"), (0.0, 1.0), (0, 1)])
def test_fetch_multilabel_makes_bits(openml, words):
    bits = np.array([[0, 1], [1, 1], [0, 0]])
    openml.target = np.array(words, dtype=type(words[0]))[bits]
    if isinstance(words[0], str):
        openml.target = openml.target.astype(object)
    bunch = fetch_multilabel("Yeast", data_home="cache")
    np.testing.assert_array_equal(bunch.target, bits)
    assert bunch.target.dtype.kind == "i" and bunch.target_names == ["a", "b"]
    assert openml.asked["data_id"] == 41473 and openml.asked["name"] is None
    assert openml.asked["as_frame"] is False and openml.asked["data_home"] == "cache"
    X, Y = fetch_multilabel("yeast", return_X_y=True)
    assert X is openml.data and Y.shape == (3, 2)


def test_fetch_multilabel_chooses_the_set(openml):
    openml.target = np.zeros((3, 2))
    fetch_multilabel("yeast", version=4)
    assert openml.asked["name"] == "yeast" and openml.asked["version"] == 4
    assert "data_id" not in openml.asked
    fetch_multilabel(40597)
    assert openml.asked["name"] is None and openml.asked["data_id"] == 40597
    fetch_multilabel("something")
    assert openml.asked["name"] == "something"
    assert openml.asked["version"] == "active"


def test_fetch_multilabel_refuses(openml):
    openml.target = np.array(["a", "b", "a"], dtype=object)
    with pytest.raises(ValueError, match="'yeast', version 1, has one .*emotions"):
        fetch_multilabel("yeast", version=1)
    openml.target = None
    with pytest.raises(ValueError, match="has no target column"):
        fetch_multilabel("yeast")
    openml.target = np.array([["TRUE", None]], dtype=object)
    with pytest.raises(ValueError, match=r"target values \['None'\]; allowed are true"):
        fetch_multilabel("yeast")
    openml.target, openml.data = np.zeros((3, 2)), sp.csr_matrix(np.eye(3))
    with pytest.raises(ValueError, match="sparse ARFF.*use load_mulan"):
        fetch_multilabel("yeast")


def test_digit_attributes():
    bunch = load_digit_attributes()
    digits = load_digits()
    np.testing.assert_array_equal(bunch.data, digits.data)
    np.testing.assert_array_equal(bunch.digit, digits.target)
    assert bunch.target.shape == (1797, 10) == (1797, len(bunch.target_names))
    assert set(np.unique(bunch.target)) == {0, 1}
    prevalence = bunch.target.mean(axis=0)
    assert prevalence.min() > 0.2 and prevalence.max() < 0.7
    assert bunch.target.sum(axis=1).min() >= 1
    even = bunch.target[:, bunch.target_names.index("even")]
    np.testing.assert_array_equal(even, digits.target % 2 == 0)
    # the labels of a row name its digit, and no two labels are one
    assert len(np.unique(bunch.target, axis=0)) == 10
    assert len(np.unique(bunch.target, axis=1).T) == 10
    assert "noise" in bunch.DESCR and len(bunch.feature_names) == 64


def test_digit_attributes_with_noise():
    X, Y = load_digit_attributes(return_X_y=True)
    noisy, Y_noisy = load_digit_attributes(noise=6, return_X_y=True)
    np.testing.assert_array_equal(Y, Y_noisy)
    assert np.std(noisy - X) == pytest.approx(6, rel=0.02)
    again = load_digit_attributes(noise=6, random_state=0).data
    other = load_digit_attributes(noise=6, random_state=1).data
    np.testing.assert_array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    for noise in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="noise=.*allowed are finite numbers"):
            load_digit_attributes(noise=noise)
