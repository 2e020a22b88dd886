"""Faces in three classes: pictures, truth, a U-Net and a Deep Value Network.

Draws ``faces.png``, like figure 4 of the paper with the worst test pictures last. With
``--data FOLDER`` the pictures are the frontal faces of FASSEG, without it drawn animals
whose parts are the classes::

    python examples/faces.py [--data DIR]
"""

import argparse
import os

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import train_test_split

from skdvn import DVNSegmenter
from skdvn.baselines import UNetSegmenter
from skdvn.datasets import load_fasseg_frontal, make_silhouettes

SIZE, N_SHOWN, EPOCHS = 48, 6, 200


def load(folder):
    """Pictures and classes of their pixels: training, test."""
    if not folder:
        X, Y = make_silhouettes(120, size=SIZE, parts=True, random_state=0)
        return train_test_split(X, Y, test_size=0.5, random_state=0)
    (X, Y), (X_test, Y_test) = (
        load_fasseg_frontal(folder, subset=subset, size=SIZE, return_X_y=True)
        for subset in ("train", "test")
    )
    known = {image.tobytes() for image in X}  # some are in both
    new = [i for i, image in enumerate(X_test) if image.tobytes() not in known]
    return X, X_test[new], Y, Y_test[new]


def draw(X, maps, accuracies):
    """One row of pictures per kind; columns from the best to the worst."""
    order = np.argsort(-accuracies)
    shown = order[np.linspace(0, len(order) - 1, N_SHOWN).astype(int)]
    figure = Figure(figsize=(1.5 * N_SHOWN, 1.6 * (1 + len(maps))), layout="tight")
    axes = figure.subplots(1 + len(maps), N_SHOWN)
    for column, i in zip(axes.T, shown, strict=True):
        column[0].imshow(X[i])
        column[0].set_title(f"{accuracies[i]:.1%}", size=9)
        for axis, classes in zip(column[1:], maps.values(), strict=True):
            axis.imshow(classes[i], cmap="viridis", vmin=0, vmax=maps["truth"].max())
    for axis, name in zip(axes[:, 0], ("picture", *maps), strict=True):
        axis.set_ylabel(name, size=9)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


def main():
    """Fit both, print their accuracies and draw what they predict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("SKDVN_DATA"))
    X, X_test, Y, Y_test = load(parser.parse_args().data)
    maps = {"truth": Y_test}
    for name, kind in (("U-Net", UNetSegmenter), ("DVN", DVNSegmenter)):
        segmenter = kind(max_iter=EPOCHS, random_state=0).fit(X, Y)
        maps[name] = segmenter.predict(X_test)
        print(f"{name:6} pixel accuracy {segmenter.score(X_test, Y_test):.4f}")
    values = segmenter.predict_value(X_test)
    print(f"       the value network expects {values.mean():.4f}")
    accuracies = (maps["DVN"] == Y_test).mean((1, 2))
    draw(X_test, maps, accuracies).savefig("faces.png", dpi=120)
    print("wrote faces.png")


if __name__ == "__main__":
    main()
