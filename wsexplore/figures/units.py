"""Weights as pictures: first-layer rows as images, matrices as heatmaps."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import DIVERGING, layout, mosaic, plain, plain_axes, scale


def heatmap(values: Float[Array, "rows columns"], *, limit: float, **settings: object) -> go.Heatmap:
    """Signed values with white at zero; `limit` is the value of the deepest colour."""
    return go.Heatmap(
        z=values.astype(np.float32),
        zmin=-limit,
        zmax=limit,
        colorscale=scale(DIVERGING),
        showscale=False,
        **settings,
    )


def unit_images(
    weights: Float[Array, "... units inputs"], kernel: Sequence[int], image: Sequence[int]
) -> Float[Array, "... units height width"]:
    """The incoming weights of first-layer units as images.

    Args:
        weights: one row per unit.
        kernel: shape of the layer's weights; a convolution's channels lie side by side.
        image: shape of one sample; a linear layer's rows take it where they have as many values.
    """
    *lead, inputs = weights.shape
    if len(kernel) == 4:
        split = weights.reshape(*lead, *kernel[1:])
        return np.concatenate([split[..., channel, :, :] for channel in range(kernel[1])], axis=-1)
    if len(image) in (2, 3) and math.prod(image) == inputs:
        return weights.reshape(*lead, -1, image[-1])
    return weights.reshape(*lead, 1, inputs)


def filters_figure(networks: Mapping[str, Float[Array, "units height width"]], *, columns: int = 8) -> go.Figure:
    """First-layer units of several networks as images, unit by unit in the same place.

    Args:
        networks: title to incoming weights of each unit, shaped like the input.
        columns: images per row of a mosaic.
    """
    titles = [plain(title) for title in networks]
    figure = make_subplots(1, len(networks), subplot_titles=titles, horizontal_spacing=0.03)
    limit = _limit(list(networks.values()))
    for place, (title, images) in enumerate(zip(titles, networks.values(), strict=True), start=1):
        canvas = mosaic(images, columns=columns)
        tile_h, tile_w = images.shape[1] + 1, images.shape[2] + 1
        rows, across = np.indices(canvas.shape)
        unit = (rows // tile_h) * columns + across // tile_w
        figure.add_trace(
            heatmap(
                canvas,
                limit=limit,
                customdata=unit,
                hovertemplate=f"{title}<br>unit %{{customdata}}<br>weight %{{z:.3f}}<extra></extra>",
            ),
            1,
            place,
        )
        figure.update_yaxes(autorange="reversed", scaleanchor=f"x{place if place > 1 else ''}", row=1, col=place)
    plain_axes(figure)
    figure.update_annotations(font_size=13)
    deepest = max(len(images) for images in networks.values())
    return layout(figure, height=50 + 40 * math.ceil(deepest / columns))


def matrices_figure(
    matrices: Sequence[tuple[str, Float[Array, "rows columns"]]], *, height: int = 300, hover: str = "weight"
) -> go.Figure:
    """Matrices side by side on one colour scale."""
    titles = [plain(title) for title, _ in matrices]
    figure = make_subplots(1, len(matrices), subplot_titles=titles, horizontal_spacing=0.03)
    limit = _limit([values for _, values in matrices])
    for place, (title, (_, values)) in enumerate(zip(titles, matrices, strict=True), start=1):
        template = f"{title}<br>row %{{y}}, column %{{x}}<br>{plain(hover)} %{{z:.3f}}<extra></extra>"
        figure.add_trace(heatmap(values, limit=limit, hovertemplate=template), 1, place)
        figure.update_yaxes(autorange="reversed", row=1, col=place)
    plain_axes(figure)
    figure.update_annotations(font_size=13)
    return layout(figure, height=height)


def _limit(parts: Sequence[Array]) -> float:
    return max(float(np.nanquantile(np.abs(np.concatenate([part.ravel() for part in parts])), 0.995)), 1e-9)
