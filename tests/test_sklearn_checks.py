"""scikit-learn's own checks of estimators, none of which is expected to fail."""

import pytest
from settings import QUICK_LABELS
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier


@parametrize_with_checks(
    [DVNMultiLabelClassifier(cv=2), FeedForwardClassifier(max_iter=20)]
)
@pytest.mark.one_in(5)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        DVNMultiLabelClassifier(),
        DVNMultiLabelClassifier(**QUICK_LABELS | {"max_iter": 20}),
        CalibratedValueCV(
            DVNMultiLabelClassifier(**QUICK_LABELS | {"max_iter": 20}), cv=2
        ),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_check_of_others(estimator, check):
    check(estimator)
