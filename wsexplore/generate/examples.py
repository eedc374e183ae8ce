"""What a velocity network is trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.conditions import Conditions
from wsexplore.generate.coordinates import Coordinates
from wsexplore.generate.coupling import orbit_coupling, transport_coupling
from wsexplore.generate.paths import Path
from wsexplore.generate.sources import Source
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.nets import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Networks, noise and how they are paired.

    Attributes:
        states: of the training networks, on the device of the training.
        held_out: of networks kept out.
        conditions: what the network reads of each training network; no columns without conditions.
        held_out_conditions: the same of those kept out.
        listens: how conditions are dropped.
        drop: share of networks whose conditions are dropped.
        weight: how much an error in each number counts; 1 on average.
        spread: root mean square of the training states, so weighted.
        unit: mean loss of a network that answers 0.
        path: from noise to data.
        source: of the noise.
        coordinates: of the states.
        layout: of the networks.
        tokens: of the networks, on the device of the training.
        coupling: "orbit", "transport" or "independent".
        pool: noise that is used again and again; empty for fresh noise.
        permuted: gives the states of networks, by row, with their units in another random order; or nothing.
    """

    states: Float[Tensor, "models state"]
    held_out: Float[Tensor, "others state"]
    conditions: Float[Tensor, "models conditions"]
    held_out_conditions: Float[Tensor, "others conditions"]
    listens: Conditions
    drop: float
    weight: Float[Tensor, " state"]
    spread: float
    unit: float
    path: Path
    source: Source
    coordinates: Coordinates
    layout: Layout
    tokens: UnitTokens
    coupling: str
    pool: Float[Tensor, "vectors state"]
    permuted: Callable[[Tensor, torch.Generator], Tensor] | None

    @property
    def adjustable(self) -> bool:
        """Whether the spread of the noise may be set after the training."""
        return self.source.kind != "initialisation" and self.source.scale == 1.0

    def batch(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """States of random networks, and what is told of them."""
        rows = torch.randint(len(self.states), (count,), generator=generator)
        data = self.states[rows.to(self.states.device)]
        if self.permuted is not None:
            data = self.permuted(rows, generator).to(self.states.device)
        if not self.conditions.shape[1]:
            return data, None
        told = self.conditions[rows.to(self.conditions.device)]
        return data, self.listens.dropped(told, self.drop, generator)

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Starting points."""
        device = self.states.device
        if len(self.pool):
            return self.pool[torch.randint(len(self.pool), (count,), generator=generator).to(device)]
        return self.source.draw(count, generator, self.coordinates, self.layout).to(device)

    def paired(self, noise: Tensor, data: Tensor) -> Tensor:
        """The noise of each network."""
        if self.coupling == "orbit" and self.tokens.exclusive and isinstance(self.coordinates, UnitCoordinates):
            return orbit_coupling(noise, data, self.weight, self.tokens)
        return transport_coupling(noise, data, self.weight) if self.coupling == "transport" else noise


def loss_of_zero(
    states: Float[Tensor, "models state"], weight: Float[Tensor, " state"], path: Path, noise: Float[Tensor, "n state"]
) -> float:
    """Mean loss of a network that answers 0, where noise and networks are independent, over all times."""
    place = torch.linspace(0, path.end, 65, device=states.device)
    on_noise, on_data = path.speed(place)
    data = float((weight * states.square()).mean())
    start = float((weight * noise.square()).mean())
    return float(on_noise.square().mean()) * start + float(on_data.square().mean()) * data
