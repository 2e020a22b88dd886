"""Every way to segment the Weizmann horses that the paper or a user may think of.

Mean and global IOU on the test images, processor seconds of fit and predict::

    python benchmarks/weizmann.py --data DIR --rows unet dvn --seeds 2 --json out.json

DIR holds the folder ``weizmann_horse`` with its images and masks. 200 images, by a
seeded permutation, are for training, the others for testing; with ``--validate`` the
last 40 of the 200 take the place of the test images, to choose settings on.

``--rows compared`` fits a U-Net once and gives its masks at threshold .5, those of the
plug-in rule, and those of the Deep Value Network on the same weights (which its own
`fit` finds, too, as a test shows), with and without further views, and how well each
one's value knows its own masks and those of others.
"""

import argparse
import json
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter, process_time

import joblib
import numpy as np
import torch
from scipy import ndimage
from sklearn.frozen import FrozenEstimator

from skdvn import Crops, DVNSegmenter, Loss, MaskNet, Mixture, recipes
from skdvn.baselines import FCNSegmenter, PlugInSegmenter, UNetSegmenter
from skdvn.datasets import load_weizmann_horses
from skdvn.metrics import (
    boundary_f1_score,
    relaxed_iou_score,
    risk_coverage_curve,
)
from skdvn.networks import join

N_TRAIN, N_VALIDATION, SIZE = 200, 40, 32
N_RESAMPLES = 2000
# The aggregations of Table 4, crops, aggregation, whether masks are rounded; then with
# more steps of inference than training has.
AGGREGATIONS = {
    "mask averaging 9": (9, "average", True, 20),
    "joint 9": (9, "joint", True, 20),
    "mask averaging non-binary 25": (25, "average", False, 20),
    "joint non-binary 25": (25, "joint", False, 20),
    "mask averaging 25": (25, "average", True, 20),
    "joint 25": (25, "joint", True, 20),
    "mask averaging 36": (36, "average", True, 20),
    "joint 36": (36, "joint", True, 20),
    "mask averaging 9, 60 steps": (9, "average", True, 60),
    "mask averaging 36, 60 steps": (36, "average", True, 60),
    "joint 36, 60 steps": (36, "joint", True, 60),
}
# Epochs for the tuples of Table 4, and for adversarial ones, each of which takes 3.4
# times as long, to take about equal time.
SHORT, SHORTER = 60, 18
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
        step_size=0.2,
        random_state=seed,
        **params,
    )


def paper(seed, **params):
    """The network of the paper."""
    return DVNSegmenter(**{**recipes.CONV_SEGMENTER, **params}, random_state=seed)


ROWS = {
    "fcn": lambda seed: FCNSegmenter(crops=Crops(n_crops=36), random_state=seed),
    "unet": lambda seed: UNetSegmenter(random_state=seed),
    "unet, plug-in": lambda seed: PlugInSegmenter(UNetSegmenter(random_state=seed)),
    "dvn": lambda seed: DVNSegmenter(random_state=seed),
    "dvn, default tuples of the paper": lambda seed: DVNSegmenter(
        tuples=Mixture(
            {"ground_truth": 0.2, "stratified": 0.4, "inference": 0.4}, mixing="one"
        ),
        random_state=seed,
    ),
    "dvn, value only": value_only,
    "dvn, value only, linear": partial(value_only, network=MaskNet("linear")),
    "dvn, value only, no gradients": lambda seed: DVNSegmenter(
        loss=Loss(guess_weight=0.0), tuples=Mixture(mixing="all"), random_state=seed
    ),
    "dvn, 5 networks": lambda seed: DVNSegmenter(n_networks=5, random_state=seed),
    "unet, 5 networks": lambda seed: UNetSegmenter(n_networks=5, random_state=seed),
    "paper's network": paper,
    "paper's network, 1000 epochs": partial(paper, max_iter=1000),
    **{
        f"tuples: {name}": partial(
            paper, max_iter=SHORT, tuples=Mixture(tuples, n_samples=1)
        )
        for name, tuples in TUPLES.items()
    },
    "tuples: inference + adversarial, equal time": partial(
        paper,
        max_iter=SHORTER,
        tuples=Mixture(TUPLES["inference + adversarial"], n_samples=1),
    ),
}


