"""Unit by unit: who stands where, who resembles whom, and what matching weighs against what."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.link import check_link
from app_pages.matched import matched
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.align import PairMatch, spec_of
from wsexplore.figures import (
    Figure,
    cost_figure,
    filters_figure,
    matrices_figure,
    objective_figure,
    ribbon_figure,
    unit_images,
)
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Recipe

WIDE = 4
"""Most channels of a convolution that are drawn side by side."""

ROWS = 128
"""Most units whose weights are drawn as one matrix."""


def partners(pair: Pair) -> None:
    """One group of units of both networks, before and after."""
    spec = spec_of(pair.zoo.architecture_of(pair.second))
    group = ""
    if len(spec.groups) > 1:
        check_link("group", spec.groups, "group of units")
        group = st.selectbox(
            "Group of units",
            spec.groups,
            key="group",
            bind="query-params",
            help="Units that are permuted together, named by the layer that makes them.",
        )
        st.caption(_group(spec, group))
    match = matched(pair, group)
    first, second = (plain(one) for one in pair.ids)
    before, after = np.diag(match.similarity_before), np.diag(match.similarity_after)
    cells = st.columns(4)
    here = int((match.order != np.arange(len(match.order))).sum())
    cells[0].metric("Moved in this group", f"{here} of {len(match.order)}", help="Units that got another place.")
    cells[1].metric(
        "Mean likeness of partners",
        f"{np.nanmean(after):.2f}",
        f"{np.nanmean(after) - np.nanmean(before):+.2f}",
        help="Cosine of all weights into and out of a unit with those of the unit in the same place; the change is "
        "against the order as trained.",
    )
    cells[2].metric("Largest change of an output", f"{match.logit_difference:.0e}", help="Rounding only.")
    cells[3].metric("Time of matching", f"{match.seconds:.2g} s", help="On this machine, all groups.")
    signs = np.where(match.flipped, -1, 1)
    show(
        ribbon_figure(match.order, after, before=before, signs=signs if match.flipped.any() else None, names=pair.ids),
        key="ribbons",
        alt=f"{here} of {len(match.order)} units of {pair.ids[1]} move; the mean cosine with their partners rises from "
        f"{np.nanmean(before):.2f} to {np.nanmean(after):.2f}",
        table=match.order_frame(),
    )
    flips = f" {int(match.flipped.sum())} units change sign on the way." if match.flipped.any() else ""
    st.caption(
        f"Each ribbon joins a place of {first} with a unit of {second}; wide and light is alike. Drag the slider: "
        f"the partners of the order as trained, the partners that matching finds, then everyone in place.{flips}"
    )
    _weights(pair, match)
    st.subheader("What every pairing would gain")
    show(
        cost_figure(match.gain, match.order, names=pair.ids),
        key="gain",
        alt=f"What pairing any two units adds to the inner product; the chosen pairs add "
        f"{match.gain[np.arange(len(match.order)), match.order].sum():.1f}",
        table=match.order_frame(),
    )
    st.caption(
        "Matching chooses one cell of each row and column, ringed, so that the chosen ones have the largest sum."
    )
    st.subheader("Who resembles whom")
    show(
        matrices_figure(
            [("as trained", match.similarity_before), ("aligned", match.similarity_after)],
            hover="similarity",
            height=420,
        ),
        key="similarity",
        alt="Cosine of every unit of one network with every unit of the other: aligned, a diagonal appears",
        table=match.order_frame(),
    )
    st.caption("Cosine of unit against unit. Alignment puts the best partners on the diagonal.")
    if len(match.objective) > 1:
        st.subheader("What matching climbs")
        show(
            objective_figure(match.objective, height=260),
            key="objective",
            alt=f"Inner product with the first network rises from {match.objective[0]:.1f} to "
            f"{match.objective[-1]:.1f}",
            table=match.objective_frame(),
        )
        st.caption("The inner product of the two weight vectors, sweep by sweep.")
    recipe(_recipe_of(pair, match))


def _group(spec: PermutationSpec, group: str) -> str:
    """How many units, and of whom."""
    if group in spec.within:
        return f"{spec.copies[group]:,} times {spec.sizes[group]:,} units, in an order of their own within each place."
    return f"{spec.sizes[group]:,} units."


def _weights(pair: Pair, match: PairMatch) -> None:
    """What each unit of the group receives, of the first network, of the second, and of the second in order."""
    slots = [slot for slot in pair.zoo.architecture.layout.slots if len(slot.shape) > 1]
    made = {name for name, axis in spec_of(pair.zoo.architecture_of(pair.second)).members(match.group) if axis == 0}
    place = next((place for place, slot in enumerate(slots) if slot.name in made), None)
    if place is None:
        return
    first, second = pair.ids
    titles = (first, f"{second} as trained", f"{second} aligned")
    parts = (match.first[place], match.second[place], match.matched[place])
    st.subheader("What each unit looks for")
    show(
        incoming_figure(
            dict(zip(titles, parts, strict=True)), slots[place].shape, pair.data.input_shape if place == 0 else ()
        ),
        key="units",
        alt="Incoming weights of every unit: after alignment the unit in each place looks like the first network's",
        table=match.order_frame(),
    )
    some = f" {ROWS} of {len(parts[0]):,} units drawn." if len(parts[0]) > ROWS else ""
    st.caption(
        f"Incoming weights of the units of {plain(match.group)}: blue negative, red positive. Compare a place on the "
        f"left with the same place in the middle, then on the right.{some}"
    )


def incoming_figure(matrices: Mapping[str, np.ndarray], kernel: tuple[int, ...], image: tuple[int, ...]) -> Figure:
    """Incoming weights of units, as images where they are some, else a row for each unit."""
    rows = {title: matrix[:ROWS] for title, matrix in matrices.items()}
    drawn = {title: unit_images(matrix, kernel, image) for title, matrix in rows.items() if _is_image(kernel, image)}
    if drawn and next(iter(drawn.values())).shape[1] > 1:
        return filters_figure(drawn)
    return matrices_figure(list(rows.items()), height=360)


def _is_image(kernel: tuple[int, ...], image: tuple[int, ...]) -> bool:
    return (len(kernel) == 4 and kernel[1] <= WIDE) or (len(kernel) == 2 and len(image) > 1)


def _recipe_of(pair: Pair, match: PairMatch) -> Recipe:
    inputs = "field_grid(16, 16)" if pair.zoo.architecture.task == "field" else "data.test.inputs[:1000]"
    options = {"method": pair.method, "group": match.group, "canonical": pair.canonical}
    words = "".join(f", {name}={value!r}" for name, value in options.items())
    return Recipe.of(
        "match_pair",
        inputs={"zoo": pair.zoo.fingerprint},
        arguments={"first": pair.ids[0], "second": pair.ids[1], "dataset": pair.data.name, **options},
        seed=0,
        python=f"data = dataset({pair.data.name!r})\n"
        f"match_pair(zoo, {pair.first}, {pair.second}, inputs={inputs}, data=data{words}, seed=0)",
    )
