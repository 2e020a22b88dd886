"""
===========================
A value network of your own
===========================

The paper's network for labels knows which labels go together whatever the input. Here
labels follow each other along a chain, as words or days do, and what neighbours have to
say to each other depends on the input: a term ``y_k * y_{k+1} * w_k(x)`` for each pair.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from torch import nn

from skdvn import DVNMultiLabelClassifier

# %%
# Spells along a chain, of which each input is a noisy view.

n_labels = 12
rng = np.random.default_rng(0)
start = rng.integers(0, n_labels - 3, (2000, 2, 1))
length = rng.integers(2, 5, (2000, 2, 1))
place = np.arange(n_labels)
Y = ((place >= start) & (place < start + length)).any(axis=1).astype(int)
X = Y + rng.normal(scale=0.9, size=Y.shape)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)

# %%
# A value network is a torch module with two methods. ``encode`` computes all that
# depends on x alone, once per row; ``score`` gives one logit per row for an output y.
# The gradient in y is taken by autograd, unless the network has a closed form of it
# (``score_and_grad``).


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


# %%
# Passed as a class, it is made with the sizes of the data when ``fit`` knows them. All
# that "auto" would choose is given, so that both networks train alike.

predicted = {}
for name, network in (("paper's network", None), ("chain", ChainNetwork)):
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
    predicted[name] = clf.predict(X_test)
    print(f"{name:16} F1 {clf.score(X_test, Y_test):.3f}")

# %%
# Twenty test rows: what is seen, what is true, and what each network makes of it.

panels = {"input": X_test, "truth": Y_test, **predicted}
figure, axes = plt.subplots(1, 4, figsize=(11, 4.6), sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, panels.items(), strict=True):
    ax.imshow(rows[:20], cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=name, xlabel="label", xticks=range(0, n_labels, 2))
axes[0].set(ylabel="test row", yticks=range(0, 20, 5))
plt.show()
