"""A plane through the latents of a zoo, every point of which decodes into a network."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.embed.encoder import Encoder
from wsexplore.embed.projection import Projection, fit_projection
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class LatentPlane:
    """The two principal directions of a zoo's latents.

    Attributes:
        encoder: what encodes and decodes.
        architecture: of the networks.
        projection: the plane, and the places of the zoo's networks on it.
    """

    encoder: Encoder
    architecture: Architecture
    projection: Projection

    @classmethod
    def of(cls, encoder: Encoder, zoo: Zoo, *, seed: int = 0, on_step: OnStep | None = None) -> "LatentPlane":
        """The plane of a zoo in the frame that the encoder was fitted in; `on_step` may raise to cancel.

        Raises:
            ValueError: there are too few networks, or the encoder does not read them.
        """
        groups = zoo.groups()
        if len(groups) > 1:
            names = ", ".join(zoo.architecture.row_fields)
            raise ValueError(f"the networks differ in {names}, so a point is no one network; select one kind")
        codes = encoder.embed(zoo, pool="tokens", on_step=on_step)
        given = {"encoder": encoder.fingerprint, "zoo": zoo.fingerprint}
        fitted = fit_projection(codes, name="latents", inputs=given, components=2, seed=seed)
        return cls(encoder, groups[0][0], fitted)

    @property
    def points(self) -> Float[Array, "models 2"]:
        """The place of each network of the zoo, in its order."""
        return self.projection.points

    def decode(self, points: Float[Array, "models 2"]) -> Float[Tensor, "models parameters"]:
        """The weights of the networks at points of the plane."""
        codes = self.projection.mean + points @ self.projection.axes[:2]
        latents = torch.from_numpy(codes.astype(np.float32)).view(len(points), -1, self.encoder.config.latent)
        return self.encoder.decode(latents, self.architecture)

    def grid(self, across: int) -> tuple[Float[Array, " columns"], Float[Array, " rows"]]:
        """Even places along both axes that hold 99 of 100 networks, with a margin."""
        low, high = np.quantile(self.points, (0.005, 0.995), axis=0)
        pad = 0.1 * (high - low)
        x, y = (np.linspace(low[k] - pad[k], high[k] + pad[k], across) for k in range(2))
        return x, y
