"""Coordinates in the principal basis of the networks themselves."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_SHARE = 1e-10
"""Variance of a component, as a share of the largest, below which it is left out."""

COLUMNS = 1 << 16
"""Weights that are read at once, so that large networks are never held twice."""


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalCoordinates:
    r"""Principal components of networks, each divided by a scale.

    With centred weights $X$ ($m$ networks) and the eigenvectors $U \Lambda U^\top$ of the Gram matrix $X X^\top$, the
    components are the columns of $X^\top U \Lambda^{-1/2}$ and carry the variances $\Lambda / (m - 1)$. So $m - 1$
    components hold the networks without loss however many weights they have. Where there are more networks than weights
    the covariance is decomposed instead, so the largest matrix is as wide as the lesser number. What lies outside the
    span of the components is lost.

    Attributes:
        mean: of each weight.
        basis: orthonormal rows, the component with the largest variance first.
        scale: by which each component is divided: its standard deviation where the basis is whitened, else one number
            for all.
        variance: of each number of a state, in weights; 1 on average.
        explained: variance of each component, as a share of all.
    """

    mean: Float[Tensor, " parameters"]
    basis: Float[Tensor, "state parameters"]
    scale: Float[Tensor, " state"]
    explained: Float[Tensor, " state"]

    @classmethod
    def of(
        cls, weights: Float[Tensor, "models parameters"], *, components: int = 0, whiten: bool = True
    ) -> "PrincipalCoordinates":
        """The components of networks.

        Args:
            weights: the networks.
            components: how many are kept, the largest first; 0 for all.
            whiten: whether each gets unit variance by itself, or all together.

        Raises:
            ValueError: the networks are all the same.
        """
        mean = weights.mean(0, dtype=torch.float64).float()
        values, basis = (_by_networks if len(weights) <= len(mean) else _by_weights)(weights, mean)
        if not values[0] > 0:
            raise ValueError("all networks are the same, so there is nothing to generate")
        kept = int((values > SMALLEST_SHARE * values[0]).sum())
        kept = min(kept, len(weights) - 1, components or kept)
        variances = values[:kept] / (len(weights) - 1)
        scale = variances.sqrt() if whiten else variances.mean().sqrt().expand(kept)
        explained = (values[:kept] / values.clamp_min(0).sum()).float()
        return cls(mean, basis(kept), scale.float().contiguous(), explained)

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return len(self.basis)

    @property
    def variance(self) -> Float[Tensor, " state"]:
        """How much an error in each component counts."""
        squared = self.scale.square()
        return squared / squared.mean()

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models state"]:
        """States of networks; what lies outside the span is lost."""
        return (weights - self.mean) @ self.basis.T / self.scale

    def decode(self, state: Float[Tensor, "models state"]) -> Float[Tensor, "models parameters"]:
        """Networks of states."""
        return self.mean + (state * self.scale) @ self.basis

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file; `from_tensors` reads them."""
        return {"mean": self.mean, "basis": self.basis, "scale": self.scale, "explained": self.explained}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], parameters: int) -> "PrincipalCoordinates":
        """The inverse of `tensors`.

        Raises:
            ValueError: an array has another shape than the architecture asks for.
            KeyError: an array is missing.
        """
        mean, basis, scale, explained = (tensors[name] for name in ("mean", "basis", "scale", "explained"))
        if mean.shape != (parameters,) or basis.dim() != 2 or basis.shape[1] != parameters:
            raise ValueError(f"the basis has shape {tuple(basis.shape)}, the architecture has {parameters:,} weights")
        if scale.shape != (len(basis),) or explained.shape != scale.shape or not (scale > 0).all():
            raise ValueError("the scales do not fit the basis")
        return cls(mean, basis, scale, explained)


Basis = Callable[[int], Tensor]
"""Gives so many components, one per row."""


def _by_networks(weights: Tensor, mean: Tensor) -> tuple[Tensor, Basis]:
    """Through the Gram matrix of the networks, read some weights at a time."""
    gram = torch.zeros(len(weights), len(weights), dtype=torch.float64)
    for start in range(0, len(mean), COLUMNS):
        part = (weights[:, start : start + COLUMNS] - mean[start : start + COLUMNS]).double()
        gram += part @ part.T
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0), vectors.flip(1)

    def basis(kept: int) -> Tensor:
        turn, rows = (vectors[:, :kept] / values[:kept].sqrt()).float(), torch.empty(kept, len(mean))
        for start in range(0, len(mean), COLUMNS):
            stop = start + COLUMNS
            rows[:, start:stop] = turn.T @ (weights[:, start:stop] - mean[start:stop])
        return rows

    return values, basis


def _by_weights(weights: Tensor, mean: Tensor) -> tuple[Tensor, Basis]:
    """Through the covariance of the weights, read some networks at a time."""
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for part in torch.split(weights, max(1, COLUMNS * 64 // len(mean))):
        apart = (part - mean).double()
        covariance += apart.T @ apart
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    return values, lambda kept: vectors[:, :kept].T.float().contiguous()
