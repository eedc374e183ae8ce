"""Generators of networks beside each other: how good, and how new."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.generators import base_of, colour_of, is_judged, is_matched, mark_of, name_of, title_of
from wsexplore.figures.theme import LINE, layout
from wsexplore.generate import NOVEL
from wsexplore.generate.judge import AT


def quality_figure(frame: pd.DataFrame, *, height: int = 400) -> go.Figure:
    """How good every generator is against how new.

    How good is the mean accuracy with one standard deviation, or for fields the share of pictures that a classifier
    accepts with its standard error. Up is better, right is newer. A good generator lies level with the zoo; left of the
    dotted line it copies. A hollow mark is a control as it is, and a dotted line leads from it to the filled mark of
    the same control, matched to the flow's novelty, where the comparison is fair.

    Args:
        frame: a quality report's table.
        height: in pixels.
    """
    figure = go.Figure()
    figure.add_vline(x=NOVEL, line={"color": LINE, "dash": "dot"})
    rows = {str(row["generator"]): row for row in frame.to_dict("records")}
    _add_ways(figure, rows)
    for name, row in rows.items():
        value, error, said = _height(row)
        figure.add_scatter(
            x=[row["novelty"]],
            y=[value],
            error_y={"type": "data", "array": [error], "thickness": 1.5},
            mode="markers",
            marker={
                "size": 18 if is_judged(name) else 13,
                "color": colour_of(name),
                "symbol": mark_of(name),
                "line": {"width": 1.5, "color": colour_of(name)},
            },
            name=title_of(name),
            showlegend=name + AT not in rows,
            hovertemplate=(
                f"<b>{title_of(name)}</b><br>{said}<br>novelty {row['novelty']:.2f} of the zoo's own<extra></extra>"
            ),
        )
    least = float(frame["novelty"].min())
    figure.update_xaxes(
        title="novelty (1: as far from the zoo as its own networks)",
        **({"autorangeoptions": {"minallowed": max(0.0, least - 0.1)}} if least == least else {}),
    )
    figure.update_yaxes(title="pictures accepted" if _of_fields(frame) else "test accuracy", tickformat=".0%")
    return layout(figure, height=height)


def quality_finding(frame: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    shown = [row for row in frame.to_dict("records") if not is_plain_row(row)]
    kind = "share of pictures accepted" if _of_fields(frame) else "mean test accuracy"
    said = [f"{name_of(str(row['generator']))} {_height(row)[0]:.1%} at {row['novelty']:.2f}" for row in shown]
    return f"{kind.capitalize()} by novelty: {'; '.join(said)}"


def is_plain_row(row: Mapping[Any, Any]) -> bool:
    """Whether a row is a control that is also there at the flow's novelty, or that is not scaled."""
    name = str(row["generator"])
    return not is_matched(name) and base_of(name) in ("gaussian", "independent", "averages", "triples")


def _height(row: Mapping[Any, Any]) -> tuple[float, float, str]:
    """The value of a generator, its error bar, and both in words."""
    if "accepted" in row:
        value = float(row["accepted"])
        error = (value * (1 - value) / max(1.0, float(row["models"]))) ** 0.5
        return value, error, f"{value:.1%} accepted, {row['classes']:.0f} classes, Frechet {row['frechet']:.3g}"
    value, error = float(row["mean_accuracy"]), float(row["std_accuracy"])
    return value, error, f"accuracy {value:.3f} ± {error:.3f}<br>best {row['best_accuracy']:.3f}"


def _of_fields(frame: pd.DataFrame) -> bool:
    return "accepted" in frame


def _add_ways(figure: go.Figure, rows: Mapping[str, Mapping[Any, Any]]) -> None:
    """Dotted lines from controls as they are to the same at the flow's novelty."""
    for name, row in rows.items():
        start = rows.get(base_of(name)) if is_matched(name) else None
        if start is not None:
            figure.add_scatter(
                x=[start["novelty"], row["novelty"]],
                y=[_height(start)[0], _height(row)[0]],
                mode="lines",
                line={"color": colour_of(name), "dash": "dot", "width": 1},
                hoverinfo="skip",
                showlegend=False,
            )
