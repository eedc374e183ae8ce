"""The way of sampled networks to the other pages, once they are kept."""

import streamlit as st

from app_pages.keep import take_along
from app_pages.plain import plain
from wsexplore.zoo import Zoo, shelf

PAGES = {
    "atlas": ("Atlas", ":material/map:"),
    "network": ("Network", ":material/hub:"),
    "align": ("Align", ":material/join_inner:"),
    "interpolate": ("Interpolate", ":material/timeline:"),
    "landscape": ("Landscape", ":material/landscape_2:"),
    "represent": ("Represent", ":material/data_array:"),
}


def onward(fresh: Zoo, name: str) -> None:
    """Download, keep, and the links to every page that opens a zoo."""
    take_along(fresh, name)
    kept = str(st.session_state.get("keep-name", "")) or name
    if kept not in shelf("zoos"):
        st.caption("Once kept, they open on every page like any other zoo.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Open {plain(kept)} on:")
        for page, (title, icon) in PAGES.items():
            st.page_link(f"app_pages/{page}.py", label=title, icon=icon, query_params={"zoo": kept}, width="content")
