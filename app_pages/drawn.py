"""Fields that a flow draws: a wall of pictures that turn from noise to what they are, and the nearest trained ones."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.drawing import SIDE, WALL, Drawn
from app_pages.frame import show
from app_pages.link import check_link
from app_pages.plain import plain
from app_pages.turn import Turn
from wsexplore.figures.wall import tile_text, trio_figure, wall_figure
from wsexplore.population import pictures_of
from wsexplore.zoo import Zoo

COLUMNS, MOST_COLUMNS = 12, 16
"""Tiles of a row; as many as words are asked for in turn, up to the second."""

MOMENTS = 24
"""Points of the solver's time that a wall has, at most."""

LARGE = 96
"""Pixels along each side of a picture that is looked at closely."""

TOLD = {"drawn": "drawn by the flow", "nearest": "each the nearest trained one to a sample"}
WALLS = {"drawn": "Drawn", "nearest": "Nearest trained"}


def filling(film: np.ndarray, count: int, turn: Turn) -> None:
    """The wall as far as it is filled; the others wait for their pictures."""
    done = film.shape[1]
    st.plotly_chart(
        wall_figure(
            film[-1:], [f"{place + 1}" for place in range(done)], columns=_columns(turn), room=min(count, WALL)
        ),
        key=f"filling-{done}",
        alt=f"{done} of {min(count, WALL)} pictures are drawn",
        config={"displayModeBar": False},
    )


def wall(drawn: Drawn, source: Zoo, turn: Turn) -> None:
    """The wall of the samples, and below it the one that was picked beside its nearest.

    What was asked for in turn stands in columns, a word in each.
    """
    table = drawn.zoo.table
    count = min(WALL, len(table)) if drawn.film is None or len(drawn.outside) else min(len(table), drawn.film.shape[1])
    left, right = st.columns([2, 1.2], vertical_alignment="bottom")
    left.subheader("From noise to pictures")
    check_link("wall", list(WALLS.values()), "wall")
    with right:
        view = st.segmented_control(
            "Wall",
            list(WALLS),
            default="drawn",
            required=True,
            key="wall",
            bind="query-params",
            format_func=WALLS.__getitem__,
            label_visibility="collapsed",
            width="stretch",
            help="In the same place of the second wall is the trained network that is nearest to the sample.",
        )
    above = st.container()
    st.subheader("Beside the nearest network that was trained")
    row = _picked(table["id"].astype(str).tolist()[:count])
    rows = np.array([source.row_of(str(name)) for name in table["nearest"].iloc[:count]])
    labels = source.table["label"].iloc[rows].astype(str).tolist() if "label" in source.table else [""] * count
    asked = _asked(drawn, turn)[:count]
    texts = [
        tile_text(
            str(name), [*wish, f"nearest: {other}" + (f", a {label}" if label else ""), f"distance {distance:.2f}"]
        )
        for name, wish, other, label, distance in zip(
            table["id"], asked, table["nearest"], labels, table["nearest_distance"], strict=False
        )
    ]
    if view == "drawn":
        moments, names = _moments(drawn, count)
    else:
        moments, names = pictures_of(source, rows, height=SIDE, width=SIDE).numpy()[None], []
    median, first = float(table["nearest_distance"].median()), ""
    if count < len(table):
        first = f"The first {count} of {len(table):,} samples. "
    with above:
        show(
            wall_figure(moments, texts, columns=_columns(turn), chosen=row, names=names),
            key="wall-figure",
            alt=f"{count} pictures that are networks, {TOLD[str(view)]}; the median distance of a sample to "
            f"the nearest trained network is {median:.2f}",
            table=table,
            on_select=_keep_tile,
            selection_mode="points",
        )
        play = f"Press Play to see noise become pictures in {len(names) - 1} moments. " if len(names) > 1 else ""
        st.caption(
            f"{first}{_order(drawn, turn)}Every tile is a network that takes the place of a pixel and gives its ink. "
            f"{play}Click a tile to see it beside the nearest network that was trained."
        )
    _closely(drawn, source, row, int(rows[row]), labels[row])


def _columns(turn: Turn) -> int:
    return len(turn) if 1 < len(turn) <= MOST_COLUMNS else COLUMNS


def _asked(drawn: Drawn, turn: Turn) -> list[list[str]]:
    """For every sample what it was asked for in turn, if anything."""
    if not turn:
        return [[]] * len(drawn.zoo)
    column = turn[0][0]
    return [[f"asked for {column.replace('_', ' ')} {value}"] for value in drawn.zoo.table[f"asked_{column}"]]


def _order(drawn: Drawn, turn: Turn) -> str:
    """What columns and rows are, where they mean something; inside a region some networks are left out."""
    if _columns(turn) != len(turn) or len(drawn.outside):
        return ""
    column, words = turn[0][0].replace("_", " "), [value for _, value in turn]
    return f"Columns are asked for {plain(column)} {plain(', '.join(words))}; a row starts from one noise. "


def _moments(drawn: Drawn, count: int) -> tuple[np.ndarray, list[str]]:
    """The pictures at some points of the solver's time, and what these are called; of a region the last ones alone."""
    last = pictures_of(drawn.zoo, np.arange(count), height=SIDE, width=SIDE).numpy()[None]
    if drawn.film is None or len(drawn.outside) or drawn.film.shape[1] < count:
        return last, []
    points = len(drawn.film) - 1
    some = np.unique(np.linspace(0, points, min(points + 1, MOMENTS)).round().astype(int))
    return np.concatenate([drawn.film[some[:-1], :count], last]), [f"{point / points:.2f}" for point in some]


def _picked(names: list[str]) -> int:
    """The picture that is looked at, from the box or from a click on the wall."""
    check_link("sample", names, "sample")
    st.session_state["wall-names"] = names
    found = st.selectbox(
        "Sampled network",
        names,
        key="sample",
        bind="query-params",
        help="The one that has a frame; a click on a tile picks it.",
        width=320,
    )
    return names.index(found)


def _keep_tile() -> None:
    """Make the tile that was clicked the one that is looked at."""
    points = st.session_state["wall-figure"]["selection"]["points"]
    names = st.session_state["wall-names"]
    if points and points[0]["point_index"] < len(names):
        st.session_state["sample"] = names[points[0]["point_index"]]


def _closely(drawn: Drawn, source: Zoo, row: int, near: int, label: str) -> None:
    """One sample beside its nearest network, larger than either was trained."""
    table = drawn.zoo.table
    own = pictures_of(drawn.zoo, np.array([row]), height=LARGE, width=LARGE).numpy()[0]
    other = pictures_of(source, np.array([near]), height=LARGE, width=LARGE).numpy()[0]
    name, distance = str(table["id"].iloc[row]), float(table["nearest_distance"].iloc[row])
    apart = np.abs(np.clip(own, 0, 1) - np.clip(other, 0, 1))
    said = f"a {label}, " if label else ""
    show(
        trio_figure(
            [(name, own), (f"nearest: {said}{table['nearest'].iloc[row]}", other), ("where they differ", apart)],
            height=260,
        ),
        key="trio",
        alt=f"{name}, its nearest trained network at distance {distance:.2f}, and the difference of their pictures, "
        f"{apart.mean():.0%} of full ink on average",
        table=pd.DataFrame({"sample": own.ravel(), "nearest": other.ravel(), "difference": apart.ravel()}),
    )
    st.caption(
        f"Distance {distance:.2f} in weights; the pictures differ by {apart.mean():.1%} of full ink on average. Drawn "
        f"at {LARGE} x {LARGE}: a field has no pixels of its own."
    )
