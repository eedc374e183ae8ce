"""Which axes move together: a union-find whose nodes may be made of smaller ones.

A node stands for the places along an axis. It may be taken apart in two ways: as a *product*, row-major (64 features
are 4 heads of 16 units; flattened images are channels times pixels), and as a *sum*, one part after the other (the
concatenation of 16 and 32 channels). Joining two nodes joins what they are made of; where two ways of taking apart do
not fit together, all of it is fixed, which is always right, only less than could be said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["product", "sum"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A node that is not taken apart: its representative, and 1 or -1 where it stands for the inverse."""

    root: int
    power: int
    size: int


@dataclass(slots=True)
class Forest:
    """Union-find over nodes with sizes.

    Attributes:
        free: what may be done with the places of every new node.
        parent: of every node; a representative is its own.
        parts: representatives that were taken apart, to the way and the parts.
        copies: representatives that are another node at each place of some axis, to these nodes.
        beside: the nodes inside an outermost factor whose places were told apart.
    """

    free: frozenset[str]
    parent: list[int] = field(default_factory=list)
    _power: list[int] = field(default_factory=list)
    _size: list[int] = field(default_factory=list)
    _may: list[frozenset[str]] = field(default_factory=list)
    _reason: list[str] = field(default_factory=list)
    _limit: list[str] = field(default_factory=list)
    parts: dict[int, tuple[Kind, list[int]]] = field(default_factory=dict)
    copies: dict[int, list[int]] = field(default_factory=dict)
    beside: dict[int, list[int]] = field(default_factory=dict)

    def fresh(self, size: int, reason: str = "") -> int:
        """A new node; with a reason nothing may be done with its places."""
        self.parent.append(len(self.parent))
        self._power.append(1)
        self._size.append(size)
        self._may.append(frozenset() if reason else self.free)
        self._reason.append(reason)
        self._limit.append("")
        return len(self.parent) - 1

    def made_of(self, kind: Kind, parts: Sequence[int]) -> int:
        """A node made of others; a single one is itself, and a factor of one place is none."""
        if kind == "product":
            parts = [part for part in parts if self.size(part) > 1] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        sizes = [self.size(part) for part in parts]
        node = self.fresh(math.prod(sizes) if kind == "product" else sum(sizes))
        self.parts[node] = (kind, list(parts))
        return node

    def size(self, node: int) -> int:
        """Number of places."""
        return self._size[node]

    def find(self, node: int) -> tuple[int, int]:
        """The representative of a node, and 1 or -1; copies that were apart are joined, for here they are one."""
        root, power = self.climb(node)
        if root in self.copies:
            first, *others = self.copies.pop(root)
            for other in others:
                self.join(first, other)
            self.parent[root] = first
            top, turn = self.find(first)
            return top, power * turn
        return root, power

    def climb(self, node: int) -> tuple[int, int]:
        """Like `find`, but copies stay apart."""
        power = 1
        while self.parent[node] != node:
            power *= self._power[node]
            node = self.parent[node]
        return node, power

    def leaves(self, node: int) -> list[Leaf]:
        """What a node is made of in the end, part after part, outer factors first."""
        root, power = self.find(node)
        if root not in self.parts:
            return [Leaf(root, power, self._size[root])]
        return [
            Leaf(leaf.root, power * leaf.power, leaf.size) for part in self.parts[root][1] for leaf in self.leaves(part)
        ]

    def restrict(self, node: int, may: frozenset[str], reason: str) -> None:
        """Allow no more than `may`; where nothing is left, the reason is kept, or both where they only clash."""
        for leaf in self.leaves(node):
            held, left = self._may[leaf.root], self._may[leaf.root] & may
            if not left and held:
                why = [self._limit[leaf.root] if may else "", reason]
                self._reason[leaf.root] = ", but ".join(filter(None, why)) or "what is joined here has no common factor"
            elif left != held:
                self._limit[leaf.root] = reason
            self._may[leaf.root] = left

    def fix(self, node: int, reason: str) -> None:
        """Allow nothing."""
        self.restrict(node, frozenset(), reason)

    def may(self, node: int) -> frozenset[str]:
        """What may be done with all places of a node."""
        return frozenset.intersection(*(self._may[leaf.root] for leaf in self.leaves(node)))

    def is_fixed(self, node: int) -> bool:
        """Whether nothing may be done with any place of a node."""
        return not any(self._may[leaf.root] for leaf in self.leaves(node))

    def reason(self, root: int) -> str:
        """Why nothing may be done with a leaf; empty where something may."""
        return self._reason[root]

    def join(self, one: int, other: int, power: int = 1) -> None:
        """Say that two nodes of one size move together; with power -1 one is the inverse of the other."""
        self.find(one), self.find(other)  # copies that this joins may move either of them
        (a, turn), (b, back) = self.find(one), self.find(other)
        power *= turn * back
        if a == b:
            if power < 0:
                self.restrict(a, frozenset({"permute", "flip"}), "it would be its own inverse")
            return
        if a in self.parts and b in self.parts:
            self._join_parts(a, b, power)
            return
        if a in self.parts:
            a, b = b, a
        may, reason = self._may[a], self._reason[a] or self._limit[a]
        self.parent[a], self._power[a] = b, power
        self.restrict(b, may, reason)

    def _join_parts(self, a: int, b: int, power: int) -> None:
        (kind, ours), (other_kind, theirs) = self.parts[a], self.parts[b]
        if kind != other_kind:
            if kind == "sum":
                a, b, ours, theirs = b, a, theirs, ours
            fits = self._join_product_to_sum(ours, theirs, power)
        else:
            fits = self._join_lists(kind, ours, theirs, power)
        if not fits:
            for node in (a, b):
                self.fix(node, "two ways to cut its places into blocks do not fit")
        elif self.parent[a] == a:
            self.parent[a], self._power[a] = b, power

    def _join_product_to_sum(self, factors: list[int], parts: list[int], power: int) -> bool:
        """A product is a sum over its outermost factor, whose inner factors are the same in every part."""
        outer, *inner = self.flat("product", factors)
        block = math.prod(self._size[node] for node in inner)
        if any(self._size[part] % block for part in parts):
            return False
        cut = self.cut(outer, [self._size[part] // block for part in parts])
        if cut is None:
            return False
        for rows, part in zip(cut, parts, strict=True):
            self.join(self.made_of("product", [*([rows] if self._size[rows] > 1 else []), *inner]), part, power)
        return True

    def _join_lists(self, kind: Kind, ours: list[int], theirs: list[int], power: int) -> bool:
        """Join two lists of parts or factors, cutting the larger where the smaller ends."""
        left, right = self.flat(kind, ours)[::-1], self.flat(kind, theirs)[::-1]
        while left and right:
            one, other = left.pop(), right.pop()
            if self._size[one] != self._size[other]:
                large, small, rest = (one, other, left) if self._size[one] > self._size[other] else (other, one, right)
                cut = self._cut(kind, large, self._size[small])
                if cut is None:
                    return False
                rest.append(cut[1])
                one, other = (cut[0], small) if large == one else (small, cut[0])
            self.join(one, other, power)
        return not left and not right

    def flat(self, kind: Kind, nodes: Sequence[int]) -> list[int]:
        """Nodes with those among them that were taken apart in one way replaced by their parts."""
        flat: list[int] = []
        for node in nodes:
            root, power = self.climb(node)
            made = self.parts.get(root)
            if made and made[0] == kind:
                parts = self.flat(kind, made[1])
                flat += parts if power == 1 else self._turned(parts)
            elif kind == "sum" or self._size[node] > 1:
                flat.append(node)
        return flat

    def _turned(self, nodes: Sequence[int]) -> list[int]:
        """The inverses of nodes."""
        turned = [self.fresh(self._size[node]) for node in nodes]
        for new, node in zip(turned, nodes, strict=True):
            self.parent[new], self._power[new] = node, -1
        return turned

    def _cut(self, kind: Kind, node: int, first: int) -> list[int] | None:
        if kind == "sum":
            return self.cut(node, [first, self._size[node] - first])
        root, power = self.find(node)
        if self._size[node] % first:
            return None
        if root in self.parts:
            return self._anew(root, [first, self._size[node] // first])
        return self._take_apart(root, power, "product", [first, self._size[node] // first])

    def cut(self, node: int, sizes: Sequence[int]) -> list[int] | None:
        """A node taken apart into parts one after the other; `None` where they cut through its blocks."""
        root, power = self.find(node)
        if root not in self.parts:
            return self._take_apart(root, power, "sum", sizes)
        kind, parts = self.parts[root]
        if kind == "product":
            outer, *inner = self.flat("product", parts)
            block = math.prod(self._size[each] for each in inner)
            if any(size % block for size in sizes):
                return None
            cut = self.cut(outer, [size // block for size in sizes])
            groups = None if cut is None else [self.made_of("product", [rows, *inner]) for rows in cut]
        else:
            groups = self._grouped("sum", self.flat("sum", parts), sizes)
        return groups if power == 1 or groups is None else self._turned(groups)

    def _anew(self, root: int, sizes: Sequence[int]) -> list[int] | None:
        """Parts that have nothing to do with those there are; only where all of these are fixed."""
        if not self.is_fixed(root):
            return None
        return [self.fresh(size, self._reason[self.leaves(root)[0].root]) for size in sizes]

    def _take_apart(self, root: int, power: int, kind: Kind, sizes: Sequence[int]) -> list[int]:
        parts = [self.fresh(size) for size in sizes]
        for part in parts:
            self._may[part], self._reason[part] = self._may[root], self._reason[root]
            self._limit[part] = self._limit[root]
        self.parts[root] = (kind, parts)
        return parts if power == 1 else self._turned(parts)

    def regroup(self, nodes: Sequence[int], sizes: Sequence[int]) -> list[int | None] | None:
        """The factors of a row-major reshape: one node per new axis, `None` for axes of one place.

        Returns:
            `None` where the new axes cut through the old ones.
        """
        wanted = [size for size in sizes if size != 1]
        groups = self._grouped("product", self.flat("product", nodes), wanted)
        if groups is None:
            return None
        left = iter(groups)
        return [None if size == 1 else next(left) for size in sizes]

    def _grouped(self, kind: Kind, nodes: list[int], sizes: Sequence[int]) -> list[int] | None:
        """Neighbours gathered into nodes of the sizes wanted, cut where they are too large."""
        waiting, groups = nodes[::-1], []
        for size in sizes:
            taken: list[int] = []
            have = 1 if kind == "product" else 0
            while have < size:
                if not waiting:
                    return None
                node = waiting.pop()
                room = size // have if kind == "product" else size - have
                if kind == "product" and size % have:
                    return None
                if self._size[node] > room:
                    cut = self._cut(kind, node, room)
                    if cut is None:
                        return None
                    waiting.append(cut[1])
                    node = cut[0]
                taken.append(node)
                have = have * self._size[node] if kind == "product" else have + self._size[node]
            if have != size:
                return None
            groups.append(self.made_of(kind, taken))
        return groups if not waiting else None

    def representative(self, node: int) -> int:
        """Where a node ends up; unlike `find` it leaves copies apart."""
        return self.climb(node)[0]

    def twin(self, node: int) -> int:
        """A node of its own, of which may be done what may be done with another."""
        twin = self.fresh(self._size[node])
        self._may[twin] = self.may(node)
        root = self.find(node)[0]
        self._reason[twin], self._limit[twin] = self._reason[root], self._limit[root]
        return twin
