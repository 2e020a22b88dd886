"""
===========================
A value network of your own
===========================

The paper's network for labels knows which labels go together, but it is the same for
all inputs. Here the input says of each pair of neighbouring labels whether they are
alike, so what they have to say to each other depends on it: a term ``y_k * y_{k+1} *
w_k(x)`` for each pair.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from torch import nn

from skdvn import DVNMultiLabelClassifier
from skdvn.metrics import relaxed_f1_score

# %%
# Eight labels in a row. The input holds a noisy view of each, and of each pair of
# neighbours whether they are alike, which is wrong for one pair in fifty.

n_labels = 8
rng = np.random.default_rng(0)
Y = rng.integers(0, 2, (3000, n_labels))
alike = Y[:, :-1] == Y[:, 1:]
told = alike ^ (rng.random(alike.shape) < 0.02)
X = np.hstack([Y + rng.normal(scale=0.7, size=Y.shape), told])
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
# that "auto" would choose is given, so that both networks train alike. What a label's
# own noisy view tells, a threshold at one half finds.

predicted = {"threshold": (X_test[:, :n_labels] > 0.5).astype(int)}
for name, network in (("paper's network", "linear"), ("chain", ChainNetwork)):
    clf = DVNMultiLabelClassifier(
        network=network,
        learning_rate_init=0.3,
        alpha=1e-3,
        refit=True,
        max_iter=30,
        random_state=0,
    )
    predicted[name] = clf.fit(X_train, Y_train).predict(X_test)
for name, found in predicted.items():
    print(f"{name:16} F1 {relaxed_f1_score(Y_test, found):.3f}")

# %%
# Twenty test rows: what is seen of the labels, what is true, and what each makes of it.

panels = {"noisy view": X_test[:, :n_labels], "truth": Y_test, **predicted}
figure, axes = plt.subplots(1, 5, figsize=(10, 4.4), sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, panels.items(), strict=True):
    ax.imshow(
        rows[:20], cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto"
    )
    ax.set(title=name, xlabel="label", xticks=range(n_labels))
axes[0].set(ylabel="test row", yticks=range(0, 20, 5))
plt.show()
