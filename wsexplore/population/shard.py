"""Train one shard: a stack of networks that share every matrix product."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture, architecture_from_dict, trust_factory
from wsexplore.population.task import stream_of
from wsexplore.population.trainer import Trainer
from wsexplore.zoo import full_disk_said

SHARED = ("activation", "optimizer", "batch_size")
"""Hyper-parameters that all networks of a shard have in common."""


BREATH = 0.3
"""Seconds after which a shard says that it is alive, so that it can be stopped."""


@dataclass(frozen=True, slots=True)
class TrainedShard:
    """Checkpoints of one shard.

    Attributes:
        weights: of every checkpoint.
        buffers: running statistics of every checkpoint.
        metrics: those of the task, of every checkpoint.
    """

    weights: Float[Tensor, "checkpoints models parameters"]
    buffers: Float[Tensor, "checkpoints models buffers"]
    metrics: Float[Tensor, "checkpoints models metrics"]

    def save(self, file: Path) -> None:
        """Write all three as safetensors."""
        with full_disk_said(file.name):
            save_file({name: getattr(self, name).contiguous() for name in ("weights", "buffers", "metrics")}, file)

    @classmethod
    def load(cls, file: Path) -> "TrainedShard":
        """What `save` wrote."""
        return cls(**load_file(file))


Said = Callable[[Mapping[str, Any]], None]


def train_to_file(arguments: Mapping[str, Any], file: Path, tell: Said) -> None:
    """The shard function of `train_zoo`.

    Says `{"networks", "epoch"}` after every epoch; where it is a checkpoint, with `"metrics"`, records of run, epoch
    and metrics.
    """
    networks, device = pd.DataFrame(arguments["networks"]), torch.device(arguments["device"])
    if device.type == "cpu":
        torch.set_num_threads(1)
    for factory in arguments["trusted"]:
        trust_factory(factory)
    base = architecture_from_dict(arguments["architecture"])
    own = base.with_row(**{name: networks[name].iloc[0] for name in base.row_fields if name in networks})
    draws = nullcontext() if own.runs_stacked(device.type) else _global_draws(networks)
    with draws, _products(device, tf32=arguments["precision"] == "tf32"):
        trained = train_shard(
            own,
            dataset(arguments["data"]),
            networks,
            checkpoints=tuple(arguments["checkpoints"]),
            device=device,
            precision=arguments["precision"],
            tell=tell,
        )
    trained.save(file)


@contextmanager
def _products(device: torch.device, *, tf32: bool) -> Iterator[None]:
    """On a GPU, the precision of products and convolutions, and the same algorithm every time; restored afterwards."""
    if device.type == "cpu":
        yield
        return
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _global_draws(networks: pd.DataFrame) -> Iterator[None]:
    """Dropout inside a module draws from torch's global generator; the first network's seed decides what."""
    with torch.random.fork_rng():
        torch.manual_seed(stream_of(int(networks["seed"].iloc[0]), 3))
        yield


def train_shard(
    architecture: Architecture,
    data: Dataset,
    networks: pd.DataFrame,
    *,
    checkpoints: tuple[int, ...],
    device: torch.device,
    precision: str = "float32",
    tell: Said = lambda words: None,
    start: tuple[Float[Tensor, "models parameters"], Float[Tensor, "models buffers"]] | None = None,
) -> TrainedShard:
    """Train the networks of a shard together, each with its own initialisation, order of samples and rates.

    Where the architecture `runs_stacked`, the result of a network depends on its own row and the device, not on the
    others in the shard.

    Args:
        architecture: of all networks, its `activation` already set.
        data: what they are trained on.
        networks: rows of `hyper_parameters`, equal in the columns of `SHARED`.
        checkpoints: epochs to keep, rising; 0 is the initialisation.
        device: where to train.
        precision: "float32", "tf32" or "bf16"; the last two change nothing on a CPU.
        tell: told after each epoch, and every `BREATH` seconds nothing; it may raise to cancel.
        start: weights and running statistics to go on from, in place of an initialisation.
    """
    trainer = Trainer(architecture, data, networks, device, precision, start)
    kept: list[tuple[Tensor, Tensor, Tensor]] = []
    told = monotonic()

    def breathe() -> None:
        nonlocal told
        if monotonic() - told > BREATH:
            tell({})
            told = monotonic()

    def keep(epoch: int) -> list[dict[str, Any]]:
        weights, buffers = trainer.state()
        metrics = trainer.task.measure(weights, buffers, breathe)
        kept.append((weights.cpu(), buffers.cpu(), metrics))
        rows = pd.DataFrame(metrics.double().numpy(), columns=list(trainer.task.metrics))
        rows = rows.assign(run=networks["run"].to_numpy(), epoch=epoch)
        return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]

    if 0 in checkpoints:
        tell({"networks": 0, "epoch": 0, "metrics": keep(0)})
    for epoch in range(1, max(checkpoints) + 1):
        for inputs, targets in trainer.task.steps():
            trainer.step(inputs, targets)
            breathe()
        said: dict[str, Any] = {"networks": len(networks), "epoch": epoch}
        tell({**said, "metrics": keep(epoch)} if epoch in checkpoints else said)
    return TrainedShard(*(torch.stack(values) for values in zip(*kept, strict=True)))
