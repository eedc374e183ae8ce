"""The merge tree of a plane: its minima, and how far a path from each to a deeper one must climb."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

NONE = -1
"""In place of a minimum or a cell: there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class MergeTree:
    """The minima of a surface on a grid and the saddles over which their basins merge, the most persistent first.

    Attributes:
        cells: (row, column) of each minimum.
        births: value at each minimum.
        deaths: value of the saddle at which its basin merges into that of a deeper minimum. Infinite, because they
            never merge, for the lowest minimum and for the lowest of every piece that cells without a value cut off.
        saddles: (row, column) of that saddle; -1 where there is none.
        parents: place in this list of that deeper minimum, the deepest that can be reached without going above the
            saddle; -1 where there is none.
        spills: place in this list of the basin on the other side of the saddle, its lowest neighbour there; -1 where
            there is none.
        labels: place in this list of the minimum to which each cell descends; -1 for cells without a value.
        highest: largest value of the surface.
    """

    cells: Int[Array, "minima 2"]
    births: Float[Array, " minima"]
    deaths: Float[Array, " minima"]
    saddles: Int[Array, "minima 2"]
    parents: Int[Array, " minima"]
    spills: Int[Array, " minima"]
    labels: Int[Array, "rows columns"]
    highest: float

    def __len__(self) -> int:
        return len(self.births)

    @property
    def persistence(self) -> Float[Array, " minima"]:
        """How far the surface rises from each minimum to its saddle; infinite where it never merges."""
        found: Float[Array, " minima"] = self.deaths - self.births
        return found

    def count(self, threshold: float = 0.0) -> int:
        """Minima whose persistence is above a threshold; those that never merge always count."""
        return int((self.persistence > threshold).sum())

    def labels_above(self, threshold: float) -> Int[Array, "rows columns"]:
        """The basins of the minima that `count` counts; each smaller basin belongs to the one it spills into."""
        kept = self.persistence > threshold
        goes = np.arange(len(self))
        for place in range(len(self)):
            end = place
            while not kept[end]:
                end = int(self.spills[end])
            goes[place] = end
        found: Int[Array, "rows columns"] = np.where(self.labels == NONE, NONE, goes[self.labels])
        return found

    def layout(self, threshold: float = 0.0) -> Float[Array, " minima"]:
        """Where the branch of each minimum stands when the tree is drawn; not a number for those it leaves out.

        Branches are upright lines from birth to death, 1 apart, and no line from the top of one to its parent crosses
        another: on either side of a branch those that merge into it first stand nearest to it.

        Args:
            threshold: minima whose persistence is not above it are left out. A parent is always more persistent.
        """
        drawn = self.persistence > threshold
        crowns = {int(place): deque([int(place)]) for place in np.flatnonzero(drawn)}
        on_the_left = dict.fromkeys(crowns, False)
        for place in sorted(crowns, key=lambda place: (self.deaths[place], place)):
            parent = int(self.parents[place])
            if parent == NONE:
                continue
            on_the_left[parent] = not on_the_left[parent]
            crown = crowns.pop(place)
            if on_the_left[parent]:
                crowns[parent].extendleft(reversed(crown))
            else:
                crowns[parent].extend(crown)
        places = np.full(len(self), np.nan)
        order = [place for root in sorted(crowns) for place in crowns[root]]
        places[order] = np.arange(len(order), dtype=float)
        return places

    def frame(self) -> pd.DataFrame:
        """Cell, value, saddle and persistence, a row per minimum."""
        return pd.DataFrame(
            {
                "row": self.cells[:, 0],
                "column": self.cells[:, 1],
                "value": self.births,
                "saddle_row": self.saddles[:, 0],
                "saddle_column": self.saddles[:, 1],
                "merges_at": self.deaths,
                "persistence": self.persistence,
                "into": self.parents,
            }
        )


