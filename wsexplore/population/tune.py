"""Train the networks of a zoo further, all of them in one table: what an initialisation is worth."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from wsexplore.datasets import dataset
from wsexplore.population.plan import Plan, check_fit, checkpoints_of, networks_of
from wsexplore.population.shard import TrainedShard, train_shard
from wsexplore.population.stack import networks_per_shard
from wsexplore.population.steps import CORES, OnStep, device_of
from wsexplore.population.train import assemble
from wsexplore.population.vary import plain_number
from wsexplore.zoo import Recipe, Zoo


def fine_tune(
    zoo: Zoo,
    data: str,
    *,
    epochs: int = 5,
    checkpoints: Iterable[int] | None = None,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
    **fixed: Any,
) -> Zoo:
    """Every network of a zoo trained further on a data set.

    Network `i` goes on from row `i`, with its own order of samples; the optimiser starts anew. Training from scratch
    with the same budget is `train_zoo` with the same arguments.

    Args:
        zoo: the networks to start from, of one architecture.
        data: name of the data set.
        epochs: passes over the training split.
        checkpoints: epochs whose weights become rows, 0 being the start; by default the start and every epoch.
        seed: of the orders of samples.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done; it may raise to cancel.
        fixed: hyper-parameters that all networks share, for example `lr=1e-3`.

    Returns:
        The checkpoints, ordered by run and epoch. Run `i` began as row `i` of `zoo`, whose id is in the column `start`.

    Raises:
        ValueError: the zoo is empty or of several architectures, an argument is out of range, or the data set does not
            fit.
    """
    if len(zoo) == 0:
        raise ValueError("the zoo is empty; give at least one network to train further")
    groups = zoo.groups()
    if len(groups) > 1:
        raise ValueError(f"the networks differ in {', '.join(zoo.architecture.row_fields)}; select one kind first")
    base, source = groups[0][0], dataset(data)
    fixed = {name: plain_number(value) for name, value in fixed.items()}
    networks = networks_of(
        base, source, len(zoo), vary=None, design="random", seeds=None, seed=seed, shared_init=False, fixed=fixed
    )
    target = device_of(device)
    kept = checkpoints_of(range(epochs + 1) if checkpoints is None and isinstance(epochs, int) else checkpoints, epochs)
    plan = Plan(base, source, networks, kept, target, "float32", networks_per_shard(base, target.type))
    check_fit(plan)
    tuned = assemble(plan, _trained(plan, zoo, on_step), _recipe(zoo, data, epochs, kept, seed, fixed))
    starts = zoo.table["id"].to_numpy()[tuned.table["run"].to_numpy()]
    return tuned.with_table(tuned.table.drop(columns="init", errors="ignore").assign(start=starts))


def _trained(plan: Plan, zoo: Zoo, on_step: OnStep | None) -> list[tuple[Any, TrainedShard]]:
    """Every shard trained from its rows of the zoo, one after the other."""
    total, done, found = len(plan.networks) * plan.checkpoints[-1], 0, []
    torch.set_num_threads(1 if plan.device.type == "cpu" else CORES)
    try:
        for begin, shard in zip(range(0, len(plan.networks), plan.stack), plan.shards(), strict=True):
            rows = range(begin, min(begin + plan.stack, len(plan.networks)))

            def tell(words: Mapping[str, Any]) -> None:
                nonlocal done
                done += int(words.get("networks", 0))
                if on_step is not None:
                    on_step(done / max(1, total), f"{done:,} of {total:,} network epochs")

            start = zoo.rows(rows).float(), zoo.buffer_rows(rows).float()
            networks = plan.networks.iloc[rows.start : rows.stop].reset_index(drop=True)
            found.append(
                (
                    shard,
                    train_shard(
                        plan.architecture,
                        plan.data,
                        networks,
                        checkpoints=plan.checkpoints,
                        device=plan.device,
                        tell=tell,
                        start=start,
                    ),
                )
            )
    finally:
        torch.set_num_threads(CORES)
    return found


def _recipe(
    zoo: Zoo, data: str, epochs: int, checkpoints: tuple[int, ...], seed: int, fixed: Mapping[str, Any]
) -> Recipe:
    keywords = "".join(f", {name}={value!r}" for name, value in fixed.items())
    return Recipe.of(
        "fine_tune",
        inputs={"zoo": zoo.fingerprint},
        arguments={"dataset": data, "epochs": epochs, "checkpoints": list(checkpoints), **fixed},
        seed=seed,
        python=f"wx.fine_tune(zoo, {data!r}, epochs={epochs}, checkpoints={list(checkpoints)}, seed={seed}{keywords})",
    )
