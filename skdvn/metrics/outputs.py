"""How good the outputs of a fitted estimator are, by its own oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..data import IGNORED, UNSEEN, LazySequence, opposed
from ..data.typing import Float64s, MatrixLike, NDArray
from ..oracles import Oracle
from .values import values_of_rows


def oracle_values(estimator: Any, Y_true: MatrixLike, Y_pred: MatrixLike) -> Float64s:
    """True value of each output, by the oracle that an estimator is trained for.

    The mean over the outputs of ``estimator.predict(X)`` is ``estimator.score(X, y)``.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, segmenter or CalibratedValueCV
        Fitted; says what the oracle and the classes are.
    Y_true, Y_pred : {array-like, sparse matrix} or list of arrays
        Truth and output, labels or masks in the form of the y given to its `fit`.
        Where the truth of a mask is a class that was not there, the output is wrong.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        In [0, 1].
    """
    fitted = estimator
    if not hasattr(estimator, "codec_"):
        fitted = getattr(estimator, "estimator_", estimator)
    if not hasattr(fitted, "predict_value") and not hasattr(fitted, "codec_"):
        raise TypeError(
            "estimator must have an oracle, as the classifiers and segmenters of skdvn "
            f"have; got {type(estimator).__name__}."
        )
    check_is_fitted(fitted)
    truth = encoded_truth(fitted, Y_true, "Y_true")
    predicted = fitted.codec_.targets.encode(Y_pred, "Y_pred")
    return encoded_values(fitted, truth, predicted)


def encoded_truth(estimator: Any, Y: MatrixLike, name: str) -> Any:
    """Truths to judge outputs by; masks may hold classes that were not there in `fit`.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    Y : {array-like, sparse matrix} or list of arrays
        Labels or masks.
    name : str
        What error messages call them.

    Returns
    -------
    truth : {ndarray, CSR matrix} or list of ndarray
        As for `encoded_values`.
    """
    return estimator.codec_.targets.truth(Y, name)


def encoded_values(estimator: Any, truth: Any, predicted: Any) -> Float64s:
    """True value of each output, encoded already; see `oracle_values`.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    truth, predicted : {ndarray, CSR matrix} or list of ndarray
        As the targets of its `codec_` encode them: a matrix of labels each, or lists
        of masks, which may differ in size.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        In [0, 1].
    """
    check_consistent_length(truth, predicted)
    codec = estimator.codec_
    oracle = codec.oracle(getattr(estimator, "oracle", codec.default_oracle))
    if isinstance(truth, list | LazySequence):
        pairs = enumerate(zip(truth, predicted, strict=True))
        values = np.array([value_of_mask(codec, oracle, i, *pair) for i, pair in pairs])
    else:
        values = values_of_rows(
            oracle,
            truth.shape,
            lambda rows: (codec.tensor(predicted[rows]), codec.tensor(truth[rows])),
        )
    return np.clip(values.astype(np.float64), 0, 1)


def value_of_mask(
    codec: Any, oracle: Oracle, i: int, truth: NDArray[Any], predicted: NDArray[Any]
) -> float:
    """The oracle's value of one mask, of those pixels whose truth is known.

    Where nothing is known it is 1, as that of nothing against nothing; where the
    truth is a class that was not there in `fit`, the output is wrong.

    Parameters
    ----------
    codec : ImageCodec
        Has `targets`, and turns masks into tensors.
    oracle : callable
        The metric.
    i : int
        The image's position, for error messages.
    truth, predicted : ndarray of shape (n_channels, height, width)
        As the codec's targets encode masks.

    Returns
    -------
    value : float
    """
    if truth.shape[1:] != predicted.shape[1:]:
        raise ValueError(
            f"Y_pred must have the shape of Y_true; Y_true[{i}] and Y_pred[{i}]"
            f" have {truth.shape[1:]} and {predicted.shape[1:]}."
        )
    n_outputs = codec.targets.n_outputs_
    y, y_true = predicted[:n_outputs], truth[:n_outputs]
    if len(truth) > n_outputs:
        state = truth[n_outputs]
        counts = state != IGNORED
        if not counts.any():
            return 1.0
        y_true = np.where(state == UNSEEN, opposed(y), y_true)
        if not counts.all():
            y, y_true = y[:, counts, np.newaxis], y_true[:, counts, np.newaxis]
    return oracle(codec.tensor(y), codec.tensor(y_true)).item()


def value_pairs(
    estimator: Any, X: MatrixLike, y: MatrixLike
) -> tuple[Float64s, Float64s]:
    """True and predicted values of an estimator's own predictions.

    Parameters
    ----------
    estimator : DVNMultiLabelClassifier, DVNSegmenter or CalibratedValueCV
        Fitted.
    X : {array-like, sparse matrix} or list of arrays
        Inputs.
    y : {array-like, sparse matrix} or list of arrays
        True labels or masks.

    Returns
    -------
    values_true, values_pred : ndarray of shape (n_samples,)
        The oracle's value of each prediction, and the predicted one.
    """
    predicted = estimator.predict(X)
    values_pred = estimator.predict_value(X, predicted)
    return oracle_values(estimator, y, predicted), values_pred.astype(np.float64)
