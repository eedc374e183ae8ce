"""Symmetry as attack and defence: a network moved along its orbit until averaging with its sibling fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import match_population, spec_of
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.ends import PathEnds, calibration_inputs, kind_of, pair_ends
from wsexplore.landscape.heights import path_heights
from wsexplore.landscape.told import quoted
from wsexplore.landscape.walk import CALIBRATION, Walk, within
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, device_of
from wsexplore.symmetry import (
    PermutationSpec,
    canonical,
    permute_buffers,
    permute_weights,
    random_permutation,
    random_scaling,
    rescale_weights,
)
from wsexplore.zoo import Recipe, Zoo

SPREADS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)

STRONGEST = 5
"""Largest standard deviation of the log factors."""

COMPARED = 1000
"""Samples on which the outputs before and after are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class MergeAttack:
    """What moving one of two networks along its orbit does to their average, and what undoes it.

    Attributes:
        first: id of the network that stays.
        second: id of the network that is moved.
        kinds: what was done to it: "permuted", "rescaled", "flipped".
        repaired: what was done to the networks between, on every path: "none", "reset" or "repair".
        spreads: standard deviation of the logarithms of the factors, one per strength of the attack.
        untouched: barrier before any attack, in nats.
        attacked: barrier to the moved network.
        permuted_back: barrier once its units are matched (and flipped back), their scales as they are.
        canonical: barrier once both networks are at their least norm, and then matched.
        output_changes: largest change of any output of the moved network: rounding only.
        norms: norm of its weights.
        recipe: how this was made.
    """

    first: str
    second: str
    kinds: tuple[str, ...]
    repaired: str
    spreads: Float[Array, " strengths"]
    untouched: float
    attacked: Float[Array, " strengths"]
    permuted_back: Float[Array, " strengths"]
    canonical: Float[Array, " strengths"]
    output_changes: Float[Array, " strengths"]
    norms: Float[Array, " strengths"]
    recipe: Recipe

    def frame(self) -> pd.DataFrame:
        """Barriers in nats, a row per strength."""
        return pd.DataFrame(
            {
                "log_sd": self.spreads,
                "attacked": self.attacked,
                "permuted_back": self.permuted_back,
                "canonical": self.canonical,
                "output_change": self.output_changes,
                "norm": self.norms,
            }
        )


