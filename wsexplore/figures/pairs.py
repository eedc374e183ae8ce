"""Every network with every other: distances and barriers as matrices on one colour scale."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import SEQUENTIAL, flat_bar, layout, plain, scale

Square = Float[Array, "models models"]

NUMBERS = 12
"""Up to so many networks, values are written into the cells and ids beside them."""

LONGEST = 12
"""Letters of an id beside a matrix; the cards have all of it."""

CELLS = 200
"""Most networks of a drawn matrix."""

BETWEEN, BELOW = 56, 96
"""Pixels between two rows of matrices, and below the last, where the colour bar lies."""


def distances_figure(
    before: Square,
    after: Square,
    ids: Sequence[str],
    *,
    titles: tuple[str, str] = ("as trained", "aligned"),
    measure: str = "L2 distance of the weights",
    side: int = 340,
) -> go.Figure:
    """Distances between all pairs, before and after alignment, on one colour scale.

    The titles tell the mean over all pairs. Of a large zoo some networks, evenly spaced, are drawn, and the titles
    say so.

    Args:
        before: symmetric; the diagonal is left empty.
        after: the same networks aligned.
        ids: of the networks.
        titles: of the two matrices.
        measure: what a distance is, with its unit in brackets where it has one.
        side: height of a matrix in pixels.
    """
    return matrices_of_pairs(dict(zip(titles, (before, after), strict=True)), ids, measure=measure, side=side)


def barriers_figure(
    matrices: Mapping[str, Square], ids: Sequence[str], *, columns: int = 2, side: int = 280
) -> go.Figure:
    """Barriers between all pairs, in nats, one matrix per way of joining them, on one colour scale.

    The titles tell the mean over all pairs. Up to 12 networks have their values in the cells.

    Args:
        matrices: title to barriers; the diagonal is left empty.
        ids: of the networks.
        columns: matrices side by side.
        side: height of a matrix in pixels.
    """
    return matrices_of_pairs(matrices, ids, measure="barrier (nats)", columns=columns, side=side)


def matrices_of_pairs(
    matrices: Mapping[str, Square], ids: Sequence[str], *, measure: str, columns: int = 2, side: int = 300
) -> go.Figure:
    """Values of all pairs of networks, matrix by matrix, on one colour scale."""
    columns = max(1, min(columns, len(matrices)))
    rows = max(1, math.ceil(len(matrices) / columns))
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=[_title(name, matrix, measure) for name, matrix in matrices.items()],
        horizontal_spacing=0.05 / max(1, columns - 1),
        vertical_spacing=BETWEEN / (rows * side + (rows - 1) * BETWEEN),
    )
    for place, (name, matrix) in enumerate(matrices.items()):
        row, column = place // columns + 1, place % columns + 1
        figure.add_trace(pair_cells(matrix, ids, measure, title=name), row, column)
        below = place + columns >= len(matrices)
        pair_axes(figure, row, column, ids, beside=column == 1, below=below)
    figure.update_layout(coloraxis=pair_colours(matrices, measure))
    figure.update_annotations(font_size=13)
    layout(figure, height=44 + rows * side + (rows - 1) * BETWEEN + BELOW)
    figure.update_layout(margin={"t": 44, "b": BELOW})
    return figure


def pair_colours(matrices: Mapping[str, Square], measure: str) -> dict[str, Any]:
    """One colour axis for all matrices, from 0 to the largest value."""
    finite = [matrix[np.isfinite(matrix)] for matrix in matrices.values()]
    top = max((float(values.max()) for values in finite if len(values)), default=0.0)
    return {"cmin": 0, "cmax": max(1e-9, top), "colorscale": scale(SEQUENTIAL), "colorbar": flat_bar(measure)}


def pair_mean(matrix: Square) -> float:
    """Mean over pairs of different networks; what is not finite is left out."""
    values = matrix[~np.eye(len(matrix), dtype=bool)]
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


def pair_rows(count: int) -> Int[Array, " drawn"]:
    """The networks that are drawn: all, or some, evenly spaced."""
    chosen: Int[Array, " drawn"] = np.unique(np.linspace(0, count - 1, min(count, CELLS)).round().astype(int))
    return chosen


def hollow(matrix: Square) -> Square:
    """Without the diagonal, on which there is no pair."""
    cells: Square = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix).astype(np.float32)
    return cells


def pair_cells(matrix: Square, ids: Sequence[str], measure: str, *, title: str = "") -> go.Heatmap:
    """The values as cells, written into them where there are few."""
    drawn = pair_rows(len(ids))
    labels = np.array([plain(ids[row]) for row in drawn])
    written = len(ids) <= NUMBERS
    heading = f"{plain(title)}<br>" if title else ""
    return go.Heatmap(
        z=hollow(matrix[np.ix_(drawn, drawn)]),
        coloraxis="coloraxis",
        customdata=np.stack(np.broadcast_arrays(labels[:, None], labels[None, :]), axis=-1),
        texttemplate=("%{z:.2f}" if len(ids) <= 8 else "%{z:.1f}") if written else None,
        hovertemplate=f"{heading}%{{customdata[0]}} and %{{customdata[1]}}<br>"
        f"{plain(measure)} %{{z:.3f}}<extra></extra>",
        xgap=1 if written else 0,
        ygap=1 if written else 0,
        hoverongaps=False,
    )


def pair_axes(
    figure: go.Figure, row: int, column: int, ids: Sequence[str], *, beside: bool = True, below: bool = True
) -> None:
    """The first network top left, ids where there is room for them."""
    names = [plain(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…") for name in ids]
    ticks = {"tickvals": list(range(len(ids))), "ticktext": names} if len(ids) <= NUMBERS else {"showticklabels": False}
    hidden = {"showticklabels": False}
    where = {"row": row, "col": column, "showgrid": False, "zeroline": False, "ticks": ""}
    figure.update_xaxes(**where, **(ticks if below else hidden))
    figure.update_yaxes(**where, **(ticks if beside else hidden), autorange="reversed")


def _title(name: str, matrix: Square, measure: str) -> str:
    unit = measure.partition("(")[2].rstrip(")")
    some = "" if len(matrix) <= CELLS else f"; {CELLS} of {len(matrix):,} drawn"
    mean = f"mean {pair_mean(matrix):#.3g} {plain(unit)}".rstrip(" .")
    return f"{plain(name)}<br>{mean}{some}"
