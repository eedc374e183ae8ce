"""The architecture of a zoo: a name, a configuration, and what follows from them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.nets.layout import Layout

Config = Mapping[str, Any]
Forward = Callable[[Config, dict[str, Tensor], Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Family:
    """What the registry knows of one kind of network.

    Attributes:
        name: the key in the registry.
        complete: a user's configuration, checked, with every default filled in. Raises `ValueError`.
        build: the module of a complete configuration.
        input_shape: the shape of one input, without the batch axis.
        row_fields: configuration fields that leave the layout alone, so that a table column of the same
            name may choose them per network.
        forward: logits of a stack of networks, `(config, parameters (models, *shape), inputs (batch, *input)
            or (models, batch, *input)) -> (models, batch, classes)`; `None` where only `vmap` is known.
    """

    name: str
    complete: Callable[[Config], dict[str, Any]]
    build: Callable[[Config], nn.Module]
    input_shape: Callable[[Config], tuple[int, ...]]
    row_fields: tuple[str, ...] = ()
    forward: Forward | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """Name and complete configuration of a network.

    Make one with `wsexplore.nets.architecture(name, **config)`, which checks the configuration.

    Attributes:
        family: the kind of network, from the registry.
        config: every field, JSON values only.
    """

    family: Family = field(repr=False)
    config: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self.family.name

    @property
    def layout(self) -> Layout:
        """Where each parameter lies in the flat vector."""
        return _layout(self)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch axis."""
        return self.family.input_shape(self.config)

    @property
    def row_fields(self) -> tuple[str, ...]:
        """Fields that a table column of the same name may set per network."""
        return self.family.row_fields

    def with_row(self, **fields: Any) -> "Architecture":
        """The same layout with some `row_fields` set to other values.

        Raises:
            ValueError: a field may not change per network, or its value is unknown.
        """
        if unknown := sorted(set(fields) - set(self.row_fields)):
            raise ValueError(
                f"{', '.join(unknown)} cannot differ between the networks of one zoo; {self.name} allows "
                f"{', '.join(self.row_fields) or 'no field'}"
            )
        return Architecture(self.family, self.family.complete({**self.config, **fields}))

    def build(self) -> nn.Module:
        """A plain module with freshly initialised weights, from torch's global generator."""
        return self.family.build(self.config)

    def example_input(self, batch: int = 2) -> Tensor:
        """Inputs of the right shape, drawn with a fixed seed."""
        return torch.randn(batch, *self.input_shape, generator=torch.Generator().manual_seed(0))

    def forward(
        self, weights: Float[Tensor, "models parameters"], inputs: Float[Tensor, "..."]
    ) -> Float[Tensor, "models batch classes"]:
        """Outputs of all networks at once.

        Args:
            weights: one network per row.
            inputs: `(batch, *input_shape)` shared by all networks, or `(models, batch, *input_shape)`, own to
                each. Any shape with as many values per input as `input_shape` is taken.
        """
        own = self._own_inputs(inputs, len(weights))
        shaped = inputs.reshape(*inputs.shape[: 1 + own], *self.input_shape)
        return self.forward_parameters(self.layout.unflatten(weights), shaped)

    def forward_parameters(
        self, parameters: dict[str, Tensor], inputs: Float[Tensor, "..."]
    ) -> Float[Tensor, "models batch classes"]:
        """`forward` for weights already split by name, inputs already of `input_shape`."""
        if self.family.forward is not None:
            return self.family.forward(self.config, parameters, inputs)
        module = _skeleton(self)
        own = inputs.dim() == len(self.input_shape) + 2

        def one(state: dict[str, Tensor], x: Tensor) -> Tensor:
            output: Tensor = torch.func.functional_call(module, state, (x,))
            return output

        outputs: Tensor = torch.vmap(one, in_dims=(0, 0 if own else None))(parameters, inputs)
        return outputs

    def _own_inputs(self, inputs: Tensor, models: int) -> bool:
        values = int(torch.Size(self.input_shape).numel())
        if inputs.dim() > 1 and inputs[0].numel() == values:
            return False
        if inputs.dim() > 2 and len(inputs) == models and inputs[0, 0].numel() == values:
            return True
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)} do not fit {self.name} with input shape {self.input_shape}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Name and configuration as JSON values; `from_dict` in the registry reads it."""
        return {"name": self.name, "config": self.config}


@lru_cache(maxsize=64)
def _layout(architecture: Architecture) -> Layout:
    return Layout.of(_skeleton(architecture))


@lru_cache(maxsize=64)
def _skeleton(architecture: Architecture) -> nn.Module:
    with torch.device("meta"):
        return architecture.build()
