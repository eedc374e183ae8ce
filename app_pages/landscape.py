"""Landscape: planes of weight space, curvature, likeness of two networks, and the phases of a zoo."""

from collections.abc import Callable, Mapping

import streamlit as st

from app_pages.curved import curved
from app_pages.frame import sentence
from app_pages.ground import ground
from app_pages.likeness import likeness
from app_pages.link import check_link
from app_pages.phased import phased
from app_pages.pick import current_zoo

PARTS: Mapping[str, Callable[[], None]] = {
    "Plane": ground,
    "Curvature": curved,
    "Similarity": likeness,
    "Phases": phased,
}

_, zoo = current_zoo()
st.title("What lies around a network?")
st.caption(
    "Every point of a plane is a network, and its height is the loss. Look around one network, between three of them, "
    "or along a training; measure how sharp the ground is, how alike two networks are, and where a zoo changes phase."
)
if zoo.architecture.task == "field":
    st.info(
        "These networks are pictures: there is no loss that they share. Pick a zoo of classifiers in the sidebar, or "
        "morph two of these on the Interpolate page."
    )
    st.stop()
check_link("part", list(PARTS), "part")
part = st.segmented_control(
    "Part of the page",
    list(PARTS),
    default="Plane",
    required=True,
    key="part",
    bind="query-params",
    label_visibility="collapsed",
    wrap=True,
)
with sentence():
    PARTS[part]()
