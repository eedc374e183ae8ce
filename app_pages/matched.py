"""What the Align page asks of the package: at once where that is quick, as a job where it takes long."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
import torch

from app_pages.handles import open_zoo, version_of
from app_pages.pair import Pair, rows_of
from app_pages.work import ask_first, result_of
from wsexplore.align import PairMatch, align_permutations, match_pair
from wsexplore.datasets import dataset
from wsexplore.landscape import (
    Barrier,
    BarrierMatrix,
    MergeAttack,
    MethodComparison,
    barrier_curves,
    barrier_matrices,
    compare_methods,
    kind_of,
    merge_attack,
)
from wsexplore.population import OnStep, field_grid
from wsexplore.zoo import Recipe, Zoo

SAMPLES = 1000
"""Test samples on which a network is compared with its permuted twin."""

STEPS = 25
"""Networks on a path."""

AT_ONCE = 2e9
"""Weights times samples that are judged while the visitor waits; more is a job."""

SPEED = 5e8
"""Weights times samples that are judged in a second: 3e8 where a method learns, 1e9 on paths, on one thread."""

EFFORT = {"ste": 220, "sinkhorn": 110, "sinkhorn-loss": 220, "activations": 5, "inner-products": 5}
"""Networks that could be judged on the test split while a method matches one pair; the others take a moment."""

STRENGTHS = 6
"""Strengths of an attack, from none to the strongest."""


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Distances between the weights of some networks, as trained and aligned.

    Attributes:
        ids: of the networks, the best first where the zoo says how good they are.
        of: networks that were asked for.
        before: L2 distances as trained.
        after: aligned.
        reference: id of the network that all were matched to, or the name of the frame.
        recipe: of the alignment.
    """

    ids: tuple[str, ...]
    of: int
    before: np.ndarray
    after: np.ndarray
    reference: str
    recipe: Recipe


def matched(pair: Pair, group: str = "") -> PairMatch:
    """The second network matched to the first, seen in one group of units."""
    cost = 2 + EFFORT.get(pair.method, 0)
    return _found("pair", "Matching units", pair, cost, *pair.rows, pair.data.name, pair.method, pair.canonical, group)


def curves(pair: Pair, split: str = "test") -> dict[str, Barrier]:
    """The four curves of a path, as far as there is something to repair."""
    cost = 4 * STEPS * (4 if split == "train" else 1) + EFFORT.get(pair.method, 0)
    given = pair.data.name, pair.method, pair.canonical, split
    return _found("curves", "Walking the paths", pair, cost, *pair.rows, *given)


def compared(pair: Pair, methods: tuple[str, ...]) -> MethodComparison:
    """Matching methods on one pair."""
    told, cost = ", ".join(methods), 11 * (1 + len(methods)) + sum(EFFORT.get(method, 0) for method in methods)
    given = pair.data.name, told, pair.canonical, pair.repair
    return _found("methods", f"Matching by {told}", pair, cost, *pair.rows, *given)


def attacked(pair: Pair, strength: float, permute: bool, align: bool, seed: int) -> MergeAttack:
    """The second network moved along its orbit, up to a strength."""
    given = pair.data.name, strength, permute, align, pair.repair, seed
    return _found("attack", "Moving along the orbit", pair, 11 * (1 + 3 * STRENGTHS), *pair.rows, *given)


def distances(pair: Pair, where: str, count: int, frame: str) -> Distances:
    """Distances between some networks of the zoo, before and after alignment."""
    method = pair.method
    cost = count * ((8 if frame != "network" else 2) + EFFORT.get(method, 0))
    given = where, count, frame, method, pair.canonical
    return _found("distances", f"Aligning {count} networks", pair, cost, pair.data.name, *given)


def matrices(pair: Pair, where: str, count: int, frame: str) -> dict[str, BarrierMatrix]:
    """Barriers between all pairs of a handful of networks in one frame, by way of joining them."""
    cost = 2 * 11 * count * (count - 1) + count * EFFORT.get(pair.method, 0)
    given = pair.data.name, where, count, frame, pair.method, pair.canonical
    return _found("matrices", f"Walking between {count} networks", pair, cost, *given)


