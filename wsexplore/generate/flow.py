"""A fitted generator of networks: noise to weights."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from wsexplore.generate.config import FlowConfig
from wsexplore.generate.coordinates import Coordinates
from wsexplore.generate.solver import SOLVER, STEPS, integrate
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.training import FitStep
from wsexplore.generate.velocity import Velocity
from wsexplore.nets import Architecture, Layout, architecture_from_dict
from wsexplore.population import OnStep, device_of
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Recipe, Zoo, atomic_folder, find, read_manifest, write_manifest

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
        scale: spread of the noise that gives samples the spread of the zoo; near 1.
        config: how it was fitted.
        history: what was measured during the fit.
        fitted_on: fingerprint of the zoo.
        networks: how many networks the zoo had.
        where: the SQL predicate that chose them from a larger zoo, or nothing.
        dataset: name of the data set of the zoo's networks, if the table had exactly one.
        recipe: how the flow was made.
    """

    architecture: Architecture
    spec: PermutationSpec
    coordinates: Coordinates
    network: Velocity
    scale: float
    config: FlowConfig
    history: tuple[FitStep, ...]
    fitted_on: str
    networks: int
    where: str
    dataset: str | None
    recipe: Recipe

    @property
    def equivariant(self) -> bool:
        """Whether permuting the units of the noise permutes the units of the sample and changes nothing else."""
        return self.network.tokens.exclusive

    @property
    def size(self) -> int:
        """Number of parameters of the velocity network."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of everything that decides what is sampled."""
        digest = hashlib.sha256(json.dumps([self.architecture.to_dict(), self.scale], sort_keys=True).encode())
        for name, tensor in sorted(self._tensors().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        kind = "equivariant" if self.equivariant else "aligned"
        return (
            f"WeightFlow({self.architecture.name}, {self.architecture.layout.size:,} weights, {kind}, "
            f"{self.size:,} parameters, fitted on {self.networks:,} networks)"
        )

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int = STEPS,
        solver: str = SOLVER,
        temperature: float = 1.0,
        on_step: OnStep | None = None,
        device: str = "cpu",
    ) -> Zoo:
        """`n` new networks.

        Network i depends on the seed and on i, not on `n`: the first 10 of 100 are the 10 of 10. Their noise is equal
        to the bit; their weights are equal up to float32 rounding, because matrix products of other sizes may add in
        another order.

        The scale of the noise was set for the default solver and steps. With more steps the solution is more exact and
        the spread of the networks a few per cent smaller.

        Args:
            n: number of networks.
            seed: of the noise.
            steps: equal steps of the solver; the velocity is evaluated once per step (Euler) or twice.
            solver: "euler", "midpoint" or "heun".
            temperature: factor on the spread of the noise; 0 gives one network n times.
            on_step: told the share done; it may raise to cancel.
            device: "cpu", "cuda" or "auto".

        Raises:
            ValueError: an argument is out of range.
        """
        if n < 1:
            raise ValueError(f"a sample has at least 1 network, got {n}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be 0 or more, got {temperature}")
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        target = device_of(device)
        network = self.network.on(target)
        weights = torch.empty(n, self.architecture.layout.size)
        for start in range(0, n, size := self.at_once):
            rows = range(start, min(start + size, n))
            noise = standard_noise(rows, weights.shape[1], seed=seed) * (temperature * self.scale)
            done = _progress(on_step, rows, n, steps)
            state = integrate(network, noise.to(target), steps=steps, solver=solver, on_step=done).cpu()
            weights[rows.start : rows.stop] = self.coordinates.decode(state)
        return self.as_zoo(weights, seed=seed, steps=steps, solver=solver, temperature=temperature)

    def as_zoo(
        self, weights: Float[Tensor, "models parameters"], *, seed: int, steps: int, solver: str, temperature: float
    ) -> Zoo:
        """The zoo that `sample` gives, around weights that were sampled elsewhere with these arguments.

        Raises:
            ValueError: the weights do not fit the architecture or are not finite.
        """
        columns, recipe = self.told_of(len(weights), seed=seed, steps=steps, solver=solver, temperature=temperature)
        return Zoo.from_weights(self.architecture, weights, table=pd.DataFrame(columns), recipe=recipe)

    def told_of(
        self, n: int, *, seed: int, steps: int, solver: str, temperature: float
    ) -> tuple[dict[str, list[Any]], Recipe]:
        """The columns of the table of `n` networks sampled with these arguments, and their recipe."""
        rows: dict[str, list[Any]] = {"id": [f"flow-{seed}-{i}" for i in range(n)], "run": list(range(n))}
        same: dict[str, Any] = {"epoch": 0, "seed": seed, "steps": steps, "solver": solver}
        same |= {"temperature": float(temperature)}
        same |= {} if self.dataset is None else {"dataset": self.dataset}
        columns = rows | {name: [value] * n for name, value in same.items()}
        return columns, self._sample_recipe(n, seed, steps, solver, temperature)

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all. `open` gives the same bits back.

        Raises:
            ValueError: another process writes there.
            OSError: the disk is full.
        """
        with atomic_folder(Path(path)) as folder:
            save_file(self._tensors(), folder / "flow.safetensors")
            write_manifest(folder, "flow", self._manifest())
        return Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "WeightFlow":
        """Read a flow that `save` wrote: a folder, or the name of a shipped or kept flow.

        Raises:
            ValueError: there is none, the folder holds something else, is broken, or comes from a newer version.
        """
        folder = find("flows", path)
        manifest = read_manifest(folder, "flow")
        try:
            architecture = architecture_from_dict(manifest["architecture"])
            spec = _spec(manifest["spec"], architecture.layout)
            config = FlowConfig.from_dict(manifest["config"])
            tensors, tokens = load_file(folder / "flow.safetensors"), UnitTokens.of(spec, architecture.layout)
            parts: dict[str, dict[str, Tensor]] = {"coordinates": {}, "network": {}}
            for name, value in tensors.items():
                part, _, rest = name.partition(".")
                parts[part][rest] = value
            network = Velocity(tokens, config, seed=None)
            network.load_state_dict(parts["network"])
            return cls(
                architecture=architecture,
                spec=spec,
                coordinates=Coordinates.from_tensors(parts["coordinates"], tokens),
                network=network.requires_grad_(False),
                scale=float(manifest["scale"]),
                config=config,
                history=tuple(FitStep(**step) for step in manifest["history"]),
                fitted_on=str(manifest["fitted_on"]),
                networks=int(manifest["networks"]),
                where=str(manifest["where"]),
                dataset=manifest["dataset"],
                recipe=Recipe.from_dict(manifest["recipe"]),
            )
        except (KeyError, TypeError, RuntimeError, OSError, SafetensorError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"{folder} does not hold a flow that fits its manifest ({reason}); make it again"
            ) from None

    def _tensors(self) -> dict[str, Tensor]:
        parts = {"coordinates": self.coordinates.tensors(), "network": self.network.state_dict()}
        return {f"{part}.{name}": v.contiguous() for part, values in parts.items() for name, v in values.items()}

    def _manifest(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture.to_dict(),
            "spec": {
                "axes": [[name, list(axes)] for name, axes in self.spec.outline.items()],
                "sizes": [[group, units] for group, units in self.spec.sizes.items()],
                "fixed": [list(pair) for pair in self.spec.fixed],
            },
            "config": self.config.to_dict(),
            "scale": self.scale,
            "history": [asdict(step) for step in self.history],
            "fitted_on": self.fitted_on,
            "networks": self.networks,
            "where": self.where,
            "dataset": self.dataset,
            "recipe": self.recipe.to_dict(),
        }

    @property
    def at_once(self) -> int:
        """Networks sampled together: the widest activations of a layer fit the budget."""
        tokens, config = self.network.tokens, self.config
        return max(1, MEMORY // (4 * tokens.count * config.width * (6 + 2 * config.expansion)))

    def _sample_recipe(self, n: int, seed: int, steps: int, solver: str, temperature: float) -> Recipe:
        chosen = {"steps": steps, "solver": solver, "temperature": float(temperature)}
        defaults = {"steps": STEPS, "solver": SOLVER, "temperature": 1.0}
        changed = {name: value for name, value in chosen.items() if value != defaults[name]}
        options = [f"--{name} {value}" for name, value in changed.items()]
        return Recipe.of(
            "sample",
            inputs={"flow": self.fingerprint},
            arguments={"models": n, **chosen},
            seed=seed,
            cli=" ".join([f"wsexplore flow sample FLOW --out ZOO --models {n} --seed {seed}", *options]),
            python=f"flow.sample({n}, seed={seed}" + "".join(f", {k}={v!r}" for k, v in changed.items()) + ")",
        )


def _spec(facts: dict[str, Any], layout: Layout) -> PermutationSpec:
    """The spec of a manifest, where lists of pairs keep the order that the tokens follow."""
    return PermutationSpec.of_outline(
        {name: tuple(axes) for name, axes in facts["axes"]},
        dict(facts["sizes"]),
        {slot.name: slot.shape for slot in layout.slots},
        tuple((place, reason) for place, reason in facts["fixed"]),
    )


def standard_noise(rows: range, parameters: int, *, seed: int) -> Float[Tensor, "models parameters"]:
    """Independent normal numbers, one stream per row: row i is the same whichever rows are asked for."""
    noise = np.empty((len(rows), parameters), np.float32)
    for place, row in enumerate(rows):
        np.random.default_rng([seed, row]).standard_normal(out=noise[place], dtype=np.float32)
    return torch.from_numpy(noise)


def _progress(on_step: OnStep | None, rows: range, n: int, steps: int) -> Callable[[int], None] | None:
    if on_step is None:
        return None

    def done(step: int) -> None:
        on_step(
            (rows.start + len(rows) * step / steps) / n, f"step {step} of {steps}, networks to {rows.stop:,} of {n:,}"
        )

    return done
