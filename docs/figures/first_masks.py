"""Test pictures beside their true masks and those that were found."""

import matplotlib.pyplot as plt

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.inspection import SegmentationDisplay

images, masks = make_silhouettes(200, size=24, random_state=0)
seg = DVNSegmenter(n_channels=16, max_iter=40, random_state=0)
seg.fit(images[:150], masks[:150])

fig, ax = plt.subplots(figsize=(5, 6), layout="constrained")
SegmentationDisplay.from_estimator(seg, images[150:154], masks[150:154], ax=ax)
plt.show()
