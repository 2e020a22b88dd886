"""
==========================================
Segment animals, and see how it gets there
==========================================

The pictures are made-up silhouettes, which need no download; where the environment
variable ``SKDVN_DATA`` names a data folder they are the Weizmann horses. The figures
are those of the paper: the ascent (its figure 1), and masks beside those of a fully
convolutional network (figure 3).
"""

import os
from time import process_time

import matplotlib.pyplot as plt
import numpy as np

from skdvn import DVNSegmenter
from skdvn.baselines import FCNSegmenter
from skdvn.datasets import load_weizmann_horses, make_silhouettes
from skdvn.inspection import (
    RiskCoverageDisplay,
    SegmentationDisplay,
    ValueCalibrationDisplay,
)
from skdvn.metrics import oracle_values, value_pairs

folder = os.environ.get("SKDVN_DATA")
if folder:
    X, Y = load_weizmann_horses(folder, return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, Y = X[order], Y[order]
else:
    X, Y = make_silhouettes(300, random_state=0)
X_train, Y_train, X_test, Y_test = X[:200], Y[:200], X[200:], Y[200:]

# %%
# Thirty epochs of each are enough to look at. They are not enough to judge: on the
# horses and with the full number of epochs, :doc:`/benchmarks` has a mean intersection
# over union (IOU) of .799 for the fully convolutional network (FCN), and of .863 for
# the Deep Value Network.

models = {
    "FCN": FCNSegmenter(max_iter=30, random_state=0),
    "DVN": DVNSegmenter(max_iter=30, random_state=0),
}
masks, ious = {}, {}
for name, model in models.items():
    began = process_time()
    model.fit(X_train, Y_train)
    seconds = process_time() - began
    masks[name] = model.predict(X_test)
    ious[name] = oracle_values(model, Y_test, masks[name])
    print(
        f"{name} mean IOU {ious[name].mean():.3f}, "
        f"fit {seconds:.0f} s of one processor",
        flush=True,
    )

# %%
# Masks
# -----
# From the best to the worst test picture of the Deep Value Network.

order = np.argsort(-ious["DVN"])
shown = order[np.linspace(0, len(order) - 1, 5).astype(int)]
SegmentationDisplay.from_predictions(
    X_test[shown],
    Y_test[shown],
    {name: found[shown] for name, found in masks.items()},
)
plt.show()

# %%
# The ascent
# ----------
# By default the ascent starts from the network's own guess. From nothing it has further
# to go, which ``init`` can ask for after ``fit``: it acts at the next prediction. Drawn
# are relaxed masks, whose pixels are in [0, 1]; the last column is their rounding.

dvn = models["DVN"]
dvn.set_params(init="zeros")
SegmentationDisplay.from_estimator(dvn, X_test[:4], Y_test[:4], steps=(1, 2, 4, 10))
dvn.set_params(init="auto")
plt.show()

# %%
# What the network expects
# ------------------------
# ``predict_value`` is its estimate of the IOU of each mask, near the truth even after
# so short a training, and close to an order from the best to the worst. So it pays to
# look at those of the lowest value.

true, predicted = value_pairs(dvn, X_test, Y_test)
print(f"expected IOU {predicted.mean():.3f}, true {true.mean():.3f}")
print(f"correlation {np.corrcoef(true, predicted)[0, 1]:.2f}")
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
ValueCalibrationDisplay.from_predictions(true, predicted, ax=left)
RiskCoverageDisplay.from_predictions(true, predicted, ax=right)
left.set(xlabel="predicted IOU", ylabel="true IOU")
right.set_ylabel("mean true IOU of those kept")
plt.show()
