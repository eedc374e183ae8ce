"""The merge tree of a plane, one sweep with union-find beside labelling the components of every sub-level set.

    OMP_NUM_THREADS=1 python -m benchmarks.merge_tree

prints for planes of 11, 51 and 201 points a side the processor seconds (one thread) of `merge_tree`, the median of
`--times` runs, and of the plain way: `scipy.ndimage.label` of all cells up to each value in turn, run once. Then how
often the first is faster, and whether both find the same births and deaths. Surfaces: a bowl with waves, as smooth as a
loss; and independent normal numbers, which have the most minima. `--largest` sets the side up to which the plain way
runs.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array
from scipy.ndimage import label

from wsexplore.landscape import merge_tree

SIDES = (11, 51, 201)
LIMIT, LIMITED = 0.05, 51
"""Seconds that a plane of so many points a side may take."""


def smooth(side: int) -> Array:
    """A bowl with waves on it."""
    x = np.linspace(-1, 1, side)
    across, down = np.meshgrid(x, x)
    return across**2 + down**2 + 0.3 * np.cos(9 * across) * np.cos(7 * down) + 0.1 * np.cos(13 * across + 3 * down)


def noise(side: int) -> Array:
    """Independent normal numbers."""
    return np.random.default_rng(0).normal(size=(side, side))


def labelled(values: Array) -> list[tuple[float, float]]:
    """Births and deaths by the components of every sub-level set, each labelled anew."""
    around, flat = np.ones((3, 3), bool), values.ravel()
    alive: dict[int, float] = {}
    pairs = []
    for level in np.unique(values):
        components = label(values <= level, around)[0].ravel()
        inside: dict[int, tuple[float, int]] = {}
        for cell, birth in sorted(alive.items(), key=lambda item: (item[1], item[0])):
            number = int(components[cell])
            if number in inside:
                pairs.append((birth, float(level)))
            else:
                inside[number] = (birth, cell)
        for cell in np.flatnonzero(flat == level):
            inside.setdefault(int(components[cell]), (float(level), int(cell)))
        alive = {cell: birth for birth, cell in inside.values()}
    return sorted([*pairs, *((birth, np.inf) for birth in alive.values())])


def swept(values: Array) -> list[tuple[float, float]]:
    """Births and deaths by `merge_tree`."""
    tree = merge_tree(values)
    return sorted(zip(tree.births.tolist(), tree.deaths.tolist(), strict=True))


def timed(find: Callable[[Array], list[tuple[float, float]]], values: Array, times: int) -> tuple[float, list]:
    """Median processor seconds, and what was found."""
    spent = []
    for _ in range(times):
        begun = time.process_time()
        found = find(values)
        spent.append(time.process_time() - begun)
    return float(np.median(spent)), found


def main() -> None:
    """Print the table and whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--largest", type=int, default=201, help="side up to which the plain way runs")
    chosen = parser.parse_args()
    print(f"{'surface':10s}{'side':>6s}{'minima':>8s}{'seconds':>10s}{'plain way':>11s}{'ratio':>8s}  the same")
    slowest = 0.0
    for side in SIDES:
        for surface in (smooth, noise):
            values = surface(side)
            swept(values)
            ours, found = timed(swept, values, chosen.times)
            slowest = max(slowest, ours) if side == LIMITED else slowest
            line = f"{surface.__name__:10s}{side:6d}{len(found):8,d}{ours:10.4f}"
            if side <= chosen.largest:
                plain, expected = timed(labelled, values, 1)
                line += f"{plain:11.3f}{plain / ours:8.0f}  {'yes' if expected == found else 'NO'}"
            print(line, flush=True)
    holds = "holds" if slowest <= LIMIT else "MISSED"
    print(f"\n{LIMITED} points a side in at most {LIMIT} s: {slowest:.4f} s, {holds}")


if __name__ == "__main__":
    main()
