"""Which axes of which tensors move together: a union-find, and the groups that are left in the end."""

import math
from dataclasses import dataclass, field

from wsexplore.symmetry.spec import PermutationSpec


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of one tensor: its shape, and the label of each axis."""

    shape: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(slots=True)
class AxisTable:
    """Union-find over axes. A class of axes has a number of units and perhaps a reason why it is fixed.

    Attributes:
        shapes: of the parameters and the running statistics, by name.
        statistics: the names among them that are no parameters.
        parameters: their axes.
    """

    shapes: dict[str, tuple[int, ...]]
    statistics: frozenset[str] = frozenset()
    parameters: dict[str, Axes] = field(init=False)
    _parent: list[int] = field(default_factory=list)
    _size: list[int] = field(default_factory=list)
    _reason: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameters = {name: self.fresh(shape) for name, shape in self.shapes.items()}

    def fresh(self, shape: tuple[int, ...], reason: str = "") -> Axes:
        """New axes that nothing is joined to yet; with a reason they may not be permuted."""
        start = len(self._parent)
        self._parent += range(start, start + len(shape))
        self._size += shape
        self._reason += [reason] * len(shape)
        return Axes(shape, tuple(range(start, start + len(shape))))

    def fix(self, axes: Axes, reason: str) -> None:
        """Forbid permuting these axes."""
        for axis in axes.labels:
            root = self.find(axis)
            self._reason[root] = self._reason[root] or reason

    def find(self, axis: int) -> int:
        """The representative of an axis's class."""
        while self._parent[axis] != axis:
            self._parent[axis] = self._parent[self._parent[axis]]
            axis = self._parent[axis]
        return axis

    def join(self, one: int, other: int) -> None:
        """Say that two axes move together; the longer one may be blocks of the shorter."""
        a, b = self.find(one), self.find(other)
        if a == b:
            return
        if max(self._size[a], self._size[b]) % min(self._size[a], self._size[b]):
            self._reason[a] = self._reason[a] or "joined to an axis of another length"
        self._parent[b] = a
        self._size[a] = min(self._size[a], self._size[b])
        self._reason[a] = self._reason[a] or self._reason[b]

    def spec(self) -> PermutationSpec:
        """The groups: classes of parameter axes that are not fixed."""
        roots: dict[int, list[tuple[str, int]]] = {}
        for name, axes in self.parameters.items():
            labels = [self.find(label) for label in axes.labels]
            for axis, root in enumerate(labels):
                roots.setdefault(root, []).append((name, axis))
                if labels.count(root) > 1:
                    self._reason[root] = self._reason[root] or f"it lies on two axes of {name}"
        names: dict[int, str] = {}
        for root, members in roots.items():
            producer = next((name for name, axis in members if axis == 0), members[0][0])
            if not self._reason[root] and self._size[root] > 1:
                names[root] = producer.rpartition(".")[0] or producer
        fixed = tuple(
            dict.fromkeys(
                (f"{name}, axis {axis}", self._reason[root])
                for root, members in roots.items()
                for name, axis in members
                if root not in names and name not in self.statistics and math.prod(self.shapes[name]) > 1
                if self._reason[root]
            )
        )
        axes_of = {
            name: tuple(names.get(self.find(label)) for label in axes.labels) for name, axes in self.parameters.items()
        }
        return PermutationSpec(
            {name: groups for name, groups in axes_of.items() if name not in self.statistics},
            {name: self._size[root] for root, name in names.items()},
            fixed,
            {name: groups for name, groups in axes_of.items() if name in self.statistics},
        )
