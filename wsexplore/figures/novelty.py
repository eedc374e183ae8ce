"""Whether samples repeat what was fitted: distances to the training networks, and the overlap of errors."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.generators import colour_of, faint_of, is_judged, is_plain, mark_of, name_of, title_of
from wsexplore.figures.theme import CATEGORIES, FRESH, clear, layout, plain
from wsexplore.generate.judge import Memory

BINS = 40
POPULATIONS = {
    "samples": ("samples", FRESH, "solid"),
    "held out": ("networks kept out", CATEGORIES[5], "dash"),
    "zoo": ("the zoo's own networks, each beside the others", CATEGORIES[4], "dot"),
}


def novelty_figure(distances: pd.DataFrame, *, height: int = 360) -> go.Figure:
    """How far samples, networks kept out and the zoo's own lie from the nearest training network: shares by distance.

    Curves on each other: samples are as new as networks that were never seen. A hump near 0 is made of copies.

    Args:
        distances: a quality report's distances, with `population` and `distance`.
        height: in pixels.
    """
    figure = go.Figure()
    values = distances["distance"].to_numpy(float)
    top = max(float(values.max()) if len(values) else 1.0, 1e-9)
    edges = np.linspace(min(float(values.min()) if len(values) else 0.0, top), top * (1 + 1e-9), BINS + 1)
    for population, part in distances.groupby("population", sort=False):
        title, colour, dash = POPULATIONS.get(str(population), (str(population), CATEGORIES[0], "solid"))
        found = part["distance"].to_numpy(float)
        shares = np.histogram(found, edges)[0] / max(1, len(found))
        figure.add_scatter(
            x=np.repeat(edges, 2)[1:-1],
            y=np.repeat(shares, 2),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            fill="tozeroy",
            fillcolor=clear(colour, 0.14),
            name=plain(f"{title}, median {np.median(found):.3g}"),
            hovertemplate=f"<b>{plain(title)}</b><br>distance %{{x:.3g}}<br>%{{y:.1%}} of them<extra></extra>",
        )
    figure.update_xaxes(title="distance to the nearest training network (modulo permutation)")
    figure.update_yaxes(title="share of networks", tickformat=".0%", rangemode="tozero")
    return layout(figure, height=height)


def novelty_finding(memory: Memory) -> str:
    """What the figure shows, in one sentence: its alt text."""
    return (
        f"Distances to the nearest training network: samples {memory.median:.3g} in the median, {memory.unseen} "
        f"{memory.unseen_median:.3g}; a sample is nearer in {memory.nearer:.0%} of all pairs (50% is no difference), "
        f"p {memory.p_nearer:.2g}; {memory.copies} of {memory.samples} samples are copies"
    )


def overlap_figure(networks: pd.DataFrame, *, height: int = 400) -> go.Figure:
    """The largest overlap of each network's errors with those of one network of the zoo, against its accuracy.

    Fewer errors overlap more by themselves: a hollow mark says what as many random errors on equally hard samples would
    give a generator on average, its filled mark what was seen. Networks without errors are left out.

    Args:
        networks: a quality report's networks.
        height: in pixels.
    """
    figure = go.Figure()
    for name, part in networks[networks["errors"] > 0].groupby("generator", sort=False):
        generator, colour = str(name), colour_of(str(name))
        shown = "legendonly" if is_plain(generator) else True
        title = title_of(generator)
        figure.add_scatter(
            x=part["test_accuracy"],
            y=part["overlap"],
            mode="markers",
            text=[plain(one) for one in part["id"]],
            marker={"color": faint_of(generator), "size": 5, "symbol": mark_of(generator).removesuffix("-open")},
            legendgroup=title,
            showlegend=False,
            visible=shown,
            hovertemplate=f"<b>%{{text}}</b>, {title}<br>accuracy %{{x:.1%}}<br>overlap %{{y:.0%}}<extra></extra>",
        )
        x = float(part["test_accuracy"].mean())
        ends = [float(part["overlap_expected"].mean()), float(part["overlap"].mean())]
        symbol = mark_of(generator).removesuffix("-open")
        figure.add_scatter(
            x=[x, x],
            y=ends,
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": 15 if is_judged(generator) else 11, "symbol": [f"{symbol}-open", symbol]},
            name=title,
            legendgroup=title,
            visible=shown,
            customdata=["of random errors, expected", "seen"],
            hovertemplate=f"<b>{title}</b>, mean<br>overlap %{{y:.0%}} %{{customdata}}<extra></extra>",
        )
    figure.update_xaxes(title="test accuracy", tickformat=".0%")
    figure.update_yaxes(
        title="overlap of errors (IoU with the most alike of the zoo)", tickformat=".0%", rangemode="tozero"
    )
    return layout(figure, height=height)


def overlap_finding(frame: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = [
        f"{name_of(str(row['generator']))} {row['overlap']:.2f}, expected {row['overlap_expected']:.2f}"
        for row in frame.to_dict("records")
        if not is_plain(str(row["generator"])) and row["overlap"] == row["overlap"]
    ]
    return f"Mean largest overlap of wrong answers with a network of the zoo: {'; '.join(said)}"
