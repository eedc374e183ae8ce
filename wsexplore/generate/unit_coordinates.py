"""Coordinates of unit tokens: weights of mean 0 and spread 1, without correlation inside a unit."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.tokens import REST, UnitTokens

SMALLEST_SPREAD = 1e-8
"""Spread given to weights that are the same in every network."""

SMALLEST_VARIANCE = 1e-6
"""Least variance, in standardised weights, given to a direction in which units do not differ."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitCoordinates:
    r"""An invertible linear map from weights to states, and back.

    Each weight is standardised. Where the tokens are exclusive, mean and spread are shared by the units of a group, and
    the features of a unit are turned into the principal directions $V$ of its group's correlation matrix
    $V \Lambda V^\top$ and divided by $\sqrt{\Lambda}$. So a standard normal state is a network of independent Gaussian
    units with the covariance of the zoo's units: that is what an untrained flow samples.

    Attributes:
        tokens: which weights make a unit.
        mean: of each weight.
        spread: of each weight.
        bases: for each block of tokens the matrix $V$; the identity is left out as an empty matrix.
        variance: of each state coordinate, measured in standardised weights; 1 on average.
    """

    tokens: UnitTokens
    mean: Float[Tensor, " parameters"]
    spread: Float[Tensor, " parameters"]
    bases: tuple[Float[Tensor, "_ _"], ...]
    variance: Float[Tensor, " parameters"]

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return len(self.mean)

    @classmethod
    def of(cls, weights: Float[Tensor, "models parameters"], tokens: UnitTokens) -> "UnitCoordinates":
        """The coordinates in which the networks `weights` have mean 0 and variance 1."""
        mean = weights.mean(0, dtype=torch.float64)
        second = weights.square().mean(0, dtype=torch.float64)
        if tokens.exclusive:
            mean, second = tokens.pool(mean), tokens.pool(second)
        spread = (second - mean.square()).clamp_min(0).sqrt().clamp_min(SMALLEST_SPREAD)
        standard = ((weights - mean.float()) / spread.float()) if tokens.exclusive else weights[:1]
        bases, variances = [], []
        for block, features in zip(tokens.blocks, tokens.split(standard), strict=True):
            basis, variance = torch.empty(0, 0), torch.ones(block.features)
            if tokens.exclusive and block.name != REST:
                rows = features.flatten(0, 1).double()
                values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
                basis, variance = vectors.float().contiguous(), values.clamp_min(SMALLEST_VARIANCE).float()
            bases.append(basis)
            variances.append(variance.expand(1, block.units, block.features))
        return cls(tokens, mean.float(), spread.float(), tuple(bases), tokens.join(variances)[0])

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
        """States of networks."""
        return self._turned((weights - self.mean) / self.spread, back=False) / self.variance.sqrt()

    def decode(self, state: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
        """Networks of states: the inverse of `encode`."""
        return self.mean + self.spread * self._turned(state * self.variance.sqrt(), back=True)

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file; `from_tensors` reads them."""
        named = {"mean": self.mean, "spread": self.spread, "variance": self.variance}
        return named | {f"basis.{place}": basis for place, basis in enumerate(self.bases)}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], tokens: UnitTokens) -> "UnitCoordinates":
        """The inverse of `tensors`.

        Raises:
            ValueError: an array has another shape than the tokens ask for.
            KeyError: an array is missing.
        """
        size = (len(tokens.copies),)
        bases = tuple(tensors[f"basis.{place}"] for place in range(len(tokens.blocks)))
        flat = {name: tensors[name] for name in ("mean", "spread", "variance")}
        for name, value in flat.items():
            if tuple(value.shape) != size:
                raise ValueError(f"{name} has shape {tuple(value.shape)}, the architecture asks for {size}")
        if not (flat["spread"] > 0).all() or not (flat["variance"] > 0).all():
            raise ValueError("spreads and variances must be above 0")
        for block, basis in zip(tokens.blocks, bases, strict=True):
            if tuple(basis.shape) not in ((0, 0), (block.features, block.features)):
                raise ValueError(f"the basis of {block.name} has shape {tuple(basis.shape)}")
        return cls(tokens=tokens, bases=bases, **flat)

    def _turned(self, values: Tensor, *, back: bool) -> Tensor:
        if not any(basis.numel() for basis in self.bases):
            return values
        blocks = self.tokens.split(values)
        turned = [
            block if basis.numel() == 0 else block @ (basis.T if back else basis)
            for block, basis in zip(blocks, self.bases, strict=True)
        ]
        return self.tokens.join(turned)
