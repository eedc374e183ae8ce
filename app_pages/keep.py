"""Take sampled networks along: as a file, or as a zoo that every page can open."""

import streamlit as st

from app_pages.frame import sentence
from app_pages.plain import plain
from wsexplore.zoo import Zoo, keep_path, shelf, to_safetensors


def take_along(fresh: Zoo, name: str) -> None:
    """A download button and a form that keeps the zoo under a name."""
    st.subheader("Take them with you")
    left, right = st.columns(2)
    left.download_button(
        "Download as safetensors",
        lambda: to_safetensors(fresh),
        f"{name}.safetensors",
        "application/octet-stream",
        key="download",
        icon=":material/download:",
        on_click="ignore",
        help="Each parameter by its name in the module, stacked over networks; the table is in the metadata.",
    )
    with right.form("keep", border=False):
        into = st.text_input("Keep as a zoo called", name, key="keep-name", help="Every page can open it.")
        if st.form_submit_button("Keep", icon=":material/save:"):
            with sentence():
                if into in shelf("zoos"):
                    raise ValueError(f"there is already a zoo called {into}; choose another name")
                fresh.save(keep_path("zoos", into))
            st.success(plain(f"Kept as {into}."))
            st.page_link("app_pages/atlas.py", label=f"Open {plain(into)} in the Atlas", query_params={"zoo": into})
