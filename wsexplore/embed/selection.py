"""A region of a map, as text that fits into a link."""

from collections.abc import Sequence

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

VERTICES = 30
DRAWN = 8000
"""Most points that one map draws."""


def polygon_text(xs: Sequence[float], ys: Sequence[float]) -> str:
    """A drawn outline as `x,y x,y ...`, simplified to at most 30 vertices of three digits."""
    outline = shapely.LinearRing(list(zip(xs, ys, strict=True)))
    left, bottom, right, top = outline.bounds
    tolerance = 0.002 * max(right - left, top - bottom)
    while True:
        corners = shapely.get_coordinates(outline.simplify(tolerance))[:-1]
        if len(corners) <= VERTICES:
            return " ".join(f"{x:.4g},{y:.4g}" for x, y in corners)
        tolerance *= 1.5


def parse_polygon(text: str) -> Float[Array, "vertices 2"]:
    """The outline that `polygon_text` wrote.

    Raises:
        ValueError: the text is not three or more pairs of numbers.
    """
    try:
        corners = np.array([[float(part) for part in pair.split(",")] for pair in text.split()])
    except ValueError:
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or len(corners) < 3 or not np.isfinite(corners).all():
        raise ValueError("a region is three or more corners like 0,0 1,0 1,1")
    return corners


def inside(points: Float[Array, "models 2"], polygon: Float[Array, "vertices 2"]) -> Bool[Array, " models"]:
    """Which points lie within the outline; one that crosses itself is read by its repaired shape."""
    region = shapely.make_valid(shapely.Polygon(polygon))
    shapely.prepare(region)
    found: Bool[Array, " models"] = shapely.contains_xy(region, points[:, 0], points[:, 1])
    return found


def thinned(rows: Int[Array, " rows"], most: int = DRAWN) -> Int[Array, " some"]:
    """The rows a map draws: all of them, or `most` drawn evenly with a fixed seed, in order."""
    if len(rows) <= most:
        return rows
    some: Int[Array, " some"] = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    return some
