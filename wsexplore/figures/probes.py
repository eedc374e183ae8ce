"""What features tell about networks: scores with their intervals, a panel per target."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from wsexplore.embed.probe import MODELS
from wsexplore.embed.probed import ProbeReport
from wsexplore.figures.theme import CATEGORIES, FAINT, LINE, SYMBOLS, layout, plain, words

COLOURS = dict(zip(MODELS, CATEGORIES, strict=False))
MARKS = dict(zip(MODELS, SYMBOLS, strict=False))
SAID = {"ridge": "linear", "boosting": "boosted trees"}
"""What a model is called; for a class the linear one is logistic regression."""

LOWEST = -0.25
"""Scores below are drawn at this place, pointing left; their value is told on hover and in the table."""

ACROSS = 2
"""Panels beside each other, at most."""

ROW, SPREAD = 46, 0.17
"""Height of one kind of features in pixels, and the distance of a model from its middle."""


def probe_figure(report: ProbeReport) -> go.Figure:
    """Scores as dots with their 95 % intervals, a row per features and a panel per target.

    The control with permuted labels is a hollow mark of the same shape; where it comes near the dot, the dot tells
    nothing. Scores below -0.25 lie at the left edge as triangles.

    Args:
        report: of any number of features, targets and models.
    """
    frame = report.frame
    names, targets = list(dict.fromkeys(frame["features"])), list(dict.fromkeys(frame["target"]))
    across = min(ACROSS, len(targets))
    down = -(-len(targets) // across)
    figure = make_subplots(
        down,
        across,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=54 / max(1, down * (ROW * len(names) + 60)),
        subplot_titles=[_title(frame[frame["target"] == target]) for target in targets],
    )
    shown: set[str] = set()
    for place, target in enumerate(targets):
        where = {"row": place // across + 1, "col": place % across + 1}
        figure.add_vline(x=0, line={"color": LINE, "width": 1}, **where)
        for model, rows in frame[frame["target"] == target].groupby("model", sort=False):
            for trace in _marks(rows, names, str(model), first=str(model) not in shown):
                figure.add_trace(trace, **where)
            shown.add(str(model))
    figure.update_xaxes(range=[LOWEST - 0.05, 1.05], zeroline=False, gridcolor=FAINT, fixedrange=True)
    figure.update_yaxes(
        range=[len(names) - 0.5, -0.5],
        tickvals=list(range(len(names))),
        ticktext=[plain(name) for name in names],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_annotations(font_size=13)
    layout(figure, height=down * (ROW * len(names) + 60) + 60)
    figure.update_layout(margin={"t": 72}, legend={"y": 1.0, "yref": "container", "yanchor": "top"})
    return figure


def probe_finding(report: ProbeReport) -> str:
    """What the figure shows, in one sentence per target: its alt text."""
    best = report.best()
    said = []
    for target, rows in best.groupby("target", sort=False):
        ordered = rows.sort_values("r2", ascending=False).to_dict("records")
        first, last = ordered[0], ordered[-1]
        name = str(target).replace("_", " ")
        one = f"{name} is predicted best from {first['features']}, {first['score']} {first['r2']:.2f}"
        said.append(f"{one}, and worst from {last['features']}, {last['r2']:.2f}" if len(ordered) > 1 else one)
    return "; ".join(said)


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    scale = ", log10" if first["scale"] == "log10" else ""
    score = "R²" if first["score"] == "R2" else plain(first["score"])
    return f"<b>{words(str(first['target']))}</b> ({score}{scale})"


def _marks(rows: pd.DataFrame, names: Sequence[str], model: str, *, first: bool) -> list[go.Scatter]:
    """The dots of a model with their intervals, and its hollow controls; the first of a model are in the legend."""
    colour, symbol = COLOURS.get(model, LINE), MARKS.get(model, "circle")
    models = list(COLOURS)
    offset = SPREAD * (2 * models.index(model) - len(models) + 1) if model in models else 0.0
    y = np.array([names.index(name) for name in rows["features"]]) + offset
    r2, control = rows["r2"].to_numpy(float), rows["control_r2"].to_numpy(float)
    low, high = rows["r2_low"].to_numpy(float).clip(LOWEST), rows["r2_high"].to_numpy(float).clip(LOWEST)
    x = r2.clip(LOWEST)
    told = [_hover(row) for row in rows.to_dict("records")]
    dots = go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=SAID.get(model, plain(model)),
        legendgroup=model,
        showlegend=first,
        marker={
            "size": 10,
            "color": colour,
            "symbol": [symbol if value >= LOWEST else "triangle-left" for value in r2],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (high - x).clip(0),
            "arrayminus": (x - low).clip(0),
            "thickness": 2,
            "width": 4,
        },
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    hollow = go.Scatter(
        x=control.clip(LOWEST),
        y=y,
        mode="markers",
        name=f"{SAID.get(model, plain(model))}, labels permuted",
        legendgroup=f"{model} control",
        showlegend=first,
        marker={"size": 9, "color": colour, "symbol": f"{symbol}-open", "line": {"width": 1.5}},
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return [hollow, dots]


def _hover(row: dict[Any, Any]) -> str:
    said = (
        f"<b>{plain(row['features'])}</b>, {SAID.get(str(row['model']), plain(row['model']))}"
        f"<br>{plain(row['score'])} {row['r2']:.3f} ({row['r2_low']:.3f} to {row['r2_high']:.3f})"
    )
    if row["tau"] == row["tau"]:
        said += f"<br>Kendall's tau {row['tau']:.3f} ({row['tau_low']:.3f} to {row['tau_high']:.3f})"
    return said + f"<br>labels permuted {row['control_r2']:.3f}<br>{row['networks']:,} networks of {row['runs']:,} runs"
