"""Maps of a zoo: networks as points, trajectories as lines, the symmetry lens."""

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
    layout,
    plain_axes,
    player,
    scale,
)

DRAWN = 8000
"""Most points that one map draws."""

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
    highlighted: Sequence[int] = (),
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
        highlighted: rows to ring.
        polygon: the selection, drawn as an outline.
        height: in pixels.
    """
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
                name=name,
                showlegend=bool(name),
                customdata=table["id"].to_numpy()[rows],
                text=_cards(table.iloc[rows]),
                hovertemplate="%{text}<extra></extra>",
                unselected={"marker": {"opacity": 0.25}},
            )
        )
    if len(highlighted):
        figure.add_scatter(
            x=points[list(highlighted), 0],
            y=points[list(highlighted), 1],
            mode="markers",
            marker={"size": 14, "symbol": "circle-open", "color": FRESH, "line": {"width": 2.5}},
            hoverinfo="skip",
            showlegend=False,
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
    figure.update_xaxes(title=labels[0], zeroline=False)
    figure.update_yaxes(title=labels[1], zeroline=False)
    return layout(figure, height=height, dragmode="lasso", newselection={"line": {"color": FRESH, "width": 2}})


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
        bar = {
            "title": {"text": colour.replace("_", " "), "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            **ticks,
        }
        marker = {
            "size": size,
            "color": shown,
            "colorscale": scale(SEQUENTIAL),
            "colorbar": bar,
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
        cards.append(f"<b>{row}</b><br>" + "<br>".join(facts))
    return cards


def _short(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if "accuracy" in name else f"{value:.3g}" + (" nats" if name.endswith("loss") else "")
    return str(value)


def lens_figure(
    raw: Float[Array, "models 2"],
    aligned: Float[Array, "models 2"],
    values: Float[Array, " models"],
    orbit_raw: Float[Array, "copies 2"],
    orbit_aligned: Float[Array, "copies 2"],
    *,
    colour: str,
    steps: int = 16,
    height: int = 560,
) -> go.Figure:
    """The symmetry lens: the same networks before and after alignment, moved by a switch in the browser.

    Args:
        raw: places of the networks as trained.
        aligned: their places after alignment.
        values: colour of each network.
        orbit_raw: permuted copies of one network, all the same function.
        orbit_aligned: the copies after alignment: one point, where matching finds them all.
        colour: name of `values`.
        steps: pictures between the two.
        height: in pixels.
    """
    ease = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, steps))

    def between(start: Array, end: Array, share: float) -> dict[str, Array]:
        place = ((1 - share) * start + share * end).astype(np.float32)
        return {"x": place[:, 0], "y": place[:, 1]}

    def traces(share: float) -> list[dict[str, Array]]:
        return [between(raw, aligned, share), between(orbit_raw, orbit_aligned, share)]

    figure = go.Figure()
    cloud, copies = traces(0.0)
    bar = {"title": {"text": colour.replace("_", " "), "side": "right"}, "thickness": 12, "outlinewidth": 0}
    marker = {"size": 5, "color": values, "colorscale": scale(SEQUENTIAL), "opacity": 0.75, "colorbar": bar}
    figure.add_scattergl(**cloud, mode="markers", marker=marker, name="networks", hoverinfo="skip")
    star = {"size": 10, "color": FRESH, "symbol": "star", "line": {"width": 1, "color": "white"}}
    figure.add_scattergl(
        **copies, mode="markers", marker=star, name="one network, its units permuted", hoverinfo="skip"
    )
    names = ["raw", *(f"{share:.0%}" for share in ease[1:-1]), "aligned"]
    figure.frames = [
        go.Frame(name=n, data=traces(float(share)), traces=[0, 1]) for n, share in zip(names, ease, strict=True)
    ]
    _frame_most(figure, np.vstack([raw, aligned]), np.vstack([orbit_raw, orbit_aligned]))
    plain_axes(figure)
    layout(figure, height=height, **player(names, prefix="weights: ", duration=45))
    motion = {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 45, "redraw": True}}
    figure.layout.updatemenus[0].buttons = [
        {"label": "Align", "method": "animate", "args": [names, motion]},
        {"label": "Undo", "method": "animate", "args": [names[::-1], motion]},
    ]
    return figure


def _frame_most(figure: go.Figure, crowd: Float[Array, "points 2"], whole: Float[Array, "others 2"]) -> None:
    """Axes that show 99 of 100 points of a crowd and all of some others; zooming out shows the rest."""
    low = np.minimum(np.quantile(crowd, 0.005, axis=0), whole.min(0))
    high = np.maximum(np.quantile(crowd, 0.995, axis=0), whole.max(0))
    pad = 0.05 * (high - low)
    figure.update_xaxes(range=[low[0] - pad[0], high[0] + pad[0]])
    figure.update_yaxes(range=[low[1] - pad[1], high[1] + pad[1]])


def training_figure(
    points: Float[Array, "epochs runs 2"],
    accuracy: Float[Array, "epochs runs"],
    epochs: Sequence[int],
    *,
    between: int = 8,
    height: int = 520,
) -> go.Figure:
    """Networks on their way from initialisation to the last checkpoint, coloured by accuracy.

    Args:
        points: the place of every run at every checkpoint.
        accuracy: test accuracy, 0 to 1, at the same places.
        epochs: of the checkpoints.
        between: pictures from one checkpoint to the next; places between two are interpolated, and only drawn.
        height: in pixels.
    """
    stops = np.linspace(0, len(epochs) - 1, (len(epochs) - 1) * between + 1)

    def at(stop: float, values: Array) -> Array:
        low = min(int(stop), len(values) - 2)
        share = stop - low
        mixed: Array = ((1 - share) * values[low] + share * values[low + 1]).astype(np.float32)
        return mixed

    figure = go.Figure()
    for run in range(0, points.shape[1], max(1, points.shape[1] // 150)):
        figure.add_scattergl(
            x=points[:, run, 0],
            y=points[:, run, 1],
            mode="lines",
            line={"color": FAINT, "width": 0.7},
            hoverinfo="skip",
            showlegend=False,
            opacity=0.5,
        )
    bar = {
        "title": {"text": "test accuracy", "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickformat": ".0%",
    }
    final = points[-1]
    marker = {
        "size": 6,
        "color": accuracy[-1],
        "colorscale": scale(SEQUENTIAL),
        "cmin": 0,
        "cmax": 1,
        "colorbar": bar,
    }
    figure.add_scattergl(
        x=final[:, 0], y=final[:, 1], mode="markers", marker=marker, hoverinfo="skip", showlegend=False
    )
    last = len(figure.data) - 1
    names = [f"{np.interp(stop, range(len(epochs)), epochs):.1f}" for stop in stops]
    figure.frames = [
        go.Frame(
            name=name,
            traces=[last],
            data=[
                {
                    "x": at(s, points)[:, 0],
                    "y": at(s, points)[:, 1],
                    "marker": {**marker, "color": at(s, accuracy)},
                }
            ],
        )
        for name, s in zip(names, stops, strict=True)
    ]
    plain_axes(figure)
    return layout(figure, height=height, **player(names, prefix="epoch ", duration=70, start=len(names) - 1))


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
    bar = {
        "title": {"text": "test accuracy", "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
        "tickformat": ".0%",
    }
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
            "colorbar": bar,
            "line": {"width": 1, "color": "white"},
        },
        text=[f"<b>{name}</b><br>test accuracy {value:.3f}" for name, value in zip(ids, accuracy, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )
    _frame_most(figure, points, fresh)
    figure.update_xaxes(title=labels[0], zeroline=False)
    figure.update_yaxes(title=labels[1], zeroline=False)
    return layout(figure, height=height)
