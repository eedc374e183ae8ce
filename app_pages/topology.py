"""The minima of a plane, and how high the saddles between them are."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app_pages.frame import show
from wsexplore.figures import merge_tree_figure, merge_tree_finding, persistence_figure
from wsexplore.landscape import MergeTree, Plane, merge_tree

FIRST = 0.01
"""Nats that a minimum must be deep to be counted at first."""


@dataclass(frozen=True, slots=True, eq=False)
class Minima:
    """The minima of a plane that are counted.

    Attributes:
        tree: all of them.
        places: coordinates of each.
        least: depth from which they count, in nats.
    """

    tree: MergeTree
    places: np.ndarray
    least: float

    @property
    def counted(self) -> np.ndarray:
        """Coordinates of those that count."""
        found: np.ndarray = self.places[self.tree.persistence > self.least]
        return found

    @property
    def finding(self) -> str:
        """In one sentence."""
        return merge_tree_finding(self.tree.births, self.tree.deaths, threshold=self.least, cells=self.places)


def minima_of(plane: Plane) -> Minima | None:
    """The minima, with a slider for the depth from which they count; nothing where no loss is finite."""
    if not np.isfinite(plane.losses).any():
        st.info("No network here has a finite loss, so there are no minima.")
        return None
    tree = merge_tree(plane.losses)
    places = np.stack([plane.xs[tree.cells[:, 1]], plane.ys[tree.cells[:, 0]]], axis=1)
    deepest = float(np.max(tree.persistence[np.isfinite(tree.persistence)], initial=0.0))
    if not deepest:
        st.info(f"One minimum of {tree.births[0]:.4g} nats: from every point here a path falls to it without a climb.")
        return Minima(tree, places, 0.0)
    least = st.slider(
        "Count a minimum from this depth on (nats)",
        0.0,
        deepest,
        min(FIRST, deepest / 2),
        format="%.4f",
        key="depth",
        help="How far a path from the minimum must climb before it can fall to a deeper one.",
    )
    return Minima(tree, places, least)


def draw_tree(minima: Minima) -> None:
    """The merge tree, to stand beside the plane."""
    tree, places = minima.tree, minima.places
    show(
        merge_tree_figure(
            tree.births,
            tree.deaths,
            tree.parents,
            tree.layout(minima.least),
            tree.highest,
            cells=places,
            log=bool(tree.births.min() > 0),
            height=400,
        ),
        key="tree",
        alt=minima.finding,
        table=tree.frame().assign(x=places[:, 0], y=places[:, 1]),
    )
    st.caption(
        f"{tree.count(minima.least):,} of {len(tree):,} minima count. Each branch rises from a minimum to the saddle "
        "over which it joins a deeper one. They are minima of the grid, between neighbours on all eight sides: a finer "
        "grid can show more, or fewer."
    )


def draw_persistence(minima: Minima) -> None:
    """The same minima by value and saddle."""
    tree = minima.tree
    show(
        persistence_figure(tree.births, tree.deaths, tree.highest, threshold=minima.least, height=400),
        key="persistence",
        alt=minima.finding,
        table=tree.frame(),
    )
