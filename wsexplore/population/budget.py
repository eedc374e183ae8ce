"""How many networks and samples go through a forward pass together within so many bytes."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from wsexplore.nets import Architecture
from wsexplore.population.stack import networks_per_shard

TOGETHER = {"cpu": 16 << 20, "cuda": 1 << 30}
"""Bytes of activations beyond which one pass gets slower, not faster (measured on small CNNs and MLPs)."""

NUMBER = 4
"""Bytes of one float32."""

ALIVE = 3
"""Times the widest operation that a pass holds at once (measured on ViTs, which hold most)."""

_counting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Cut:
    """What goes through one forward pass.

    Attributes:
        networks: so many at once.
        samples: so many at once.
        rows: networks whose weights are read at once, a multiple of `networks`.
    """

    networks: int
    samples: int
    rows: int


def cut_for(architecture: Architecture, device: str, memory: int) -> Cut:
    """The cut that keeps weights, running statistics and activations within `memory` bytes.

    Half is for the weights and for reading them, half for the activations. As long as that allows
    for `TOGETHER`, the number of samples does not depend on `memory`, and so neither do the bits of the outputs.

    Raises:
        ValueError: one network on one sample takes more.
    """
    half, row = memory // 2, 2 * NUMBER * (architecture.layout.size + architecture.buffers.size)
    number = NUMBER * ALIVE
    single = number * activation_values(architecture, device, 1)
    if half < max(row, single):
        raise ValueError(
            f"one {architecture.name} of {architecture.layout.size:,} parameters takes "
            f"{2 * max(row, single) / (1 << 20):,.1f} MiB to run; give it at least so much memory"
        )
    networks = min(networks_per_shard(architecture, device), half // row)
    while networks > 1 and number * activation_values(architecture, device, networks) > half:
        networks //= 2
    sample = number * max(1, activation_values(architecture, device, networks))
    samples = max(1, min(half, ALIVE * TOGETHER.get(device, half)) // sample)
    return Cut(networks, samples, max(1, half // row // networks) * networks)


@lru_cache(maxsize=256)
def activation_values(architecture: Architecture, device: str, networks: int) -> int:
    """Numbers per sample that the widest operation of a forward pass reads and writes, for so many networks together.

    Found by counting in two tiny passes: what grows with the number of samples is an activation.
    """
    weights = torch.zeros(networks, architecture.layout.size, device=device)
    buffers = architecture.initial_buffers().to(device).expand(networks, -1)
    counts: list[list[int]] = []
    for samples in (2, 2, 3):  # the first pass may build and compile, which is not counted
        inputs = architecture.example_input(samples).to(device)
        with _counting, torch.no_grad(), _Counting() as counting:
            architecture.forward(weights, inputs, buffers=buffers)
        counts.append(counting.numbers)
    two, three = counts[1:]
    if len(two) != len(three):
        return max(three) // 2
    return max(after - before for before, after in zip(two, three, strict=True))


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes of every operation of torch how many numbers it reads and writes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers: list[int] = [0]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.numbers.append(_numbers(result) + _numbers(args))
        return result


def _numbers(value: Any) -> int:
    """Numbers that lie in memory; a tensor may repeat them."""
    if isinstance(value, Tensor):
        return min(value.numel(), value.untyped_storage().nbytes() // value.element_size())
    return sum(_numbers(part) for part in value) if isinstance(value, list | tuple) else 0
