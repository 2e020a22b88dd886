"""scikit-learn's own checks of estimators, none of which is expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier


@parametrize_with_checks(
    [
        DVNMultiLabelClassifier(),
        DVNMultiLabelClassifier(network="linear", max_iter=5),
        FeedForwardClassifier(max_iter=20),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_check(estimator, check):
    check(estimator)
