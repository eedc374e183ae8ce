"""The whole zoo: every network with every other, before and after all have one order."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.lens import symmetry_lens
from app_pages.link import check_link, check_link_number
from app_pages.maps import has_maps
from app_pages.matched import Distances, distances, matrices
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.figures import barriers_figure, collapse_figure, distances_figure
from wsexplore.landscape import BarrierMatrix

FRAMES = {
    "network": "Every network is matched to one of them: the medoid, which lies closest to all others.",
    "mean": "Every network is matched to the mean of the aligned ones, again and again, until it is at rest.",
    "cycle": "All orders are found at once, so that going from one to another by a third changes nothing (C2M3).",
}
TOGETHER = {
    "network": "all of the handful matched to their medoid, not pair by pair",
    "mean": "all of the handful matched to their mean",
    "cycle": "all of the handful put in one order at once",
}
"""What the barriers are walked between, as the caption tells of it."""

MOST = 100
"""Most networks between which distances are drawn."""


def whole(pair: Pair) -> None:
    """Distances, the map and the barriers between some networks of the zoo."""
    check_link("over", list(FRAMES), "frame")
    check_link_number("count", 10, MOST, "a number of networks of")
    left, middle, right = st.columns([1.1, 1.6, 1])
    frame = left.segmented_control(
        "Matched to", list(FRAMES), default="network", required=True, key="over", bind="query-params"
    )
    where = middle.text_input(
        "Among",
        key="among",
        bind="query-params",
        placeholder="the last checkpoint of each run",
        help=f"An SQL predicate over the columns: {', '.join(pair.zoo.table.columns)}. Empty: the last checkpoint of "
        "each run, all of the most common kind.",
    )
    count = right.slider(
        "Networks", 10, MOST, 60, 10, key="count", bind="query-params", help="Evenly spaced from the best to the worst."
    )
    st.caption(FRAMES[frame])
    found = distances(pair, where, count, frame)
    _distances(pair, found)
    st.subheader("The map")
    if has_maps(pair.name, pair.zoo):
        columns = pair.zoo.table.columns
        colour = next((column for column in ("test_accuracy", "label", "psnr") if column in columns), "epoch")
        symmetry_lens(pair.name, np.arange(len(pair.zoo)), pair.first, colour)
    else:
        st.caption("This zoo has no map yet. The Atlas makes it, raw and aligned.")
    st.page_link("app_pages/atlas.py", label="The whole map on the Atlas", icon=":material/map:")
    _barriers(pair, where, frame)


def _distances(pair: Pair, found: Distances) -> None:
    mean = [_mean(matrix) for matrix in (found.before, found.after)]
    left, middle, right = st.columns(3)
    left.metric("Networks", f"{len(found.ids):,} of {found.of:,}", help="Drawn, of those that meet the condition.")
    middle.metric(
        "Mean distance",
        f"{mean[1]:.2f}",
        f"{mean[1] - mean[0]:.2f}",
        delta_color="inverse",
        help="L2 distance of weights over all pairs, aligned; the change is against the order as trained.",
    )
    right.metric("Matched to", found.reference, help="The network that stays, or the frame in which all meet.")
    show(
        distances_figure(found.before, found.after, found.ids),
        key="distances",
        alt=f"Distances between {len(found.ids)} networks: {mean[0]:.2f} on average as trained, {mean[1]:.2f} aligned",
        table=pd.DataFrame(found.after, columns=list(found.ids)).assign(network=list(found.ids)),
    )
    share = 1 - mean[1] / mean[0] if mean[0] > 0 else 0.0
    closer = (
        f"the same functions lie {share:.0%} closer: that part of the distance was the order of units."
        if share > 0.005
        else "they lie no closer: these networks have one order already."
    )
    some = "" if len(found.ids) == found.of else f"Subsampled: {len(found.ids):,} of {found.of:,} networks. "
    st.caption(f"{some}One cell per pair, both halves on one scale, the best networks top left. Aligned, {closer}")
    recipe(found.recipe)


def _barriers(pair: Pair, where: str, frame: str) -> None:
    st.subheader("The barriers collapse")
    if pair.zoo.architecture.task == "field":
        st.info("Barriers are measured in the loss of a classifier, and these networks are pictures without classes.")
        return
    check_link_number("handful", 4, 12, "a handful of")
    handful = st.slider(
        "A handful",
        4,
        12,
        8,
        key="handful",
        bind="query-params",
        help="Networks, evenly spaced from the best to the worst; all pairs are walked on every way.",
    )
    found = matrices(pair, where, handful, frame)
    heights = {name: matrix.heights for name, matrix in found.items()}
    one = next(iter(found.values()))
    means = {name: _mean(matrix) for name, matrix in heights.items()}
    pairs = len(one.ids) * (len(one.ids) - 1) // 2
    told = ", ".join(f"{mean:.2f} nats {name}" for name, mean in means.items())
    show(
        collapse_figure(heights, one.ids),
        key="collapse",
        alt=f"Barriers between all {pairs} pairs of {len(one.ids)} networks, on average {told}",
        table=_pairs(found),
    )
    st.caption(
        f"All {pairs} pairs of {len(one.ids)} networks, on average {plain(told)}. Press Play, or drag. Aligned: "
        f"{TOGETHER[frame]}, at the scales and by the matching chosen above."
    )
    with st.expander("Side by side", icon=":material/grid_on:"):
        show(
            barriers_figure(heights, one.ids, columns=2 if len(heights) == 4 else min(3, len(heights))),
            key="barriers",
            alt=f"Barrier matrices beside each other, on average {told}",
            table=_pairs(found),
        )
    recipe(list(found.values())[-1].recipe)


def _mean(matrix: np.ndarray) -> float:
    """Over pairs of different networks."""
    return float(np.nanmean(matrix[~np.eye(len(matrix), dtype=bool)]))


def _pairs(found: dict[str, BarrierMatrix]) -> pd.DataFrame:
    """A row per pair, barriers in nats."""
    ids = next(iter(found.values())).ids
    first, second = np.triu_indices(len(ids), 1)
    names = np.array(ids)
    columns = {name: matrix.heights[first, second] for name, matrix in found.items()}
    return pd.DataFrame({"first": names[first], "second": names[second], **columns})
