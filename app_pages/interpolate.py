"""Interpolate: walk from one network to another, straight or along a learned curve, and watch the one in between."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages.blame import answers, blame
from app_pages.frame import recipe, sentence, show
from app_pages.gathered import gathered
from app_pages.legs import Seen, Way, names_of_classes, recipe_of, routes, seen
from app_pages.link import check_link
from app_pages.morph import morph
from app_pages.pick import current_pair, current_refs, current_zoo, data_of
from app_pages.plain import plain
from app_pages.third import pick_third
from app_pages.ways import ways
from wsexplore.figures import scrub_figure, unit_images
from wsexplore.landscape import repairs_of

KINDS = {"Straight line": "straight", "Arc": "slerp", "Bezier curve": "bezier", "Chain": "chain"}
KINDS_TOLD = (
    "Straight line: weights are mixed. Arc: spherical, so that the norm does not sink half-way. Bezier curve and "
    "chain: their bends are learned, so that the loss along them is low."
)

name, zoo = current_zoo()
st.title("What do networks between two networks do?")
st.caption(
    "Every point on a path between two weight vectors is a network too. Drag the slider under the figure: "
    "it moves the in-between network in your browser, with its answers, its confusions and its first-layer weights."
)
refs = current_refs()
if zoo.architecture.task == "field":
    with sentence():
        if refs[0][0] != refs[1][0]:
            raise ValueError("a morph is between two pictures of one zoo; pick the second network from the same zoo")
        morph(name, zoo, *current_pair(zoo))
    st.stop()
with sentence():
    if refs[0] == refs[1]:
        raise ValueError(f"network {refs[0][1]} is picked twice; pick two different networks in the sidebar")
    pair = gathered(refs)
    kinds = repairs_of(pair.zoo.architecture_of(pair.rows[0]))
left, middle, right = st.columns([2.2, 1, 1], vertical_alignment="bottom")
check_link("path", list(KINDS), "path")
kind = left.segmented_control(
    "Path", list(KINDS), default="Straight line", required=True, key="path", bind="query-params", help=KINDS_TOLD
)
aligned = middle.toggle(
    "Align first",
    value=True,
    key="aligned",
    bind="query-params",
    help="Permute the other networks' units to match the first's. Their functions stay the same.",
)
check_link("split", ("test", "train"), "split")
split = right.segmented_control(
    "Judge on",
    ("test", "train"),
    default="test",
    required=True,
    key="split",
    bind="query-params",
    help="The samples on which loss, accuracy and confusion are measured.",
)
repairs = ("none", *kinds)
check_link("repair", repairs, "repair")
scales = ("none", "minimum-norm")
check_link("scales", scales, "canonical form")
cells = st.columns([1, 1, 1.6])
repair = cells[0].selectbox(
    "Statistics",
    repairs,
    index=repairs.index("reset") if "reset" in repairs else 0,
    key="repair",
    bind="query-params",
    help="Of the networks between. Reset: running statistics are measured anew on training samples. Repair: every "
    "channel gets the spread that it has at the two ends (REPAIR). None: they are mixed like weights.",
)
canonical = cells[1].selectbox(
    "Scales first",
    scales,
    key="scales",
    bind="query-params",
    help="Bring all networks to their least norm by rescaling units, where the activation lets factors through. Their "
    "functions stay the same.",
)
text = cells[2].text_input(
    "Digits",
    "",
    key="samples",
    bind="query-params",
    placeholder="the eight whose answers change most",
    help="Numbers of samples in the split, like 3 14 159; at most 8. Empty: those whose answers change most.",
)
with sentence():
    third = pick_third(refs, optional=True)
    networks = gathered((*refs, third)) if third else pair
    if third in refs:
        raise ValueError(f"network {third[1]} is picked twice; pick three different networks")
    way = Way(networks, data_of(zoo), KINDS[kind], aligned, canonical, split, repair)
    legs = routes(way)
    found = seen(way, legs, text)


def numbers(found: Seen) -> None:
    """The barrier of each leg, with its place and its error."""
    curves = found.curves
    cells = st.columns(4 if len(curves) == 1 else 3)
    for cell, curve in zip(cells, curves, strict=False):
        where = "" if len(curves) == 1 else f" {curve.first} to {curve.second}"
        cell.metric(
            plain(f"Barrier{where}"),
            f"{curve.height:.3f} nats",
            f"± {curve.standard_error:.3f}",
            delta_color="off",
            delta_arrow="off",
            help=f"Largest excess of the loss over the chord, at {curve.alpha_at_height:.2f}, with its standard error "
            f"over the {len(legs[0].samples):,} samples.",
        )
    if len(curves) > 1:
        return
    curve = curves[0]
    cells[1].metric("It stands at", f"{curve.alpha_at_height:.2f}", help="0 is the first network, 1 the second.")
    cells[2].metric(
        "Accuracy falls by",
        f"{curve.accuracy_drop:.1%}",
        f"± {curve.accuracy_error:.1%}",
        delta_color="off",
        delta_arrow="off",
        help="Barrier in accuracy: the largest fall below the straight line between the accuracies of the ends, at "
        f"{curve.alpha_at_drop:.2f}, with its standard error.",
    )
    cells[3].metric("Accuracy of the ends", f"{curve.accuracies[0]:.1%}, {curve.accuracies[-1]:.1%}")


numbers(found)
if broken := int((~np.isfinite(found.losses)).sum()):
    st.warning(f"{broken:,} of {len(found.losses):,} networks on this path have no finite loss: their weights explode.")
data, samples = way.data, legs[0].samples
chosen = list(found.frames.samples)
images = np.clip(data.images(samples.inputs[chosen]).numpy(), 0, 1).reshape(len(chosen), *data.input_shape)
images = images.mean(1) if images.ndim == 4 else images.reshape(len(chosen), -1, data.input_shape[-1])
kernel = zoo.architecture.layout.slots[0].shape
show(
    scrub_figure(
        found.alphas,
        found.losses,
        found.accuracies,
        found.frames.probabilities,
        found.frames.confusion,
        unit_images(found.frames.filters, kernel, data.input_shape),
        images,
        samples.targets[chosen].numpy(),
        names_of_classes(legs[0]),
        stops=way.stops,
    ),
    key="path-figure",
    alt=f"{'aligned' if aligned else 'raw'} path ({kind}): "
    + ", ".join(f"{curve.first} to {curve.second} barrier {curve.height:.2f} nats" for curve in found.curves),
    table=found.frame(),
)
told = [f"{len(found.alphas)} networks, each judged on all {len(samples):,} {split} samples."]
told += ["Running statistics were measured anew for each."] if repair == "reset" else []
told += [f"Digits shown: {' '.join(str(sample) for sample in chosen)}. Nothing is sent while you scrub."]
st.caption(" ".join(told))
recipe(recipe_of(way, legs))


def folded(title: str, icon: str, key: str) -> DeltaGenerator | None:
    """A box that is filled only while it is open."""
    box = st.expander(title, icon=icon, key=key, on_change="rerun", bind="query-params")
    return box if box.open else None


if (box := folded("Where the barrier comes from", ":material/search_insights:", "blame")) is not None:
    with box, sentence():
        blame(way, legs, found.curves)
if (box := folded("Every answer on the way", ":material/view_column:", "answers")) is not None:
    with box, sentence():
        answers(way, legs)
if (box := folded("All paths side by side", ":material/stacked_line_chart:", "paths")) is not None:
    with box, sentence():
        ways(way)
