"""Initial weights of one network, by the usual schemes."""

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets.layout import Layout, Slot

Draw = Callable[[tuple[int, ...], int, int, torch.Generator], Tensor]


def _uniform(bound: Callable[[int, int], float]) -> Draw:
    return lambda shape, fan_in, fan_out, generator: (
        (torch.rand(shape, generator=generator) * 2 - 1) * bound(fan_in, fan_out)
    )


def _normal(std: Callable[[int, int], float]) -> Draw:
    return lambda shape, fan_in, fan_out, generator: torch.randn(shape, generator=generator) * std(fan_in, fan_out)


INITIALISATIONS: Mapping[str, Draw] = {
    "default": _uniform(lambda fan_in, _: 1 / math.sqrt(fan_in)),
    "kaiming_uniform": _uniform(lambda fan_in, _: math.sqrt(6 / fan_in)),
    "kaiming_normal": _normal(lambda fan_in, _: math.sqrt(2 / fan_in)),
    "xavier_uniform": _uniform(lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
    "xavier_normal": _normal(lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    "normal": _normal(lambda fan_in, fan_out: 0.1),
    "unit_uniform": lambda shape, fan_in, fan_out, generator: torch.rand(shape, generator=generator),
}


def initial_weights(layout: Layout, *, init: str = "default", seed: int) -> Float[Tensor, " parameters"]:
    """Fresh weights of one network.

    Weights of two or more axes follow `init`; "default" is torch's own for linear layers, uniform within
    1 / sqrt(fan_in). Biases are uniform within 1 / sqrt(fan_in) under "default" and zero otherwise. Scales of
    normalisation layers are one and their shifts zero.

    Raises:
        ValueError: `init` is unknown.
    """
    if init not in INITIALISATIONS:
        raise ValueError(f"initialisation {init!r} is unknown; choose one of {', '.join(INITIALISATIONS)}")
    generator = torch.Generator().manual_seed(seed)
    fan_in = {_owner(slot): _fan_in(slot) for slot in layout.slots if len(slot.shape) > 1}
    weights = torch.zeros(layout.size)
    for slot in layout.slots:
        values = weights[slot.start : slot.stop].view(slot.shape)
        if len(slot.shape) > 1:
            fan_out = slot.shape[0] * math.prod(slot.shape[2:])
            values.copy_(INITIALISATIONS[init](slot.shape, _fan_in(slot), fan_out, generator))
        elif _owner(slot) not in fan_in:
            values.fill_(1.0 if slot.name.endswith("weight") else 0.0)
        elif init == "default":
            bound = 1 / math.sqrt(fan_in[_owner(slot)])
            values.copy_((torch.rand(slot.shape, generator=generator) * 2 - 1) * bound)
    return weights


def _owner(slot: Slot) -> str:
    return slot.name.rpartition(".")[0]


def _fan_in(slot: Slot) -> int:
    return math.prod(slot.shape[1:])
