"""The frame of the app: page config and navigation.

The pages lie in `app_pages/`: a folder called `pages/` beside this file would be discovered by Streamlit itself, and
the first visitor who comes by a deep link would then get the bare page without this frame. What is picked here
stays in the link from page to page; the links in the sidebar lead to each page as it was left.
"""

from pathlib import Path

import streamlit as st

from app_pages.link import enter, leave, left_at
from app_pages.pick import pick, picked
from app_pages.working import working

ICON = Path(__file__).with_name("docs") / "images" / "icon.svg"
st.set_page_config(page_title="wsexplore", page_icon=ICON, layout="wide")

PAGES = {
    "home": (":material/home:", ()),
    "zoo": (":material/inventory_2:", ("zoo",)),
    "train": (":material/model_training:", ()),
    "atlas": (":material/map:", ("zoo",)),
    "network": (":material/hub:", ("zoo", "a")),
    "represent": (":material/data_array:", ("zoo",)),
    "align": (":material/join_inner:", ("zoo", "a", "b")),
    "interpolate": (":material/timeline:", ("zoo", "a", "b", "b_zoo")),
    "landscape": (":material/landscape_2:", ("zoo", "a", "b", "b_zoo")),
    "fit": (":material/graph_4:", ("zoo",)),
    "sample": (":material/casino:", ("flow",)),
}
"""Icon of each page, and what is picked for it."""

pages = {
    name: st.Page(f"app_pages/{name}.py", title=name.title(), icon=icon, default=name == "home", url_path=name)
    for name, (icon, _) in PAGES.items()
}
page = st.navigation(list(pages.values()), position="hidden")
here = PAGES[page.url_path or "home"][1]
enter(page.url_path, here)
with st.sidebar.container(gap="xsmall"):
    for name, (_, keys) in PAGES.items():
        query = {**left_at(pages[name].url_path), **picked(keys)}
        st.page_link(pages[name], query_params={key: query[key] for key in query if key not in here}, width="stretch")
if here:
    st.sidebar.divider()
working(pages)
pick(here)
try:
    page.run()
finally:
    leave(page.url_path)
