"""Atlas: the map of a zoo, its trajectories, a selection, and the symmetry lens."""

import numpy as np
import streamlit as st

from pages.common import (
    FRAMES,
    check_link,
    current_zoo,
    data_of,
    open_alignment,
    open_projection,
    recipe,
    sentence,
    show,
    version_of,
)
from wsexplore.embed import METHODS, inside, parse_polygon, polygon_text
from wsexplore.figures import DRAWN, lens_figure, map_figure, runs_figure
from wsexplore.symmetry import orbit
from wsexplore.zoo import select_rows

COPIES = 80
SHOWN = ("id", "run", "epoch", "test_accuracy", "test_loss", "lr", "optimizer", "init", "label_noise", "data_share")


def keep_polygon() -> None:
    """Write the drawn outline into the text field, which is also its place in the link."""
    drawn = st.session_state["map"]["selection"]
    shapes = list(drawn.get("lasso") or []) + list(drawn.get("box") or [])
    if not shapes:
        return
    xs, ys = shapes[0]["x"], shapes[0]["y"]
    if len(xs) == 2:
        xs, ys = [xs[0], xs[1], xs[1], xs[0]], [ys[0], ys[0], ys[1], ys[1]]
    st.session_state["region"] = polygon_text(xs, ys)


name, zoo = current_zoo()
table = zoo.table
st.title("Where do trained networks live?")
st.caption(
    "Every point is a network, placed by its weights. Draw a lasso around some to see who they are; "
    "switch from raw to aligned weights to see how much of the distance was only the order of hidden units."
)

left, middle, right = st.columns([1.1, 1, 1.4])
frame = left.segmented_control(
    "Weights", FRAMES, default="aligned", required=True, key="frame", bind="query-params",
    help="Aligned: hidden units permuted to match one reference network. The functions are the same.",
)
method = middle.segmented_control(
    "Map", METHODS, default="pca", required=True, key="method", bind="query-params",
    help="PCA keeps true distances along two directions; UMAP keeps neighbours.",
)
columns = [column for column in table.columns if column not in ("id", "run", "seed")]
check_link("colour", columns, "column")
colour = right.selectbox(
    "Colour", columns, index=columns.index("test_accuracy") if "test_accuracy" in columns else 0,
    key="colour", bind="query-params", help="Any column of the zoo's table.",
)
left, right = st.columns([3, 1], vertical_alignment="bottom")
where = left.text_input(
    "Filter", key="where", bind="query-params", placeholder="epoch = 30 and test_accuracy > 0.9",
    help=f"An SQL predicate over the columns: {', '.join(table.columns)}.",
)
paths = right.toggle("Trajectories", value=True, key="paths", bind="query-params", help="Join the checkpoints of a run.")

with sentence():
    projection = open_projection(name, method, frame, version_of("projections", f"{name}/{method}-{frame}"))
    rows = select_rows(table, where) if where.strip() else np.arange(len(table))
if len(rows) == 0:
    st.info("No network meets the filter. Loosen it, or clear it to see the whole zoo.")
    st.stop()
drawn = rows if len(rows) <= DRAWN else np.sort(np.random.default_rng(0).choice(rows, DRAWN, replace=False))

region = st.session_state.get("region", "") or st.query_params.get("region", "")
polygon = None
if region:
    try:
        polygon = parse_polygon(region)
    except ValueError as error:
        st.warning(f"The region cannot be read: {error}.")
labels = tuple(
    f"PC {axis + 1} ({projection.variance[axis]:.0%} of variance)" if method == "pca" else f"UMAP {axis + 1}"
    for axis in (0, 1)
)
chosen = rows[inside(projection.points[rows], polygon)] if polygon is not None else rows[:0]
figure = map_figure(
    projection.points[drawn], table.iloc[drawn], colour=colour, labels=labels, trajectories=paths, polygon=polygon
)
best = table["test_accuracy"].iloc[rows].max() if "test_accuracy" in table else float("nan")
show(
    figure,
    key="map",
    alt=f"Map of {len(rows):,} networks of {name} by their {frame} weights, coloured by {colour}; best accuracy {best:.3f}",
    table=table.iloc[drawn].assign(x=projection.points[drawn, 0], y=projection.points[drawn, 1]),
    on_select=keep_polygon,
    selection_mode=["lasso", "box"],
)
st.caption(
    f"{len(drawn):,} of {len(zoo):,} networks drawn{'; statistics use all' if len(drawn) < len(rows) else ''}. "
    + ("UMAP distances between far groups mean nothing." if method == "umap" else "")
)
st.text_input(
    "Region", key="region", bind="query-params", placeholder="draw a lasso on the map, or type corners: 0,0 5,0 5,5",
    help="The selection as text: it travels in the link, and it is the keyboard's way to select.",
)

st.header("Selected networks")
if len(chosen) == 0:
    st.caption("None yet. Draw a lasso or a box on the map.")
    chosen = rows[np.argsort(-table["test_accuracy"].to_numpy()[rows], kind="stable")[:20]]
    st.caption("Until then, here are the twenty best.")
picked = table.iloc[chosen]
mean, spread = picked["test_accuracy"].mean(), picked["test_accuracy"].std()
left, middle, right = st.columns(3)
left.metric("Networks", f"{len(chosen):,}")
middle.metric("Mean test accuracy", f"{mean:.3f}")
right.metric("Spread (one standard deviation)", f"{spread:.3f}" if len(chosen) > 1 else "0.000")
left, right = st.columns([1.3, 1])
with left:
    ticked = st.dataframe(
        picked[[column for column in SHOWN if column in picked]], hide_index=True, height=330, key="selected",
        on_select="rerun", selection_mode="multi-row",
    )["selection"]["rows"]
with right:
    runs = table[table["run"].isin(picked["run"].unique()[:60])]
    show(
        runs_figure(runs), key="curves", table=runs[["id", "run", "epoch", "test_accuracy"]],
        alt=f"Test accuracy by epoch of {runs['run'].nunique()} selected runs",
    )
