"""The minima of a plane, and how high the saddles between them are."""

import numpy as np
import streamlit as st

from app_pages.frame import show
from wsexplore.figures import merge_tree_figure, merge_tree_finding, persistence_figure
from wsexplore.landscape import MergeTree, Plane, merge_tree


def topology(plane: Plane) -> None:
    """The merge tree of the loss beside its persistence diagram, drawn when it is opened."""
    box = st.expander(
        "Minima and saddles", icon=":material/account_tree:", key="minima", on_change="rerun", bind="query-params"
    )
    if not box.open:
        return
    with box:
        if not np.isfinite(plane.losses).any():
            st.info("No network here has a finite loss, so there are no minima.")
            return
        tree = merge_tree(plane.losses)
        _tree(plane, tree)


def _tree(plane: Plane, tree: MergeTree) -> None:
    deepest = float(np.max(tree.persistence[np.isfinite(tree.persistence)], initial=0.0))
    if not deepest:
        st.info(f"One minimum of {tree.births[0]:.4g} nats: from every point here a path falls to it without a climb.")
        return
    least = st.slider(
        "Count a minimum from this depth on (nats)",
        0.0,
        deepest,
        min(0.01, deepest / 2),
        format="%.4f",
        key="depth",
        help="How far a path from the minimum must climb before it can fall to a deeper one.",
    )
    places = np.stack([plane.xs[tree.cells[:, 1]], plane.ys[tree.cells[:, 0]]], axis=1)
    finding = merge_tree_finding(tree.births, tree.deaths, threshold=least, cells=places)
    left, right = st.columns(2)
    table = tree.frame().assign(x=places[:, 0], y=places[:, 1])
    with left:
        show(
            merge_tree_figure(
                tree.births, tree.deaths, tree.parents, tree.layout(least), tree.highest, cells=places, log=True
            ),
            key="tree",
            alt=finding,
            table=table,
        )
    with right:
        show(
            persistence_figure(tree.births, tree.deaths, tree.highest, threshold=least),
            key="persistence",
            alt=finding,
            table=table,
        )
    st.caption(
        f"{tree.count(least):,} of {len(tree):,} minima are deeper than that. Each branch rises from a minimum to the "
        "saddle over which it joins a deeper one. Minima of the grid, between neighbours on all eight sides: a finer "
        "grid can show more, or fewer."
    )
