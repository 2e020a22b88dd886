"""Build and dependencies of skdvn."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
SOURCE = (HERE / "skdvn" / "_moved.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "([^"]+)"$', SOURCE, re.MULTILINE)[1]

EXTRAS = {
    "images": ["pillow>=9.2"],
    "plot": ["matplotlib>=3.6"],
    "progress": ["rich>=13"],  # scikit-learn's ProgressBar, 1.9 and newer
    "superpixels": ["scikit-image>=0.20"],
    "dask": ["dask[distributed]>=2024.1"],
    "onnx": ["onnx>=1.23", "onnxscript>=0.7.2", "onnxruntime>=1.23"],
    "safetensors": ["safetensors>=0.5"],
    "skops": ["skops>=0.11"],
}
FOR_USERS = [name for extra in EXTRAS.values() for name in extra]
EXTRAS["test"] = [
    "pytest>=7.4",
    "pytest-cov>=4",
    "pytest-xdist>=3.3",
    "hypothesis>=6.80",
    "pandas>=2",
    "polars>=1",
    "numpydoc>=1.8",
    *FOR_USERS,
]
EXTRAS["lint"] = ["ruff>=0.6", "mypy>=2.4", "codespell>=2.3", "pre-commit>=3.5"]
EXTRAS["docs"] = [
    "sphinx>=7.3",
    "numpydoc>=1.8",
    "sphinx-gallery>=0.17",
    "pydata-sphinx-theme>=0.15",
    "sphinx-copybutton>=0.5",
    *FOR_USERS,
]
EXTRAS["all"] = sorted({name for extra in EXTRAS.values() for name in extra})

setup(
    name="skdvn",
    version=VERSION,
    description="Deep Value Networks for labels and masks, as scikit-learn estimators",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    author="the skdvn developers",
    license_expression="BSD-3-Clause",
    packages=find_packages(include=["skdvn", "skdvn.*"]),
    # Editable installs then put this folder on the path; a finder would be asked too
    # late by scripts beside the checkout, whose name is that of the package.
    package_dir={"": "."},
    package_data={"skdvn": ["py.typed"]},
    python_requires=">=3.10",
    install_requires=[
        "numpy>=1.24",
        "scipy>=1.10",
        "scikit-learn>=1.6",
        "torch>=2.3",  # the first that works with NumPy 2
        "typing-extensions>=4; python_version < '3.11'",
    ],
    extras_require=EXTRAS,
    keywords=[
        "multi-label classification",
        "image segmentation",
        "structured prediction",
        "PyTorch",
    ],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
