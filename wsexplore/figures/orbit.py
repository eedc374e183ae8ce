"""One function, many weights: units rescaled by a slider, and the barrier that rescaling builds and loses."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import (
    CATEGORIES,
    FAINT,
    FIRST,
    FRESH,
    LINE,
    SECOND,
    SHARES,
    bent,
    layout,
    plain,
    player,
    scale,
)

UNITS = 48
"""Most units whose norms are drawn."""

STYLES = (
    ("circle", CATEGORIES[1], "solid"),
    ("square", CATEGORIES[3], "dash"),
    ("diamond", CATEGORIES[0], "solid"),
    ("triangle-up", CATEGORIES[2], "dashdot"),
)
"""Symbol, colour and dash of the curves of an attack, in their order."""

SMALL, TINY = 1e-3, 1e-7
"""Below so many nats, and so large a change of an output, an axis is linear."""


def rescale_figure(
    factors: Float[Array, " steps"],
    incoming: Float[Array, "steps units"],
    outgoing: Float[Array, "steps units"],
    probabilities: Float[Array, "steps samples classes"],
    norms: Float[Array, " steps"],
    changes: Float[Array, " steps"],
    classes: Sequence[str],
    *,
    start: int | None = None,
    height: int = 640,
) -> go.Figure:
    """Scale symmetry: a slider, in the browser, multiplies what units receive and divides what they give.

    Top: the norm of each unit's incoming and outgoing weights, on a logarithmic axis. The two move apart as far as
    they please; their geometric mean, the tick between them, stays. Below: class probabilities for some samples,
    which stay too, and the norm of all weights, least where the two norms of a unit meet.

    Args:
        factors: the slider's values, rising.
        incoming: norm of each unit's incoming weights.
        outgoing: norm of its outgoing weights.
        probabilities: of the network at each factor.
        norms: of all weights.
        changes: largest change of any output against the network as trained.
        classes: names.
        start: step at which the slider stands; by default that whose factor is nearest to 1.
        height: in pixels.
    """
    count = incoming.shape[1]
    units = np.unique(np.linspace(0, count - 1, min(count, UNITS)).round().astype(int))
    here = int(np.abs(np.log(factors)).argmin()) if start is None else start
    some = "" if len(units) == count else f" ({len(units)} of {count:,} drawn)"
    figure = make_subplots(
        2,
        2,
        row_heights=[0.5, 0.5],
        specs=[[{"colspan": 2}, None], [{}, {}]],
        subplot_titles=["", "class probabilities", "L2 norm of all weights"],
        horizontal_spacing=0.12,
        vertical_spacing=0.17,
    )
    _add_norms(figure, incoming[here], outgoing[here], units)
    names = [plain(name) for name in classes]
    figure.add_trace(
        go.Heatmap(
            z=probabilities[here].astype(np.float32),
            x=names,
            y=[f"{sample + 1}" for sample in range(probabilities.shape[1])],
            zmin=0,
            zmax=1,
            colorscale=scale(SHARES),
            showscale=False,
            xgap=1,
            ygap=2,
            hovertemplate="sample %{y}<br>%{x}: %{z:.1%}<extra></extra>",
        ),
        2,
        1,
    )
    _add_norm(figure, factors, norms)
    star, told = _here(factors, norms, changes, here)
    marker = {"size": 16, "color": FRESH, "symbol": "star", "line": {"width": 1.5, "color": "white"}}
    silent = {"hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(**star, mode="markers", marker=marker, cliponaxis=False, **silent), 2, 2)
    figure.add_trace(go.Scatter(**told, mode="text", **silent), 2, 2)
    labels = [f"{factor:.3g}" for factor in factors]
    figure.frames = [
        go.Frame(
            name=name,
            traces=[0, 1, 2, 4, 6, 7],
            data=[
                *_marks(incoming[step], outgoing[step], units),
                {"type": "heatmap", "z": probabilities[step].astype(np.float32)},
                *_here(factors, norms, changes, step),
            ],
        )
        for step, name in enumerate(labels)
    ]
    _axes(figure, factors, incoming, outgoing, norms, some)
    figure.update_annotations(font_size=13)
    return layout(figure, height=height, **player(labels, prefix="factor ", duration=90, y=-0.12, start=here))


def _marks(incoming: Float[Array, " units"], outgoing: Float[Array, " units"], units: Array) -> list[dict[str, Array]]:
    """The line between the two norms of each unit, and the norms themselves."""
    x = np.repeat(units.astype(float), 3)
    y = np.stack([incoming[units], outgoing[units], np.full(len(units), np.nan)], axis=1).ravel()
    return [{"x": x, "y": y}, {"x": units, "y": incoming[units]}, {"x": units, "y": outgoing[units]}]


def _add_norms(
    figure: go.Figure, incoming: Float[Array, " units"], outgoing: Float[Array, " units"], units: Array
) -> None:
    line, into, out = _marks(incoming, outgoing, units)
    hover = "unit %{x}<br>norm %{y:.3g}<extra>%{fullData.name}</extra>"
    style = {"mode": "lines", "line": {"color": FAINT, "width": 3}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(**line, **style), 1, 1)
    marker = {"size": 9, "color": FIRST}
    figure.add_trace(go.Scatter(**into, mode="markers", marker=marker, name="incoming", hovertemplate=hover), 1, 1)
    marker = {"size": 9, "color": SECOND, "symbol": "diamond"}
    figure.add_trace(go.Scatter(**out, mode="markers", marker=marker, name="outgoing", hovertemplate=hover), 1, 1)
    marker = {"size": 9, "symbol": "line-ew-open", "color": LINE, "line": {"width": 2}}
    middle = np.sqrt(incoming[units] * outgoing[units])
    name = "geometric mean, which stays"
    figure.add_trace(go.Scatter(x=units, y=middle, mode="markers", marker=marker, name=name, hovertemplate=hover), 1, 1)


def _add_norm(figure: go.Figure, factors: Float[Array, " steps"], norms: Float[Array, " steps"]) -> None:
    figure.add_trace(
        go.Scatter(
            x=factors,
            y=norms,
            mode="lines",
            line={"color": LINE, "width": 3},
            hovertemplate="factor %{x:.3g}<br>norm %{y:.4g}<extra></extra>",
            showlegend=False,
        ),
        2,
        2,
    )


def _here(
    factors: Float[Array, " steps"], norms: Float[Array, " steps"], changes: Float[Array, " steps"], step: int
) -> tuple[dict[str, object], dict[str, object]]:
    """The star at the slider's factor, and what is told about it above the curve."""
    middle = math.sqrt(float(factors.min()) * float(factors.max()))
    change = f"{changes[step]:.0e}" if changes[step] else "0"
    text = f"{norms[step]:.4g}<br>logits ±{change}"
    told = {"x": [middle], "y": [_ceiling(norms)], "text": [text], "textposition": "bottom center"}
    return {"x": [float(factors[step])], "y": [float(norms[step])]}, told


