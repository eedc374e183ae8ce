"""Maps of a zoo: networks as points, trajectories as lines, new networks among them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.figures.theme import (
    CATEGORIES,
    FAINT,
    FRESH,
    LINE,
    SEQUENTIAL,
    SYMBOLS,
    colour_bar,
    frame_most,
    layout,
    plain,
    scale,
)

SVG = 1000
"""Up to so many points are drawn as SVG, more by WebGL."""

HOVER = (
    "run",
    "epoch",
    "test_accuracy",
    "test_loss",
    "lr",
    "optimizer",
    "init",
    "activation",
    "label_noise",
    "data_share",
)


def map_figure(
    points: Float[Array, "models 2"],
    table: pd.DataFrame,
    *,
    colour: str,
    labels: tuple[str, str],
    trajectories: bool = False,
    polygon: Float[Array, "vertices 2"] | None = None,
    height: int = 620,
) -> go.Figure:
    """The map of a zoo, coloured by a column of its table.

    Args:
        points: one per row of `table`.
        table: what the hover card shows; `customdata` holds the ids.
        colour: a column; numbers get a colour bar, anything else a colour and a symbol per value.
        labels: of the two axes.
        trajectories: join the checkpoints of each run.
        polygon: the selection, drawn as an outline.
        height: in pixels.
    """
    across, up = plain(labels[0]), plain(labels[1])
    figure = go.Figure()
    if trajectories:
        x, y = _paths(points, table)
        figure.add_scattergl(
            x=x, y=y, mode="lines", line={"color": FAINT, "width": 1}, hoverinfo="skip", showlegend=False
        )
    kind = go.Scattergl if len(points) > SVG else go.Scatter
    for rows, marker, name in _markers(table, colour):
        figure.add_trace(
            kind(
                x=points[rows, 0],
                y=points[rows, 1],
                mode="markers",
                marker=marker,
                name=plain(name),
                showlegend=bool(name),
                customdata=table["id"].to_numpy()[rows],
                text=_cards(table.iloc[rows]),
                hovertemplate="%{text}<extra></extra>",
                unselected={"marker": {"opacity": 0.25}},
            )
        )
    if polygon is not None and len(polygon) > 2:
        closed = np.vstack([polygon, polygon[:1]])
        figure.add_scatter(
            x=closed[:, 0],
            y=closed[:, 1],
            mode="lines",
            fill="toself",
            fillcolor="rgba(208, 64, 138, 0.08)",
            line={"color": FRESH, "dash": "dot", "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    frame_most(figure, points)
    figure.update_xaxes(title=across, zeroline=False)
    figure.update_yaxes(title=up, zeroline=False)
    layout(
        figure,
        height=height,
        uirevision=f"{across} {up} {len(points)}",
        dragmode="lasso",
        newselection={"line": {"color": FRESH, "width": 2}},
    )
    return figure


def _paths(points: Float[Array, "models 2"], table: pd.DataFrame) -> tuple[Array, Array]:
    """Trajectories as one line, broken between runs."""
    order = np.lexsort([table["epoch"].to_numpy(), table["run"].to_numpy()])
    runs = table["run"].to_numpy()[order]
    breaks = np.flatnonzero(np.diff(runs)) + 1
    x = np.insert(points[order, 0].astype(float), breaks, np.nan)
    y = np.insert(points[order, 1].astype(float), breaks, np.nan)
    return x, y


def _markers(table: pd.DataFrame, colour: str) -> list[tuple[Int[Array, " rows"], dict[str, object], str]]:
    """Rows, marker and legend name of each trace."""
    values = table[colour]
    size = 5 if len(table) > SVG else 7
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        shown, ticks = _log_if_wide(values.to_numpy(float), colour)
        marker = {
            "size": size,
            "color": shown,
            "colorscale": scale(SEQUENTIAL),
            "colorbar": colour_bar(colour, **ticks),
            "opacity": 0.85,
        }
        return [(np.arange(len(table)), marker, "")]
    parts = []
    for place, value in enumerate(sorted(values.astype(str).unique())):
        marker = {
            "size": size + 1,
            "color": CATEGORIES[place % len(CATEGORIES)],
            "symbol": SYMBOLS[place // len(CATEGORIES) % len(SYMBOLS)] if place >= len(CATEGORIES) else SYMBOLS[place],
            "opacity": 0.8,
        }
        parts.append((np.flatnonzero(values.astype(str).to_numpy() == value), marker, value))
    return parts


def _log_if_wide(values: Float[Array, " models"], name: str) -> tuple[Float[Array, " models"], dict[str, object]]:
    """Positive values over two decades or more are coloured by their logarithm, shares of 1 never."""
    finite = values[np.isfinite(values)]
    if (
        len(finite) == 0
        or name.endswith(("accuracy", "share", "noise"))
        or finite.min() <= 0
        or finite.max() / finite.min() < 100
    ):
        return values, {}
    powers = np.arange(np.ceil(np.log10(finite.min())), np.floor(np.log10(finite.max())) + 1)
    return np.log10(values), {"tickvals": powers, "ticktext": [f"{10**power:g}" for power in powers]}


def _cards(table: pd.DataFrame) -> list[str]:
    """What the pointer reads off each network."""
    names = [name for name in HOVER if name in table]
    columns = [table[name].tolist() for name in names]
    cards = []
    for row, values in zip(table["id"], zip(*columns, strict=True), strict=True):
        facts = [f"{name.replace('_', ' ')} {_short(name, value)}" for name, value in zip(names, values, strict=True)]
        cards.append(f"<b>{plain(row)}</b><br>" + "<br>".join(facts))
    return cards


def _short(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if "accuracy" in name else f"{value:.3g}" + (" nats" if name.endswith("loss") else "")
    return plain(value)


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
