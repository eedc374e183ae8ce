"""What may be done to the units of a network, parameter by parameter, as a drawing of its symmetry needs it."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wsexplore.symmetry import Factor, PermutationSpec

MAY = {"positive": "rescale", "sign": "flip sign", "nonzero": "rescale, flip sign"}
"""What a kind of rescaling is called in a drawing."""


TABLES = ("chosen by number", "place in")
"""How the reason begins why the rows of a table of vectors stay where they are."""


@dataclass(frozen=True, slots=True)
class SpecAxis:
    """One axis of a parameter.

    Attributes:
        size: its length.
        groups: names of the groups that permute it, the outermost first; empty where its places stay.
        reason: why its places stay; empty where they do not, or where the axis has one place.
        may: what may be done beside permuting, like "rescale" or "flip sign"; empty for nothing.
        unscaled: why it may not be rescaled; may be empty.
    """

    size: int
    groups: tuple[str, ...] = ()
    reason: str = ""
    may: str = ""
    unscaled: str = ""


@dataclass(frozen=True, slots=True)
class SpecParameter:
    """One parameter, its axes in order."""

    name: str
    axes: tuple[SpecAxis, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(axis.size for axis in self.axes)


@dataclass(frozen=True, slots=True)
class SpecGroup:
    """Units that are permuted together.

    Attributes:
        name: the layer that makes them.
        size: number of units.
        within: group whose every place has its own permutation of the units; may be empty.
        copies: number of its places.
    """

    name: str
    size: int
    within: str = ""
    copies: int = 1


def spec_parameters(spec: PermutationSpec) -> list[SpecParameter]:
    """The parameters of a network with what its symmetry does to each axis, in the order of the network."""
    stays, unscaled = _reasons(spec.fixed), _reasons(spec.rescaling.fixed)
    found = []
    for name, axes in spec.axes.items():
        scaled = spec.rescaling.axes.get(name, axes)
        parts = []
        for place, (axis, other) in enumerate(zip(axes, scaled, strict=True)):
            key = f"{name}, axis {place}"
            size = sum(math.prod(factor.size for factor in piece) for piece in axis)
            kinds = (spec.rescaling.kinds.get(group) for group in _groups_in(other))
            may = ", ".join(dict.fromkeys(MAY[kind] for kind in kinds if kind))
            parts.append(
                SpecAxis(size, _groups_in(axis), stays.get(key, ""), may, "" if may else unscaled.get(key, ""))
            )
        found.append(SpecParameter(name, tuple(parts)))
    return found


def spec_groups(spec: PermutationSpec) -> list[SpecGroup]:
    """The groups of a network, in the order of the layers that make their units."""
    return [
        SpecGroup(name, size, spec.within.get(name, ""), spec.copies.get(name, 1)) for name, size in spec.sizes.items()
    ]


def _reasons(fixed: Iterable[tuple[str, str]]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for what, why in fixed:
        reasons[what] = f"{reasons[what]}; {why}" if what in reasons else why
    return reasons


def _groups_in(axis: Iterable[Iterable[Factor]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(factor.group for piece in axis for factor in piece if factor.group is not None))


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One layer of a drawing, its vectors with it.

    Attributes:
        title: the layer, and what is told with it.
        parameters: all of them.
        reads: the axis along which the units of others come in; `None` for a layer of vectors.
        writes: the axis along which its own units lie.
        takes: groups of all its `reads`.
        makes: groups of all its `writes`.
    """

    title: str
    parameters: tuple[SpecParameter, ...]
    reads: SpecAxis | None
    writes: SpecAxis | None
    takes: tuple[str, ...]
    makes: tuple[str, ...]


def rows_of(parameters: Sequence[SpecParameter]) -> list[SpecRow]:
    """One row per layer with a matrix; vectors, like biases, are told with the layer whose units they have."""
    owned: dict[str, list[SpecParameter]] = {}
    for parameter in parameters:
        owned.setdefault(parameter.name.rpartition(".")[0] or parameter.name, []).append(parameter)
    rows: list[SpecRow] = []
    for owner, found in owned.items():
        row = _row(owner, found)
        last = rows[-1] if rows else None
        if last is not None and row.reads is None and row.makes and set(row.makes) <= set(last.makes):
            title = f"{last.title} + {_tail(owner, last.title)}"
            rows[-1] = SpecRow(title, last.parameters + row.parameters, last.reads, last.writes, last.takes, last.makes)
        else:
            rows.append(row)
    return rows


def _row(owner: str, found: Sequence[SpecParameter]) -> SpecRow:
    ends = [_ends(parameter) for parameter in found]
    reads, writes = [start for start, _ in ends if start], [end for _, end in ends if end]
    return SpecRow(
        owner,
        tuple(found),
        reads[0] if reads else None,
        writes[0] if writes else None,
        tuple(dict.fromkeys(group for axis in reads for group in axis.groups)),
        tuple(dict.fromkeys(group for axis in writes for group in axis.groups)),
    )


def _ends(parameter: SpecParameter) -> tuple[SpecAxis | None, SpecAxis | None]:
    """The axes along which units come in and go out.

    torch puts the units that a matrix makes first; a table of vectors (an embedding, a position code) has them last.
    """
    axes = parameter.axes
    if len(axes) < 2:
        return None, axes[0] if axes else None
    if axes[-1].groups and (len(axes) > 2 or axes[0].reason.startswith(TABLES)) and not axes[0].groups:
        long = [axis for axis in axes[:-1] if axis.size > 1]
        return (long[0] if long else None), axes[-1]
    return axes[1], axes[0]


def _tail(owner: str, title: str) -> str:
    """What of a layer's path is not already in the title before it; a number keeps the name before it."""
    path, before = owner.split("."), title.partition(" ")[0].split(".")
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(path, before, strict=False)))
    same = min(same, len(path) - 1)
    while same > 0 and path[same].isdigit():
        same -= 1
    return ".".join(path[same:])
