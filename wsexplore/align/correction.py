"""Layers corrected one after the other until every channel has the mean and the spread that it should have."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from wsexplore.align.channels import MAPS, Hook, Moments, beside, hooked, moments_of, renewed

DEAD = 1e-6
"""A channel whose standard deviation is a smaller share of its mean is constant but for rounding."""

OnPart = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """The mean and standard deviation that each channel of a layer's output is to have."""

    mean: Float[Tensor, " channels"]
    spread: Float[Tensor, " channels"]


def goal_of(ends: Sequence[Moments], shares: Float[Tensor, " ends"]) -> Goal:
    """The mixture of the ends' means and standard deviations; where that of the latter is negative, 0."""
    means, spreads = torch.stack([end.mean for end in ends]), torch.stack([end.spread for end in ends])
    return Goal(shares @ means, (shares @ spreads).clamp_min(0))


def measured(module: nn.Module, names: Sequence[str], parts: Sequence[Tensor], on_part: OnPart) -> dict[str, Moments]:
    """What these layers put out over all inputs."""
    found: dict[str, Moments] = {}

    def measure(name: str) -> Hook:
        def hook(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            moments = moments_of(layer, made)
            found[name] = found[name] + moments if name in found else moments

        return hook

    with hooked(module, {name: measure(name) for name in names}):
        for part in parts:
            module(part)
            on_part()
    return found


def correct(module: nn.Module, goals: Mapping[str, Goal], parts: Sequence[Tensor], on_part: OnPart) -> None:
    """Give each layer its goal, in the order of the layers, each measured after those before it."""

    def at_once(goal: Goal) -> Hook:
        def hook(layer: nn.Module, given: tuple[Any, ...], made: Any) -> Tensor:
            if renewed(layer):
                _renew(layer, moments_of(layer, given[0]), goal)
                again: Tensor = layer.forward(given[0])
                return again
            scale, shift = _scale(layer, moments_of(layer, made), goal)
            return torch.addcmul(beside(layer, shift, made), made, beside(layer, scale, made))

        return hook

    if len(parts) == 1:
        with hooked(module, {name: at_once(goal) for name, goal in goals.items()}):
            module(parts[0])
        on_part()
        return
    for name, goal in goals.items():
        layer = module.get_submodule(name)
        moments = _seen(module, name, parts, on_part)
        if renewed(layer):
            _renew(layer, moments, goal)
        else:
            _scale(layer, moments, goal)


class _Seen(Exception):
    """Ends a forward pass at the layer that is measured."""


def _seen(module: nn.Module, name: str, parts: Sequence[Tensor], on_part: OnPart) -> Moments:
    """What one layer puts out over all inputs, or takes in where its own statistics are estimated anew."""
    found: list[Moments] = []

    def hook(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        found.append(moments_of(layer, given[0] if renewed(layer) else made))
        raise _Seen

    with hooked(module, {name: hook}):
        for part in parts:
            with suppress(_Seen):
                module(part)
            on_part()
    return reduce(add, found)


def _renew(layer: nn.Module, moments: Moments, goal: Goal) -> None:
    """Running statistics, then scale and shift, of a batch normalisation with this input.

    Without scale and shift it is the running statistics that are chosen so that the goal is met.
    """
    assert isinstance(layer, _BatchNorm)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean, variance = moments.mean, moments.variance
    if not layer.affine:
        root = moments.spread / goal.spread
        mean, variance = mean - root * goal.mean, (root.square() - layer.eps).clamp_min(0)
    usable = _live(moments) & mean.isfinite() & variance.isfinite()
    layer.running_mean.copy_(torch.where(usable, mean, layer.running_mean.double()))
    layer.running_var.copy_(torch.where(usable, variance, layer.running_var.double()))
    if layer.affine:
        slope = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()
        middle = layer.bias.double() + (moments.mean - layer.running_mean.double()) * slope
        _scale(layer, Moments(moments.count, middle, moments.squares * slope.square()), goal)


def _scale(
    layer: nn.Module, moments: Moments, goal: Goal
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Scale and shift a layer's output, in its weight and bias, from these statistics to those of the goal."""
    weight, bias = layer.get_parameter("weight"), layer._parameters.get("bias")
    scale = goal.spread / moments.spread
    shift = goal.mean - scale * moments.mean if bias is not None else torch.zeros_like(scale)
    usable = _live(moments) & scale.isfinite() & shift.isfinite()
    scale, shift = torch.where(usable, scale, 1.0), torch.where(usable, shift, 0.0)
    rows = scale.view(-1, *[1] * (weight.dim() - 1)) if isinstance(layer, MAPS) else scale.view(weight.shape)
    weight.copy_(weight.double() * rows)
    if bias is not None:
        bias.copy_((bias.double().flatten() * scale + shift).view(bias.shape))
    return scale, shift


def _live(moments: Moments) -> Bool[Tensor, " channels"]:
    """Channels that vary, by more than rounding."""
    return moments.spread > DEAD * moments.mean.abs()
