"""Atlas: the map of a zoo, a selection on it, and what the selection says."""

import numpy as np
import streamlit as st

from app_pages.clock import common_clock
from app_pages.contrast import contrast
from app_pages.diversity import diversity
from app_pages.frame import recipe, sentence
from app_pages.lens import symmetry_lens
from app_pages.maps import ensure_maps, map_or_offer, stored_map
from app_pages.morph import gallery
from app_pages.pick import current_zoo
from app_pages.plane import draw_beside, draw_map
from app_pages.regions import choose_regions
from app_pages.selection import selected_networks, selection_numbers
from app_pages.trusted import await_trust
from app_pages.view import controls
from app_pages.within import sample_here
from wsexplore.embed import rows_in, thinned
from wsexplore.embed.selection import DRAWN

LENS = 2000
"""Most networks that move in the lens."""

CLOSER = {
    "lens": "Symmetry lens",
    "contrast": "Compare selections",
    "clock": "Epoch by epoch",
    "diversity": "Diversity",
}

name, zoo = current_zoo()
st.title("Where do trained networks live?")
st.caption(
    "Every point is a network, placed by its weights. Draw a lasso around some to see who they are; switch from raw to "
    "aligned weights to see how much of the distance was only the order of hidden units."
)
ensure_maps(name, zoo)
view = controls(name, zoo, DRAWN)
with sentence():
    rows = zoo.entries.where(view.where) if view.where else np.arange(len(zoo))
projection = map_or_offer(name, zoo, view.embedding, view.method, view.dims, view.encoder)
if projection is None:
    st.stop()
rows = rows[projection.shown[rows]] if view.method == "tsne" else rows
if len(rows) == 0:
    st.info("No network meets the filter. Loosen it, or clear it to see the whole zoo.")
    st.stop()
drawn = thinned(rows, DRAWN if view.raster == "off" else DRAWN // 2)
chart = st.container()
plane = projection if view.dims == 2 else stored_map(name, zoo, view.embedding, view.method, encoder=view.encoder)
places = plane.points[rows] if plane is not None else np.full((len(rows), 2), np.nan, np.float32)
selection = choose_regions(places)
chosen = rows[rows_in(places, selection)]
if selection and plane is None:
    st.caption("The selection belongs to the 2-D map, which is not made yet: switch to 2-D to make it.")
sample_here(view, selection)
below = st.container()
listed = selection_numbers(zoo, rows, chosen)
with chart:
    first, second = st.columns(2) if view.beside else (st.container(), None)
    with first:
        slot = draw_map(zoo, view, projection, rows, drawn, selection, chosen)
    if second is not None:
        with second:
            other = map_or_offer(name, zoo, "function", view.method)
            if other is not None:
                draw_beside(zoo, view, other, rows, drawn, chosen)
with below:
    recipe(projection.recipe)
focus = selected_networks(zoo, chosen if len(chosen) else rows, listed)
if zoo.architecture.task == "field":
    gallery(name, zoo, chosen if len(chosen) else rows)
st.header("Look closer")
closer = st.segmented_control(
    "What to look at",
    list(CLOSER),
    default="lens",
    required=True,
    key="look",
    bind="query-params",
    format_func=CLOSER.__getitem__,
    label_visibility="collapsed",
    help="The lens: what the order of hidden units does. Compare: what two selections differ in. Epoch by epoch: all "
    "runs on one clock. Diversity: how many different networks there are.",
)
if closer == "lens":
    symmetry_lens(name, thinned(rows, LENS), focus, zoo.columns[1] if view.colour not in zoo.columns else view.colour)
elif closer == "contrast":
    contrast(name, zoo, rows, places, selection, chosen)
elif closer == "diversity":
    diversity(name, zoo, rows, chosen)
elif plane is not None:
    common_clock(zoo, view, plane, rows, chosen)
else:
    st.info("The clock runs on the 2-D map, which is not made yet: switch to 2-D to make it.")
if slot is not None:
    await_trust(slot, name, projection, drawn)
