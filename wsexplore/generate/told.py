"""What the table and the recipe of sampled networks say."""

import shlex
from typing import TYPE_CHECKING, Any

from wsexplore.generate.solver import SOLVER, TOLERANCE
from wsexplore.zoo import Recipe

if TYPE_CHECKING:
    from wsexplore.generate.flow import WeightFlow

OPEN = 1.0
"""Guidance at which a condition is followed as it was learnt."""


def told(
    flow: "WeightFlow", rows: int, seed: int, trajectory: bool, chosen: dict[str, Any]
) -> tuple[dict[str, list[Any]], Recipe]:
    """The columns of the table of networks that were sampled with these arguments, and their recipe."""
    points = chosen["steps"] + 1 if trajectory else 1
    n = rows // points
    columns: dict[str, list[Any]] = {
        "id": [f"flow-{seed}-{i}" + (f"-{p}" if trajectory else "") for i in range(n) for p in range(points)],
        "run": [i for i in range(n) for _ in range(points)],
        "epoch": list(range(points)) * n,
    }
    same: dict[str, Any] = {"seed": seed, "steps": chosen["steps"], "solver": chosen["solver"]}
    same |= {"temperature": chosen["temperature"]}
    same |= {f"asked_{name}": value for name, value in chosen.get("condition", {}).items()}
    same |= {} if flow.dataset is None else {"dataset": flow.dataset}
    columns |= {name: [value] * rows for name, value in same.items()}
    return columns, _recipe(flow, n, seed, trajectory, chosen)


def _recipe(flow: "WeightFlow", n: int, seed: int, trajectory: bool, chosen: dict[str, Any]) -> Recipe:
    defaults = {"steps": flow.steps, "solver": SOLVER, "temperature": 1.0}
    defaults |= {"condition": {}, "guidance": OPEN, "tolerance": TOLERANCE, "trajectory": False}
    whole = {**defaults, **chosen, "trajectory": trajectory}
    changed = {name: value for name, value in whole.items() if value != defaults[name]}
    options = []
    for name, value in changed.items():
        if name == "condition":
            options += [f"--condition {shlex.quote(f'{column}={one}')}" for column, one in value.items()]
        else:
            options.append(f"--{name}" if name == "trajectory" else f"--{name} {value}")
    return Recipe.of(
        "sample",
        inputs={"flow": flow.fingerprint},
        arguments={"models": n, **whole},
        seed=seed,
        cli=" ".join([f"wsexplore flow sample FLOW --out ZOO --models {n} --seed {seed}", *options]),
        python=f"flow.sample({n}, seed={seed}" + "".join(f", {k}={v!r}" for k, v in changed.items()) + ")",
    )
