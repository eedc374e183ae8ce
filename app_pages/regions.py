"""The regions of a selection: drawn or typed, named, joined by an expression, and all of it in the link."""

import numpy as np
import streamlit as st

from app_pages.plain import plain
from wsexplore.embed import Selection, parse_selection, rows_in, selection_text, simplified

FEWEST = 3
"""Corners of an outline."""


def keep_polygon() -> None:
    """Make what was drawn on the map one more region, in the text field that is also its place in the link."""
    drawn = st.session_state["map"]["selection"]
    selection = _typed()
    known = {selection_text(Selection({"A": outline})) for outline in selection.regions.values()}
    for shape in [*(drawn.get("lasso") or []), *(drawn.get("box") or [])]:
        xs, ys = [float(x) for x in shape["x"]], [float(y) for y in shape["y"]]
        if len(xs) == 2:
            xs, ys = [xs[0], xs[1], xs[1], xs[0]], [ys[0], ys[0], ys[1], ys[1]]
        if len(xs) < FEWEST:
            continue
        outline = simplified(xs, ys)
        if selection_text(Selection({"A": outline})) not in known:
            _change(lambda before, outline=outline: before.drawn(outline))


def _typed() -> Selection:
    """What the text field says, or nothing where it cannot be read."""
    try:
        return parse_selection(st.session_state.get("region", ""))
    except ValueError:
        return Selection()


def _change(change: object) -> None:
    """Write a changed selection into the text field; what cannot be done is said on the page."""
    assert callable(change)
    try:
        st.session_state["region"] = selection_text(change(_typed()))
    except ValueError as error:
        st.session_state["region-said"] = str(error)


def choose_regions(points: np.ndarray) -> Selection:
    """The text field, a chip for each region and the expression; `points` are those that meet the filter."""
    text = st.text_input(
        "Region",
        key="region",
        bind="query-params",
        placeholder="draw a lasso on the map, or type corners: 0,0 5,0 5,5",
        help="The selection as text: it travels in the link, and it is the keyboard's way to select. Several regions "
        "are written like `A:0,0 5,0 5,5; B:2,2 9,2 9,9; A and not B`.",
    )
    try:
        selection = parse_selection(text)
    except ValueError as error:
        st.warning(plain(f"The region cannot be read: {error}."))
        return Selection()
    if said := st.session_state.pop("region-said", None):
        st.warning(plain(f"{said[:1].upper()}{said[1:]}."))
    if selection:
        _chips(selection, points)
    return selection


def _chips(selection: Selection, points: np.ndarray) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, outline in selection.regions.items():
            held = len(rows_in(points, Selection({name: outline})))
            with st.popover(f"{name}: {held:,} networks", icon=":material/polyline:", key=f"chip-{name}"):
                st.text_input(
                    "Name",
                    value=name,
                    key=f"name-{name}",
                    on_change=_rename,
                    args=(name,),
                    help="A word of at most 20 letters.",
                )
                st.button("Remove", key=f"drop-{name}", icon=":material/delete:", on_click=_drop, args=(name,))
        if len(selection.regions) > 1:
            st.session_state["expression"] = selection.joined
            st.text_input(
                "Selected is",
                key="expression",
                on_change=_express,
                help="Join the regions' names by and, or, not and brackets, like `A and not (B or C)`.",
                width=280,
            )
        st.button("Clear", key="clear-regions", icon=":material/close:", type="tertiary", on_click=_clear)


def _rename(name: str) -> None:
    _change(lambda before: before.renamed(name, st.session_state[f"name-{name}"].strip()))


def _drop(name: str) -> None:
    _change(lambda before: before.without(name))


def _express() -> None:
    asked = st.session_state["expression"].strip()
    _change(lambda before: Selection(before.regions, asked))


def _clear() -> None:
    st.session_state["region"] = ""
