"""Convolutional networks as lists of layers: one module that runs them, and one evaluator of many at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, no_type_check

import torch
from torch import Tensor, nn

from wsexplore.nets.architecture import Dropout
from wsexplore.nets.lanes import LANES, convolve, max_pool, to_lanes
from wsexplore.nets.mlp import ACTIVATIONS

IN_CACHE = 16
"""Samples that go through a stack at once, so that their activations stay in the cache (measured)."""

Kind = Literal["conv", "norm", "pool", "activation", "dropout", "flatten", "average", "linear"]


@dataclass(frozen=True, slots=True)
class Step:
    """One layer.

    Attributes:
        kind: what it does.
        name: path of its module in the network.
        inputs: channels or units that go in (conv, norm, linear).
        outputs: channels or units that come out (conv, linear).
        size: side of the kernel (conv) or of the square (pool).
        stride: of a convolution.
        padding: of a convolution.
    """

    kind: Kind
    name: str
    inputs: int = 0
    outputs: int = 0
    size: int = 1
    stride: int = 1
    padding: int = 0


class CNN(nn.Module):
    """Layers one after the other; the last gives the logits.

    Args:
        steps: the layers; those of one name share a module.
        activation: a name in `ACTIVATIONS`.
        dropout: chance that a unit is silent in training.
    """

    def __init__(self, steps: Sequence[Step], activation: str, dropout: float = 0.0):
        super().__init__()
        self.steps = tuple(steps)
        for step in self.steps:
            *above, last = step.name.split(".")
            home: nn.Module = self
            for part in above:
                if part not in home._modules:
                    home.add_module(part, nn.Module())
                home = home.get_submodule(part)
            if last not in home._modules:
                home.add_module(last, _module(step, activation, dropout))

    @no_type_check  # while its symmetry is traced, inputs and outputs are proxies of tensors
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `(batch, classes)` of images `(batch, channels, height, width)`."""
        x = inputs
        for step in self.steps:
            x = self.get_submodule(step.name)(x)
        return x


def _module(step: Step, activation: str, dropout: float) -> nn.Module:
    if step.kind == "conv":
        return nn.Conv2d(step.inputs, step.outputs, step.size, step.stride, step.padding)
    if step.kind == "linear":
        return nn.Linear(step.inputs, step.outputs)
    if step.kind == "norm":
        return nn.BatchNorm2d(step.inputs)
    if step.kind == "pool":
        return nn.MaxPool2d(step.size)
    if step.kind == "average":
        return nn.AdaptiveAvgPool2d(1)
    if step.kind == "dropout":
        return nn.Dropout(dropout)
    return nn.Flatten() if step.kind == "flatten" else ACTIVATIONS[activation]()


def forward_stack(
    steps: Sequence[Step], activation: str, parameters: Mapping[str, Tensor], inputs: Tensor, dropout: Dropout | None
) -> Tensor:
    """Logits `(models, batch, classes)` of a stack of networks without normalisation layers, on a CPU.

    Args:
        steps: the layers.
        activation: a name in `ACTIVATIONS`.
        parameters: `(models, *shape)` each.
        inputs: `(batch, channels, height, width)` shared by all, or `(models, batch, ...)`.
        dropout: factors for the units of each dropout layer; `None` leaves them alone.
    """
    models, own = len(next(iter(parameters.values()))), inputs.dim() == 5
    samples = inputs.shape[own]
    if samples > IN_CACHE and not torch.is_grad_enabled() and dropout is None:
        parts = torch.split(inputs, IN_CACHE, dim=int(own))
        return torch.cat([forward_stack(steps, activation, parameters, part, None) for part in parts], dim=1)
    stacks = {name: to_lanes(value) for name, value in parameters.items()}
    images = to_lanes(inputs) if own else None
    factors: list[list[Tensor]] = []
    logits = []
    for group in range(-(-models // LANES)):
        x = images[group] if images is not None else inputs.unsqueeze(-1).expand(*inputs.shape, LANES)
        dropped = 0
        for step in steps:
            if step.kind == "dropout":
                if dropout is None:
                    continue
                if group == 0:
                    factors.append(to_lanes(dropout(tuple(x.shape[:-1]))))
                x, dropped = x * factors[dropped][group], dropped + 1
            elif step.kind == "activation":
                x = ACTIVATIONS[activation]()(x)
            elif step.kind == "pool":
                x = max_pool(x, size=step.size)
            elif step.kind == "average":
                x = x.mean((2, 3), keepdim=True)
            elif step.kind == "flatten":
                x = x.reshape(len(x), -1, 1, 1, LANES)
            else:
                weight, bias = stacks[f"{step.name}.weight"][group], stacks[f"{step.name}.bias"][group]
                if step.kind == "linear":
                    weight = weight.reshape(*weight.shape[:2], 1, 1, LANES)
                if step.padding:
                    x = nn.functional.pad(x, (0, 0, *[step.padding] * 4))
                x = convolve(x, weight, bias, stride=step.stride)
        logits.append(x.reshape(len(x), -1, LANES))
    stacked: Tensor = torch.cat(logits, dim=-1)[..., :models].permute(2, 0, 1).contiguous()
    return stacked


def side_after(step: Step, side: int) -> int:
    """Height or width after a layer."""
    if step.kind == "conv":
        return (side + 2 * step.padding - step.size) // step.stride + 1
    return side // step.size if step.kind == "pool" else side


def flat_size(steps: Sequence[Step], shape: Sequence[int]) -> int:
    """Values of one image `(channels, height, width)` after these layers; 0 where nothing is left of it."""
    channels, *sides = shape
    for step in steps:
        channels = step.outputs if step.kind == "conv" else channels
        sides = [1 if step.kind == "average" else max(0, side_after(step, side)) for side in sides]
    return channels * math.prod(sides)