def _ceiling(norms: Float[Array, " steps"]) -> float:
    """The upper end of the axis of norms, with room for two lines of words."""
    return float(norms.min() + 1.5 * max(1e-9, float(np.ptp(norms))))


def _axes(
    figure: go.Figure,
    factors: Float[Array, " steps"],
    incoming: Float[Array, "steps units"],
    outgoing: Float[Array, "steps units"],
    norms: Float[Array, " steps"],
    some: str,
) -> None:
    both = np.concatenate([incoming.ravel(), outgoing.ravel()])
    positive = both[(both > 0) & np.isfinite(both)]
    low, high = (math.log10(float(end)) for end in (positive.min(), positive.max())) if len(positive) else (-1.0, 1.0)
    title = "norm of a unit's weights (log)"
    figure.update_yaxes(type="log", range=[low - 0.1, high + 0.1], title=title, row=1, col=1)
    figure.update_xaxes(title=f"unit{some}", zeroline=False, showgrid=False, row=1, col=1)
    figure.update_xaxes(type="category", title="class", showgrid=False, row=2, col=1)
    figure.update_yaxes(type="category", title="sample", showgrid=False, autorange="reversed", row=2, col=1)
    low, high = math.ceil(math.log2(factors.min()) - 1e-9), math.floor(math.log2(factors.max()) + 1e-9)
    powers = range(low, high + 1, max(1, math.ceil((high - low) / 6)))
    ticks = [f"{2**power}" if power >= 0 else f"1/{2**-power}" for power in powers]
    place = {"tickvals": [2.0**power for power in powers], "ticktext": ticks, "tickangle": 0}
    figure.update_xaxes(type="log", title="factor (log)", **place, row=2, col=2)
    floor, top = float(norms.min()), _ceiling(norms)
    figure.update_yaxes(range=[floor - 0.08 * (top - floor), top], row=2, col=2)


