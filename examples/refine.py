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
outputs = {
    "logistic regression": given,
    "refined": clf.refine(X_test, given),
    "refined from one half": clf.refine(X_test, 0.5 * given),
    "the network alone": clf.predict(X_test),
}
f1 = {name: oracle_values(clf, Y_test, found) for name, found in outputs.items()}
for name, values in f1.items():
    print(f"{name:22} F1 {values.mean():.3f}")

# %%
# The ascent may start at relaxed outputs, too. Wherever it starts, the steps of the
# default are long enough to reach what the network alone would find; it knows all that
# logistic regression knows. For outputs that know something else, such as those of a
# person, take fewer or smaller steps, which stay near them: ``n_steps``, ``step_size``.
#
# ``predict_value`` says beforehand where there is something to gain. Below are the rows
# that changed, in five groups by how much the network expects of the change.

refined = outputs["refined"]
expected = clf.predict_value(X_test, refined) - clf.predict_value(X_test, given)
gained = f1["refined"] - f1["logistic regression"]
changed = np.flatnonzero((refined != given).any(axis=1))
groups = np.array_split(changed[np.argsort(expected[changed])], 5)
print(f"{len(changed)} of {len(given)} rows changed")

figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.axline((0, 0), slope=1, color="0.6", lw=1, label="as expected")
ax.scatter(expected[changed], gained[changed], s=10, alpha=0.3, label="row")
ax.plot(
    [expected[group].mean() for group in groups],
    [gained[group].mean() for group in groups],
    marker="o",
    label="mean of a group",
)
ax.set(xlabel="expected gain of F1", ylabel="true gain of F1")
ax.legend()
plt.show()

# %%
# Masks
# -----
# The same for masks of which only a box is known, say drawn by hand. The ascent begins
# anew as long as the value rises, and so gets nearly as far from a box as the network
# alone, which starts at its own guess of the mask.

X, Y = make_silhouettes(230, random_state=0)
segmenter = DVNSegmenter(n_channels=16, max_iter=40, random_state=0)
segmenter.fit(X[:200], Y[:200])
X, Y = X[200:], Y[200:]
boxes = np.zeros_like(Y)
for box, mask in zip(boxes, Y, strict=True):
    rows, columns = np.nonzero(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 1
masks = {
    "box": boxes,
    "refined": segmenter.refine(X, boxes),
    "the network alone": segmenter.predict(X),
}
for name, found in masks.items():
    print(
        f"{name:18} IOU {oracle_values(segmenter, Y, found).mean():.3f}, "
        f"expected {segmenter.predict_value(X, found).mean():.3f}"
    )
SegmentationDisplay.from_predictions(
    X[:4], Y[:4], {name: found[:4] for name, found in masks.items()}
)
plt.show()

# sphinx_gallery_thumbnail_number = 2
