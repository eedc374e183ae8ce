"""The merge tree of a plane as branches that join, and its minima by birth and death."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.figures.theme import CATEGORIES, LINE, SYMBOLS, layout, plain

LABELLED = 10
"""Most minima whose persistence is written beside them."""

RISE = 0.06
"""How far a branch that never merges goes on above the highest value, as a share of the axis."""


def basin_colours(count: int) -> list[str]:
    """A colour for each of so many minima, the most persistent first: of its branch, its point and its basin."""
    return [CATEGORIES[place % len(CATEGORIES)] for place in range(count)]


def merge_tree_figure(
    births: Float[Array, " minima"],
    deaths: Float[Array, " minima"],
    parents: Int[Array, " minima"],
    places: Float[Array, " minima"],
    highest: float,
    *,
    cells: Float[Array, "minima 2"] | Int[Array, "minima 2"] | None = None,
    units: str = "nats",
    span: tuple[float, float] | None = None,
    log: bool = False,
    height: int = 460,
) -> go.Figure:
    """Minima as branches from their own value up to the saddle at which they join a deeper one, the first ten coloured.

    The value axis can be that of a contour or a surface beside it. Places across have no unit.

    Args:
        births: value at each minimum, the most persistent first.
        deaths: value at its saddle, infinite where it never merges.
        parents: minimum into which it merges, -1 for none.
        places: where the branches stand, not a number for those left out; see `MergeTree.layout`.
        highest: largest value of the surface, where branches that never merge end.
        cells: where each minimum lies, two numbers that its card tells.
        units: of the values.
        span: ends of the value axis.
        log: whether the value axis is logarithmic; all values must be above 0.
        height: in pixels.
    """
    figure, colours = go.Figure(), basin_colours(len(births))
    unit = plain(units)
    drawn = np.flatnonzero(np.isfinite(places))
    low = float(births[drawn].min()) if len(drawn) else 0.0
    above = _above(low, highest, log=log)
    ends = np.where(np.isfinite(deaths), deaths, above)
    branches = {place: _branch(place, births, ends, parents, places) for place in drawn[::-1].tolist()}
    small = [branches[place] for place in branches if place >= LABELLED]
    if small:
        figure.add_trace(_lines(small, LINE, 1.2))
    for place in branches:
        if place < LABELLED:
            figure.add_trace(_lines([branches[place]], colours[place], 3.0))
    figure.add_trace(_leaves(births, deaths, places, drawn, cells, unit))
    saddles = drawn[np.isfinite(deaths[drawn])]
    figure.add_scatter(
        x=places[saddles],
        y=deaths[saddles],
        mode="markers",
        marker={"size": 5, "color": LINE},
        customdata=deaths[saddles] - births[saddles],
        hovertemplate=f"saddle<br>%{{y:.4g}} {unit}<br>%{{customdata:.4g}} {unit} above the minimum<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(visible=False, range=[-0.7, max(len(drawn) - 0.3, 0.7)], fixedrange=True)
    ranged = {"range": [np.log10(end) for end in span] if log else list(span)} if span is not None else {}
    figure.update_yaxes(
        title=f"loss ({unit})" if units == "nats" else unit, type="log" if log else "linear", zeroline=False, **ranged
    )
    return layout(figure, height=height)


_Line = tuple[list[float | None], list[float | None]]


def _branch(
    place: int,
    births: Float[Array, " minima"],
    ends: Float[Array, " minima"],
    parents: Int[Array, " minima"],
    places: Float[Array, " minima"],
) -> _Line:
    """Up from a minimum, and over to its parent."""
    x, low, high = float(places[place]), float(births[place]), float(ends[place])
    if parents[place] < 0:
        return [x, x], [low, high]
    return [x, x, float(places[parents[place]])], [low, high, high]


def _lines(branches: Sequence[_Line], colour: str, width: float) -> go.Scatter:
    """Branches as one line with gaps."""
    x, y = ([value for branch in branches for value in (*branch[axis], None)][:-1] for axis in (0, 1))
    line = {"color": colour, "width": width}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _above(low: float, highest: float, *, log: bool) -> float:
    """Where branches end that never merge."""
    if log and low > 0:
        return float(highest * (highest / low) ** RISE)
    return highest + RISE * (highest - low)


def _leaves(
    births: Float[Array, " minima"],
    deaths: Float[Array, " minima"],
    places: Float[Array, " minima"],
    drawn: Int[Array, " drawn"],
    cells: Array | None,
    unit: str,
) -> go.Scatter:
    """The minima at the ends of their branches, the most persistent with their persistence written below."""
    heights = deaths - births
    told = [_persistence(value, unit) for value in heights[drawn].tolist()]
    where = ["" if cells is None else f"<br>at ({cells[place][0]:.3g}, {cells[place][1]:.3g})" for place in drawn]
    return go.Scatter(
        x=places[drawn],
        y=births[drawn],
        mode="markers+text",
        marker={
            "opacity": 1,
            "size": [13 if place == 0 else 10 if place < LABELLED else 6 for place in drawn.tolist()],
            "symbol": ["star" if place == 0 else SYMBOLS[0] for place in drawn.tolist()],
            "color": [basin_colours(len(births))[place] for place in drawn.tolist()],
        },
        text=[_short(heights[place], deepest=place == 0) if place < LABELLED else "" for place in drawn.tolist()],
        textposition="bottom center",
        textfont={"size": 11},
        cliponaxis=False,
        hovertext=[
            f"minimum {place + 1}{spot}<br>{told[row]}"
            for row, (place, spot) in enumerate(zip(drawn.tolist(), where, strict=True))
        ],
        hovertemplate=f"%{{hovertext}}<br>value %{{y:.4g}} {unit}<extra></extra>",
        showlegend=False,
    )


def _persistence(value: float, unit: str) -> str:
    return f"persistence {value:.4g} {unit}" if np.isfinite(value) else "never merges into a deeper one"


def _short(value: float, *, deepest: bool) -> str:
    if np.isfinite(value):
        return f"{value:.2g}"
    return "lowest" if deepest else "cut off"


def persistence_figure(
    births: Float[Array, " minima"],
    deaths: Float[Array, " minima"],
    highest: float,
    *,
    threshold: float = 0.0,
    units: str = "nats",
    height: int = 400,
) -> go.Figure:
    """Every minimum by its own value and that of its saddle; the further above the diagonal, the deeper its basin.

    Minima that never merge lie on the line on top. Those whose persistence is not above the threshold are hollow.

    Args:
        births: value at each minimum, the most persistent first.
        deaths: value at its saddle, infinite where it never merges.
        highest: largest value of the surface.
        threshold: a persistence, drawn as a dotted line.
        units: of the values.
        height: in pixels.
    """
    figure, unit = go.Figure(), plain(units)
    low = float(births.min())
    top = _above(low, highest, log=False)
    ends = [low, highest]
    for shift, dash in ((0.0, "solid"), *(((threshold, "dot"),) if threshold > 0 else ())):
        line = {"color": LINE, "width": 1, "dash": dash}
        upper = [end + shift for end in ends]
        figure.add_scatter(x=ends, y=upper, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    never = ~np.isfinite(deaths)
    figure.add_scatter(
        x=[low, highest],
        y=[top, top],
        mode="lines",
        line={"color": LINE, "width": 1, "dash": "dash"},
        hoverinfo="skip",
        showlegend=False,
    )
    colours, kept = basin_colours(len(births)), deaths - births > threshold
    symbols = [
        ("star" if lost else "circle") + ("" if keep else "-open")
        for lost, keep in zip(never.tolist(), kept.tolist(), strict=True)
    ]
    figure.add_scatter(
        x=births,
        y=np.where(never, top, deaths),
        mode="markers",
        marker={"opacity": 1, "size": np.where(kept, 11, 7), "color": colours, "symbol": symbols},
        hovertext=[
            f"minimum {place + 1}<br>{_persistence(value, unit)}"
            for place, value in enumerate((deaths - births).tolist())
        ],
        hovertemplate=f"%{{hovertext}}<br>value %{{x:.4g}} {unit}<extra></extra>",
        showlegend=False,
    )
    figure.add_annotation(x=highest, y=top, text="never merges", showarrow=False, xanchor="right", yanchor="bottom")
    figure.update_xaxes(title=f"value at the minimum ({unit})", zeroline=False)
    figure.update_yaxes(title=f"value at its saddle ({unit})", zeroline=False)
    return layout(figure, height=height)


def merge_tree_finding(
    births: Float[Array, " minima"],
    deaths: Float[Array, " minima"],
    *,
    threshold: float = 0.0,
    units: str = "nats",
    cells: Sequence[Any] | Array | None = None,
) -> str:
    """What either figure shows, in one sentence: its alt text.

    Args:
        births: value at each minimum, the most persistent first.
        deaths: value at its saddle, infinite where it never merges.
        threshold: persistence above which a minimum counts.
        units: of the values.
        cells: where each minimum lies, told of the lowest.
    """
    heights = deaths - births
    counted = int((heights > threshold).sum())
    above = f" whose persistence is above {threshold:.3g} {units}" if threshold > 0 else ""
    where = f" at ({cells[0][0]:.3g}, {cells[0][1]:.3g})" if cells is not None and len(cells) else ""
    said = [
        f"{counted:,} {'minimum' if counted == 1 else 'minima'}{above}",
        f"the lowest, {births.min():.3g} {units},{where} never merges" if len(births) else "",
    ]
    finite = heights[np.isfinite(heights)]
    if len(finite):
        place = int(np.flatnonzero(np.isfinite(heights))[0])
        said.append(
            f"of the others the most persistent one, {births[place]:.3g} {units}, merges at {deaths[place]:.3g} "
            f"{units} (persistence {heights[place]:.3g} {units})"
        )
    return "; ".join(part for part in said if part)
