"""Barriers between all pairs of a handful of networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape.barrier import above_chord
from wsexplore.landscape.display import matrix_html
from wsexplore.landscape.walk import CALIBRATION, Walk, calibration_inputs, pair_ends, path_networks
from wsexplore.population import OnStep, Scores, device_of, score
from wsexplore.zoo import Recipe, Zoo

NUMBERS = 1 << 25
"""Weights on paths that are judged together, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class BarrierMatrix:
    """Barriers between all pairs of a handful of networks.

    Attributes:
        ids: the networks.
        aligned: whether each pair was matched first, the later network to the earlier.
        repaired: what was done to the networks between: "none", "reset" or "repair".
        heights: in nats, symmetric, zero on the diagonal.
        accuracy_drops: fractions of 1, likewise.
        recipe: how the matrix was made.
    """

    ids: tuple[str, ...]
    aligned: bool
    repaired: str
    heights: Float[Array, "networks networks"]
    accuracy_drops: Float[Array, "networks networks"]
    recipe: Recipe

    def _repr_html_(self) -> str:
        return matrix_html(self.ids, self.heights)


def barrier_matrix(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    steps: int = 11,
    split: str = "test",
    align: bool = False,
    repair: str = "none",
    calibration: int = CALIBRATION,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> BarrierMatrix:
    """Barriers between all pairs of 2 to 30 networks, many paths judged at once; the keywords are those of `barrier`.

    Raises:
        ValueError: fewer than 2 or more than 30 networks, one of them twice, or what `barrier` refuses.
    """
    if not 2 <= len(rows) <= 30 or len(set(rows)) < len(rows):
        raise ValueError(f"a barrier matrix takes 2 to 30 different networks, got {len(rows)}")
    walk = Walk(steps, split, align, repair, calibration, seed)
    source = dataset(data) if isinstance(data, str) else data
    samples, target = source.split(split), device_of(device)
    inputs = None if repair == "none" else calibration_inputs(source, calibration, seed=seed)
    pairs = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows))]
    together = max(1, NUMBERS // (steps * (zoo.architecture.layout.size + zoo.architecture.buffers.size)))
    heights, drops = np.zeros((len(rows), len(rows)), np.float32), np.zeros((len(rows), len(rows)), np.float32)
    for start in range(0, len(pairs), together):
        part = pairs[start : start + together]
        scores = _scored(zoo, [(rows[a], rows[b]) for a, b in part], samples, inputs, walk, target)
        curves = zip(torch.split(scores.loss, steps), torch.split(scores.accuracy, steps), strict=True)
        for (a, b), (loss, accuracy) in zip(part, curves, strict=True):
            heights[a, b] = heights[b, a] = above_chord(walk.alphas.numpy(), loss.numpy()).max()
            drops[a, b] = drops[b, a] = above_chord(walk.alphas.numpy(), -accuracy.numpy()).max()
        if on_step is not None:
            done = start + len(part)
            on_step(done / len(pairs), f"walked {done:,} of {len(pairs):,} paths")
    ids = tuple(str(zoo.table["id"].iloc[row]) for row in rows)
    name = data if isinstance(data, str) else data.name
    recipe = Recipe.of(
        "barrier_matrix",
        inputs={"zoo": zoo.fingerprint},
        arguments={"networks": list(ids), "dataset": name, **walk.arguments},
        seed=seed,
        python=f"wx.barrier_matrix(zoo, {list(rows)}, {name!r}, {walk.keywords})",
    )
    return BarrierMatrix(ids, align, repair, heights, drops, recipe)


def _scored(
    zoo: Zoo, pairs: Sequence[tuple[int, int]], samples: Split, inputs: Tensor | None, walk: Walk, device: torch.device
) -> Scores:
    """Every network on these paths, judged together."""
    paths = []
    for first, second in pairs:
        ends = pair_ends(zoo, first, second, align=walk.align, seed=walk.seed).to(device)
        paths.append(path_networks(ends, walk.alphas, repaired=walk.repair, inputs=inputs))
    weights, buffers = (torch.cat(parts) for parts in zip(*paths, strict=True))
    return score(ends.architecture, weights, samples, buffers=buffers)
