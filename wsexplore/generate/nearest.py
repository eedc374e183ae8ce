"""How far a network is from the nearest network of a zoo, whatever the order of its units."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor
from torch.nn import functional

from wsexplore.align import match_population
from wsexplore.nets import Layout
from wsexplore.symmetry import PermutationSpec

CANDIDATES = 8
"""Neighbours in the aligned frame that are matched to the network directly."""

MEMORY = 256 << 20
"""Bytes that the candidates of the networks matched at once may take."""


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
    left_out: list[Int[Array, " _"]] | None = None,
    candidates: int = CANDIDATES,
) -> Nearest:
    """Distance modulo permutation and sign to the nearest network of a zoo; both are in one aligned frame.

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
    together = max(1, MEMORY // (4 * zoo.shape[1] * near.indices.shape[1]))
    parts = [
        _matched(networks[start : start + together], zoo, near.indices[start : start + together], spec, layout)
        for start in range(0, len(networks), together)
    ]
    refined = torch.where(near.values.isinf(), torch.inf, torch.minimum(near.values, torch.cat(parts)))
    best = refined.min(dim=1)
    row = near.indices.gather(1, best.indices.unsqueeze(1)).squeeze(1)
    return Nearest(best.values.numpy(), row.numpy())


def _matched(
    networks: Float[Tensor, "networks parameters"],
    zoo: Float[Tensor, "models parameters"],
    rows: Int[Tensor, "networks candidates"],
    spec: PermutationSpec,
    layout: Layout,
) -> Float[Tensor, "networks candidates"]:
    """Distances to some networks of the zoo, each matched to the network that it is compared with."""
    others, goals = zoo[rows.flatten()], networks.repeat_interleave(rows.shape[1], 0)
    found = match_population(others, goals, spec, layout, method="weights", signs=True)
    moved = found.apply(others, spec, layout)
    return functional.pairwise_distance(moved, goals, eps=0.0).view_as(rows)
