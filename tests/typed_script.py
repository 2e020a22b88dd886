"""What a user with a type checker writes: ``make lint`` checks it, nothing calls it.

An error that mypy should find is marked with the code that ignores it, and mypy warns
of such a mark where there is no error.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from typing_extensions import assert_type

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier, DVNSegmenter
from skdvn.baselines import PlugInClassifier, UNetSegmenter, plug_in_labels
from skdvn.data.typing import CSRMatrix
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.inspection import RiskCoverageDisplay
from skdvn.metrics import (
    majority_labels,
    mean_iou_score,
    relaxed_f1_score,
    risk_coverage_curve,
    value_pairs,
)
from skdvn.oracles import get_oracle, relaxed_iou

X: NDArray[np.float64] = np.zeros((9, 3))
Y = np.zeros((9, 2), dtype=int)
weight = [1.0] * 9


def labels(clf: DVNMultiLabelClassifier) -> None:
    assert_type(clf.fit(X, Y), DVNMultiLabelClassifier)
    assert_type(clf.fit(X, Y).predict(X), NDArray[Any] | CSRMatrix)
    assert_type(clf.partial_fit(X, Y, sample_weight=weight), DVNMultiLabelClassifier)
    assert_type(clf.predict_proba(X), NDArray[Any])
    assert_type(clf.predict_value(X), NDArray[Any])
    assert_type(clf.staged_predict_relaxed(X), Iterator[NDArray[Any]])
    assert_type(clf.score(X, Y, weight), float)
    print(clf.predict(X)[:3], clf.refine(X, 0.5 * Y)[:3], clf.predict(X).mean())
    clf.fit(pd.DataFrame(X), pd.DataFrame(Y), X_val=X.tolist(), y_val=Y.tolist())
    clf.fit(X)  # type: ignore[call-arg]
    clf.fit(X, Y, weights=weight)  # type: ignore[call-arg]
    clf.fit(None, Y)  # type: ignore[arg-type]
    clf.score(X, Y).predict(X)  # type: ignore[attr-defined]


def masks(segmenter: DVNSegmenter) -> None:
    images, masks = make_silhouettes(9, size=32, random_state=0)
    assert_type(segmenter.fit(list(images), list(masks)), DVNSegmenter)
    assert_type(segmenter.fit(images, masks).score(images, masks), float)
    assert_type(UNetSegmenter().fit(images, masks), UNetSegmenter)
    assert_type(mean_iou_score(masks, segmenter.predict(images)), float)
    print(segmenter.predict(images).shape, segmenter.predict(list(images))[0].shape)
    print(majority_labels(masks, masks).shape)


def meta_estimators(clf: DVNMultiLabelClassifier) -> None:
    calibrated = CalibratedValueCV(clf, method="sigmoid").fit(X, Y, weight)
    assert_type(calibrated, CalibratedValueCV)
    assert_type(calibrated.predict_value(X), NDArray[np.float64])
    assert_type(calibrated.score(X, Y), float)
    assert_type(PlugInClassifier(clf).fit(X, Y).predict(X), NDArray[Any])
    assert_type(plug_in_labels(clf.predict_proba(X)), NDArray[Any])
    CalibratedValueCV(clf, methods="sigmoid")  # type: ignore[call-arg]


def functions(clf: DVNMultiLabelClassifier) -> None:
    assert_type(relaxed_f1_score(Y, clf.predict(X), sample_weight=weight), float)
    true, predicted = value_pairs(clf, X, Y)
    coverage, kept = risk_coverage_curve(true, predicted)
    display = RiskCoverageDisplay.from_predictions(true, predicted, name="DVN")
    assert_type(display.area, float)
    assert_type(relaxed_iou(torch.ones(1, 2), torch.ones(1, 2)), torch.Tensor)
    assert_type(get_oracle("f1")(torch.ones(1, 2), torch.ones(1, 2)), torch.Tensor)
    data, target = load_digit_attributes(noise=6, return_X_y=True)
    load_digit_attributes(noise="much")  # type: ignore[arg-type]
    print(coverage, kept, data, target)
