"""The columns of a zoo's table: how one is spread, and how several go together."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from wsexplore.figures.theme import CATEGORIES, SEQUENTIAL, colour_bar, layout, plain, scale, words

BINS = 40
"""Most bars; fewer for few networks."""

KINDS = len(CATEGORIES) - 1
"""Most values of a text column that get a colour of their own; the others share one."""

LONGEST = 16
"""Most letters of a name on an axis of parallel lines, which shows them as they are and knows no markup."""

JITTER = 0.08
"""Spread of lines around a name, names being 1 apart."""

DECADES = 30
"""Largest over smallest value from which positive numbers are laid out by their logarithm."""

BANDS = 4
"""Bands of equal size that a column of numbers is cut into when it colours another."""


def histogram_figure(table: pd.DataFrame, column: str, *, colour: str | None = None, height: int = 360) -> go.Figure:
    """How the networks are spread over a column, each bar cut by the values of another.

    Positive numbers over a wide range are binned by their logarithm. Values that are not finite are left out.

    Args:
        table: rows of a zoo.
        column: numbers are binned, anything else is counted by value, most frequent first.
        colour: a column of few values, or of numbers, which are cut at their quartiles.
        height: in pixels.
    """
    parts = [("", np.ones(len(table), bool), CATEGORIES[0])] if colour is None else _parts(table[colour], colour)
    figure = go.Figure()
    if is_number(table[column]):
        values = table[column].to_numpy(float)
        edges, ticks = _edges(values, column)
        for name, rows, shade in parts:
            chosen = values[rows & np.isfinite(values)]
            counts, _ = np.histogram(np.log10(chosen[chosen > 0]) if ticks else chosen, edges)
            spans = [f"{_back(a, ticks):.3g} to {_back(b, ticks):.3g}" for a, b in pairwise(edges)]
            figure.add_bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=counts,
                width=np.diff(edges),
                name=name,
                marker={"color": shade, "line": {"width": 0}},
                customdata=spans,
                hovertemplate=f"{words(column)} %{{customdata}}<br>%{{y:,}} networks<extra>{name}</extra>",
                showlegend=bool(name),
            )
        figure.update_xaxes(**ticks)
    else:
        texts = table[column].astype(str)
        order = texts.value_counts().index[:BINS]
        for name, rows, shade in parts:
            found = texts[rows].value_counts().reindex(order, fill_value=0)
            figure.add_bar(
                x=[plain(value) for value in order],
                y=found.to_numpy(),
                name=name,
                marker={"color": shade, "line": {"width": 0}},
                hovertemplate=f"{words(column)} %{{x}}<br>%{{y:,}} networks<extra>{name}</extra>",
                showlegend=bool(name),
            )
        figure.update_xaxes(type="category")
    figure.update_xaxes(title=words(column))
    figure.update_yaxes(title="networks")
    layout(figure, height=height, barmode="stack", bargap=0.04)
    if colour:
        figure.update_layout(legend_title={"text": f"{words(colour)}  ", "side": "left"})
    return figure


def varying(table: pd.DataFrame, *, leave_out: Sequence[str] = ()) -> list[str]:
    """Columns that tell networks apart: at least two values, and not a name or a number of their own for each run."""
    names = []
    for name in table.columns:
        if name in leave_out:
            continue
        distinct = table[name].nunique(dropna=True)
        if distinct > 1 and (is_number(table[name]) or distinct <= BINS):
            names.append(str(name))
    return names


def parallel_figure(table: pd.DataFrame, columns: Sequence[str], *, target: str, height: int = 420) -> go.Figure:
    """One line per network through its hyper-parameters, coloured by a metric, the highest on top.

    Where an axis holds names, the lines spread a little around each, so that they do not hide each other.

    Args:
        table: rows of a zoo, as many as shall be drawn.
        columns: axes from left to right; `target` comes last.
        target: the column that colours.
        height: in pixels.
    """
    shown = table[table[target].notna()].sort_values(target, kind="stable")
    axes = [_axis(shown[name], name) for name in [name for name in columns if name != target] + [target]]
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={
                "color": shown[target].to_numpy(float),
                "colorscale": scale(SEQUENTIAL),
                "showscale": True,
                "colorbar": colour_bar(target),
            },
            unselected={"line": {"color": "rgba(128, 134, 160, 0.5)", "opacity": 0.08}},
        )
    )
    layout(figure, height=height)
    figure.update_layout(margin={"l": 64, "r": 24, "t": 48, "b": 28})
    return figure


def is_number(column: "pd.Series[Any]") -> bool:
    """Whether a column is an axis of numbers, not of names."""
    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _axis(column: "pd.Series[Any]", name: str) -> dict[str, Any]:
    if not is_number(column):
        kinds = sorted(column.astype(str).unique())
        codes = column.astype(str).map({kind: place for place, kind in enumerate(kinds)}).to_numpy(float)
        spread = np.random.default_rng(0).uniform(-JITTER, JITTER, len(codes))
        return {
            "label": words(name),
            "values": codes + spread,
            "range": [-2 * JITTER, len(kinds) - 1 + 2 * JITTER],
            "tickvals": list(range(len(kinds))),
            # Raw: plotly hands these labels to d3 as text; only `label` goes through its reader of markup.
            "ticktext": [kind if len(kind) <= LONGEST else f"{kind[: LONGEST - 1]}…" for kind in kinds],
        }
    values = column.to_numpy(float)
    _, ticks = _edges(values, name)
    return {"label": words(name), "values": np.log10(values) if ticks else values, **ticks}


def _edges(values: Float[Array, " models"], name: str) -> tuple[Float[Array, " edges"], dict[str, Any]]:
    """Edges of the bins and the ticks of a logarithmic axis, empty for a plain one."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return np.array([0.0, 1.0]), {}
    low, high, bins = float(finite.min()), float(finite.max()), int(np.clip(len(finite) / 4, 8, BINS))
    if low == high:
        return np.array([low - 0.5, high + 0.5]), {}
    if low > 0 and high / low >= DECADES and not name.endswith(("accuracy", "share", "noise", "epoch", "run", "seed")):
        powers = np.arange(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        ticks = {"tickvals": powers.tolist(), "ticktext": [f"{10.0**power:g}" for power in powers]}
        return np.linspace(math.log10(low), math.log10(high), bins + 1), ticks
    distinct = np.unique(finite)
    if len(distinct) <= BINS and np.array_equal(distinct, distinct.round()) and high - low < BINS:
        return np.arange(low - 0.5, high + 1), {}
    return np.linspace(low, high, bins + 1), {}


def _back(edge: float, ticks: dict[str, Any]) -> float:
    return float(10**edge) if ticks else float(edge)


def _parts(column: "pd.Series[Any]", name: str) -> list[tuple[str, Bool[Array, " models"], str]]:
    """Legend name, rows and colour of each part of the bars."""
    if not is_number(column) or column.nunique() <= BANDS:
        texts = column.astype(str)
        kinds = list(texts.value_counts().index)
        parts = [
            (plain(kind), (texts == kind).to_numpy(), CATEGORIES[place]) for place, kind in enumerate(kinds[:KINDS])
        ]
        if len(kinds) > KINDS:
            parts.append((f"{len(kinds) - KINDS} others", texts.isin(kinds[KINDS:]).to_numpy(), CATEGORIES[KINDS]))
        return parts
    values = column.to_numpy(float)
    cuts = np.unique(np.nanquantile(values[np.isfinite(values)], np.linspace(0, 1, BANDS + 1)))
    places = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(cuts) - 2)
    shades = [
        SEQUENTIAL[round(place * (len(SEQUENTIAL) - 1) / max(1, len(cuts) - 2))] for place in range(len(cuts) - 1)
    ]
    return [
        (f"{cuts[place]:.3g} to {cuts[place + 1]:.3g}", (places == place) & np.isfinite(values), shades[place])
        for place in range(len(cuts) - 1)
    ]
