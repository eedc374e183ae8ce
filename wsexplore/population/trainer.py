"""A stack of networks in training: their weights, and one step of all of them."""

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.nets import Architecture
from wsexplore.nets.cnn import IN_CACHE
from wsexplore.population.optimizers import Rates, optimizer_step
from wsexplore.population.task import stream_of, task_of


class Trainer:
    """Networks of one shard, each with its own initialisation, rates and dropout.

    Args:
        architecture: of all networks, its `activation` already set.
        data: what they are trained on.
        networks: rows of hyper-parameters, equal in those that a shard shares.
        device: where to train.
        precision: "float32", "tf32" or "bf16".
        start: weights and running statistics to go on from, in place of an initialisation.
    """

    def __init__(
        self,
        architecture: Architecture,
        data: Dataset,
        networks: pd.DataFrame,
        device: torch.device,
        precision: str = "float32",
        start: tuple[Float[Tensor, "models parameters"], Float[Tensor, "models buffers"]] | None = None,
    ):
        self.task = task_of(architecture, data, networks, device)
        self._architecture, self._device, self._precision = architecture, device, precision
        weights, buffers = start or _initial(architecture, networks)
        self._parameters = {
            n: value.clone().requires_grad_() for n, value in architecture.layout.unflatten(weights.to(device)).items()
        }
        self._buffers = {n: value.clone() for n, value in architecture.buffers.unflatten(buffers.to(device)).items()}
        self._moments = {n: (torch.zeros_like(value), torch.zeros_like(value)) for n, value in self._parameters.items()}
        self._optimizer = str(networks["optimizer"].iloc[0])
        self._rates = Rates(
            lr=_column(networks, "lr", device),
            weight_decay=_column(networks, "weight_decay", device),
            momentum=_column(networks, "momentum", device),
            decays=bool(networks["weight_decay"].any()),
        )
        self._dropout = _Dropout(networks, device) if "dropout" in networks else None
        self._parted = device.type == "cpu" and len(architecture.input_shape) == 3 and architecture.runs_stacked("cpu")
        self._steps = 0

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        """Move every network one step down the gradient of its mean loss over the batch."""
        self._steps += 1
        batch, gradients = targets.shape[1], list[Tensor]()
        size = IN_CACHE if self._parted else batch
        for begin in range(0, batch, size):
            part = slice(begin, begin + size)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
                outputs = self._architecture.forward_parameters(
                    self._parameters,
                    inputs[:, part] if size < batch else inputs,
                    self._buffers,
                    training=True,
                    dropout=self._dropout,
                )
            loss = self.task.loss(outputs.float(), targets[:, part]) / batch
            more = torch.autograd.grad(loss, list(self._parameters.values()))
            gradients = [a.add_(b) for a, b in zip(gradients, more, strict=True)] if gradients else list(more)
        with torch.no_grad():
            for (name, value), gradient in zip(self._parameters.items(), gradients, strict=True):
                optimizer_step(self._optimizer, value, gradient, self._moments[name], self._rates, self._steps)

    def state(self) -> tuple[Float[Tensor, "models parameters"], Float[Tensor, "models buffers"]]:
        """Weights and running statistics now."""
        layout, buffers = self._architecture.layout, self._architecture.buffers
        weights = layout.flatten({name: value.detach() for name, value in self._parameters.items()})
        return weights, buffers.flatten(self._buffers) if self._buffers else weights[:, :0]


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


def _initial(architecture: Architecture, networks: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Weights by the initialisation of each network, from a generator of its own, and statistics of none."""
    seeds = networks["init_seed"] if "init_seed" in networks else networks["seed"]
    weights = [
        architecture.initial_weights(init=init, seed=stream_of(int(seed), 0))
        for init, seed in zip(networks["init"], seeds, strict=True)
    ]
    return torch.stack(weights), architecture.initial_buffers().repeat(len(networks), 1)


def _column(networks: pd.DataFrame, name: str, device: torch.device) -> Tensor:
    return torch.tensor(networks[name].to_numpy(), dtype=torch.float32, device=device)
