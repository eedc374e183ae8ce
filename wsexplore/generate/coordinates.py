"""The coordinates a flow works in, and how they are read from a file."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from wsexplore.embed import Encoder
from wsexplore.generate.function_coordinates import FunctionCoordinates
from wsexplore.generate.latent_coordinates import LatentCoordinates
from wsexplore.generate.plain_coordinates import PlainCoordinates
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.nets import Architecture


@runtime_checkable
class Coordinates(Protocol):
    """A map from weights to states of mean 0 and about unit variance, and back."""

    @property
    def size(self) -> int:
        """Numbers of a state."""

    @property
    def variance(self) -> Float[Tensor, " state"]:
        """How much an error in each number counts, in weights; 1 on average."""

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models state"]:
        """States of networks."""

    def decode(self, state: Float[Tensor, "models state"]) -> Float[Tensor, "models parameters"]:
        """Networks of states."""

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file."""


def read_coordinates(
    kind: str,
    tensors: dict[str, Tensor],
    tokens: UnitTokens,
    architecture: Architecture,
    encoder: Encoder | None,
) -> Coordinates:
    """The coordinates whose `tensors` were stored.

    Args:
        kind: "units", "plain", "principal", "function" or "latent".
        tensors: by name.
        tokens: of the architecture.
        architecture: of the networks.
        encoder: that gives latents.

    Raises:
        ValueError: the kind is unknown, an array has the wrong shape or holds numbers that are not finite.
        KeyError: an array is missing.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    if kind == "units":
        return UnitCoordinates.from_tensors(tensors, tokens)
    if kind == "plain":
        return PlainCoordinates.from_tensors(tensors, architecture.layout.size)
    if kind == "principal":
        return PrincipalCoordinates.from_tensors(tensors, architecture.layout.size)
    if kind == "function":
        return FunctionCoordinates.from_tensors(tensors, architecture.layout.size)
    if kind == "latent" and encoder is not None:
        return LatentCoordinates.from_tensors(tensors, encoder, architecture)
    raise ValueError(f"coordinates {kind!r} are unknown")
