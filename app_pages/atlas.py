"""Atlas: the map of a zoo, a selection on it, and the symmetry lens."""

import numpy as np
import streamlit as st

from app_pages.frame import recipe, sentence, show
from app_pages.handles import open_projection
from app_pages.lens import symmetry_lens
from app_pages.link import check_link
from app_pages.maps import ensure_maps
from app_pages.morph import gallery
from app_pages.pick import current_zoo
from app_pages.plain import plain
from app_pages.selection import keep_polygon, selected_networks
from wsexplore.embed import METHODS, inside, parse_polygon, thinned
from wsexplore.figures import map_figure
from wsexplore.zoo import select_rows

name, zoo = current_zoo()
table = zoo.table
st.title("Where do trained networks live?")
st.caption(
    "Every point is a network, placed by its weights. Draw a lasso around some to see who they are; switch from raw to "
    "aligned weights to see how much of the distance was only the order of hidden units."
)
ensure_maps(name, zoo)

check_link("frame", ("raw", "aligned"), "weights")
check_link("method", [method.upper() for method in METHODS], "map")
left, middle, right = st.columns([1, 1, 1.6])
frame = left.segmented_control(
    "Weights",
    ("raw", "aligned"),
    default="aligned",
    required=True,
    key="frame",
    bind="query-params",
    help="Aligned: hidden units permuted to match one reference network. The functions are the same.",
)
method = middle.segmented_control(
    "Map",
    METHODS,
    default="pca",
    required=True,
    key="method",
    bind="query-params",
    format_func=str.upper,
    help="PCA keeps distances along two directions; UMAP keeps neighbours.",
)
columns = [column for column in table.columns if column != "id"]
check_link("colour", columns, "column")
start = next((columns.index(name) for name in ("test_accuracy", "label") if name in columns), 0)
colour = right.selectbox(
    "Colour", columns, index=start, key="colour", bind="query-params", help="Any column of the zoo's table but the id."
)
left, right = st.columns([3, 1], vertical_alignment="bottom")
where = left.text_input(
    "Filter",
    key="where",
    bind="query-params",
    placeholder="epoch = 30 and test_accuracy > 0.9",
    help=f"An SQL predicate over the columns: {', '.join(table.columns)}.",
)
paths = right.toggle("Trajectories", value=True, key="paths", bind="query-params", help="Join each run's checkpoints.")

with sentence():
    projection = open_projection(name, method, frame)
    rows = select_rows(table, where) if where.strip() else np.arange(len(table))
if len(rows) == 0:
    st.info("No network meets the filter. Loosen it, or clear it to see the whole zoo.")
    st.stop()
drawn = thinned(rows)
chart = st.container()
region = st.text_input(
    "Region",
    key="region",
    bind="query-params",
    placeholder="draw a lasso on the map, or type corners: 0,0 5,0 5,5",
    help="The selection as text: it travels in the link, and it is the keyboard's way to select.",
)
polygon = None
if region.strip():
    try:
        polygon = parse_polygon(region)
    except ValueError as error:
        st.warning(plain(f"The region cannot be read: {error}."))
chosen = rows[inside(projection.points[rows], polygon)] if polygon is not None else rows[:0]
share = projection.variance
labels = (
    (f"PC 1 ({share[0]:.0%} of variance)", f"PC 2 ({share[1]:.0%} of variance)")
    if method == "pca"
    else ("UMAP 1", "UMAP 2")
)
with chart:
    show(
        map_figure(
            projection.points[drawn],
            table.iloc[drawn],
            colour=colour,
            labels=labels,
            trajectories=paths,
            polygon=polygon,
        ),
        key="map",
        alt=f"Map of {len(rows):,} networks of {name} by their {frame} weights, coloured by {colour}",
        table=table.iloc[drawn].assign(x=projection.points[drawn, 0], y=projection.points[drawn, 1]),
        on_select=keep_polygon,
        selection_mode=["lasso", "box"],
    )
    warning = " Distances between far groups mean nothing on a UMAP map." if method == "umap" else ""
    more = "; statistics use all" if len(drawn) < len(rows) else ""
    st.caption(
        f"{len(drawn):,} of {len(zoo):,} networks drawn{more}. The frame holds 99 of 100; double-click to see all."
        f"{warning}"
    )
recipe(projection.recipe)
focus = selected_networks(zoo, rows, chosen)
if zoo.architecture.task == "field":
    gallery(name, zoo, chosen if len(chosen) else rows)
st.header("The symmetry lens")
symmetry_lens(name, rows, focus, colour)
