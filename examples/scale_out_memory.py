"""
====================================
More rows than fit in memory
====================================

``partial_fit`` learns from one block of rows after the other, and a fitted classifier
predicts block by block, so that only one block is ever in memory. Here the blocks are
those of a memory-mapped file and of a Dask array. Needs ``pip install
skdvn[dask,plot]``.
"""

import tempfile
from pathlib import Path

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes

folder = Path(tempfile.mkdtemp())
X, Y = load_digit_attributes(noise=6, return_X_y=True)
np.save(folder / "X.npy", X[:1500])  # of course, these would fit
np.save(folder / "Y.npy", Y[:1500])
X_test, Y_test = X[1500:], Y[1500:]

# %%
# Learn block by block
# --------------------
# One call of ``partial_fit`` is one epoch over its block, at a constant learning rate.
# Classifiers need all rows at once, so that the network guesses by itself,
# ``estimators=()``. What `fit` would choose on held-out rows has to be given, or keeps
# the value it starts with. A first block of at least some hundred rows settles how
# inputs are standardised and how large steps are.

X_file = np.load(folder / "X.npy", mmap_mode="r")
Y_file = np.load(folder / "Y.npy", mmap_mode="r")
clf = DVNMultiLabelClassifier((), step_size=0.5, n_steps=20, random_state=0)
n_seen, scores = [], []
for epoch in range(4):
    for low in range(0, len(X_file), 300):
        block = slice(low, low + 300)
        clf.partial_fit(X_file[block], Y_file[block])
        n_seen.append(epoch * len(X_file) + low + 300)
        scores.append(clf.score(X_test, Y_test))
print(f"F1 on other rows {scores[-1]:.3f}")

# %%

whole = DVNMultiLabelClassifier((), refit=True, random_state=0).fit(X[:1500], Y[:1500])
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.plot(n_seen, scores, marker=".", label="partial_fit, block by block")
ax.axhline(
    whole.score(X_test, Y_test), color="0.5", ls="--", label="fit on all at once"
)
ax.set(xlabel="rows seen, some of them again", ylabel="F1 on other rows")
ax.legend()
plt.show()

# %%
# Predict over a Dask array
# -------------------------
# Any method that maps rows to rows does; ``map_blocks`` needs to know the shape of what
# it returns. Nothing is computed until it is asked for, and then on all cores or on
# the cluster of a ``distributed.Client``.

blocks = da.from_array(X_file, chunks=(300, X_file.shape[1]))
labels = blocks.map_blocks(
    clf.predict, dtype=int, chunks=(blocks.chunks[0], (Y.shape[1],))
)
values = blocks.map_blocks(clf.predict_value, dtype="float32", drop_axis=1)
print("shape:", labels.shape, "in", labels.npartitions, "blocks")
print("labels per row:", labels.sum(axis=1).mean().compute().round(2))
print("rows of a value below .5:", int((values < 0.5).sum().compute()))
