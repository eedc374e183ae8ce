"""The frame of the app: page config and navigation.

The pages lie in `app_pages/`: a folder called `pages/` beside this file would be discovered by Streamlit itself, and
the first visitor who comes by a deep link would then get the bare page without this frame.
"""

import streamlit as st

st.set_page_config(page_title="wsexplore", page_icon=":material/scatter_plot:", layout="wide")

PAGES = (
    ("app_pages/home.py", "Home", ":material/home:", "What this is, and one picture."),
    ("app_pages/atlas.py", "Atlas", ":material/map:", "The map of a zoo: every point is a trained network."),
    ("app_pages/align.py", "Align", ":material/join_inner:", "Permute one network's units until they match another's."),
    (
        "app_pages/interpolate.py",
        "Interpolate",
        ":material/timeline:",
        "Walk from one network to another in a straight line.",
    ),
    ("app_pages/sample.py", "Sample", ":material/casino:", "Draw new, working networks from a flow over weights."),
)

st.navigation(
    [
        st.Page(path, title=title, icon=icon, help=help_text, default=title == "Home", url_path=title.lower())
        for path, title, icon, help_text in PAGES
    ]
).run()
