"""Two selections side by side: which columns and which layers tell them apart."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import sentence, show
from app_pages.handles import open_alignment, open_zoo, version_of
from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.embed import Selection, column_contrast, layer_contrast, rows_in, thinned
from wsexplore.figures import difference_figure
from wsexplore.zoo import Zoo

NETWORKS = 1000
"""Most networks of a selection whose weights are compared."""

BARS = 14
SELECTED, REST = "selection", "the rest"
LARGE = 0.8
"""Difference of means in spreads that is called large (Cohen 1988)."""


def contrast(
    name: str, zoo: Zoo, rows: np.ndarray, places: np.ndarray, selection: Selection, chosen: np.ndarray
) -> None:
    """Pick two groups and show what they differ in; `places` are those of `rows` on the 2-D map."""
    if not selection:
        st.info("Draw a region on the map: then it is compared with the rest, or with a second region.")
        return
    names = [SELECTED, *selection.regions] if len(selection.regions) > 1 else [SELECTED]
    others = [REST, *selection.regions] if len(selection.regions) > 1 else [REST]
    check_link("this", names, "group")
    check_link("that", others, "group")
    left, right, _ = st.columns([1, 1, 2])
    this = left.selectbox("Compare", names, key="this", bind="query-params", help="A region, or all that is selected.")
    that = right.selectbox("with", others, key="that", bind="query-params", help="A region, or all other networks.")

    def held(group: str) -> np.ndarray:
        return chosen if group == SELECTED else rows[rows_in(places, Selection({group: selection.regions[group]}))]

    ours = held(this)
    theirs = np.setdiff1d(rows, ours) if that == REST else held(that)
    if min(len(ours), len(theirs)) == 0:
        empty = this if len(ours) == 0 else that
        st.info(plain(f"{empty} holds no network: there is nothing to compare."))
        return
    shared = len(np.intersect1d(ours, theirs))
    both = f" {shared:,} networks lie in both." if shared else ""
    st.caption(plain(f"{this}: {len(ours):,} networks. {that}: {len(theirs):,} networks.{both}"))
    left, right = st.columns(2)
    with left, sentence():
        _columns(column_contrast(zoo.table, ours, theirs), this, that)
    with right:
        if min(len(ours), len(theirs)) < 2:
            st.info("Layers are compared between groups of at least two networks each.")
            return
        with sentence():
            _layers(name, ours, theirs)


def _columns(found: pd.DataFrame, this: str, that: str) -> None:
    st.subheader("Columns", anchor=False)
    if len(found) == 0:
        st.caption("No column varies between these networks.")
        return
    first = found.iloc[0]
    said = f"{_what(first)}: {_value(first, 'first')} in {this}, {_value(first, 'second')} in {that}"
    size = "That is a large difference." if abs(first["difference"]) >= LARGE else "Even that is no large difference."
    st.markdown(f"What differs most is **{plain(said)}**, {abs(first['difference']):.1f} spreads. {size}")
    top = found.head(BARS)
    bars = [row for _, row in top.iterrows()]
    cards = [f"{_what(row)}: {_value(row, 'first')} in {this}, {_value(row, 'second')} in {that}" for row in bars]
    show(
        difference_figure(
            [_what(row) for row in bars],
            top["difference"].to_numpy(float),
            cards,
            title=f"{this} minus {that}, in spreads within them",
        ),
        key="columns-apart",
        alt=f"What differs most is {said}",
        table=found,
    )


def _what(row: "pd.Series[object]") -> str:
    column = str(row["column"]).replace("_", " ")
    return f"{column} is {row['value']}" if row["value"] else column


def _value(row: "pd.Series[object]", side: str) -> str:
    value = float(str(row[side]))
    share = bool(row["value"]) or str(row["column"]).endswith("accuracy")
    unit = " nats" if str(row["column"]).endswith("loss") else ""
    return f"{value:.1%}" if share else f"{value:.3g}{unit}"


def _layers(name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    st.subheader("Layers", anchor=False)
    first, second = thinned(ours, NETWORKS), thinned(theirs, NETWORKS)
    found = _layer_table(name, version_of("zoos", name), _text(first), _text(second))
    top, chance = found.iloc[0], float(found["chance"].iloc[0])
    clear = top["distance"] > 2 * chance
    said = f"{top['parameter']}: mean aligned weights lie {top['distance']:.2f} spreads apart"
    beyond = f"Two draws from one group would lie {chance:.2f} apart." if clear else "That is hardly more than chance."
    st.markdown(f"What differs most is **{plain(said)}**. {beyond}")
    show(
        difference_figure(
            found["parameter"].tolist()[:BARS],
            found["distance"].to_numpy(float)[:BARS],
            [f"{row.parameter}: {row.distance:.3f} spreads, {row.numbers:,} numbers" for row in found.itertuples()][
                :BARS
            ],
            title="distance of the mean aligned weights, in spreads within",
            chance=chance,
        ),
        key="layers-apart",
        alt=f"What differs most is {said}; by chance {chance:.2f}",
        table=found,
    )
    if len(first) < len(ours) or len(second) < len(theirs):
        st.caption(f"Weights of at most {NETWORKS:,} networks of each group; the columns use all.")


def _text(rows: np.ndarray) -> str:
    """Row numbers as a text, which a cache can tell apart."""
    return rows.astype(np.int64).tobytes().hex()


@st.cache_data(max_entries=32, show_spinner="Comparing layers…")
def _layer_table(name: str, version: float, first: str, second: str) -> pd.DataFrame:
    zoo = open_zoo(name)
    aligned = open_alignment(name).view(zoo)
    ours, theirs = (aligned.rows(np.frombuffer(bytes.fromhex(rows), np.int64)).numpy() for rows in (first, second))
    return layer_contrast(ours, theirs, zoo.architecture.layout)
