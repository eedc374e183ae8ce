"""How far a network is from the nearest network of a zoo, whatever the order of its units."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor
from torch.nn import functional

from wsexplore.align import match_population
from wsexplore.nets import Layout
from wsexplore.symmetry import PermutationSpec, permute_weights

CANDIDATES = 8
"""Neighbours in the aligned frame that are matched to the network directly."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest network of a zoo to each of some networks.

    Attributes:
        distance: Euclidean distance of the flat weights after the best permutation found.
        row: the row of the nearest network.
    """

    distance: Float[Array, " networks"]
    row: Int[Array, " networks"]


def nearest(
    networks: Float[Tensor, "networks parameters"],
    zoo: Float[Tensor, "models parameters"],
    spec: PermutationSpec,
    layout: Layout,
    *,
    left_out: list[Int[Array, " rows"]] | None = None,
    candidates: int = CANDIDATES,
) -> Nearest:
    """Distance modulo permutation to the nearest network of a zoo; both are in one aligned frame.

    The `candidates` nearest networks in that frame are matched to each network directly, and the closest of them
    wins. With one hidden layer the match is the exact best one; otherwise it is the local optimum of weight matching.
    Another network than the candidates could be nearer still, so the distance is an upper bound. Rescaling of units
    is not divided out.

    Args:
        networks: in the aligned frame.
        zoo: in the aligned frame.
        spec: the permutation symmetry.
        layout: of all networks.
        left_out: for each network, rows of the zoo that do not count, like itself.
        candidates: how many neighbours are matched directly.
    """
    apart = torch.cdist(networks, zoo)
    for place, rows in enumerate(left_out or []):
        apart[place, torch.from_numpy(rows)] = torch.inf
    near = apart.topk(min(candidates, len(zoo)), dim=1, largest=False)
    distance, row = np.empty(len(networks), np.float32), np.empty(len(networks), np.int64)
    for place, (start, rows) in enumerate(zip(near.values, near.indices, strict=True)):
        refined = torch.minimum(start, _matched(networks[place], zoo[rows], spec, layout))
        refined[start.isinf()] = torch.inf
        best = int(refined.argmin())
        distance[place], row[place] = float(refined[best]), int(rows[best])
    return Nearest(distance, row)


def _matched(network: Tensor, others: Tensor, spec: PermutationSpec, layout: Layout) -> Tensor:
    """Distance of `network` to each of `others` after these were matched to it."""
    found = match_population(others, network, spec, layout)
    moved = permute_weights(others, found.permutations, spec, layout)
    return functional.pairwise_distance(moved, network, eps=0.0)
