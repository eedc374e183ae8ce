"""Loss on a plane of weight space: from above, and as a mountain range."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.interpolate import RegularGridInterpolator

from wsexplore.figures.loss_colours import loss_colours, loss_levels
from wsexplore.figures.theme import CATEGORIES, layout, plain
from wsexplore.figures.tree import basin_colours

SYMBOLS_OF = {"network": "circle", "bend": "diamond", "checkpoint": "circle"}


def contour_figure(
    xs: Float[Array, " columns"],
    ys: Float[Array, " rows"],
    losses: Float[Array, "rows columns"],
    accuracies: Float[Array, "rows columns"],
    marks: pd.DataFrame,
    *,
    paths: Mapping[str, Float[Array, "places 2"]] | None = None,
    unit: str = "L2 distance",
    labels: tuple[str, str] = ("first direction", "second direction"),
    measure: str = "loss",
    minima: Float[Array, "minima 2"] | None = None,
    height: int = 560,
) -> go.Figure:
    """A plane from above: colours on a logarithmic scale, networks in the colour of the loss that they have themselves.

    Args:
        xs: coordinates of the columns.
        ys: coordinates of the rows.
        losses: in nats; not a number where nothing was judged, which is filled from the neighbours.
        accuracies: fractions of 1.
        marks: columns name, kind, x, y, loss (nats), accuracy and distance (L2 off the plane).
        paths: broken lines on the plane, by name.
        unit: of the axes.
        labels: of the axes.
        measure: "loss" or "accuracy".
        minima: coordinates of local minima, the most persistent first, in the colours of the merge tree.
        height: in pixels.
    """
    figure = go.Figure()
    z, settings = loss_colours(losses, accuracies, measure)
    figure.add_contour(
        x=xs,
        y=ys,
        z=z,
        connectgaps=True,
        contours={"coloring": "heatmap", **settings.pop("contours")},
        line={"width": 0.6, "color": "rgba(255, 255, 255, 0.45)", "smoothing": 0.9},
        customdata=np.stack([losses, accuracies], axis=-1).astype(np.float32),
        hovertemplate="%{x:.3g}, %{y:.3g}<br>loss %{customdata[0]:.4g} nats<br>accuracy %{customdata[1]:.1%}"
        "<extra></extra>",
        name="",
        showlegend=False,
        **settings,
    )
    for name, line in (paths or {}).items():
        figure.add_scatter(
            x=line[:, 0],
            y=line[:, 1],
            mode="lines",
            name=plain(name),
            line={"color": "white", "width": 2.5, "dash": "dot" if name == "training" else "solid"},
            hoverinfo="skip",
            showlegend=False,
        )
    if minima is not None and len(minima):
        figure.add_scatter(
            x=minima[:, 0],
            y=minima[:, 1],
            mode="markers",
            marker={
                "symbol": ["star", *["diamond"] * (len(minima) - 1)],
                "size": [17, *[13] * (len(minima) - 1)],
                "color": basin_colours(len(minima)),
                "line": {"width": 2, "color": "white"},
            },
            hovertemplate="local minimum<br>%{x:.3g}, %{y:.3g}<extra></extra>",
            showlegend=False,
        )
    _add_marks(figure, marks, measure, settings)
    first, second = (f"{plain(label)} ({plain(unit)})" for label in labels)
    figure.update_xaxes(title=first, showgrid=False, zeroline=False, constrain="domain", range=[xs[0], xs[-1]])
    figure.update_yaxes(
        title=second, showgrid=False, zeroline=False, scaleanchor="x", constrain="domain", range=[ys[0], ys[-1]]
    )
    return layout(figure, height=height, hovermode="closest")


def surface_figure(
    xs: Float[Array, " columns"],
    ys: Float[Array, " rows"],
    losses: Float[Array, "rows columns"],
    accuracies: Float[Array, "rows columns"],
    marks: pd.DataFrame,
    *,
    paths: Mapping[str, Float[Array, "places 2"]] | None = None,
    unit: str = "L2 distance",
    measure: str = "loss",
    height: int = 560,
) -> go.Figure:
    """The same plane as a surface, the loss on a logarithmic scale upwards; arguments as in `contour_figure`."""
    z, settings = loss_colours(losses, accuracies, measure)
    settings.pop("contours")
    low, high = settings.pop("zmin"), settings.pop("zmax")
    heights = np.clip(z, None, high + 0.25 * (high - low))
    figure = go.Figure(
        go.Surface(
            x=xs,
            y=ys,
            z=heights,
            cmin=low,
            cmax=high,
            connectgaps=True,
            customdata=np.stack([losses, accuracies], axis=-1).astype(np.float32),
            hovertemplate="%{x:.3g}, %{y:.3g}<br>loss %{customdata[0]:.4g} nats<br>accuracy %{customdata[1]:.1%}"
            "<extra></extra>",
            lighting={"ambient": 0.72, "diffuse": 0.6, "specular": 0.12, "roughness": 0.7},
            contours={"z": {"show": True, "usecolormap": True, "project": {"z": True}, "width": 1}},
            **settings,
        )
    )
    for name, corners in (paths or {}).items():
        line = _finely(corners)
        figure.add_scatter3d(
            x=line[:, 0],
            y=line[:, 1],
            z=_above(xs, ys, heights, line) + 0.015 * (high - low),
            mode="lines",
            line={"color": "white", "width": 6},
            name=plain(name),
            hoverinfo="skip",
            showlegend=False,
        )
    if len(marks):
        tops = loss_levels(marks["loss"].to_numpy(float), marks["accuracy"].to_numpy(float), measure)
        figure.add_scatter3d(
            x=marks["x"],
            y=marks["y"],
            z=np.clip(tops, None, high + 0.25 * (high - low)) + 0.02 * (high - low),
            mode="markers+text",
            marker={
                "size": 7,
                "color": tops,
                "colorscale": settings["colorscale"],
                "cmin": low,
                "cmax": high,
                "line": {"width": 2, "color": "white"},
            },
            text=[plain(name) for name in marks["name"]] if len(marks) <= 4 else None,
            textposition="top center",
            hovertext=_told(marks),
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    ticks = settings["colorbar"]
    axes = {"title": {"text": plain(unit)}, "showspikes": False, "backgroundcolor": "rgba(0, 0, 0, 0)"}
    upwards = {"text": "loss (nats)" if measure == "loss" else "accuracy"}
    figure.update_scenes(
        xaxis=axes,
        yaxis=axes,
        zaxis={**axes, "title": upwards, "tickvals": ticks["tickvals"], "ticktext": ticks["ticktext"]},
        aspectratio={"x": 1, "y": 1, "z": 0.62},
        camera={"eye": {"x": 1.25, "y": -1.35, "z": 1.0}, "center": {"x": 0, "y": 0, "z": -0.15}},
    )
    return layout(figure, height=height)


def plane_finding(
    name: str, losses: Float[Array, "rows columns"], marks: pd.DataFrame, *, samples: int, split: str
) -> str:
    """What a plane shows, in a sentence."""
    known = losses[np.isfinite(losses)]
    if not len(known):
        return f"{name}: nothing is judged yet, or no network here has a finite loss"
    told = f"{name}: {split} loss from {known.min():.3g} to {known.max():.3g} nats over {len(known):,} networks"
    told += f", each judged on up to {samples:,} samples"
    if len(marks):
        low, high = marks["loss"].min(), marks["loss"].max()
        several = f"; {len(marks)} networks are marked, their own losses {low:.3g} to {high:.3g} nats"
        told += several if len(marks) > 1 else f"; the network marked has {low:.3g} nats itself"
    return told


def _add_marks(figure: go.Figure, marks: pd.DataFrame, measure: str, settings: dict[str, Any]) -> None:
    """Networks in the colour of what they are themselves, with a white rim, and their names where there are few."""
    if not len(marks):
        return
    many = len(marks) > 4
    figure.add_scatter(
        x=marks["x"],
        y=marks["y"],
        mode="markers" if many else "markers+text",
        text=None if many else [f"<b>{plain(name)}</b>" for name in marks["name"]],
        textposition="top center",
        textfont={"color": "white", "size": 13, "shadow": "0 0 4px #000, 0 0 2px #000"},
        marker={
            "symbol": [SYMBOLS_OF.get(kind, "circle") for kind in marks["kind"]],
            "size": 12 if many else 15,
            "color": loss_levels(marks["loss"].to_numpy(float), marks["accuracy"].to_numpy(float), measure),
            "colorscale": settings["colorscale"],
            "cmin": settings["zmin"],
            "cmax": settings["zmax"],
            "line": {"width": 2.5, "color": "white"},
        },
        hovertext=_told(marks),
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    last = marks.iloc[[-1]]
    if many:
        figure.add_scatter(
            x=last["x"],
            y=last["y"],
            mode="markers",
            marker={"symbol": "star", "size": 19, "color": CATEGORIES[3], "line": {"width": 1.5, "color": "white"}},
            hovertext=_told(last),
            hovertemplate="%{hovertext}<br>(last)<extra></extra>",
            showlegend=False,
        )


def _told(marks: pd.DataFrame) -> list[str]:
    return [
        f"{plain(mark.name_)}<br>its own loss {mark.loss:.4g} nats<br>accuracy {mark.accuracy:.1%}"
        f"<br>{mark.distance:.3g} off the plane"
        for mark in marks.rename(columns={"name": "name_"}).itertuples()
    ]


def _finely(line: Array) -> Array:
    """A broken line with so many places that it can be laid over a surface."""
    if len(line) < 2:
        return line
    places = np.linspace(0, len(line) - 1, max(200, len(line)))
    found: Array = np.stack([np.interp(places, np.arange(len(line)), column) for column in line.T], axis=1)
    return found


def _above(xs: Array, ys: Array, heights: Array, line: Array) -> Array:
    """Height of the surface over places of a line."""
    surface = RegularGridInterpolator((ys, xs), heights, bounds_error=False, fill_value=None)
    found: Array = surface(line[:, ::-1])
    return found
