"""Paths from noise to data along which a flow is matched."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

Weights = tuple[Tensor, Tensor]
"""What noise and data count."""


@dataclass(frozen=True, slots=True)
class Path:
    r"""A path $y_t = a(t) z + b(t) x$ from noise $z$ at time 0 to data $x$ at time `end`.

    Attributes:
        end: time of the data.
        place: $(a, b)$ at times.
        speed: $(\dot a, \dot b)$ at times.
    """

    end: float
    place: Callable[[Tensor], Weights]
    speed: Callable[[Tensor], Weights]

    def at(
        self, noise: Float[Tensor, "models state"], data: Float[Tensor, "models state"], time: Float[Tensor, " models"]
    ) -> Float[Tensor, "models state"]:
        """The states between."""
        return _mixed(noise, data, self.place(time))

    def velocity(
        self, noise: Float[Tensor, "models state"], data: Float[Tensor, "models state"], time: Float[Tensor, " models"]
    ) -> Float[Tensor, "models state"]:
        """How they move per unit of time: what a velocity network is fitted to (Lipman et al. 2023, eq. 9)."""
        return _mixed(noise, data, self.speed(time))


def _mixed(noise: Tensor, data: Tensor, weights: Weights) -> Tensor:
    return weights[0].unsqueeze(1) * noise + weights[1].unsqueeze(1) * data


PATHS: Mapping[str, Path] = {
    "preserving": Path(math.pi / 2, lambda t: (t.cos(), t.sin()), lambda t: (-t.sin(), t.cos())),
    "linear": Path(1.0, lambda t: (1 - t, t), lambda t: (t.new_full(t.shape, -1), t.new_full(t.shape, 1))),
}
r"""By name. "preserving" is the trigonometric path: its time is an angle, and where noise and data have unit variance,
so has every state; for Gaussian data of independent coordinates the best velocity is 0. It is the straight path,
"linear", rescaled to unit variance."""
