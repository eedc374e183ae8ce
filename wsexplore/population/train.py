"""Train a whole zoo: many networks at once, resumable, the same bits however it is cut into shards."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from wsexplore.datasets import dataset
from wsexplore.engine import Ledger, Shard, run_shards
from wsexplore.nets import Architecture, architecture
from wsexplore.population.plan import Plan, check_fit, checkpoints_of, networks_of
from wsexplore.population.recipe import recipe_of
from wsexplore.population.shard import TrainedShard
from wsexplore.population.stack import check_precision, networks_per_shard
from wsexplore.population.steps import CORES, OnStep, device_of
from wsexplore.population.task import metrics_of
from wsexplore.population.vary import Vary, plain_number, plain_numbers
from wsexplore.zoo import Recipe, Zoo, check_target

OnMetrics = Callable[[pd.DataFrame], None]
"""Called with rows of run, epoch and metrics as soon as checkpoints are reached."""


def train_zoo(
    arch: str | Architecture,
    data: str,
    *,
    models: int | None = None,
    epochs: int = 30,
    vary: Vary | None = None,
    design: str = "random",
    seeds: int | None = None,
    seed: int = 0,
    shared_init: bool = False,
    checkpoints: Iterable[int] | None = None,
    device: str = "auto",
    precision: str = "float32",
    out: str | Path | None = None,
    shard: int | None = None,
    on_step: OnStep | None = None,
    on_metrics: OnMetrics | None = None,
    config: dict[str, Any] | None = None,
    **fixed: Any,
) -> Zoo:
    """Train `models` networks of one architecture on one data set.

    Every network has its own seed, initialisation, order of samples and hyper-parameters. The same arguments give
    the same bits on the same CPU, however often the work was interrupted, and, where the architecture
    `runs_stacked`, whatever `shard` is. A field (for example "siren") is fitted to one image each: network `i` to
    image `i` of the data set, training split first; an epoch is then one step over all pixels.

    Args:
        arch: a registered name (with `config`) or an `Architecture`.
        data: name of the data set.
        models: number of networks (runs); by default 100, and one for every image for fields.
        epochs: passes over the training split.
        vary: hyper-parameters that differ between networks; see `hyper_parameters`.
        design: "random" or "grid"; see `hyper_parameters`.
        seeds: number of different seeds; by default every network has its own.
        seed: of the whole population.
        shared_init: whether all networks start from the same weights.
        checkpoints: epochs whose weights become rows, 0 being the initialisation; by default only the last.
        device: "auto", "cpu" or "cuda".
        precision: of the products on a GPU: "float32", "tf32" or "bf16".
        out: folder of the zoo to write. Finished shards are kept beside it until all are done, so the same
            call goes on after a kill.
        shard: networks trained together; by default chosen for architecture and device.
        on_step: told the share done; it may raise to cancel.
        on_metrics: told the metrics of checkpoints as they are reached.
        config: fields of the architecture when `arch` is a name.
        fixed: hyper-parameters that all networks share, for example `lr=1e-3`.

    Returns:
        The zoo, ordered by run and epoch. A checkpoint whose weights are no longer finite is left out. The table holds
        the hyper-parameters and `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`, `generalization_gap`
        (loss in nats); for fields `sample`, `label`, `mse` and `psnr` (dB).

    Raises:
        ValueError: an argument is out of range, the data set does not fit the architecture, or every network
            diverged.
    """
    base = arch if isinstance(arch, Architecture) else architecture(arch, **(config or {}))
    fixed = {name: plain_number(value) for name, value in fixed.items()}
    vary = {name: plain_numbers(values) for name, values in vary.items()} if isinstance(vary, Mapping) else vary
    source = dataset(data)
    if models is None:
        models = len(source.train) + len(source.test) if base.task == "field" else 100
    networks = networks_of(
        base, source, models, vary=vary, design=design, seeds=seeds, seed=seed, shared_init=shared_init, fixed=fixed
    )
    plan = Plan(
        base,
        source,
        networks,
        checkpoints_of(checkpoints, epochs),
        device_of(device),
        check_precision(precision),
        networks_per_shard(base, device_of(device).type) if shard is None else shard,
    )
    check_fit(plan)
    options = {"design": design, "seeds": seeds, "shared_init": shared_init, "precision": precision, "shard": shard}
    recipe = recipe_of(plan, models, epochs, vary or {}, seed, options, fixed)
    folder = None
    if out is not None:
        target = check_target(out)
        folder = target.with_name(f"{target.name}.partial")
    with Ledger.open(folder, {**recipe.to_dict(), "device": plan.device.type}) as ledger:
        results = _run(plan, ledger, on_step, on_metrics)
        zoo = assemble(plan, results, recipe)
        if out is None:
            return zoo
        zoo.save(out)
        ledger.discard()
    return Zoo.open(out)


@dataclass(slots=True)
class _Progress:
    """How far the shards are, as they say it from their own threads."""

    plan: Plan
    results: dict[str, Path]
    done: int = 0
    news: list[pd.DataFrame] = field(default_factory=list)

    def hear(self, shard: Shard, words: Mapping[str, Any]) -> None:
        """What a shard says, or that it was found finished."""
        if words.get("found"):
            self.done += len(shard.arguments["networks"]) * self.plan.checkpoints[-1]
            trained = TrainedShard.load(self.results[shard.name])
            self.news += [rows for _, rows in _rows(self.plan, shard, trained)]
            return
        self.done += int(words.get("networks", 0))
        if "metrics" in words:
            self.news.append(pd.DataFrame(words["metrics"]))


def _run(
    plan: Plan, ledger: Ledger, on_step: OnStep | None, on_metrics: OnMetrics | None
) -> list[tuple[Shard, TrainedShard]]:
    """All shards, finished ones read back; on a CPU as many at once as torch has threads, one thread each."""
    shards, on_cpu = plan.shards(), plan.device.type == "cpu"
    progress = _Progress(plan, {shard.name: ledger.file(shard) for shard in shards})
    total = len(plan.networks) * max(1, plan.checkpoints[-1])

    def tick() -> None:
        if on_step is not None:
            on_step(progress.done / total, f"{progress.done:,} of {total:,} network epochs")
        if on_metrics is not None and progress.news:
            heard, progress.news = progress.news, []
            columns = ["run", "epoch", *metrics_of(plan.architecture)]
            on_metrics(pd.concat(heard, ignore_index=True)[columns])

    try:
        run_shards(
            "wsexplore.population.shard:train_to_file",
            shards,
            ledger,
            workers=CORES if on_cpu else 1,
            mode="processes" if on_cpu and not plan.architecture.runs_stacked("cpu") else "threads",
            on_tell=progress.hear,
            on_tick=tick,
        )
    finally:
        torch.set_num_threads(CORES)
    tick()
    return [(shard, TrainedShard.load(ledger.file(shard))) for shard in shards]


def _rows(plan: Plan, shard: Shard, trained: TrainedShard) -> list[tuple[int, pd.DataFrame]]:
    """Of each checkpoint its place in the shard, and its rows with metrics."""
    networks = pd.DataFrame(shard.arguments["networks"])
    found = []
    for place, epoch in enumerate(plan.checkpoints):
        metrics = pd.DataFrame(trained.metrics[place].double().numpy(), columns=list(metrics_of(plan.architecture)))
        table = networks.assign(epoch=epoch, dataset=plan.data.name)
        found.append((place, pd.concat([table, metrics], axis=1)))
    return found


def assemble(plan: Plan, results: list[tuple[Shard, TrainedShard]], recipe: Recipe) -> Zoo:
    """One zoo, ordered by run and epoch; checkpoints of networks that diverged to infinity are left out."""
    tables, weights, buffers = [], [], []
    for shard, trained in results:
        for place, rows in _rows(plan, shard, trained):
            tables.append(rows)
            weights.append(trained.weights[place])
            buffers.append(trained.buffers[place])
    table = pd.concat(tables, ignore_index=True)
    if "train_accuracy" in table:
        table["generalization_gap"] = table["train_accuracy"] - table["test_accuracy"]
    order = table.sort_values(["run", "epoch"], kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    table.insert(0, "id", [f"r{run:05d}e{epoch:03d}" for run, epoch in zip(table["run"], table["epoch"], strict=True)])
    places = torch.from_numpy(order.to_numpy().copy())
    stacked, statistics = torch.cat(weights)[places], torch.cat(buffers)[places]
    finite = stacked.isfinite().all(1) & statistics.isfinite().all(1)
    if not finite.any():
        raise ValueError("every network diverged; choose smaller learning rates")
    return Zoo.from_weights(
        plan.architecture,
        stacked[finite],
        table=table[finite.numpy()].reset_index(drop=True),
        recipe=recipe,
        buffers=statistics[finite],
    )
