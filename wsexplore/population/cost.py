"""What a training will cost, measured on a few of its steps."""

import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pandas as pd
import torch

from wsexplore.datasets import dataset
from wsexplore.nets import Architecture, architecture
from wsexplore.population.plan import Plan, check_fit, checkpoints_of, networks_of
from wsexplore.population.stack import check_precision, networks_per_shard
from wsexplore.population.steps import CORES, device_of
from wsexplore.population.trainer import Trainer

STEPS = 3
"""Steps that are timed, after one that is not."""

JUDGED = 256
"""Samples whose evaluation is timed."""

COUNTED = 20_000
"""Networks whose shards are counted; beyond, they are scaled."""

STARTING = 4.0
"""Seconds until a worker process has loaded its libraries."""


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What to expect of a training.

    Attributes:
        seconds: until it ends, on this machine as it is loaded now, as if every shard were like the largest.
        bytes: of the zoo's weights on disk.
    """

    seconds: float
    bytes: int


def training_cost(
    arch: str | Architecture,
    data: str,
    *,
    models: int | None = None,
    epochs: int = 30,
    checkpoints: Any = None,
    device: str = "auto",
    shard: int | None = None,
    config: dict[str, Any] | None = None,
    **options: Any,
) -> TrainingCost:
    """The cost of `train_zoo` with the same arguments, from a few steps of its largest shard.

    Raises:
        ValueError: what `train_zoo` would raise for these arguments.
    """
    base = arch if isinstance(arch, Architecture) else architecture(arch, **(config or {}))
    source, target = dataset(data), device_of(device)
    images = len(source.train) + len(source.test)
    number = models if models is not None else (images if base.task == "field" else 100)
    asked = {
        name: options.pop(name, default) for name, default in (("vary", None), ("design", "random"), ("seeds", None))
    }
    seed, shared = options.pop("seed", 0), options.pop("shared_init", False)
    precision = check_precision(options.pop("precision", "float32"))
    for name in ("out", "on_step", "on_metrics"):
        options.pop(name, None)
    kept = checkpoints_of(checkpoints, epochs)
    stack = networks_per_shard(base, target.type) if shard is None else shard
    counted = min(number, COUNTED) if isinstance(number, int) else number
    networks = networks_of(base, source, counted, **asked, seed=seed, shared_init=shared, fixed=options)
    plan = Plan(base, source, networks, kept, target, precision, stack)
    check_fit(plan)
    shards = plan.shards()
    largest = max(shards, key=lambda part: len(part.arguments["networks"]))
    try:
        torch.set_num_threads(1 if target.type == "cpu" else CORES)
        step, judge = _measured(plan, pd.DataFrame(largest.arguments["networks"]))
    finally:
        torch.set_num_threads(CORES)
    size = int(networks["batch_size"].iloc[0]) if "batch_size" in networks else 1
    per_epoch = 1 if base.task == "field" else -(-len(source.train) // size)
    workers = CORES if target.type == "cpu" else 1
    rounds = -(-len(shards) * number // (counted * workers)) if len(shards) > 1 else 1
    each = step * per_epoch * kept[-1] + judge * (1 if base.task == "field" else images / JUDGED) * len(kept)
    starting = 0.0 if base.runs_stacked(target.type) or target.type != "cpu" else STARTING
    values = base.layout.size + base.buffers.size
    return TrainingCost(starting + rounds * each, 4 * values * number * len(kept))


def _measured(plan: Plan, networks: pd.DataFrame) -> tuple[float, float]:
    """Seconds of one step of a shard, and of judging it on `JUDGED` samples."""
    trainer = Trainer(plan.architecture, plan.data, networks, plan.device, plan.precision)
    steps = list(islice(trainer.task.steps(), STEPS + 1))
    begun = time.perf_counter()
    for place, (inputs, targets) in enumerate(steps):
        if place == 1:
            begun = time.perf_counter()
        trainer.step(inputs, targets)
    seconds = (time.perf_counter() - begun) / max(1, len(steps) - 1)
    begun = time.perf_counter()
    samples = plan.data.test.inputs[:JUDGED]
    with torch.no_grad():
        weights, buffers = trainer.state()
        if plan.architecture.task == "field":
            trainer.task.measure(weights, buffers)
        else:
            plan.architecture.forward(weights, samples, buffers=buffers)
    return seconds, (time.perf_counter() - begun) * JUDGED / max(1, len(samples))
