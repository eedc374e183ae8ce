"""Networks on their way from noise to a zoo, on its map and by how good they are."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import (
    FAINT,
    FRESH,
    LINE,
    SEQUENTIAL,
    clear,
    colour_bar,
    frame_most,
    layout,
    plain,
    player,
    scale,
)

FRAMES = 40
"""Pictures, about."""

RISE = 0.02
"""Of the mean score, from which it is said when half of it is done."""

CROWD = 3000
"""Most networks of the zoo that are drawn behind."""


def travel_figure(
    places: Float[Array, "points networks 2"],
    scores: Float[Array, "points networks"] | None,
    crowd: Float[Array, "models 2"],
    *,
    labels: tuple[str, str],
    measure: str = "test accuracy",
    goal: float | None = None,
    height: int = 640,
) -> go.Figure:
    """Samples on the map of their zoo, moved by a slider, above their scores against the solver's time.

    Args:
        places: of each network at each point of the solver's time, noise first; between two, points move straight.
        scores: of the same networks at the same points, 0 to 1; without them the map is drawn alone.
        crowd: networks of the zoo.
        labels: of the two axes.
        measure: what the scores are.
        goal: the zoo's mean score.
        height: in pixels.
    """
    last = len(places) - 1
    between = max(1, min(8, FRAMES // max(1, last)))
    stops = np.linspace(0, last, last * between + 1)[:: max(1, -(-last * between // (2 * FRAMES)))]
    stops = np.append(stops, last) if stops[-1] < last else stops
    times = np.linspace(0, 1, last + 1)
    figure = _stage(scores is not None)
    some = crowd[:: max(1, -(-len(crowd) // CROWD))].astype(np.float32)
    _add(
        figure, go.Scattergl(x=some[:, 0], y=some[:, 1], mode="markers", marker={"size": 4, "color": FAINT}, name="zoo")
    )
    _add(figure, _ways(places))
    marker = {"size": 9, "line": {"width": 1, "color": "white"}, "color": FRESH}
    if scores is not None:
        bar = colour_bar(measure, tickformat=".0%", len=0.68, y=1.0, yanchor="top")
        span = {"cmin": float(np.nanmin(scores)), "cmax": float(max(np.nanmax(scores), goal or 0.0))}
        marker |= {"colorscale": scale(SEQUENTIAL), "colorbar": bar, **span}
    drawn = {"marker": marker, **_at(places, scores, last, marker)}
    _add(figure, go.Scattergl(mode="markers", name="sampled", **drawn))
    moving = [len(figure.data) - 1]
    if scores is not None:
        moving.append(_curves(figure, times, scores, measure, goal))
    figure.frames = [
        go.Frame(
            name=f"{stop / max(1, last):.2f}",
            traces=moving,
            data=[
                _at(places, scores, stop, marker),
                *([] if scores is None else [_heads(times, scores, stop)]),
            ],
        )
        for stop in stops
    ]
    box = np.quantile(places.reshape(-1, 2), (0.01, 0.99), axis=0)
    frame_most(figure, crowd, np.concatenate([box, places[-1]]))
    if scores is not None:
        figure.update_xaxes(range=[-0.015, 1.015], title="solver's time, from noise to network", row=2, col=1)
        top = 1.04 * max(float(np.nanmax(scores)), goal or 0.0)
        figure.update_yaxes(range=[0, max(top, 0.05)], tickformat=".0%", title=plain(measure), row=2, col=1)
    where = {"row": 1, "col": 1}
    figure.update_xaxes(title=plain(labels[0]), zeroline=False, showticklabels=False, **where)
    figure.update_yaxes(title=plain(labels[1]), zeroline=False, showticklabels=False, **where)
    names = [frame.name for frame in figure.frames]
    controls = player(names, prefix="time ", duration=60, y=-0.1, start=len(names) - 1)
    return layout(figure, height=height, **controls)


def travel_finding(scores: Float[Array, "points networks"], *, measure: str = "test accuracy") -> str:
    """How the scores rise along the solver's time, in a sentence."""
    means = np.nanmean(scores, axis=1)
    rise = means[-1] - means[0]
    half = int(np.argmax(means >= means[0] + rise / 2))
    told = f"mean {measure} of {scores.shape[1]} networks goes from {means[0]:.0%} in the noise to {means[-1]:.1%}"
    if rise < RISE:
        return told
    return f"{told}; half of the rise is done at {half / max(1, len(means) - 1):.0%} of the solver's time"


def _stage(both: bool) -> go.Figure:
    if not both:
        return make_subplots(1, 1)
    return make_subplots(2, 1, row_heights=[0.72, 0.28], vertical_spacing=0.1)


def _add(figure: go.Figure, trace: go.Scattergl, row: int = 1) -> None:
    trace.update(hoverinfo="skip")
    figure.add_trace(trace, row, 1)


def _ways(places: Float[Array, "points networks 2"]) -> go.Scattergl:
    """All ways as one line, broken between networks."""
    gap = np.full((1, *places.shape[1:]), np.nan, np.float32)
    lines = np.concatenate([places.astype(np.float32), gap]).transpose(1, 0, 2).reshape(-1, 2)
    look = {"color": FAINT, "width": 1}
    return go.Scattergl(x=lines[:, 0], y=lines[:, 1], mode="lines", line=look, name="their ways", showlegend=False)


