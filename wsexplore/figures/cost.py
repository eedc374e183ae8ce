"""The matrix that an assignment was chosen from, as trained and in order."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import DIVERGING, flat_bar, layout, plain, scale

CELLS = 64
"""Most rows of a drawn matrix."""

CHOSEN = "#1b1e2e"
"""A ring on a cell, dark on every colour of the scale."""


def cost_figure(
    gains: Float[Array, "places units"],
    order: Int[Array, " places"],
    *,
    names: tuple[str, str] = ("first network", "second network"),
    measure: str = "inner product",
    height: int = 470,
) -> go.Figure:
    """What pairing any two units gains, and the assignment that was chosen: as trained, and with the columns in order.

    Rings mark the chosen pairs; in order they are the diagonal. Of a wide group some places, evenly spaced, are
    drawn with their partners, and the titles say so.

    Args:
        gains: of each place of the first network (row) with each unit of the second (column).
        order: the unit chosen for each place.
        names: of the two networks.
        measure: what a gain is.
        height: in pixels.
    """
    first, second = plain(names[0]), plain(names[1])
    count = len(order)
    chosen = np.unique(np.linspace(0, count - 1, min(count, CELLS)).round().astype(int))
    partners, trained = order[chosen], np.sort(order[chosen])
    some = "" if len(chosen) == count else f", {len(chosen)} of {count:,}"
    figure = make_subplots(1, 2, subplot_titles=[f"as trained{some}", f"in order{some}"], horizontal_spacing=0.04)
    limit = max(1e-9, float(np.nanquantile(np.abs(gains[np.ix_(chosen, trained)]), 0.999)))
    for column, units in enumerate((trained, partners), start=1):
        cells = go.Heatmap(
            z=gains[np.ix_(chosen, units)].astype(np.float32),
            coloraxis="coloraxis",
            customdata=np.stack(np.broadcast_arrays(chosen[:, None], units[None, :]), axis=-1),
            hovertemplate=f"place %{{customdata[0]}} of {first}<br>unit %{{customdata[1]}} of {second}"
            f"<br>{plain(measure)} %{{z:.3f}}<extra></extra>",
        )
        rings = go.Scatter(
            x=np.searchsorted(trained, partners) if column == 1 else np.arange(len(chosen)),
            y=np.arange(len(chosen)),
            mode="markers",
            marker={
                "symbol": "circle-open",
                "size": float(np.clip(260 / max(1, len(chosen)), 5, 15)),
                "color": CHOSEN,
                "line": {"width": 2 if len(chosen) <= 40 else 1},
            },
            name="chosen pair",
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_trace(cells, 1, column)
        figure.add_trace(rings, 1, column)
    ends = [-0.5, len(chosen) - 0.5]
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    figure.update_xaxes(title=f"units of {second}", range=ends, **axis)
    figure.update_yaxes(range=ends[::-1], **axis)
    figure.update_yaxes(title=f"places of {first}", row=1, col=1)
    colours = {"cmin": -limit, "cmax": limit, "colorscale": scale(DIVERGING), "colorbar": flat_bar(measure)}
    figure.update_layout(coloraxis=colours)
    figure.update_annotations(font_size=13)
    layout(figure, height=height)
    figure.update_layout(margin={"b": 92})
    return figure
