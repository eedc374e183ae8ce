"""The permutations that align a zoo, and the networks that they move."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from safetensors.numpy import save_file
from torch import Tensor

from wsexplore.align.checks import CANONICALS
from wsexplore.align.families import HEADS
from wsexplore.align.methods import METHODS, match
from wsexplore.align.moves import Moved, Moves, moved_networks, represented
from wsexplore.align.view import MovedMatrix
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec, symmetry_of
from wsexplore.zoo import Recipe, Zoo, atomic_folder, read_arrays, read_manifest, write_manifest, zoo_writer

CHUNK = 1024
"""Networks matched at once, at most."""

MEMORY = 256 << 20
"""Bytes that networks may take while they are matched, where the caller does not say."""

PER_NUMBER, PER_PAIR = 96, 80
"""Bytes that matching takes for each number of a network, and for each pair of units of one group (measured)."""

FRAMES = ("network", "mean", "cycle")
"""What networks are matched to: one of them, the mean of the aligned ones, or a common order found for all at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The permutations that align a zoo, a few bytes per unit.

    Attributes:
        permutations: per group the old unit at each new place, one row per network.
        before: inner product of each network with the reference as it was (at its representative).
        after: the same after alignment; matching never makes it less.
        reference: weights of the network, or of the mean, that all others were matched to.
        reference_id: its id; the name of the frame where it is no network.
        method: how the permutations were found.
        fitted_on: fingerprint of the zoo.
        recipe: how the alignment was made.
        signs: per class 1 or -1 for each new place, where units may be flipped.
        canonical: the representative that rescaling brought each network to first.
        frame: one of `FRAMES`.
        heads: how attention heads were paired.
        fixed: groups that stayed in order.
        architecture: name and configuration of the networks, without fields that their table sets; `None` where it was
            stored without.
    """

    permutations: dict[str, Int[Array, "models ..."]]
    before: Float[Array, " models"]
    after: Float[Array, " models"]
    reference: Float[Array, " parameters"]
    reference_id: str
    method: str
    fitted_on: str
    recipe: Recipe
    signs: dict[str, Int[Array, "models _"]] = field(default_factory=dict)
    canonical: str = "none"
    frame: str = "network"
    heads: str = "exact"
    fixed: tuple[str, ...] = ()
    architecture: Mapping[str, Any] | None = None

    @property
    def moves(self) -> Moves:
        """What is done to each network."""
        return Moves(self.permutations, self.signs, self.canonical)

    def apply(
        self, zoo: Zoo, *, out: str | Path | None = None, memory: int = MEMORY, on_step: OnStep | None = None
    ) -> Zoo:
        """The zoo with its units in the order found: the same functions, one basin.

        Args:
            zoo: the one that was aligned.
            out: folder to write; the networks are written as they are permuted, and the zoo there is opened.
            memory: bytes that networks may take meanwhile; without `out`, all aligned weights come on top.
            on_step: told the share done; it may raise to cancel, and then nothing is written.

        Raises:
            ValueError: it is another zoo than the one that was aligned, or one network takes more memory.
        """
        spec = self._fitting(zoo)
        moved = _told(moved_networks(zoo, self.moves, spec, networks_within(zoo, spec, memory)), zoo, on_step)
        if out is not None:
            with zoo_writer(out, zoo.architecture, recipe=self.recipe) as writer:
                for rows, _, weights, buffers in moved:
                    writer.append(weights, zoo.table.iloc[rows], buffers)
            return Zoo.open(out)
        aligned = torch.empty(len(zoo), zoo.architecture.layout.size)
        statistics = torch.empty(len(zoo), zoo.architecture.buffers.size)
        for rows, _, weights, buffers in moved:
            aligned[rows], statistics[rows] = weights, buffers
        return zoo.with_weights(aligned, self.recipe, statistics)

    def view(self, zoo: Zoo) -> Zoo:
        """The same zoo as `apply` gives, whose networks are moved when they are read; nothing is kept in memory.

        Raises:
            ValueError: it is another zoo than the one that was aligned.
        """
        spec = self._fitting(zoo)
        return replace(
            zoo,
            stored=MovedMatrix((), None, zoo, self.moves, spec),
            statistics=MovedMatrix((), None, zoo, self.moves, spec, statistics=True),
            index=None,
            recipe=self.recipe,
        )

    def _fitting(self, zoo: Zoo) -> PermutationSpec:
        if len(zoo) != len(self.before):
            raise ValueError(f"the alignment is of {len(self.before):,} networks, this zoo has {len(zoo):,}")
        if zoo.fingerprint != self.fitted_on:
            raise ValueError("the alignment was made for another zoo; align this one first")
        return spec_of_zoo(zoo)[0]

    def place(
        self, weights: Float[Tensor, "models parameters"], architecture: Architecture
    ) -> Float[Tensor, "models parameters"]:
        """Further networks, matched to the same reference by their weights.

        Raises:
            ValueError: they are of another architecture.
        """
        if weights.shape[1] != len(self.reference):
            raise ValueError(
                f"the alignment is of networks of {len(self.reference):,} parameters, these have {weights.shape[1]:,}"
            )
        spec = spec_of(architecture)
        self._check_kind(architecture, spec)
        start = represented(weights, spec, architecture, self.canonical)
        method = "auto" if METHODS[self.method].needs_data else self.method
        goal = torch.from_numpy(self.reference)
        heads = self.heads if METHODS[method].heads else "exact"
        found = match(
            architecture,
            start,
            goal,
            spec,
            method=method,
            signs=bool(self.signs),
            heads=heads,
            fixed=self.fixed,
        )
        return found.apply(start, spec, architecture.layout)

    def _check_kind(self, architecture: Architecture, spec: PermutationSpec) -> None:
        known = self.architecture or {"name": architecture.name, "config": {}}
        if known["name"] != architecture.name:
            raise ValueError(f"the alignment is of {known['name']} networks, these are {architecture.name}")
        for name, value in known["config"].items():
            if architecture.config.get(name) != value:
                raise ValueError(
                    f"the alignment is of {architecture.name} networks with {name} {value}, these have "
                    f"{architecture.config.get(name)}"
                )
        if spec.sizes.keys() != self.permutations.keys():
            raise ValueError("the alignment is of networks with other groups of units; align these among themselves")

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all."""
        arrays = {f"group.{group}": units.astype(np.int32) for group, units in self.permutations.items()}
        arrays |= {f"sign.{name}": signs.astype(np.int8) for name, signs in self.signs.items()}
        arrays |= {"before": self.before, "after": self.after, "reference": self.reference}
        with atomic_folder(Path(path)) as folder:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "units.safetensors"
            )
            facts = {
                "reference_id": self.reference_id,
                "method": self.method,
                "canonical": self.canonical,
                "frame": self.frame,
                "fitted_on": self.fitted_on,
                "heads": self.heads,
                "fixed": list(self.fixed),
                "architecture": self.architecture,
            }
            write_manifest(folder, "alignment", {**facts, "recipe": self.recipe.to_dict()})
        return Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "Alignment":
        """Read a stored alignment.

        Raises:
            ValueError: a file is missing, broken, or of another kind.
        """
        manifest = read_manifest(Path(path), "alignment")
        arrays = read_arrays(Path(path), "units.safetensors", manifest)
        groups = {name.removeprefix("group."): a for name, a in arrays.items() if name.startswith("group.")}
        signs = {name.removeprefix("sign."): a for name, a in arrays.items() if name.startswith("sign.")}
        words = {"method": METHODS, "canonical": CANONICALS, "frame": FRAMES, "heads": HEADS}
        told = {"method": "", "canonical": "none", "frame": "network", "heads": "exact"} | {
            name: str(manifest[name]) for name in words if name in manifest
        }
        held, fixed = manifest.get("architecture"), manifest.get("fixed", [])
        if (
            {"before", "after", "reference"} - set(arrays)
            or any(told[name] not in words[name] for name in words)
            or not (isinstance(fixed, list) and set(map(str, fixed)) <= set(groups))
            or not (held is None or _is_architecture(held))
        ):
            raise ValueError(f"{path} lacks a part of the alignment; align the zoo again")
        models = (len(arrays["before"]),) if arrays["before"].ndim == 1 else ()
        if (
            arrays["after"].shape != models
            or arrays["reference"].ndim != 1
            or not all(units.shape[:1] == models and _permutes(units) for units in groups.values())
            or not all(s.ndim == 2 and s.shape[:1] == models and bool((np.abs(s) == 1).all()) for s in signs.values())
        ):
            raise ValueError(f"{path} holds arrays of other shapes than an alignment has; align the zoo again")
        return cls(
            permutations=groups,
            before=arrays["before"],
            after=arrays["after"],
            reference=arrays["reference"],
            reference_id=str(manifest.get("reference_id")),
            method=told["method"],
            fitted_on=str(manifest.get("fitted_on")),
            recipe=Recipe.from_dict(manifest.get("recipe")),
            signs=signs,
            canonical=told["canonical"],
            frame=told["frame"],
            heads=told["heads"],
            fixed=tuple(map(str, fixed)),
            architecture=held,
        )


