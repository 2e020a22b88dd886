"""Save fitted estimators in files that cannot run code; export them to ONNX.

A file of `save` holds the arrays of an estimator in the safetensors format and all
else, such as parameters, classes and history, as JSON in its header. `load` makes
objects of a closed table of classes from them and nothing else; unlike with pickle,
joblib or ``torch.load``, a file from a stranger can mislead you but not act for you.

For `skops <https://skops.readthedocs.io>`_, pass `TRUSTED_TYPES` to its ``load``.
`export_value` and `export_predict` make graphs for prediction without Python and
PyTorch.
"""

from ..estimators import OtherVersionWarning
from .files import load, save
from .onnx import export_predict, export_value
from .plain_data import TRUSTED_TYPES

__all__ = [
    "TRUSTED_TYPES",
    "OtherVersionWarning",
    "export_predict",
    "export_value",
    "load",
    "save",
]
