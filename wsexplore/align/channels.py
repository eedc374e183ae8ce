"""Channels: which layers of a network have statistics worth repairing, and what these statistics are."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from wsexplore.nets import Architecture

MAPS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)

Hook = Callable[[nn.Module, tuple[Any, ...], Any], Tensor | None]


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared distances from it, channel by channel, in double precision."""

    count: int
    mean: Float[Tensor, " channels"]
    squares: Float[Tensor, " channels"]

    @property
    def spread(self) -> Float[Tensor, " channels"]:
        """Standard deviation of the samples themselves, without correction for their number."""
        return (self.squares / self.count).sqrt()

    @property
    def variance(self) -> Float[Tensor, " channels"]:
        """Variance with the correction that running statistics have."""
        return self.squares / max(1, self.count - 1)

    def __add__(self, other: "Moments") -> "Moments":
        """Of the two sets of samples together (Chan et al. 1979)."""
        count, apart = self.count + other.count, other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        return Moments(count, mean, self.squares + other.squares + apart.square() * (self.count * other.count / count))


def moments_of(layer: nn.Module, value: Float[Tensor, "..."]) -> Moments:
    """Of one batch of what goes into, or comes out of, a layer."""
    axes = _channel_axes(layer, value.dim())
    rest = [axis for axis in range(value.dim()) if axis not in axes]
    variance, mean = torch.var_mean(value.double(), rest, correction=0)
    count = value.numel() // mean.numel()
    return Moments(count, mean.flatten(), variance.flatten() * count)


def beside(layer: nn.Module, channels: Float[Tensor, " channels"], value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Numbers of the channels in the shape in which they broadcast with a layer's output, and in its type."""
    axes = _channel_axes(layer, value.dim())
    return channels.to(value.dtype).view([size if axis in axes else 1 for axis, size in enumerate(value.shape)])


def _channel_axes(layer: nn.Module, dimensions: int) -> range:
    """Axes of an output, one number of a scale or bias for each place along them."""
    if isinstance(layer, nn.LayerNorm | nn.RMSNorm):
        return range(dimensions - len(layer.normalized_shape), dimensions)
    return range(dimensions - 1, dimensions) if isinstance(layer, nn.Linear) else range(1, 2)


@lru_cache(maxsize=64)
def running_layers(architecture: Architecture) -> tuple[str, ...]:
    """Paths of the layers that hold running statistics."""
    if not architecture.buffers.size:
        return ()
    layers = architecture.build().named_modules()
    return tuple(name for name, layer in layers if isinstance(layer, _NormBase) and layer.running_mean is not None)


@lru_cache(maxsize=64)
def repaired_layers(architecture: Architecture) -> tuple[str, ...]:
    """Paths of the layers whose outputs REPAIR corrects, in the order in which they run; see `repair`.

    Raises:
        ValueError: a batch normalisation runs several times in one pass.
    """
    module = architecture.module(architecture.initial_weights(seed=0))
    calls = _calls(module, architecture.example_input())
    times = Counter(call.name for call in calls)
    if again := [call.name for call in calls if renewed(call.layer) and times[call.name] > 1]:
        raise ValueError(f"{again[0]} normalises several times in one pass, so its statistics have no single goal")
    owners = Counter(id(value) for layer in module.modules() for value in layer._parameters.values())
    maps = [call for call in calls if isinstance(call.layer, MAPS)]
    kept = {call.name for call in calls if renewed(call.layer)}
    for call in maps[:-1]:
        behind = [other for other in calls if isinstance(other.layer, NORMS) and _follows(other, call)]
        place = behind[0] if behind else call
        weight = place.layer._parameters.get("weight")
        if weight is not None and owners[id(weight)] == 1 and times[place.name] == 1 and call.name != maps[-1].name:
            kept.add(place.name)
    return tuple(call.name for call in calls if call.name in kept)


def renewed(layer: nn.Module) -> bool:
    """Whether REPAIR estimates a layer's running statistics anew before it corrects scale and shift."""
    return isinstance(layer, _BatchNorm) and layer.running_mean is not None


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One run of a layer: what went in and came out, each with how often it had been written to by then."""

    name: str
    layer: nn.Module
    given: tuple[Tensor, int]
    made: tuple[Tensor, int]


def _follows(norm: _Call, layer: _Call) -> bool:
    """Whether a normalisation takes what a layer made, as it made it: the same tensor, not written to since."""
    return norm.given[0] is layer.made[0] and norm.given[1] == layer.made[1]


@torch.no_grad()
def _calls(module: nn.Module, inputs: Tensor) -> list[_Call]:
    """Every run of a map or a normalisation in one pass, in order."""
    calls: list[_Call] = []

    def note(name: str) -> Hook:
        def hook(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            calls.append(_Call(name, layer, (given[0], given[0]._version), (made, made._version)))

        return hook

    watched = {name: note(name) for name, layer in module.named_modules() if isinstance(layer, MAPS + NORMS)}
    with hooked(module, watched):
        module(inputs)
    return calls


@contextmanager
def hooked(module: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Functions called after the layers of these names, with layer, inputs and output; what they give replaces it."""
    with ExitStack() as stack:
        for name, hook in hooks.items():
            stack.callback(module.get_submodule(name).register_forward_hook(hook).remove)
        yield