@torch.no_grad()
def merge_attack(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    spreads: Sequence[float] = SPREADS,
    permute: bool = True,
    align: bool = True,
    repair: str = "none",
    calibration: int = CALIBRATION,
    steps: int = 11,
    split: str = "test",
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> MergeAttack:
    """Move the second network along its orbit, function unchanged, and measure the barrier to the first.

    Its units are permuted at random, and multiplied by log-normal factors (and signs) where the activation lets them
    through: the constructive form of a merge barrier. Alignment undoes the permutation; bringing both networks to their
    least norm undoes the factors. Running statistics move with their units; no factor acts on them.

    Args:
        zoo: it holds both networks.
        first: row of the network that stays.
        second: row of the network that is moved.
        data: name of a data set, or the data set.
        spreads: strengths of the attack, standard deviations of the log factors, 0 to 5.
        permute: permute units, too.
        align: match the second network to the first before the attack, so that their average works until then.
        repair: of the networks between, on every path: "none", "reset" or "repair".
        calibration: samples of the training split that statistics are measured on.
        steps: networks on each path.
        split: "train" or "test".
        seed: of permutation and factors, of the matching, and of the samples that statistics are measured on.
        device: "auto", "cpu" or "cuda"; units are moved and matched on the CPU.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the networks have no symmetry, a spread is out of range, or what `barrier` refuses.
    """
    walk, tell = Walk(steps, split, align, repair, calibration, seed), within(on_step, 0.0, 1.0)
    if not spreads or not all(0 <= spread <= STRONGEST for spread in spreads):
        raise ValueError(f"the spreads of an attack are numbers from 0 to {STRONGEST}, got {list(spreads)}")
    architecture = kind_of(zoo, [first, second])
    spec = spec_of(architecture)
    if not spec.groups and not spec.rescaling.classes:
        raise ValueError("these networks have no units that may be permuted or rescaled, so nothing moves them")
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    samples, target = source.split(split), device_of(device)
    inputs = None if repair == "none" else calibration_inputs(source, calibration, seed=seed)
    ends = pair_ends(zoo, first, second, **walk.matching, data=source, on_step=within(tell, 0.0, 0.1))
    tell(0.1, "moving along the orbit")
    attacked, statistics = _moved(ends, spec, spreads, permute=permute, seed=seed)
    tell(0.15, "matching units again")
    back = _matched(architecture, ends.weights[0], attacked, statistics, spec, seed)
    tell(0.2, "bringing both to their least norm")
    least = canonical(torch.cat([ends.weights[:1], attacked]), spec, architecture.layout, form="minimum-norm")
    restored = _matched(architecture, least[0], least[1:], statistics, spec, seed)
    paths = [ends, *_paths(ends, ends.weights[0], attacked, statistics), *_paths(ends, ends.weights[0], *back)]
    paths += _paths(ends, least[0], *restored)
    heights, _ = path_heights(
        [one.to(target) for one in paths], walk, samples, inputs=inputs, on_step=within(tell, 0.25, 1.0)
    )
    tried = heights[1:].reshape(3, len(spreads))
    before = architecture.forward(ends.weights[1:], samples.inputs[:COMPARED], buffers=ends.buffers[1:])
    after = architecture.forward(attacked, samples.inputs[:COMPARED], buffers=statistics)
    ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
    return MergeAttack(
        first=ids[0],
        second=ids[1],
        kinds=_kinds(spec, permute),
        repaired=repair,
        spreads=np.asarray(spreads, dtype=np.float32),
        untouched=float(heights[0]),
        attacked=tried[0],
        permuted_back=tried[1],
        canonical=tried[2],
        output_changes=(after - before).abs().amax((1, 2)).numpy(),
        norms=attacked.norm(dim=1).numpy(),
        recipe=_recipe(zoo, (first, second), name, walk, spreads, permute),
    )


def _moved(
    ends: PathEnds, spec: PermutationSpec, spreads: Sequence[float], *, permute: bool, seed: int
) -> tuple[Float[Tensor, "strengths parameters"], Float[Tensor, "strengths buffers"]]:
    """The second network moved along its orbit, once for each strength, with its running statistics."""
    layout, weights, buffers = ends.architecture.layout, ends.weights[1:], ends.buffers[1:]
    if permute and spec.groups:
        order = random_permutation(spec, seed=seed, models=1)
        weights = permute_weights(weights, order, spec, layout)
        buffers = permute_buffers(buffers, order, spec, ends.architecture.buffers)
    moved = []
    for spread in spreads:
        factors = random_scaling(spec, seed=seed, spread=spread, models=1)
        moved.append(rescale_weights(weights, factors, spec, layout) if factors else weights)
    return torch.cat(moved), buffers.expand(len(moved), -1)


def _matched(
    architecture: Architecture, reference: Tensor, weights: Tensor, buffers: Tensor, spec: PermutationSpec, seed: int
) -> tuple[Float[Tensor, "strengths parameters"], Float[Tensor, "strengths buffers"]]:
    """Moved networks matched to the one that stayed, with their running statistics."""
    found = match_population(weights, reference, spec, architecture.layout, seed=seed, signs=True)
    return found.apply(weights, spec, architecture.layout), found.apply_buffers(buffers, spec, architecture.buffers)


def _paths(ends: PathEnds, stays: Tensor, weights: Tensor, buffers: Tensor) -> list[PathEnds]:
    """The paths from the network that stays to each of the others."""
    return [
        PathEnds(ends.architecture, torch.stack([stays, one]), torch.stack([ends.buffers[0], statistics]))
        for one, statistics in zip(weights, buffers, strict=True)
    ]


def _recipe(zoo: Zoo, rows: tuple[int, int], name: str, walk: Walk, spreads: Sequence[float], permute: bool) -> Recipe:
    ids = [str(zoo.table["id"].iloc[row]) for row in rows]
    strengths = [float(spread) for spread in spreads]
    told: dict[str, Any] = {"spreads": strengths, "permute": permute, **walk.arguments}
    words = ", ".join(f"{key}={value!r}" for key, value in told.items())
    flags = " ".join(
        [
            f"--spreads {','.join(f'{strength:g}' for strength in strengths)}",
            *([] if permute else ["--no-permute"]),
            *([] if walk.align else ["--no-align"]),
            *(f"--{key} {value}" for key, value in walk.arguments.items() if key != "align"),
        ]
    )
    return Recipe.of(
        "merge_attack",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": name, **told},
        seed=walk.seed,
        cli=f"wsexplore attack ZOO {quoted(ids)} --dataset {name} {flags} --seed {walk.seed}",
        python=f"wx.merge_attack(zoo, {rows[0]}, {rows[1]}, {name!r}, {words}, seed={walk.seed})",
    )


def _kinds(spec: PermutationSpec, permute: bool) -> tuple[str, ...]:
    kinds = set(spec.rescaling.kinds.values())
    done = {
        "permuted": permute and bool(spec.groups),
        "rescaled": bool(kinds & {"positive", "nonzero"}),
        "flipped": bool(kinds & {"sign", "nonzero"}),
    }
    return tuple(name for name, holds in done.items() if holds)
