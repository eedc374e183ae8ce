"""The recipe of a training: the command and the expression that do it again."""

import shlex
from collections.abc import Mapping
from typing import Any

from wsexplore.population.plan import Plan
from wsexplore.population.vary import Vary, is_range
from wsexplore.zoo import Recipe, config_flags

DEFAULTS: Mapping[str, Any] = {
    "design": "random",
    "seeds": None,
    "shared_init": False,
    "precision": "float32",
    "shard": None,
}
"""Options that a recipe names only where they differ from these."""


def recipe_of(
    plan: Plan,
    models: int,
    epochs: int,
    vary: Vary,
    seed: int,
    options: Mapping[str, Any],
    fixed: Mapping[str, Any],
) -> Recipe:
    """How `train_zoo` made its zoo; a shard is named only where the result depends on it."""
    base, data, checkpoints = plan.architecture, plan.data.name, list(plan.checkpoints)
    varied = {name: list(values) if isinstance(values, list) else tuple(values) for name, values in vary.items()}
    unlike = {name: value for name, value in options.items() if value != DEFAULTS[name]}
    if base.runs_stacked(plan.device.type):
        unlike.pop("shard", None)
    flags = [f"--models {models}", f"--epochs {epochs}", f"--seed {seed}"]
    flags += [f"--checkpoints {','.join(map(str, checkpoints))}"]
    flags += [f"--set {shlex.quote(f'{name}={value}')}" for name, value in fixed.items()]
    flags += [
        f"--vary {name}={'..'.join(map(repr, values)) if is_range(values) else ','.join(map(str, values))}"
        for name, values in varied.items()
    ]
    factory = base.config.get("factory")
    flags += [f"--factory {shlex.quote(factory)}"] if factory else []
    flags += config_flags({name: value for name, value in base.config.items() if name != "factory"})
    flags += [f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in unlike.items()]
    keywords = "".join(f", {name}={value!r}" for name, value in {**unlike, **fixed}.items())
    return Recipe.of(
        "train_zoo",
        arguments={
            "architecture": base.to_dict(),
            "dataset": data,
            "models": models,
            "epochs": epochs,
            "checkpoints": checkpoints,
            "vary": {name: {"range" if is_range(v) else "values": list(v)} for name, v in varied.items()},
            **unlike,
            **fixed,
        },
        seed=seed,
        cli=f"wsexplore zoo train {base.name} {shlex.quote(data)} --out ZOO {' '.join(flags)}",
        python=(f"wsexplore.nets.trust_factory({factory!r}); " if factory else "")
        + (
            f"wx.train_zoo({base.name!r}, {data!r}, models={models}, epochs={epochs}, vary={varied!r}, seed={seed}, "
            f"checkpoints={checkpoints}, config={base.config!r}{keywords})"
        ),
    )
