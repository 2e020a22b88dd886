"""Data sets: multi-label ones, and images with masks; of each, one needs no file."""

from .folders import image_files
from .image_sets import load_fasseg_frontal, load_weizmann_horses
from .label_sets import (
    fetch_multilabel,
    load_bibtex,
    load_bookmarks,
    load_digit_attributes,
)
from .lfw_parts import load_lfw_parts
from .mulan import load_mulan
from .silhouettes import make_silhouettes

__all__ = [
    "fetch_multilabel",
    "image_files",
    "load_bibtex",
    "load_bookmarks",
    "load_digit_attributes",
    "load_fasseg_frontal",
    "load_lfw_parts",
    "load_mulan",
    "load_weizmann_horses",
    "make_silhouettes",
]
