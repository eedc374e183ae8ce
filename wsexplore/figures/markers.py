"""How a network looks on a map, and what the pointer reads off it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray as Array

from wsexplore.figures.columns import is_number
from wsexplore.figures.theme import CATEGORIES, DIVERGING, SEQUENTIAL, SYMBOLS, colour_bar, plain, scale

SVG = 1000
"""Up to so many points are drawn as SVG, more by WebGL."""

MANY = 2500
"""From so many points on, a card holds the columns in `SHORT` only."""

HOVER = (
    "run",
    "epoch",
    "test_accuracy",
    "test_loss",
    "lr",
    "optimizer",
    "init",
    "activation",
    "label_noise",
    "data_share",
)
SHORT = ("run", "epoch", "test_accuracy", "lr")
DIM = 0.12
"""Opacity of networks outside the selection."""


def markers(
    table: pd.DataFrame, colour: str, *, chosen: Bool[Array, " models"] | None = None, around_zero: bool = False
) -> list[tuple[Int[Array, " rows"], dict[str, object], str]]:
    """Rows, marker and legend name of each trace of a map.

    Args:
        table: the networks drawn.
        colour: a column; numbers make one trace with a colour bar, anything else a trace per value.
        chosen: networks that stand out, the others are dimmed.
        around_zero: the column is a difference, coloured from negative over zero to positive.
    """
    values = table[colour]
    size = 5 if len(table) > SVG else 7
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        rows = np.arange(len(table))
        marker = {"size": size, **number_colours(values.to_numpy(float), colour, around_zero=around_zero)}
        return [(rows, {**marker, "opacity": _opacity(rows, chosen, 0.85)}, "")]
    parts: list[tuple[Int[Array, " rows"], dict[str, object], str]] = []
    words = values.astype(str).to_numpy()
    for place, value in enumerate(sorted(set(words))):
        rows = np.flatnonzero(words == value)
        marker = {
            "size": size + 1,
            "color": CATEGORIES[place % len(CATEGORIES)],
            "symbol": SYMBOLS[place // len(CATEGORIES) % len(SYMBOLS)] if place >= len(CATEGORIES) else SYMBOLS[place],
            "opacity": _opacity(rows, chosen, 0.8),
        }
        parts.append((rows, marker, value))
    return parts


def number_colours(values: Float[Array, " models"], name: str, *, around_zero: bool = False) -> dict[str, object]:
    """Colours of numbers with their scale and bar; differences lie symmetrically around zero."""
    if around_zero:
        finite = np.abs(values[np.isfinite(values)])
        limit = float(np.quantile(finite, 0.98)) if len(finite) else 1.0
        span: dict[str, object] = {"cmin": -limit or -1, "cmax": limit or 1, "colorscale": scale(DIVERGING)}
        return {"color": values.astype(np.float32), **span, "colorbar": colour_bar(name)}
    shown, ticks = log_if_wide(values, name)
    bar = colour_bar(name, **ticks)
    return {"color": shown.astype(np.float32), "colorscale": scale(SEQUENTIAL), "colorbar": bar}


def log_if_wide(values: Float[Array, "*shape"], name: str) -> tuple[Float[Array, "*shape"], dict[str, object]]:
    """Positive values over two decades or more are coloured by their logarithm, shares of 1 never."""
    finite = values[np.isfinite(values)]
    if (
        len(finite) == 0
        or name.endswith(("accuracy", "share", "noise"))
        or finite.min() <= 0
        or finite.max() / finite.min() < 100
    ):
        return values, {}
    powers = np.arange(np.ceil(np.log10(finite.min())), np.floor(np.log10(finite.max())) + 1)
    return np.log10(values), {"tickvals": powers, "ticktext": [f"{10**power:g}" for power in powers]}


def _opacity(
    rows: Int[Array, " rows"], chosen: Bool[Array, " models"] | None, full: float
) -> float | Float[Array, " rows"]:
    if chosen is None:
        return full
    opacity: Float[Array, " rows"] = np.where(chosen[rows], 1.0, DIM).astype(np.float32)
    return opacity


@dataclass(frozen=True, slots=True, eq=False)
class Cards:
    """What the pointer reads off each network: words letter by letter, numbers as four bytes each.

    Attributes:
        words: id and columns of words.
        numbers: a column for each line of numbers.
        template: of plotly, with a line per column.
    """

    words: Shaped[Array, " models"]
    numbers: Float[Array, "models columns"]
    template: str

    def settings(self, rows: Int[Array, " rows"]) -> dict[str, object]:
        """Of a trace that shows these rows."""
        numbers = {"customdata": self.numbers[rows]} if self.numbers.shape[1] else {}
        return {"hovertext": self.words[rows], "hovertemplate": self.template, **numbers}


def cards(table: pd.DataFrame, notes: Mapping[str, Float[Array, " models"]] | None = None) -> Cards:
    """A card for each network.

    Args:
        table: the networks; where there are many, only few of its columns are told.
        notes: further lines by name, a share of 1 for each network.
    """
    names = [name for name in (SHORT if len(table) > MANY else HOVER) if name in table]
    texts = [name for name in names if not is_number(table[name])]
    lines = [[f"{name.replace('_', ' ')} {plain(value)}" for value in table[name].tolist()] for name in texts]
    heads = [f"<b>{plain(row)}</b>" for row in table["id"].tolist()]
    words = np.array(["<br>".join(parts) for parts in zip(heads, *lines, strict=True)], dtype=object)
    columns = [table[name].to_numpy(np.float32, na_value=np.nan) for name in names if name not in texts]
    told = [(name.replace("_", " "), _format(name)) for name in names if name not in texts]
    for name, shares in (notes or {}).items():
        columns.append(shares.astype(np.float32))
        told.append((plain(name), ":.0%"))
    rows = [f"{name} %{{customdata[{place}]{form}" for place, (name, form) in enumerate(told)]
    rows = [f"{row}}}" if "}" not in row else row for row in rows]
    template = "<br>".join(["%{hovertext}", *rows]) + "<extra></extra>"
    numbers = np.column_stack(columns) if columns else np.empty((len(table), 0), np.float32)
    return Cards(words, numbers, template)


def _format(name: str) -> str:
    """How plotly writes a number, with its unit behind."""
    if "accuracy" in name:
        return ":.3f"
    if name in ("run", "epoch"):
        return ":d"
    return ":.3g} nats" if name.endswith("loss") else ":.3g"
