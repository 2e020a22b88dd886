"""
=============================
Refine another model's output
=============================

A value network judges any output, wherever it comes from. So its ascent may start at
the output of another model, and improve on it: ``refine``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.inspection import SegmentationDisplay
from skdvn.metrics import oracle_values

# %%
# Labels
# ------
# Logistic regression decides on each attribute of a digit alone.

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)
one_vs_rest = OneVsRestClassifier(LogisticRegression(max_iter=1000))
logistic = make_pipeline(StandardScaler(), one_vs_rest).fit(X_train, Y_train)
clf = DVNMultiLabelClassifier(random_state=0).fit(X_train, Y_train)

given = logistic.predict(X_test)
refined = clf.refine(X_test, given)
before, after = (oracle_values(clf, Y_test, Y) for Y in (given, refined))
alone = clf.score(X_test, Y_test)
print(f"F1 before {before.mean():.3f}, after {after.mean():.3f}, alone {alone:.3f}")
gain, lose = np.mean(after > before), np.mean(after < before)
print(f"{gain:.0%} of the rows gain, {lose:.0%} lose")

# %%
# "alone" is the network's own prediction, which knows nothing of the logistic
# regression. ``predict_value`` says beforehand where there is something to gain: below,
# rows by how much the network expects to gain.

expected = clf.predict_value(X_test, refined) - clf.predict_value(X_test, given)
order = np.argsort(expected)
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
groups = np.array_split(order, 5)
places = [expected[group].mean() for group in groups]
ax.axline((0, 0), slope=1, color="0.6", lw=1, label="as expected")
ax.plot(
    places,
    [(after - before)[group].mean() for group in groups],
    marker="o",
    label="mean of a fifth of the rows",
)
ax.set(xlabel="expected gain of F1", ylabel="true gain of F1")
ax.legend()
plt.show()

# %%
# Masks
# -----
# The same for masks of which only a box is known, say drawn by hand.

X, Y = make_silhouettes(230, random_state=0)
segmenter = DVNSegmenter(n_channels=16, max_iter=40, random_state=0)
segmenter.fit(X[:200], Y[:200])
X, Y = X[200:], Y[200:]
boxes = np.zeros_like(Y)
for box, mask in zip(boxes, Y, strict=True):
    rows, columns = np.nonzero(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 1
refined = segmenter.refine(X, boxes)
for name, masks in (("box", boxes), ("refined", refined)):
    print(
        f"{name:8} IOU {oracle_values(segmenter, Y, masks).mean():.3f}, "
        f"expected {segmenter.predict_value(X, masks).mean():.3f}"
    )
SegmentationDisplay.from_predictions(
    X[:4], Y[:4], {"box": boxes[:4], "refined": refined[:4]}
)
plt.show()