def merge_tree(values: Float[Array, "*shape"]) -> MergeTree:
    """The merge tree of the sub-level sets of a surface on a grid.

    Cells are taken from the lowest to the highest. One whose eight neighbours are all higher is a minimum and begins a
    basin. Where basins meet, that of the lowest minimum goes on and the others end (the elder rule; of two equally low
    minima the one that comes first in the grid goes on). This is the 0-dimensional persistent homology of the surface
    (Edelsbrunner and Harer, "Computational Topology", 2010, chapter VII.1).

    Cells that are not finite belong to nothing and join nothing. A plateau is one minimum or none: what is born and
    merges at the same value is left out. Time grows as n log n of the cells.

    Args:
        values: of the surface, in any unit; the tree has the same.

    Raises:
        ValueError: the grid is not 2-D, or none of its cells is finite.
    """
    if values.ndim != 2:
        raise ValueError(f"a merge tree is of a grid of rows and columns, got shape {values.shape}")
    known = np.isfinite(values)
    if not known.any():
        raise ValueError(f"none of the {values.size:,} cells of this grid is finite, so it has no minima")
    swept = _swept(values.astype(float), known)
    # merges of one level have one survivor, whatever the order in which its cells were taken
    parents = swept.parents.copy()
    for place in np.flatnonzero(parents != NONE):
        while swept.deaths[parents[place]] == swept.deaths[place]:
            parents[place] = parents[parents[place]]
    real = swept.deaths > swept.births
    order = np.flatnonzero(real)
    order = order[np.lexsort((order, swept.births[order], swept.births[order] - swept.deaths[order]))]
    place_of = np.full(len(real) + 1, NONE)
    place_of[order] = np.arange(len(order))
    for place in np.flatnonzero(~real):
        end = int(place)
        while not real[end]:
            end = int(swept.spills[end])
        place_of[place] = place_of[end]
    return MergeTree(
        cells=_cells(swept.minima[order], values.shape[1]),
        births=swept.births[order],
        deaths=swept.deaths[order],
        saddles=_cells(swept.saddles[order], values.shape[1]),
        parents=place_of[parents[order]],
        spills=place_of[swept.spills[order]],
        labels=place_of[swept.labels],
        highest=float(values[known].max()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Swept:
    """What the sweep found: minima in the order of their births, those of plateaus among them, as flat cells."""

    minima: Int[Array, " found"]
    births: Float[Array, " found"]
    deaths: Float[Array, " found"]
    saddles: Int[Array, " found"]
    parents: Int[Array, " found"]
    spills: Int[Array, " found"]
    labels: Int[Array, "rows columns"]


def _swept(values: Float[Array, "rows columns"], known: Bool[Array, "rows columns"]) -> _Swept:
    """Cells from the lowest to the highest, joined to the basins around them.

    In plain Python: it takes 4 to 8 ms on a grid of 51 by 51 (measured: `benchmarks/merge_tree.py`), and a compiled
    sweep would take seconds at its first use.
    """
    rows, columns = values.shape
    width = columns + 2
    steps = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    heights: list[float] = np.pad(values, 1, constant_values=np.inf).ravel().tolist()
    labels = [NONE] * len(heights)
    inside = np.flatnonzero(np.pad(known, 1).ravel())
    order = inside[np.argsort(values[known], kind="stable")]
    minima: list[int] = []
    saddles: list[int] = []
    parents: list[int] = []
    spills: list[int] = []
    roots: list[int] = []

    def root(label: int) -> int:
        while roots[label] != label:
            roots[label] = label = roots[roots[label]]
        return label

    for cell in order.tolist():
        around = [near for step in steps if labels[near := cell + step] != NONE]
        if not around:
            labels[cell] = len(minima)
            roots.append(len(minima))
            minima.append(cell)
            for none in (saddles, parents, spills):
                none.append(NONE)
            continue
        first = labels[cell] = labels[min(around, key=heights.__getitem__)]
        if all(labels[near] == first for near in around):
            continue
        sides = {near: root(labels[near]) for near in around}
        elder = min(sides.values())
        for ended in sorted(set(sides.values()) - {elder}, reverse=True):
            other = min((near for near in around if sides[near] != ended), key=heights.__getitem__)
            saddles[ended], parents[ended], spills[ended] = cell, elder, labels[other]
            roots[ended] = elder
            # the others see them as one, so that no two basins spill into each other
            sides = {near: sides[other] if side == ended else side for near, side in sides.items()}
    ends = np.array(saddles)
    born, merged = np.array(heights)[minima], np.array([*heights, np.inf])[ends]
    merged[ends == NONE] = np.inf
    return _Swept(
        minima=_inner(np.array(minima), width),
        births=born,
        deaths=merged,
        saddles=_inner(ends, width),
        parents=np.array(parents),
        spills=np.array(spills),
        labels=np.array(labels).reshape(rows + 2, width)[1:-1, 1:-1],
    )


def _inner(padded: Int[Array, " found"], width: int) -> Int[Array, " found"]:
    """Flat cells of the grid from those of the padded one."""
    found: Int[Array, " found"] = np.where(
        padded == NONE, NONE, (padded // width - 1) * (width - 2) + padded % width - 1
    )
    return found


def _cells(flat: Int[Array, " found"], columns: int) -> Int[Array, "found 2"]:
    """Row and column of flat cells."""
    found: Int[Array, "found 2"] = np.stack([flat // columns, flat % columns], axis=1)
    found[flat == NONE] = NONE
    return found
