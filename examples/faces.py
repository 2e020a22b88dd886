"""
======================
Faces in three classes
======================

Masks may have more than two classes. Then the output of each pixel is a distribution
over the classes, and the ascent climbs on the simplex (section 5.3 of the paper). The
pictures are drawn animals whose parts are the classes; where the environment variable
``SKDVN_DATA`` names a data folder they are the frontal faces of FASSEG: background,
face and hair.
"""

import os
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skdvn import DVNSegmenter
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import load_fasseg_frontal, make_silhouettes
from skdvn.inspection import SegmentationDisplay

folder = os.environ.get("SKDVN_DATA")
if folder:
    X_train, Y_train = load_fasseg_frontal(folder, size=48, return_X_y=True)
    X_test, Y_test = load_fasseg_frontal(
        folder, subset="test", size=48, return_X_y=True
    )
    # Some pictures are in both parts.
    known = {image.tobytes() for image in X_train}
    new = [i for i, image in enumerate(X_test) if image.tobytes() not in known]
    X_test, Y_test = X_test[new], Y_test[new]
    class_names = ["background", "face", "hair"]
else:
    X, Y = make_silhouettes(100, parts=True, random_state=0)
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.4, random_state=0
    )
    class_names = ["background", "trunk", "head", "legs"]
print(f"{len(X_train)} training pictures, {len(X_test)} test pictures")
print("share of each class:", np.round(np.bincount(Y_train.ravel()) / Y_train.size, 3))

# %%
# Beside the Deep Value Network stands the same U-Net trained pixel by pixel, for as
# many epochs. Both are scored by the share of the pixels that are right.

models = {
    "U-Net": UNetSegmenter(max_iter=60, random_state=0),
    "DVN": DVNSegmenter(max_iter=60, random_state=0),
}
maps = {}
for name, model in models.items():
    began = process_time()
    model.fit(X_train, Y_train)
    seconds = process_time() - began
    maps[name] = model.predict(X_test)
    accuracy = model.score(X_test, Y_test)
    print(
        f"{name:6} accuracy {accuracy:.3f}, fit {seconds:.0f} s of one processor",
        flush=True,
    )
print(f"The value network expects {models['DVN'].predict_value(X_test).mean():.3f}.")

# %%
# The score is a sum over pixels, so there is nothing to gain from deciding jointly; the
# Deep Value Network keeps up because it has the guess of a U-Net in it. On the faces of
# FASSEG, with more epochs, :doc:`/benchmarks` has .9698 for both.
#
# From the best to the worst test picture:

accuracies = (maps["DVN"] == Y_test).mean(axis=(1, 2))
order = np.argsort(-accuracies)
shown = order[np.linspace(0, len(order) - 1, 5).astype(int)]
SegmentationDisplay.from_predictions(
    X_test[shown],
    Y_test[shown],
    {name: found[shown] for name, found in maps.items()},
    oracle="accuracy",
    class_names=class_names,
)
plt.show()
