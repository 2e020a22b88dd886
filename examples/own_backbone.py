"""
====================================
A segmentation network of your own
====================================

``DVNSegmenter`` takes any module that maps images to logits of masks: one of yours, of
a library, or one that is trained already. It becomes the guess; the value and the
ascent come on top of it. Here it is a small stack of dilated convolutions which works
at half the resolution, beside the U-Net that is the default.
"""

from time import process_time

import matplotlib.pyplot as plt
from torch import nn

from skdvn import DVNSegmenter
from skdvn.baselines import PixelwiseSegmenter
from skdvn.datasets import make_silhouettes
from skdvn.inspection import SegmentationDisplay

X, Y = make_silhouettes(260, size=32, random_state=0)
X_train, X_test, Y_train, Y_test = X[:200], X[200:], Y[:200], Y[200:]

# %%
# The module is an ordinary one. Its output has half the height and width of the images,
# and is enlarged.


def dilated(n_channels, n_outputs, crop_size):
    """Convolutions that see further and further, at half the resolution."""
    layers = [nn.Conv2d(n_channels, 48, 4, stride=2, padding=1), nn.SiLU()]
    for dilation in (1, 2, 4, 1):
        layers += [
            nn.Conv2d(48, 48, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(48),
            nn.SiLU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(48, n_outputs, 1))


# %%
# A function makes a network with new weights for each fit; a module would be copied
# with the weights that it has. That is all there is to it.

fixed = {"max_iter": 40, "random_state": 0}
models = {
    "U-Net": DVNSegmenter(n_channels=16, **fixed),
    "own network": DVNSegmenter(dilated, **fixed),
    "own network, pixel by pixel": PixelwiseSegmenter(dilated, **fixed),
}
for name, model in models.items():
    start = process_time()
    model.fit(X_train, Y_train)
    seconds, iou = process_time() - start, model.score(X_test, Y_test)
    print(f"{name}: IOU {iou:.3f}, {seconds:.0f} s")

# %%
# With the value comes an estimate of how good each mask is.

own = models["own network"]
values = own.predict_value(X_test)
print(f"expected IOU {values.mean():.3f}, true {own.score(X_test, Y_test):.3f}")
SegmentationDisplay.from_estimator(own, X_test[:4], Y_test[:4])
plt.show()
