"""Tag images: an encoder of one's own before the label network.

Noisy pictures of digits get ten tags each (even, prime, has a closed loop, ...). A
small convolutional encoder is trained within the Deep Value Network, and, to compare,
with a sigmoid per tag and a threshold::

    python examples/image_tagging.py
"""

from time import perf_counter

from sklearn.base import clone
from sklearn.model_selection import train_test_split
from torch import nn

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import FeedForwardClassifier, PlugInClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score

N_NETWORKS = 5


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


def main():
    """Fit all models and print their F1 on the same test images."""
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    X = X.reshape(-1, 8, 8)
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.3, random_state=0
    )
    sigmoids = FeedForwardClassifier(
        encoder=Encoder, n_networks=N_NETWORKS, random_state=0
    )
    # As many networks, trained on all rows, too.
    value_networks = DVNMultiLabelClassifier(
        encoder=Encoder, n_networks=N_NETWORKS, refit=True, random_state=0
    )
    models = {
        "Sigmoid per tag, threshold 0.5": sigmoids,
        "Sigmoid per tag, expected-F1 rule": PlugInClassifier(sigmoids),
        "Deep Value Network, local_term='oracle'": clone(value_networks).set_params(
            local_term="oracle", tau=0.3
        ),
        "Deep Value Network, local_term='linear'": value_networks,
    }
    print(f"{'':40} F1     fit")
    for name, model in models.items():
        began = perf_counter()
        model.fit(X_train, Y_train)
        seconds = perf_counter() - began
        f1 = relaxed_f1_score(Y_test, model.predict(X_test))
        print(f"{name:40} {f1:.3f}  {seconds:3.0f} s", flush=True)


if __name__ == "__main__":
    main()
