"""Sorted bars of what two selections differ in."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import FIRST, LINE, SECOND, layout, plain


def difference_figure(
    names: Sequence[str],
    values: Float[Array, " names"],
    cards: Sequence[str],
    *,
    title: str,
    chance: float | None = None,
    height: int | None = None,
) -> go.Figure:
    """Bars from the largest at the top; left and right of zero differ in colour and in hatching.

    Args:
        names: of the bars, in order.
        values: their lengths.
        cards: what the pointer reads off each.
        title: of the value axis.
        chance: a value that two draws from one population would reach, drawn as a dotted line.
        height: in pixels; by default one that fits the number of bars.
    """
    above = np.asarray(values) >= 0
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[plain(name) for name in names],
            orientation="h",
            marker={
                "color": np.where(above, FIRST, SECOND).tolist(),
                "pattern": {"shape": np.where(above, "", "/").tolist()},
            },
            hovertext=[plain(card) for card in cards],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    )
    if chance is not None:
        figure.add_vline(
            x=chance, line={"color": LINE, "dash": "dot"}, annotation_text="by chance", annotation_position="top right"
        )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticklabelstandoff=6)
    figure.update_xaxes(title=plain(title), zeroline=True, automargin=True)
    return layout(figure, height=height or 120 + 26 * len(names), bargap=0.35)
