"""The architecture of a zoo: a name, a configuration, and what follows from them."""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.stack import run_stack, runs_batched

Config = Mapping[str, Any]
Task = Literal["classify", "field"]
Dropout = Callable[[tuple[int, ...]], Tensor]
"""Asked for each dropout layer, with the shape of one network's units; gives a factor `(models, *shape)` for them."""

Forward = Callable[[Config, dict[str, Tensor], Tensor, Dropout | None], Tensor]


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
            (batch, *input) or (models, batch, *input), dropout) -> (models, batch, outputs)`; `None` where only `vmap`
            is known. On one thread of a CPU a network's bits must not depend on what it is stacked with.
        forward_on: devices on which `forward` is used.
        initial: fresh weights of one network, `(config, layout, scheme, seed)`, where the usual schemes do not fit.
        task: "classify" (the outputs are logits of classes) or "field" (coordinates to intensity, so that a network
            is a picture).
        example: inputs that are not normal numbers, `(config, batch, generator)`.
        alone_on: devices on which the networks run one after the other, because that was measured to be faster than
            `vmap`; a network then keeps its own bits, too.
        concrete: its modules are built for real even where only their shapes are asked for, because they may hold
            constants beside their parameters; whether `vmap` can run them is tried out.
    """

    name: str
    complete: Callable[[Config], dict[str, Any]]
    build: Callable[[Config], nn.Module]
    input_shape: Callable[[Config], tuple[int, ...]]
    row_fields: tuple[str, ...] = ()
    forward: Forward | None = None
    forward_on: tuple[str, ...] = ("cpu", "cuda")
    initial: Callable[[Config, Layout, str, int], Tensor] | None = None
    task: Task = "classify"
    example: Callable[[Config, int, torch.Generator], Tensor] | None = None
    alone_on: tuple[str, ...] = ()
    concrete: bool = False


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

    def module(
        self, weights: Float[Tensor, " parameters"], buffers: Float[Tensor, " buffers"] | None = None
    ) -> nn.Module:
        """A plain module of one network, in evaluation mode.

        Args:
            weights: of the network.
            buffers: its running statistics, by default those before the first batch.
        """
        module = self.build()
        statistics = self.initial_buffers() if buffers is None else buffers
        values = {**self.layout.unflatten(weights), **self.buffers.unflatten(statistics)}
        with torch.no_grad():
            for name, place in [*module.named_parameters(), *module.named_buffers()]:
                if name in values:
                    place.copy_(values[name])
        return module.eval()

    def initial_weights(self, *, init: str = "default", seed: int) -> Float[Tensor, " parameters"]:
        """Fresh weights of one network by a scheme of `INITIALISATIONS`, or by the family's own where it has one.

        Raises:
            ValueError: `init` is unknown.
        """
        if self.family.initial is not None:
            return self.family.initial(self.config, self.layout, init, seed)
        return initial_weights(self.layout, init=init, seed=seed)

    def initial_buffers(self) -> Float[Tensor, " buffers"]:
        """Running statistics before the first batch: means and counts 0, variances 1; constants of a user's module."""
        if self.family.concrete and self.buffers.size:
            return _constants(self).clone()
        ones = [slot for slot in self.buffers.slots if slot.name.endswith("running_var")]
        values = torch.zeros(self.buffers.size)
        for slot in ones:
            values[slot.start : slot.stop] = 1.0
        return values

    def example_input(self, batch: int = 2) -> Tensor:
        """Inputs of the right shape, drawn with a fixed seed."""
        draw = torch.Generator().manual_seed(0)
        if self.family.example is not None:
            return self.family.example(self.config, batch, draw)
        return torch.randn(batch, *self.input_shape, generator=draw)

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
        dropout: Dropout | None = None,
    ) -> Float[Tensor, "models batch outputs"]:
        """`forward` for weights and buffers already split by name, inputs already of `input_shape`.

        In training, normalisation layers use the batch's own statistics and move the running ones in place, in
        `buffers`. Dropout layers ask `dropout` where `runs_stacked`, else they draw from torch's global generator.
        """
        if self.family.forward is not None and self.runs_stacked(inputs.device.type):
            return self.family.forward(self.config, parameters, inputs, dropout)
        own = inputs.dim() == len(self.input_shape) + 2
        device, thread = inputs.device, threading.get_ident()
        batched = _runs_batched(self, training) if self.family.concrete else device.type not in self.family.alone_on
        module = _runnable(self, training, str(device), thread)
        return run_stack(module, parameters, buffers or {}, inputs, own=own, batched=batched)

    def runs_stacked(self, device: str) -> bool:
        """Whether a stack of these networks runs as one program in which each network keeps its own bits."""
        return self.family.forward is not None and device in self.family.forward_on and not self.buffers.size

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
    return Layout.of(_skeleton(architecture, training=False))


@lru_cache(maxsize=64)
def _buffers(architecture: Architecture) -> Layout:
    module = _skeleton(architecture, training=False)
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    held = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    return Layout.of_shapes({name: tuple(value.shape) for name, value in held.items() if name not in parameters})


@lru_cache(maxsize=64)
def _constants(architecture: Architecture) -> Tensor:
    state = architecture.build().state_dict()
    return architecture.buffers.flatten({slot.name: state[slot.name].float() for slot in architecture.buffers.slots})


@lru_cache(maxsize=32)
def _runnable(architecture: Architecture, training: bool, device: str, thread: int) -> nn.Module:
    """A module to put parameters into; no two threads share one, because that is done in place."""
    module = _skeleton(architecture, training)
    return module.to(device) if architecture.family.concrete else module


def _skeleton(architecture: Architecture, training: bool) -> nn.Module:
    """A module whose parameters have no values, unless the family's are concrete."""
    with nullcontext() if architecture.family.concrete else torch.device("meta"):
        return architecture.build().train(training)


@lru_cache(maxsize=64)
def _runs_batched(architecture: Architecture, training: bool) -> bool:
    rows = [architecture.initial_weights(seed=seed) for seed in range(2)]
    return runs_batched(
        _skeleton(architecture, training),
        architecture.layout.unflatten(torch.stack(rows)),
        architecture.buffers.unflatten(architecture.initial_buffers().repeat(len(rows), 1)),
        architecture.example_input(),
    )
