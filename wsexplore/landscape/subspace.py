"""Networks that are linear combinations of a few: lines, curves and planes are all coordinates in such a space."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    r"""The networks $\sum_k c_k v_k$ of one architecture.

    The coordinates of a straight path are $(1-\alpha, \alpha)$ over its ends, those of a plane $(1, a, b)$ over its
    origin and two directions.

    Attributes:
        architecture: of every network.
        vectors: weights, or directions between them.
        statistics: running statistics that belong to the vectors, without columns where there are none.
    """

    architecture: Architecture
    vectors: Float[Tensor, "vectors parameters"]
    statistics: Float[Tensor, "vectors buffers"]

    def weights(self, coordinates: Float[Tensor, "points vectors"]) -> Float[Tensor, "points parameters"]:
        """The networks at these coordinates; where one coordinate is 1 and the others are 0, that vector exactly."""
        return _combined(coordinates, self.vectors)

    def buffers(self, coordinates: Float[Tensor, "points vectors"]) -> Float[Tensor, "points buffers"]:
        """Running statistics mixed like the weights."""
        return _combined(coordinates, self.statistics)

    def to(self, device: torch.device) -> "Subspace":
        """The same on another device."""
        return Subspace(self.architecture, self.vectors.to(device), self.statistics.to(device))


def _combined(coordinates: Tensor, vectors: Tensor) -> Tensor:
    """Sums of vectors; a vector with coordinate 0 is left out, so that what is not finite in it does no harm."""
    total = coordinates.new_zeros(len(coordinates), vectors.shape[1])
    for column, vector in zip(coordinates.T, vectors, strict=True):
        used = column != 0
        if used.all():
            total.addcmul_(column.unsqueeze(1), vector)
        else:
            total[used] += column[used].unsqueeze(1) * vector
    return total
