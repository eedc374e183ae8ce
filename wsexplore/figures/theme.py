"""Colours and the common layout: the only place that knows either."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

SEQUENTIAL = ("#5b4be0", "#9a3fc4", "#d4458f", "#f06a5a", "#f59b3a", "#e9c62c")
"""Low to high; each step is lighter than the one before, and all are legible on white and on black."""

DIVERGING = ("#1f6fc4", "#7fb0e6", "#f1f1f4", "#f0a27f", "#c8481f")
"""Negative, zero, positive."""

SHARES = ("rgba(128, 134, 160, 0.12)", "#a9a2ee", "#8a5fd6", "#c2408f", "#e9654f")
"""Shares of 1: nothing is almost the background, so that what is there stands out."""

INK = ("#ffffff", "#1b1e2e")
"""The pixels of an image, 0 to 1."""

CATEGORIES = ("#6a63e8", "#d9730d", "#12a37b", "#d0408a", "#7d8597", "#2f93d8", "#a88600")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star")
TIMES = "\N{MULTIPLICATION SIGN}"
FAINT = "rgba(128, 134, 160, 0.35)"
LINE = "rgba(128, 134, 160, 0.8)"
RAW, ALIGNED = CATEGORIES[1], CATEGORIES[0]
FIRST, SECOND, FRESH = CATEGORIES[0], CATEGORIES[1], CATEGORIES[3]


def plain(text: object) -> str:
    """Text that a figure shows letter by letter: plotly would read `<b>` and `<a href>` in it as markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clear(colour: str, opacity: float) -> str:
    """A `#rrggbb` colour that lets the background through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def shade(colours: tuple[str, ...], share: float) -> str:
    """The colour at a share, 0 to 1, of the way through `colours`; what lies beyond takes the nearest end."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(place), len(colours) - 2)
    parts = ((int(colours[low][k : k + 2], 16), int(colours[low + 1][k : k + 2], 16)) for k in (1, 3, 5))
    return "#" + "".join(f"{round(start + (place - low) * (end - start)):02x}" for start, end in parts)


def words(column: str) -> str:
    """A column's name as it is read."""
    return plain(column.replace("_", " "))


def scale(colours: tuple[str, ...]) -> list[list[Any]]:
    """A plotly colour scale through `colours`, evenly spaced."""
    return [[index / (len(colours) - 1), colour] for index, colour in enumerate(colours)]


def layout(figure: go.Figure, *, height: int, **settings: Any) -> go.Figure:
    """Apply the common layout and return the same figure."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **{"uirevision": "constant", **settings},
    )
    return figure


def colour_bar(column: str, **settings: Any) -> dict[str, Any]:
    """The bar of a colour scale, named after a column of the table."""
    return {
        "title": {"text": words(column), "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
        **settings,
    }


def flat_bar(title: str) -> dict[str, Any]:
    """The bar of a colour scale along the lower end of a figure; it takes 56 pixels of the lower margin."""
    return {
        "title": {"text": plain(title), "side": "top"},
        "orientation": "h",
        "thickness": 10,
        "outlinewidth": 0,
        "len": 0.6,
        "x": 0.5,
        "yref": "container",
        "y": 0.0,
        "yanchor": "bottom",
        "ypad": 4,
    }


def bent(values: Float[Array, "*shape"], small: float) -> Float[Array, "*shape"]:
    """Values for an axis that is linear up to about `small` and logarithmic above: 0 stays, a decade is 1."""
    moved: Float[Array, "*shape"] = np.sign(values) * np.log10(1 + np.abs(values) / small)
    return moved


def frame_most(
    figure: go.Figure, crowd: Float[Array, "points 2"], whole: Float[Array, "others 2"] | None = None
) -> None:
    """Axes that show 99 of 100 points of a crowd and all of some others; a double click shows the rest."""
    low, high = np.quantile(crowd, (0.005, 0.995), axis=0)
    if whole is not None:
        low, high = np.minimum(low, whole.min(0)), np.maximum(high, whole.max(0))
    pad = 0.05 * (high - low)
    figure.update_xaxes(range=[low[0] - pad[0], high[0] + pad[0]])
    figure.update_yaxes(range=[low[1] - pad[1], high[1] + pad[1]])


def plain_axes(figure: go.Figure, **where: Any) -> None:
    """Hide ticks and grid, for images and for maps whose axes have no unit."""
    figure.update_xaxes(visible=False, showgrid=False, zeroline=False, **where)
    figure.update_yaxes(visible=False, showgrid=False, zeroline=False, **where)


def player(steps: list[str], *, prefix: str, duration: int = 60, y: float = 0.0, start: int = 0) -> dict[str, Any]:
    """A play button and a slider over frames named by `steps`; both act in the browser alone."""
    animate = {
        "mode": "immediate",
        "transition": {"duration": 0},
        "frame": {"duration": duration, "redraw": True},
    }
    return {
        "sliders": [
            {
                "active": start,
                "currentvalue": {"prefix": prefix},
                "pad": {"t": 8, "l": 84, "r": 4},
                "x": 0,
                "len": 1,
                "y": y,
                "steps": [
                    {
                        "label": name,
                        "method": "animate",
                        "args": [[name], {**animate, "frame": {"duration": 0, "redraw": True}}],
                    }
                    for name in steps
                ],
            }
        ],
        "updatemenus": [
            {
                "type": "buttons",
                "showactive": False,
                "x": 0.0,
                "xanchor": "left",
                "y": y,
                "yanchor": "top",
                "pad": {"t": 26},
                "buttons": [
                    {
                        "label": "▶ Play",
                        "method": "animate",
                        "args": [None, {**animate, "fromcurrent": False}],
                    },
                ],
            }
        ],
    }


def mosaic(images: Float[Array, "count height width"], *, columns: int) -> Float[Array, "rows columns"]:
    """Images side by side with a gap of one pixel, the gaps not a number; the first image lies top left."""
    count, height, width = images.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, np.float32)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = image
    return canvas
