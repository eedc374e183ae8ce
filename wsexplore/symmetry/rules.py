"""What each operation does to the axes of its inputs; one rule per operation, in one table.

A rule returns the axes of its result, or `None` where it cannot say, which fixes everything it touches.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from wsexplore.symmetry.axes import Axes, AxisTable

STATISTICS = ("running_mean", "running_var")
"""Buffers of a normalisation layer that hold one number per unit."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """One operation met on the way.

    Attributes:
        name: of the module, or of the function.
        module: `None` for functions.
        inputs: axes of every tensor that goes in.
        shape: of the result.
    """

    name: str
    module: nn.Module | None
    inputs: list[Axes]
    shape: tuple[int, ...]


Rule = Callable[[AxisTable, Ruled], Axes | None]


def _linear(table: AxisTable, op: Ruled) -> Axes | None:
    x, weight = op.inputs[0], table.parameters[f"{op.name}.weight"]
    table.join(weight.labels[1], x.labels[-1])
    _join_bias(table, op, weight.labels[0])
    return Axes(op.shape, (*x.labels[:-1], weight.labels[0]))


def _convolution(table: AxisTable, op: Ruled) -> Axes | None:
    x, weight = op.inputs[0], table.parameters[f"{op.name}.weight"]
    groups = getattr(op.module, "groups", 1)
    if groups == 1:
        table.join(weight.labels[1], x.labels[1])
    elif groups == x.shape[1] == weight.shape[0]:
        table.join(weight.labels[0], x.labels[1])
    else:
        return None
    _join_bias(table, op, weight.labels[0])
    table.fix(Axes(weight.shape[2:], weight.labels[2:]), "place in the kernel")
    space = table.fresh(op.shape[2:], "place in the image")
    return Axes(op.shape, (x.labels[0], weight.labels[0], *space.labels))


def _join_bias(table: AxisTable, op: Ruled, label: int) -> None:
    if (bias := table.parameters.get(f"{op.name}.bias")) is not None:
        table.join(label, bias.labels[0])


def _channel_norm(table: AxisTable, op: Ruled) -> Axes | None:
    return _norm(table, op, 1)


def _layer_norm(table: AxisTable, op: Ruled) -> Axes | None:
    if len(getattr(op.module, "normalized_shape", (0, 0))) != 1:
        return None
    return _norm(table, op, -1)


def _norm(table: AxisTable, op: Ruled, axis: int) -> Axes:
    x = op.inputs[0]
    for part in ("weight", "bias", *STATISTICS):
        if (parameter := table.parameters.get(f"{op.name}.{part}")) is not None:
            table.join(x.labels[axis], parameter.labels[0])
    return x


def _same(table: AxisTable, op: Ruled) -> Axes | None:
    return op.inputs[0] if op.inputs[0].shape == op.shape else None


def _together(table: AxisTable, op: Ruled) -> Axes | None:
    """Elementwise operations of two tensors: axes of equal length move together, counted from the last."""
    if len(op.inputs) == 1:
        return _same(table, op)
    full = next((x for x in op.inputs if x.shape == op.shape), None)
    if full is None:
        return None
    for x in op.inputs:
        for label, other, length in zip(x.labels[::-1], full.labels[::-1], x.shape[::-1], strict=False):
            if length > 1:
                table.join(other, label)
    return full


def _pool(table: AxisTable, op: Ruled) -> Axes | None:
    """Pooling keeps batch and channels and makes new places."""
    x = op.inputs[0]
    if len(op.shape) < 3 or x.shape[:2] != op.shape[:2]:
        return None
    return Axes(op.shape, (*x.labels[:2], *table.fresh(op.shape[2:], "place in the image").labels))


def _flatten(table: AxisTable, op: Ruled) -> Axes | None:
    """Flattening from the channel axis on makes an axis of blocks, one per channel."""
    x = op.inputs[0]
    if x.shape == op.shape:
        return x
    if len(op.shape) == 2 and x.shape[0] == op.shape[0] and len(x.shape) > 2:
        return Axes(op.shape, (x.labels[0], x.labels[1]))
    return None


RULES: Mapping[Any, Rule] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.BatchNorm1d: _channel_norm,
    nn.BatchNorm2d: _channel_norm,
    nn.LayerNorm: _layer_norm,
    **dict.fromkeys(
        (nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Identity, nn.Dropout, nn.Dropout2d),
        _same,
    ),
    **dict.fromkeys(
        (
            torch.relu,
            torch.tanh,
            torch.sigmoid,
            torch.sin,
            torch.dropout,
            functional.relu,
            functional.gelu,
            functional.silu,
            functional.leaky_relu,
            functional.dropout,
            "relu",
            "tanh",
            "sigmoid",
            "contiguous",
        ),
        _same,
    ),
    **dict.fromkeys((operator.add, operator.mul, operator.sub, torch.add, torch.mul, "add", "mul"), _together),
    **dict.fromkeys(
        (
            nn.MaxPool2d,
            nn.AvgPool2d,
            nn.AdaptiveAvgPool2d,
            functional.max_pool2d,
            functional.avg_pool2d,
            functional.adaptive_avg_pool2d,
        ),
        _pool,
    ),
    **dict.fromkeys((nn.Flatten, torch.flatten, "flatten"), _flatten),
}
