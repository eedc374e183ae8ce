"""The spec that follows from the axes of everything a module computes."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wsexplore.symmetry.axes import FLIP, SCALE, Axes, AxisTable
from wsexplore.symmetry.copies import is_told_apart
from wsexplore.symmetry.forest import Forest, Leaf
from wsexplore.symmetry.pieces import in_order, pieces, straighten
from wsexplore.symmetry.spec import Axis, Factor, Kind, PermutationSpec, Rescaling

KINDS: Mapping[frozenset[str], Kind] = {SCALE: "positive", FLIP: "sign", SCALE | FLIP: "nonzero"}


def spec_from(table: AxisTable) -> PermutationSpec:
    """The groups and classes: leaves on parameter axes that are not fixed."""
    permuted = _View(table, table.permuting, 0)
    names = permuted.names()
    owners = permuted.owners(names)
    rescaled = _View(table, table.scaling, 1)
    classes = rescaled.names()
    class_owners = rescaled.owners(classes)
    for root in rescaled.redundant(class_owners):
        classes.pop(root, None)
        class_owners.pop(root, None)
    all_names = {**permuted.owner_names(owners, names), **names}
    axes = permuted.axes(all_names)
    sizes = {name: table.permuting.size(root) for root, name in names.items()}
    scale_names = {**rescaled.owner_names(class_owners, classes), **classes}
    return PermutationSpec(
        axes={name: a for name, a in axes.items() if name not in table.statistics},
        sizes=sizes,
        within={names[root]: all_names[owner] for root, owner in owners.items()},
        copies={names[root]: table.permuting.size(owner) for root, owner in owners.items()},
        fixed=permuted.fixed(names),
        buffers={name: a for name, a in axes.items() if name in table.statistics},
        rescaling=Rescaling(
            axes={name: a for name, a in rescaled.axes(scale_names).items() if name not in table.statistics},
            shapes={
                name: (
                    *([table.scaling.size(class_owners[root])] if root in class_owners else []),
                    table.scaling.size(root),
                )
                for root, name in classes.items()
            },
            kinds={name: KINDS[table.scaling.may(root)] for root, name in classes.items()},
            owners={classes[root]: scale_names[owner] for root, owner in class_owners.items()},
            fixed=rescaled.fixed(classes),
        ),
    )


@dataclass(slots=True)
class _View:
    """One of the two forests, seen from the parameters."""

    table: AxisTable
    forest: Forest
    which: int
    turns: dict[int, int] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Settle what can only be seen at the end, before anything is read.

        Copies that some parameter holds as one are joined, and blocks that cannot be said in order are fixed.
        """
        for axes in self.table.parameters.values():
            self._leaves(axes)
        for axes in self.table.parameters.values():
            for node in axes.nodes:
                if node is not None:
                    self.hidden |= straighten(self.forest, node[self.which])

    def pieces(self, axes: Axes, place: int) -> list[list[Leaf]]:
        node = axes[place]
        if node is None:
            return [[]]
        return [[leaf for leaf in piece if leaf.size > 1] for piece in pieces(self.forest, node[self.which])]

    def _in_order(self, axes: Axes, place: int) -> list[list[Leaf]]:
        node = axes[place]
        if node is None:
            return [[]]
        return [[leaf for leaf in piece if leaf.size > 1] for piece in in_order(self.forest, node[self.which])]

    def names(self) -> dict[int, str]:
        """Free leaves to the name of their group: the layer that makes their units.

        They are on some tensor on the way, or on two axes of parameters; what is on neither was not reached.
        """
        hints = {
            leaf.root: word
            for node, word in self.table.hints
            if not is_told_apart(self.forest, node[self.which])
            for leaf in self.forest.leaves(node[self.which])
        }
        met = {leaf.root for axes in self._met() for leaf in self._leaves(axes)}
        places = Counter(
            leaf.root
            for axes in self.table.parameters.values()
            for place in range(len(axes))
            for leaf in {leaf.root: leaf for piece in self.pieces(axes, place) for leaf in piece}.values()
        )
        met |= {root for root, count in places.items() if count > 1}
        first: dict[int, str] = {}
        for made in (True, False):
            for name, axes in self.table.parameters.items():
                for place in range(len(axes)):
                    if (place == 0) == made and name not in self.table.statistics:
                        for leaf in (leaf for piece in self.pieces(axes, place) for leaf in piece):
                            if leaf.root in met and self.forest.may(leaf.root) and leaf.root not in first:
                                first[leaf.root] = name.rpartition(".")[0] or name
                                self.turns[leaf.root] = leaf.power
        names: dict[int, str] = {}
        taken: set[str] = set()
        for root in dict.fromkeys(leaf.root for axes in self.table.parameters.values() for leaf in self._leaves(axes)):
            if root in first:
                wished = f"{first[root]}.{hints[root]}" if root in hints else first[root]
                others = (f"{wished}.{number}" for number in itertools.count(2))
                names[root] = next(name for name in itertools.chain([wished], others) if name not in taken)
                taken.add(names[root])
        return names

    def _met(self) -> Iterator[Axes]:
        """The tensors on the way, but for those whose axes were told apart afterwards."""
        for axes in self.table.seen:
            if not any(node is not None and is_told_apart(self.forest, node[self.which]) for node in axes.nodes):
                yield axes

    def _leaves(self, axes: Axes) -> list[Leaf]:
        return [leaf for place in range(len(axes)) for piece in self.pieces(axes, place) for leaf in piece]

    def owners(self, names: Mapping[int, str]) -> dict[int, int]:
        """Free leaves to the one beside which they stand in every tensor, so that each of its places has its own.

        An owner has no owner itself: two levels of them would not be closed under composition.
        """
        beside: dict[int, set[int]] = {}
        outer: dict[int, dict[int, None]] = {}
        for axes in [*self.table.parameters.values(), *self._met()]:
            every = [self.pieces(axes, place) for place in range(len(axes))]
            common = [set.intersection(*({leaf.root for leaf in piece} for piece in found)) for found in every]
            for place, found in enumerate(every):
                across = Counter(root for k, roots in enumerate(common) if k != place for root in roots)
                for piece in found:
                    count = across + Counter(leaf.root for leaf in piece)
                    once = {root for root, times in count.items() if times == 1}
                    for position, leaf in enumerate(piece):
                        here = once - {leaf.root} if leaf.root in once else set()
                        beside[leaf.root] = beside.get(leaf.root, here) & here
                        outer.setdefault(leaf.root, {}).update(dict.fromkeys(other.root for other in piece[:position]))
        kept = {leaf.root for axes in self.table.parameters.values() for leaf in self._leaves(axes)} - self.hidden
        chosen: dict[int, int] = {}
        for root in names:
            always = beside[root] & kept
            candidates = [other for other in outer[root] if other in always]
            candidates = candidates or sorted(other for other in always if root not in outer.get(other, {}))
            candidates = [other for other in candidates if other not in chosen]
            if candidates and root not in chosen.values():
                chosen[root] = candidates[-1]
        return chosen

    def redundant(self, owners: Mapping[int, int]) -> list[int]:
        """Owners that do nothing but what the leaves within them do, place by place."""
        found: dict[int, list[tuple[str, int, int, int]]] = {}
        for name, axes in self.table.parameters.items():
            for place in range(len(axes)):
                for number, piece in enumerate(self.pieces(axes, place)):
                    for leaf in piece:
                        power = leaf.power * self.turns.get(leaf.root, 1)
                        found.setdefault(leaf.root, []).append((name, place, number, power))
        return [owner for root, owner in owners.items() if owner in self.turns and found[owner] == found[root]]

    def owner_names(self, owners: Mapping[int, int], names: Mapping[int, str]) -> dict[int, str]:
        """Owners that are no groups themselves, named after what they own."""
        return {owner: f"{names[root]}.owner" for root, owner in owners.items() if owner not in names}

    def axes(self, names: Mapping[int, str]) -> dict[str, tuple[Axis, ...]]:
        """Parameters and running statistics to their axes."""
        return {
            name: tuple(
                tuple(self._piece(piece, names) for piece in self._in_order(axes, place)) for place in range(len(axes))
            )
            for name, axes in self.table.parameters.items()
        }

    def _piece(self, piece: Sequence[Leaf], names: Mapping[int, str]) -> tuple[Factor, ...]:
        factors: list[Factor] = []
        for leaf in piece:
            group = names.get(leaf.root)
            if group is None and factors and factors[-1].group is None:
                factors[-1] = Factor(factors[-1].size * leaf.size)
            else:
                power = leaf.power * self.turns.get(leaf.root, 1) if group and self.which else 1
                factors.append(Factor(leaf.size, group, power))
        return tuple(factors) or (Factor(1),)

    def fixed(self, names: Mapping[int, str]) -> tuple[tuple[str, str], ...]:
        """Axes with places that stay as they are, and why.

        Where units are permuted, so is each factor of an axis for itself; a class rescales all places beside its own.
        """
        found: dict[tuple[str, str], None] = {}
        for name, axes in self.table.parameters.items():
            if name not in self.table.statistics and math.prod(axes.shape) > 1:
                for place in range(len(axes)):
                    for piece in self.pieces(axes, place):
                        rescaled = bool(self.which) and any(leaf.root in names for leaf in piece)
                        for leaf in piece:
                            if leaf.root not in names and not rescaled:
                                reason = self.forest.reason(leaf.root) or "the example does not reach it"
                                found[f"{name}, axis {place}", reason] = None
        return tuple(found)
