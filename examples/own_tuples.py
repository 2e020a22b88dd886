"""
===========================
Training tuples of your own
===========================

A value network learns from pairs of an input and an output, with what the oracle says
of them. Which outputs it gets to see decides what it knows. Here it is shown a mistake
that one knows of: labels that change places with their neighbour in the list.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.inspection import ValueCalibrationDisplay
from skdvn.metrics import value_pairs

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)

# %%
# A generator takes a :class:`skdvn.training.Batch` and returns a list of outputs, each
# of the shape of the truth; what they are worth, the oracle says. All randomness comes
# from the batch, so that results can be repeated.


def swapped(batch, share=0.2):
    """The truth with some entries changing places with the next label."""
    y = batch.y_true
    draw = torch.rand(y.shape, generator=batch.rng).to(y)
    return [torch.where(draw < share, y.roll(1, dims=1), y)]


# %%
# It goes into the mixture beside the names of the generators of the paper, with its
# share.

paper = {"stratified": 0.5, "inference": 0.5}
mixtures = {
    "as the paper": paper,
    "and swaps": {"stratified": 0.4, "inference": 0.4, swapped: 0.2},
}
pairs = {}
for name, tuples in mixtures.items():
    clf = DVNMultiLabelClassifier(network="linear", tuples=tuples, random_state=0)
    clf.fit(X_train, Y_train)
    true, predicted = pairs[name] = value_pairs(clf, X_test, Y_test)
    print(f"{name:12} F1 {true.mean():.3f}, expected {predicted.mean():.3f}")

# %%
# Whether it helps is a question for held-out rows. These swaps do not: F1 is no better,
# and the values stay too high. Outputs that are made from the truth, as these are,
# teach the network that what looks plausible is true; the default is trained on none.

figure, ax = plt.subplots(figsize=(5.2, 4.8), layout="constrained")
for name, pair in pairs.items():
    ValueCalibrationDisplay.from_predictions(*pair, name=name, ax=ax)
ax.set(xlabel="predicted F1", ylabel="true F1")
plt.show()
