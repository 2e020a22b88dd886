"""A multilayer perceptron of all labels together, cross-fitted by folds."""

import numpy as np
from joblib import Parallel, delayed
from scipy.special import expit
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from .experts import Expert, shuffled_folds
from .input_views import InputView, dense

# A network is done after so many numbers, inputs and labels of all epochs.
MAX_NUMBERS = 70_000_000
MIN_EPOCHS, MAX_EPOCHS = 2, 20


class PerceptronExpert(Expert):
    """scikit-learn's `MLPClassifier` with one hidden layer.

    Parameters
    ----------
    n_units : int, default=200
        In the hidden layer.
    alpha : float, default=1.0
        Strength of the penalty.
    n_epochs : int or "auto", default="auto"
        "auto" is 20, or fewer where there is much to compute, but at least 2.
    learning_rate_init : float, default=2e-3
    n_folds : int, default=2
    n_jobs, random_state : int, RandomState instance or None
    """

    def __init__(
        self,
        n_units=200,
        alpha=1.0,
        n_epochs="auto",
        learning_rate_init=2e-3,
        n_folds=2,
        n_jobs=None,
        random_state=None,
    ):
        self.n_units = n_units
        self.alpha = alpha
        self.n_epochs = n_epochs
        self.learning_rate_init = learning_rate_init
        self.n_folds = n_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, X, Y, weight):
        self.view_ = InputView().fit(X, weight)
        seen = self.view_.transform(X)
        rng = check_random_state(self.random_state)
        folds = shuffled_folds(self.n_folds, X.shape[0], rng)
        parts = [*folds, (np.arange(X.shape[0]), [])]
        seeds = rng.randint(2**31 - 1, size=len(parts))
        pool = Parallel(n_jobs=self.n_jobs, prefer="threads")
        fitted = pool(
            delayed(self._trained)(
                seen[rows], Y[rows], None if weight is None else weight[rows], seed
            )
            for (rows, _), seed in zip(parts, seeds, strict=True)
        )
        held_out = np.empty(Y.shape, dtype=np.float32)
        for (_, rows), layers in zip(parts, fitted, strict=True):
            held_out[rows] = _outputs(layers, seen[rows])
        self.layers_ = fitted[-1]
        return held_out

    def _trained(self, X, Y, weight, seed):
        """Weights after some epochs; by weight rows are drawn more or less often."""
        n, n_labels = Y.shape
        rng = np.random.RandomState(seed)
        network = MLPClassifier(
            (self.n_units,),
            alpha=self.alpha,
            batch_size=min(256, n),
            learning_rate_init=self.learning_rate_init,
            random_state=rng.randint(2**31 - 1),
        )
        Y, classes = dense(Y).astype(int), np.arange(n_labels)
        if n_labels == 1:
            Y, classes = Y.ravel(), [0, 1]
        for _ in range(self._n_epochs(n * (X.shape[1] + n_labels))):
            rows = slice(None)
            if weight is not None:
                rows = rng.choice(n, n, p=weight / weight.sum())
            network.partial_fit(X[rows], Y[rows], classes=classes)
        return list(zip(network.coefs_, network.intercepts_, strict=True))

    def _n_epochs(self, n_numbers):
        if self.n_epochs != "auto":
            return self.n_epochs
        return int(np.clip(MAX_NUMBERS // n_numbers, MIN_EPOCHS, MAX_EPOCHS))

    def _probabilities(self, X):
        return _outputs(self.layers_, self.view_.transform(X))


def _outputs(layers, seen):
    (coef, intercept), (readout, bias) = layers
    return expit(np.maximum(seen @ coef + intercept, 0) @ readout + bias)
