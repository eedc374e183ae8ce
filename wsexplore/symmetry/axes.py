"""The axes of every tensor that a module computes, and what joins them.

Each axis is a node in two forests: one says which places are *permuted* together, the other which are *rescaled*
together. They differ where an operation does not care about scale (the output of a normalisation) or turns it round
(queries times keys).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wsexplore.symmetry.copies import inside, is_told_apart, side_by_side, unroll
from wsexplore.symmetry.forest import Forest, Kind

SCALE, FLIP = frozenset({"scale"}), frozenset({"flip"})
"""What the places of an axis admit beside permutation: positive factors, and factors of -1."""


class Node(NamedTuple):
    """One axis: its node among what is permuted, and among what is rescaled."""

    permuted: int
    scaled: int


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of one tensor.

    Attributes:
        shape: of the tensor.
        nodes: one per axis; `None` for an axis of one place, and for one along which nothing changes.
        numbers: axes whose places the tensor names by number, as `argmax` does; they are fixed once it is used.
    """

    shape: tuple[int, ...]
    nodes: tuple[Node | None, ...]
    numbers: tuple[Node, ...] = ()

    def __getitem__(self, axis: int) -> Node | None:
        return self.nodes[axis]

    def __len__(self) -> int:
        return len(self.shape)


@dataclass(slots=True)
class AxisTable:
    """Everything known of the axes so far.

    Attributes:
        parameters: axes of the parameters and of the running statistics, by name.
        statistics: the names among them that are no parameters.
        permuting: the forest of what is permuted together.
        scaling: the forest of what is rescaled together.
        hints: what a node is, for the name of its group.
        seen: the axes of every tensor on the way.
    """

    parameters: dict[str, Axes] = field(default_factory=dict)
    statistics: set[str] = field(default_factory=set)
    permuting: Forest = field(default_factory=lambda: Forest(frozenset({"permute"})))
    scaling: Forest = field(default_factory=lambda: Forest(SCALE | FLIP))
    hints: list[tuple[Node, str]] = field(default_factory=list)
    seen: list[Axes] = field(default_factory=list)

    def node(self, size: int, reason: str = "") -> Node | None:
        """A new axis that nothing is joined to yet; with a reason it may be neither permuted nor rescaled."""
        return None if size == 1 else Node(self.permuting.fresh(size, reason), self.scaling.fresh(size, reason))

    def fresh(self, shape: Sequence[int], reason: str = "") -> Axes:
        """The axes of a new tensor."""
        return Axes(tuple(shape), tuple(self.node(size, reason) for size in shape))

    def repeated(self, size: int) -> Node | None:
        """An axis along which nothing changes: its places may be exchanged, not rescaled."""
        return None if size == 1 else Node(self.permuting.fresh(size), self.scaling.fresh(size, "copies of one place"))

    def put(self, axes: Axes, place: int, node: Node | None) -> Axes:
        """The same axes with a node for one along which nothing changed before."""
        if axes[place] is not None or node is None:
            return axes
        nodes = list(axes.nodes)
        nodes[place] = node
        return Axes(axes.shape, tuple(nodes))

    def single(self, reason: str) -> Node:
        """One place as a node, to be put beside others."""
        return Node(self.permuting.fresh(1, reason), self.scaling.fresh(1, reason))

    def size(self, node: Node | None) -> int:
        """Number of places along an axis."""
        return 1 if node is None else self.permuting.size(node.permuted)

    def fix(self, what: Axes | Node | None, reason: str) -> None:
        """Forbid permuting and rescaling these axes."""
        for node in _nodes(what):
            self.permuting.fix(node.permuted, reason)
            self.scaling.fix(node.scaled, reason)

    def fix_numbered(self, axes: Axes) -> None:
        """Fix the axes whose places a tensor names by number."""
        for node in axes.numbers:
            self.fix(node, "its places are told by number")

    def multiply(self, *factors: Iterable[Node | None]) -> None:
        """Note the product of tensors before it is summed: an axis on it twice is not one that others lie beside."""
        nodes = tuple(node for factor in factors for node in factor)
        self.seen.append(Axes(tuple(self.size(node) for node in nodes), nodes))

    def mix(self, axes: Axes, places: Iterable[int]) -> None:
        """Note that numbers were put together along some axes, whose places the other axes thus have in common."""
        gone = set(places)
        kept = [place for place in range(len(axes)) if place not in gone]
        self.seen.append(Axes(tuple(axes.shape[k] for k in kept), tuple(axes.nodes[k] for k in kept)))

    def admit(self, what: Axes | Node | None, may: frozenset[str], reason: str) -> None:
        """Allow these axes to be rescaled in no other way than `may`; they may still be permuted."""
        for node in _nodes(what):
            self.scaling.restrict(node.scaled, may, reason)

    def is_rescaled(self, node: Node | None) -> bool:
        """Whether any place of an axis may still be rescaled."""
        return node is not None and not self.scaling.is_fixed(node.scaled)

    def join(self, one: Node | None, other: Node | None, power: int = 1) -> None:
        """Say that two axes move together; with power -1 what multiplies one divides the other."""
        if one is not None and other is not None:
            self.permuting.join(one.permuted, other.permuted)
            self.scaling.join(one.scaled, other.scaled, power)

    def join_permuted(self, one: Node | None, other: Node | None) -> None:
        """Say that two axes are permuted together, whatever their scales."""
        if one is not None and other is not None:
            self.permuting.join(one.permuted, other.permuted)

    def rescaled_apart(self, node: Node | None, reason: str = "") -> Node | None:
        """The same places under another scale: fixed with a reason, else free."""
        return None if node is None else Node(node.permuted, self.scaling.fresh(self.size(node), reason))

    def made_of(self, parts: Sequence[Node | None], *, one_by_one: bool) -> Node | None:
        """Axes gathered into one: row-major, or one after the other; axes of one place are left out."""
        kept = [node for node in parts if node is not None]
        if not kept:
            return None
        kind: Kind = "sum" if one_by_one else "product"
        return Node(
            self.permuting.made_of(kind, [node.permuted for node in kept]),
            self.scaling.made_of(kind, [node.scaled for node in kept]),
        )

    def one_after_the_other(self, parts: Sequence[Node | None]) -> Node | None:
        """Axes gathered one after the other, where `None` is a single place."""
        if len(parts) == 1:
            return parts[0]
        return self.made_of([node or self.single("one place by itself") for node in parts], one_by_one=True)

    def regroup(self, nodes: Sequence[Node | None], sizes: Sequence[int]) -> list[Node | None] | None:
        """The axes of a row-major reshape; `None` where the new axes cut through the old ones."""
        kept = [node for node in nodes if node is not None]
        permuted = self.permuting.regroup([node.permuted for node in kept], sizes)
        scaled = self.scaling.regroup([node.scaled for node in kept], sizes)
        if permuted is None or scaled is None:
            return None
        return [None if p is None or s is None else Node(p, s) for p, s in zip(permuted, scaled, strict=True)]

    def cut(self, node: Node, sizes: Sequence[int]) -> list[Node] | None:
        """An axis taken apart into parts one after the other."""
        permuted, scaled = self.permuting.cut(node.permuted, sizes), self.scaling.cut(node.scaled, sizes)
        if permuted is None or scaled is None:
            return None
        return [Node(p, s) for p, s in zip(permuted, scaled, strict=True)]

    def told_apart(self, outer: Node, inner: Sequence[Node]) -> list[list[Node]] | None:
        """The axes beside `outer` for each of its places, where they may differ; `None` where they may not."""
        permuted = unroll(
            self.permuting, outer.permuted, [node.permuted for node in inner], self._leaves(self.permuting, 0)
        )
        scaled = unroll(self.scaling, outer.scaled, [node.scaled for node in inner], self._leaves(self.scaling, 1))
        if permuted is None or scaled is None:
            return None
        return [[Node(p, s) for p, s in zip(ps, ss, strict=True)] for ps, ss in zip(permuted, scaled, strict=True)]

    def cut_with(self, outer: Node, among: Sequence[Node]) -> list[Node]:
        """Which axes were cut from one axis together with `outer`, and lie inside it."""
        roots = inside(self.permuting, outer.permuted)
        found = {self.permuting.representative(node.permuted): node for node in among}
        return [found[root] for root in roots] if roots and all(root in found for root in roots) else []

    def at_each_place(self, outer: Node | None, inner: Node | None) -> list[Node] | None:
        """The axis beside `outer` for each of its places; `None` where it is the same."""
        if outer is None or inner is None or self.cut_with(outer, [inner]) != [inner]:
            return None
        self.fix(outer, "its places are taken one by one")
        copies = self.told_apart(outer, [inner])
        return None if copies is None else [node for (node,) in copies]

    def stacked(self, nodes: Sequence[Node]) -> tuple[Node, Node]:
        """Axes side by side: the axis that tells them apart, and the one that is another at each of its places."""
        outer = Node(
            self.permuting.fresh(len(nodes), "tensors side by side"),
            self.scaling.fresh(len(nodes), "tensors side by side"),
        )
        permuted = side_by_side(self.permuting, outer.permuted, [node.permuted for node in nodes])
        scaled = side_by_side(self.scaling, outer.scaled, [node.scaled for node in nodes])
        return outer, Node(permuted, scaled)

    def _leaves(self, forest: Forest, which: int) -> Iterator[set[int]]:
        for axes in self.seen:
            nodes = [node[which] for node in axes.nodes if node is not None]
            if not any(is_told_apart(forest, node) for node in nodes):
                yield {leaf.root for node in nodes for leaf in forest.leaves(node)}

    def hint(self, node: Node | None, word: str) -> None:
        """Say what an axis is, for the name of its group."""
        if node is not None:
            self.hints.append((node, word))


def _nodes(what: Axes | Node | None) -> list[Node]:
    if what is None:
        return []
    return [what] if isinstance(what, Node) else [node for node in what.nodes if node is not None]
