"""How far a network is from the nearest network of a zoo, whatever the order of its units."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.generate.coupling import orbit_coupling
from wsexplore.generate.tokens import UnitTokens
from wsexplore.nets import Architecture
from wsexplore.symmetry import PermutationSpec

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
    architecture: Architecture,
    *,
    left_out: list[Int[Array, " rows"]] | None = None,
    candidates: int = CANDIDATES,
) -> Nearest:
    """Distance modulo permutation to the nearest network of a zoo; both are in one aligned frame.

    The `candidates` nearest networks in that frame are matched to each network directly, and the closest of them
    wins. Where every parameter belongs to one group at most, the match is the exact best one; otherwise it is the
    local optimum of weight matching. Another network than the candidates could be nearer still, so the distance is an
    upper bound. Rescaling of units is not divided out.

    Args:
        networks: in the aligned frame.
        zoo: in the aligned frame.
        spec: the permutation symmetry.
        architecture: of all networks.
        left_out: for each network, rows of the zoo that do not count, like itself.
        candidates: how many neighbours are matched directly.
    """
    tokens = UnitTokens.of(spec, architecture.layout)
    squared = torch.cdist(networks, zoo)
    for place, rows in enumerate(left_out or []):
        squared[place, torch.from_numpy(rows)] = torch.inf
    near = squared.topk(min(candidates, len(zoo)), dim=1, largest=False)
    distance, row = np.empty(len(networks), np.float32), np.empty(len(networks), np.int64)
    for place, (start, rows) in enumerate(zip(near.values, near.indices, strict=True)):
        refined = torch.minimum(start, _matched(networks[place], zoo[rows], spec, architecture, tokens))
        refined[start.isinf()] = torch.inf
        best = int(refined.argmin())
        distance[place], row[place] = float(refined[best]), int(rows[best])
    return Nearest(distance, row)


def _matched(
    network: Tensor, others: Tensor, spec: PermutationSpec, architecture: Architecture, tokens: UnitTokens
) -> Tensor:
    """Distance of `network` to each of `others` after these were matched to it."""
    repeated = network.expand_as(others)
    if tokens.exclusive:
        return (orbit_coupling(others, repeated, tokens) - repeated).norm(dim=1)
    raise NotImplementedError
