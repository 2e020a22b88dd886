"""The ascent of masks, from nothing: what the network has found after each step."""

import matplotlib.pyplot as plt
import numpy as np

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.metrics import oracle_values

SHOWN, N_IMAGES = (0, 1, 2, 3, 5, 10), 3

X, Y = make_silhouettes(203, size=24, random_state=0)
clf = DVNSegmenter(n_channels=8, init="zeros", max_iter=25, random_state=0)
clf.fit(X[:200], Y[:200])
X, Y = X[200 : 200 + N_IMAGES], Y[200 : 200 + N_IMAGES]

# Step 0 is where the ascent starts.
relaxed = [np.zeros(Y.shape), *(p[:, 1] for p in clf.staged_predict_proba(X))]

fig, axes = plt.subplots(
    N_IMAGES, 2 + len(SHOWN), figsize=(9.6, 4.4), layout="constrained"
)
style = {"cmap": "gray", "vmin": 0, "vmax": 1}
for i, row in enumerate(axes):
    row[0].imshow(X[i])
    for ax, step in zip(row[1:], SHOWN, strict=False):
        mask = relaxed[step]
        value = clf.predict_value(X, mask)[i]
        true = oracle_values(clf, Y, (mask >= 0.5).astype(int))[i]
        ax.imshow(mask[i], **style)
        ax.set_xlabel(f"{value:.2f} ({true:.2f})", fontsize=9)
    row[-1].imshow(Y[i], **style)
titles = ["image", *(f"step {step}" for step in SHOWN), "truth"]
for ax, title in zip(axes[0], titles, strict=True):
    ax.set_title(title, fontsize=10)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
fig.supxlabel("predicted value, in brackets the true IOU of the rounded mask")
plt.show()
