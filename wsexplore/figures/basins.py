"""Barrier matrices with the tree of their joins above, basins outlined, before and after alignment."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots
from scipy.cluster.hierarchy import dendrogram, leaves_list

from wsexplore.figures.pairs import BELOW, LONGEST, NUMBERS, Square, hollow, pair_colours
from wsexplore.figures.theme import CATEGORIES, LINE, layout, plain

TREE = 110
"""Height of a tree in pixels."""


def basins_figure(
    matrices: Mapping[str, Square],
    linkages: Mapping[str, Float[Array, "joins 4"]],
    labels: Mapping[str, Int[Array, " networks"]],
    ids: Sequence[str],
    *,
    threshold: float,
    side: int = 330,
) -> go.Figure:
    """Barriers between all pairs on one colour scale: a matrix for each way of joining, in the order of its tree.

    Above each matrix is the tree of its joins, with the threshold dotted. Networks of one basin lie together and are
    outlined. Barriers that are not finite are left empty, and their joins end at the upper edge.

    Args:
        matrices: title ("as trained", "aligned") to barriers in nats.
        linkages: title to `Basins.linkage`.
        labels: title to `Basins.labels`.
        ids: of the networks.
        threshold: of the basins, in nats.
        side: height of a matrix in pixels.
    """
    columns, tall = len(matrices), TREE + side
    figure = make_subplots(
        2,
        columns,
        row_heights=[TREE / tall, side / tall],
        vertical_spacing=0.015,
        horizontal_spacing=0.09 / columns,
        subplot_titles=[_title(name, labels[name], threshold) for name in matrices],
    )
    colours = pair_colours(matrices, "barrier (nats)")
    joins = [linkage[:, 2] for linkage in linkages.values()]
    known = [own[own <= float(colours["cmax"])] for own in joins]
    top = 1.15 * max(threshold, *(float(own.max(initial=0.0)) for own in known))
    for column, (name, heights) in enumerate(matrices.items(), start=1):
        order = _leaves(linkages[name], len(ids))
        figure.add_trace(_joins(linkages[name], top), 1, column)
        figure.add_hline(y=threshold, line={"color": LINE, "dash": "dot", "width": 1.5}, row=1, col=column)
        figure.add_trace(_cells(heights[np.ix_(order, order)], [ids[place] for place in order], name), 2, column)
        figure.add_trace(_borders(labels[name][order]), 2, column)
        ends = [-0.5, len(ids) - 0.5]
        bare: dict[str, Any] = {"showgrid": False, "zeroline": False, "ticks": "", "range": ends}
        figure.update_xaxes(**{**bare, "showticklabels": False}, row=1, col=column)
        figure.update_yaxes(
            range=[0, top], zeroline=False, nticks=4, title="nats" if column == 1 else "", row=1, col=column
        )
        names = _ticks([ids[place] for place in order])
        figure.update_xaxes(
            **bare, **names, tickangle=-60, row=2, col=column, matches=f"x{column if column > 1 else ''}"
        )
        beside = names if column == 1 else {"showticklabels": False}
        figure.update_yaxes(**{**bare, "range": ends[::-1]}, **beside, row=2, col=column)
    figure.update_layout(coloraxis=colours)
    figure.update_annotations(font_size=13)
    layout(figure, height=44 + tall + BELOW + (40 if len(ids) <= NUMBERS else 0))
    figure.update_layout(margin={"t": 44, "b": BELOW})
    return figure


def _leaves(linkage: Float[Array, "joins 4"], count: int) -> Int[Array, " networks"]:
    order: Int[Array, " networks"] = leaves_list(linkage).astype(int) if count > 1 else np.zeros(1, int)
    return order


def _joins(linkage: Float[Array, "joins 4"], top: float) -> go.Scatter:
    """The tree as one line with gaps; leaf `k` stands at `k`."""
    x: list[float | None] = []
    y: list[float | None] = []
    if len(linkage):
        drawn = dendrogram(linkage, no_plot=True)
        for across, up in zip(drawn["icoord"], drawn["dcoord"], strict=True):
            x += [*((np.asarray(across) - 5) / 10).tolist(), None]
            y += [*np.minimum(np.asarray(up), top).tolist(), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": CATEGORIES[4], "width": 1.6},
        hovertemplate="joined at %{y:.3f} nats<extra></extra>",
        showlegend=False,
    )


def _cells(heights: Square, ids: Sequence[str], title: str) -> go.Heatmap:
    labels = np.array([plain(name) for name in ids], dtype=object)
    finite = np.where(np.isfinite(heights), heights, np.nan)
    return go.Heatmap(
        z=hollow(finite),
        coloraxis="coloraxis",
        customdata=np.stack(np.broadcast_arrays(labels[:, None], labels[None, :]), axis=-1),
        texttemplate="%{z:.2f}" if len(ids) <= NUMBERS else None,
        textfont={"size": 12 if len(ids) <= 8 else 10},
        hovertemplate=f"{plain(title)}<br>%{{customdata[0]}} and %{{customdata[1]}}<br>"
        "barrier %{z:.3f} nats<extra></extra>",
        xgap=1,
        ygap=1,
        hoverongaps=False,
    )


def _borders(labels: Int[Array, " networks"]) -> go.Scatter:
    """A square around each basin of two or more, as one line with gaps."""
    changes = np.flatnonzero(np.diff(labels)) + 1
    bounds = [0, *changes.tolist(), len(labels)]
    across: list[float | None] = []
    down: list[float | None] = []
    for start, stop in pairwise(bounds):
        if stop - start > 1:
            low, high = start - 0.5, stop - 0.5
            across += [low, high, high, low, low, None]
            down += [low, low, high, high, low, None]
    line = {"color": CATEGORIES[2], "width": 3}
    return go.Scatter(x=across, y=down, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _ticks(ids: Sequence[str]) -> dict[str, Any]:
    if len(ids) > NUMBERS:
        return {"showticklabels": False}
    short = [plain(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…") for name in ids]
    return {"tickvals": list(range(len(ids))), "ticktext": short}


def _title(name: str, labels: Int[Array, " networks"], threshold: float) -> str:
    count = int(labels.max()) + 1
    return f"{plain(name)}<br>{count:,} {'basin' if count == 1 else 'basins'} at {threshold:.3g} nats"


def basins_finding(
    matrices: Mapping[str, Square], labels: Mapping[str, Int[Array, " networks"]], *, threshold: float
) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = []
    for name, own in labels.items():
        sizes = np.bincount(own)
        apart = matrices[name][~np.eye(len(own), dtype=bool)]
        finite = apart[np.isfinite(apart)]
        mean = f", mean barrier {finite.mean():.3g} nats" if len(finite) else ""
        broken = (len(apart) - len(finite)) // 2
        lost = f", {broken:,} {'barrier' if broken == 1 else 'barriers'} not finite" if broken else ""
        basins = f"{len(sizes):,} {'basin' if len(sizes) == 1 else 'basins'}"
        said.append(f"{name}: {basins}, the largest of {sizes.max():,}{mean}{lost}")
    networks = len(next(iter(labels.values()))) if labels else 0
    return f"{networks:,} networks in basins joined by barriers up to {threshold:.3g} nats. " + "; ".join(said)
