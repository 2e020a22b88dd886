"""Export of fitted estimators to ONNX.

Graphs take the raw inputs of the estimator, any number at once, in single precision;
standardising is part of them. Those of `export_predict` climb in a loop.
"""

from .export import export_predict, export_value

__all__ = ["export_predict", "export_value"]
