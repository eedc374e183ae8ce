"""What a network is made of: its layers in the order in which they run."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from wsexplore.figures.theme import TIMES
from wsexplore.nets import Architecture, Slot

MOST = 14
"""Most blocks of a drawing; a deeper network is drawn by its stages."""

NAMES = {
    "Conv2d": "convolution",
    "Conv1d": "convolution",
    "Linear": "linear",
    "BatchNorm2d": "batch norm",
    "LayerNorm": "layer norm",
    "GroupNorm": "group norm",
    "Embedding": "embedding",
    "MaxPool2d": "max-pool",
    "AdaptiveAvgPool2d": "average-pool",
    "AvgPool2d": "average-pool",
    "ReLU": "ReLU",
    "GELU": "GELU",
    "SiLU": "SiLU",
    "LeakyReLU": "leaky ReLU",
}
"""How a module is called in a drawing, by its class."""


@dataclass(frozen=True, slots=True)
class Block:
    """One layer, or one stage of layers.

    Attributes:
        path: of the module in the network, like `layers.0`.
        kind: what it does, like "linear".
        facts: how it does it, like "64 to 32"; may be empty.
        slots: its parameters.
        output: shape of what comes out, without the batch axis; empty where it is not known.
        then: what follows without parameters, like "ReLU".
    """

    path: str
    kind: str
    facts: str = ""
    slots: tuple[Slot, ...] = ()
    output: tuple[int, ...] = ()
    then: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(slot.stop - slot.start for slot in self.slots)


def blocks_of(architecture: Architecture, *, most: int = MOST) -> list[Block]:
    """The layers of an architecture in the order in which an input meets them.

    A layer without parameters is told with the one before it. Where there are more than `most` layers, those of one
    stage are told together. Parameters that no layer owns, like a position code, keep their place in the layout.
    """
    own = _slots_by_owner(architecture)
    blocks = _met(architecture, own)
    met = {block.path for block in blocks}
    for path, slots in own.items():
        if path not in met:
            later = (place for place, block in enumerate(blocks) if block.slots[0].start > slots[0].start)
            blocks.insert(next(later, len(blocks)), _loose(path, slots))
    depth = max((block.path.count(".") for block in blocks), default=0)
    stages = blocks
    while len(stages) > most and depth > 0:
        stages = _by_stage(blocks, depth)
        depth -= 1
    return stages


def _slots_by_owner(architecture: Architecture) -> dict[str, tuple[Slot, ...]]:
    owners: dict[str, tuple[Slot, ...]] = {}
    for slot in architecture.layout.slots:
        path = slot.name.rpartition(".")[0]
        owners[path] = (*owners.get(path, ()), slot)
    return owners


def _met(architecture: Architecture, own: dict[str, tuple[Slot, ...]]) -> list[Block]:
    """Layers in the order of one forward pass; in the order of the parameters where the pass cannot be watched."""
    blocks: list[Block] = []

    def watch(path: str, module: nn.Module) -> None:
        def hook(_: nn.Module, __: object, output: object) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
            if path in own and all(block.path != path for block in blocks):
                blocks.append(Block(path, _kind(module), _facts(module), own[path], shape))
            elif blocks and path not in own and not isinstance(module, nn.Flatten):
                blocks[-1] = replace(blocks[-1], output=shape, then=(*blocks[-1].then, *_after(module)))

        module.register_forward_hook(hook)

    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            network = architecture.build().eval()
            for path, module in network.named_modules():
                if not any(True for _ in module.children()):
                    watch(path, module)
            network(architecture.example_input(1))
    except (RuntimeError, ValueError, IndexError, TypeError):
        return [_loose(path, slots) for path, slots in own.items()]
    return blocks


def _loose(path: str, slots: tuple[Slot, ...]) -> Block:
    names = ", ".join(slot.name.rpartition(".")[2] for slot in slots)
    return Block(path, "parameters", names if len(slots) < 3 else f"{len(slots)} tensors", slots)


def _kind(module: nn.Module) -> str:
    name = type(module).__name__
    return NAMES.get(name, name)


def _facts(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        more = f", stride {module.stride[0]}" if module.stride[0] != 1 else ""
        more += f", padding {module.padding[0]}" if module.padding[0] != 0 else ""
        kernel = f"{module.kernel_size[0]}{TIMES}{module.kernel_size[1]}"
        return f"{kernel}, {module.in_channels} to {module.out_channels}{more}"
    if isinstance(module, nn.Linear):
        return f"{module.in_features} to {module.out_features}"
    if isinstance(module, nn.Embedding):
        return f"{module.num_embeddings} to {module.embedding_dim}"
    return ""


def _after(module: nn.Module) -> tuple[str, ...]:
    """A layer without parameters, in a word or none."""
    if isinstance(module, nn.Identity) or (isinstance(module, nn.Dropout) and module.p == 0):
        return ()
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return (f"{_kind(module)} {module.kernel_size}",)
    if isinstance(module, nn.Dropout):
        return (f"dropout {module.p:g}",)
    return (NAMES.get(type(module).__name__, type(module).__name__.lower()),)


def _by_stage(blocks: Sequence[Block], depth: int) -> list[Block]:
    """Neighbours with the same first `depth` parts of the path become one block."""
    stages: list[Block] = []
    kinds: list[Counter[str]] = []
    for block in blocks:
        path = ".".join(block.path.split(".")[:depth])
        if not stages or stages[-1].path != path:
            stages.append(replace(block, path=path))
            kinds.append(Counter([block.kind]))
            continue
        kinds[-1][block.kind] += 1
        stages[-1] = replace(
            stages[-1], slots=(*stages[-1].slots, *block.slots), output=block.output, then=block.then, facts=""
        )
    return [
        stage if sum(found.values()) == 1 else replace(stage, kind="stage", facts=_contents(found))
        for stage, found in zip(stages, kinds, strict=True)
    ]


def _contents(found: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in found.most_common())


def cells(shape: tuple[int, ...]) -> int:
    """Number of values of a shape."""
    return math.prod(shape)
