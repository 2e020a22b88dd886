"""What users of scikit-learn, skorch and tabicl expect: docs/expectations.rst.

Most rows of its table name tests elsewhere; those here are about expectations that no
other file covers.
"""

import re
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from settings import QUICK_LABELS
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import make_silhouettes

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "expectations.rst"


def make(**params):
    return DVNMultiLabelClassifier(**(QUICK_LABELS | params))


@pytest.fixture(scope="module")
def data():
    """Four labels that depend on six numbers; 80 rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    return X, (X @ rng.normal(size=(6, 4)) > 0).astype(int)


@pytest.fixture(scope="module")
def fitted(data):
    return make().fit(*data)


# -- the table -------------------------------------------------------------------------


def rows_of_table():
    """The cells of each row below the heading."""
    table = TABLE.read_text(encoding="utf-8").partition(".. list-table::")[2]
    rows = re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]
    return [re.split(r"^     - ", row, flags=re.MULTILINE) for row in rows]


def test_every_row_of_the_table_names_tests_that_there_are():
    rows = rows_of_table()
    assert len(rows) > 40
    for row in rows:
        assert len(row) == 4, f"columns of {row[0]!r}"
        assert re.match(r"(yes|no|partly)\b", row[2]), f"answer of {row[0]!r}"
        named = re.findall(r"``((?:\w+/)?test_\w+)\.py::(test_\w+)``", row[3])
        assert named, f"{row[0].strip()!r} names no test"
        for file, test in named:
            text = (TESTS / f"{file}.py").read_text(encoding="utf-8")
            found = re.search(rf"^ *def {test}\(", text, re.MULTILINE)
            assert found, f"there is no {file}.py::{test}"


# -- scikit-learn ----------------------------------------------------------------------


def test_repr_shows_what_differs_from_the_defaults():
    clf = DVNMultiLabelClassifier(max_iter=5, random_state=0)
    assert repr(clf) == "DVNMultiLabelClassifier(max_iter=5, random_state=0)"
    assert repr(DVNSegmenter()) == "DVNSegmenter()"


def test_notebooks_show_a_diagram(fitted):
    search = GridSearchCV(make_pipeline(StandardScaler(), clone(fitted)), {})
    for shown in (fitted, search):
        with config_context(display="diagram"):
            html = shown._repr_html_()
        assert "sk-estimator" in html and "DVNMultiLabelClassifier" in html
    assert "Fitted" in fitted._repr_html_() and "Not fitted" in search._repr_html_()


def test_scikit_learn_s_own_scores_by_name(data):
    found = cross_validate(
        make(), *data, cv=2, scoring=["f1_samples", "jaccard_samples", "accuracy"]
    )
    assert {"test_f1_samples", "test_jaccard_samples", "test_accuracy"} <= found.keys()
    assert (found["test_f1_samples"] > 0.5).all()


def test_tools_around_an_estimator(data, fitted):
    X, Y = data
    held_out = cross_val_predict(make(), X, Y, cv=2)
    assert f1_score(Y, held_out, average="samples", zero_division=1) > 0.5
    sizes, _, scores = learning_curve(make(), X, Y, train_sizes=[10, 40], cv=2)
    assert sizes.tolist() == [10, 40] and scores[1].mean() > scores[0].mean()
    importance = permutation_importance(fitted, X, Y, n_repeats=1, random_state=0)
    assert (importance.importances_mean > 0).any()


def test_scores_by_probability(data, fitted):
    """ROC AUC label by label takes what `predict_proba` returns."""
    scores = cross_validate(make(), *data, cv=2, scoring="roc_auc")["test_score"]
    assert (scores > 0.5).all()
    assert not hasattr(fitted, "decision_function")


def test_sample_weights_are_routed(data):
    X, Y = data
    weight = np.r_[np.ones(40), np.zeros(40)]
    with config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(sample_weight=True)
        clf.set_score_request(sample_weight=False)
        search = GridSearchCV(clf, {"max_iter": [10]}, cv=[(range(80), range(80))])
        weighted = search.fit(X, Y, sample_weight=weight).best_estimator_
    expected = make().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.predict_proba(X), expected.predict_proba(X))


def test_predictions_for_a_frame_are_arrays(data):
    X, Y = map(pd.DataFrame, data)
    predicted = make(max_iter=1).fit(X, Y).predict(X)
    assert isinstance(predicted, np.ndarray) and predicted.shape == Y.shape
    assert not hasattr(DVNMultiLabelClassifier(), "set_output")


def test_lists_are_arrays(data, fitted):
    X, Y = (part.tolist() for part in data)
    np.testing.assert_array_equal(
        make().fit(X, Y).predict_proba(X), fitted.predict_proba(data[0])
    )


def test_missing_values_and_categories_need_a_pipeline(data):
    X, Y = data
    frame = pd.DataFrame(X[:, :2].copy(), columns=["size", "weight"])
    frame.loc[3, "size"] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        make().fit(frame, Y)
    frame["colour"] = np.where(X[:, 2] > 0, "red", "blue")
    columns = make_column_transformer(
        (SimpleImputer(), ["size", "weight"]), (OneHotEncoder(), ["colour"])
    )
    assert make_pipeline(columns, make()).fit(frame, Y).score(frame, Y) > 0.5


def test_classes_are_weighted_by_rows_only():
    with pytest.raises(TypeError, match="class_weight"):
        DVNMultiLabelClassifier(class_weight="balanced")


def test_fitted_on_another_model_s_labels(data):
    X, Y = data
    linear = OneVsRestClassifier(LogisticRegression())
    clf = make(init=linear).fit(X, Y)
    assert clf.init_.estimator is not linear and not hasattr(linear, "estimators_")


# -- PyTorch ---------------------------------------------------------------------------


def test_tensors_are_arrays(data, fitted):
    """Those of the CPU; what is returned is an array nevertheless."""
    X, Y = data
    clf = make().fit(torch.from_numpy(X), torch.from_numpy(Y))
    found = clf.predict_proba(torch.from_numpy(X))
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, fitted.predict_proba(X))


def test_the_history_makes_a_table(data):
    clf = make(early_stopping=True, max_iter=3).fit(*data)
    table = pd.DataFrame(clf.history_)
    assert {"epoch", "loss", "seconds", "validation_score"} <= set(table)
    assert np.isfinite(table["loss"]).all()


def test_the_network_is_a_module_with_weights(data, fitted):
    other = make(random_state=1).fit(*data)
    assert isinstance(fitted.network_, torch.nn.Module)
    other.network_.load_state_dict(fitted.network_.state_dict())
    np.testing.assert_array_equal(
        other.predict_proba(data[0]), fitted.predict_proba(data[0])
    )


def test_a_device_that_is_not_there_is_replaced_by_the_cpu(data, fitted):
    """What was fitted on a GPU loads on a machine without one."""
    state = {**fitted.__getstate__(), "device_": torch.device("cuda:99")}
    loaded = object.__new__(DVNMultiLabelClassifier)
    loaded.__setstate__(state)
    assert loaded.device_ == torch.device("cpu")
    np.testing.assert_array_equal(
        loaded.predict_proba(data[0]), fitted.predict_proba(data[0])
    )


def test_global_randomness_and_threads_stay(data, global_randomness_untouched):
    n_threads, n_interop = torch.get_num_threads(), torch.get_num_interop_threads()
    images, masks = make_silhouettes(6, size=16, random_state=0)
    make(max_iter=2).fit(*data).predict(data[0])
    DVNSegmenter(max_iter=1, random_state=0, n_channels=4).fit(images, masks)
    assert torch.get_num_threads() == n_threads
    assert torch.get_num_interop_threads() == n_interop
    assert not torch.are_deterministic_algorithms_enabled()


def test_nothing_is_downloaded(data, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    make(max_iter=1).fit(*data).predict(data[0])
    images, masks = make_silhouettes(6, size=16, random_state=0)
    DVNSegmenter(max_iter=1, n_channels=4).fit(images, masks).predict(images)
