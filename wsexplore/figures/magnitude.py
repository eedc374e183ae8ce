"""Diversity of clouds of networks: the magnitude at every scale."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from wsexplore.embed.magnitude import Magnitude, common_scale
from wsexplore.figures.theme import CATEGORIES, LINE, SYMBOLS, layout, plain


def magnitude_figure(curves: Mapping[str, Magnitude], *, height: int = 380) -> go.Figure:
    """How many different points each cloud holds, by the logarithm of the scale.

    The dotted line of each cloud is its number of points. The further left a curve rises, the further apart its points
    lie. Curves are comparable where distances have one unit. The areas in the legend go to one scale, that of the
    vertical line: the median of the curves' ends.

    Args:
        curves: name to magnitude, in the order of the legend.
        height: in pixels.
    """
    figure = go.Figure()
    top = common_scale(curves.values()) if curves else 1.0
    for place, (name, curve) in enumerate(curves.items()):
        colour, title = CATEGORIES[place % len(CATEGORIES)], plain(name)
        ends = [curve.scales[0], curve.scales[-1]]
        figure.add_scatter(
            x=ends,
            y=[len(curve)] * 2,
            mode="lines",
            line={"color": colour, "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=curve.scales,
            y=curve.values,
            mode="lines+markers",
            name=f"{title}, area {curve.area_to(top):.2f}",
            line={"color": colour, "width": 2.5},
            marker={"size": 6, "symbol": SYMBOLS[place % len(SYMBOLS)]},
            hovertemplate=f"<b>{title}</b><br>scale %{{x:.3g}}<br>%{{y:,.1f}} of {len(curve):,}<extra></extra>",
        )
    if len(curves) == 1:
        (half,) = (curve.half for curve in curves.values())
        figure.add_vline(x=half, line={"color": LINE, "width": 1, "dash": "dot"})
    elif curves:
        figure.add_vline(x=top, line={"color": LINE, "width": 1})
    figure.update_xaxes(title="scale (1 / distance, log)", type="log", zeroline=False)
    figure.update_yaxes(title="magnitude (points told apart)", rangemode="tozero", zeroline=False)
    return layout(figure, height=height)


def magnitude_finding(curves: Mapping[str, Magnitude]) -> str:
    """What the figure shows, in one sentence: its alt text."""
    if not curves:
        return "No cloud of points to compare"
    top = common_scale(curves.values())
    areas = {name: curve.area_to(top) for name, curve in curves.items()}
    halves = {name: curve.half for name, curve in curves.items()}
    said = [f"{name}: {len(curve):,} points, area {areas[name]:.2f}" for name, curve in curves.items()]
    if len(curves) > 1:
        wide = min(halves, key=lambda name: halves[name])
        said.append(f"half of {wide} is told apart at the smallest scale, {halves[wide]:.3g}")
        said[0] = f"Areas up to scale {top:.3g}. {said[0]}"
    elif np.isfinite(next(iter(halves.values()))):
        said.append(f"half of them told apart at scale {next(iter(halves.values())):.3g}")
    return "; ".join(said)
