"""Tests of the scores and scorers: equality with scikit-learn, inputs, errors."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    fbeta_score,
    hamming_loss,
    jaccard_score,
    make_scorer,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.metrics import (
    mean_iou_score,
    mean_iou_scorer,
    pixel_accuracy_score,
    pixel_accuracy_scorer,
    relaxed_accuracy_score,
    relaxed_accuracy_scorer,
    relaxed_f1_score,
    relaxed_f1_scorer,
    relaxed_fbeta_score,
    relaxed_iou_score,
    relaxed_iou_scorer,
    risk_coverage_curve,
    value_calibration_error,
)


def relaxed_f2_score(Y_true, Y_pred, **options):
    return relaxed_fbeta_score(Y_true, Y_pred, beta=2.0, **options)


SAMPLES = dict(average="samples", zero_division=1)
# Each score with scikit-learn's on binary input.
SCORES = {
    relaxed_f1_score: lambda *a, **k: f1_score(*a, **k, **SAMPLES),
    relaxed_f2_score: lambda *a, **k: fbeta_score(*a, **k, beta=2.0, **SAMPLES),
    relaxed_iou_score: lambda *a, **k: jaccard_score(*a, **k, **SAMPLES),
    relaxed_accuracy_score: lambda *a, **k: 1 - hamming_loss(*a, **k),
}
SCORERS = {
    "f1": (relaxed_f1_scorer, relaxed_f1_score),
    "iou": (relaxed_iou_scorer, relaxed_iou_score),
    "accuracy": (relaxed_accuracy_scorer, relaxed_accuracy_score),
}
every_score = pytest.mark.parametrize("score", SCORES, ids=lambda s: s.__name__)


def pairs_with_weights(elements, dtype=float):
    """Truth, output and one positive integer weight per row."""

    def three(shape):
        one = arrays(dtype, shape, elements=elements)
        weights = arrays(int, shape[0], elements=st.integers(1, 4))
        return st.tuples(one, one, weights)

    return st.tuples(st.integers(1, 5), st.integers(2, 5)).flatmap(three)


binary = pairs_with_weights(st.integers(0, 1), int)
relaxed = pairs_with_weights(st.floats(0, 1, allow_subnormal=False))
value_pairs = st.lists(
    st.tuples(
        st.floats(0, 1, allow_subnormal=False),
        st.sampled_from([0, 0.2, 0.25, 0.6, 0.61, 1]) | st.floats(0, 1),
    ),
    min_size=1,
    max_size=30,
).map(lambda pairs: np.array(pairs).T)


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    Y = (X @ rng.normal(size=(4, 3)) > 0.4).astype(int)
    return X, Y


# -- equality with scikit-learn -------------------------------------------------------


@given(binary)
def test_equal_to_scikit_learn_on_binary_input(three):
    Y_true, Y_pred, weights = three
    for score, reference in SCORES.items():
        assert score(Y_true, Y_pred) == pytest.approx(reference(Y_true, Y_pred))
        assert score(Y_true, Y_pred, sample_weight=weights) == pytest.approx(
            reference(Y_true, Y_pred, sample_weight=weights)
        )


@every_score
def test_nothing_against_nothing_counts_as_one(score):
    assert score(np.zeros((3, 2)), np.zeros((3, 2))) == 1


@given(relaxed)
def test_a_python_float_between_0_and_1(three):
    for score in SCORES:
        value = score(*three[:2])
        assert type(value) is float
        assert 0 <= value <= 1 + 1e-12


def test_relaxed_values_by_hand():
    Y_true, Y_pred = [[1, 0, 1]], [[0.5, 0.25, 1]]
    assert relaxed_iou_score(Y_true, Y_pred) == pytest.approx(1.5 / 2.25)
    assert relaxed_f1_score(Y_true, Y_pred) == pytest.approx(3 / 3.75)
    assert relaxed_fbeta_score(Y_true, Y_pred, beta=2) == pytest.approx(
        5 * 1.5 / (1.75 + 4 * 2)
    )
    assert relaxed_accuracy_score(Y_true, Y_pred) == pytest.approx(0.75)


# -- weights --------------------------------------------------------------------------


@given(relaxed)
def test_a_weight_is_worth_as_many_repetitions(three):
    Y_true, Y_pred, weights = three
    repeated = np.repeat(Y_true, weights, 0), np.repeat(Y_pred, weights, 0)
    for score in SCORES:
        weighted = score(Y_true, Y_pred, sample_weight=weights)
        assert weighted == pytest.approx(score(*repeated))
        assert weighted == pytest.approx(
            score(Y_true, Y_pred, sample_weight=weights / 7)
        )


@every_score
def test_a_weight_of_zero_leaves_a_row_out(score):
    Y_true, Y_pred = np.eye(3), np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1]])
    assert score(Y_true, Y_pred, sample_weight=[1, 2, 0]) == pytest.approx(
        score(Y_true[:2], Y_pred[:2], sample_weight=[1, 2])
    )


@every_score
@pytest.mark.parametrize("weight", [[1.0], [1.0, 1.0, 1.0], [0.0, 0.0], "ab"])
def test_unfit_weights_are_refused(score, weight):
    with pytest.raises(ValueError):
        score(np.eye(2), np.eye(2), sample_weight=weight)


# -- inputs ---------------------------------------------------------------------------


@every_score
@pytest.mark.parametrize(
    "container", [np.asarray, np.ndarray.tolist, sparse.csr_matrix, sparse.coo_array]
)
@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32])
def test_container_and_type_do_not_matter(score, container, dtype, toy):
    Y = toy[1]
    Y_pred = np.roll(Y, 1, axis=1)
    found = score(container(Y.astype(dtype)), container(Y_pred.astype(dtype)))
    assert found == pytest.approx(SCORES[score](Y, Y_pred))
    assert score(sparse.csc_array(Y), Y_pred) == found


@every_score
def test_data_frames(score, toy):
    pd = pytest.importorskip("pandas")
    Y = toy[1]
    assert score(pd.DataFrame(Y), pd.DataFrame(Y[::-1])) == score(Y, Y[::-1])


@every_score
def test_masks_are_flattened(score):
    rng = np.random.default_rng(0)
    Y_true, Y_pred = rng.random((2, 4, 3, 3))
    flat = score(Y_true.reshape(4, 9), Y_pred.reshape(4, 9))
    assert score(Y_true, Y_pred) == pytest.approx(flat)


@every_score
def test_the_arrays_of_the_caller_stay_as_they_are(score):
    Y_true, Y_pred = np.eye(3), np.full((3, 3), 0.5)
    Y_true.setflags(write=False)
    Y_pred.setflags(write=False)
    score(Y_true, Y_pred)


# -- errors ---------------------------------------------------------------------------

GOOD = [[1, 0], [0, 1]]


@every_score
@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        ([1, 0], ["one class per row", "(n_samples, n_labels)", "(2,)"]),
        (1.0, ["list of rows", "float"]),
        ([["a", "b"], ["c", "d"]], ["0 and 1", "'a'"]),
        ([[2, 0], [0, 1]], ["[0, 1]", "from 0 to 2"]),
        ([[-0.5, 0], [0, 1]], ["[0, 1]", "from -0.5 to 1"]),
        ([[np.nan, 0], [0, 1]], ["NaN"]),
        ([[np.inf, 0], [0, 1]], ["infinity"]),
    ],
)
@pytest.mark.parametrize("name", ["Y_true", "Y_pred"])
def test_unfit_arrays_are_refused_by_name(score, name, wrong, parts):
    arguments = {"Y_true": GOOD, "Y_pred": GOOD, name: wrong}
    with pytest.raises((TypeError, ValueError)) as caught:
        score(**arguments)
    assert name in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@every_score
def test_shapes_must_agree(score):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        score(GOOD, GOOD[:1])
    with pytest.raises(ValueError, match="Y_pred must have the shape") as caught:
        score(GOOD, [[1, 0, 0], [0, 1, 0]])
    assert "(2, 2)" in str(caught.value) and "(2, 3)" in str(caught.value)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_rows_are_refused_rather_than_scored_nan():
    for score in SCORES:
        with pytest.raises(ValueError):
            score(np.zeros((0, 3)), np.zeros((0, 3)))


@pytest.mark.parametrize("beta", [0, -1, np.inf, np.nan, "two"])
def test_beta_is_checked(beta):
    with pytest.raises(ValueError, match="beta must be"):
        relaxed_fbeta_score(GOOD, GOOD, beta=beta)


# -- scorers --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_score_predictions(name, toy):
    scorer, score = SCORERS[name]
    model = KNeighborsClassifier(3).fit(*toy)
    X, Y = toy[0][::2], toy[1][::2]
    assert scorer(model, X, Y) == score(Y, model.predict(X))
    weights = np.arange(1, len(X) + 1)
    assert scorer(model, X, Y, sample_weight=weights) == score(
        Y, model.predict(X), sample_weight=weights
    )


def test_scorers_work_in_model_selection(toy):
    model = KNeighborsClassifier(3)
    reference = make_scorer(f1_score, **SAMPLES)
    np.testing.assert_allclose(
        cross_val_score(model, *toy, scoring=relaxed_f1_scorer, cv=3),
        cross_val_score(model, *toy, scoring=reference, cv=3),
    )
    search = GridSearchCV(
        model,
        {"n_neighbors": [1, 3]},
        scoring={name: scorer for name, (scorer, _) in SCORERS.items()},
        refit="iou",
        cv=2,
    ).fit(*toy)
    scores = search.cv_results_["mean_test_iou"]
    assert search.best_score_ == scores.max()
    assert (scores <= search.cv_results_["mean_test_f1"]).all()


@pytest.mark.parametrize("name", SCORERS)
def test_greater_is_better(name, toy):
    class Oracle(KNeighborsClassifier):
        def predict(self, X):
            return toy[1]

    scorer = SCORERS[name][0]
    assert scorer(Oracle().fit(*toy), *toy) == 1
    assert scorer(KNeighborsClassifier(30).fit(*toy), *toy) < 1


# -- label maps -----------------------------------------------------------------------

# Each score of label maps with scikit-learn's on the pixels of one image.
MAP_SCORES = {
    pixel_accuracy_score: accuracy_score,
    mean_iou_score: lambda *a: jaccard_score(*a, average="macro"),
}
every_map_score = pytest.mark.parametrize(
    "score", MAP_SCORES, ids=lambda score: score.__name__
)
MAP_SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
CLASSES = st.sampled_from([0, 1, 2, 7])


@given(MAP_SHAPES.flatmap(lambda s: arrays(int, (2, *s), elements=CLASSES)))
def test_equal_to_scikit_learn_on_each_image(pair):
    weights = np.arange(1, len(pair[0]) + 1)
    for score, reference in MAP_SCORES.items():
        values = [reference(t.ravel(), p.ravel()) for t, p in zip(*pair, strict=True)]
        found = score(*pair)
        assert type(found) is float
        assert found == pytest.approx(np.mean(values))
        weighted = np.average(values, weights=weights)
        assert score(*pair, sample_weight=weights) == pytest.approx(weighted)


@every_map_score
def test_images_of_different_sizes_count_the_same(score):
    small, large = np.array([[0, 1]]), np.arange(12).reshape(3, 4)
    assert score([small, large], [small, large + 20]) == 0.5
    assert score([small, large], [1 - small, large]) == 0.5


def test_scores_of_label_maps_by_hand():
    Y_true = [[[0, 0, 1, 1]], [[0, 0, 0, 0]]]
    Y_pred = [[[0, 1, 1, 2]], [[0, 0, 0, 0]]]
    assert pixel_accuracy_score(Y_true, Y_pred) == pytest.approx((0.5 + 1) / 2)
    ious = (1 / 2 + 1 / 3 + 0) / 3  # of 0, 1 and 2; the other image has only 0
    assert mean_iou_score(Y_true, Y_pred) == pytest.approx((ious + 1) / 2)


@every_map_score
def test_masks_of_bytes_and_booleans(score):
    Y = make_silhouettes(4, size=16, parts=True, random_state=0)[1]
    found = score(Y, np.roll(Y, 1, axis=2).astype(np.int64))
    assert found == score(Y.astype(np.int32), np.roll(Y, 1, axis=2))
    assert 0 < score(Y > 0, np.roll(Y > 0, 1, axis=2)) < 1 == score(Y > 0, Y > 0)


@every_map_score
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[[0, 1]]], r"2 map\(s\) and .* has 1|1 map\(s\) and .* has 2"),
        ([[[0, 1]], [[0, 1, 1]]], r"Y_pred\[1\] must have the shape of Y_true\[1\]"),
        ([[[0, 1]], [[0.5, 1]]], r"^{}\[1\] must hold classes, integers.*such as 0\.5"),
        (
            [[0, 1], [1, 1]],
            r"^{}\[0\] must be a mask.*A single mask is {}\[np.newaxis",
        ),
        ([], "^{} must hold at least one image"),
        ("ab", "^{} must be an array, a list of arrays, .*got str"),
    ],
)
@pytest.mark.parametrize("name", ["Y_true", "Y_pred"])
def test_unfit_label_maps_are_refused(score, name, wrong, message):
    good = [[[0, 1]], [[1, 1]]]
    with pytest.raises(ValueError, match=message.replace("{}", name)):
        score(**{"Y_true": good, "Y_pred": good, name: wrong})


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("scorer", "score"),
    [
        (pixel_accuracy_scorer, pixel_accuracy_score),
        (mean_iou_scorer, mean_iou_score),
    ],
)
def test_scorers_of_label_maps_score_segmenters(scorer, score):
    X, Y = make_silhouettes(16, size=16, random_state=0)
    model = DVNSegmenter(n_channels=4, max_iter=2, random_state=0)
    scores = cross_val_score(model, X, Y, cv=2, scoring=scorer)
    expected = [
        score(Y[test], model.fit(X[train], Y[train]).predict(X[test]))
        for train, test in [(slice(8, 16), slice(8)), (slice(8), slice(8, 16))]
    ]
    np.testing.assert_allclose(scores, expected)
    assert scores.min() > 0 and scores.max() <= 1
    assert scorer(model, list(X), list(Y)) == pytest.approx(score(Y, model.predict(X)))


# -- values ---------------------------------------------------------------------------

strategies = pytest.mark.parametrize("strategy", ["quantile", "uniform"])


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        # {.1, .2} and {.3, .9}: means .15 against .5, and .6 against .75.
        ("quantile", (0.35 + 0.15) / 2),
        # {.1, .2, .3} and {.9}: means .2 against .5, and .9 against 1.
        ("uniform", (3 * 0.3 + 0.1) / 4),
    ],
)
def test_calibration_error_by_hand(strategy, expected):
    true, pred = [0.5, 1, 0.5, 0.5], [0.1, 0.9, 0.2, 0.3]
    found = value_calibration_error(true, pred, n_bins=2, strategy=strategy)
    assert found == pytest.approx(expected)


@strategies
@given(pair=value_pairs, n_bins=st.integers(1, 12))
def test_calibration_error_is_a_distance(strategy, pair, n_bins):
    true, pred = pair
    options = {"n_bins": n_bins, "strategy": strategy}
    found = value_calibration_error(true, pred, **options)
    assert value_calibration_error(pred, pred, **options) == pytest.approx(0, abs=1e-12)
    assert found >= abs(true.mean() - pred.mean()) - 1e-12
    assert found <= np.abs(true - pred).mean() + 1e-12
    shuffled = np.random.default_rng(0).permutation(len(true))
    again = value_calibration_error(true[shuffled], pred[shuffled], **options)
    assert again == pytest.approx(found)
    alone = value_calibration_error(true, pred, n_bins=1, strategy=strategy)
    assert alone == pytest.approx(abs(true.mean() - pred.mean()))


@given(value_pairs)
def test_risk_coverage_is_the_mean_of_those_kept(pair):
    true, pred = pair
    coverage, kept = risk_coverage_curve(true, pred)
    assert len(kept) == len(true)
    np.testing.assert_allclose(coverage * len(true), np.arange(1, len(true) + 1))
    assert kept[-1] == pytest.approx(true.mean())
    # Where no equals are torn apart, it is the mean of the examples above.
    for value in np.unique(pred):
        above = pred >= value
        assert kept[above.sum() - 1] == pytest.approx(true[above].mean())
    _, ideal = risk_coverage_curve(true, true)
    assert (ideal >= kept - 1e-12).all()
    assert (np.diff(ideal) <= 1e-12).all()
    _, level = risk_coverage_curve(true, np.full(len(true), 0.5))
    np.testing.assert_allclose(level, true.mean())


def test_risk_coverage_averages_over_the_orders_of_equals():
    true = np.array([0.1, 0.9, 0.4, 0.7])
    pred = np.array([0.5, 0.5, 0.8, 0.5])
    orders = [[2, *rest] for rest in itertools.permutations([0, 1, 3])]
    curves = [np.cumsum(true[order]) / np.arange(1, 5) for order in orders]
    np.testing.assert_allclose(
        risk_coverage_curve(true, pred)[1], np.mean(curves, axis=0)
    )


@pytest.mark.parametrize(
    ("arguments", "options", "parts"),
    [
        (([0, 2], [0, 1]), {}, ["values_true", "[0, 1]", "from 0 to 2"]),
        (([0, 1], [-0.5, 1]), {}, ["values_pred", "[0, 1]", "from -0.5 to 1"]),
        (([0, 1], [np.nan, 1]), {}, ["values_pred"]),
        (([], []), {}, ["values_true", "at least one"]),
        (([0, 1], [1]), {}, ["inconsistent"]),
        (([[0, 1]], [[0, 1]]), {}, ["1d array"]),
        (([0, 1], [0, 1]), {"n_bins": 0}, ["n_bins", "0"]),
        (([0, 1], [0, 1]), {"n_bins": 2.5}, ["n_bins", "2.5"]),
        (([0, 1], [0, 1]), {"strategy": "kmeans"}, ["strategy", "'kmeans'"]),
    ],
)
def test_unfit_values_are_refused(arguments, options, parts):
    with pytest.raises(ValueError) as caught:
        value_calibration_error(*arguments, **options)
    for part in parts:
        assert part in str(caught.value)
    if not options:
        with pytest.raises(ValueError):
            risk_coverage_curve(*arguments)
