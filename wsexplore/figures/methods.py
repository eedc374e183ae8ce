"""Methods of matching beside each other: what they reach, what they cost, and what is left of the barrier."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import ALIGNED, FAINT, FRESH, bent, layout, plain

Values = Float[Array, " methods"]


@dataclass(frozen=True, slots=True)
class _Panel:
    """What a column is called, how it is drawn and written, how its axis is bent, and which values it can show."""

    title: str
    hint: str
    symbol: str
    unit: str
    digits: str
    bend: Callable[[Values], Values]
    least: float = -np.inf


SMALL = 1e-3
"""Up to about so many nats the axis of barriers is linear, above it is logarithmic."""

PANELS: Mapping[str, _Panel] = {
    "objective": _Panel("objective", "higher is better", "circle", "", ",.1f", lambda values: values),
    "seconds": _Panel("time (s, log)", "lower is better", "square", "s", ".3g", np.log10, least=1e-12),
    "barrier": _Panel("barrier (nats, log)", "lower is better", "diamond", "nats", ".3f", partial(bent, small=SMALL)),
}
"""Column of the table to its panel."""

ROW = 62
"""Height of a method in pixels."""


def methods_figure(frame: pd.DataFrame) -> go.Figure:
    """Objective, time and barrier of each method, one method per row; the best of each panel is a star.

    What was not measured, or is not finite, has no dot. Columns that the table does not have are left out.

    Args:
        frame: column `method`, and of `objective` (inner product), `seconds` and `barrier` (nats) those measured.
    """
    panels = {column: panel for column, panel in PANELS.items() if column in frame}
    names = [plain(name) for name in frame["method"]]
    figure = make_subplots(
        1,
        max(1, len(panels)),
        shared_yaxes=True,
        horizontal_spacing=0.035,
        subplot_titles=[f"{panel.title}<br>{panel.hint}" for panel in panels.values()],
    )
    for place, (column, panel) in enumerate(panels.items(), start=1):
        for trace in _dots(names, frame[column].to_numpy(float), panel, highest=column == "objective"):
            figure.add_trace(trace, 1, place)
    figure.update_xaxes(range=[-0.06, 1.06], showticklabels=False, showgrid=False, zeroline=False, fixedrange=True)
    figure.update_yaxes(
        range=[len(names) - 0.45, -0.75], showticklabels=False, showgrid=False, zeroline=False, fixedrange=True
    )
    figure.update_annotations(font_size=12)
    for row, name in enumerate(names):
        style = {"showarrow": False, "xanchor": "left", "font": {"size": 13}, "yshift": 19}
        figure.add_annotation(x=0, y=row, xref="paper", yref="y", text=f"<b>{name}</b>", **style)
    layout(figure, height=ROW * len(names) + 64, showlegend=False)
    figure.update_layout(margin={"t": 48})
    return figure


def _dots(names: Sequence[str], values: Values, panel: _Panel, *, highest: bool) -> list[go.Scatter]:
    """The dots of one panel from its left end, 0, to its right end, 1, and a line behind each row."""
    rows = np.flatnonzero(np.isfinite(values) & (values >= panel.least))
    shown = values[rows]
    places = panel.bend(shown)
    low, high = (float(places.min()), float(places.max())) if len(rows) else (0.0, 1.0)
    shares = (places - low) / (high - low) if high > low else np.full(len(rows), 0.5)
    top = shown.max(initial=-np.inf) if highest else shown.min(initial=np.inf)
    best = (shown == top) & (len(rows) > 1)
    words = [format(value, panel.digits) for value in shown]
    tracks = go.Scatter(
        x=np.tile([0.0, 1.0, np.nan], len(names)),
        y=np.repeat(np.arange(len(names), dtype=float), 3),
        mode="lines",
        line={"color": FAINT, "width": 2},
        hoverinfo="skip",
    )
    dots = go.Scatter(
        x=shares,
        y=rows,
        mode="markers+text",
        marker={
            "size": np.where(best, 16, 12),
            "symbol": ["star" if first else panel.symbol for first in best],
            "color": [FRESH if first else ALIGNED for first in best],
            "opacity": 1,
        },
        text=[f"<b>{word}</b>" if first else word for word, first in zip(words, best, strict=True)],
        textposition=[f"bottom {_side(float(share))}" for share in shares],
        hovertext=[
            f"<b>{names[row]}</b><br>{panel.title.partition(' (')[0]} {word} {panel.unit}".rstrip()
            for row, word in zip(rows.tolist(), words, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return [tracks, dots]


def _side(share: float) -> str:
    """Where a value is written so that it stays within its panel."""
    return "right" if share < 0.25 else "left" if share > 0.75 else "center"
