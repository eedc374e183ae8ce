"""What is measured from time to time while a velocity network is trained."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from wsexplore.generate.examples import Examples
from wsexplore.generate.loss import flow_loss, spread_times
from wsexplore.generate.solver import SOLVER, STEPS, integrate
from wsexplore.generate.velocity import Velocity

ROUNDS = 200
"""Pairs of noise and held-out network per check, at least."""

SAMPLES = 64
"""Networks sampled per check."""

NARROWEST, WIDEST = 0.9, 1.1
"""Bounds of the noise scale: a flow whose spread is further off is not repaired, its dispersion says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """The same held-out networks, noise, times and conditions at every check.

    Attributes:
        examples: of the training.
        start: noise of the samples.
        start_condition: what is asked of them.
        noise: of the held-out networks.
        data: the held-out networks.
        condition: what is told of them.
        time: a time for each.
    """

    examples: Examples
    start: Tensor
    start_condition: Tensor | None
    noise: Tensor
    data: Tensor
    condition: Tensor | None
    time: Tensor

    @classmethod
    def of(cls, examples: Examples, seed: int) -> "Check":
        """The check of a training."""
        generator = torch.Generator().manual_seed(seed + 1)
        start = examples.noise(SAMPLES, generator)
        rows = torch.randint(len(examples.states), (SAMPLES,), generator=generator).to(start.device)
        asked = examples.conditions[rows] if examples.conditions.shape[1] else None
        held_out, told = examples.held_out, examples.held_out_conditions
        if len(held_out):
            rounds = -(-ROUNDS // len(held_out))
            held_out, told = held_out.repeat(rounds, 1), told.repeat(rounds, 1)
        noise = examples.noise(len(held_out), generator)
        noise = examples.paired(noise, held_out) if len(held_out) else noise
        time = spread_times(len(held_out), examples.path.end, generator).to(start.device)
        return cls(examples, start, asked, noise, held_out, told if told.shape[1] else None, time)

    @torch.no_grad()
    def loss(self, network: nn.Module) -> float | None:
        """Mean loss on the held-out networks, as a share of that of a network that answers 0."""
        if len(self.data) == 0:
            return None
        velocity = cast(Velocity, network)
        path, weight, unit = self.examples.path, self.examples.weight, self.examples.unit
        return float(flow_loss(velocity, path, self.noise, self.data, self.time, weight, self.condition)) / unit

    def sampled(self, network: nn.Module, scale: float = 1.0) -> Tensor:
        """States of new networks."""
        velocity = cast(Velocity, network)
        return integrate(
            lambda state, time: velocity(state, time, self.start_condition),
            scale * self.start,
            end=self.examples.path.end,
            steps=STEPS,
            solver=SOLVER,
        )

    def dispersion_of(self, states: Tensor) -> float:
        """Their spread over the zoo's."""
        return float((self.examples.weight * states.square()).mean().sqrt()) / self.examples.spread

    def calibrated(self, network: nn.Module) -> float:
        """The noise scale whose samples have dispersion 1, by two secant steps, within bounds."""
        if not self.examples.adjustable:
            return 1.0
        scale, last, slope = 1.0, self.dispersion_of(self.sampled(network)), 1.0
        for _ in range(2):
            new = min(max(scale + (1 - last) / slope, NARROWEST), WIDEST)
            if new == scale:
                break
            found = self.dispersion_of(self.sampled(network, new))
            slope = max((found - last) / (new - scale), 0.5)
            scale, last = new, found
        return scale
