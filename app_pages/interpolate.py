"""Interpolate: walk in a straight line from one network to another, and watch the one in between."""

import numpy as np
import streamlit as st

from app_pages.curves import all_paths
from app_pages.frame import recipe, sentence, show
from app_pages.handles import frames, walk
from app_pages.link import check_link
from app_pages.morph import morph
from app_pages.pair import Pair
from app_pages.pick import current_pair, current_zoo, data_of
from wsexplore.figures import scrub_figure, unit_images
from wsexplore.landscape import repairs_of

STEPS = 41

name, zoo = current_zoo()
st.title("What do networks between two networks do?")
st.caption(
    "Every point on the straight line between two weight vectors is a network too. Drag the slider under the figure: "
    "it moves the in-between network in your browser, with its answers, its confusions and its first-layer weights."
)
first, second = current_pair(zoo)
if zoo.architecture.task == "field":
    with sentence():
        morph(name, zoo, first, second)
    st.stop()
left, middle, between, right = st.columns([1, 1, 1, 1.6], vertical_alignment="bottom")
aligned = left.toggle(
    "Align first",
    value=True,
    key="aligned",
    bind="query-params",
    help="Permute the second network's units to match the first's. Its function stays the same.",
)
check_link("split", ("test", "train"), "split")
split = middle.segmented_control(
    "Judge on",
    ("test", "train"),
    default="test",
    required=True,
    key="split",
    bind="query-params",
    help="The samples on which loss, accuracy and confusion are measured.",
)
with sentence():
    ways = ("none", *repairs_of(zoo.architecture_of(first)))
check_link("repair", ways, "repair")
repair = between.selectbox(
    "Statistics",
    ways,
    index=ways.index("reset") if "reset" in ways else 0,
    key="repair",
    bind="query-params",
    help="Of the networks between. Reset: running statistics are measured anew on training samples. Repair: every "
    "channel gets the spread that it has at the two ends (REPAIR). None: they are mixed like weights.",
)
text = right.text_input(
    "Digits",
    "",
    key="samples",
    bind="query-params",
    placeholder="the eight whose answers change most",
    help="Numbers of samples in the split, like 3 14 159; at most 8. Empty: those whose answers change most.",
)
with sentence():
    data = data_of(zoo)
    curve = walk(name, first, second, aligned, data.name, STEPS, split, repair)
    seen = frames(name, first, second, aligned, data.name, STEPS, split, repair, text)

cells = st.columns(4)
cells[0].metric("Barrier", f"{curve.height:.3f} nats", help="Largest excess of the loss over the chord.")
cells[1].metric("It stands at", f"{curve.alpha_at_height:.2f}", help="0 is the first network, 1 the second.")
cells[2].metric("Accuracy half-way", f"{curve.accuracies[STEPS // 2]:.1%}")
cells[3].metric("Accuracy of the ends", f"{curve.accuracies[0]:.1%}, {curve.accuracies[-1]:.1%}")

samples = data.split(split)
chosen = list(seen.samples)
images = np.clip(data.images(samples.inputs[chosen]).numpy(), 0, 1).reshape(len(chosen), *data.input_shape)
images = images.mean(1) if images.ndim == 4 else images.reshape(len(chosen), -1, data.input_shape[-1])
kernel = zoo.architecture.layout.slots[0].shape
kind = "aligned" if aligned else "raw"
show(
    scrub_figure(
        curve.alphas,
        curve.losses,
        curve.accuracies,
        seen.probabilities,
        seen.confusion,
        unit_images(seen.filters, kernel, data.input_shape),
        images,
        samples.targets[chosen].numpy(),
        data.classes,
    ),
    key="path",
    alt=f"{kind} path from {curve.first} to {curve.second}: barrier {curve.height:.2f} nats",
    table=curve.frame(),
)
st.caption(
    f"{STEPS} networks, each judged on all {len(samples):,} {split} samples. Digits shown: "
    f"{' '.join(str(sample) for sample in chosen)}. Nothing is sent while you scrub."
)
recipe(curve.recipe)
box = st.expander(
    "All paths side by side", icon=":material/stacked_line_chart:", key="paths", on_change="rerun", bind="query-params"
)
if box.open:
    with box, sentence():
        all_paths(Pair(name, zoo, first, second, data), split)
