"""A zoo whose networks are moved when they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.moves import Moves
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Matrix, Zoo

AT_ONCE = 256
"""Networks moved together."""


@dataclass(frozen=True, eq=False)
class MovedMatrix(Matrix):
    """The weights, or the running statistics, of a zoo as they are moved; nothing is kept.

    Attributes:
        zoo: as it is.
        moves: what is done to each of its networks.
        spec: of its architecture.
        statistics: the running statistics instead of the weights.
    """

    zoo: Zoo | None = None
    moves: Moves | None = None
    spec: PermutationSpec | None = None
    statistics: bool = False

    def __len__(self) -> int:
        return 0 if self.zoo is None else len(self.zoo)

    @property
    def columns(self) -> int:
        """Numbers in one row."""
        assert self.zoo is not None
        architecture = self.zoo.architecture
        return architecture.buffers.size if self.statistics else architecture.layout.size

    @cached_property
    def digest(self) -> str:
        """Hash of the values, the same as that of a zoo written out."""
        return Matrix.of(self.whole()).digest

    def whole(self) -> Float[Tensor, "rows columns"]:
        """All rows."""
        return self.take(np.arange(len(self)))

    def take(self, numbers: Int[Array, " taken"]) -> Float[Tensor, "taken columns"]:
        """Some rows, moved."""
        taken = [self._moved(numbers[start : start + AT_ONCE]) for start in range(0, len(numbers), AT_ONCE)]
        return torch.cat(taken) if taken else torch.empty(0, self.columns)

    def pieces(self) -> Iterator[tuple[int, Float[Tensor, "rows columns"]]]:
        """All rows, a few at a time, each with the number of its first."""
        for start in range(0, len(self), AT_ONCE):
            yield start, self._moved(np.arange(start, min(start + AT_ONCE, len(self))))

    def _moved(self, rows: Int[Array, " rows"]) -> Float[Tensor, "rows columns"]:
        assert self.zoo is not None
        assert self.moves is not None
        assert self.spec is not None
        architecture = self.zoo.architecture
        if self.statistics:
            return self.moves.buffers(self.zoo.buffer_rows(rows), rows, self.spec, architecture)
        return self.moves.weights(self.zoo.rows(rows), rows, self.spec, architecture)
