"""Generators of networks beside each other: how good, and how new."""

import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.theme import CATEGORIES, FRESH, LINE, SYMBOLS, layout, plain
from wsexplore.generate import NOVEL

NAMES = {
    "zoo": "the zoo itself",
    "flow": "flow",
    "encoder": "encoder",
    "gaussian": "full-covariance Gaussian",
    "independent": "independent Gaussian",
    "averages": "averages of pairs",
}
COLOURS = dict(zip(NAMES, (CATEGORIES[4], FRESH, FRESH, CATEGORIES[0], CATEGORIES[1], CATEGORIES[2]), strict=True))
MARKS = dict(zip(NAMES, (SYMBOLS[0], SYMBOLS[1], *SYMBOLS[1:]), strict=False))


def quality_figure(frame: pd.DataFrame, *, height: int = 400) -> go.Figure:
    """Mean accuracy against novelty of every generator, with one standard deviation of the accuracy.

    Up is better, right is newer. A good generator lies level with the zoo; left of the dotted line it copies.

    Args:
        frame: a quality report's table.
        height: in pixels.
    """
    figure = go.Figure()
    figure.add_vline(x=NOVEL, line={"color": LINE, "dash": "dot"})
    for row in frame.to_dict("records"):
        name = str(row["generator"])
        title = plain(NAMES.get(name, name))
        figure.add_scatter(
            x=[row["novelty"]],
            y=[row["mean_accuracy"]],
            error_y={"type": "data", "array": [row["std_accuracy"]], "thickness": 1.5},
            mode="markers",
            marker={
                "size": 18 if name in ("flow", "encoder") else 13,
                "color": COLOURS.get(name, LINE),
                "symbol": MARKS.get(name, "circle"),
            },
            name=title,
            hovertemplate=(
                f"<b>{title}</b><br>accuracy {row['mean_accuracy']:.3f} ± {row['std_accuracy']:.3f}"
                f"<br>best {row['best_accuracy']:.3f}<br>novelty {row['novelty']:.2f} of the zoo's own<extra></extra>"
            ),
        )
    figure.update_xaxes(title="novelty (1: as far from the zoo as its own networks)", rangemode="tozero")
    figure.update_yaxes(title="test accuracy", tickformat=".0%")
    return layout(figure, height=height)
