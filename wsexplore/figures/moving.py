"""Maps that move in the browser: the symmetry lens, and networks while they learn."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import (
    FAINT,
    FRESH,
    SEQUENTIAL,
    colour_bar,
    frame_most,
    layout,
    plain_axes,
    player,
    scale,
)


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
    marker = {
        "size": 5,
        "color": values,
        "colorscale": scale(SEQUENTIAL),
        "opacity": 0.75,
        "colorbar": colour_bar(colour),
    }
    figure.add_scattergl(**cloud, mode="markers", marker=marker, name="networks", hoverinfo="skip")
    star = {"size": 10, "color": FRESH, "symbol": "star", "line": {"width": 1, "color": "white"}}
    figure.add_scattergl(
        **copies, mode="markers", marker=star, name="one network, its units permuted", hoverinfo="skip"
    )
    names = ["raw", *(f"{share:.0%}" for share in ease[1:-1]), "aligned"]
    figure.frames = [
        go.Frame(name=n, data=traces(float(share)), traces=[0, 1]) for n, share in zip(names, ease, strict=True)
    ]
    frame_most(figure, np.vstack([raw, aligned]), np.vstack([orbit_raw, orbit_aligned]))
    plain_axes(figure)
    layout(figure, height=height, **player(names, prefix="weights: ", duration=45))
    motion = {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 45, "redraw": True}}
    figure.layout.updatemenus[0].buttons = [
        {"label": "Align", "method": "animate", "args": [names, motion]},
        {"label": "Undo", "method": "animate", "args": [names[::-1], motion]},
    ]
    return figure


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
    final = points[-1]
    marker = {
        "size": 6,
        "color": accuracy[-1],
        "colorscale": scale(SEQUENTIAL),
        "cmin": 0,
        "cmax": 1,
        "colorbar": colour_bar("test accuracy", tickformat=".0%"),
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
    frame_most(figure, points.reshape(-1, 2))
    plain_axes(figure)
    return layout(figure, height=height, **player(names, prefix="epoch ", duration=70, start=len(names) - 1))
