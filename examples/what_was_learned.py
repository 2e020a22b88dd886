"""
=========================================
What was learned: pairs of labels, shapes
=========================================

Two looks into value networks: which labels they attract to each other whatever the
input, and which masks they find where there is nothing to find (section 5.5 and figure
5 of the paper).
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logit

from skdvn import DVNMultiLabelClassifier, DVNSegmenter
from skdvn.datasets import (
    load_bibtex,
    load_digit_attributes,
    load_weizmann_horses,
    make_silhouettes,
)
from skdvn.inspection import LabelPairsDisplay, MeanImageDisplay

folder = os.environ.get("SKDVN_DATA")

# %%
# Pairs of labels
# ---------------
# The network of the paper for labels has a term of the labels alone. Drawn is what it
# adds to the logit of the value for a pair of labels, beyond what it adds for each.

data = load_bibtex(folder) if folder else load_digit_attributes(noise=6)
X, Y = data.data, data.target
names = [name.removeprefix("TAG_").replace("_", " ") for name in data.target_names]
clf = DVNMultiLabelClassifier(network="linear", random_state=0).fit(X, Y)
pairs = LabelPairsDisplay.from_estimator(clf, names, n_pairs=8)
plt.show()

# %%
# What labels have in common by way of the input is not in there. So it is worth looking
# at how much the pairs matter at all, beside what single labels add for some rows: on
# the digits a good part, on Bibtex next to nothing (:doc:`/benchmarks`).

n_labels = len(names)
rows = X[:200]
nothing = logit(clf.predict_value(rows, np.zeros((200, n_labels))))
alone = [
    logit(clf.predict_value(rows, np.tile(label, (200, 1)))) - nothing
    for label in np.eye(n_labels)
]
print(f"strongest pair {np.abs(pairs.interactions).max():.2g} logits")
print(f"a single label {np.abs(alone).mean():.2g} logits on average")

# %%
# Shapes
# ------
# The mean of all training images is a blur. What a segmenter finds in it, it has
# learned about shapes. In the paper the mean image with noise gives whole horses too;
# our network, which sees the image through a U-Net, loses legs and head there
# (:doc:`/reproduction`).

if folder:
    X, Y = load_weizmann_horses(folder, return_X_y=True)
    X, Y = X[:200], Y[:200]
else:
    X, Y = make_silhouettes(200, random_state=0)
segmenter = DVNSegmenter(max_iter=30, random_state=0).fit(X, Y)
MeanImageDisplay.from_estimator(segmenter, X, Y, random_state=0)
plt.show()
