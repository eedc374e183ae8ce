"""What a velocity network is fitted by."""

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.paths import Path
from wsexplore.generate.velocity import Velocity


def flow_loss(
    network: Velocity,
    path: Path,
    noise: Float[Tensor, "models state"],
    data: Float[Tensor, "models state"],
    time: Float[Tensor, " models"],
    weight: Float[Tensor, " state"],
    condition: Float[Tensor, "models conditions"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error of the velocity, in which each number of a state counts with its `weight`."""
    error = network(path.at(noise, data, time), time, condition) - path.velocity(noise, data, time)
    return torch.mean(weight * error.square())


def spread_times(count: int, end: float, generator: torch.Generator) -> Tensor:
    """Times for a batch: one in each of `count` equal parts of 0 to `end`, in random order."""
    parts = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return parts * end / max(1, count)
