"""The same network, trained by skdvn, skorch, scikit-learn and a plain PyTorch loop.

Who trains and predicts as fast as a loop of one's own has made convenience free. All
ways have the same layers, data, mini-batches, epochs and optimiser (Adam or AdamW);
none stops early, and inputs are standardised beforehand. Each is timed in turn, and the
least of several times counts. Run by ``benchmarks/speed.py``; skorch must be installed.
"""

from time import perf_counter

import numpy as np
import torch
from problems import make_independent
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdvn import Adam, AdamW, Crops
from skdvn.baselines import FeedForwardClassifier, UNetSegmenter
from skdvn.datasets import load_digit_attributes, make_silhouettes
from skdvn.networks import UNet

LEARNING_RATE, UNITS = 1e-3, 300


class Loop:
    """What one writes without a package.

    Parameters
    ----------
    network : torch.nn.Module
        Maps inputs to logits.
    epochs, batch_size : int
        How long, and with how many rows at once.
    optimizer : type
        A class of optimisers of PyTorch.
    """

    def __init__(self, network, epochs, batch_size, optimizer=torch.optim.Adam):
        self.network, self.epochs, self.batch_size = network, epochs, batch_size
        self.optimizer = optimizer

    def fit(self, X, Y):
        """Train."""
        x, y = torch.as_tensor(X), torch.as_tensor(Y, dtype=torch.float32)
        optimizer = self.optimizer(self.network.parameters(), lr=LEARNING_RATE)
        loss = nn.BCEWithLogitsLoss()
        self.network.train()
        for _ in range(self.epochs):
            for rows in torch.randperm(len(x)).split(self.batch_size):
                optimizer.zero_grad()
                loss(self.network(x[rows]), y[rows]).backward()
                optimizer.step()
        return self

    @torch.no_grad()
    def predict(self, X):
        """Decide label by label."""
        self.network.eval()
        batches = torch.as_tensor(X).split(512)
        return torch.cat([self.network(x) > 0 for x in batches]).numpy()


def feed_forward(n_features, n_labels):
    """A hidden layer, and logits."""
    return nn.Sequential(
        nn.Linear(n_features, UNITS), nn.ReLU(), nn.Linear(UNITS, n_labels)
    )


def ways_with_labels(n_features, n_labels, epochs, batch_size):
    """Estimators of a feed-forward network, by names."""
    from skorch import NeuralNetClassifier

    return {
        "plain loop": Loop(feed_forward(n_features, n_labels), epochs, batch_size),
        "skdvn": FeedForwardClassifier(
            UNITS,
            activation="relu",
            solver=Adam(),
            learning_rate_init=LEARNING_RATE,
            alpha=0,
            batch_size=batch_size,
            max_iter=epochs,
            standardize=False,
        ),
        "skorch": NeuralNetClassifier(
            feed_forward(n_features, n_labels),
            criterion=nn.BCEWithLogitsLoss,
            optimizer=torch.optim.Adam,
            lr=LEARNING_RATE,
            batch_size=batch_size,
            max_epochs=epochs,
            train_split=None,
            iterator_train__shuffle=True,
            predict_nonlinearity=nn.Sigmoid(),
            verbose=0,
        ),
        "MLPClassifier": MLPClassifier(
            UNITS,
            learning_rate_init=LEARNING_RATE,
            alpha=0,
            batch_size=batch_size,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
        ),
    }


def compare(ways, X, Y, repeats):
    """Seconds to fit and to predict, and as multiples of the plain loop's."""
    seconds = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = perf_counter()
            way.fit(X, Y)
            middle = perf_counter()
            way.predict(X)
            seconds[name].append((middle - start, perf_counter() - middle))
    least = {name: np.min(times, axis=0) for name, times in seconds.items()}
    return {
        name: {
            "fit_s": fit,
            "fit_ratio": fit / least["plain loop"][0],
            "predict_s": predict,
            "predict_ratio": predict / least["plain loop"][1],
        }
        for name, (fit, predict) in least.items()
    }


class ChannelsFirst(Loop):
    """A loop that is given images as scikit-image holds them."""

    def fit(self, X, Y):
        """Train."""
        return super().fit(X.transpose(0, 3, 1, 2), Y[:, None])

    def predict(self, X):
        """Decide pixel by pixel."""
        return super().predict(X.transpose(0, 3, 1, 2))


def ways_with_masks(epochs, batch_size):
    """Segmenters around one U-Net, and what else the default of skdvn does."""
    common = {"n_levels": 3, "stride": 1, "batch_size": batch_size, "max_iter": epochs}
    bare = {
        "augmentation": 0,
        "crops": Crops(flip=False, shift=0),
        "solver": AdamW(schedule="constant", max_grad_norm=np.inf, averaging=0),
        "precision": "single",
    }
    return {
        "plain loop": ChannelsFirst(UNet(3, 1), epochs, batch_size, torch.optim.AdamW),
        "skdvn": UNetSegmenter(32, learning_rate_init=LEARNING_RATE, **common, **bare),
        "skdvn, augmenting": UNetSegmenter(32, **common),
    }


def compare_loops(repeats):
    """All ways with labels and with masks."""
    digits, attributes = load_digit_attributes(noise=6, return_X_y=True)
    digits = StandardScaler().fit_transform(digits).astype(np.float32)
    words, tags = make_independent()
    words = words.toarray().astype(np.float32)
    images, masks = make_silhouettes(100, size=32, random_state=0)
    images = images.astype(np.float32)
    figures = {}
    for X, Y, epochs, batch_size in [
        (digits, attributes, 20, 20),
        (digits, attributes, 20, 200),
        (words, tags, 3, 100),
    ]:
        title = f"the same network: {X.shape[0]:,} rows of {X.shape[1]:,}, {batch_size}"
        ways = ways_with_labels(X.shape[1], Y.shape[1], epochs, batch_size)
        figures[f"{title} at once"] = compare(ways, X, Y.astype(np.float32), repeats)
    ways = ways_with_masks(epochs=5, batch_size=20)
    figures["the same U-Net: 100 images of 32x32"] = compare(
        ways, images, masks, repeats
    )
    return figures
