"""The ways of samples from noise to network, on the map of the zoo."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align import METHODS, Alignment, Matching, match, spec_of
from wsexplore.align.moves import represented
from wsexplore.embed import Projection
from wsexplore.nets import Architecture

MOST = 40
"""Networks that are watched on their way."""

NUMBERS = 40_000_000
"""Weights of all networks on the way together, at most."""

JUDGED = 2_000
"""Networks on the way that are tested, at most."""


def watched(count: int, steps: int, parameters: int, *, most: int = MOST, judged: bool = True) -> int:
    """How many of `count` networks are watched, so that all points of their ways stay affordable."""
    points = steps + 1
    afford = NUMBERS // (parameters * points)
    if judged:
        afford = min(afford, JUDGED // points)
    return max(2, min(count, most, afford))


def placed_ways(
    weights: Float[Tensor, "networks points parameters"],
    alignment: Alignment,
    projection: Projection,
    architecture: Architecture,
) -> Float[np.ndarray, "points networks 2"]:
    """Where networks are at each point of their ways, on a map by PCA of aligned weights.

    The units of a network are ordered at every point as alignment orders them at the end, so that a way has no jumps
    and ends where the sample lies.
    """
    networks, points, parameters = weights.shape
    flat, spec = weights.reshape(-1, parameters), spec_of(architecture)
    start = represented(flat, spec, architecture, alignment.canonical)
    ends = start.view(networks, points, parameters)[:, -1]
    method = "auto" if METHODS[alignment.method].needs_data else alignment.method
    found = match(
        architecture,
        ends,
        torch.from_numpy(alignment.reference),
        spec,
        method=method,
        signs=bool(alignment.signs),
        heads=alignment.heads if METHODS[method].heads else "exact",
        fixed=alignment.fixed,
    )
    every = Matching(
        {group: units.repeat_interleave(points, 0) for group, units in found.permutations.items()},
        found.objective.repeat(points, axis=0),
        {group: signs.repeat_interleave(points, 0) for group, signs in found.signs.items()},
    )
    aligned = every.apply(start, spec, architecture.layout)
    places = projection.place(aligned.numpy(), aligned.numpy()[:1])
    return places.reshape(networks, points, 2).transpose(1, 0, 2)
