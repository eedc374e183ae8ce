"""The architecture of a zoo: a name, a configuration, and what follows from them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout

Config = Mapping[str, Any]
Task = Literal["classify", "field"]
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
        forward: outputs of a stack of networks without buffers, `(config, parameters (models, *shape), inputs
            (batch, *input) or (models, batch, *input)) -> (models, batch, outputs)`; `None` where only `vmap` is known.
        initial: fresh weights of one network, `(config, layout, scheme, seed)`, where the usual schemes do not fit.
        task: "classify" (the outputs are logits of classes) or "field" (coordinates to intensity, so that a network
            is a picture).
    """

    name: str
    complete: Callable[[Config], dict[str, Any]]
    build: Callable[[Config], nn.Module]
    input_shape: Callable[[Config], tuple[int, ...]]
    row_fields: tuple[str, ...] = ()
    forward: Forward | None = None
    initial: Callable[[Config, Layout, str, int], Tensor] | None = None
    task: Task = "classify"


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
    def buffers(self) -> Layout:
        """Where each running statistic lies in the flat vector of buffers; empty for most architectures."""
        return _buffers(self)

    @property
    def task(self) -> Task:
        """What the networks are for: "classify" or "field"."""
        return self.family.task

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

    def initial_weights(self, *, init: str = "default", seed: int) -> Float[Tensor, " parameters"]:
        """Fresh weights of one network by a scheme of `INITIALISATIONS`, or by the family's own where it has one.

        Raises:
            ValueError: `init` is unknown.
        """
        if self.family.initial is not None:
            return self.family.initial(self.config, self.layout, init, seed)
        return initial_weights(self.layout, init=init, seed=seed)

    def initial_buffers(self) -> Float[Tensor, " buffers"]:
        """Running statistics before the first batch: means and counts 0, variances 1."""
        ones = [slot for slot in self.buffers.slots if slot.name.endswith("running_var")]
        values = torch.zeros(self.buffers.size)
        for slot in ones:
            values[slot.start : slot.stop] = 1.0
        return values

    def example_input(self, batch: int = 2) -> Tensor:
        """Inputs of the right shape, drawn with a fixed seed."""
        return torch.randn(batch, *self.input_shape, generator=torch.Generator().manual_seed(0))

    def forward(
        self,
        weights: Float[Tensor, "models parameters"],
        inputs: Float[Tensor, "..."],
        *,
        buffers: Float[Tensor, "models buffers"] | None = None,
    ) -> Float[Tensor, "models batch outputs"]:
        """Outputs of all networks at once.

        Args:
            weights: one network per row.
            inputs: `(batch, *input_shape)` shared by all networks, or `(models, batch, *input_shape)`, own to
                each. Any shape with as many values per input as `input_shape` is taken.
            buffers: running statistics, one network per row; by default those before the first batch.
        """
        own = self._own_inputs(inputs, len(weights))
        shaped = inputs.reshape(*inputs.shape[: 1 + own], *self.input_shape)
        if buffers is None:
            buffers = self.initial_buffers().to(weights.device).expand(len(weights), -1)
        return self.forward_parameters(self.layout.unflatten(weights), shaped, self.buffers.unflatten(buffers))

    def forward_parameters(
        self,
        parameters: dict[str, Tensor],
        inputs: Float[Tensor, "..."],
        buffers: dict[str, Tensor] | None = None,
        *,
        training: bool = False,
    ) -> Float[Tensor, "models batch outputs"]:
        """`forward` for weights and buffers already split by name, inputs already of `input_shape`.

        In training, normalisation layers use the batch's own statistics and move the running ones in place, in
        `buffers`; dropout draws from torch's global generator.
        """
        if self.family.forward is not None and not self.buffers.size:
            return self.family.forward(self.config, parameters, inputs)
        module = _skeleton(self, training)
        own = inputs.dim() == len(self.input_shape) + 2

        def one(state: dict[str, Tensor], statistics: dict[str, Tensor], x: Tensor) -> Tensor:
            output: Tensor = torch.func.functional_call(module, (state, statistics), (x,))
            return output

        mapped = torch.vmap(one, in_dims=(0, 0, 0 if own else None), randomness="different")
        outputs: Tensor = mapped(parameters, buffers or {}, inputs)
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
def _buffers(architecture: Architecture) -> Layout:
    module = _skeleton(architecture)
    parameters = {name for name, _ in module.named_parameters()}
    return Layout.of_shapes({n: tuple(v.shape) for n, v in module.state_dict().items() if n not in parameters})


@lru_cache(maxsize=64)
def _skeleton(architecture: Architecture, training: bool = False) -> nn.Module:
    with torch.device("meta"):
        return architecture.build().train(training)
