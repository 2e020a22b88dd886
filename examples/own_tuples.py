"""Tuples of one's own: show the network the mistakes that one knows of.

Here labels are confused with labels of the same kind, so a generator swaps true labels
for their neighbours now and then. It takes a `skdvn.tuples.Batch` and returns a list of
outputs; what they are worth, the oracle says::

    python examples/own_tuples.py
"""

import torch
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes


def swapped(batch, share=0.2):
    """The truth with some entries changing places with the next label."""
    y = batch.y_true
    draw = torch.rand(y.shape, generator=batch.rng).to(y)
    return [torch.where(draw < share, y.roll(1, dims=1), y)]


def main():
    """Compare the default's tuples with a mixture that holds the swaps."""
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.3, random_state=0
    )
    mixtures = {
        "the default": None,
        "and swaps": {"stratified": 0.4, "inference": 0.4, swapped: 0.2},
    }
    for name, tuples in mixtures.items():
        clf = DVNMultiLabelClassifier(tuples=tuples, random_state=0)
        clf.fit(X_train, Y_train)
        print(
            f"{name:12} F1 {clf.score(X_test, Y_test):.3f}, "
            f"expected {clf.predict_value(X_test).mean():.3f}"
        )


if __name__ == "__main__":
    main()
