"""What could be put on top of a guess of masks, and what it adds.

For models that ``weizmann.py --rows compared --keep FOLDER`` has kept, on their test
images::

    python benchmarks/mask_values.py --data DIR --keep FOLDER

- views: one image, its mirror image, and both shifted by a pixel in four directions, as
  the default does; masks at threshold .5 and by the plug-in rule.
- values of the default's masks: the expected IOU under the guess of each number of
  views; with the logits sharpened; and with a random effect, a normal number common to
  the logits of all pixels of an image, which spreads the area of the truth.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
import torch
from weizmann import N_RESAMPLES, area_under, ious_of, split

from skdvn import Crops
from skdvn.baselines.plug_in_masks import best_mask
from skdvn.datasets import load_weizmann_horses
from skdvn.networks import expected_term
from skdvn.oracles import relaxed_iou

VIEWS = {"1 view": (False, 0), "2 views": (True, 0), "10 views": (True, 1)}
SHARPNESS, SPREADS, N_NODES = (1.2, 1.5, 2.0), (0.5, 1.0), 9


def guesses(model, X):
    """Probabilities of the foreground by number of views, (n, 1, height, width)."""
    found = {}
    for name, (flip, shift) in VIEWS.items():
        model.set_params(crops__flip=flip, crops__shift=shift)
        p = np.asarray(model.predict_proba(X))[:, 1:]
        found[name] = torch.as_tensor(p, dtype=torch.float64)
    return found


def expected(masks, guess):
    """Expected IOU of masks."""
    y = torch.as_tensor(masks[:, None], dtype=torch.float64)
    return torch.sigmoid(expected_term(relaxed_iou)(y, guess)[0]).numpy()


def values_of(masks, guessed):
    """Values of the masks in all ways, by name."""
    rows = {f"expected, {name}": expected(masks, p) for name, p in guessed.items()}
    logits = torch.logit(guessed["10 views"], eps=1e-6)
    for factor in SHARPNESS:
        sharp = torch.sigmoid(factor * logits)
        rows[f"10 views, logits times {factor}"] = expected(masks, sharp)
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    for spread in SPREADS:
        parts = [expected(masks, torch.sigmoid(logits + spread * z)) for z in nodes]
        name = f"10 views, area of sd {spread}"
        rows[name] = np.average(parts, axis=0, weights=weights)
    return rows


def main():
    """Print both tables, over all models that were kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--keep", required=True, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load_weizmann_horses(args.data)
    true, half, best, values = [], {}, {}, {}
    for path in sorted(args.keep.glob("compared *.pkl")):
        model, number = joblib.load(path), int(path.stem.split()[1])
        _, (X, Y) = split(data, number, validate=False)
        guessed = guesses(model.set_params(crops=Crops()), X)
        for name, p in guessed.items():
            rule = [best_mask(one[None], relaxed_iou) for one in p]
            masks = torch.cat(rule)[:, 0].numpy().astype(int)
            best.setdefault(name, []).append(ious_of(Y, masks))
            at_half = (p[:, 0] >= 0.5).numpy().astype(int)
            half.setdefault(name, []).append(ious_of(Y, at_half))
        true.append(ious_of(Y, masks))
        for name, found in values_of(masks, guessed).items():
            values.setdefault(name, []).append(found)
    for name in VIEWS:
        row = (np.concatenate(part[name]).mean() for part in (half, best))
        print("{:12} at .5 {:.4f}  plug-in {:.4f}".format(name, *row))
    show_values(np.concatenate(true), values)


def show_values(true, values):
    """Each way to judge, and its gain over two views with a paired interval."""
    rng, plain = np.random.RandomState(0), np.concatenate(values["expected, 2 views"])
    print(
        f"{len(true)} masks, true {true.mean():.4f}, least area "
        f"{area_under(true, true):.4f}"
    )
    for name, parts in values.items():
        value, gains = np.concatenate(parts), []
        for _ in range(N_RESAMPLES):
            rows = rng.randint(len(true), size=len(true))
            gains.append(
                area_under(plain[rows], true[rows])
                - area_under(value[rows], true[rows])
            )
        low, high = np.percentile(gains, [2.5, 97.5])
        print(
            f"{name:30} value {value.mean():.4f}  error "
            f"{np.abs(value - true).mean():.4f}  r {np.corrcoef(value, true)[0, 1]:.3f}"
            f"  area {area_under(value, true):.4f}  gain [{low:.4f}, {high:.4f}]"
        )


if __name__ == "__main__":
    main()
