"""What the Align page asks of the package: at once where that is quick, as a job where it takes long."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
import torch

from app_pages.frame import result_of
from app_pages.handles import open_zoo, version_of
from app_pages.pair import Pair, repairs, rows_of
from wsexplore.align import PairMatch, align_permutations, match_pair
from wsexplore.datasets import dataset
from wsexplore.landscape import (
    CALIBRATION,
    Barrier,
    BarrierMatrix,
    MergeAttack,
    MethodComparison,
    barrier_curves,
    barrier_matrix,
    compare_methods,
    merge_attack,
    pair_ends,
)
from wsexplore.landscape.barrier import walked
from wsexplore.landscape.walk import Walk
from wsexplore.population import OnStep, field_grid
from wsexplore.zoo import Recipe, Zoo

SAMPLES = 1000
"""Test samples on which a network is compared with its permuted twin."""

STEPS = 25
"""Networks on a path."""

AT_ONCE = 2e9
"""Weights times samples that are judged while the visitor waits; more is a job."""


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
    return _found("pair", "Matching units", pair, 2, *pair.rows, pair.data.name, pair.method, pair.canonical, group)


def curves(pair: Pair) -> dict[str, Barrier]:
    """The four curves of a path, as far as there is something to repair."""
    return _found(
        "curves", "Walking the paths", pair, 4 * STEPS, *pair.rows, pair.data.name, pair.method, pair.canonical
    )


def compared(pair: Pair, methods: tuple[str, ...]) -> MethodComparison:
    """Matching methods on one pair."""
    told, cost = ", ".join(methods), 11 * (1 + len(methods)) * (20 if "ste" in methods else 1)
    return _found("methods", f"Matching by {told}", pair, cost, *pair.rows, pair.data.name, told, pair.canonical)


def attacked(pair: Pair, permute: bool, align: bool) -> MergeAttack:
    """The second network moved along its orbit."""
    return _found("attack", "Moving along the orbit", pair, 220, *pair.rows, pair.data.name, permute, align)


def distances(pair: Pair, where: str, count: int, frame: str) -> Distances:
    """Distances between some networks of the zoo, before and after alignment."""
    method = pair.method
    cost = count * (8 if frame != "network" else 2) * (10 if method in ("ste", "sinkhorn") else 1)
    given = where, count, frame, method, pair.canonical
    return _found("distances", f"Aligning {count} networks", pair, cost, pair.data.name, *given)


def matrices(pair: Pair, where: str, count: int) -> dict[str, BarrierMatrix]:
    """Barriers between all pairs of a handful of networks, by way of joining them."""
    cost = 11 * count * (count - 1)
    return _found("matrices", f"Walking between {count} networks", pair, cost, pair.data.name, where, count)


def _found(kind: str, title: str, pair: Pair, cost: float, *asked: Any) -> Any:
    """The result of `WORK[kind]`; where it takes long, the page shows the job's progress until it is there."""
    version = version_of("zoos", pair.name)
    if cost * pair.work <= AT_ONCE:
        with st.spinner(f"{title}…"):
            return _at_once(kind, pair.name, version, *asked)
    return result_of(
        f"{kind} {pair.name} {version} {asked}", title, lambda on_step: WORK[kind](pair.zoo, on_step, *asked)
    )


@st.cache_data(max_entries=256, show_spinner=False)
def _at_once(kind: str, name: str, version: float, *asked: Any) -> Any:
    return WORK[kind](open_zoo(name), lambda fraction, message: None, *asked)


def _pair(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, method: str, canonical: str, group: str
) -> PairMatch:
    pair_ends(zoo, first, second, align=False)
    source = dataset(data)
    inputs = field_grid(16, 16) if zoo.architecture.task == "field" else source.test.inputs[:SAMPLES]
    return match_pair(
        zoo, first, second, inputs=inputs, method=method, data=source, group=group or None, canonical=canonical
    )


def _curves(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, method: str, canonical: str
) -> dict[str, Barrier]:
    source = dataset(data)
    if (method, canonical) == ("auto", "none"):
        return barrier_curves(zoo, first, second, source, steps=STEPS, on_step=on_step)
    options = {"method": method, "canonical": canonical}
    raw = pair_ends(zoo, first, second, align=False)
    ends = pair_ends(zoo, first, second, align=True, data=source, **options)
    found = {
        "naive": walked(zoo, (first, second), source, data, raw, Walk(STEPS, "test", False, "none", CALIBRATION, 0))
    }
    names = {"none": "aligned", "reset": "aligned + reset", "repair": "aligned + REPAIR"}
    for repair in ("none", *repairs(ends.architecture)):
        on_step(len(found) / 4, names[repair])
        walk = Walk(STEPS, "test", True, repair, CALIBRATION, 0)
        curve = walked(zoo, (first, second), source, data, ends, walk)
        found[names[repair]] = replace(curve, recipe=_recipe_of(zoo, (first, second), data, repair, options))
    return found


def _recipe_of(zoo: Zoo, rows: tuple[int, int], data: str, repair: str, options: Mapping[str, str]) -> Recipe:
    words = "".join(f", {name}={value!r}" for name, value in options.items())
    inputs = f", inputs=calibration_inputs(data, {CALIBRATION}, seed=0)" if repair != "none" else ""
    ids = [str(zoo.table["id"].iloc[row]) for row in rows]
    return Recipe.of(
        "barrier",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": data, "steps": STEPS, "repair": repair, **options},
        seed=0,
        python=f"data = dataset({data!r})\n"
        f"ends = pair_ends(zoo, {rows[0]}, {rows[1]}, align=True{words}, data=data)\n"
        f"networks = path_networks(ends, torch.linspace(0, 1, {STEPS}), repaired={repair!r}{inputs})\n"
        "scores = score(ends.architecture, networks[0], data.test, buffers=networks[1])",
    )


def _methods(
    zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, methods: str, canonical: str
) -> MethodComparison:
    names = tuple(methods.split(", "))
    return compare_methods(zoo, first, second, dataset(data), methods=names, canonical=canonical, on_step=on_step)


def _attack(zoo: Zoo, on_step: OnStep, first: int, second: int, data: str, permute: bool, align: bool) -> MergeAttack:
    return merge_attack(zoo, first, second, dataset(data), permute=permute, align=align)


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


def _matrices(zoo: Zoo, on_step: OnStep, data: str, where: str, count: int) -> dict[str, BarrierMatrix]:
    rows, _ = rows_of(zoo, where, count)
    source, ways = dataset(data), {"raw": (False, "none"), "aligned": (True, "none")}
    for repair in repairs(zoo.architecture_of(int(rows[0])))[:1]:
        ways["aligned, statistics reset" if repair == "reset" else "aligned, REPAIR"] = (True, repair)
    found: dict[str, BarrierMatrix] = {}
    for name, (align, repair) in ways.items():
        on_step(len(found) / len(ways), name)
        found[name] = barrier_matrix(zoo, rows.tolist(), source, align=align, repair=repair)
    return found


WORK: Mapping[str, Callable[..., Any]] = {
    "pair": _pair,
    "curves": _curves,
    "methods": _methods,
    "attack": _attack,
    "distances": _distances,
    "matrices": _matrices,
}
"""What is asked for, by name."""
