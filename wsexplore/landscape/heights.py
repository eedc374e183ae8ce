"""Barriers of many paths of one architecture, judged together."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.landscape.barrier import above_chord
from wsexplore.landscape.ends import PathEnds, path_networks
from wsexplore.landscape.walk import Walk
from wsexplore.population import OnStep, score

NUMBERS = 1 << 25
"""Weights on paths that are judged together, at most."""


@torch.no_grad()
def path_heights(
    paths: Sequence[PathEnds],
    walk: Walk,
    samples: Split,
    *,
    inputs: Float[Tensor, "samples ..."] | None = None,
    on_step: OnStep | None = None,
) -> tuple[Float[Array, " paths"], Float[Array, " paths"]]:
    """Barrier (nats) and fall of the accuracy (fraction of 1) on each path.

    Args:
        paths: their ends, all of one architecture.
        walk: steps and repair of every path.
        samples: what networks are judged on.
        inputs: what statistics are measured on, needed for a repair.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the samples do not fit, or there is nothing that the repair could be done to.
    """
    heights, drops = np.zeros(len(paths), np.float32), np.zeros(len(paths), np.float32)
    if not paths:
        return heights, drops
    architecture, alphas = paths[0].architecture, walk.alphas.numpy()
    together = max(1, NUMBERS // (walk.steps * (architecture.layout.size + architecture.buffers.size)))
    done = 0

    def tell(fraction: float = 0.0, message: str = "") -> None:
        if on_step is not None:
            on_step(done / len(paths), f"walked {done:,} of {len(paths):,} paths")

    for start in range(0, len(paths), together):
        part = paths[start : start + together]
        networks = [
            path_networks(ends, walk.alphas, repaired=walk.repair, inputs=inputs, on_step=tell) for ends in part
        ]
        weights, buffers = (torch.cat(parts) for parts in zip(*networks, strict=True))
        scores = score(architecture, weights, samples, buffers=buffers, on_part=tell)
        curves = zip(torch.split(scores.loss, walk.steps), torch.split(scores.accuracy, walk.steps), strict=True)
        for place, (loss, accuracy) in enumerate(curves, start):
            heights[place] = above_chord(alphas, loss.numpy()).max()
            drops[place] = above_chord(alphas, -accuracy.numpy()).max()
        done += len(part)
        tell()
    return heights, drops
