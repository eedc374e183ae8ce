"""What the four curves of a path are called, and their table."""

import pandas as pd

from wsexplore.landscape import Barrier

TITLES = {
    "naive": "Raw",
    "aligned": "Matched",
    "aligned + reset": "Matched, reset",
    "aligned + REPAIR": "Matched, REPAIR",
}
"""What the metric of each curve is called."""


def curves_frame(found: dict[str, Barrier]) -> pd.DataFrame:
    """A row per position, loss and accuracy of each path."""
    columns = {"position": next(iter(found.values())).alphas}
    for name, curve in found.items():
        columns |= {f"loss_{name}": curve.losses, f"accuracy_{name}": curve.accuracies}
    return pd.DataFrame(columns)
