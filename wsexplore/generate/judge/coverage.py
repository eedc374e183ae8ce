"""How much of a zoo's variety some networks have: density, coverage, and a two-sample test of distributions."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

NEIGHBOURS = 5
"""The ball of a real network reaches to its fifth nearest neighbour."""

AXES = 32
"""Principal coordinates that distributions are compared in: in thousands of weights they look all the same."""

PERMUTATIONS = 400
"""Of the two-sample test, so the smallest p-value is 1 in 401."""


@dataclass(frozen=True, slots=True)
class Coverage:
    r"""Some networks beside as many real ones, in one aligned frame.

    Attributes:
        coverage: share of the real networks that have at least one of the others in the ball to their fifth nearest
            real neighbour (Naeem et al. 2020, equation 7); it falls where variety is lost. NaN where all real networks
            are of one run, so that there is no neighbour.
        density: mean number of such balls that each of the others lies in, over five, or over as many neighbours as
            there were (equation 6). About 1 for equal distributions, above 1 where the others crowd in the middle. NaN
            where the coverage is.
        mmd: unbiased estimate of the squared maximum mean discrepancy for the kernel $e^{-d^2/(2 m^2)}$ with $m$ the
            median distance of all pairs (Gretton et al. 2012, lemma 6), in the first 32 principal coordinates of both
            sides together. About 0, and at times below, for equal distributions.
        p_value: share of 400 random relabellings with an `mmd` at least as large, the seen one counted in.
        networks: how many were compared.
    """

    coverage: float
    density: float
    mmd: float
    p_value: float
    networks: int


def coverage_of(
    networks: Float[Tensor, "networks parameters"],
    real: Float[Tensor, "models parameters"],
    *,
    runs: Int[Array, " models"] | None = None,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
) -> Coverage:
    """Coverage, density and maximum mean discrepancy of networks against others; both placed in one frame.

    Distances are Euclidean in the aligned frame, without matching each pair. Coverage depends on both numbers of
    networks, so compare it between populations of one size.

    Args:
        networks: to judge.
        real: to judge them by.
        runs: of the real networks; those of one run do not count as neighbours.
        neighbours: of the ball, fewer where a network has fewer of other runs.
        seed: of the relabellings.
    """
    among, between = torch.cdist(real, real), torch.cdist(networks, real)
    kept = among.clone().fill_diagonal_(torch.inf)
    if runs is not None:
        kept[torch.from_numpy(runs[:, None] == runs[None, :])] = torch.inf
    own = torch.cdist(networks, networks)
    whole = torch.cat([torch.cat([own, between], 1), torch.cat([between.T, among], 1)]).double()
    mmd, p_value = _discrepancy(whole, len(networks), seed)
    return Coverage(*_reached(between, kept, neighbours), mmd, p_value, len(networks))


def _reached(
    between: Float[Tensor, "networks models"], kept: Float[Tensor, "models models"], neighbours: int
) -> tuple[float, float]:
    """Coverage and density; `kept` is infinite where a real network does not count as another's neighbour.

    A real network has no neighbour only where all real ones are of one run, and then none has any.
    """
    used = kept.isfinite().sum(1).clamp(max=neighbours)
    if not len(used) or int(used.min()) == 0:
        return float("nan"), float("nan")
    radius = kept.sort(dim=1).values.gather(1, (used - 1).unsqueeze(1)).squeeze(1)
    inside = (between <= radius).double()
    return float(inside.amax(0).mean()), float((inside / used).sum() / len(between))


def _discrepancy(whole: Float[Tensor, "both both"], first: int, seed: int) -> tuple[float, float]:
    """The estimate for the first points against the others from all distances, and its p-value.

    The principal coordinates are those of all points, so that a relabelling has the same ones.
    """
    count = len(whole)
    if first < 2 or count - first < 2:
        return float("nan"), float("nan")
    places = _principal(whole)
    whole = torch.cdist(places, places)
    apart = whole[*torch.triu_indices(count, count, 1)]
    kernel = (-(whole / apart.median().clamp(min=1e-30)).square() / 2).exp().fill_diagonal_(0)
    draw = np.random.default_rng([seed, 12])
    orders = np.stack([np.arange(count), *(draw.permutation(count) for _ in range(PERMUTATIONS))])
    member = torch.zeros(len(orders), count, dtype=torch.float64)
    member.scatter_(1, torch.from_numpy(orders[:, :first]), 1.0)
    ours, rest = member @ kernel, count - first
    within = (ours * member).sum(1)
    crossed = (ours * (1 - member)).sum(1)
    others = kernel.sum() - within - 2 * crossed
    values = within / (first * (first - 1)) + others / (rest * (rest - 1)) - 2 * crossed / (first * rest)
    return float(values[0]), float((values >= values[0] - 1e-15).double().mean())


def _principal(apart: Float[Tensor, "points points"]) -> Float[Tensor, "points axes"]:
    """Classical scaling: the first principal coordinates of points whose distances these are."""
    squares = apart.square()
    centred = -(squares - squares.mean(0) - squares.mean(1, keepdim=True) + squares.mean()) / 2
    values, vectors = torch.linalg.eigh((centred + centred.T) / 2)
    places: Tensor = vectors[:, -AXES:] * values[-AXES:].clamp(min=0).sqrt()
    return places
