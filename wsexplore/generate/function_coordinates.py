"""Coordinates ordered by what they change of the function."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev

from wsexplore.generate.principal_coordinates import PrincipalCoordinates

PROBED = 200
"""Networks at which the function is differentiated."""

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class FunctionCoordinates:
    r"""Whitened principal components, turned so that the first change the outputs most.

    With $s$ the whitened components and $f$ the outputs on probe inputs, the mean $M$ of $J^\top J$, $J = \partial
    f/\partial s$, over the networks has eigenvectors $R$ and eigenvalues $\mu$. The state is $R^\top s$: still of unit
    covariance, and a small error in number $j$ changes the outputs by $\mu_j$ of its square. Numbers that hardly count
    can be left out, and errors are weighed by $\mu$: a flow then spends its effort on the function.

    Attributes:
        inner: the whitened components.
        turn: orthonormal columns, those that change the function most first.
        change: $\mu$, of each number of a state.
    """

    inner: PrincipalCoordinates
    turn: Float[Tensor, "components state"]
    change: Float[Tensor, " state"]

    @classmethod
    def of(
        cls, weights: Float[Tensor, "models parameters"], function: Function, *, components: int = 0
    ) -> "FunctionCoordinates":
        """The coordinates of networks.

        Args:
            weights: the networks.
            function: weights of one network to its outputs on probe inputs.
            components: how many are kept; 0 for all.

        Raises:
            ValueError: the networks are all the same.
        """
        inner = PrincipalCoordinates.of(weights)
        states = inner.encode(weights[:: -(-len(weights) // PROBED)])
        metric = torch.zeros(inner.size, inner.size)

        def outputs(state: Tensor) -> Tensor:
            return function(inner.decode(state.unsqueeze(0))[0]).flatten()

        for state in states:
            slope: Tensor = jacrev(outputs)(state)
            metric += slope.T @ slope / len(states)
        values, vectors = torch.linalg.eigh(metric.double())
        kept = components or inner.size
        turn, change = vectors.flip(1)[:, :kept].float().contiguous(), values.flip(0)[:kept].float()
        return cls(inner, turn, change.clamp_min(1e-4 * change[0]))

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return self.turn.shape[1]

    @property
    def variance(self) -> Float[Tensor, " state"]:
        """How much an error in each number counts."""
        return self.change / self.change.mean()

    def encode(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models state"]:
        """States of networks; what was left out is lost."""
        return self.inner.encode(weights) @ self.turn

    def decode(self, state: Float[Tensor, "models state"]) -> Float[Tensor, "models parameters"]:
        """Networks of states."""
        return self.inner.decode(state @ self.turn.T)

    def tensors(self) -> dict[str, Tensor]:
        """The arrays by name, for a file; `from_tensors` reads them."""
        return {**self.inner.tensors(), "turn": self.turn, "change": self.change}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], parameters: int) -> "FunctionCoordinates":
        """The inverse of `tensors`.

        Raises:
            ValueError: an array has another shape than the architecture asks for.
            KeyError: an array is missing.
        """
        inner, turn, change = PrincipalCoordinates.from_tensors(tensors, parameters), tensors["turn"], tensors["change"]
        if turn.dim() != 2 or turn.shape[0] != inner.size or change.shape != turn.shape[1:] or not (change > 0).all():
            raise ValueError(f"the turn has shape {tuple(turn.shape)}, the basis {inner.size} components")
        return cls(inner, turn, change)
