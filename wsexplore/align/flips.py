"""Which classes of signs a matching may flip: those whose units one plain group permutes."""

import itertools
from collections.abc import Mapping, Sequence

from wsexplore.symmetry import PermutationSpec


def sign_classes(spec: PermutationSpec, plain: Sequence[str]) -> dict[str, str]:
    """Classes whose units may be flipped, to the plain group that permutes exactly these units."""
    groups: dict[str, set[str | None]] = {}
    for name in spec.axes:
        for blocks in zip(spec.blocks[name], _aligned(spec, name), strict=True):
            for group, sign in zip(blocks[0].groups, blocks[1], strict=True):
                if sign is not None:
                    groups.setdefault(sign, set()).add(group)
    told = {sign for name in spec.axes for classes in _aligned(spec, name) for sign in classes}
    everywhere = {
        factor.group
        for name in spec.axes
        if name in spec.rescaling.axes and not _same_cut(spec, name)
        for axis in spec.rescaling.axes[name]
        for piece in axis
        for factor in piece
    }
    return {
        sign: group
        for sign, found in groups.items()
        if sign in told and sign not in everywhere and spec.rescaling.kinds.get(sign, "positive") != "positive"
        if len(found) == 1 and (group := next(iter(found))) is not None and group in plain
        if spec.rescaling.shapes[sign] == (spec.sizes[group],)
    }


def _same_cut(spec: PermutationSpec, name: str) -> bool:
    ours, theirs = spec.axes[name], spec.rescaling.axes.get(name, ())
    return [[[f.size for f in piece] for piece in axis] for axis in ours] == [
        [[f.size for f in piece] for piece in axis] for axis in theirs
    ]


def _aligned(spec: PermutationSpec, name: str) -> list[tuple[str | None, ...]]:
    """The class of every factor of every block, where permuting and rescaling cut the axes alike."""
    if not _same_cut(spec, name):
        return [(None,) * len(block.factors) for block in spec.blocks[name]]
    return [
        tuple(factor.group for piece in chosen for factor in piece)
        for chosen in itertools.product(*spec.rescaling.axes[name])
    ]


def classes_of(spec: PermutationSpec, name: str, kept: Mapping[str, str]) -> list[tuple[str | None, ...]]:
    """The class of every factor of every block of a parameter, of those that are kept."""
    return [tuple(c if c in kept else None for c in classes) for classes in _aligned(spec, name)]
