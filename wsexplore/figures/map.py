"""Maps of a zoo: networks as points in the plane or in space, trajectories as lines, new networks among them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from wsexplore.embed.raster import Raster
from wsexplore.figures.markers import SVG, Cards, cards, markers
from wsexplore.figures.raster import raster_trace
from wsexplore.figures.theme import (
    CATEGORIES,
    FAINT,
    FRESH,
    LINE,
    SEQUENTIAL,
    clear,
    colour_bar,
    frame_most,
    layout,
    plain,
    scale,
)

OUTLINES = (FRESH, *CATEGORIES[:3], *CATEGORIES[4:])
GREY = "#8086a0"
"""Scenes in space draw no colour that lets the background through."""

DASHES = ("dot", "dash", "dashdot", "solid")


def map_figure(
    points: Float[Array, "models 2"],
    table: pd.DataFrame,
    *,
    colour: str,
    labels: tuple[str, str],
    trajectories: bool = False,
    regions: Mapping[str, Float[Array, "vertices 2"]] | None = None,
    chosen: Bool[Array, " models"] | None = None,
    raster: Raster | None = None,
    by: Literal["count", "mean"] = "count",
    notes: Mapping[str, Float[Array, " models"]] | None = None,
    around_zero: bool = False,
    lasso: bool = True,
    height: int = 620,
) -> go.Figure:
    """The map of a zoo, coloured by a column of its table.

    Args:
        points: one per row of `table`.
        table: what the hover card shows.
        colour: a column; numbers get a colour bar, anything else a colour and a symbol per value.
        labels: of the two axes.
        trajectories: join the checkpoints of each run.
        regions: of the selection by name, drawn as outlines.
        chosen: networks that stand out; the others are dimmed.
        raster: counts of all networks, drawn under the points.
        by: whether the raster shows the number of networks or the mean of the column `colour`.
        notes: further lines of the hover card by name, a share of 1 per network.
        around_zero: the column is a difference, coloured around zero.
        lasso: whether dragging draws a lasso; otherwise it moves the map.
        height: in pixels.
    """
    across, up = plain(labels[0]), plain(labels[1])
    figure = go.Figure()
    averaged = raster is not None and by == "mean" and raster.means is not None
    if raster is not None:
        figure.add_trace(raster_trace(raster, name=colour, by=by, bar=averaged))
    if trajectories:
        x, y = _paths(points, table)
        figure.add_scattergl(
            x=x, y=y, mode="lines", line={"color": FAINT, "width": 1}, hoverinfo="skip", showlegend=False
        )
    kind = go.Scattergl if len(points) > SVG else go.Scatter
    texts = cards(table, notes)
    for rows, look, name in markers(table, colour, chosen=chosen, around_zero=around_zero):
        drawn = {**look, "size": 3, "color": LINE, "colorbar": None} if averaged else look
        figure.add_trace(
            kind(
                x=points[rows, 0],
                y=points[rows, 1],
                mode="markers",
                marker=drawn,
                name=plain(name),
                showlegend=bool(name) and not averaged,
                **texts.settings(rows),
                unselected={"marker": {"opacity": 0.25}},
            )
        )
    _outline(figure, regions or {})
    frame_most(figure, points)
    figure.update_xaxes(title=across, zeroline=False)
    figure.update_yaxes(title=up, zeroline=False)
    return layout(
        figure,
        height=height,
        uirevision=f"{across} {up} {len(points)}",
        dragmode="lasso" if lasso else "pan",
        newselection={"line": {"color": FRESH, "width": 2}},
    )


def _outline(figure: go.Figure, regions: Mapping[str, Float[Array, "vertices 2"]]) -> None:
    """Each region as a broken line with its name at the top; a single one needs no name."""
    for place, (name, polygon) in enumerate(regions.items()):
        closed = np.vstack([polygon, polygon[:1]])
        colour = OUTLINES[place % len(OUTLINES)]
        figure.add_scatter(
            x=closed[:, 0],
            y=closed[:, 1],
            mode="lines",
            fill="toself",
            fillcolor=clear(colour, 0.08),
            line={"color": colour, "dash": DASHES[place // len(OUTLINES) % len(DASHES)], "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
        if len(regions) > 1:
            top = polygon[polygon[:, 1].argmax()]
            figure.add_annotation(
                x=top[0], y=top[1], text=f"<b>{plain(name)}</b>", font={"color": colour}, showarrow=False, yshift=10
            )


def space_figure(
    points: Float[Array, "models 3"],
    table: pd.DataFrame,
    *,
    colour: str,
    labels: tuple[str, str, str],
    chosen: Bool[Array, " models"] | None = None,
    notes: Mapping[str, Float[Array, " models"]] | None = None,
    around_zero: bool = False,
    height: int = 680,
) -> go.Figure:
    """The map of a zoo in space, to be turned by dragging; the arguments are those of `map_figure`."""
    figure, texts = go.Figure(), cards(table, notes)
    for rows, look, name in markers(table, colour, around_zero=around_zero):
        known = look.get("symbol", "circle") in ("circle", "diamond", "square", "cross", "x")
        marker: dict[str, Any] = {**look, "size": 3 if len(table) > SVG else 4, "line": {"width": 0}}
        if not known:
            marker["symbol"] = "circle-open"
        if chosen is not None:
            out = rows[~chosen[rows]]
            if len(out):
                figure.add_trace(_cloud(points, out, texts, {"size": 2, "color": GREY, "opacity": 0.35}, ""))
            shade = look["color"]
            keep = chosen[rows]
            if not isinstance(shade, str):
                tones = np.asarray(shade)
                marker = {"cmin": float(np.nanmin(tones)), "cmax": float(np.nanmax(tones)), **marker}
                marker["color"] = tones[keep]
            rows = rows[keep]
        figure.add_trace(_cloud(points, rows, texts, marker, plain(name)))
    low, high = np.quantile(points, (0.005, 0.995), axis=0)
    pad = 0.08 * (high - low)
    axes = ("xaxis", "yaxis", "zaxis")
    quiet = {"showbackground": False, "gridcolor": GREY, "zeroline": False}
    scene = {
        axis: {"title": {"text": plain(labels[k])}, "range": [low[k] - pad[k], high[k] + pad[k]], **quiet}
        for k, axis in enumerate(axes)
    }
    return layout(figure, height=height, scene={**scene, "aspectmode": "cube"}, uirevision=" ".join(map(plain, labels)))


def _cloud(
    points: Float[Array, "models 3"], rows: Int[Array, " rows"], texts: Cards, marker: dict[str, Any], name: str
) -> go.Scatter3d:
    x, y, z = points[rows].T
    return go.Scatter3d(
        x=x,
        y=y,
        z=z,
        mode="markers",
        marker=marker,
        name=name,
        showlegend=bool(name),
        **texts.settings(rows),
    )


def _paths(points: Float[Array, "models 2"], table: pd.DataFrame) -> tuple[Array, Array]:
    """Trajectories as one line, broken between runs."""
    order = np.lexsort([table["epoch"].to_numpy(), table["run"].to_numpy()])
    runs = table["run"].to_numpy()[order]
    breaks = np.flatnonzero(np.diff(runs)) + 1
    x = np.insert(points[order, 0].astype(np.float32), breaks, np.nan)
    y = np.insert(points[order, 1].astype(np.float32), breaks, np.nan)
    return x, y


def placed_figure(
    points: Float[Array, "models 2"],
    fresh: Float[Array, "samples 2"],
    nearest: Int[Array, " samples"],
    accuracy: Float[Array, " samples"],
    ids: Sequence[str],
    *,
    labels: tuple[str, str],
    height: int = 520,
) -> go.Figure:
    """New networks on the map of a zoo, each joined to its nearest network there.

    Args:
        points: the zoo's networks.
        fresh: the new networks.
        nearest: row of the zoo's nearest network to each new one.
        accuracy: test accuracy of each new network, 0 to 1.
        ids: of the new networks.
        labels: of the two axes.
        height: in pixels.
    """
    figure = go.Figure()
    figure.add_scattergl(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        marker={"size": 4, "color": FAINT},
        name="zoo",
        hoverinfo="skip",
    )
    gap = np.full(len(fresh), np.nan)
    ends = points[nearest]
    figure.add_scatter(
        x=np.stack([fresh[:, 0], ends[:, 0], gap], 1).ravel(),
        y=np.stack([fresh[:, 1], ends[:, 1], gap], 1).ravel(),
        mode="lines",
        line={"color": LINE, "width": 1},
        name="to its nearest network",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=fresh[:, 0],
        y=fresh[:, 1],
        mode="markers",
        name="sampled",
        marker={
            "size": 10,
            "symbol": "diamond",
            "color": accuracy,
            "colorscale": scale(SEQUENTIAL),
            "colorbar": colour_bar("test accuracy", tickformat=".1%"),
            "line": {"width": 1, "color": "white"},
        },
        text=[f"<b>{plain(name)}</b><br>test accuracy {value:.3f}" for name, value in zip(ids, accuracy, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )
    frame_most(figure, points, fresh)
    figure.update_xaxes(title=plain(labels[0]), zeroline=False)
    figure.update_yaxes(title=plain(labels[1]), zeroline=False)
    return layout(figure, height=height)
