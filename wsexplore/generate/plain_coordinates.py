"""Coordinates of whole networks: one shift per weight, one scale for all."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_SPREAD = 1e-8
"""Spread given to networks that are all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainCoordinates:
    """Weights less their mean, over the root mean square of what is left.

    Attributes:
        mean: of each weight.
        spread: of all weights together, one number.
    """

    mean: Float[Tensor, " parameters"]
    spread: Float[Tensor, ""]

    @classmethod
    def of(cls, weights: Float[Tensor, "models parameters"]) -> "PlainCoordinates":
        """The coordinates in which the networks `weights` have mean 0 and unit variance over all weights."""
        mean = weights.mean(0, dtype=torch.float64).float()
        spread = torch.stack([(row - mean).square().mean(dtype=torch.float64) for row in weights]).mean().sqrt()
        return cls(mean, spread.clamp_min(SMALLEST_SPREAD).float())

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return len(self.mean)

    @property
    def variance(self) -> Float[Tensor, " parameters"]:
        """Every weight counts the same."""
        return torch.ones_like(self.mean)

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
        """States of networks."""
        return (weights - self.mean) / self.spread

    def decode(self, state: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
        """Networks of states: the inverse of `encode`."""
        return self.mean + self.spread * state

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file; `from_tensors` reads them."""
        return {"mean": self.mean, "spread": self.spread}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], parameters: int) -> "PlainCoordinates":
        """The inverse of `tensors`.

        Raises:
            ValueError: an array has another shape than the architecture asks for.
            KeyError: an array is missing.
        """
        mean, spread = tensors["mean"], tensors["spread"]
        if tuple(mean.shape) != (parameters,) or spread.shape:
            raise ValueError(f"mean has shape {tuple(mean.shape)}, the architecture asks for {(parameters,)}")
        return cls(mean, spread)
