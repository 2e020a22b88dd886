"""What sizes of images cost: seconds and memory of one large image, and of many files.

    python benchmarks/sizes.py
    python benchmarks/sizes.py --files 10000

A segmenter is fitted to small images for one epoch, since weights do not change what
prediction costs, and predicts one image of 256 to 2048 pixels at its own resolution;
another, fitted to images of 256 pixels, works on them at 128. With ``--files`` so many
images of 64x64 are written as PNG, fitted for an epoch and predicted from their paths.
Memory is the peak of the process beyond what it was after imports. Each measurement
runs in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import torch

from skdvn import DVNSegmenter
from skdvn.datasets import image_files, make_silhouettes

SIDES = (256, 512, 1024, 2048)
LARGEST_SAMPLE = 200


def peak():
    """Peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def enlarged(images, factor):
    """Each pixel as a square of pixels."""
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def measure_one(side, trained_on):
    """Print seconds and memory of the prediction of one image."""
    X, Y = make_silhouettes(20, size=32, random_state=0)
    factor = trained_on // 32
    clf = DVNSegmenter(max_iter=1, random_state=0)
    clf.fit(enlarged(X, factor), enlarged(Y, factor))
    image = enlarged(X[:1], side // 32)
    before, start = peak(), process_time()
    clf.predict(image)
    print(
        f"fitted on {trained_on}, one image of {side}: {process_time() - start:.2f} s, "
        f"{peak() - before:.0f} MB more than fit",
        flush=True,
    )


def measure_files(n):
    """Print memory and seconds of fit and predict on files."""
    from PIL import Image

    X, Y = make_silhouettes(LARGEST_SAMPLE, size=64, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        for name, arrays in (("images", X), ("masks", Y)):
            place = Path(folder) / name
            place.mkdir()
            for i in range(n):
                Image.fromarray(arrays[i % LARGEST_SAMPLE]).save(place / f"{i:06d}.png")
        X, y = image_files(Path(folder) / "images", Path(folder) / "masks")
        before, start = peak(), process_time()
        clf = DVNSegmenter(n_channels=8, max_iter=1, random_state=0).fit(X, y)
        fitted, more = process_time(), peak() - before
        masks = clf.predict(X)
        size = sum(mask.nbytes for mask in masks) / 2**20
        print(
            f"{n} files: fit {fitted - start:.0f} s, {more:.0f} MB; predict "
            f"{process_time() - fitted:.0f} s, {peak() - before:.0f} MB, of which "
            f"masks {size:.0f}",
            flush=True,
        )


def main():
    """Run each measurement in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--files", type=int, help="so many files instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.one:
        measure_one(*args.one)
    elif args.files:
        measure_files(args.files)
    else:
        for trained_on in (32, 256):
            for side in SIDES:
                command = [
                    sys.executable,
                    __file__,
                    "--one",
                    str(side),
                    str(trained_on),
                ]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
