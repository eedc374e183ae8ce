"""Where the units of a network's groups can be seen while it runs: what its layers give, or else what they take."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from wsexplore.align.channels import NORMS, hooked
from wsexplore.symmetry import Factor, PermutationSpec

MAPS = (nn.Linear, _ConvNd)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Units of one group on the channel axis of what one layer gives or takes.

    Attributes:
        layer: path of the layer.
        taken: whether it takes them.
        read: the tensor and its channel axis in what the layer gives or takes.
        span: channels of this piece.
        sizes: of the piece's factors.
        keep: places of the factors that are units: of the group, or of an owner and the group within it. All others,
            the samples and the places in space are one long axis.
        group: whose units these are; within an owner, the inner group.
        sign: the class of signs that the units carry.
    """

    layer: str
    taken: bool
    read: "_Read"
    span: slice
    sizes: tuple[int, ...]
    keep: tuple[int, ...]
    group: str
    sign: str | None

    @property
    def width(self) -> int:
        """Number of units, of all owners together."""
        return math.prod(self.sizes[place] for place in self.keep)

    def units(self, made: Any) -> Float[Tensor, "places units"] | None:
        """The units in what a layer gave; `None` where it is no tensor of this kind."""
        value, axis = self.read(made)
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return None
        channels = value.detach().movedim(axis, -1)[..., self.span]
        factors = channels.reshape(-1, *self.sizes)
        units = factors.movedim([place + 1 for place in self.keep], list(range(-len(self.keep), 0)))
        return units.reshape(-1, self.width)


_Read = Callable[[Any], tuple[Any, int]]


def sights_of(module: nn.Module, spec: PermutationSpec, signs: Mapping[str, str]) -> list[Sight]:
    """Every place where a layer of `module` gives or takes units of a group.

    These are the outputs of linear, convolution, embedding, recurrent and normalisation layers, and the inputs of
    linear and convolution layers. Two groups that meet on one axis are not seen there, unless one is within the other.

    Args:
        module: whose layers are looked at.
        spec: of the module.
        signs: classes of signs, to their groups.
    """
    names = {id(value): name for name, value in [*module.named_parameters(), *module.named_buffers()]}
    axes = {**spec.axes, **spec.buffers}
    sights = []
    for layer, part in module.named_modules():
        for parameter, axis, taken, read in [*_given(part), *_taken(part)]:
            name = names.get(id(parameter), "")
            if name not in axes:
                continue
            start = 0
            for piece, classes in pieces_of(spec, name, axis, signs):
                stop = start + math.prod(factor.size for factor in piece)
                kept = _kept(piece, spec)
                if kept:
                    group, sign = str(piece[kept[-1]].group), classes[kept[-1]]
                    sizes = tuple(factor.size for factor in piece)
                    sights.append(Sight(layer, taken, read, slice(start, stop), sizes, kept, group, sign))
                start = stop
    return sights


_Place = tuple[Tensor, int, bool, _Read]
"""A parameter or statistic, its axis that is like the channels, whether the layer takes these, and where they are."""


def _taken(layer: nn.Module) -> Iterator[_Place]:
    if isinstance(layer, nn.Linear):
        yield layer.weight, 1, True, _at(-1)
    elif isinstance(layer, _ConvNd):
        turned = isinstance(layer, _ConvTransposeNd)
        if turned or layer.groups == 1:
            yield layer.weight, int(not turned), True, _at(1)


def _given(layer: nn.Module) -> Iterator[_Place]:
    values = {**layer._parameters, **layer._buffers}
    weight, bias = values.get("weight"), values.get("bias")
    if isinstance(layer, nn.Linear | nn.Embedding):
        known = bias if bias is not None else weight
        if known is not None:
            yield known, int(isinstance(layer, nn.Embedding)), False, _at(-1)
    elif isinstance(layer, _ConvNd):
        turned = isinstance(layer, _ConvTransposeNd)
        if bias is not None:
            yield bias, 0, False, _at(1)
        elif weight is not None and (not turned or layer.groups == 1):
            yield weight, int(turned), False, _at(1)
    elif isinstance(layer, NORMS):
        known = next((v for n in ("weight", "bias", "running_mean") if (v := values.get(n)) is not None), None)
        if known is not None and known.dim() == 1:
            yield known, 0, False, _at(-1 if isinstance(layer, nn.LayerNorm | nn.RMSNorm) else 1)
    elif isinstance(layer, nn.RNNBase) and layer.proj_size == 0:
        directions = 1 + layer.bidirectional
        for index in range(layer.num_layers * directions):
            depth, back = divmod(index, directions)
            known = values.get(f"weight_hh_l{depth}" + "_reverse" * back)
            if known is not None:
                yield known, 1, False, _state(index, (back, directions) if depth == layer.num_layers - 1 else None)
    elif isinstance(layer, nn.RNNCellBase) and (known := values.get("weight_hh")) is not None:
        yield known, 1, False, lambda made: (made[0] if isinstance(made, tuple) else made, -1)


