"""The permutation spec of any module, found by following its axes through one forward pass.

Every axis of every tensor is a node; an operation says which axes move together, and a union-find joins them. Axes that
reach the input, the output or an operation without a rule are fixed, with the reason. What is left is permutable.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from wsexplore.symmetry.rules import RULES, Axes, Ruled
from wsexplore.symmetry.spec import PermutationSpec


def symmetry_of(module: nn.Module, example_input: Tensor) -> PermutationSpec:
    """The permutation spec of `module`, traced with `torch.fx`.

    Args:
        module: it is not changed.
        example_input: one batch; only its shape matters.

    Raises:
        ValueError: the module cannot be traced, for example because its forward pass depends on values.
    """
    try:
        graph = fx.symbolic_trace(module)
    except Exception as error:  # fx raises whatever the module's own forward raises on a proxy
        raise ValueError(f"{type(module).__name__} cannot be traced: {error}") from None
    tracer = _Tracer(graph)
    training = module.training
    graph.eval()
    try:
        with torch.no_grad():
            tracer.run(example_input)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{type(module).__name__} does not take inputs like the example: {reason}") from None
    finally:
        graph.train(training)
    return tracer.axes.spec()


class _Tracer(fx.Interpreter):
    """Runs the module and notes, beside every value, what its axes are."""

    def __init__(self, graph: fx.GraphModule):
        super().__init__(graph)
        self.axes = AxisTable({name: tuple(p.shape) for name, p in graph.named_parameters(remove_duplicate=False)})
        self.known: dict[fx.Node, Axes] = {}

    def run_node(self, n: fx.Node) -> object:
        """The value of a node, its axes noted on the way."""
        value = super().run_node(n)
        shape = tuple(value.shape) if isinstance(value, Tensor) else ()
        inputs = [self.known[source] for source in n.all_input_nodes if source in self.known]
        if n.op == "placeholder":
            self.known[n] = self.axes.fixed(shape, "input of the network")
        elif n.op == "output":
            for axes in inputs:
                self.axes.fix(axes, "output of the network")
        elif n.op == "get_attr":
            known = self.axes.parameters.get(str(n.target))
            self.known[n] = known if known is not None else self.axes.fixed(shape, "constant")
        else:
            module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
            operation = type(module) if module is not None else n.target
            rule = RULES.get(operation)
            shapes = [axes.shape for axes in inputs]
            result = rule(self.axes, Ruled(str(n.target), module, inputs, shapes, shape, n)) if rule else None
            if result is None:
                name = getattr(operation, "__name__", str(operation))
                for axes in inputs:
                    self.axes.fix(axes, f"{name} has no rule")
                for parameter, axes in self.axes.parameters.items():
                    if module is not None and parameter.startswith(f"{n.target}."):
                        self.axes.fix(axes, f"{name} has no rule")
                result = self.axes.fixed(shape, f"{name} has no rule")
            self.known[n] = result
        return value


@dataclass(slots=True)
class AxisTable:
    """Union-find over axes. A class of axes has a number of units and perhaps a reason why it is fixed."""

    shapes: dict[str, tuple[int, ...]]
    parameters: dict[str, Axes] = field(init=False)
    _parent: list[int] = field(default_factory=list)
    _size: list[int] = field(default_factory=list)
    _reason: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameters = {name: self.fresh(shape) for name, shape in self.shapes.items()}

    def fresh(self, shape: tuple[int, ...], reason: str = "") -> Axes:
        """New axes that nothing is joined to yet."""
        start = len(self._parent)
        self._parent += range(start, start + len(shape))
        self._size += shape
        self._reason += [reason] * len(shape)
        return Axes(shape, tuple(range(start, start + len(shape))))

    def fixed(self, shape: tuple[int, ...], reason: str) -> Axes:
        """New axes that may not be permuted."""
        return self.fresh(shape, reason)

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
                if root not in names and math.prod(self.shapes[name]) > 1 and self._reason[root]
            )
        )
        axes_of = {
            name: tuple(names.get(self.find(label)) for label in axes.labels) for name, axes in self.parameters.items()
        }
        return PermutationSpec(axes_of, {name: self._size[root] for root, name in names.items()}, fixed)
