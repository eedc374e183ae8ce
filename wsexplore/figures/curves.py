"""Training curves of a population: a thin line per run, the middle of them thick."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import CATEGORIES, FRESH, clear, layout, words

UNITS = {"loss": " (nats)", "psnr": " (dB)"}
"""What follows the name of a metric, by its last word."""

RUNS = 300
"""Most runs whose own line is drawn; the median is of all."""


def population_figure(
    metrics: pd.DataFrame,
    *,
    column: str = "test_accuracy",
    epochs: int | None = None,
    highlight: int | None = None,
    height: int = 380,
) -> go.Figure:
    """A metric by epoch: every run thin, the median thick, the middle half shaded.

    Args:
        metrics: columns `run`, `epoch` and `column`, in any order.
        column: a metric.
        epochs: end of the axis, so that it stands still while the curves grow.
        highlight: a run that is drawn over the others.
        height: in pixels.
    """
    figure = go.Figure()
    ordered = metrics.sort_values(["run", "epoch"], kind="stable")
    runs = ordered["run"].unique()
    some = runs if len(runs) <= RUNS else np.sort(np.random.default_rng(0).choice(runs, RUNS, replace=False))
    x, y = _lines(ordered[ordered["run"].isin(some)], column)
    faint = clear(CATEGORIES[0], max(0.12, min(0.5, 12 / max(1, len(some)))))
    single = len(ordered) == len(runs)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers" if single else "lines",
        line={"color": faint, "width": 1},
        marker={"color": faint, "size": 5},
        hoverinfo="skip",
        showlegend=False,
    )
    grouped = ordered.groupby("epoch")[column]
    middle = pd.DataFrame({share: grouped.quantile(share) for share in (0.25, 0.5, 0.75)})
    if len(middle) and len(runs) > 2:
        _add_middle(figure, middle, column)
    if highlight is not None:
        mine = ordered[ordered["run"] == highlight]
        figure.add_scatter(
            x=mine["epoch"],
            y=mine[column],
            mode="lines+markers",
            name="this run",
            line={"color": FRESH, "width": 3},
            marker={"size": 8, "symbol": "diamond"},
            hovertemplate=f"this run<br>epoch %{{x}}<br>{words(column)} %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title="epoch", range=[-0.02 * epochs, 1.02 * epochs] if epochs else None, zeroline=False)
    unit = {"tickformat": ".0%", "range": [0, 1.02]} if column.endswith("accuracy") else {"rangemode": "tozero"}
    figure.update_yaxes(title=words(column) + UNITS.get(column.rpartition("_")[2], ""), zeroline=False, **unit)
    return layout(figure, height=height)


def _lines(ordered: pd.DataFrame, column: str) -> tuple[Float[Array, " places"], Float[Array, " places"]]:
    """All runs as one line, broken between them."""
    breaks = np.flatnonzero(np.diff(ordered["run"].to_numpy())) + 1
    x = np.insert(ordered["epoch"].to_numpy(float), breaks, np.nan)
    y = np.insert(ordered[column].to_numpy(float), breaks, np.nan)
    return x, y


def _add_middle(figure: go.Figure, middle: pd.DataFrame, column: str) -> None:
    """The median over the middle half of the runs."""
    if len(middle) > 1:
        figure.add_scatter(
            x=np.concatenate([middle.index, middle.index[::-1]]),
            y=np.concatenate([middle[0.75], middle[0.25][::-1]]),
            mode="lines",
            fill="toself",
            fillcolor=clear(CATEGORIES[0], 0.14),
            line={"width": 0},
            name="middle half",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=middle.index,
        y=middle[0.5],
        mode="lines+markers",
        name="median",
        line={"color": CATEGORIES[0], "width": 3},
        marker={"size": 6},
        hovertemplate=f"median<br>epoch %{{x}}<br>{words(column)} %{{y:.3f}}<extra></extra>",
    )
