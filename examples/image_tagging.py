"""
======================================
Tag images with an encoder of your own
======================================

Noisy pictures of digits get ten tags each (even, prime, has a closed loop, ...). A
small convolutional encoder of one's own makes the guess of the Deep Value Network, or
is trained within it and, to compare, with a sigmoid per tag.
"""

from time import process_time

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from torch import nn

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier, PlugInClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score

digits = load_digit_attributes(noise=6)
tags = [name.replace("_", " ") for name in digits.target_names]
X = digits.data.reshape(-1, 8, 8)
X_train, X_test, Y_train, Y_test = train_test_split(
    X, digits.target, test_size=0.3, random_state=0
)

# %%
# An encoder is a torch module that makes features of a batch of inputs. They are
# flattened and go into the layers of the network for labels.


class Encoder(nn.Module):
    """Features of grey images (n, height, width): two convolutions."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.SiLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.SiLU(),
            nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.layers(x.unsqueeze(1))


# %%
# By default the encoder is trained with a sigmoid per tag, once per fold, and the value
# learns from what each network says of pictures that it has not seen; new pictures are
# guessed by all of them. With ``estimators=()`` the value stands on a guess of its own
# network, which is trained with it, and with ``network="linear"``, as in the paper, it
# has none, so that the encoder learns from one number per picture instead of ten.

sigmoids = FeedForwardClassifier(encoder=Encoder, random_state=0)
default = DVNMultiLabelClassifier(encoder=Encoder, random_state=0)
own_guess = clone(default).set_params(estimators=(), tau=0.3, refit=True)
models = {
    "sigmoid per tag, threshold 0.5": sigmoids,
    "sigmoid per tag, expected-F1 rule": PlugInClassifier(sigmoids),
    "the same, five networks": PlugInClassifier(
        clone(sigmoids).set_params(n_networks=5)
    ),
    'DVN, network="linear"': clone(own_guess).set_params(network="linear", tau=0.0),
    "DVN, estimators=()": own_guess,
    "DVN, its default": default,
}
scores = {}
for name, model in models.items():
    began = process_time()
    model.fit(X_train, Y_train)
    seconds = process_time() - began
    scores[name] = relaxed_f1_score(Y_test, model.predict(X_test))
    expected = ""
    if hasattr(model, "predict_value"):
        expected = f", expected {model.predict_value(X_test).mean():.3f}"
    print(
        f"{name:34} fit {seconds:3.0f} s, F1 {scores[name]:.3f}{expected}", flush=True
    )

# %%
# On one seed, differences of a point mean little; five networks are better than one.
# The default's mean value is close to its F1. Where a network judges by what it learned
# from the same pictures as its guess, values are too high.

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()), color="tab:blue")
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlim=(0, 1), xlabel="F1 on the test pictures")
ax.invert_yaxis()
plt.show()

# %%
# Four test pictures with their true tags, and those found.

found = models["DVN, its default"].predict(X_test[:4])
figure, axes = plt.subplots(1, 4, figsize=(9, 4.2), layout="constrained")
for ax, image, truth, guess in zip(axes, X_test, Y_test, found, strict=False):
    ax.imshow(image, cmap="gray_r")
    ax.set(xticks=[], yticks=[])
    lines = [
        {(1, 1): "", (1, 0): "forgotten: ", (0, 1): "wrong: "}[truth[i], guess[i]] + tag
        for i, tag in enumerate(tags)
        if guess[i] or truth[i]
    ]
    ax.set_title("\n".join(lines), loc="left", fontsize=9)
plt.show()
