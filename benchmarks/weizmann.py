"""Every way to segment the Weizmann horses that the paper or a user may think of.

Mean and global IOU on the test images, seconds of fit and predict::

    python benchmarks/weizmann.py --data DIR --rows unet dvn --seeds 2 --json out.json

DIR holds the folder ``weizmann_horse`` with its images and masks. 200 images, by a
seeded permutation, are for training, the others for testing; with ``--validate`` the
last 40 of the 200 take the place of the test images, to choose settings on.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from time import perf_counter

import joblib
import numpy as np
import torch

from skdvn import Crops, DVNSegmenter, Loss, MaskNet, Mixture, recipes
from skdvn.baselines import FCNSegmenter, UNetSegmenter
from skdvn.datasets import load_weizmann_horses
from skdvn.metrics import relaxed_iou_score, risk_coverage_curve

N_TRAIN, N_VALIDATION, SIZE = 200, 40, 32
# The aggregations of Table 4: crops, aggregation, whether masks are rounded.
AGGREGATIONS = {
    "mask averaging 9": (9, "average", True),
    "joint 9": (9, "joint", True),
    "mask averaging non-binary 25": (25, "average", False),
    "joint non-binary 25": (25, "joint", False),
    "mask averaging 25": (25, "average", True),
    "joint 25": (25, "joint", True),
    "mask averaging 36": (36, "average", True),
    "joint 36": (36, "joint", True),
}
# The tuples of Table 4, for so many epochs each.
SHORT = 60
TUPLES = {
    "inference + ground truth": {"chain": 1, "ground_truth": 1},
    "inference + stratified": {"chain": 1, "stratified": 1},
    "inference + adversarial": {"chain": 1, "adversarial": 1},
}


def value_only(seed, **params):
    """The default network trained by the value alone."""
    return DVNSegmenter(
        loss=Loss(guess_weight=0.0, gradient_weight=1.0),
        tuples=Mixture(mixing="all"),
        random_state=seed,
        **params,
    )


def paper(seed, **params):
    """The network of the paper."""
    return DVNSegmenter(**{**recipes.CONV_SEGMENTER, **params}, random_state=seed)


ROWS = {
    "fcn": lambda seed: FCNSegmenter(crops=Crops(n_crops=36), random_state=seed),
    "unet": lambda seed: UNetSegmenter(random_state=seed),
    "unet, no flips": lambda seed: UNetSegmenter(
        crops=Crops(flip=False), random_state=seed
    ),
    "dvn": lambda seed: DVNSegmenter(random_state=seed),
    "dvn, no flips": lambda seed: DVNSegmenter(
        crops=Crops(flip=False), random_state=seed
    ),
    "dvn, linear": lambda seed: DVNSegmenter(MaskNet("linear"), random_state=seed),
    "dvn, value only": value_only,
    "dvn, value only, linear": partial(value_only, network=MaskNet("linear")),
    "dvn, value only, no gradients": lambda seed: DVNSegmenter(
        loss=Loss(guess_weight=0.0), tuples=Mixture(mixing="all"), random_state=seed
    ),
    "dvn, 5 networks": lambda seed: DVNSegmenter(n_networks=5, random_state=seed),
    "unet, 5 networks": lambda seed: UNetSegmenter(n_networks=5, random_state=seed),
    # As long as the "dvn" row takes in processor time.
    "unet, 300 epochs": lambda seed: UNetSegmenter(max_iter=300, random_state=seed),
    "paper's network": paper,
    "paper's network, 1000 epochs": partial(paper, max_iter=1000),
    **{
        f"tuples: {name}": partial(
            paper, max_iter=SHORT, tuples=Mixture(tuples, n_samples=1)
        )
        for name, tuples in TUPLES.items()
    },
}


def ious(truth, predicted):
    """Mean IOU over images and IOU of all pixels together."""
    return {
        "iou": relaxed_iou_score(truth, predicted),
        "global_iou": relaxed_iou_score(truth.reshape(1, -1), predicted.reshape(1, -1)),
    }


def measure(model, train, test):
    """Scores on the test images, seconds of fit and predict, and more of a DVN."""
    X, Y = test
    start = perf_counter()
    model.fit(*train)
    fitted = perf_counter()
    predicted = model.predict(X)
    done = perf_counter()
    row = {
        **ious(Y, predicted),
        "fit_s": fitted - start,
        "predict_s": done - fitted,
        "n_iter": model.n_iter_,
    }
    if isinstance(model, DVNSegmenter):
        row.update(judge(model, X, Y, predicted))
    return row


def judge(model, X, Y, predicted):
    """How well the value tells good masks from bad ones."""
    values = model.predict_value(X, predicted)
    found = np.array(
        [relaxed_iou_score(y[None], p[None]) for y, p in zip(Y, predicted, strict=True)]
    )
    _, kept_value = risk_coverage_curve(found, values)
    return {
        "predicted_iou": values.mean(),
        "correlation": np.corrcoef(values, found)[0, 1],
        "mean_error": np.abs(values - found).mean(),
        # Mean IOU of the images whose value is highest, by share of images kept.
        "risk_coverage": {
            f"{share:.0%}": kept_value[round(share * len(found)) - 1]
            for share in (0.2, 0.4, 0.6, 0.8, 1.0)
        },
    }


def aggregate(model, test):
    """The aggregation ablation of Table 4, on one trained network."""
    X, Y = test
    rows = []
    for name, (n_crops, aggregation, rounded) in AGGREGATIONS.items():
        crops = Crops(n_crops=n_crops, aggregation=aggregation, flip=False)
        model.set_params(crops=crops)
        start = perf_counter()
        relaxed = model.predict_proba(X)[:, 1]
        seconds = perf_counter() - start
        output = (relaxed >= 0.5).astype(int) if rounded else relaxed
        rows.append({"row": name, **ious(Y, output), "predict_s": seconds})
        show(rows[-1])
    return rows


def forward_seconds(model, X):
    """Seconds of one feed-forward pass over 36 crops of each image."""
    model.set_params(crops=Crops(n_crops=36, flip=False), n_steps=0)
    start = perf_counter()
    model.predict_value(X, np.full(X.shape[:3], 0.5))
    return perf_counter() - start


def show(row):
    """Print one line of the table."""
    more = ""
    if "correlation" in row:
        more = f"  value {row['predicted_iou']:.3f}, r = {row['correlation']:.2f}"
    print(
        f"{row['row']:32} {row['iou']:.4f}  {row['global_iou']:.4f}  "
        f"{row.get('fit_s', 0):7.1f}  {row['predict_s']:7.2f}{more}",
        flush=True,
    )


def split(data, seed, validate):
    """Images and masks to train on and to report on."""
    order = np.random.RandomState(seed).permutation(len(data.data))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    if validate:
        train, test = train[:-N_VALIDATION], train[-N_VALIDATION:]
    return tuple((data.data[rows], data.target[rows]) for rows in (train, test))


def main():
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", nargs="+", default=["unet", "dvn"], choices=ROWS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument(
        "--aggregate", action="store_true", help="the aggregation ablation, too"
    )
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--keep", type=Path, help="folder to write fitted models to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load_weizmann_horses(args.data, size=SIZE)
    train, test = split(data, args.split_seed, args.validate)
    rows = []
    print(f"{'row':32} mean    global    fit s  predict s")
    for name in args.rows:
        for seed in range(args.seeds):
            model = ROWS[name](seed)
            rows.append({"row": name, "seed": seed, **measure(model, train, test)})
            show(rows[-1])
            if args.keep:
                joblib.dump(model, args.keep / f"{name} {args.split_seed} {seed}.pkl")
            if args.aggregate:
                rows += aggregate(model, test)
                rows[-1]["forward_s"] = forward_seconds(model, test[0])
            if args.json:
                Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
