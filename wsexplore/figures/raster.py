"""All networks of a map as one picture: how many lie in each cell, or what a column is there on average."""

from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.embed.raster import Raster
from wsexplore.figures.markers import log_if_wide
from wsexplore.figures.theme import SEQUENTIAL, colour_bar, scale

INKS = ("rgba(128, 134, 160, 0.10)", "rgba(128, 134, 160, 0.38)", "rgba(118, 124, 156, 0.85)")
"""Few to many networks in a neutral tone, legible on white and on black and behind coloured points."""

NOTHING = "rgba(0, 0, 0, 0)"
LEVELS = 255


def raster_trace(raster: Raster, *, name: str, by: Literal["count", "mean"] = "count", bar: bool = True) -> go.Heatmap:
    """A density raster as a heatmap of one byte per cell; empty cells let the background through.

    Args:
        raster: counts, shown on a logarithmic scale, and means of a column.
        name: of the column.
        by: what the colour says.
        bar: whether to draw the colour bar.
    """
    counts, x, y = raster.counts, raster.x, raster.y
    colours: tuple[str, ...] = INKS
    if by == "mean" and raster.means is not None:
        shown, settings = log_if_wide(raster.means, name)
        colours, title = SEQUENTIAL, f"mean {name}"
    else:
        shown = np.log10(np.maximum(counts, 1).astype(float))
        settings, title = _count_ticks(counts), "networks per cell"
    shown = np.where(counts > 0, shown, np.nan)
    low, high = (float(np.nanmin(shown)), float(np.nanmax(shown))) if np.isfinite(shown).any() else (0.0, 1.0)
    step = (high - low) / (LEVELS - 1) or 1.0
    levels = np.where(np.isfinite(shown), 1 + np.round((np.nan_to_num(shown, nan=low) - low) / step), 0)
    ticks = settings.get("tickvals")
    if ticks is None:
        ticks = _round_ticks(low, high)
        settings = {"ticktext": [f"{value:.3g}" for value in ticks]}
    settings = {**settings, "tickvals": 1 + (np.asarray(ticks) - low) / step}
    ramp = [[0.0, NOTHING], [0.5 / LEVELS, NOTHING]]
    ramp += [[max(share, 0.5 / LEVELS), colour] for share, colour in scale(colours)]
    return go.Heatmap(
        z=levels.astype(np.uint8),
        x0=float(x[0]),
        dx=float(x[1] - x[0]),
        y0=float(y[0]),
        dy=float(y[1] - y[0]),
        zmin=0,
        zmax=LEVELS,
        colorscale=ramp,
        showscale=bar,
        colorbar=colour_bar(title, **settings),
        hoverinfo="skip",
        zsmooth=False,
    )


def _count_ticks(counts: Int[Array, "height width"]) -> dict[str, object]:
    most = int(counts.max())
    values = [value for power in range(10) for value in (10**power, 3 * 10**power) if value <= most] or [1]
    return {"tickvals": np.log10(values), "ticktext": [f"{value:,}" for value in values]}


def _round_ticks(low: float, high: float) -> Float[Array, " ticks"]:
    """About five round values between two numbers."""
    if high <= low:
        return np.array([low])
    rough = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(rough))
    step = size * next(factor for factor in (1, 2, 5, 10) if factor * size >= rough)
    ticks: Float[Array, " ticks"] = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return ticks
