"""Alignment of a whole zoo: every network matched to one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from safetensors.numpy import save_file
from torch import Tensor

from wsexplore.align.matching import Matching, match_population
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec, permute_weights, symmetry_of
from wsexplore.zoo import Recipe, Zoo, atomic_folder, read_arrays, read_manifest, write_manifest

CHUNK = 1024
"""Networks matched at once."""

METHODS: Mapping[str, Callable[..., Matching]] = {"weights": match_population}


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The permutations that align a zoo, a few bytes per unit.

    Attributes:
        permutations: per group the old unit at each new place, one row per network.
        before: inner product of each network with the reference as it was.
        after: the same after alignment; never less.
        reference: weights of the network that all others were matched to.
        reference_id: its id.
        method: how the permutations were found.
        fitted_on: fingerprint of the zoo.
        recipe: how the alignment was made.
    """

    permutations: dict[str, Int[Array, "models _"]]
    before: Float[Array, " models"]
    after: Float[Array, " models"]
    reference: Float[Array, " parameters"]
    reference_id: str
    method: str
    fitted_on: str
    recipe: Recipe

    def apply(self, zoo: Zoo) -> Zoo:
        """The zoo with its units in the order found: the same functions, one basin.

        Raises:
            ValueError: it is another zoo than the one that was aligned.
        """
        if len(zoo) != len(self.before):
            raise ValueError(f"the alignment is of {len(self.before):,} networks, this zoo has {len(zoo):,}")
        if zoo.fingerprint != self.fitted_on:
            raise ValueError("the alignment was made for another zoo; align this one first")
        spec = spec_of(zoo.architecture)
        units = {group: torch.from_numpy(p.astype(np.int64)) for group, p in self.permutations.items()}
        return zoo.with_weights(permute_weights(zoo.weights, units, spec, zoo.architecture.layout), self.recipe)

    def place(
        self, weights: Float[Tensor, "models parameters"], architecture: Architecture
    ) -> Float[Tensor, "models parameters"]:
        """Further networks, matched to the same reference.

        Raises:
            ValueError: they are of another architecture.
        """
        if weights.shape[1] != len(self.reference):
            raise ValueError(
                f"the alignment is of networks of {len(self.reference):,} parameters, these have {weights.shape[1]:,}"
            )
        spec = spec_of(architecture)
        found = METHODS[self.method](weights, torch.from_numpy(self.reference), spec, architecture.layout)
        return permute_weights(weights, found.permutations, spec, architecture.layout)

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all."""
        arrays = {f"group.{group}": units.astype(np.int32) for group, units in self.permutations.items()}
        arrays |= {"before": self.before, "after": self.after, "reference": self.reference}
        with atomic_folder(Path(path)) as folder:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "units.safetensors"
            )
            facts = {"reference_id": self.reference_id, "method": self.method, "fitted_on": self.fitted_on}
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
        if {"before", "after", "reference"} - set(arrays) or str(manifest.get("method")) not in METHODS:
            raise ValueError(f"{path} lacks a part of the alignment; align the zoo again")
        models = (len(arrays["before"]),) if arrays["before"].ndim == 1 else ()
        if (
            arrays["after"].shape != models
            or arrays["reference"].ndim != 1
            or not all(units.shape[:1] == models and _permutes(units) for units in groups.values())
        ):
            raise ValueError(f"{path} holds arrays of other shapes than an alignment has; align the zoo again")
        return cls(
            permutations=groups,
            before=arrays["before"],
            after=arrays["after"],
            reference=arrays["reference"],
            reference_id=str(manifest.get("reference_id")),
            method=str(manifest.get("method")),
            fitted_on=str(manifest.get("fitted_on")),
            recipe=Recipe.from_dict(manifest.get("recipe")),
        )


def _permutes(units: Array) -> bool:
    """Whether every row holds 0 to n - 1, each once."""
    whole = units.ndim == 2 and np.issubdtype(units.dtype, np.integer)
    return whole and bool((np.sort(units, axis=1) == np.arange(units.shape[1])).all())


def spec_of(architecture: Architecture) -> PermutationSpec:
    """The permutation spec of an architecture, traced from its module."""
    return symmetry_of(architecture.build(), architecture.example_input())


def align_permutations(
    zoo: Zoo,
    *,
    method: str = "weights",
    reference: int = 0,
    by: str = "network",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Alignment:
    """Match every network of a zoo to one of them.

    Args:
        zoo: any population.
        method: a name in `METHODS`.
        reference: row of the network to match.
        by: "network" matches every checkpoint for itself; "run" matches the last checkpoint of each run and gives its
            permutation to the earlier ones, so that trajectories stay whole. Then `after` may lie below `before` for
            an earlier checkpoint.
        seed: of the order in which groups are visited.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the method or `by` is unknown, or the row is out of range.
    """
    if method not in METHODS:
        raise ValueError(f"matching method {method!r} is unknown; choose one of {', '.join(METHODS)}")
    if by not in ("network", "run"):
        raise ValueError(f"zoos are aligned by network or by run, got {by!r}")
    goal = zoo.rows([reference])[0]
    spec, layout = spec_of(zoo.architecture), zoo.architecture.layout
    matched, takes = _matched_rows(zoo, by)
    found: list[dict[str, Int[Tensor, ...]]] = []
    for start in range(0, len(matched), CHUNK):
        rows = matched[start : start + CHUNK]
        found.append(METHODS[method](zoo.rows(rows), goal, spec, layout, seed=seed).permutations)
        if on_step is not None:
            done = start + len(rows)
            on_step(done / len(matched), f"matched {done:,} of {len(matched):,} networks")
    units = {group: torch.cat([part[group] for part in found])[takes] for group in spec.groups}
    moved = permute_weights(zoo.weights, units, spec, layout)
    name = str(zoo.table["id"].iloc[reference])
    recipe = Recipe.of(
        "align",
        inputs={"zoo": zoo.fingerprint},
        arguments={"method": method, "reference": name, "by": by},
        seed=seed,
        cli=f"wsexplore align ZOO --method {method} --reference {name} --by {by} --seed {seed} --out ALIGNED",
        python=f"wx.align(zoo, method={method!r}, reference={reference}, by={by!r}, seed={seed})",
    )
    return Alignment(
        {group: part.numpy() for group, part in units.items()},
        (zoo.weights @ goal).numpy(),
        (moved @ goal).numpy(),
        goal.numpy(),
        name,
        method,
        zoo.fingerprint,
        recipe,
    )


def _matched_rows(zoo: Zoo, by: str) -> tuple[Int[Array, " matched"], Int[Tensor, " models"]]:
    """Rows to match, and for each network the place among them whose permutation it takes."""
    if by == "network":
        return np.arange(len(zoo)), torch.arange(len(zoo))
    last = zoo.table.sort_values("epoch", kind="stable").groupby("run").tail(1).sort_index()
    place = {run: index for index, run in enumerate(last["run"])}
    return last.index.to_numpy(), torch.tensor([place[run] for run in zoo.table["run"]])


def align(
    zoo: Zoo,
    *,
    method: str = "weights",
    reference: int = 0,
    by: str = "network",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Zoo:
    """A zoo of the same functions whose units are in the order of one reference network; see `align_permutations`."""
    found = align_permutations(zoo, method=method, reference=reference, by=by, seed=seed, on_step=on_step)
    return found.apply(zoo)
