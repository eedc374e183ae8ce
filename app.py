"""The frame of the app: page config and navigation."""

import streamlit as st

st.set_page_config(page_title="wsexplore", page_icon=":material/scatter_plot:", layout="wide")

PAGES = (
    ("pages/home.py", "Home", ":material/home:", "What this is, and one picture."),
    ("pages/atlas.py", "Atlas", ":material/map:", "The map of a zoo: every point is a trained network."),
    ("pages/align.py", "Align", ":material/join_inner:", "Permute one network's units until they match another's."),
    (
        "pages/interpolate.py",
        "Interpolate",
        ":material/timeline:",
        "Walk from one network to another in a straight line.",
    ),
    ("pages/sample.py", "Sample", ":material/casino:", "Draw new, working networks from a flow over weights."),
)

st.navigation(
    [
        st.Page(path, title=title, icon=icon, help=help_text, default=title == "Home", url_path=title.lower())
        for path, title, icon, help_text in PAGES
    ]
).run()
