"""Matching methods side by side: how far each climbs, how long it takes, and what is left of the barrier."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from wsexplore.align import METHODS
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.barrier import walked
from wsexplore.landscape.ends import pair_ends
from wsexplore.landscape.route import Route, barrier_recipe, names_of
from wsexplore.landscape.told import quoted, told
from wsexplore.landscape.walk import CALIBRATION, Walk, within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo

QUICK = ("weights", "frank-wolfe", "auto", "activations", "inner-products")
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
    calibration: int = CALIBRATION,
    steps: int = 11,
    split: str = "test",
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> MethodComparison:
    """Match one pair by every method and walk the path that each leaves.

    Args:
        zoo: it holds both networks.
        first: row of the network that stays.
        second: row of the network that is matched.
        data: name of a data set, or the data set; methods that run the networks match on its training split.
        methods: names in `METHODS`.
        canonical: representative that rescaling brings both to first, matched or not.
        repair: of the networks between: "none", "reset" or "repair".
        calibration: samples of the training split that statistics are measured on.
        steps: networks on each path.
        split: "train" or "test", what they are judged on.
        seed: of the matching, and of the samples that statistics are measured on.
        device: "auto", "cpu" or "cuda"; units are matched on the CPU.
        on_step: told the share done, by the methods that take long many times; it may raise to cancel.

    Raises:
        ValueError: a word is unknown, there is no method, or what `barrier` refuses.
    """
    if not methods:
        raise ValueError(f"there is no method to compare; choose some of {', '.join(METHODS)}")
    walks = {
        UNMATCHED: Walk(steps, split, False, repair, calibration, seed, canonical=canonical),
        **{method: Walk(steps, split, True, repair, calibration, seed, method, canonical) for method in methods},
    }
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    target = device_of(device)
    rows, ids = [], names_of(zoo, (first, second))
    for place, (method, walk) in enumerate(walks.items()):
        telling = within(on_step, place / len(walks), (place + 1) / len(walks))
        matching = _said(telling, f"matching by {method}" if place else "the raw path", 0.0, 0.5)
        began = time.perf_counter()
        ends = pair_ends(zoo, first, second, **walk.matching, data=source, on_step=matching)
        seconds = time.perf_counter() - began
        judging = _said(telling, f"walking the path of {method}" if place else "the raw path", 0.5, 1.0)
        recipe = barrier_recipe(zoo, (first, second), name, walk)
        curve = walked(Route(ends.to(target), walk, source, ids, recipe, walk.align), on_step=judging)
        rows.append(
            {
                "method": method,
                "objective": float(ends.weights[0].double() @ ends.weights[1].double()),
                "seconds": seconds if walk.align else 0.0,
                "barrier": curve.height,
                "accuracy_half_way": float(curve.accuracies[len(curve.accuracies) // 2]),
            }
        )
    options: dict[str, Any] = {"canonical": canonical, "repair": repair}
    options |= {"calibration": calibration} if repair != "none" else {}
    options |= {"steps": steps, "split": split}
    words, flags = told(options)
    recipe = Recipe.of(
        "compare_methods",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": name, "methods": list(methods), **options},
        seed=seed,
        cli=f"wsexplore compare ZOO {quoted(ids)} --dataset {name} --methods {','.join(methods)} {flags} --seed {seed}",
        python=f"wx.compare_methods(zoo, {first}, {second}, {name!r}, methods={tuple(methods)!r}, {words}, "
        f"seed={seed})",
    )
    return MethodComparison(ids[0], ids[1], pd.DataFrame(rows), recipe)


def _said(on_step: OnStep, words: str, low: float, high: float) -> OnStep:
    """Tells what is being done before what it is told."""
    return within(lambda fraction, message: on_step(fraction, f"{words}: {message}"), low, high)
