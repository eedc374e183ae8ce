"""Training curves of runs."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.theme import LINE, SEQUENTIAL, layout, plain, scale, words


def runs_figure(table: pd.DataFrame, *, column: str = "test_accuracy", height: int = 330) -> go.Figure:
    """A column by epoch, one line per run, each checkpoint coloured by its value.

    Args:
        table: rows of a zoo; runs with one checkpoint show as single points.
        column: a metric.
        height: in pixels.
    """
    ordered = table.sort_values(["run", "epoch"], kind="stable")
    breaks = np.flatnonzero(np.diff(ordered["run"].to_numpy())) + 1
    x = np.insert(ordered["epoch"].to_numpy(float), breaks, np.nan)
    y = np.insert(ordered[column].to_numpy(float), breaks, np.nan)
    figure = go.Figure(
        go.Scatter(x=x, y=y, mode="lines", line={"color": LINE, "width": 1}, hoverinfo="skip", showlegend=False)
    )
    figure.add_scatter(
        x=ordered["epoch"],
        y=ordered[column],
        mode="markers",
        marker={"size": 6, "color": ordered[column], "colorscale": scale(SEQUENTIAL)},
        text=[plain(name) for name in ordered["id"]],
        hovertemplate="<b>%{text}</b><br>epoch %{x}<br>%{y:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(title=words(column))
    return layout(figure, height=height)
