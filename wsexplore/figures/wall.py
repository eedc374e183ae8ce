"""A wall of pictures that networks are, at every moment of their making."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import FRESH, layout, plain, plain_axes, player, scale

PAPER = ("#fbfbfe", "#c9c5f6", "#5b4be0", "#17182b")
"""From an empty pixel to a full one."""

EMPTY = "rgba(128, 134, 160, 0.10)"
"""A tile that waits for its picture."""

DEEPEST = 254
"""Steps of intensity; the pixel value above them is a gap."""

TALLEST = 78
"""Pixels of a row of tiles."""


def wall_figure(
    pictures: Float[Array, "points pictures height width"],
    texts: Sequence[str],
    *,
    columns: int = 12,
    room: int = 0,
    chosen: int | None = None,
    names: Sequence[str] = (),
) -> go.Figure:
    """Pictures in rows; where there are several points of time, a slider and a button go through them.

    One marker lies on each tile, as large as a tile but not seen: it shows the text on hover, and it can be picked.

    Args:
        pictures: intensities 0 to 1, the last point of time is what is shown at first.
        texts: shown on hover, one per picture; they may hold plotly's markup.
        columns: tiles in a row.
        room: tiles of the whole wall; those without a picture yet stay empty.
        chosen: the picture that has a frame.
        names: of the points of time; by default shares of the last.
    """
    points, count, height, width = pictures.shape
    rows = -(-max(room, count) // columns)
    canvases = [_canvas(pictures[point], rows, columns) for point in range(points)]
    figure = go.Figure()
    for tile in range(count, max(room, count)):
        _empty(figure, tile, columns, height, width)
    figure.add_trace(_inked(canvases[-1]))
    at = np.arange(count)
    tall = (height + 1) * TALLEST / (height + 3)
    figure.add_scatter(
        x=(at % columns) * (width + 1) + (width - 1) / 2,
        y=(at // columns) * (height + 1) + (height - 1) / 2,
        mode="markers",
        marker={"size": tall * 0.8, "symbol": "square", "color": "rgba(0, 0, 0, 0.004)", "line": {"width": 0}},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        text=list(texts),
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    if chosen is not None and chosen < count:
        left, top = (chosen % columns) * (width + 1), (chosen // columns) * (height + 1)
        figure.add_shape(
            type="rect",
            x0=left - 1,
            x1=left + width,
            y0=top - 1,
            y1=top + height,
            line={"color": FRESH, "width": 3},
        )
    plain_axes(figure)
    figure.update_xaxes(range=[-1.5, columns * (width + 1) - 0.5], constrain="domain")
    figure.update_yaxes(
        range=[rows * (height + 1) - 0.5, -1.5], scaleanchor="x", constrain="domain", constraintoward="top"
    )
    drawn = {"height": 24 + TALLEST * rows, "dragmode": False, "clickmode": "event+select"}
    if points < 2:
        layout(figure, **drawn)
        return figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})
    names = list(names) or [f"{point / (points - 1):.2f}" for point in range(points)]
    place = len(figure.data) - 2
    figure.frames = [
        go.Frame(name=name, traces=[place], data=[{"type": "heatmap", "z": canvas}])
        for name, canvas in zip(names, canvases, strict=True)
    ]
    drawn["height"] = 100 + TALLEST * rows
    layout(figure, **drawn, **player(list(names), prefix="time ", duration=140, start=points - 1))
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})


def tile_text(name: str, lines: Sequence[str]) -> str:
    """What a tile shows on hover."""
    return "<br>".join([f"<b>{plain(name)}</b>", *(plain(line) for line in lines)])


def trio_figure(pictures: Sequence[tuple[str, Float[Array, "height width"]]], *, height: int = 230) -> go.Figure:
    """A few pictures side by side, each under its title; intensities 0 to 1."""
    titles = [plain(title) for title, _ in pictures]
    figure = make_subplots(1, len(pictures), subplot_titles=titles, horizontal_spacing=0.04)
    for place, (_, picture) in enumerate(pictures, start=1):
        figure.add_trace(_inked(_canvas(picture[None], 1, 1)), 1, place)
        axis = f"x{place}" if place > 1 else "x"
        figure.update_yaxes(autorange="reversed", scaleanchor=axis, constrain="domain", row=1, col=place)
    figure.update_xaxes(constrain="domain")
    plain_axes(figure)
    figure.update_annotations(font_size=13)
    return layout(figure, height=height)


def _inked(canvas: Array) -> go.Heatmap:
    """Full pixels dark; the value 255 lets the background through."""
    colours = [[DEEPEST / 255 * place, colour] for place, colour in scale(PAPER)] + [[1.0, "rgba(0, 0, 0, 0)"]]
    return go.Heatmap(z=canvas, zmin=0, zmax=255, colorscale=colours, showscale=False, hoverinfo="skip")


def _canvas(pictures: Float[Array, "pictures height width"], rows: int, columns: int) -> Array:
    """All tiles as one picture of whole numbers 0 to 254, 255 between them."""
    count, height, width = pictures.shape
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), 255, np.uint8)
    whole = np.nan_to_num(np.clip(pictures, 0, 1) * DEEPEST).round().astype(np.uint8)
    for index in range(count):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = whole[index]
    return canvas


def _empty(figure: go.Figure, tile: int, columns: int, height: int, width: int) -> None:
    left, top = (tile % columns) * (width + 1), (tile // columns) * (height + 1)
    figure.add_shape(
        type="rect",
        x0=left - 0.5,
        x1=left + width - 0.5,
        y0=top - 0.5,
        y1=top + height - 0.5,
        fillcolor=EMPTY,
        line={"width": 0},
        layer="below",
    )
