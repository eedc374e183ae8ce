"""Align: two networks, their units before and after, and what it does to the barrier between them."""

import numpy as np
import streamlit as st

from app_pages.frame import recipe, sentence, show
from app_pages.handles import match, walk
from app_pages.pick import current_pair, current_zoo, data_of
from wsexplore.figures import curves_figure, filters_figure, matrices_figure, objective_figure

name, zoo = current_zoo()
st.title("Is the mountain between two networks real?")
st.caption(
    "Hidden units have no order of their own: permute them, and the network computes the same function. "
    "Matching finds the order in which the second network lies closest to the first, and most of the barrier is gone."
)
first, second = current_pair(zoo)
with sentence():
    data = data_of(zoo)
    raw = walk(name, first, second, False, data.name, 25)
    aligned = walk(name, first, second, True, data.name, 25)
    pair = match(name, first, second, data.name)

middle = len(raw.alphas) // 2
cells = st.columns(4)
cells[0].metric(
    "Barrier",
    f"{aligned.height:.3f} nats",
    f"{aligned.height - raw.height:.3f} nats",
    delta_color="inverse",
    help="Largest excess of the loss over the chord; the change is against the raw path.",
)
cells[1].metric(
    "Accuracy half-way",
    f"{aligned.accuracies[middle]:.1%}",
    f"{100 * (aligned.accuracies[middle] - raw.accuracies[middle]):+.1f} points",
    help="Test accuracy of the mean of the two networks.",
)
cells[2].metric("Units moved", f"{pair.moved} of {pair.units}", help="Hidden units that got another place.")
cells[3].metric(
    "Largest change of an output",
    f"{pair.logit_difference:.0e}",
    help="Largest difference of any logit of the second network before and after: rounding only.",
)

show(
    curves_figure(
        {"raw": (raw.alphas, raw.losses), "aligned": (aligned.alphas, aligned.losses)}, unit="nats", title="test loss"
    ),
    key="barrier",
    alt=f"Loss from {raw.first} to {raw.second}: barrier {raw.height:.2f} nats raw, {aligned.height:.2f} nats aligned",
    table=raw.frame().merge(aligned.frame(), on="position", suffixes=("_raw", "_aligned")),
)
recipe(aligned.recipe)

st.header("The units, before and after")
shape = data.input_shape
pictures = {
    f"{raw.first}": pair.first[0].reshape(-1, *shape),
    f"{raw.second} as trained": pair.second[0].reshape(-1, *shape),
    f"{raw.second} aligned": pair.matched[0].reshape(-1, *shape),
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
    parts = [
        (title, weights[-1])
        for title, weights in (
            (raw.first, pair.first),
            (f"{raw.second} as trained", pair.second),
            (f"{raw.second} aligned", pair.matched),
        )
    ]
    show(
        matrices_figure(parts),
        key="outputs",
        alt="Outgoing weights of every unit, before and after alignment",
        table=pair.order_frame(),
    )
if not np.isfinite(raw.losses).all():
    st.warning("One of the networks diverged: parts of the curve are not finite.")
