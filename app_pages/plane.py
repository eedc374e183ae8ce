"""The maps of the Atlas, drawn as its controls ask."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages.frame import show
from app_pages.handles import open_zoo, version_of
from app_pages.maps import TITLES, stored_map
from app_pages.plain import plain
from app_pages.regions import keep_polygon
from app_pages.trusted import errors_of, target_of, trust_numbers, trust_of
from app_pages.view import ERROR, View
from wsexplore.embed import EMBEDDINGS, Projection, Raster, Selection, rasterise
from wsexplore.figures import is_number, map_figure, space_figure
from wsexplore.figures.markers import HOVER
from wsexplore.zoo import Zoo

FEW = 2000
"""Networks up to which the table under the map has every column."""


def drawn_table(zoo: Zoo, view: View, projection: Projection, drawn: np.ndarray) -> pd.DataFrame:
    """The columns that the drawn points need; a large table is read no further."""
    names = zoo.columns if len(drawn) <= FEW else ["id", *(name for name in HOVER if name in zoo.columns)]
    asked = [] if view.colour in (*names, ERROR) else [view.colour]
    table = zoo.entries.part([*names, *asked]).iloc[drawn]
    if view.colour == ERROR:
        target = target_of(zoo.columns)
        assert target is not None
        return table.assign(**{ERROR: errors_of(view.name, projection, view.embedding, drawn, target, view.encoder)})
    return table


def draw_map(
    zoo: Zoo,
    view: View,
    projection: Projection,
    rows: np.ndarray,
    drawn: np.ndarray,
    selection: Selection,
    chosen: np.ndarray,
) -> DeltaGenerator | None:
    """The map with its numbers; `rows` meet the filter, `drawn` are some of them, `chosen` the selected ones.

    Returns:
        The place of the numbers on trust, where they are not there yet.
    """
    table = drawn_table(zoo, view, projection, drawn)
    trust = trust_of(view.name, projection, view.embedding, drawn, view.encoder)
    picked = _among(zoo, chosen)[drawn] if len(chosen) else None
    places = projection.points[drawn]
    shared = {
        "colour": view.colour,
        "chosen": picked,
        "notes": trust.notes() if trust else None,
        "around_zero": view.colour == ERROR,
    }
    if projection.dims == 3:
        figure, settings = space_figure(places, table, labels=axis_labels(projection), **shared), {}
    else:
        averaged = view.raster == "mean" and view.colour != ERROR and is_number(table[view.colour])
        by: Literal["count", "mean"] = "mean" if averaged else "count"
        figure = map_figure(
            places,
            table,
            labels=axis_labels(projection),
            trajectories=view.paths and len(drawn) == len(rows),
            regions=selection.regions,
            raster=None if view.raster == "off" else _grid(view, projection, view.colour if averaged else ""),
            by=by,
            **shared,
        )
        settings = {"on_select": keep_polygon, "selection_mode": ["lasso", "box"]}
    axes = dict(zip("xyz", places.T, strict=False))
    known = table if len(drawn) <= FEW else table[["id", *([view.colour] if view.colour != "id" else [])]]
    show(
        figure,
        key="map" if projection.dims == 2 else "space",
        alt=f"Map of {len(rows):,} networks of {view.name} by their {EMBEDDINGS[view.embedding]}, coloured by "
        f"{view.colour}" + _finding(table[view.colour], places, axis_labels(projection)) + _held(rows, chosen),
        table=known.assign(**axes),
        **settings,
    )
    words, numbers = st.columns([3, 1.4])
    words.caption(_caption(zoo, view, projection, rows, drawn))
    slot = numbers.empty()
    if trust is not None:
        with slot.container(horizontal=True):
            trust_numbers(trust, len(drawn))
    return None if trust is not None else slot


def draw_beside(
    zoo: Zoo, view: View, projection: Projection, rows: np.ndarray, drawn: np.ndarray, chosen: np.ndarray
) -> None:
    """The second map, brushed by the selection on the first."""
    shown = projection.shown
    drawn = drawn[shown[drawn]]
    second = replace(view, embedding="function", colour=view.colour if view.colour != ERROR else zoo.columns[1])
    table = drawn_table(zoo, second, projection, drawn)
    picked = _among(zoo, chosen)[drawn] if len(chosen) else None
    places = projection.points[drawn]
    finding = ""
    if picked is not None and 1 < picked.sum() < len(picked):
        spread, whole = (float(np.sqrt(part.var(0).sum())) for part in (places[picked], places))
        finding = f"; the {picked.sum():,} selected ones spread over {spread / max(whole, 1e-12):.0%} of the whole"
    show(
        map_figure(
            places,
            table,
            colour=second.colour,
            labels=axis_labels(projection),
            trajectories=view.paths and len(drawn) == len(rows),
            chosen=picked,
            lasso=False,
        ),
        key="function-map",
        alt=f"Map of {len(drawn):,} networks by their answers, coloured by {second.colour}{finding}",
        table=table[["id", second.colour]].assign(x=places[:, 0], y=places[:, 1]),
    )
    st.caption(
        "Function space: near each other here is to answer alike"
        + (finding.replace("; t", ". T") if finding else ". A selection on the first map stands out here")
        + "."
    )


def axis_labels(projection: Projection) -> tuple[str, ...]:
    """What the axes of a map are called."""
    axes = range(projection.dims)
    if projection.method == "pca":
        shares = [float(projection.variance[axis]) for axis in axes]
        told = [f"{share:.0%}" if share >= 0.01 else f"{share:.1%}" for share in shares]
        return tuple(f"PC {axis + 1} ({told[axis]} of variance)" for axis in axes)
    return tuple(f"{TITLES[projection.method]} {axis + 1}" for axis in axes)


def _grid(view: View, projection: Projection, column: str) -> Raster:
    """The density raster of all networks that meet the filter, with the mean of a column."""
    map_of = view.embedding, view.method, view.encoder
    return _raster(view.name, version_of("zoos", view.name), *map_of, projection.fitted_on, view.where, column)


@st.cache_data(max_entries=32, show_spinner=False)
def _raster(
    name: str, version: float, embedding: str, method: str, encoder: str, fitted_on: str, where: str, column: str
) -> Raster:
    zoo = open_zoo(name)
    projection = stored_map(name, zoo, embedding, method, encoder=encoder)
    assert projection is not None
    rows = zoo.entries.where(where) if where else np.arange(len(zoo))
    rows = rows[projection.shown[rows]]
    values = zoo.entries.part([column])[column].to_numpy(float, na_value=np.nan)[rows] if column else None
    return rasterise(projection.points[rows], values)


def _finding(values: "pd.Series[object]", places: np.ndarray, labels: tuple[str, ...]) -> str:
    """Along which axis a column rises or falls, where it does."""
    if not is_number(values) or values.nunique() < 3:
        return ""
    ranks = values.rank()
    found = [float(ranks.corr(pd.Series(axis, index=values.index).rank())) for axis in places.T]
    best = int(np.nanargmax(np.abs(found))) if np.isfinite(found).any() else 0
    if not abs(found[best]) >= 0.3:
        return ", which neither rises nor falls along an axis"
    way = "rises" if found[best] > 0 else "falls"
    return f", which {way} along {labels[best].partition(' (')[0]} (rank correlation {found[best]:.2f})"


def _among(zoo: Zoo, chosen: np.ndarray) -> np.ndarray:
    """Whether each network of the zoo is chosen."""
    found = np.zeros(len(zoo), bool)
    found[chosen] = True
    return found


def _held(rows: np.ndarray, chosen: np.ndarray) -> str:
    return f"; {len(chosen):,} are selected" if len(chosen) else ""


def _caption(zoo: Zoo, view: View, projection: Projection, rows: np.ndarray, drawn: np.ndarray) -> str:
    more = "; statistics use all" if len(drawn) < len(rows) else ""
    told = [f"{len(drawn):,} of {len(zoo):,} networks drawn{more}."]
    if projection.dims == 3:
        told.append("Drag to turn. A lasso is not possible in 3-D: the selection is made in 2-D and stands out here.")
        if view.paths or view.raster != "off":
            told.append("Raster and trajectories belong to 2-D.")
    else:
        told.append("The frame holds 99 of 100; double-click to see all.")
    if view.paths and len(drawn) < len(rows) and projection.dims == 2:
        told.append("Of a sample, runs are not joined.")
    if view.raster == "count" and projection.dims == 2:
        told.append(f"Grey: all {len(rows):,}, darker where more lie.")
    if view.raster == "mean" and projection.dims == 2:
        numeric = view.colour != ERROR and is_number(zoo.entries.part([view.colour])[view.colour])
        no = f"The column {plain(view.colour)} has no mean per cell, so the raster counts."
        told.append("Cells show the mean, points are grey." if numeric else no)
    if projection.method != "pca":
        told.append(f"Distances between far groups mean nothing on a {TITLES[projection.method]} map.")
    if not projection.shown.all():
        told.append(
            f"t-SNE shows the {projection.shown.sum():,} networks that it was fitted on; it cannot place others."
        )
    return " ".join(told)
