"""Fields as the pictures they are: many side by side, and one that turns into another."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import INK, layout, mosaic, plain, plain_axes, player, scale

FILM = 9
"""Pictures of a film strip."""


def gallery_figure(
    pictures: Float[Array, "models height width"], names: Sequence[str], *, columns: int = 12
) -> go.Figure:
    """Pictures in rows, intensities 0 to 1.

    Args:
        pictures: one per network.
        names: shown on hover.
        columns: pictures per row.
    """
    canvas = mosaic(np.clip(pictures, 0, 1), columns=columns)
    rows, across = np.indices(canvas.shape)
    place = (rows // (pictures.shape[1] + 1)) * columns + across // (pictures.shape[2] + 1)
    known = np.array([*(plain(name) for name in names), *[""] * (int(place.max()) + 1 - len(names))])
    figure = go.Figure(_grey(canvas, text=known[place], hovertemplate="%{text}<extra></extra>"))
    _square(figure)
    return layout(figure, height=40 + 76 * math.ceil(len(pictures) / columns))


def morph_figure(
    paths: Sequence[tuple[str, Float[Array, "steps height width"]]],
    alphas: Float[Array, " steps"],
    *,
    height: int = 520,
) -> go.Figure:
    """Pictures of the networks on several paths between the same two functions, moved by one slider.

    Args:
        paths: title and pictures of each path; intensities 0 to 1.
        alphas: positions, 0 at the first network.
        height: in pixels.
    """
    count, steps = len(paths), len(alphas)
    figure = make_subplots(
        2,
        count,
        row_heights=[0.78, 0.22],
        vertical_spacing=0.02,
        horizontal_spacing=0.04,
        subplot_titles=[plain(title) for title, _ in paths],
    )
    middle = steps // 2
    for place, (_, pictures) in enumerate(paths, start=1):
        figure.add_trace(_grey(pictures[middle], hovertemplate="intensity %{z:.3f}<extra></extra>"), 1, place)
    for place, (_, pictures) in enumerate(paths, start=1):
        chosen = np.linspace(0, steps - 1, min(FILM, steps)).round().astype(int)
        strip = mosaic(np.clip(pictures[chosen], 0, 1), columns=len(chosen))
        figure.add_trace(_grey(strip, hoverinfo="skip"), 2, place)
    figure.frames = [
        go.Frame(
            name=f"{alpha:.2f}",
            traces=list(range(count)),
            data=[{"type": "heatmap", "z": pictures[step].astype(np.float32)} for _, pictures in paths],
        )
        for step, alpha in enumerate(alphas)
    ]
    _square(figure)
    figure.update_annotations(font_size=13)
    names = [f"{alpha:.2f}" for alpha in alphas]
    return layout(figure, height=height, **player(names, prefix="position ", duration=60, start=middle))


def _grey(values: Float[Array, "rows columns"], **settings: object) -> go.Heatmap:
    return go.Heatmap(z=values.astype(np.float32), zmin=0, zmax=1, colorscale=scale(INK), showscale=False, **settings)


def _square(figure: go.Figure) -> None:
    """Square pixels, the first row on top."""
    for number, axis in enumerate(figure.select_yaxes(), start=1):
        axis.update(autorange="reversed", scaleanchor="x" if number == 1 else f"x{number}", constrain="domain")
    figure.update_xaxes(constrain="domain")
    plain_axes(figure)
