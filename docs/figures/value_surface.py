"""The value of all outputs of two labels: the oracle's, and what a network learned."""

import matplotlib.pyplot as plt
import numpy as np

from skdvn import DVNMultiLabelClassifier, recipes
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score

SIDE = np.linspace(0, 1, 41)
OUTPUTS = np.stack(np.meshgrid(SIDE, SIDE), -1).reshape(-1, 2)

digits = load_digit_attributes(noise=3)
names = ["even", "greater_than_four"]
Y = digits.target[:, [digits.target_names.index(name) for name in names]]
some = Y.any(axis=1)  # digits with neither label are left out
X, Y, n_train = digits.data[some], Y[some], 1000
clf = DVNMultiLabelClassifier(**recipes.QUICK | {"tau": 0.5, "max_iter": 60})
clf.fit(X[:n_train], Y[:n_train])


def draw(ax, values, title):
    """Contours over the square of all relaxed outputs."""
    grid = values.reshape(len(SIDE), len(SIDE))
    filled = ax.contourf(SIDE, SIDE, grid, levels=np.linspace(0, 1, 21))
    ax.set(title=title, xlabel="relaxed “even”", aspect="equal")
    ax.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), facecolor="0.92")
    return filled


fig, axes = plt.subplots(2, 2, figsize=(7.4, 7), layout="constrained")
for row, wanted in zip(axes, ([1, 1], [1, 0]), strict=True):
    shown = n_train + np.flatnonzero((Y[n_train:] == wanted).all(axis=1))[0]
    x, truth = X[[shown]], Y[[shown]]
    oracle = np.array([relaxed_f1_score(truth, y[None]) for y in OUTPUTS])
    learned = clf.predict_value(x.repeat(len(OUTPUTS), axis=0), OUTPUTS)
    draw(row[0], oracle, f"oracle, the truth is {tuple(wanted)}")
    row[0].plot(*truth[0], "*", color="tab:red", markersize=15)
    row[0].set_ylabel("relaxed “greater than four”")
    filled = draw(row[1], learned, "value network, and its ascent")
    path = np.concatenate([[[0, 0]], *clf.staged_predict_relaxed(x)])
    row[1].plot(*path.T, "o-", color="tab:red", markersize=4)
fig.colorbar(filled, ax=axes, label="value", shrink=0.6, ticks=np.linspace(0, 1, 6))
plt.show()
