"""What networks are worth together and as a start: reliability of ensembles, and curves of further training."""

import pandas as pd
import plotly.graph_objects as go

from wsexplore.figures.generators import colour_of, is_plain, mark_of, name_of, title_of
from wsexplore.figures.theme import LINE, layout, plain
from wsexplore.generate.judge import tuning_summary

DASHES = {"zoo": "dash", "fresh": "dot"}


def reliability_figure(reliability: pd.DataFrame, *, height: int = 400) -> go.Figure:
    """Accuracy of each ensemble by its confidence; on the diagonal it is as sure as it is right.

    Below the diagonal it is too sure, above too careful. Marks grow with the samples in a bin.

    Args:
        reliability: of a quality report.
        height: in pixels.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": LINE, "dash": "dot"}, hoverinfo="skip", showlegend=False
    )
    for name, part in reliability.groupby("generator", sort=False):
        generator, title = str(name), title_of(str(name))
        shares = part["samples"] / part["samples"].sum()
        figure.add_scatter(
            x=part["confidence"],
            y=part["accuracy"],
            mode="lines+markers",
            line={"color": colour_of(generator), "width": 1.5, "dash": DASHES.get(generator, "solid")},
            marker={"symbol": mark_of(generator), "color": colour_of(generator), "size": 6 + 14 * shares.pow(0.5)},
            name=title,
            visible="legendonly" if is_plain(generator) else True,
            customdata=part["samples"],
            hovertemplate=f"<b>{title}</b><br>confidence %{{x:.1%}}<br>accuracy %{{y:.1%}}<br>%{{customdata:,}} samples"
            "<extra></extra>",
        )
    figure.update_xaxes(title="confidence of the ensemble", tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(title="accuracy", tickformat=".0%", range=[-0.02, 1.04])
    return layout(figure, height=height)


def reliability_finding(frame: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = [
        f"{name_of(str(row['generator']))} {row['ensemble_accuracy']:.1%} accurate, calibration error "
        f"{row['ensemble_ece']:.1%}"
        for row in frame.to_dict("records")
        if not is_plain(str(row["generator"]))
    ]
    return f"Ensembles of equally many networks: {'; '.join(said)}"


def tuning_curves_figure(curves: pd.DataFrame, *, height: int = 380) -> go.Figure:
    """Test accuracy by epoch of further training, a line per start, with the standard error of the mean.

    Args:
        curves: what `tuning_curves` gives.
        height: in pixels.
    """
    figure = go.Figure()
    summary = tuning_summary(curves)
    for name, part in summary.groupby("start", sort=False):
        start, title = str(name), title_of(str(name))
        figure.add_scatter(
            x=part["epoch"],
            y=part["mean_accuracy"],
            error_y={"type": "data", "array": part["error"].fillna(0), "thickness": 1.2},
            mode="lines+markers",
            line={"color": colour_of(start), "width": 2, "dash": DASHES.get(start, "solid")},
            marker={"symbol": mark_of(start), "color": colour_of(start), "size": 9},
            name=title,
            hovertemplate=f"<b>{title}</b><br>epoch %{{x}}: %{{y:.1%}}<extra></extra>",
        )
    sets = ", ".join(plain(one) for one in dict.fromkeys(summary["dataset"].astype(str)))
    figure.update_xaxes(title="epochs of further training")
    figure.update_yaxes(title=f"test accuracy on {sets}", tickformat=".0%")
    return layout(figure, height=height)


def tuning_curves_finding(curves: pd.DataFrame) -> str:
    """What the figure shows, in one sentence: its alt text."""
    said = []
    for name, part in tuning_summary(curves).groupby("start", sort=False):
        ordered = part.sort_values("epoch")
        first, last = ordered.iloc[0], ordered.iloc[-1]
        said.append(
            f"{name_of(str(name))} {first['mean_accuracy']:.1%} after {first['epoch']} epochs and "
            f"{last['mean_accuracy']:.1%} after {last['epoch']}"
        )
    return f"Accuracy in further training: {'; '.join(said)}"