def ious(truth, predicted):
    """Mean IOU over images and IOU of all pixels together."""
    return {
        "iou": relaxed_iou_score(truth, predicted),
        "boundary_f1": boundary_f1_score(
            truth.astype(int), predicted.round().astype(int)
        ),
        "global_iou": relaxed_iou_score(truth.reshape(1, -1), predicted.reshape(1, -1)),
    }


def measure(model, train, test):
    """Scores on the test images, seconds of fit and predict, and more of a DVN."""
    X, Y = test
    start = process_time()
    model.fit(*train)
    fitted = process_time()
    predicted = model.predict(X)
    done = process_time()
    row = {
        **ious(Y, predicted),
        "fit_s": fitted - start,
        "predict_s": done - fitted,
    }
    if hasattr(model, "predict_value"):
        row.update(judge(model.predict_value(X, predicted), ious_of(Y, predicted)))
    return row


def ious_of(truth, predicted):
    """IOU of each image."""
    both, either = (truth & predicted).sum((1, 2)), (truth | predicted).sum((1, 2))
    return both / np.maximum(either, 1)


def area_under(values, found):
    """Area under the risk-coverage curve: mean loss of the images ranked best."""
    _, kept = risk_coverage_curve(found, values)
    return 1 - np.mean(kept)


def judge(values, found):
    """How well values tell good masks from bad ones."""
    _, kept_value = risk_coverage_curve(found, values)
    return {
        "predicted_iou": values.mean(),
        "correlation": np.corrcoef(values, found)[0, 1],
        "mean_error": np.abs(values - found).mean(),
        "risk_area": area_under(values, found),
        "least_risk_area": area_under(found, found),
        # Mean IOU of the images whose value is highest, by share of images kept.
        "risk_coverage": {
            f"{share:.0%}": kept_value[round(share * len(found)) - 1]
            for share in (0.2, 0.4, 0.6, 0.8, 1.0)
        },
    }


def compared(train, test, seed, n_networks=1, keep=None):
    """Rows of one U-Net, or several, decided and judged in different ways.

    Returns
    -------
    rows : list of dict
    kept : dict of ndarray
        True IOU and values of each image, to put together over splits.
    """
    X, Y = test
    dvn = DVNSegmenter(random_state=seed, n_networks=n_networks)
    start = process_time()
    dvn.fit(*train)
    seconds = process_time() - start
    if keep:
        joblib.dump(dvn, keep)
    unet = UNetSegmenter(max_iter=1, random_state=seed, n_networks=1)
    unet.fit(train[0][:20], train[1][:20])
    unet.codec_, unet.crop_size_ = dvn.codec_, dvn.crop_size_
    networks = getattr(dvn.network_, "networks", [dvn.network_])
    unet.network_ = join([one.encoder for one in networks])
    rows, kept = [], {}
    for views, shift in (("", 0), (", 5 views", 1)):
        unet.set_params(crops=Crops(shift=shift))
        rule = PlugInSegmenter(FrozenEstimator(unet)).fit(*train)
        models = {"unet": unet, "unet, plug-in": rule}
        if shift:
            models["dvn"] = dvn
        for name, model in models.items():
            start = process_time()
            predicted = model.predict(X)
            row = {
                "row": name + views * (model is not dvn),
                "seed": seed,
                **ious(Y, predicted),
                "fit_s": seconds,
                "predict_s": process_time() - start,
            }
            if model is not unet:
                values, found = model.predict_value(X, predicted), ious_of(Y, predicted)
                row.update(judge(values, found))
            rows.append(row)
            show(row)
        kept[f"expected{views}"] = rule
    return rows, values_of_others(kept["expected"], dvn, train, X, Y)


