"""Train a whole zoo: many networks at once, resumable, the same bits however it is cut into shards."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture, architecture
from wsexplore.population.partial import Partial
from wsexplore.population.shard import METRICS, SHARED, TrainedShard, train_shard
from wsexplore.population.steps import OnStep, device_of
from wsexplore.population.vary import Vary, hyper_parameters, is_range
from wsexplore.zoo import Recipe, Zoo

SHARD = {"cpu": 64, "cuda": 4096}
"""Networks per shard. On a CPU 64 small networks fit the cache (measured: `benchmarks/train.py`)."""


@dataclass(frozen=True, slots=True)
class _Plan:
    architecture: Architecture
    data: Dataset
    networks: pd.DataFrame
    checkpoints: tuple[int, ...]
    device: torch.device


class _Cancelled(Exception):
    """Raised inside a worker when the caller gave up."""


def train_zoo(
    arch: str | Architecture,
    data: str,
    *,
    models: int = 100,
    epochs: int = 30,
    vary: Vary | None = None,
    seed: int = 0,
    checkpoints: Sequence[int] | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    shard: int | None = None,
    on_step: OnStep | None = None,
    config: dict[str, Any] | None = None,
    **fixed: Any,
) -> Zoo:
    """Train `models` networks of one architecture on one data set.

    Every network has its own seed, initialisation, order of samples and hyper-parameters. The same arguments give
    the same bits on the same device, whatever `shard` is and however often the work was interrupted.

    Args:
        arch: a registered name (with `config`) or an `Architecture`.
        data: name of the data set.
        models: number of networks (runs).
        epochs: passes over the training split.
        vary: hyper-parameters that differ between networks; see `hyper_parameters`.
        seed: of the whole population.
        checkpoints: epochs whose weights become rows, 0 being the initialisation; by default only the last.
        device: "auto", "cpu" or "cuda".
        out: folder of the zoo to write. Finished shards are kept beside it until all are done, so the same
            call goes on after a kill.
        shard: networks trained together; by default chosen for the device.
        on_step: told the share done; it may raise to cancel.
        config: fields of the architecture when `arch` is a name.
        fixed: hyper-parameters that all networks share, for example `lr=1e-3`.

    Returns:
        The zoo, ordered by run and epoch. A checkpoint whose weights are no longer finite is left out.

    Raises:
        ValueError: an argument is out of range, the data set does not fit the architecture, or every network
            diverged.
    """
    base = arch if isinstance(arch, Architecture) else architecture(arch, **(config or {}))
    if "activation" not in fixed and "activation" not in (vary or {}) and "activation" in base.config:
        fixed["activation"] = base.config["activation"]
    networks = hyper_parameters(models, vary=vary, seed=seed, **fixed)
    kept = _checkpoints(checkpoints, epochs)
    plan = _Plan(base, dataset(data), networks, kept, device_of(device))
    base.forward(torch.zeros(1, base.layout.size), plan.data.test.inputs[:1])
    recipe = _recipe(base, data, models, epochs, vary, seed, kept, fixed)
    shards = _shards(networks, SHARD[plan.device.type] if shard is None else shard)
    with Partial.beside(out, recipe, plan.device.type) as partial:
        results = _run(plan, shards, partial, on_step)
        zoo = _assemble(plan, shards, results, recipe, data)
        if out is None:
            return zoo
        zoo.save(out)
        partial.discard()
    return Zoo.open(out)


def _checkpoints(checkpoints: Sequence[int] | None, epochs: int) -> tuple[int, ...]:
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"training takes a whole number of epochs, at least 1, got {epochs}")
    kept = tuple(sorted(set(checkpoints))) if checkpoints is not None else (epochs,)
    if not kept or kept[0] < 0 or kept[-1] > epochs:
        raise ValueError(f"checkpoints are epochs from 0 to {epochs}, got {list(checkpoints or [])}")
    return kept


def _recipe(
    base: Architecture,
    data: str,
    models: int,
    epochs: int,
    vary: Vary | None,
    seed: int,
    checkpoints: tuple[int, ...],
    fixed: dict[str, Any],
) -> Recipe:
    varied = {
        name: list(values) if isinstance(values, list) else tuple(values) for name, values in (vary or {}).items()
    }
    options = [f"--models {models}", f"--epochs {epochs}", f"--seed {seed}"]
    options += [f"--checkpoints {','.join(map(str, checkpoints))}"]
    options += [f"--set {name}={value}" for name, value in fixed.items()]
    options += [
        f"--vary {name}={'..'.join(map(repr, values))}"
        if is_range(values)
        else f"--vary {name}={','.join(map(str, values))}"
        for name, values in varied.items()
    ]
    options += [
        f"--config {name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in base.config.items()
    ]
    keywords = "".join(f", {name}={value!r}" for name, value in fixed.items())
    return Recipe.of(
        "train_zoo",
        arguments={
            "architecture": base.to_dict(),
            "dataset": data,
            "models": models,
            "epochs": epochs,
            "checkpoints": list(checkpoints),
            "vary": {name: {"range" if is_range(v) else "values": list(v)} for name, v in varied.items()},
            **fixed,
        },
        seed=seed,
        cli=f"wsexplore zoo train {base.name} {data} --out ZOO {' '.join(options)}",
        python=(
            f"wx.train_zoo({base.name!r}, {data!r}, models={models}, epochs={epochs}, vary={varied!r}, seed={seed}, "
            f"checkpoints={list(checkpoints)}, config={base.config!r}{keywords})"
        ),
    )


def _shards(networks: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    """Rows cut into stacks of at most `size` that agree in the columns of `SHARED`."""
    if size < 1:
        raise ValueError(f"a shard holds at least 1 network, got {size}")
    return [
        group.iloc[start : start + size]
        for _, group in networks.groupby(list(SHARED), sort=True)
        for start in range(0, len(group), size)
    ]


def _run(plan: _Plan, shards: list[pd.DataFrame], partial: Partial, on_step: OnStep | None) -> list[TrainedShard]:
    """All shards, finished ones read back; on a CPU as many at once as torch has threads, one thread each."""
    workers = torch.get_num_threads() if plan.device.type == "cpu" else 1
    stop, lock, epochs = threading.Event(), threading.Lock(), [0]
    total = len(plan.networks) * max(1, plan.checkpoints[-1])

    def one(networks: pd.DataFrame) -> TrainedShard:
        def on_epoch(epoch: int) -> None:
            if stop.is_set():
                raise _Cancelled
            with lock:
                epochs[0] += len(networks)

        if (found := partial.read(networks)) is not None:
            with lock:
                epochs[0] += len(networks) * plan.checkpoints[-1]
            return found
        if stop.is_set():
            raise _Cancelled
        torch.set_num_threads(1 if plan.device.type == "cpu" else workers)
        base = plan.architecture
        shared = {name: networks[name].iloc[0] for name in base.row_fields if name in networks}
        result = train_shard(
            base.with_row(**shared),
            plan.data,
            networks,
            checkpoints=plan.checkpoints,
            device=plan.device,
            on_epoch=on_epoch,
        )
        partial.write(networks, result)
        return result

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        futures: list[Future[TrainedShard]] = [pool.submit(one, networks) for networks in shards]
        try:
            pending = set(futures)
            while pending:
                finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                if on_step is not None:
                    on_step(epochs[0] / total, f"{epochs[0]:,} of {total:,} network epochs")
        finally:
            stop.set()
            for future in futures:
                future.cancel()
            torch.set_num_threads(threads)
    return [future.result() for future in futures]


def _assemble(plan: _Plan, shards: list[pd.DataFrame], results: list[TrainedShard], recipe: Recipe, data: str) -> Zoo:
    """One zoo, ordered by run and epoch; checkpoints of networks that diverged to infinity are left out."""
    tables, weights = [], []
    for networks, result in zip(shards, results, strict=True):
        for place, epoch in enumerate(plan.checkpoints):
            metrics = pd.DataFrame(result.metrics[place].numpy().astype(float), columns=list(METRICS))
            table = networks.reset_index(drop=True).assign(epoch=epoch, dataset=data)
            tables.append(pd.concat([table, metrics], axis=1))
            weights.append(result.weights[place])
    table = pd.concat(tables, ignore_index=True)
    table["generalization_gap"] = table["train_accuracy"] - table["test_accuracy"]
    order = table.sort_values(["run", "epoch"], kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    table.insert(0, "id", [f"r{run:05d}e{epoch:03d}" for run, epoch in zip(table["run"], table["epoch"], strict=True)])
    stacked = torch.cat(weights)[torch.from_numpy(order.to_numpy().copy())]
    finite = stacked.isfinite().all(1)
    if not finite.any():
        raise ValueError("every network diverged; choose smaller learning rates")
    table = table[finite.numpy()].reset_index(drop=True)
    return Zoo.from_weights(plan.architecture, stacked[finite], table=table, recipe=recipe)
