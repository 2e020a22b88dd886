"""How near to 0 and 1 probabilities may come, where logarithms would be infinite."""

import numpy as np

MARGIN = 1e-6


def inner(probabilities):
    """Probabilities clipped to ``[MARGIN, 1 - MARGIN]``, a new array."""
    return np.clip(probabilities, MARGIN, 1 - MARGIN)
