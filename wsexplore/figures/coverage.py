"""How much of the zoo's variety each generator has: coverage, density, and curves of magnitude."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from wsexplore.embed.magnitude import Magnitude
from wsexplore.figures.generators import colour_of, is_plain, mark_of, name_of, title_of
from wsexplore.figures.magnitude import magnitude_figure, magnitude_finding
from wsexplore.figures.theme import LINE, layout

PANELS = (
    ("coverage", "coverage"),
    ("density", "density (log)"),
    ("dispersion", "dispersion"),
)
LEAST = 0.01
"""Where a density of 0 is drawn on its log axis."""


def coverage_figure(frame: pd.DataFrame, *, height: int = 360) -> go.Figure:
    """Coverage, density and dispersion of every generator, one row each; the dotted lines are the zoo's own.

    Lost variety is a low coverage; averages have a high density and a low dispersion, for they crowd in the middle.

    Args:
        frame: a quality report's table.
        height: in pixels.
    """
    figure = make_subplots(1, len(PANELS), shared_yaxes=True, horizontal_spacing=0.04)
    rows = frame.to_dict("records")[::-1]
    names = [title_of(str(row["generator"])) for row in rows]
    for column, (measure, title) in enumerate(PANELS, start=1):
        values = [max(float(row[measure]), LEAST) if measure == "density" else float(row[measure]) for row in rows]
        figure.add_trace(
            go.Scatter(
                x=values,
                y=names,
                mode="markers",
                marker={
                    "size": 13,
                    "color": [colour_of(str(row["generator"])) for row in rows],
                    "symbol": [mark_of(str(row["generator"])) for row in rows],
                },
                customdata=[row["mmd_p"] for row in rows],
                hovertemplate=f"<b>%{{y}}</b><br>{measure} %{{x:.3g}}<br>two-sample test: p %{{customdata:.2g}}"
                "<extra></extra>",
                showlegend=False,
            ),
            1,
            column,
        )
        own = [float(row[measure]) for row in rows if row["generator"] == "zoo"]
        if own and own[0] == own[0]:
            figure.add_vline(x=own[0], line={"color": LINE, "dash": "dot"}, row=1, col=column)
        figure.update_xaxes(title=title, type="log" if measure == "density" else "linear", row=1, col=column)
    figure.update_xaxes(range=[-0.04, 1.04], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    return layout(figure, height=height)


def coverage_finding(frame: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = [
        f"{name_of(str(row['generator']))} {row['coverage']:.0%}, density {row['density']:.2f}, p {row['mmd_p']:.2g}"
        for row in frame.to_dict("records")
        if row["coverage"] == row["coverage"]
    ]
    return f"Share of the zoo's neighbourhoods that each generator reaches: {'; '.join(said) or 'too few networks'}"


def generators_magnitude_figure(magnitudes: Mapping[str, Magnitude], *, height: int = 380) -> go.Figure:
    """How many different networks each generator makes, by scale; controls as they are have no curve of their own.

    Args:
        magnitudes: of a quality report.
        height: in pixels.
    """
    chosen = {name: curve for name, curve in magnitudes.items() if not is_plain(name)}
    figure = magnitude_figure({name_of(name): curve for name, curve in chosen.items()}, height=height)
    for place, name in enumerate(chosen):
        bound, curve = figure.data[2 * place : 2 * place + 2]
        bound.update(line={"color": colour_of(name)})
        curve.update(line={"color": colour_of(name)}, marker={"symbol": mark_of(name), "color": colour_of(name)})
    return figure


def generators_magnitude_finding(magnitudes: Mapping[str, Magnitude]) -> str:
    """What the figure shows, in one sentence: its alt text."""
    return magnitude_finding({name_of(name): curve for name, curve in magnitudes.items() if not is_plain(name)})
