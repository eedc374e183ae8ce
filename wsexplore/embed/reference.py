"""Which network of a zoo the others are aligned to."""

import numpy as np

from wsexplore.zoo import Zoo


def best_row(zoo: Zoo) -> int:
    """The row of the highest test accuracy, networks without one left out; the first where there is none."""
    if "test_accuracy" not in zoo.columns:
        return 0
    found = zoo.table["test_accuracy"].to_numpy(np.float64)
    return int(np.nanargmax(found)) if np.isfinite(found).any() else 0
