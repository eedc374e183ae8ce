"""How the parameters of one network lie in one flat vector."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one parameter in the flat vector: entries `start` to `stop`, row-major."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of a network's parameters in its flat weight vector.

    The order is that of `Module.named_parameters`, without gaps, so `torch.nn.utils.parameters_to_vector`
    writes the same vector.

    Attributes:
        slots: one per parameter, in order.
    """

    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, module: nn.Module) -> "Layout":
        """The layout of `module`'s parameters."""
        return cls.of_shapes({name: tuple(parameter.shape) for name, parameter in module.named_parameters()})

    @classmethod
    def of_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "Layout":
        """Parameters of these names and shapes, one after the other."""
        slots, start = [], 0
        for name, shape in shapes.items():
            stop = start + math.prod(shape)
            slots.append(Slot(name, shape, start, stop))
            start = stop
        return cls(tuple(slots))

    @property
    def size(self) -> int:
        """Number of parameters of one network."""
        return self.slots[-1].stop if self.slots else 0

    def unflatten(self, weights: Float[Tensor, "*batch parameters"]) -> dict[str, Tensor]:
        """The parameters by name, shape `(*batch, *shape)`: views of `weights`, nothing is copied.

        Raises:
            ValueError: `weights` has another number of parameters.
        """
        if weights.shape[-1] != self.size:
            raise ValueError(
                f"these weights have {weights.shape[-1]} parameters per network, the architecture has {self.size}"
            )
        batch = weights.shape[:-1]
        return {slot.name: weights[..., slot.start : slot.stop].view((*batch, *slot.shape)) for slot in self.slots}

    def flatten(self, state: Mapping[str, Tensor]) -> Float[Tensor, "*batch parameters"]:
        """The flat weights of a state dict (or a stack of them): the inverse of `unflatten`.

        Raises:
            ValueError: a parameter is missing, unknown, or of another shape.
        """
        names = {slot.name for slot in self.slots}
        if missing := sorted(names - set(state)):
            raise ValueError(f"the state dict lacks {', '.join(missing)}")
        if unknown := sorted(set(state) - names):
            raise ValueError(f"the state dict has parameters that the architecture lacks: {', '.join(unknown)}")
        parts = []
        for slot in self.slots:
            value = state[slot.name]
            batch = value.shape[: value.dim() - len(slot.shape)]
            if tuple(value.shape[len(batch) :]) != slot.shape:
                raise ValueError(f"{slot.name} has shape {tuple(value.shape)}, the architecture has {slot.shape}")
            parts.append(value.reshape(*batch, math.prod(slot.shape)))
        return torch.cat(parts, dim=-1)
