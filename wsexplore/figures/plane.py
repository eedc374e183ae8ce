"""A plane of latents: what every point of it decodes into, and where the trained networks lie."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import INK, LINE, SEQUENTIAL, layout, plain, scale

DRAWN = 2000
"""Most networks that are drawn."""


def plane_figure(
    x: Float[Array, " columns"],
    y: Float[Array, " rows"],
    accuracy: Float[Array, "rows columns"],
    points: Float[Array, "networks 2"],
    own: Float[Array, " networks"],
    ids: Sequence[str],
    *,
    labels: tuple[str, str],
    chosen: tuple[float, float] | None = None,
    height: int = 560,
) -> go.Figure:
    """Test accuracy of the network that each point decodes into, the trained networks drawn on it.

    Trained networks and decoded ones share one colour scale: a network that differs from the ground it stands on is one
    that the plane does not reach. Every place of the grid can be clicked.

    Args:
        x: places along the first axis.
        y: places along the second.
        accuracy: of the decoded networks, 0 to 1.
        points: where trained networks lie.
        own: their accuracy; not a number where it is not known, and the mark is hollow.
        ids: their names.
        labels: of the axes.
        chosen: a point that is marked.
        height: in pixels.
    """
    figure = go.Figure()
    colours = {"colorscale": scale(SEQUENTIAL), "cmin": 0, "cmax": 1}
    figure.add_heatmap(
        x=x,
        y=y,
        z=accuracy,
        zmin=0,
        zmax=1,
        zsmooth="best",
        colorscale=scale(SEQUENTIAL),
        opacity=0.55,
        hoverinfo="skip",
        colorbar={
            "title": {"text": "test accuracy", "side": "right"},
            "tickformat": ".0%",
            "thickness": 12,
            "outlinewidth": 0,
        },
    )
    across, down = np.meshgrid(x, y)
    figure.add_scatter(
        x=across.ravel(),
        y=down.ravel(),
        mode="markers",
        marker={"size": 14, "color": "rgba(0, 0, 0, 0)"},
        customdata=accuracy.ravel(),
        hovertemplate="decodes into %{customdata:.1%}<extra>click to keep this point</extra>",
        showlegend=False,
        name="decoded",
    )
    drawn = np.sort(np.random.default_rng(0).permutation(len(points))[:DRAWN])
    some, unknown = drawn[np.isfinite(own[drawn])], drawn[~np.isfinite(own[drawn])]
    figure.add_scatter(
        x=points[some, 0],
        y=points[some, 1],
        mode="markers",
        marker={"size": 6, "color": own[some], "line": {"color": INK[0], "width": 0.6}, **colours},
        text=[plain(ids[row]) for row in some],
        customdata=own[some],
        hovertemplate="<b>%{text}</b><br>%{customdata:.1%}<extra>trained</extra>",
        showlegend=False,
        name="trained",
    )
    if len(unknown):
        figure.add_scatter(
            x=points[unknown, 0],
            y=points[unknown, 1],
            mode="markers",
            marker={"size": 6, "color": LINE, "symbol": "circle-open", "line": {"color": LINE, "width": 1.2}},
            text=[plain(ids[row]) for row in unknown],
            hovertemplate="<b>%{text}</b><br>accuracy not known<extra>trained</extra>",
            showlegend=False,
            name="not judged",
        )
    if chosen is not None:
        figure.add_scatter(
            x=[chosen[0]],
            y=[chosen[1]],
            mode="markers",
            marker={"size": 18, "symbol": "star", "color": INK[0], "line": {"color": INK[1], "width": 1.5}},
            hoverinfo="skip",
            showlegend=False,
            name="here",
        )
    figure.update_xaxes(title=labels[0], range=[x[0], x[-1]])
    figure.update_yaxes(title=labels[1], range=[y[0], y[-1]])
    return layout(figure, height=height, clickmode="event+select")
