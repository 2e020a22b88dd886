"""Faces in three classes, pixel by pixel and by a Deep Value Network (section 5.3).

Pixel accuracy, mean IOU and superpixel accuracy on the test faces, processor seconds of
fit::

    python benchmarks/faces.py --data DIR --sizes 32 64 --seeds 3 --json out.json

DIR holds the folder ``fasseg_frontal``. Six test pictures are training pictures, too,
and are left out. Superpixels are SLIC's on the pictures at full size, to which the
predictions are enlarged. With ``--validate`` the last five training faces take the
place of the test faces, to choose settings on.
"""

import argparse
import json
from pathlib import Path
from time import process_time

import numpy as np
import torch

from skdvn import Ascent, Crops, DVNSegmenter, Loss, Mixture
from skdvn.baselines import FCNSegmenter, PlugInSegmenter, UNetSegmenter
from skdvn.datasets import load_fasseg_frontal
from skdvn.metrics import (
    mean_iou_score,
    pixel_accuracy_score,
    resize_labels,
    slic_segments,
    superpixel_accuracy,
)

N_VALIDATION, N_SEGMENTS = 5, 250
ROWS = {
    "fcn": FCNSegmenter,
    "unet, flips only": lambda **params: UNetSegmenter(crops=Crops(shift=0), **params),
    "unet": UNetSegmenter,
    "unet, mean iou": lambda **params: PlugInSegmenter(
        UNetSegmenter(**params), oracle="mean_iou"
    ),
    "dvn": DVNSegmenter,
    "dvn, box": lambda **params: DVNSegmenter(
        ascent=Ascent(projection="box"), **params
    ),
    "dvn, mean iou": lambda **params: DVNSegmenter(oracle="mean_iou", **params),
    "dvn, value only": lambda **params: DVNSegmenter(
        loss=Loss(guess_weight=0.0, gradient_weight=1.0),
        tuples=Mixture(mixing="all"),
        **params,
    ),
}


def load(folder, size, validate):
    """Faces to train on, to test on, and the latter at full size."""
    train = load_fasseg_frontal(folder, size=size, return_X_y=True)
    if validate:
        full = load_fasseg_frontal(folder, size=None, return_X_y=True)
        return (
            [part[:-N_VALIDATION] for part in train],
            [part[-N_VALIDATION:] for part in train],
            [part[-N_VALIDATION:] for part in full],
        )
    test, full = (
        load_fasseg_frontal(folder, subset="test", size=one, return_X_y=True)
        for one in (size, None)
    )
    known = {image.tobytes() for image in train[0]}
    new = [i for i, image in enumerate(test[0]) if image.tobytes() not in known]
    return (
        train,
        [part[new] for part in test],
        [[part[i] for i in new] for part in full],
    )


def measure(model, train, test, full, segments):
    """All scores, and seconds of fit and predict."""
    start = process_time()
    model.fit(*train)
    fitted = process_time()
    predicted = model.predict(test[0])
    done = process_time()
    enlarged = resize_labels(predicted, [mask.shape for mask in full[1]])
    return {
        "accuracy": pixel_accuracy_score(test[1], predicted),
        "mean_iou": mean_iou_score(test[1], predicted),
        "superpixel_accuracy": superpixel_accuracy(full[1], enlarged, segments),
        "fit_s": fitted - start,
        "predict_s": done - fitted,
    }


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", nargs="+", default=["fcn", "unet", "dvn"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[32, 64])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--json", help="file to write the rows to")
    args = parser.parse_args()
    if unknown := set(args.rows) - ROWS.keys():
        parser.error(f"unknown rows {sorted(unknown)}; there are {list(ROWS)}")
    torch.set_num_threads(1)
    rows = []
    print(
        "size  row               seeds  accuracy  sd     mean IOU  superpixels    fit s"
    )
    for size in args.sizes:
        train, test, full = load(args.data, size, args.validate)
        segments = slic_segments(full[0], N_SEGMENTS)
        for name in args.rows:
            found = []
            for seed in range(args.seeds):
                model = ROWS[name](max_iter=args.epochs, random_state=seed)
                found.append(measure(model, train, test, full, segments))
                rows.append({"size": size, "row": name, "seed": seed, **found[-1]})
            mean = {key: np.mean([one[key] for one in found]) for key in found[0]}
            spread = np.std([one["accuracy"] for one in found])
            print(
                f"{size:4}  {name:17} {args.seeds:5}  {mean['accuracy']:8.4f}  "
                f"{spread:.4f}  {mean['mean_iou']:7.4f}  "
                f"{mean['superpixel_accuracy']:10.4f}  {mean['fit_s']:8.1f}",
                flush=True,
            )
            if args.json:
                Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
