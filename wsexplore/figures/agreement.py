"""What two networks say about the same samples: how often both are right, and which classes they exchange."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.answers import DEEP, PALE
from wsexplore.figures.theme import CATEGORIES, INK, SHARES, layout, plain, scale

STYLES = (
    (CATEGORIES[2], ""),
    (CATEGORIES[0], "/"),
    (CATEGORIES[1], "\\"),
    (CATEGORIES[4], "."),
    (CATEGORIES[3], "x"),
)
"""Colour and pattern of each outcome."""

WIDE = 0.04
"""Share from which an outcome's number fits into its part of the bar."""

WRITTEN = 20
"""Most classes whose counts are written into their cells."""


def agreement_figure(
    shares: Float[Array, " 5"],
    said: Int[Array, "classes classes"],
    classes: Sequence[str],
    first: str,
    second: str,
    *,
    height: int = 520,
) -> go.Figure:
    """Above, the share of samples by who is right; below, which classes the two say.

    The diagonal, where both say the same, has numbers but no colour, so that the colours tell where they differ.

    Args:
        shares: of the samples, in the order of `OUTCOMES`.
        said: samples by the class that the first says (row) and that the second says (column).
        classes: their names.
        first: id of one network.
        second: id of the other.
        height: in pixels.
    """
    figure = make_subplots(2, 1, row_heights=[0.14, 0.86], vertical_spacing=0.16)
    one, other = plain(first), plain(second)
    outcomes = (
        "both right",
        f"only {one} right",
        f"only {other} right",
        "both wrong, alike",
        "both wrong, differently",
    )
    for share, (colour, pattern), outcome in zip(shares.tolist(), STYLES, outcomes, strict=True):
        figure.add_trace(
            go.Bar(
                x=[share],
                y=["samples"],
                orientation="h",
                name=f"{outcome}, {share:.1%}",
                marker={
                    "color": colour,
                    "pattern": {"shape": pattern, "fgcolor": "rgba(255, 255, 255, 0.45)", "size": 7},
                    "line": {"width": 0},
                },
                text=[f"<b>{share:.1%}</b>" if share >= WIDE else ""],
                textposition="inside",
                insidetextanchor="middle",
                insidetextfont={"color": "#ffffff", "size": 13},
                hovertemplate=f"{outcome}<br>%{{x:.2%}} of the samples<extra></extra>",
            ),
            1,
            1,
        )
    _add_said(figure, said, [_short(name) for name in classes], one, other)
    figure.update_xaxes(range=[0, 1], tickformat=".0%", showgrid=False, zeroline=False, row=1, col=1)
    figure.update_yaxes(visible=False, row=1, col=1)
    figure.update_xaxes(title=f"{other} says", type="category", constrain="domain", showgrid=False, row=2, col=1)
    figure.update_yaxes(
        title=f"{one} says",
        type="category",
        autorange="reversed",
        showgrid=False,
        scaleanchor="x2",
        constrain="domain",
        row=2,
        col=1,
    )
    layout(figure, height=height, barmode="stack", bargap=0.1)
    figure.update_layout(legend_traceorder="normal")
    return figure


def _add_said(
    figure: go.Figure, said: Int[Array, "classes classes"], names: Sequence[str], first: str, second: str
) -> None:
    """Cells by who says what, with the counts where there is room."""
    differ = said.astype(np.float32)
    np.fill_diagonal(differ, 0)
    top = max(1.0, float(differ.max()))
    np.fill_diagonal(differ, np.nan)
    figure.add_trace(
        go.Heatmap(
            z=differ,
            x=names,
            y=names,
            zmin=0,
            zmax=top,
            colorscale=scale(SHARES),
            xgap=1,
            ygap=1,
            customdata=said,
            hoverongaps=False,
            hovertemplate=f"{first} says %{{y}}, {second} says %{{x}}<br>%{{customdata:,}} samples<extra></extra>",
            colorbar={
                "title": {
                    "text": f"samples of {int(said.sum() - said.trace()):,}<br>answered differently",
                    "side": "right",
                },
                "thickness": 12,
                "outlinewidth": 0,
                "nticks": 6,
                "tickformat": "d",
                **({"dtick": 1} if top <= 6 else {}),
                "len": 0.72,
                "y": 0,
                "yanchor": "bottom",
            },
        ),
        2,
        1,
    )
    if len(names) > WRITTEN:
        return
    rows, columns = np.nonzero(said)
    bands = np.digitize(np.nan_to_num(differ[rows, columns]) / top, (PALE, DEEP))
    letters = np.array([CATEGORIES[4], INK[1], "#ffffff"])[bands]
    figure.add_trace(
        go.Scatter(
            x=[names[column] for column in columns.tolist()],
            y=[names[row] for row in rows.tolist()],
            text=[f"{value:,}" for value in said[rows, columns].tolist()],
            mode="text",
            textfont={"color": letters, "size": 12},
            hoverinfo="skip",
            showlegend=False,
        ),
        2,
        1,
    )


def agreement_finding(
    shares: Float[Array, " 5"], disagreement: float, expected: float, divergence: float, first: str, second: str
) -> str:
    """What `agreement_figure` shows, in one sentence: its alt text.

    Args:
        shares: of the samples, in the order of `OUTCOMES`.
        disagreement: share of samples answered differently.
        expected: what that share would be for independent errors.
        divergence: mean Jensen-Shannon divergence, in nats.
        first: id of one network.
        second: id of the other.
    """
    both, one, other, alike, apart = (f"{share:.1%}" for share in shares.tolist())
    return (
        f"{first} and {second} answer {disagreement:.1%} of the samples differently, independent errors would make it "
        f"{expected:.1%}: both right {both}, only {first} {one}, only {second} {other}, both wrong alike {alike}, both "
        f"wrong differently {apart}; mean Jensen-Shannon divergence {divergence:.3g} nats"
    )


def _short(name: str) -> str:
    text = str(name)
    return plain(text if len(text) <= 14 else f"{text[:13]}…")
