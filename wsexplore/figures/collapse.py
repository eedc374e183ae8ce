"""The barriers of a population as they collapse, from one way of joining two networks to the next."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.pairs import Square, hollow, pair_axes, pair_cells, pair_colours, pair_mean, pair_rows
from wsexplore.figures.theme import FRESH, LINE, layout, plain, player

MOVES = 8
"""Pictures from one matrix to the next; values between two are interpolated, and only drawn."""

DOTS = 300
"""Most pairs whose own dot is drawn; the mean is of all."""


def collapse_figure(matrices: Mapping[str, Square], ids: Sequence[str], *, height: int = 500) -> go.Figure:
    """The barrier matrix as it collapses: one slider, in the browser, goes from one way of joining to the next.

    Left the matrix, right the barrier of every pair, way below way, with the mean of all. Values between two ways
    are interpolated, and only drawn.

    Args:
        matrices: title to barriers in nats, in the order of the slider.
        ids: of the networks.
        height: in pixels.
    """
    ways, stack = [plain(name) for name in matrices], np.stack(list(matrices.values())).astype(float)
    drawn = pair_rows(len(ids))
    some = "" if len(drawn) == len(ids) else f"; {len(drawn)} of {len(ids):,} drawn"
    figure = make_subplots(
        1,
        2,
        column_widths=[0.55, 0.45],
        horizontal_spacing=0.06,
        subplot_titles=[f"barrier of each pair{some}", "all pairs, by way"],
    )
    figure.add_trace(pair_cells(stack[0], ids, "barrier (nats)"), 1, 1)
    pair_axes(figure, 1, 1, ids)
    colours = pair_colours(matrices, "barrier (nats)")
    figure.update_layout(coloraxis={**colours, "showscale": False})
    figure.update_annotations(font_size=13)
    means = np.array([pair_mean(matrix) for matrix in stack])
    _add_dots(figure, stack)
    _add_means(figure, ways, means)
    top = colours["cmax"]
    figure.update_xaxes(
        title="barrier (nats)", range=[-0.04 * top, 1.06 * top], zeroline=False, rangemode="tozero", row=1, col=2
    )
    figure.update_yaxes(range=[len(ways) - 0.55, -0.7], visible=False, row=1, col=2)
    figure.frames = _frames(ways, stack[:, drawn][:, :, drawn], means, moving=len(figure.data) - 1)
    play = player([frame.name for frame in figure.frames], prefix="", duration=60, y=-0.17)
    play["sliders"][0]["pad"]["r"] = 48
    for place, step in enumerate(play["sliders"][0]["steps"]):
        step["label"] = step["label"] if place % MOVES == 0 else "…"
    return layout(figure, height=height, **play)


def _add_dots(figure: go.Figure, stack: Float[Array, "ways models models"]) -> None:
    """The barrier of every pair, spread a little so that they do not hide each other."""
    draw = np.random.default_rng(0)
    first, second = np.triu_indices(stack.shape[1], 1)
    chosen = np.sort(draw.choice(len(first), min(DOTS, len(first)), replace=False))
    values = stack[:, first[chosen], second[chosen]]
    spread = draw.uniform(0.02, 0.34, values.shape)
    figure.add_trace(
        go.Scatter(
            x=values.ravel(),
            y=(np.arange(len(values))[:, None] + spread).ravel(),
            mode="markers",
            marker={"size": 6, "color": LINE, "opacity": 0.55},
            hovertemplate="one pair<br>barrier %{x:.3f} nats<extra></extra>",
            showlegend=False,
        ),
        1,
        2,
    )


def _add_means(figure: go.Figure, ways: Sequence[str], means: Float[Array, " ways"]) -> None:
    """The mean of each way, told above its dots, and the star that the slider moves."""
    for place, (way, mean) in enumerate(zip(ways, means, strict=True)):
        style = {"showarrow": False, "xanchor": "left", "font": {"size": 11}, "yshift": 18}
        text = f"{way}: <b>{mean:.2g}</b>"
        figure.add_annotation(x=0, y=place, xref="x2 domain", yref="y2", text=text, **style)
    bars = {"size": 22, "symbol": "line-ns-open", "color": LINE, "line": {"width": 3}}
    for x, y, marker, hover in (
        (means, np.arange(len(ways)) + 0.18, bars, "mean of all pairs<br>barrier %{x:.3f} nats<extra></extra>"),
        (means[:1], np.array([0.18]), {"size": 17, "color": FRESH, "symbol": "star"}, None),
    ):
        skip = {"hovertemplate": hover} if hover else {"hoverinfo": "skip"}
        figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, showlegend=False, **skip), 1, 2)


def _frames(
    ways: Sequence[str], stack: Float[Array, "ways drawn drawn"], means: Float[Array, " ways"], *, moving: int
) -> list[go.Frame]:
    frames = []
    for stop in range((len(ways) - 1) * MOVES + 1):
        low, part = divmod(stop, MOVES)
        share = 0.5 - 0.5 * math.cos(math.pi * part / MOVES)
        high = min(low + 1, len(ways) - 1)
        matrix = (1 - share) * stack[low] + share * stack[high]
        star = {"x": [float((1 - share) * means[low] + share * means[high])], "y": [low + share + 0.18]}
        name = ways[low] if part == 0 else f"{ways[low]} to {ways[high]}, {part / MOVES:.0%}"
        frames.append(go.Frame(name=name, data=[{"type": "heatmap", "z": hollow(matrix)}, star], traces=[0, moving]))
    return frames
