"""One operation that was met on the way through a module, as a rule sees it."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wsexplore.symmetry.axes import Axes, AxisTable, Node


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
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Tensor]
    table: AxisTable
    lookup: Callable[[Tensor], Axes | None]

    def arg(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by its place or its name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    def axes(self, tensor: Tensor) -> Axes:
        """The axes of an argument; those of a constant are free where it does not change along them."""
        known = self.lookup(tensor)
        return known if known is not None else self._constant(tensor)

    def is_constant(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on neither inputs nor parameters."""
        return self.lookup(tensor) is None

    def is_zero(self, tensor: Tensor) -> bool:
        """Whether a tensor is a constant zero, which nothing changes."""
        return self.is_constant(tensor) and not bool(tensor.any())

    def _constant(self, tensor: Tensor) -> Axes:
        nodes: list[Node | None] = []
        for axis, size in enumerate(tensor.shape):
            first = tensor.narrow(axis, 0, 1) if size else tensor
            same = size == 1 or bool(torch.equal(tensor, first.expand_as(tensor)))
            nodes.append(None if same else self.table.node(size, "a constant changes along it"))
        return Axes(tuple(tensor.shape), tuple(nodes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first result."""
        return tuple(self.results[0].shape)

    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments."""
        return list(tensors_in((self.args, self.kwargs)))

    def ints(self, value: Any) -> list[int]:
        """One number or several as a list."""
        return [operator.index(v) for v in value] if isinstance(value, list | tuple | torch.Size) else [int(value)]


Result = Axes | list[Axes] | None
"""The axes of the results; `None` where the rule does not know, and all that went in is fixed."""

Rule = Callable[[Call], Result]


def tensors_in(value: Any) -> Iterable[Tensor]:
    """Every tensor in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors_in(each)
