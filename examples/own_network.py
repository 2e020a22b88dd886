"""A value network of one's own: labels that follow each other in a chain.

The paper's network knows which labels go together whatever the input. This one adds
what neighbours have to say to each other given the input, as in a chain of words or
days: a term ``y_k * y_{k+1} * w_k(x)`` per pair. It needs two methods; the gradient in
y is taken by autograd::

    python examples/own_network.py
"""

import numpy as np
from sklearn.model_selection import train_test_split
from torch import nn

from skdvn import DVNMultiLabelClassifier

N_LABELS = 12


class ChainNetwork(nn.Module):
    """Score ``y . b(x) + sum_k y_k y_{k+1} w_k(x) + c(x)``.

    The constant lets the value of having no label fall to 0, which a score that is
    0 there cannot.
    """

    def __init__(self, n_features, n_labels, n_hidden=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, n_hidden),
            nn.Softplus(),
            nn.Linear(n_hidden, 2 * n_labels),
        )
        self.n_labels = n_labels

    def encode(self, x):
        """All that depends on x alone is computed once."""
        return self.layers(x)

    def score(self, context, y):
        """One logit per row."""
        alone, pairs, constant = context.split([self.n_labels, self.n_labels - 1, 1], 1)
        together = y[:, :-1] * y[:, 1:]
        return (y * alone).sum(1) + (together * pairs).sum(1) + constant[:, 0]


def make_chains(n_rows, random_state):
    """Spells along a chain, of which each input sees a blurred and noisy part."""
    rng = np.random.default_rng(random_state)
    start = rng.integers(0, N_LABELS - 3, (n_rows, 2, 1))
    length = rng.integers(2, 5, (n_rows, 2, 1))
    place = np.arange(N_LABELS)
    Y = ((place >= start) & (place < start + length)).any(1).astype(int)
    seen = Y + rng.normal(scale=0.9, size=Y.shape)
    return seen, Y


def main():
    """Compare the paper's network with the chain."""
    X, Y = make_chains(2000, random_state=0)
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.3, random_state=0
    )
    for name, network in (("the paper's", None), ("chain", ChainNetwork)):
        clf = DVNMultiLabelClassifier(
            network=network,
            learning_rate_init=0.3,
            alpha=5e-3,
            prior_weight=0,
            refit=True,
            max_iter=30,
            random_state=0,
        )
        clf.fit(X_train, Y_train)
        print(f"{name:12} F1 {clf.score(X_test, Y_test):.3f}")


if __name__ == "__main__":
    main()
