"""Where samples start."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.coordinates import Coordinates
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.nets import Layout, initial_weights


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A law of starting points, in the coordinates of a flow.

    Attributes:
        kind: "gaussian", "initialisation" or "covariance".
        scale: factor on the spread.
        init: name of the initialisation scheme.
        factor: of a covariance: normal numbers times it have the zoo's covariance; empty for the others.
    """

    kind: str
    scale: float
    init: str
    factor: Float[Tensor, "factors state"]

    @classmethod
    def of(cls, kind: str, scale: float, states: Float[Tensor, "models state"], init: str) -> "Source":
        """The source for networks whose states have mean 0."""
        factor = torch.empty(0, states.shape[1])
        if kind == "covariance":
            principal = PrincipalCoordinates.of(states)
            factor = principal.basis * principal.scale.unsqueeze(1)
        return cls(kind, float(scale), init, factor)

    def scaled(self, factor: float) -> "Source":
        """The same law with its spread multiplied."""
        return replace(self, scale=self.scale * factor)

    def draw(
        self, count: int, generator: torch.Generator, coordinates: Coordinates, layout: Layout
    ) -> Float[Tensor, "count state"]:
        """Starting points for training."""
        if self.kind == "initialisation":
            seeds = torch.randint(2**31 - 1, (count,), generator=generator).tolist()
            return self._initial(seeds, coordinates, layout)
        width = len(self.factor) if self.kind == "covariance" else coordinates.size
        return self._spread(torch.randn(count, width, generator=generator))

    def rows(
        self, rows: range, *, seed: int, coordinates: Coordinates, layout: Layout
    ) -> Float[Tensor, "models state"]:
        """Starting points for sampling: that of row i depends on the seed and on i alone."""
        if self.kind == "initialisation":
            seeds = [int(np.random.default_rng([seed, row]).integers(2**31 - 1)) for row in rows]
            return self._initial(seeds, coordinates, layout)
        width = len(self.factor) if self.kind == "covariance" else coordinates.size
        return self._spread(standard_noise(rows, width, seed=seed))

    def _spread(self, normal: Tensor) -> Tensor:
        return self.scale * (normal @ self.factor if self.kind == "covariance" else normal)

    def _initial(self, seeds: list[int], coordinates: Coordinates, layout: Layout) -> Tensor:
        if not seeds:
            return torch.empty(0, coordinates.size)
        weights = torch.stack([initial_weights(layout, init=self.init, seed=seed) for seed in seeds])
        return self.scale * coordinates.encode(weights)


def standard_noise(rows: range, parameters: int, *, seed: int) -> Float[Tensor, "models parameters"]:
    """Independent normal numbers, one stream per row: row i is the same whichever rows are asked for."""
    noise = np.empty((len(rows), parameters), np.float32)
    for place, row in enumerate(rows):
        np.random.default_rng([seed, row]).standard_normal(out=noise[place], dtype=np.float32)
    return torch.from_numpy(noise)
