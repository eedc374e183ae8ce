"""A fitted generator of networks: noise to weights."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.generate import storage
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.config import FlowConfig
from wsexplore.generate.coordinates import Coordinates
from wsexplore.generate.finish import finite, statistics_of
from wsexplore.generate.networks import on_device
from wsexplore.generate.paths import PATHS
from wsexplore.generate.solver import SOLVER, STEPS, TOLERANCE, VelocityField, integrate
from wsexplore.generate.sources import Source
from wsexplore.generate.told import OPEN, told
from wsexplore.generate.training import FitStep
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.generate.velocity import Velocity
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, device_of
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Recipe, Zoo

MEMORY = 64 << 20
"""Bytes of activations that one chunk of networks may take."""


@dataclass(frozen=True, eq=False)
class WeightFlow:
    """A generator of networks, fitted to a zoo by `fit_flow`.

    Attributes:
        architecture: of the networks it makes.
        spec: the permutation symmetry that its tokens were read from.
        coordinates: the map between weights and the states that the velocity moves.
        network: the velocity.
        source: the law of starting points, whose spread gives samples the spread of the zoo.
        listens: the columns that a sample can ask for.
        config: how it was fitted.
        history: what was measured during the fit.
        stopped: why the fit ended early; empty if it did not.
        fitted_on: fingerprint of the zoo.
        networks: how many networks the zoo had.
        held_out: ids of the networks that were kept out of the fit.
        where: the SQL predicate that chose them from a larger zoo, or nothing.
        dataset: name of the data set of the zoo's networks, if the table had exactly one.
        recipe: how the flow was made.
        steps: of the solver, unless a sample says otherwise.
    """

    architecture: Architecture
    spec: PermutationSpec
    coordinates: Coordinates
    network: nn.Module
    source: Source
    listens: Conditions
    config: FlowConfig
    history: tuple[FitStep, ...]
    stopped: str
    fitted_on: str
    networks: int
    held_out: tuple[str, ...]
    where: str
    dataset: str | None
    recipe: Recipe
    steps: int = STEPS

    @property
    def equivariant(self) -> bool:
        """Whether permuting the units of the noise permutes the units of the sample and changes nothing else."""
        exclusive = isinstance(self.coordinates, UnitCoordinates) and self.coordinates.tokens.exclusive
        return exclusive and not self.config.positions

    @property
    def best(self) -> FitStep:
        """The check whose network was kept: the lowest held-out loss, or the last."""
        return min(reversed(self.history), key=lambda one: one.held_out_loss if one.held_out_loss is not None else 0.0)

    @property
    def scale(self) -> float:
        """Factor on the spread of the noise that gives samples the spread of the zoo; near 1."""
        return self.source.scale

    @property
    def size(self) -> int:
        """Number of parameters of the velocity network."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def end(self) -> float:
        """Time of the data along the path."""
        return PATHS[self.config.path].end

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of everything that decides what is sampled."""
        facts = [self.architecture.to_dict(), self.scale, self.source.init, self.config.to_dict()]
        digest = hashlib.sha256(json.dumps([*facts, self.listens.to_list(), self.steps], sort_keys=True).encode())
        for name, tensor in sorted(storage.tensors_of(self).items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        kind = "equivariant tokens" if self.equivariant else self.config.kind
        listens = ", ".join(column.name for column in self.listens.columns)
        return (
            f"WeightFlow({self.architecture.name}, {self.architecture.layout.size:,} weights, {kind}, "
            f"{self.size:,} parameters, fitted on {self.networks:,} networks"
            + (f", listens to {listens})" if listens else ")")
        )

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int | None = None,
        solver: str = SOLVER,
        temperature: float = 1.0,
        condition: Mapping[str, Any] | None = None,
        guidance: float = OPEN,
        tolerance: float = TOLERANCE,
        trajectory: bool = False,
        on_step: OnStep | None = None,
        device: str = "cpu",
    ) -> Zoo:
        """`n` new networks.

        Network i depends on the seed and on i, not on `n`: the first 10 of 100 are the 10 of 10. Their noise is equal
        to the bit; their weights are equal up to float32 rounding, because matrix products of other sizes may add in
        another order.

        The spread of the noise was set for the default solver. With more steps the solution is more exact and the
        spread of the networks a few per cent smaller. Running statistics are estimated on training samples of
        `dataset`.

        Args:
            n: number of networks.
            seed: of the noise.
            steps: equal steps of the solver, by default `self.steps`.
            solver: "euler", "midpoint", "heun", "rk4" or "adaptive".
            temperature: factor on the spread of the noise; 0 gives one network n times.
            condition: what is asked for, by column; see `listens`.
            guidance: how strongly (Ho and Salimans 2022): 0 not at all, 1 as learnt, above 1 more than learnt. Any
                other number than 1 evaluates the velocity twice.
            tolerance: of the adaptive solver.
            trajectory: whether the networks on the way are given too: n * (steps + 1) rows, whose `epoch` counts the
                steps and whose `run` is the network.
            on_step: told the share done; it may raise to cancel.
            device: "cpu", "cuda" or "auto".

        Raises:
            ValueError: an argument is out of range, or the flow does not listen to a column.
        """
        steps = self.steps if steps is None else steps
        if n < 1:
            raise ValueError(f"a sample has at least 1 network, got {n}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be 0 or more, got {temperature}")
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        target = device_of(device)
        network = on_device(self.network, target)
        asked = self.listens.asked(condition or {}, n)
        points = steps + 1 if trajectory and steps > 0 else 1
        weights = torch.empty(points, n, self.architecture.layout.size)
        for start in range(0, n, size := self.at_once):
            rows = range(start, min(start + size, n))
            noise = self.noise(rows, seed=seed, temperature=temperature).to(target)
            field = self.field(network, asked[rows.start : rows.stop].to(target), guidance)
            done, seen = _progress(on_step, rows, n, steps), list[Tensor]()
            state = integrate(
                field,
                noise,
                end=self.end,
                steps=steps,
                solver=solver,
                tolerance=tolerance,
                on_step=done,
                on_state=seen.append if trajectory else None,
            )
            for place, point in enumerate(seen if trajectory else [state]):
                weights[place, rows.start : rows.stop] = self.coordinates.decode(point.cpu())
        chosen: dict[str, Any] = {"steps": steps, "solver": solver, "temperature": float(temperature)}
        chosen |= {"condition": dict(condition or {}), "guidance": float(guidance), "tolerance": float(tolerance)}
        return self.as_zoo(weights.transpose(0, 1).reshape(n * points, -1), seed=seed, trajectory=trajectory, **chosen)

    def noise(self, rows: range, *, seed: int, temperature: float) -> Float[Tensor, "models state"]:
        """Where the samples of some rows start."""
        start = self.source.rows(rows, seed=seed, coordinates=self.coordinates, layout=self.architecture.layout)
        return temperature * start

    def field(
        self, network: nn.Module, asked: Float[Tensor, "models conditions"], guidance: float = OPEN
    ) -> VelocityField:
        """The velocity of networks that are asked for, on the device of `network`.

        Args:
            network: `self.network`, or a copy of it on another device.
            asked: what is asked of each network, as `listens.asked` gives it.
            guidance: how strongly.

        Raises:
            ValueError: guidance is not finite, or below 0.
        """
        if not 0 <= guidance < float("inf"):
            raise ValueError(f"guidance must be 0 or more, got {guidance}")
        velocity = cast(Velocity, network)
        if asked.shape[1] == 0:
            return lambda state, time: velocity(state, time)
        if guidance == OPEN:
            return lambda state, time: velocity(state, time, asked)

        def guided(state: Tensor, time: Tensor) -> Tensor:
            free = velocity(state, time, torch.zeros_like(asked))
            return free + guidance * (velocity(state, time, asked) - free)

        return guided

    def decode(self, state: Float[Tensor, "models state"]) -> Float[Tensor, "models parameters"]:
        """The weights of states."""
        return self.coordinates.decode(state)

    def as_zoo(
        self, weights: Float[Tensor, "rows parameters"], *, seed: int, trajectory: bool = False, **chosen: Any
    ) -> Zoo:
        """The zoo that `sample` gives, around weights that were sampled elsewhere with these arguments.

        Args:
            weights: network by network, and step by step where these are given too.
            seed: of the noise.
            trajectory: whether they are.
            chosen: the other arguments of `sample`, all of them.

        Raises:
            ValueError: the weights do not fit the architecture or are not finite.
        """
        columns, recipe = self.told_of(len(weights), seed=seed, trajectory=trajectory, **chosen)
        buffers = statistics_of(self.architecture, finite(weights), self.dataset)
        return Zoo.from_weights(self.architecture, weights, table=pd.DataFrame(columns), recipe=recipe, buffers=buffers)

    def told_of(
        self, rows: int, *, seed: int, trajectory: bool = False, **chosen: Any
    ) -> tuple[dict[str, list[Any]], Recipe]:
        """The columns of the table of sampled networks, and their recipe; arguments as for `as_zoo`."""
        return told(self, rows, seed, trajectory, chosen)

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all. `open` gives the same bits back.

        Raises:
            ValueError: another process writes there.
            OSError: the disk is full.
        """
        return storage.save(self, Path(path))

    @classmethod
    def open(cls, path: str | Path) -> "WeightFlow":
        """Read a flow that `save` wrote: a folder, or the name of a shipped or kept flow.

        Raises:
            ValueError: there is none, the folder holds something else, is broken, or comes from a newer version.
        """
        return cls(**storage.read(path))

    @property
    def at_once(self) -> int:
        """Networks sampled together: the widest activations of a layer fit the budget."""
        config, size = self.config, self.coordinates.size
        if isinstance(self.coordinates, UnitCoordinates):
            numbers = self.coordinates.tokens.count * config.width * (6 + 2 * config.expansion)
        else:
            numbers = 4 * size + config.width * (2 + config.expansion)
        return max(1, MEMORY // (4 * numbers))


def _progress(on_step: OnStep | None, rows: range, n: int, steps: int) -> Callable[[int], None] | None:
    if on_step is None:
        return None

    def done(step: int) -> None:
        on_step(
            (rows.start + len(rows) * step / steps) / n, f"step {step} of {steps}, networks to {rows.stop:,} of {n:,}"
        )

    return done