def attack_figure(
    spread: Float[Array, " steps"],
    barriers: Mapping[str, Float[Array, " steps"]],
    change: Float[Array, " steps"],
    *,
    height: int = 520,
) -> go.Figure:
    """How far a network was moved along its orbit, and the barrier to its siblings: attacked, and undone.

    Both value axes are linear near zero and logarithmic above, so that 0 has its place.

    Args:
        spread: standard deviation of the logarithms of the factors.
        barriers: what was done ("as attacked", "after permutation alignment", ...) to barriers in nats.
        change: largest change of any logit under the attack: rounding only.
        height: in pixels.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.09)
    for place, (name, values) in enumerate(barriers.items()):
        symbol, colour, dash = STYLES[place % len(STYLES)]
        title = plain(name)
        figure.add_trace(
            go.Scatter(
                x=spread,
                y=bent(values, SMALL),
                mode="lines+markers",
                name=title,
                customdata=values,
                line={"color": colour, "width": 3, "dash": dash},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=f"{title}<br>log-sd %{{x:.2f}}<br>barrier %{{customdata:.4g}} nats<extra></extra>",
            ),
            1,
            1,
        )
    figure.add_trace(
        go.Scatter(
            x=spread,
            y=bent(change, TINY),
            mode="lines+markers",
            customdata=change,
            line={"color": LINE, "width": 2},
            marker={"symbol": "cross", "size": 7},
            hovertemplate="log-sd %{x:.2f}<br>largest change of a logit %{customdata:.1e}<extra></extra>",
            showlegend=False,
        ),
        2,
        1,
    )
    _bend(figure, 1, SMALL, list(barriers.values()))
    _bend(figure, 2, TINY, [change])
    figure.update_yaxes(title="barrier (nats)", row=1, col=1)
    figure.update_yaxes(title="change of logits", row=2, col=1)
    figure.update_xaxes(title="log-sd of the rescaling: how far along the orbit", row=2, col=1)
    figure.update_xaxes(zeroline=False)
    return layout(figure, height=height)


def _bend(figure: go.Figure, row: int, small: float, curves: Sequence[Float[Array, " steps"]]) -> None:
    """Ticks at 0 and at decades, for values that `bent` moved; what is not finite has no place on the axis."""
    top = max([100 * small, *(float(values[np.isfinite(values)].max(initial=0)) for values in curves)])
    first, last = round(math.log10(small)) + 1, math.ceil(math.log10(top))
    powers = [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first) / 5)))]
    ticks = np.array([0.0, *powers])
    figure.update_yaxes(
        tickvals=bent(ticks, small),
        ticktext=["0", *(_power(power) for power in powers)],
        range=[-0.25, float(bent(np.array([top]), small)[0]) * 1.06],
        zeroline=False,
        row=row,
        col=1,
    )


def _power(value: float) -> str:
    """A power of ten as it is read."""
    return f"{value:g}" if 1e-4 < value < 1e5 else f"10<sup>{round(math.log10(value))}</sup>"
