"""Align: two networks, their units before and after, and what it does to the barrier between them."""

import streamlit as st

from app_pages.frame import sentence, show
from app_pages.handles import match
from app_pages.morph import morph
from app_pages.mountain import mountain
from app_pages.pick import current_pair, current_zoo, data_of
from wsexplore.figures import filters_figure, matrices_figure, objective_figure, unit_images

name, zoo = current_zoo()
st.title("Is the mountain between two networks real?")
st.caption(
    "Hidden units have no order of their own: permute them, and the network computes the same function. "
    "Matching finds the order in which the second network lies closest to the first, and most of the barrier is gone."
)
first, second = current_pair(zoo)
ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
with sentence():
    data = data_of(zoo)
    pair = match(name, first, second, data.name)


if zoo.architecture.task == "field":
    with sentence():
        morph(name, zoo, first, second)
else:
    with sentence():
        mountain(name, first, second, data.name)

st.header("The units, before and after")
left, right = st.columns(2)
left.metric("Units moved", f"{pair.moved} of {pair.units}", help="Hidden units that got another place.")
right.metric(
    "Largest change of an output",
    f"{pair.logit_difference:.0e}",
    help="Largest difference of any output of the second network before and after: rounding only.",
)
titles = (ids[0], f"{ids[1]} as trained", f"{ids[1]} aligned")
kernel = zoo.architecture.layout.slots[0].shape
pictures = {
    title: unit_images(weights[0], kernel, data.input_shape)
    for title, weights in zip(titles, (pair.first, pair.second, pair.matched), strict=True)
}
show(
    filters_figure(pictures),
    key="units",
    alt="First-layer weights as images: after alignment the unit in each place looks like the first network's",
    table=pair.order_frame(),
)
st.caption(
    "Every tile is the incoming weights of one hidden unit, drawn as an image: blue negative, red positive. "
    "Compare a place on the left with the same place in the middle, then on the right."
)

left, right = st.columns(2)
with left:
    st.subheader("Who resembles whom")
    show(
        matrices_figure(
            [("as trained", pair.similarity_before), ("aligned", pair.similarity_after)], hover="similarity"
        ),
        key="similarity",
        alt="Similarity of every unit of one network to every unit of the other: a diagonal appears after alignment",
        table=pair.order_frame(),
    )
    st.caption("Cosine of unit against unit. Alignment puts the best partners on the diagonal.")
with right:
    st.subheader("What matching climbs")
    show(
        objective_figure(pair.objective),
        key="objective",
        alt=f"Inner product with the first network rises from {pair.objective[0]:.1f} to {pair.objective[-1]:.1f}",
        table=pair.objective_frame(),
    )
    st.caption("The inner product of the two weight vectors. It never falls; one hidden layer needs one sweep.")

with st.expander("The output layer as matrices", icon=":material/grid_on:"):
    ends = (weights[-1] for weights in (pair.first, pair.second, pair.matched))
    show(
        matrices_figure(list(zip(titles, ends, strict=True))),
        key="outputs",
        alt="Outgoing weights of every unit, before and after alignment",
        table=pair.order_frame(),
    )
