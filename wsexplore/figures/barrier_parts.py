"""Where a barrier comes from: the samples, the classes, and every answer on the way."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import CATEGORIES, INK, LINE, RAW, layout, plain, scale

WHEEL = (
    "#6a63e8",
    "#d9730d",
    "#12a37b",
    "#d0408a",
    "#2f93d8",
    "#a88600",
    "#b0504a",
    "#5f9e3a",
    "#8d6bb8",
    "#7d8597",
)
"""One colour per class; beyond ten they come again."""


def costly_figure(
    images: Float[Array, "samples height width"] | None,
    table: pd.DataFrame,
    *,
    height: int = 250,
) -> go.Figure:
    """The samples that cost most, each with its class, what is said on the way, and what it adds.

    Args:
        images: 0 to 1; `None` where the samples are no pictures, and bars are drawn.
        table: a row per sample: sample, class, said_by_first, said_by_between, said_by_second, excess (nats).
        height: in pixels.
    """
    names = [
        f"<b>{plain(row['class'])}</b>, here {plain(row['said_by_between'])}<br>+{row['excess']:.1f} nats"
        for _, row in table.iterrows()
    ]
    hover = [
        f"sample {row['sample']}, class {plain(row['class'])}<br>first says {plain(row['said_by_first'])}"
        f"<br>between {plain(row['said_by_between'])}<br>second {plain(row['said_by_second'])}"
        f"<br>excess {row['excess']:.3f} nats"
        for _, row in table.iterrows()
    ]
    if images is None:
        figure = go.Figure(
            go.Bar(
                x=table["excess"],
                y=[f"sample {sample}" for sample in table["sample"]],
                orientation="h",
                marker={"color": RAW},
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
        figure.update_yaxes(autorange="reversed")
        figure.update_xaxes(title="excess over the chord (nats)")
        return layout(figure, height=height)
    count = len(images)
    figure = make_subplots(1, max(1, count), subplot_titles=names, horizontal_spacing=0.008)
    for place, image in enumerate(images, start=1):
        figure.add_heatmap(
            z=image[::-1],
            colorscale=scale(INK),
            zmin=0,
            zmax=1,
            showscale=False,
            hovertemplate=f"{hover[place - 1]}<extra></extra>",
            row=1,
            col=place,
        )
        figure.update_yaxes(scaleanchor=f"x{place}" if place > 1 else "x", row=1, col=place)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, constrain="domain")
    figure.update_annotations(font={"size": 12})
    return layout(figure, height=height).update_layout(margin={"l": 4, "r": 4, "t": 56, "b": 4})


def classes_figure(table: pd.DataFrame, *, height: int = 340) -> go.Figure:
    """What every class adds to a barrier, with its standard error, beside the accuracies on it.

    Args:
        table: columns class, samples, excess and standard_error (nats), accuracy_first, accuracy_between and
            accuracy_second (fractions of 1).
        height: in pixels.
    """
    figure = make_subplots(1, 2, column_widths=[0.5, 0.5], horizontal_spacing=0.12)
    names = [plain(name) for name in table["class"]]
    figure.add_bar(
        x=names,
        y=table["excess"],
        error_y={"type": "data", "array": table["standard_error"], "thickness": 1.5, "color": LINE},
        marker={"color": RAW},
        customdata=table["samples"],
        hovertemplate="class %{x}<br>excess %{y:.3f} nats on average<br>%{customdata:,} samples<extra></extra>",
        showlegend=False,
        row=1,
        col=1,
    )
    for who, colour, symbol in (
        ("first", CATEGORIES[0], "circle"),
        ("between", CATEGORIES[3], "diamond"),
        ("second", CATEGORIES[2], "square"),
    ):
        figure.add_scatter(
            x=names,
            y=table[f"accuracy_{who}"],
            mode="markers",
            name=f"{who} network" if who != "between" else "between them",
            marker={"symbol": symbol, "size": 11, "color": colour},
            hovertemplate="class %{x}<br>%{y:.1%} right<extra>%{fullData.name}</extra>",
            row=1,
            col=2,
        )
    figure.update_yaxes(title="mean excess (nats)", row=1, col=1)
    figure.update_yaxes(title="accuracy on the class", tickformat=".0%", row=1, col=2)
    figure.update_xaxes(title="true class", type="category")
    return layout(figure, height=height)


def decisions_figure(
    alphas: Float[Array, " steps"],
    targets: Int[Array, " samples"],
    answers: Int[Array, "steps samples"],
    classes: Sequence[str],
    *,
    height: int = 520,
) -> go.Figure:
    """The class said for every sample at every place of a path: a row per sample, sorted by true class.

    Args:
        alphas: positions on the path.
        targets: true class of each row.
        answers: class said.
        classes: names.
        height: in pixels.
    """
    count, names = len(classes), np.asarray([plain(name) for name in classes])
    edges = [place / count for place in range(count + 1)]
    colours = [[edge, WHEEL[place % len(WHEEL)]] for place in range(count) for edge in (edges[place], edges[place + 1])]
    figure = go.Figure(
        go.Heatmap(
            x=alphas,
            z=answers.T.astype(np.int16),
            zmin=-0.5,
            zmax=count - 0.5,
            colorscale=colours,
            colorbar={
                "title": {"text": "says", "side": "right"},
                "tickvals": list(range(count)),
                "ticktext": list(names),
                "thickness": 14,
                "outlinewidth": 0,
            }
            if count <= 30
            else None,
            showscale=count <= 30,
            customdata=np.stack([np.broadcast_to(names[targets][:, None], answers.T.shape), names[answers.T]], axis=-1),
            hovertemplate="position %{x:.2f}<br>truth %{customdata[0]}<br>says %{customdata[1]}<extra></extra>",
        )
    )
    starts = np.flatnonzero(np.diff(targets, prepend=-1))
    middles = (starts + np.append(starts[1:], len(targets))) / 2
    for start in starts[1:]:
        figure.add_hline(y=start - 0.5, line={"color": "white", "width": 1.5})
    figure.update_yaxes(
        title="samples, by true class",
        tickvals=middles.tolist(),
        ticktext=names[targets[starts]].tolist(),
        autorange="reversed",
        showgrid=False,
    )
    figure.update_xaxes(title="position between the two networks", showgrid=False)
    return layout(figure, height=height)