def values_of_others(plain, dvn, train, X, Y):
    """True and predicted values of masks that were made without the truth."""
    plain.estimator_.estimator.set_params(crops=Crops(shift=0))
    own = dvn.predict(X)
    early = DVNSegmenter(random_state=99, max_iter=15).fit(*train).predict(X)
    masks = {
        "own": own,
        "dilated": np.stack([ndimage.binary_dilation(y) for y in own]).astype(
            own.dtype
        ),
        "eroded": np.stack([ndimage.binary_erosion(y) for y in own]).astype(own.dtype),
        "shifted": np.roll(own, 2, axis=2),
        "early stage": early,
        "other image": np.roll(own, 1, axis=0),
    }
    return {
        name: {
            "true": ious_of(Y, mask),
            "expected": plain.predict_value(X, mask),
            "dvn": dvn.predict_value(X, mask),
        }
        for name, mask in masks.items()
    }


def summary(parts):
    """Errors by kind of mask, and the gain in ranking with a paired interval."""
    rng = np.random.RandomState(0)
    for name in parts[0]:
        true, plain, dvn = (
            np.concatenate([part[name][key] for part in parts])
            for key in ("true", "expected", "dvn")
        )
        line = f"{name:14} true {true.mean():.4f}"
        for who, value in (("U-Net expects", plain), ("dvn", dvn)):
            error = np.abs(value - true).mean()
            line += f"  {who} {value.mean():.4f}, error {error:.4f}, area "
            line += f"{area_under(value, true):.4f}"
        gains = []
        for _ in range(N_RESAMPLES):
            rows = rng.randint(len(true), size=len(true))
            gains.append(
                area_under(plain[rows], true[rows]) - area_under(dvn[rows], true[rows])
            )
        low, high = np.percentile(gains, [2.5, 97.5])
        print(f"{line}  gain {np.mean(gains):.4f} [{low:.4f}, {high:.4f}]", flush=True)


def aggregate(model, test):
    """The aggregation ablation of Table 4, on one trained network."""
    X, Y = test
    rows = []
    for name, (n_crops, aggregation, rounded, n_steps) in AGGREGATIONS.items():
        crops = Crops(n_crops=n_crops, aggregation=aggregation, flip=False)
        model.set_params(crops=crops, n_steps=n_steps)
        start = perf_counter()
        relaxed = model.predict_relaxed(X)[:, 1]
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
    parser.add_argument(
        "--rows", nargs="+", default=["compared"], choices=["compared", *ROWS]
    )
    parser.add_argument("--size", type=int, default=SIZE, help="of the images")
    parser.add_argument("--networks", type=int, default=1, help='of "compared"')
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--splits", type=int, nargs="+", default=[0])
    parser.add_argument("--validate", action="store_true")
    parser.add_argument(
        "--aggregate",
        action="store_true",
        help="the aggregation ablation, too, of Deep Value Networks",
    )
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--keep", type=Path, help="folder to write fitted models to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load_weizmann_horses(args.data, size=args.size)
    rows, parts = [], []
    print(f"{'row':32} mean    global    fit s  predict s")
    for number, name, seed in product(args.splits, args.rows, range(args.seeds)):
        train, test = split(data, number, args.validate)
        if name == "compared":
            place = args.keep and args.keep / f"compared {number} {seed}.pkl"
            found, part = compared(train, test, seed, args.networks, place)
            rows += [{"split": number, **row} for row in found]
            parts.append(part)
            summary(parts)
        else:
            model = ROWS[name](seed)
            row = {"row": name, "split": number, "seed": seed}
            rows.append({**row, **measure(model, train, test)})
            show(rows[-1])
            if args.keep:
                joblib.dump(model, args.keep / f"{name} {number} {seed}.pkl")
            if args.aggregate and hasattr(model, "predict_relaxed"):
                rows += aggregate(model, test)
                rows[-1]["forward_s"] = forward_seconds(model, test[0])
        if args.json:
            Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
