"""How alike two networks are, layer by layer; and weights against functions, pair by pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from wsexplore.figures.markers import SVG
from wsexplore.figures.theme import CATEGORIES, FAINT, SEQUENTIAL, colour_bar, layout, plain, scale

WRITTEN = 14
"""Layers up to which the values are written into the cells."""

NAMED = 40
"""Layers up to which every one has its name beside the matrix."""

LONGEST = 24
"""Letters of a layer's name beside the matrix; the cards have all of it."""

SAME_RUN, OTHER_RUNS = (CATEGORIES[1], "diamond"), (CATEGORIES[0], "circle")
"""Colour and symbol of a pair."""

TENTHS = 10
"""Groups of pairs of which the medians are drawn."""

BUTTONS = {
    "type": "buttons",
    "direction": "right",
    "showactive": False,
    "bgcolor": FAINT,
    "borderwidth": 0,
    "x": 1,
    "xanchor": "right",
    "y": 1.02,
    "yanchor": "bottom",
    "pad": {"t": 0},
}
"""Where buttons stand that change what is drawn, and how they look in light and in dark."""


def similarity_figure(
    matrix: Float[Array, "first_layers second_layers"],
    first_layers: Sequence[str],
    second_layers: Sequence[str],
    first: str,
    second: str,
    *,
    height: int | None = None,
) -> go.Figure:
    """CKA between all layers of two networks, the first layers bottom left; layers of one name are outlined.

    The colours go from 0 to 1 in every such figure, so that figures can be compared.

    Args:
        matrix: CKA; values below 0 take the colour of 0, what is not finite is left empty.
        first_layers: names of the rows.
        second_layers: names of the columns.
        first: id of the network whose layers are rows.
        second: id of the other.
        height: in pixels; by default it grows with the layers.
    """
    rows, columns = len(first_layers), len(second_layers)
    names = np.broadcast_arrays(
        np.array([plain(name) for name in first_layers], dtype=object)[:, None],
        np.array([plain(name) for name in second_layers], dtype=object)[None, :],
    )
    few = max(rows, columns) <= WRITTEN
    figure = go.Figure(
        go.Heatmap(
            z=matrix.astype(np.float32),
            zmin=0,
            zmax=1,
            colorscale=scale(SEQUENTIAL),
            colorbar=colour_bar("linear CKA"),
            customdata=np.stack(names, axis=-1),
            texttemplate="%{z:.2f}" if few else None,
            hovertemplate=f"{plain(first)}: %{{customdata[0]}}<br>{plain(second)}: %{{customdata[1]}}<br>"
            "CKA %{z:.3f}<extra></extra>",
            hoverongaps=False,
        )
    )
    across, down = _outlines(first_layers, second_layers)
    figure.add_scatter(
        x=across,
        y=down,
        mode="lines",
        line={"color": "#ffffff", "width": 2.5 if few else 1.2},
        name="layers of one name",
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(**_axis(second, second_layers), constrain="domain")
    figure.update_yaxes(**_axis(first, first_layers), scaleanchor="x", constrain="domain")
    return layout(figure, height=height or int(np.clip(220 + 26 * max(rows, columns), 380, 760)))


def _outlines(
    first_layers: Sequence[str], second_layers: Sequence[str]
) -> tuple[list[float | None], list[float | None]]:
    """A square around each pair of layers of one name, as one line with gaps."""
    places = {name: place for place, name in enumerate(second_layers)}
    across: list[float | None] = []
    down: list[float | None] = []
    for row, name in enumerate(first_layers):
        if name in places:
            column = places[name]
            across += [column - 0.5, column + 0.5, column + 0.5, column - 0.5, column - 0.5, None]
            down += [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5, None]
    return across, down


def _axis(network: str, layers: Sequence[str]) -> dict[str, Any]:
    """The id of a network as the title, and the names of as many layers as there is room for."""
    every = -(-len(layers) // NAMED)
    short = [name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}" for name in layers]
    return {
        "title": f"layers of {plain(network)}",
        "tickvals": list(range(0, len(layers), every)),
        "ticktext": [plain(name) for name in short[::every]],
        "tickfont": {"size": 12 if len(layers) <= WRITTEN else 10},
        "range": [-0.5, len(layers) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }


def similarity_finding(
    matrix: Float[Array, "first_layers second_layers"],
    first_layers: Sequence[str],
    second_layers: Sequence[str],
    first: str,
    second: str,
) -> str:
    """What `similarity_figure` shows, in one sentence: its alt text."""
    if not np.isfinite(matrix).any():
        return f"Linear CKA between layers of {first} and {second}: no layer has a finite value"
    row, column = divmod(int(np.nanargmax(matrix)), matrix.shape[1])
    low_row, low_column = divmod(int(np.nanargmin(matrix)), matrix.shape[1])
    places = {name: place for place, name in enumerate(second_layers)}
    own = np.array([matrix[place, places[name]] for place, name in enumerate(first_layers) if name in places])
    said = [
        f"Linear CKA between {len(first_layers)} layers of {first} and {len(second_layers)} of {second}: "
        f"highest {matrix[row, column]:.2f} ({first_layers[row]} with {second_layers[column]}), "
        f"lowest {matrix[low_row, low_column]:.2f} ({first_layers[low_row]} with {second_layers[low_column]})"
    ]
    if np.isfinite(own).any():
        said.append(f"layers of one name have {np.nanmean(own):.2f} on average")
    return "; ".join(said)


def weight_function_figure(
    distances: Mapping[str, Float[Array, " pairs"]],
    functions: Float[Array, " pairs"],
    same_run: Bool[Array, " pairs"],
    names: Sequence[str],
    *,
    measure: str = "mean Jensen-Shannon divergence (nats)",
    height: int = 460,
) -> go.Figure:
    """Distance of the weights against distance of the functions, a mark for each pair of networks, to be lassoed.

    Pairs of one run are diamonds in another colour. The lines are the median function distance of tenths of the pairs,
    from the closest weights to the furthest. Where there are distances of several kinds, a button changes between them
    in the browser. All marks are the first trace, so the number of a mark is that of its pair.

    Args:
        distances: L2 distances of the weights by name ("as trained", "matched"), the first of which is shown.
        functions: how differently the two answer.
        same_run: whether the two are of one run.
        names: what each pair is called on its card.
        measure: what `functions` is, with its unit in brackets.
        height: in pixels.
    """
    figure, kinds = go.Figure(), list(distances)
    shown = distances[kinds[0]]
    colours, symbols = (np.where(same_run, SAME_RUN[part], OTHER_RUNS[part]) for part in (0, 1))
    draw = go.Scattergl if len(functions) > SVG else go.Scatter
    figure.add_trace(
        draw(
            x=shown.astype(np.float32),
            y=functions.astype(np.float32),
            mode="markers",
            marker={
                "size": np.where(same_run, 6.5, 5),
                "color": colours,
                "symbol": symbols,
                "opacity": 0.4,
                "line": {"width": 0},
            },
            hovertext=[plain(name) for name in names],
            hovertemplate="%{hovertext}<br>L2 distance %{x:.3g}<br>" + f"{plain(measure)} %{{y:.3g}}<extra></extra>",
            name="pairs",
            showlegend=False,
        )
    )
    groups = [
        (style, name, members)
        for style, name, members in (
            (SAME_RUN, "checkpoints of one run", same_run),
            (OTHER_RUNS, "networks of two runs", ~same_run),
        )
        if members.any()
    ]
    for (colour, symbol), name, members in groups:
        across, middles = _medians(shown[members], functions[members])
        figure.add_scatter(
            x=across,
            y=middles,
            mode="lines+markers",
            line={"color": colour, "width": 2.5},
            marker={"size": 8, "color": colour, "symbol": symbol, "line": {"width": 1, "color": "#ffffff"}},
            hovertemplate=f"median of a tenth<br>L2 distance %{{x:.3g}}<br>{plain(measure)} %{{y:.3g}}<extra></extra>",
            name=f"{name}, {int(members.sum()):,} pairs",
        )
    figure.update_xaxes(title=_distance_title(kinds[0]), rangemode="tozero", zeroline=False)
    figure.update_yaxes(title=plain(measure), rangemode="tozero", zeroline=False)
    buttons = [
        {
            "label": plain(kind),
            "method": "update",
            "args": [
                {
                    "x": [
                        values.astype(np.float32),
                        *(_medians(values[own], functions[own])[0] for _, _, own in groups),
                    ],
                    "y": [
                        functions.astype(np.float32),
                        *(_medians(values[own], functions[own])[1] for _, _, own in groups),
                    ],
                },
                {"xaxis.title.text": _distance_title(kind)},
            ],
        }
        for kind, values in distances.items()
    ]
    several = {"updatemenus": [{**BUTTONS, "buttons": buttons}]} if len(kinds) > 1 else {}
    return layout(figure, height=height, dragmode="lasso", **several)


def _medians(
    distances: Float[Array, " pairs"], functions: Float[Array, " pairs"]
) -> tuple[Float[Array, " tenths"], Float[Array, " tenths"]]:
    """Medians of both in each tenth of the pairs, by weight distance; of fewer than 50 pairs there are none."""
    known = np.isfinite(distances) & np.isfinite(functions)
    if known.sum() < 5 * TENTHS:
        return np.full(1, np.nan), np.full(1, np.nan)
    order = np.flatnonzero(known)[np.argsort(distances[known], kind="stable")]
    parts = np.array_split(order, TENTHS)
    return np.array([np.median(distances[part]) for part in parts]), np.array(
        [np.median(functions[part]) for part in parts]
    )


def _distance_title(kind: str) -> str:
    return f"L2 distance of the weights, {plain(kind)}"


def weight_function_finding(correlations: pd.DataFrame, *, function: str = "divergence") -> str:
    """What `weight_function_figure` shows, in one sentence: its alt text.

    Args:
        correlations: of `DistancePairs`.
        function: "divergence" or "disagreement", what is drawn.
    """
    rows = correlations[correlations["function"] == function]
    said = []
    for weights, own in rows.groupby("weights", sort=False):
        parts = [
            f"{row['rho']:.2f} ({row['low']:.2f} to {row['high']:.2f}) over {row['count']:,} pairs "
            + {"all": "in all", "same run": "of one run", "other runs": "of two runs"}[str(row["pairs"])]
            for row in own.to_dict("records")
            if np.isfinite(row["rho"])
        ]
        if parts:
            said.append(f"weights {weights}: {', '.join(parts)}")
    return (
        f"Rank correlation of weight distance with {function}, with 95 % intervals. {'; '.join(said)}"
        if said
        else "There are too few pairs for a rank correlation of weight distance with function distance"
    )
