"""Networks that are asked for one word after the other: row by row a network of every class, from the same noise."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo, concat

Turn = tuple[tuple[str, str], ...]
"""What is asked for in turn: column and value, the column always the same."""


def in_turn(
    sample: Callable[[int, tuple[str, str], OnStep], Zoo],
    turn: Turn,
    count: int,
    on_step: OnStep,
    *,
    seed: int,
    request: dict[str, Any],
) -> Zoo:
    """`count` networks; network i is asked for value i modulo the number of values.

    All values have the same noise: networks i and i + 1 differ in what was asked alone, but for the last value and the
    first. The first networks of more are the same networks.

    Args:
        sample: gives so many networks of one value, or all points of their ways.
        turn: what is asked for.
        count: networks of all values together.
        on_step: told the share done; it may raise to cancel.
        seed: of the noise.
        request: the other arguments of `flow.sample`, for the recipe.
    """
    made, numbers = list[Zoo](), list[np.ndarray]()
    for place, pair in enumerate(turn[:count]):
        own = range(place, count, len(turn))
        zoo = sample(len(own), pair, _part_of(on_step, place, min(count, len(turn)), pair))
        made.append(zoo)
        numbers.append(np.repeat(np.array(own), len(zoo) // len(own)))
    every = np.concatenate(numbers)
    order = np.argsort(every, kind="stable")
    joined = concat(made).select(order)
    ways = len(every) > count
    table = joined.table
    names = [
        f"flow-{seed}-{network}" + (f"-{point}" if ways else "")
        for network, point in zip(every[order], table["epoch"], strict=True)
    ]
    recipe = Recipe.of(
        "sample_in_turn",
        inputs=dict(made[0].recipe.inputs),
        arguments={"models": count, "turn": [list(pair) for pair in turn], **request},
        seed=seed,
        python="\n".join([*turn_lines(turn, request), f"in_turn({count}, {seed})"]),
    )
    told = table.assign(id=names, run=every[order])
    return Zoo.from_weights(joined.architecture, joined.weights, told, recipe, joined.buffers)


def turn_lines(turn: Turn, request: dict[str, Any]) -> list[str]:
    """Python that defines `in_turn(n, seed)`, the same without the app."""
    column, condition = turn[0][0], request.get("condition", {})
    others = ", ".join(f"{name}={value!r}" for name, value in request.items() if name not in ("condition", "seed"))
    asked = ", ".join([*(f"{name!r}: {value!r}" for name, value in condition.items()), f"{column!r}: word"])
    return [
        f"words = {[value for _, value in turn]!r}",
        "def in_turn(n, seed):",
        f"    own = [range(k, n, {len(turn)}) for k in range({len(turn)})][:n]",
        f"    parts = [flow.sample(len(rows), seed=seed, {others}, condition={{{asked}}})",
        "             for word, rows in zip(words, own)]",
        "    return wx.concat(parts).select(np.argsort(np.concatenate(own)))",
    ]


def _part_of(on_step: OnStep, place: int, parts: int, pair: tuple[str, str]) -> OnStep:
    column, value = pair
    return lambda share, message: on_step((place + share) / parts, f"{column.replace('_', ' ')} {value}: {message}")
