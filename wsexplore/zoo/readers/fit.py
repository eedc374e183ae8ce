"""Which tensor of a stranger's state dict is which parameter of an architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture
from wsexplore.zoo.readers.tensors import Network
from wsexplore.zoo.readers.tree import natural

Shapes = Mapping[str, tuple[int, ...]]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Fit:
    """Names of a state dict for the parameters and running statistics of an architecture.

    Attributes:
        architecture: that the state dict fits.
        names: one for every slot of the layout, empty for a bias that is not there and therefore zero.
        buffers: one for every slot of the running statistics, empty for one that is not there.
    """

    architecture: Architecture
    names: tuple[str, ...]
    buffers: tuple[str, ...]

    def weights(self, network: Network) -> Float[Tensor, " parameters"]:
        """The flat weights of a network.

        Raises:
            ValueError: a tensor is damaged or holds no real numbers.
        """
        weights = torch.zeros(self.architecture.layout.size)
        for slot, name in zip(self.architecture.layout.slots, self.names, strict=True):
            if name:
                weights[slot.start : slot.stop] = _real(network, name).reshape(-1)
        return weights

    def statistics(self, network: Network) -> Float[Tensor, " buffers"]:
        """The flat running statistics of a network.

        Raises:
            ValueError: a tensor is damaged.
        """
        values = self.architecture.initial_buffers()
        for slot, name in zip(self.architecture.buffers.slots, self.buffers, strict=True):
            if name:
                values[slot.start : slot.stop] = network.tensors[name].load().reshape(-1).to(torch.float32)
        return values


def _real(network: Network, name: str) -> Tensor:
    if not network.tensors[name].is_weight:
        raise ValueError(f"{name[:80]} holds {network.tensors[name].dtype} values; weights are real numbers")
    return network.tensors[name].load().to(torch.float32)


def fit(architecture: Architecture, shapes: Shapes) -> Fit | None:
    """Match a state dict to an architecture: by names, else layer by layer in order where every shape agrees."""
    parameters = {slot.name: slot.shape for slot in architecture.layout.slots}
    buffers = {slot.name: slot.shape for slot in architecture.buffers.slots}
    given = {name: shape for name, shape in shapes.items() if name.rpartition(".")[2] not in STATISTICS}
    statistics = {name: shape for name, shape in shapes.items() if name not in given}
    if given == parameters and all(buffers.get(name) == shape for name, shape in statistics.items()):
        return Fit(architecture, tuple(parameters), tuple(name if name in statistics else "" for name in buffers))
    ours, theirs = layers_of(parameters), layers_of(given)
    if len(ours) != len(theirs):
        return None
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for (mine, own), (other, found) in zip(ours, theirs, strict=True):
        if any(own.get(leaf) != shape for leaf, shape in found.items()) or set(own) - set(found) - {"bias"}:
            return None
        owners[mine] = other
        names |= {_joined(mine, leaf): _joined(other, leaf) for leaf in found}
    moved = {name: _joined(owners.get(_owner(name), "?"), name.rpartition(".")[2]) for name in buffers}
    if any(statistics.get(moved[name], shape) != shape for name, shape in buffers.items()):
        return None
    if set(statistics) - set(moved.values()):
        return None
    return Fit(
        architecture,
        tuple(names.get(name, "") for name in parameters),
        tuple(moved[name] if moved[name] in statistics else "" for name in buffers),
    )


def layers_of(shapes: Shapes) -> list[tuple[str, dict[str, tuple[int, ...]]]]:
    """The tensors by the layer that owns them, in order: `(owner, {weight: shape, bias: shape})`."""
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        layers.setdefault(_owner(name), {})[name.rpartition(".")[2]] = shape
    return list(layers.items())


def in_natural_order(names: Sequence[str]) -> list[str]:
    """Names as a person would sort them, each layer's weight before its bias; for files that keep no order."""
    return sorted(names, key=lambda name: (natural(_owner(name)), not name.endswith("weight"), name))


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _joined(owner: str, leaf: str) -> str:
    return f"{owner}.{leaf}" if owner else leaf
