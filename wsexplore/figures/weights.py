"""The weights of one network: a layer as an image, and how every layer is spread."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import CATEGORIES, LINE, clear, colour_bar, layout, mosaic, plain, plain_axes
from wsexplore.figures.units import heatmap

CELLS = 200_000
"""Most weights that one image draws."""

WIDEST = 4.0
"""Standard deviations to either side that a ridge shows."""

LAYERS = 20
"""Most layers whose spread is drawn."""


def weight_figure(
    values: Float[Array, "..."], *, name: str, tile: Sequence[int] | None = None, width: int = 560
) -> go.Figure:
    """The weights of one parameter, blue below zero, red above, white at zero.

    Convolution kernels are tiles: a row of tiles for each output channel, a column for each input channel. The rows of
    a matrix become tiles where `tile` gives the shape of what they look at.

    Args:
        values: one parameter.
        name: of it.
        tile: shape of the image that each row of a matrix looks at, `(height, width)`.
        width: in pixels, about; the height follows from the image.
    """
    shown = drawn(values)
    limit = max(float(np.nanquantile(np.abs(shown), 0.995)), 1e-9)
    if shown.ndim == 4 and shown.shape[2] * shown.shape[3] > 1:
        figure = _tiles(shown, name, limit)
    elif shown.ndim == 2 and tile is not None and math.prod(tile) == shown.shape[1]:
        figure = _tiles(shown.reshape(len(shown), 1, *tile), name, limit)
    else:
        flat = shown.reshape(1, -1) if shown.ndim < 2 else shown.reshape(len(shown), -1)
        template = f"{plain(name)}<br>output %{{y}}, input %{{x}}<br>weight %{{z:.4f}}<extra></extra>"
        if shown.ndim < 2:
            template = f"{plain(name)}<br>unit %{{x}}<br>%{{z:.4f}}<extra></extra>"
        figure = go.Figure(heatmap(flat, limit=limit, hovertemplate=template))
        figure.update_yaxes(autorange="reversed")
        if shown.ndim >= 2 and 0.1 < flat.shape[0] / flat.shape[1] < 10:
            figure.update_yaxes(scaleanchor="x", constrain="domain")
    figure.update_traces(showscale=True, colorbar=colour_bar("weight", tickformat=".2g"))
    figure.update_xaxes(constrain="domain")
    plain_axes(figure)
    rows, columns = np.shape(figure.data[0].z)
    return layout(figure, height=40 + int(np.clip(width * rows / columns, 110, 600)))


def drawn(values: Float[Array, "..."]) -> Float[Array, "..."]:
    """The first outputs of a parameter, and of those the first inputs, as many as one image draws."""
    if values.ndim == 0:
        return values.reshape(1)
    part = values
    if part.size > CELLS and part.ndim > 1:
        inner = math.prod(part.shape[2:])
        inputs = min(part.shape[1], max(1, int(math.sqrt(CELLS / inner))))
        part = part[: max(1, CELLS // (inner * inputs)), :inputs]
    return part[:CELLS]


def _tiles(kernels: Float[Array, "outputs inputs height width"], name: str, limit: float) -> go.Figure:
    """Kernels side by side with a gap between them."""
    outputs, inputs, tall, wide = kernels.shape
    columns = inputs if inputs > 1 else max(1, math.ceil(math.sqrt(outputs * 1.6 * tall / wide)))
    canvas = mosaic(kernels.reshape(-1, tall, wide), columns=columns)
    down, across = np.indices(canvas.shape)
    place = (down // (tall + 1)) * columns + across // (wide + 1)
    place = np.minimum(place, outputs * inputs - 1)
    cards = np.stack([place // inputs, place % inputs, down % (tall + 1), across % (wide + 1)], axis=-1)
    source = "<br>input %{customdata[1]}" if inputs > 1 else ""
    template = (
        f"{plain(name)}<br>output %{{customdata[0]}}{source}<br>row %{{customdata[2]}}, column %{{customdata[3]}}"
        "<br>weight %{z:.4f}<extra></extra>"
    )
    figure = go.Figure(heatmap(canvas, limit=limit, customdata=cards, hovertemplate=template, hoverongaps=False))
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
    return figure


def spread_figure(
    layers: Mapping[str, tuple[Float[Array, " weights"], Float[Array, " others"]]], *, height: int | None = None
) -> go.Figure:
    """How the weights of each layer are spread, one ridge per layer, over the spread in the whole zoo.

    Every ridge has the same height, and every layer is measured in the zoo's standard deviations of that layer.

    Args:
        layers: name to the weights of this network and of many others.
        height: in pixels.
    """
    names = list(layers)[:LAYERS]
    edges = np.linspace(-WIDEST, WIDEST, 57)
    centres = (edges[1:] + edges[:-1]) / 2
    figure = go.Figure()
    for place, name in enumerate(names):
        base = len(names) - 1 - place
        unit = max(float(np.std(layers[name][1])), 1e-12)
        mine, others = (_density(part / unit, edges) for part in layers[name])
        card = f"{plain(name)}: {len(layers[name][0]):,} weights, standard deviation {layers[name][0].std():.3g}"
        for curve, label, line, fill in (
            (mine, "this network", {"color": CATEGORIES[0], "width": 1.5}, clear(CATEGORIES[0], 0.35)),
            (others, "the zoo", {"color": LINE, "width": 1.5, "dash": "dot"}, None),
        ):
            figure.add_scatter(
                x=np.concatenate([[centres[0]], centres, [centres[-1]]]),
                y=base + 0.88 * np.concatenate([[0], curve, [0]]),
                mode="lines",
                line=line,
                fill="toself" if fill else None,
                fillcolor=fill,
                name=label,
                legendgroup=label,
                showlegend=place == 0,
                text=card if fill else f"{plain(name)}: the zoo, standard deviation {unit:.3g}",
                hoverinfo="text",
            )
    figure.update_xaxes(title="standard deviations of the zoo", zeroline=True)
    figure.update_yaxes(
        tickvals=[len(names) - 1 - place for place in range(len(names))],
        ticktext=[plain(name) for name in names],
        ticklabelposition="outside top",
        showgrid=False,
        zeroline=False,
        range=[-0.05, len(names)],
    )
    return layout(figure, height=height or 110 + int(np.clip(600 / max(1, len(names)), 26, 46)) * len(names))


def _density(values: Float[Array, " weights"], edges: Float[Array, " edges"]) -> Float[Array, " bins"]:
    """Counts, the largest 1; what lies beyond the edges is left out."""
    counts, _ = np.histogram(values, edges)
    height: Float[Array, " bins"] = counts / max(1, counts.max())
    return height
