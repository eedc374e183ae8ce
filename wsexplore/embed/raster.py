"""Where all networks of a map lie, as counts on a grid."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

CELLS = 240
"""Cells along each side."""

MARGIN = 0.25
"""Share of the frame's width that the grid goes on beyond the middle 99 of 100 networks, on each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Networks counted on a grid, and what a column says of them.

    Attributes:
        counts: networks in each cell; rows go up, columns go right.
        means: mean of the column in each cell, not a number where no network has a value; `None` without a column.
        x: middle of each column of cells.
        y: middle of each row of cells.
        outside: networks beyond the grid.
    """

    counts: Int[Array, "height width"]
    means: Float[Array, "height width"] | None
    x: Float[Array, " width"]
    y: Float[Array, " height"]
    outside: int


def rasterise(
    points: Float[Array, "models 2"], values: Float[Array, " models"] | None = None, *, cells: int = CELLS
) -> Raster:
    """Count networks on a grid over the middle 99 of 100 of them and a margin around.

    Args:
        points: at least one network.
        values: a numeric column; networks without a finite value are counted, and left out of the mean.
        cells: along each side.
    """
    low, high = np.quantile(points, (0.005, 0.995), axis=0).astype(np.float64)
    pad = np.maximum(MARGIN * (high - low), 1e-9)
    low, high = np.maximum(low - pad, points.min(0)), np.minimum(high + pad, points.max(0))
    size = np.maximum(high - low, 1e-9) / cells
    place = (points - low) / size
    within = np.flatnonzero((place >= 0).all(1) & (place <= cells).all(1))
    cell = np.minimum(place[within].astype(np.int32), cells - 1)
    flat = cell[:, 1] * cells + cell[:, 0]
    counts = np.bincount(flat, minlength=cells * cells)
    means: Float[Array, "height width"] | None = None
    if values is not None:
        given = values[within]
        told = np.isfinite(given)
        known = np.bincount(flat[told], minlength=cells * cells)
        total = np.bincount(flat[told], given[told].astype(np.float64), minlength=cells * cells)
        means = np.divide(total, known, out=np.full(cells * cells, np.nan), where=known > 0).reshape(cells, cells)
    x, y = (low[axis] + size[axis] * (np.arange(cells) + 0.5) for axis in (0, 1))
    return Raster(counts.reshape(cells, cells), means, x, y, len(points) - len(within))
