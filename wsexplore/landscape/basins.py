"""Basins: networks joined by low barriers, and the tree of all joins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from wsexplore.align.checks import check_word

THRESHOLD = 0.05
"""Barrier in nats up to which two networks are in one basin, where the caller does not say.

On a path with this barrier the geometric mean of the probabilities given to the true classes falls to exp(-0.05) = 95 %
of what it is on the chord. A fixed number, so that basins before and after alignment, or of two zoos, can be compared.
"""

KINDS: Mapping[str, Literal["single", "complete"]] = {"single": "single", "complete": "complete"}
"""What joins two groups of networks: one low barrier between them, or low barriers between all their members."""

ORDERED = 120
"""Networks up to which the leaves of the tree are turned so that neighbours have low barriers."""


@dataclass(frozen=True, slots=True, eq=False)
class Basins:
    """Networks in groups, by the barriers between them.

    Attributes:
        labels: the basin of each network, from 0; the largest basin first, of equal ones that of the first network.
        sizes: networks in each basin.
        order: the networks as leaves of the tree, so that branches do not cross and basins lie together.
        linkage: of `scipy.cluster.hierarchy`: two groups, the barrier at which they join (nats) and the size of the new
            one, a row per join.
        threshold: barrier in nats up to which networks are joined.
        kind: "single" or "complete".
        never: joins at this barrier (nats) or above are of networks without a finite barrier between them.
    """

    labels: Int[Array, " networks"]
    sizes: Int[Array, " basins"]
    order: Int[Array, " networks"]
    linkage: Float[Array, "joins 4"]
    threshold: float
    kind: str
    never: float

    def __len__(self) -> int:
        return len(self.sizes)

    def count(self, threshold: float) -> int:
        """Basins that there would be at another threshold, in nats."""
        joins = self.linkage[:, 2]
        return 1 + int(((joins > threshold) | (joins >= self.never)).sum())

    @property
    def gap(self) -> tuple[float, float]:
        """Thresholds, in nats, between which the basins stay as they are; infinite where no higher one changes them."""
        joins = self.linkage[:, 2]
        low = joins[(joins <= self.threshold) & (joins < self.never)]
        high = joins[(joins > self.threshold) & (joins < self.never)]
        return float(low.max(initial=0.0)), float(high.min(initial=np.inf))

    def frame(self) -> pd.DataFrame:
        """`network` (place in the matrix) and `basin`, a row per network in the order of the leaves."""
        return pd.DataFrame({"network": self.order, "basin": self.labels[self.order]})


def basins(heights: Float[Array, "*shape"], *, threshold: float | None = None, kind: str = "single") -> Basins:
    """Networks whose barriers are at most `threshold`, grouped.

    "single" puts two networks into one basin where a chain of networks joins them, each barrier of it low: the
    connected components. "complete" asks for a low barrier between every two of a basin, which is what averaging all
    its networks needs; where several divisions do, it is that of agglomerative clustering. A barrier that is not finite
    is never low, one below 0 is 0.

    Args:
        heights: barriers in nats, symmetric, as `BarrierMatrix.heights`; the diagonal is not looked at.
        threshold: in nats; `None` for `THRESHOLD`, 0.05 nats.
        kind: "single" or "complete".

    Raises:
        ValueError: the matrix is not square or not symmetric, there are no networks, the threshold is negative or not
            finite, or the kind is unknown.
    """
    check_word(kind, KINDS, "kind of basin")
    most = THRESHOLD if threshold is None else float(threshold)
    if not np.isfinite(most) or most < 0:
        raise ValueError(f"the threshold of basins is a barrier in nats, 0 or more, got {threshold}")
    if heights.ndim != 2 or heights.shape[0] != heights.shape[1] or not len(heights):
        raise ValueError(f"basins are found in a matrix of all barriers between some networks, got {heights.shape}")
    given = np.where(np.isfinite(heights), heights, np.inf).astype(float).clip(min=0.0)
    np.fill_diagonal(given, 0.0)
    if not np.allclose(given, given.T, rtol=1e-4, atol=1e-6):
        raise ValueError("the matrix of barriers is not symmetric; the barrier there is the barrier back")
    count, finite = len(given), given[np.isfinite(given)]
    never = 2.0 * max(float(finite.max()), most, 1e-9)
    pairs = squareform(np.minimum(np.maximum(given, given.T), never), checks=False)
    if count == 1:
        return Basins(np.zeros(1, int), np.ones(1, int), np.zeros(1, int), np.empty((0, 4)), most, kind, never)
    tree = linkage(pairs, method=KINDS[kind], optimal_ordering=count <= ORDERED)
    found = fcluster(tree, most, criterion="distance")
    labels = _by_size(found)
    return Basins(labels, np.bincount(labels), leaves_list(tree).astype(int), tree, most, kind, never)


def _by_size(labels: Int[Array, " networks"]) -> Int[Array, " networks"]:
    """The same groups, numbered from the largest."""
    _, first, back, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), int)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[back]
