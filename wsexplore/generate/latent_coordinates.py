"""Coordinates in the latent space of an encoder."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from wsexplore.embed import Encoder
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.nets import Architecture
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class LatentCoordinates:
    """Latents of all tokens of a network, in their own whitened principal basis.

    An encoder loses something of every network, and so does this map: `decode(encode(w))` is its reconstruction.

    Attributes:
        encoder: a hyper-representation; networks are in its frame.
        architecture: of the networks.
        inner: coordinates of the latents.
    """

    encoder: Encoder
    architecture: Architecture
    inner: PrincipalCoordinates

    @classmethod
    def of(cls, zoo: Zoo, encoder: Encoder, *, components: int = 0) -> "LatentCoordinates":
        """The coordinates in which the latents of the networks of a zoo have mean 0 and unit variance.

        Raises:
            ValueError: the encoder does not read this architecture.
        """
        latents = encoder.latents(zoo).flatten(1)
        return cls(encoder, zoo.architecture, PrincipalCoordinates.of(latents, components=components))

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return self.inner.size

    @property
    def variance(self) -> Float[Tensor, " state"]:
        """How much an error in each number counts, in latents."""
        return self.inner.variance

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models state"]:
        """States of networks."""
        return self.inner.encode(self.encoder.latents(Zoo.from_weights(self.architecture, weights)).flatten(1))

    def decode(self, state: Float[Tensor, "models state"]) -> Float[Tensor, "models parameters"]:
        """Networks of states."""
        flat = self.inner.decode(state)
        latents = flat.view(len(flat), -1, self.encoder.config.latent)
        return self.encoder.decode(latents, self.architecture)

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file, without the encoder's."""
        return self.inner.tensors()

    @classmethod
    def from_tensors(
        cls, tensors: dict[str, Tensor], encoder: Encoder, architecture: Architecture
    ) -> "LatentCoordinates":
        """The inverse of `tensors`.

        Raises:
            ValueError: an array has another shape than the encoder asks for, or it reads another architecture.
            KeyError: an array is missing.
        """
        reader = encoder.reader_of(architecture)
        size = (1 if encoder.config.latent_of == "network" else reader.tokens.count) * encoder.config.latent
        return cls(encoder, architecture, PrincipalCoordinates.from_tensors(tensors, size))