def _curves(
    figure: go.Figure,
    times: Float[Array, " points"],
    scores: Float[Array, "points networks"],
    measure: str,
    goal: float | None,
) -> int:
    """The scores as lines, thin ones and their mean; return the number of the trace that moves along them."""
    count, gap = scores.shape[1], np.full((1, scores.shape[1]), np.nan)
    ys = np.concatenate([scores, gap]).T.ravel().astype(np.float32)
    xs = np.tile(np.append(times, np.nan), count).astype(np.float32)
    thin = {"color": FAINT, "width": 1}
    _add(figure, go.Scattergl(x=xs, y=ys, mode="lines", line=thin, showlegend=False), 2)
    figure.add_scatter(
        x=times,
        y=np.nanmean(scores, axis=1),
        mode="lines",
        line={"color": FRESH, "width": 3},
        name="mean of the samples",
        hovertemplate=f"time %{{x:.2f}}<br>mean {plain(measure)} %{{y:.1%}}<extra></extra>",
        row=2,
        col=1,
    )
    if goal is not None:
        figure.add_scatter(
            x=[0, 1],
            y=[goal, goal],
            mode="lines",
            line={"color": LINE, "width": 1.5, "dash": "dash"},
            name=f"mean of the zoo, {goal:.1%}",
            hoverinfo="skip",
            row=2,
            col=1,
        )
    heads = _heads(times, scores, len(scores) - 1)
    figure.add_scatter(
        **heads,
        mode="markers",
        marker={"size": 11, "color": FRESH, "line": {"width": 2, "color": "white"}},
        row=2,
        col=1,
    )
    figure.data[-1].update(showlegend=False, hoverinfo="skip")
    return len(figure.data) - 1


def _at(
    places: Float[Array, "points networks 2"],
    scores: Float[Array, "points networks"] | None,
    stop: float | int,
    marker: dict[str, object],
) -> dict[str, object]:
    """The networks at one moment."""
    place = _mixed(places, stop)
    told: dict[str, object] = {"x": place[:, 0], "y": place[:, 1]}
    return told if scores is None else {**told, "marker": {**marker, "color": _mixed(scores, stop)}}


def _heads(
    times: Float[Array, " points"], scores: Float[Array, "points networks"], stop: float | int
) -> dict[str, object]:
    mean = np.nanmean(scores, axis=1)
    return {"x": [float(_mixed(times, stop))], "y": [float(_mixed(mean, stop))]}


def _mixed(known: Array, stop: float | int) -> Array:
    """What lies between two points of the solver's time."""
    low = min(int(stop), max(0, len(known) - 2))
    high, share = min(low + 1, len(known) - 1), stop - low
    mixed: Array = np.asarray((1 - share) * known[low] + share * known[high], np.float32)
    return mixed


def fallen_figure(
    points: Float[Array, "models 2"],
    fresh: Float[Array, "samples 2"],
    nearest: Int[Array, " samples"],
    scores: Float[Array, " samples"] | None,
    texts: Sequence[str],
    *,
    labels: tuple[str, str],
    outside: Float[Array, "others 2"] | None = None,
    regions: Mapping[str, Float[Array, "vertices 2"]] | None = None,
    chosen: int | None = None,
    height: int = 560,
) -> go.Figure:
    """New networks on the map of a zoo, each joined to its nearest network there.

    Args:
        points: the zoo's networks.
        fresh: the new networks.
        nearest: row of the zoo's nearest network to each new one.
        scores: test accuracy of each new network, 0 to 1, where they classify.
        texts: shown on hover, one per new network.
        labels: of the two axes.
        outside: networks that fell outside of the region, and were left.
        regions: outlines of the region, by name.
        chosen: the new network that has a ring.
        height: in pixels.
    """
    figure = go.Figure()
    quiet = {"mode": "markers", "hoverinfo": "skip"}
    some = points[:: max(1, -(-len(points) // CROWD))]
    figure.add_scattergl(x=some[:, 0], y=some[:, 1], marker={"size": 4, "color": FAINT}, name="zoo", **quiet)
    if outside is not None and len(outside):
        cross = {"size": 7, "color": LINE, "symbol": "x", "opacity": 0.6}
        figure.add_scattergl(x=outside[:, 0], y=outside[:, 1], marker=cross, name="fell outside", **quiet)
    for name, outline in (regions or {}).items():
        closed = np.vstack([outline, outline[:1]])
        figure.add_scatter(
            x=closed[:, 0],
            y=closed[:, 1],
            mode="lines",
            fill="toself",
            fillcolor=clear(FRESH, 0.08),
            line={"color": FRESH, "dash": "dot", "width": 2},
            name=f"region {plain(name)}",
            hoverinfo="skip",
        )
    gap, ends = np.full(len(fresh), np.nan), points[nearest]
    figure.add_scatter(
        x=np.stack([fresh[:, 0], ends[:, 0], gap], 1).ravel(),
        y=np.stack([fresh[:, 1], ends[:, 1], gap], 1).ravel(),
        mode="lines",
        line={"color": LINE, "width": 1},
        name="to its nearest network",
        hoverinfo="skip",
    )
    marker = {"size": 10, "symbol": "diamond", "color": FRESH, "line": {"width": 1, "color": "white"}}
    if scores is not None:
        marker |= {"color": scores, "colorscale": scale(SEQUENTIAL)}
        marker["colorbar"] = colour_bar("test accuracy", tickformat=".1%")
    figure.add_scatter(
        x=fresh[:, 0],
        y=fresh[:, 1],
        mode="markers",
        name="sampled",
        marker=marker,
        text=list(texts),
        hovertemplate="%{text}<extra></extra>",
    )
    if chosen is not None:
        ring = {"size": 20, "color": FRESH, "symbol": "circle-open", "line": {"width": 2.5}}
        figure.add_scatter(x=fresh[[chosen], 0], y=fresh[[chosen], 1], marker=ring, showlegend=False, **quiet)
    frame_most(figure, points, fresh)
    figure.update_xaxes(title=plain(labels[0]), zeroline=False, showticklabels=False)
    figure.update_yaxes(title=plain(labels[1]), zeroline=False, showticklabels=False)
    return layout(figure, height=height)
