"""Runs that move over a map on a common clock."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from wsexplore.figures.markers import log_if_wide
from wsexplore.figures.theme import FAINT, FRESH, SEQUENTIAL, colour_bar, frame_most, layout, plain, player, scale

FRAMES = 40
"""Pictures, about."""

TRAILS = 150
"""Most runs whose whole way is drawn."""


def epochs_figure(
    places: Float[Array, "epochs runs 2"],
    values: Float[Array, "epochs runs"],
    epochs: Float[Array, " epochs"],
    *,
    colour: str,
    labels: tuple[str, str],
    chosen: Bool[Array, " runs"] | None = None,
    height: int = 560,
) -> go.Figure:
    """Every run at the same epoch, moved by a slider in the browser.

    Args:
        places: of each run at each epoch; between two, points move straight, and are only drawn.
        values: of the column that colours them.
        epochs: at which the places are known, rising.
        colour: name of the column.
        labels: of the two axes.
        chosen: runs of the selection, ringed.
        height: in pixels.
    """
    between = max(1, min(8, FRAMES // max(1, len(epochs) - 1)))
    stops = np.linspace(0, len(epochs) - 1, (len(epochs) - 1) * between + 1)
    shown, ticks = log_if_wide(values, colour)
    finite = shown[np.isfinite(shown)]
    span = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)

    def at(stop: float, known: Array) -> Array:
        low = min(int(stop), len(known) - 2)
        share = stop - low
        mixed: Array = ((1 - share) * known[low] + share * known[low + 1]).astype(np.float32)
        return mixed

    def traces(stop: float) -> list[dict[str, object]]:
        place, tone = at(stop, places), at(stop, shown)
        drawn: list[dict[str, object]] = [{"x": place[:, 0], "y": place[:, 1], "marker": {**marker, "color": tone}}]
        if chosen is not None:
            drawn.append({"x": place[chosen, 0], "y": place[chosen, 1]})
        return drawn

    marker = {
        "size": 6,
        "cmin": span[0],
        "cmax": span[1],
        "colorscale": scale(SEQUENTIAL),
        "colorbar": colour_bar(colour, **ticks),
        "opacity": 0.9,
    }
    figure = go.Figure()
    ways = places[:, :: max(1, -(-places.shape[1] // TRAILS))].astype(np.float32)
    gap = np.full((1, *ways.shape[1:]), np.nan, np.float32)
    lines = np.concatenate([ways, gap]).transpose(1, 0, 2).reshape(-1, 2)
    figure.add_scattergl(
        x=lines[:, 0],
        y=lines[:, 1],
        mode="lines",
        line={"color": FAINT, "width": 0.8},
        hoverinfo="skip",
        showlegend=False,
    )
    last = traces(stops[-1])
    figure.add_scattergl(**last[0], mode="markers", hoverinfo="skip", showlegend=False)
    if chosen is not None:
        ring = {"size": 10, "color": FRESH, "symbol": "circle-open", "line": {"width": 1.5}}
        figure.add_scattergl(**last[1], mode="markers", marker=ring, name="selected", hoverinfo="skip")
    moving = [1, 2] if chosen is not None else [1]
    names = [f"{np.interp(stop, range(len(epochs)), epochs):.1f}".removesuffix(".0") for stop in stops]
    figure.frames = [
        go.Frame(name=name, traces=moving, data=traces(stop)) for name, stop in zip(names, stops, strict=True)
    ]
    frame_most(figure, places.reshape(-1, 2))
    figure.update_xaxes(title=plain(labels[0]), zeroline=False, showticklabels=False)
    figure.update_yaxes(title=plain(labels[1]), zeroline=False)
    controls = player(names, prefix="epoch ", duration=70, y=-0.12, start=len(names) - 1)
    return layout(figure, height=height, **controls)
