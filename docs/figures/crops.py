"""Crops that cover an image, and the masks that they find together and apart."""

import matplotlib.pyplot as plt

from skdvn import Crops, DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.inference import offsets_along

SIZE, CROP, SHOWN = 32, 16, 2

X, Y = make_silhouettes(150 + SHOWN, size=SIZE, random_state=3)
clf = DVNSegmenter(
    n_channels=8,
    crops=Crops(CROP, n_crops=9),
    init="zeros",
    max_iter=40,
    random_state=0,
)
clf.fit(X[:150], Y[:150])
X, Y = X[150:], Y[150:]
offsets = offsets_along(SIZE, CROP, 3)

fig, axes = plt.subplots(SHOWN, 5, figsize=(9, 3.9), layout="constrained")
columns = [
    ("image", X),
    ("nine crops", X),
    ("joint", clf.predict_relaxed(X)[:, 1]),
    ("average", clf.set_params(crops__aggregation="average").predict_relaxed(X)[:, 1]),
    ("truth", Y),
]
for column, (title, pictures) in zip(axes.T, columns, strict=True):
    for ax, picture in zip(column, pictures, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    column[0].set_title(title)
for ax in axes[:, 1]:
    for i, down in enumerate(offsets):
        for j, across in enumerate(offsets):
            corner = across - 0.5 + 0.25 * i, down - 0.5 + 0.25 * j
            square = plt.Rectangle(corner, CROP - 1, CROP - 1, fill=False, color="w")
            ax.add_patch(square)
plt.show()
