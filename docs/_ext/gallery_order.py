"""The order of the examples in the gallery."""

from sphinx_gallery.sorting import FileNameSortKey

FIRST = [
    "demo",
    "text_tags",
    "horses",
    "faces",
    "refine",
    "selective_prediction",
    "what_was_learned",
    "image_tagging",
    "grid_search",
    "own_oracle",
    "own_network",
    "own_backbone",
    "own_tuples",
]


class GalleryOrder(FileNameSortKey):
    """From the first steps to parts of one's own; examples not named come last."""

    def __call__(self, filename):
        name = filename.removesuffix(".py")
        return f"{FIRST.index(name) if name in FIRST else len(FIRST):02} {filename}"
