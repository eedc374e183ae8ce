"""One operation that was met on the way through a module, as a rule sees it."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from wsexplore.symmetry.axes import Axes, AxisTable, Node

NOTHING: frozenset[str] = frozenset()
"""No factor but 1."""


@dataclass(slots=True)
class Call:
    """An operation, its arguments and its results.

    Attributes:
        name: of the operation, without underscores.
        args: as given, in order.
        kwargs: as given, by name.
        results: the tensors that came out.
        table: what is known of the axes.
        lookup: the axes of a tensor that was seen before, else `None`.
        is_buffer: whether a constant was made of buffers, whose values another network of the same architecture has
            otherwise.
        read: the tensors that a rule has asked for; what it leaves out is fixed.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Tensor]
    table: AxisTable
    lookup: Callable[[Tensor], Axes | None]
    is_buffer: Callable[[Tensor], bool]
    read: set[int] = field(default_factory=set)
    _before: dict[int, tuple[Axes, bool]] = field(default_factory=dict)

    def arg(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by its place or its name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    def axes(self, tensor: Tensor) -> Axes:
        """The axes of an argument; those of a constant are free where it does not change along them."""
        self.read.add(id(tensor))
        known = self.lookup(tensor)
        if known is None:
            return self._before[id(tensor)][0] if id(tensor) in self._before else self._constant(tensor)
        self.table.fix_numbered(known)
        return known

    def remember(self, tensor: Tensor, *, blank: bool) -> None:
        """Note what a constant is before the operation writes to it; a blank one is as good as 0."""
        if self.is_constant(tensor):
            axes = Axes(tuple(tensor.shape), (None,) * tensor.dim()) if blank else self._constant(tensor)
            self._before[id(tensor)] = (axes, blank or self.is_zero(tensor))

    def leave_out(self, *tensors: Tensor) -> None:
        """Say that only the shape of these arguments matters."""
        self.read.update(id(tensor) for tensor in tensors)

    def is_constant(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on neither inputs nor parameters."""
        return self.lookup(tensor) is None

    def is_zero(self, tensor: Tensor) -> bool:
        """Whether a tensor is a constant zero, which nothing changes."""
        if id(tensor) in self._before:
            return self._before[id(tensor)][1]
        return self.is_constant(tensor) and not self.is_buffer(tensor) and not bool(tensor.any())

    def _constant(self, tensor: Tensor) -> Axes:
        shape, nodes = tuple(tensor.shape), list[Node | None]()
        reason = "a buffer keeps its order" if self.is_buffer(tensor) else "a constant changes along it"
        for axis, size in enumerate(shape):
            same = size == 1 or (tensor.layout == torch.strided and self._same_along(tensor, axis))
            nodes.append(None if same else self.table.node(size, reason))
        return Axes(shape, tuple(nodes))

    def _same_along(self, tensor: Tensor, axis: int) -> bool:
        if tensor.stride(axis) == 0:
            return True
        return not self.is_buffer(tensor) and bool(torch.equal(tensor, tensor.narrow(axis, 0, 1).expand_as(tensor)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first result."""
        return tuple(self.results[0].shape)

    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments, but for the one that the result is written to."""
        named = {name: value for name, value in self.kwargs.items() if name != "out"}
        return list(tensors_in((self.args, named)))

    def ints(self, value: Any) -> list[int]:
        """One number or several as a list."""
        return [operator.index(v) for v in value] if isinstance(value, list | tuple | torch.Size) else [int(value)]


Result = Axes | Sequence[Axes | None] | None
"""The axes of the results, `None` for one that is a constant; `None` where the rule does not know: all is fixed."""

Rule = Callable[[Call], Result]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
