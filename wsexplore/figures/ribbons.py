"""A permutation as ribbons between the units of two networks."""

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.figures.theme import FIRST, SECOND, SEQUENTIAL, colour_bar, layout, plain, player, scale, shade

RIBBONS = 64
"""Most ribbons that are drawn."""

LABELS = 32
"""Up to so many units have their numbers beside them."""

MOVES = 10
"""Pictures from crossed ribbons to straight ones."""

BEND = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, 28))
"""Height of a ribbon from left to right, from 0 to 1."""


def ribbon_figure(
    order: Int[Array, " units"],
    after: Float[Array, " units"],
    *,
    before: Float[Array, " units"] | None = None,
    signs: Int[Array, " units"] | None = None,
    names: tuple[str, str] = ("first network", "second network"),
    measure: str = "cosine similarity",
    height: int | None = None,
) -> go.Figure:
    """A permutation as ribbons from the places of one network to the units of another.

    Wider and lighter is more alike; a dashed ribbon is a unit whose sign is flipped. The slider, in the browser,
    first joins each place with the unit that stands there as trained, then with its partner, then moves the
    partners to their places. Of a wide layer some places, evenly spaced, are drawn, and the legend says so.

    Args:
        order: the unit of the second network at each place of the first, 0 to `units - 1`.
        after: similarity of each place's unit to its partner.
        before: the same to the unit that stood there as trained; without it, the slider begins with the partners.
        signs: -1 where the partner's sign is flipped, else 1.
        names: of the two networks.
        measure: what similarity is.
        height: in pixels; by default from the number of units.
    """
    count = len(order)
    drawn = np.unique(np.linspace(0, count - 1, min(count, RIBBONS)).round().astype(int))
    flipped = (signs[drawn] if signs is not None else np.ones(len(drawn))) < 0
    top = max(1e-9, *(float(np.nanmax(values, initial=0)) for values in (after, before) if values is not None))
    cards = _cards(order, after, before, signs, measure)
    figure = go.Figure()
    for place, ribbon in zip(drawn, _ribbons(drawn, order[drawn], after[drawn] / top, flipped), strict=True):
        figure.add_scatter(
            x=np.linspace(0, 1, len(BEND)).astype(np.float32),
            **ribbon,
            mode="lines",
            opacity=0.85,
            text=cards[place],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    some = "" if len(drawn) == count else f" ({len(drawn)} of {count:,} drawn)"
    _add_units(figure, 0.0, drawn, count, f"{plain(names[0])}: place", FIRST)
    _add_units(figure, 1.0, order[drawn], count, f"{plain(names[1])}: unit", SECOND, some)
    _add_bar(figure, top, measure)
    moving = [*range(len(drawn)), len(drawn) + 1]
    figure.frames = [
        go.Frame(name=name, traces=moving, data=[*_ribbons(drawn, right, alike / top, dashed), _unit(right, units)])
        for name, right, units, alike, dashed in _stops(order, after, before, drawn, flipped)
    ]
    figure.update_xaxes(visible=False, range=[-0.12, 1.12], fixedrange=True)
    figure.update_yaxes(visible=False, range=[1.015 * count - 0.5, -0.015 * count - 0.5], fixedrange=True)
    steps = [frame.name for frame in figure.frames]
    return layout(
        figure,
        height=height or 170 + int(np.clip(13 * len(drawn), 180, 620)),
        **player(steps, prefix="", duration=70, y=-0.02, start=int(before is not None)),
    )


def _stops(
    order: Int[Array, " units"],
    after: Float[Array, " units"],
    before: Float[Array, " units"] | None,
    drawn: Int[Array, " drawn"],
    flipped: Array,
) -> Iterator[tuple[str, Array, Array, Array, Array]]:
    """Name, right ends, units that stand there, similarities and dashes of every picture."""
    if before is not None:
        yield "as trained", drawn, drawn, before[drawn], np.zeros(len(drawn), bool)
    for share in 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, MOVES)):
        name = {0.0: "partners", 1.0: "aligned"}.get(float(share), f"{share:.0%}")
        yield name, (1 - share) * order[drawn] + share * drawn, order[drawn], after[drawn], flipped


def _ribbons(left: Array, right: Array, shares: Array, dashed: Array) -> list[dict[str, object]]:
    """The lines from left to right; `shares` of the highest similarity."""
    lines: list[dict[str, object]] = []
    for start, stop, share, dash in zip(left, right, np.clip(np.nan_to_num(shares), 0, 1), dashed, strict=True):
        line = {
            "color": shade(SEQUENTIAL, float(share)),
            "width": 1.2 + 5 * float(share),
            "dash": "6px,4px" if dash else "solid",
        }
        lines.append({"y": (start + (stop - start) * BEND).astype(np.float32), "line": line})
    return lines


def _unit(places: Array, units: Array) -> dict[str, object]:
    """Where units stand, and their numbers."""
    return {"y": places, "customdata": units, "text": [str(unit) for unit in units]}


def _add_units(figure: go.Figure, x: float, units: Array, count: int, name: str, colour: str, some: str = "") -> None:
    """The units of one network, one below the other."""
    few, left = count <= LABELS, x == 0
    figure.add_scatter(
        x=np.full(len(units), x),
        **_unit(units, units),
        mode="markers+text" if few else "markers",
        textposition="middle left" if left else "middle right",
        marker={"size": 9 if few else 6, "color": colour, "symbol": "circle" if left else "diamond"},
        name=name + some,
        hovertemplate=f"{name} %{{customdata}}<extra></extra>",
    )


def _cards(
    order: Int[Array, " units"],
    after: Float[Array, " units"],
    before: Float[Array, " units"] | None,
    signs: Int[Array, " units"] | None,
    measure: str,
) -> list[str]:
    cards = []
    for place, unit in enumerate(order):
        flipped = ", sign flipped" if signs is not None and signs[place] < 0 else ""
        card = f"place {place}: partner is unit {unit}{flipped}<br>{plain(measure)} {after[place]:.3f}"
        cards.append(card if before is None else f"{card}; as trained, with unit {place}, {before[place]:.3f}")
    return cards


def _add_bar(figure: go.Figure, top: float, measure: str) -> None:
    """The colour scale of the ribbons, at a point that is not drawn."""
    colours = {"cmin": 0, "cmax": top, "colorscale": scale(SEQUENTIAL), "colorbar": colour_bar(measure)}
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"color": [0], "showscale": True, **colours},
        showlegend=False,
        hoverinfo="skip",
    )