def common_kind(zoo: Zoo) -> dict[str, Any]:
    """Name and configuration of a zoo's networks, without the fields that its table sets for each."""
    told = set(zoo.architecture.row_fields) & set(zoo.columns)
    config = {name: value for name, value in zoo.architecture.config.items() if name not in told}
    return {"name": zoo.architecture.name, "config": config}


def _is_architecture(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("name"), str) and isinstance(found.get("config"), dict)


def _permutes(units: Array) -> bool:
    """Whether every row holds 0 to n - 1, each once."""
    whole = units.ndim in (2, 3) and np.issubdtype(units.dtype, np.integer)
    return whole and bool((np.sort(units, axis=-1) == np.arange(units.shape[-1])).all())


@lru_cache(maxsize=64)
def spec_of(architecture: Architecture) -> PermutationSpec:
    """The symmetry spec of an architecture, traced from its module."""
    return symmetry_of(architecture.build(), architecture.example_input())


def spec_of_zoo(zoo: Zoo) -> tuple[PermutationSpec, bool]:
    """The symmetry spec of a zoo's networks, and whether all of them may be rescaled and flipped alike.

    Networks whose table gives each its own activation are permuted alike, but what rescales them differs.
    """
    specs = [spec_of(architecture) for architecture, _ in zoo.groups()] or [spec_of(zoo.architecture)]
    alike = all(spec.rescaling == specs[0].rescaling for spec in specs)
    return specs[0], alike


def networks_within(zoo: Zoo, spec: PermutationSpec, memory: int) -> int:
    """How many networks are matched at once.

    Raises:
        ValueError: one network takes more memory.
    """
    pairs = sum(size**2 for size in spec.sizes.values())
    each = PER_NUMBER * (zoo.architecture.layout.size + zoo.architecture.buffers.size) + PER_PAIR * pairs
    if memory < each:
        raise ValueError(
            f"matching one {zoo.architecture.name} of {zoo.architecture.layout.size:,} parameters takes "
            f"{each / (1 << 20):,.1f} MiB; give it at least so much memory"
        )
    return min(CHUNK, memory // each)


def _told(moved: Iterator[Moved], zoo: Zoo, on_step: OnStep | None) -> Iterator[Moved]:
    for part in moved:
        yield part
        if on_step is not None:
            done = int(part[0][-1]) + 1
            on_step(done / len(zoo), f"permuted {done:,} of {len(zoo):,} networks")