def _at(axis: int) -> _Read:
    return lambda made: (made, axis)


def _state(index: int, last: tuple[int, int] | None) -> _Read:
    """States of one layer and direction of a recurrent network: all of the last layer, else those at the end."""

    def read(made: Any) -> tuple[Any, int]:
        states, ends = made
        if last is not None and isinstance(states, Tensor):
            return states.chunk(last[1], -1)[last[0]], -1
        return (ends[0] if isinstance(ends, tuple) else ends)[index], -1

    return read


def pieces_of(
    spec: PermutationSpec, name: str, axis: int, signs: Mapping[str, str]
) -> Iterator[tuple[tuple[Factor, ...], list[str | None]]]:
    """The pieces of an axis, and of each factor the class of signs among `signs`."""
    ours = {**spec.axes, **spec.buffers}[name][axis]
    theirs = spec.rescaling.axes[name][axis] if name in spec.rescaling.axes else ()
    for place, piece in enumerate(ours):
        other = theirs[place] if len(theirs) == len(ours) else ()
        alike = [factor.size for factor in piece] == [factor.size for factor in other]
        classes = [factor.group for factor in other] if alike else [None] * len(piece)
        yield piece, [c if c is not None and c in signs else None for c in classes]


def _kept(piece: Sequence[Factor], spec: PermutationSpec) -> tuple[int, ...]:
    """The factors that are units of one group, its owner first; empty where there is none, or more than one."""
    groups = [factor.group for factor in piece]
    inner = [place for place, group in enumerate(groups) if group in spec.within]
    if inner:
        owner = spec.within[str(groups[inner[0]])]
        others = [g for g in groups if g is not None and g not in (owner, groups[inner[0]])]
        return (groups.index(owner), inner[0]) if owner in groups and not others else ()
    moved = [place for place, group in enumerate(groups) if group in spec.sizes]
    return (moved[0],) if len(moved) == 1 else ()


Seen = dict["Sight", list[Float[Tensor, "places _"]]]
"""What was seen at each sight, run by run of its layer."""


@torch.no_grad()
def look(module: nn.Module, sights: Sequence[Sight], inputs: Tensor) -> Seen:
    """What is seen at each sight while `module` runs; copies, so that nothing behind writes to them."""
    seen: Seen = {}
    by_layer: dict[str, list[Sight]] = {}
    for sight in sights:
        by_layer.setdefault(sight.layer, []).append(sight)

    def note(here: Sequence[Sight]) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(layer: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            for sight in here:
                units = sight.units(made if not sight.taken else given[0] if given else None)
                if units is not None:
                    seen.setdefault(sight, []).append(units.clone())

        return hook

    with hooked(module, {layer: note(here) for layer, here in by_layer.items()}):
        module(inputs)
    return seen


def clearest(module: nn.Module, sights: Sequence[Sight], example: Tensor) -> list[Sight]:
    """The sights that a run on `example` reaches and that are worth looking at.

    A map whose output a normalisation takes as it is gives way to that normalisation, where it is a sight, too. What a
    layer takes counts only for groups that no layer gives.
    """
    reached = list(look(module, sights, example))
    layers = {sight.layer for sight in reached if not sight.taken}
    made: list[tuple[str, Tensor, int]] = []
    covered: set[str] = set()

    def note(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(layer: nn.Module, given: tuple[Any, ...], value: Any) -> None:
            if isinstance(layer, MAPS):
                made.append((name, value, value._version))
            elif given:
                covered.update(n for n, v, version in made if v is given[0] and v._version == version)

        return hook

    watched = {name: note(name) for name in layers if isinstance(module.get_submodule(name), MAPS + NORMS)}
    with torch.no_grad(), hooked(module, watched):
        module(example)
    given = [sight for sight in reached if not sight.taken and sight.layer not in covered]
    groups = {sight.group for sight in given}
    return given + [sight for sight in reached if sight.taken and sight.group not in groups]