def _found(kind: str, title: str, pair: Pair, cost: float, *asked: Any) -> Any:
    """The result of `WORK[kind]`; where it takes long, the page shows the job's progress until it is there."""
    version = version_of("zoos", pair.name)
    if cost * pair.work <= AT_ONCE:
        with st.spinner(f"{title}…"):
            return _at_once(kind, pair.name, version, *asked)
    told, seconds = f"{kind} {pair.name} {version} {asked}", cost * pair.work / SPEED
    if not ask_first(told, seconds):
        st.stop()
    return result_of(told, title, lambda progress: WORK[kind](pair.zoo, progress, *asked), cost=seconds)


@st.cache_data(max_entries=256, show_spinner=False)
def _at_once(kind: str, name: str, version: float, *asked: Any) -> Any:
    return WORK[kind](open_zoo(name), lambda fraction, message: None, *asked)


def _pair(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, method: str, canonical: str, group: str
) -> PairMatch:
    on_step(0.0, "reading weights")
    kind_of(zoo, [first, second])
    source = dataset(data)
    inputs = field_grid(16, 16) if zoo.architecture.task == "field" else source.test.inputs[:SAMPLES]
    options = {"method": method, "group": group or None, "canonical": canonical}
    return match_pair(zoo, first, second, inputs=inputs, data=source, **options, on_step=on_step)


def _curves(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, method: str, canonical: str, split: str
) -> dict[str, Barrier]:
    options = {"method": method, "canonical": canonical, "split": split}
    return barrier_curves(zoo, first, second, dataset(data), **options, steps=STEPS, on_step=on_step)


def _methods(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, methods: str, canonical: str, repair: str
) -> MethodComparison:
    options = {"methods": tuple(methods.split(", ")), "canonical": canonical, "repair": repair}
    return compare_methods(zoo, first, second, dataset(data), **options, on_step=on_step)


def _attack(
    zoo: Zoo,
    on_step: OnStep,
    first: int,
    second: int,
    data: str,
    strength: float,
    permute: bool,
    align: bool,
    repair: str,
    seed: int,
) -> MergeAttack:
    options = {"permute": permute, "align": align, "repair": repair, "seed": seed}
    spreads = np.linspace(0, strength, STRENGTHS).round(3).tolist()
    return merge_attack(zoo, first, second, dataset(data), spreads=spreads, **options, on_step=on_step)


def _distances(
    zoo: Zoo, on_step: OnStep, data: str, where: str, count: int, frame: str, method: str, canonical: str
) -> Distances:
    rows, of = rows_of(zoo, where, count)
    some = zoo.select(rows)
    reference = "medoid" if frame == "network" else 0
    options = {"method": method, "frame": frame, "reference": reference, "canonical": canonical}
    found = align_permutations(some, **options, data=dataset(data), on_step=on_step)
    python = f"some = zoo.select({rows.tolist()})\n" + found.recipe.python.replace("(zoo,", "(some,", 1)
    return Distances(
        tuple(str(network) for network in some.table["id"]),
        of,
        _between(some.rows(np.arange(len(some)))),
        _between(found.view(some).rows(np.arange(len(some)))),
        found.reference_id,
        replace(found.recipe, cli="", python=python),
    )


def _between(weights: torch.Tensor) -> np.ndarray:
    return torch.cdist(weights, weights, compute_mode="donot_use_mm_for_euclid_dist").numpy()


def _matrices(
    zoo: Zoo, on_step: OnStep, data: str, where: str, count: int, frame: str, method: str, canonical: str
) -> dict[str, BarrierMatrix]:
    rows, _ = rows_of(zoo, where, count)
    options = {"frame": frame, "method": method, "canonical": canonical}
    return barrier_matrices(zoo, rows.tolist(), dataset(data), **options, on_step=on_step)


WORK: Mapping[str, Callable[..., Any]] = {
    "pair": _pair,
    "curves": _curves,
    "methods": _methods,
    "attack": _attack,
    "distances": _distances,
    "matrices": _matrices,
}
"""What is asked for, by name."""
