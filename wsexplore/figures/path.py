"""Curves between two networks, and the in-between network scrubbed in the browser."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import (
    ALIGNED,
    CATEGORIES,
    FIRST,
    FRESH,
    INK,
    RAW,
    SECOND,
    SHARES,
    layout,
    mosaic,
    plain,
    player,
    scale,
)
from wsexplore.figures.units import heatmap

RESET, REPAIR = (CATEGORIES[2], "square", "dash"), (CATEGORIES[3], "triangle-up", "dashdot")
STYLES = {
    "raw": (RAW, "circle", "solid"),
    "naive": (RAW, "circle", "solid"),
    "aligned": (ALIGNED, "diamond", "solid"),
    "aligned + reset": RESET,
    "aligned, statistics reset": RESET,
    "aligned + REPAIR": REPAIR,
    "aligned, REPAIR": REPAIR,
    "least norm, aligned": (CATEGORIES[6], "cross", "dashdot"),
    "arc": (CATEGORIES[5], "square", "dot"),
    "Bezier": (CATEGORIES[2], "triangle-up", "solid"),
    "chain": (CATEGORIES[3], "x", "dash"),
}
"""Colour, marker and dash of a path by its name."""


def curves_figure(
    curves: Mapping[str, tuple[Float[Array, " steps"], Float[Array, " steps"]]],
    *,
    unit: str,
    title: str,
    height: int = 320,
) -> go.Figure:
    """Loss or accuracy along several straight paths on one axis, the chord dotted, once where paths share their ends.

    Args:
        curves: name (one of `STYLES`) to positions 0 to 1 and values.
        unit: of the values.
        title: of the value axis.
        height: in pixels.
    """
    title, unit = plain(title), plain(unit)
    figure, chords = go.Figure(), list[Array]()
    for name, (alphas, values) in curves.items():
        colour, symbol, dash = STYLES[name]
        figure.add_scatter(
            x=alphas,
            y=values,
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 3, "dash": dash},
            marker={"symbol": symbol, "size": 7},
            hovertemplate=f"{name}<br>position %{{x:.2f}}<br>{title} %{{y:.3f}} {unit}<extra></extra>",
        )
        ends = values[[0, -1]]
        if any(np.allclose(ends, chord, rtol=1e-3, atol=1e-6, equal_nan=True) for chord in chords):
            continue
        chords.append(ends)
        figure.add_scatter(
            x=[0, 1],
            y=ends,
            mode="lines",
            line={"color": colour, "dash": "dot", "width": 1.5},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_xaxes(title="position between the two networks", range=[-0.02, 1.02])
    figure.update_yaxes(title=f"{title} ({unit})" if unit else title)
    return layout(figure, height=height)


def objective_figure(objective: Float[Array, " sweeps"], *, height: int = 320) -> go.Figure:
    """The similarity that matching climbs, by sweep."""
    figure = go.Figure(
        go.Scatter(
            x=np.arange(len(objective)),
            y=objective,
            mode="lines+markers",
            line={"color": ALIGNED, "width": 3},
            hovertemplate="after sweep %{x}<br>inner product %{y:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="sweep", dtick=1)
    figure.update_yaxes(title="inner product with the first network")
    return layout(figure, height=height)


def learning_figure(history: Float[Array, " epochs"], *, height: int = 320) -> go.Figure:
    """The mean loss along a curve, in nats, while its bends are learned."""
    figure = go.Figure(
        go.Scatter(
            x=np.arange(1, len(history) + 1),
            y=history,
            mode="lines+markers",
            line={"color": ALIGNED, "width": 3},
            hovertemplate="epoch %{x}<br>%{y:.4f} nats<extra></extra>",
        )
    )
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(title="mean loss along the curve (nats)", type="log")
    return layout(figure, height=height)


def scrub_figure(
    alphas: Float[Array, " steps"],
    losses: Float[Array, " steps"],
    accuracies: Float[Array, " steps"],
    probabilities: Float[Array, "steps samples classes"],
    confusion: Float[Array, "steps classes classes"],
    filters: Float[Array, "steps units rows columns"],
    images: Float[Array, "samples height width"],
    targets: Int[Array, " samples"],
    classes: Sequence[str],
    *,
    stops: Mapping[str, float] | None = None,
    height: int = 760,
) -> go.Figure:
    """The network between others: one slider, in the browser, moves it along the path.

    Top: loss with its chord and accuracy along the path, a marker where the slider stands. Below: class
    probabilities for some test images, the confusion matrix of the whole split, and the first-layer weights.

    Args:
        alphas: positions, 0 at the first network and 1 at the next.
        losses: in nats.
        accuracies: fractions of 1.
        probabilities: for the chosen images.
        confusion: share of each true class (row) predicted as each class (column).
        filters: incoming weights of each first-layer unit.
        images: the chosen images, 0 to 1.
        targets: their true classes.
        classes: names.
        stops: names of networks that the path goes through, with their positions; by default its ends, unnamed.
        height: in pixels.
    """
    figure = make_subplots(
        2,
        4,
        row_heights=[0.36, 0.64],
        column_widths=[0.08, 0.26, 0.27, 0.39],
        specs=[[{"colspan": 4, "secondary_y": True}, None, None, None], [{}, {}, {}, {}]],
        subplot_titles=["", "", "answers", "confusion", "first layer"],
        horizontal_spacing=0.05,
        vertical_spacing=0.16,
    )
    nodes = sorted((stops or {"": alphas[0], " ": alphas[-1]}).values())
    chord = np.interp(alphas, nodes, np.interp(nodes, alphas, losses))
    hover = "position %{x:.2f}<br>%{y:.3f}<extra>%{fullData.name}</extra>"
    figure.add_scatter(x=alphas, y=losses, name="loss (nats)", line={"color": SECOND, "width": 3}, hovertemplate=hover)
    figure.add_scatter(
        x=alphas, y=chord, name="chord", line={"color": SECOND, "dash": "dot", "width": 1.5}, hoverinfo="skip"
    )
    figure.add_trace(
        go.Scatter(
            x=alphas,
            y=accuracies,
            name="accuracy",
            line={"color": FIRST, "width": 3, "dash": "dash"},
            hovertemplate=hover,
        ),
        secondary_y=True,
    )
    marker = {"size": 14, "color": FRESH, "line": {"width": 2, "color": "white"}}
    figure.add_scatter(x=[alphas[0]], y=[losses[0]], mode="markers", marker=marker, name="here", hoverinfo="skip")
    here = len(figure.data) - 1
    _add_images(figure, images)
    names = [plain(name) for name in classes]
    rows = [f"{row + 1}" for row in range(len(targets))]
    bars = np.stack([probabilities[step][::-1] for step in range(len(alphas))])
    truth = [names[target] for target in targets]
    figure.add_trace(
        go.Heatmap(
            z=bars[0].astype(np.float32),
            x=names,
            y=rows[::-1],
            zmin=0,
            zmax=1,
            colorscale=scale(SHARES),
            showscale=False,
            customdata=np.array(truth[::-1])[:, None].repeat(len(names), 1),
            hovertemplate="truth %{customdata}<br>says %{x} with %{z:.0%}<extra></extra>",
            xgap=1,
            ygap=2,
        ),
        2,
        2,
    )
    figure.add_trace(
        go.Heatmap(
            z=confusion[0].astype(np.float32),
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale=scale(SHARES),
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate="truth %{y}<br>predicted %{x}: %{z:.0%}<extra></extra>",
        ),
        2,
        3,
    )
    columns = math.ceil(math.sqrt(filters.shape[1] * 1.4))
    canvases = np.stack([mosaic(step, columns=columns) for step in filters])
    limit = float(np.quantile(np.abs(filters), 0.995))
    figure.add_trace(heatmap(canvases[0], limit=limit, hoverinfo="skip"), 2, 4)
    moving = [here, here + 2, here + 3, here + 4]
    steps = [f"{alpha:.3f}".rstrip("0").rstrip(".") for alpha in alphas]
    figure.frames = [
        go.Frame(
            name=name,
            traces=moving,
            data=[
                {"x": [float(alphas[k])], "y": [float(losses[k])]},
                {"type": "heatmap", "z": bars[k].astype(np.float32)},
                {"type": "heatmap", "z": confusion[k].astype(np.float32)},
                {"type": "heatmap", "z": canvases[k]},
            ],
        )
        for k, name in enumerate(steps)
    ]
    figure.update_xaxes(title="position on the path", range=[alphas[0] - 0.02, alphas[-1] + 0.02], row=1, col=1)
    if stops:
        names, places = [plain(name) for name in stops], list(stops.values())
        figure.update_xaxes(title="", tickvals=places, ticktext=names, showgrid=True, row=1, col=1)
    figure.update_yaxes(title="loss (nats)", row=1, col=1, secondary_y=False, rangemode="tozero")
    figure.update_yaxes(
        title="accuracy", row=1, col=1, secondary_y=True, range=[0, 1.02], showgrid=False, tickformat=".0%", dtick=0.25
    )
    for col, across in ((1, "x2"), (4, "x5")):
        figure.update_xaxes(visible=False, constrain="domain", row=2, col=col)
        figure.update_yaxes(visible=False, autorange="reversed", scaleanchor=across, constrain="domain", row=2, col=col)
    figure.update_xaxes(type="category", title="class", row=2, col=2)
    figure.update_yaxes(visible=False, type="category", row=2, col=2)
    figure.update_xaxes(type="category", title="predicted", row=2, col=3)
    figure.update_xaxes(showgrid=False, row=2)
    figure.update_yaxes(showgrid=False, row=2)
    figure.update_annotations(font_size=13)
    figure.update_yaxes(type="category", title={"text": "truth", "standoff": 4}, autorange="reversed", row=2, col=3)
    return layout(figure, height=height, **player(steps, prefix="position ", duration=60, y=-0.09))


def _add_images(figure: go.Figure, images: Float[Array, "samples height width"]) -> None:
    """The chosen images in one column, level with their predictions."""
    canvas = mosaic(images, columns=1)
    figure.add_trace(
        go.Heatmap(z=canvas, zmin=0, zmax=1, colorscale=scale(INK), showscale=False, hoverinfo="skip"), 2, 1
    )
