"""What a classifier of real images says about generated pictures: their Frechet distance and their classes."""

import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.generators import colour_of, mark_of, name_of, title_of
from wsexplore.figures.theme import LINE, SHARES, layout, plain, scale


def frechet_figure(frame: pd.DataFrame, *, height: int = 360) -> go.Figure:
    """Frechet distance to real images of every generator's pictures, with two standard errors.

    The dotted line is that of equally many other real images: nothing gets surely below it.

    Args:
        frame: a quality report's table, of fields.
        height: in pixels.
    """
    rows = frame.to_dict("records")[::-1]
    names = [title_of(str(row["generator"])) for row in rows]
    figure = go.Figure()
    figure.add_scatter(
        x=[row["frechet"] for row in rows],
        y=names,
        error_x={"type": "data", "array": [2 * row["frechet_error"] for row in rows], "thickness": 1.2},
        mode="markers",
        marker={
            "size": 13,
            "color": [colour_of(str(row["generator"])) for row in rows],
            "symbol": [mark_of(str(row["generator"])) for row in rows],
        },
        customdata=[[row["accepted"], row["novelty"]] for row in rows],
        hovertemplate="<b>%{y}</b><br>Frechet distance %{x:.3g}<br>%{customdata[0]:.0%} accepted<br>novelty "
        "%{customdata[1]:.2f}<extra></extra>",
        showlegend=False,
    )
    if rows:
        figure.add_vline(x=rows[-1]["frechet_floor"], line={"color": LINE, "dash": "dot"})
    figure.update_xaxes(title="Frechet distance to real images (1: their summed variance)", rangemode="tozero")
    return layout(figure, height=height)


def frechet_finding(frame: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    rows = frame.to_dict("records")
    said = [f"{name_of(str(row['generator']))} {row['frechet']:.3g}" for row in rows]
    floor = f"; real images among themselves {rows[0]['frechet_floor']:.3g}" if rows else ""
    return f"Frechet distance to real images: {'; '.join(said)}{floor}"


def class_coverage_figure(classes: pd.DataFrame, *, height: int = 360) -> go.Figure:
    """Share of each generator's pictures that the classifier accepts as each class.

    Even rows have all classes; an empty cell is a class that is never made.

    Args:
        classes: of a quality report of fields.
        height: in pixels.
    """
    generators = list(dict.fromkeys(classes["generator"]))[::-1]
    labels = list(dict.fromkeys(classes["class"]))
    shares = classes.pivot(index="generator", columns="class", values="share").loc[generators, labels].to_numpy()
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=[plain(label) for label in labels],
            y=[title_of(str(name)) for name in generators],
            colorscale=scale(SHARES),
            zmin=0,
            xgap=1,
            ygap=1,
            texttemplate="%{z:.0%}" if len(labels) <= 20 else None,
            hovertemplate="<b>%{y}</b><br>class %{x}: %{z:.1%} of the pictures<extra></extra>",
            colorbar={"title": {"text": "share of pictures", "side": "right"}, "thickness": 12, "tickformat": ".0%"},
        )
    )
    figure.update_xaxes(title="class that the classifier accepts", type="category", showgrid=False)
    figure.update_yaxes(showgrid=False)
    return layout(figure, height=height)


def class_coverage_finding(classes: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = []
    for name, part in classes.groupby("generator", sort=False):
        made = int((part["pictures"] > 0).sum())
        said.append(f"{name_of(str(name))} {made} of {len(part)} classes, {part['share'].sum():.0%} accepted")
    return f"Classes of the accepted pictures: {'; '.join(said)}"
