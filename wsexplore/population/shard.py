"""Train one shard: a stack of networks that share every matrix product."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.population.optimizers import Rates, optimizer_step
from wsexplore.population.task import stream_of, task_of
from wsexplore.zoo import full_disk_said

SHARED = ("activation", "optimizer", "batch_size")
"""Hyper-parameters that all networks of a shard have in common."""

PART = 16
"""Samples of a batch that go through a stack of convolutional networks at once, so that activations stay in the cache
(measured: `benchmarks/train.py`)."""


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

    Says `{"networks", "epoch"}` after every epoch, with `"metrics"`, records of run, epoch and metrics, where the epoch is
    a checkpoint.
    """
    networks, device = pd.DataFrame(arguments["networks"]), torch.device(arguments["device"])
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments["precision"] == "tf32"
    base = architecture_from_dict(arguments["architecture"])
    own = base.with_row(**{name: networks[name].iloc[0] for name in base.row_fields if name in networks})
    with nullcontext() if own.runs_stacked(device.type) else _global_draws(networks):
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
        tell: told after each epoch; it may raise to cancel.
    """
    first = networks["init_seed"] if "init_seed" in networks else networks["seed"]
    start = torch.stack(
        [
            architecture.initial_weights(init=init, seed=stream_of(int(seed), 0))
            for init, seed in zip(networks["init"], first, strict=True)
        ]
    ).to(device)
    parameters = {name: value.clone().requires_grad_() for name, value in architecture.layout.unflatten(start).items()}
    still = architecture.initial_buffers().to(device).repeat(len(networks), 1)
    buffers = {name: value.clone() for name, value in architecture.buffers.unflatten(still).items()}
    moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in parameters.items()}
    rates = Rates(
        lr=_column(networks, "lr", device),
        weight_decay=_column(networks, "weight_decay", device),
        momentum=_column(networks, "momentum", device),
        decays=bool(networks["weight_decay"].any()),
    )
    dropout = _Dropout(networks, device) if "dropout" in networks else None
    task, optimizer = task_of(architecture, data, networks, device), str(networks["optimizer"].iloc[0])
    parted = device.type == "cpu" and len(architecture.input_shape) == 3 and architecture.runs_stacked("cpu")
    kept: list[tuple[Tensor, Tensor, Tensor]] = []

    def keep(epoch: int) -> list[dict[str, Any]]:
        weights = architecture.layout.flatten({name: value.detach() for name, value in parameters.items()})
        statistics = architecture.buffers.flatten(buffers) if buffers else still
        metrics = task.measure(weights, statistics)
        kept.append((weights.cpu(), statistics.cpu(), metrics))
        rows = pd.DataFrame(metrics.double().numpy(), columns=list(task.metrics))
        rows.insert(0, "epoch", epoch)
        rows.insert(0, "run", networks["run"].to_numpy())
        return rows.to_dict("records")

    if 0 in checkpoints:
        tell({"networks": 0, "epoch": 0, "metrics": keep(0)})
    step = 0
    for epoch in range(1, max(checkpoints) + 1):
        for inputs, targets in task.steps():
            step += 1
            batch = targets.shape[1]
            gradients: list[Tensor] = []
            for begin in range(0, batch, PART if parted else batch):
                part = slice(begin, begin + (PART if parted else batch))
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                    outputs = architecture.forward_parameters(
                        parameters,
                        inputs[:, part] if parted else inputs,
                        buffers,
                        training=True,
                        dropout=dropout,
                    )
                loss = task.loss(outputs.float(), targets[:, part] if parted else targets) / batch
                more = torch.autograd.grad(loss, list(parameters.values()))
                gradients = [a.add_(b) for a, b in zip(gradients, more, strict=True)] if gradients else list(more)
            with torch.no_grad():
                for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
                    optimizer_step(optimizer, value, gradient, moments[name], rates, step)
        said: dict[str, Any] = {"networks": len(networks), "epoch": epoch}
        tell({**said, "metrics": keep(epoch)} if epoch in checkpoints else said)
    return TrainedShard(*(torch.stack(values) for values in zip(*kept, strict=True)))


class _Dropout:
    """Factors for the units of a stack, from a generator of each network's own."""

    def __init__(self, networks: pd.DataFrame, device: torch.device):
        self._keep = [1 - float(rate) for rate in networks["dropout"]]
        self._draws = [torch.Generator().manual_seed(stream_of(int(seed), 3)) for seed in networks["seed"]]
        self._device = device

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        drawn = [
            torch.empty(shape).bernoulli_(keep, generator=draw).div_(keep)
            for keep, draw in zip(self._keep, self._draws, strict=True)
        ]
        return torch.stack(drawn).to(self._device)


def _column(networks: pd.DataFrame, name: str, device: torch.device) -> Tensor:
    return torch.tensor(networks[name].to_numpy(), dtype=torch.float32, device=device)
