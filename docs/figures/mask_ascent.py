"""The ascent of masks, from nothing: what the network has found after each step."""

import matplotlib.pyplot as plt

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.inspection import SegmentationDisplay

X, Y = make_silhouettes(203, size=24, random_state=0)
clf = DVNSegmenter(n_channels=8, init="zeros", max_iter=25, random_state=0)
clf.fit(X[:200], Y[:200])

fig, ax = plt.subplots(figsize=(9.6, 4.8), layout="constrained")
SegmentationDisplay.from_estimator(clf, X[200:], Y[200:], steps=(0, 1, 2, 3, 5), ax=ax)
plt.show()
