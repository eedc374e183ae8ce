"""An encoder while it learns, what its latents keep of a network, and what networks from it are worth."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.embed import EncoderStep
from wsexplore.figures.theme import ALIGNED, CATEGORIES, FRESH, LINE, SEQUENTIAL, SYMBOLS, layout, plain, scale

DASHES = ("solid", "dash", "dot", "dashdot")


def history_figure(history: Sequence[EncoderStep], *, steps: int | None = None, height: int = 320) -> go.Figure:
    """The error of reconstruction by step, on the networks trained on and on those kept out; both on a log axis.

    Args:
        history: the checks so far.
        steps: end of the axis, so that it stands still while the curves grow.
        height: in pixels.
    """
    figure = go.Figure()
    at = [one.step for one in history]
    lines: dict[str, list[float | None]] = {
        "trained on": [one.loss for one in history],
        "kept out": [one.held_out_loss for one in history],
    }
    for (name, values), colour, dash in zip(lines.items(), (ALIGNED, FRESH), DASHES, strict=False):
        if any(value is not None for value in values):
            figure.add_scatter(
                x=at,
                y=values,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                name=name,
                hovertemplate=f"step %{{x:,}}<br>error %{{y:.4f}} {name}<extra></extra>",
            )
    figure.update_xaxes(title="step", range=[0, steps] if steps else None)
    figure.update_yaxes(title="squared error (1: the mean of each layer)", type="log")
    return layout(figure, height=height)


def reconstruction_figure(
    before: Float[Array, " networks"],
    after: Float[Array, " networks"],
    ids: Sequence[str],
    shade: Sequence[float] | Sequence[int],
    *,
    shade_name: str,
    height: int = 420,
) -> go.Figure:
    """Test accuracy of every network against that of its reconstruction; on the diagonal nothing is lost.

    Args:
        before: accuracy of the networks, 0 to 1.
        after: accuracy of the same networks, encoded and decoded.
        ids: their names.
        shade: a number that colours each.
        shade_name: what the number is.
        height: in pixels.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": LINE, "dash": "dot"}, hoverinfo="skip", showlegend=False
    )
    figure.add_scattergl(
        x=before,
        y=after,
        mode="markers",
        text=[plain(one) for one in ids],
        marker={
            "color": list(shade),
            "colorscale": scale(SEQUENTIAL),
            "size": 6,
            "opacity": 0.75,
            "colorbar": {"title": {"text": plain(shade_name), "side": "right"}, "thickness": 12, "outlinewidth": 0},
        },
        hovertemplate="<b>%{text}</b><br>%{x:.1%} before<br>%{y:.1%} decoded<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title="test accuracy of the network", tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(title="of its reconstruction", tickformat=".0%", range=[-0.02, 1.02])
    return layout(figure, height=height)


def tuning_figure(curves: Mapping[str, pd.DataFrame], *, height: int = 360) -> go.Figure:
    """Test accuracy by epoch of further training, mean and standard deviation over networks, a line per start.

    Args:
        curves: by name of the start, rows with `epoch` and `test_accuracy`.
        height: in pixels.
    """
    figure = go.Figure()
    for place, (name, table) in enumerate(curves.items()):
        found = table.groupby("epoch")["test_accuracy"].agg(["mean", "std"])
        colour = CATEGORIES[place % len(CATEGORIES)]
        figure.add_scatter(
            x=found.index,
            y=found["mean"],
            error_y={"type": "data", "array": found["std"].fillna(0), "thickness": 1.2},
            mode="lines+markers",
            line={"color": colour, "dash": DASHES[place % len(DASHES)]},
            marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 9},
            name=plain(name),
            hovertemplate=f"<b>{plain(name)}</b><br>epoch %{{x}}: %{{y:.1%}}<extra></extra>",
        )
    figure.update_xaxes(title="epochs of further training", dtick=1)
    figure.update_yaxes(title="test accuracy", tickformat=".0%")
    return layout(figure, height=height)
