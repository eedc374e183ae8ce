"""Matching methods side by side: how far each climbs, how long it takes, and what is left of the barrier."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from wsexplore.align import METHODS
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.barrier import walked
from wsexplore.landscape.walk import Walk, pair_ends
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo

QUICK = ("weights", "frank-wolfe", "auto", "activations")
"""Methods that take a moment; the others train."""

UNMATCHED = "none"
"""What the row of the networks as they are is called."""


@dataclass(frozen=True, slots=True, eq=False)
class MethodComparison:
    """Matching methods on one pair.

    Attributes:
        first: id of the network that stays.
        second: id of the network that is matched.
        frame: a row per method, the first of the networks as they are: `method`, `objective` (inner product of the
            weights), `seconds`, `barrier` (nats), `accuracy_half_way` (fraction of 1).
        recipe: how it was made.
    """

    first: str
    second: str
    frame: pd.DataFrame
    recipe: Recipe


def compare_methods(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    methods: Sequence[str] = QUICK,
    canonical: str = "none",
    repair: str = "none",
    steps: int = 11,
    split: str = "test",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> MethodComparison:
    """Match one pair by every method and walk the path that each leaves.

    Args:
        zoo: it holds both networks.
        first: row of the network that stays.
        second: row of the network that is matched.
        data: name of a data set, or the data set.
        methods: names in `METHODS`.
        canonical: representative that rescaling brings both to first.
        repair: of the networks between: "none", "reset" or "repair".
        steps: networks on each path.
        split: "train" or "test", what they are judged on.
        seed: of the matching.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a word is unknown, or what `barrier` refuses.
    """
    if unknown := [method for method in methods if method not in METHODS]:
        raise ValueError(f"matching method {unknown[0]!r} is unknown; choose one of {', '.join(METHODS)}")
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    rows = []
    for place, method in enumerate((UNMATCHED, *methods)):
        if on_step is not None:
            on_step(place / (len(methods) + 1), f"matching by {method}" if place else "walking the raw path")
        began = time.perf_counter()
        align = method != UNMATCHED
        ends = (
            pair_ends(zoo, first, second, align=align, method=method, canonical=canonical, data=source, seed=seed)
            if align
            else pair_ends(zoo, first, second, align=False, canonical=canonical)
        )
        seconds = time.perf_counter() - began
        walk = Walk(steps, split, align, repair, 1000, seed)
        curve = walked(zoo, (first, second), source, name, ends, walk)
        rows.append(
            {
                "method": method,
                "objective": float(ends.weights[0].double() @ ends.weights[1].double()),
                "seconds": seconds if align else 0.0,
                "barrier": curve.height,
                "accuracy_half_way": float(curve.accuracies[len(curve.accuracies) // 2]),
            }
        )
    ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
    recipe = Recipe.of(
        "compare_methods",
        inputs={"zoo": zoo.fingerprint},
        arguments={
            "first": ids[0],
            "second": ids[1],
            "dataset": name,
            "methods": list(methods),
            "canonical": canonical,
            "repair": repair,
            "split": split,
            "steps": steps,
        },
        seed=seed,
        python=f"wx.compare_methods(zoo, {first}, {second}, {name!r}, methods={tuple(methods)!r}, "
        f"canonical={canonical!r}, repair={repair!r}, seed={seed})",
    )
    return MethodComparison(ids[0], ids[1], pd.DataFrame(rows), recipe)
