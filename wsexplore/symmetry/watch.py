"""Watching a forward pass: every operation is run, and its rule says what it does to the axes.

Two modes watch together. `TorchFunctionMode` sees what Python calls; `TorchDispatchMode` sees, underneath, what is
computed out of its sight (compiled and scripted code, `vmap`), so that what touches the tensors there is fixed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from wsexplore.symmetry.axes import Axes, AxisTable
from wsexplore.symmetry.contents import found_in, memory_of, statistics_of
from wsexplore.symmetry.rules import RULES, Call, tensors_in

VALUES = frozenset(
    {"__bool__", "__int__", "__float__", "__index__", "__complex__", "__contains__", "__array__", "item", "tolist",
     "numpy", "nonzero", "argwhere", "is_nonzero", "equal", "allclose", "masked_select", "unique", "unique_consecutive"}
)  # fmt: skip
"""Operations by which a number leaves the tensors, so that the path through a module may depend on it."""

CREATES = frozenset(
    {"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "new_zeros",
     "new_ones", "new_full", "new_empty", "new_tensor"}
)  # fmt: skip
"""Operations whose results take only the shape of what goes in: they are constants."""

BLANK = frozenset({"empty", "empty_like", "new_empty"})
"""Operations whose results are written before they are read."""

WRITES = frozenset({"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__", "__imod__",
                    "__iand__", "__ior__", "__ixor__", "__ipow__", "__ilshift__", "__irshift__"})  # fmt: skip
"""Operations that write to their first argument, beside those whose name ends in an underscore."""


class ValuesRead(ValueError):
    """The forward pass looks at the values of a tensor."""


class Watcher(TorchFunctionMode):
    """Runs every operation and notes, beside every tensor, what its axes are.

    Attributes:
        table: what is known of the axes.
        module: what kind of module is watched.
        busy: whether an operation runs whose rule will be asked.
        refused: why the module cannot be traced, where compiled code has put that into words of its own.
    """

    def __init__(self, module: nn.Module, inputs: Any):
        super().__init__()
        self.table = AxisTable()
        self.module = type(module).__name__
        self.busy = False
        self.refused: ValuesRead | None = None
        self._known: dict[int, tuple[Tensor, Axes]] = {}
        self._buffers: dict[int, Tensor] = {}
        self._blank: dict[int, Tensor] = {}
        self._memory: dict[int, list[Tensor]] = {}
        self._stack: list[str] = []
        for name, parameter in module.named_parameters():
            self.table.parameters[name] = self._note(parameter, self.table.fresh(tuple(parameter.shape)))
        for name, buffer in statistics_of(module):
            axes = self._note(buffer, self.table.fresh(tuple(buffer.shape)))
            self.table.admit(axes, frozenset(), "a running statistic")
            self.table.parameters[name] = axes
            self.table.statistics.add(name)
        self._fix_shared()
        self._buffers = {id(buffer): buffer for buffer in module.buffers() if self.known(buffer) is None}
        for tensor in found_in(inputs):
            self._note(tensor, self.table.fresh(tuple(tensor.shape), "input of the network"))

    def _fix_shared(self) -> None:
        """Parameters that lie in one memory without being one are fixed."""
        for held in self._memory.values():
            names = [name for name, axes in self.table.parameters.items() if any(self.known(t) is axes for t in held)]
            for name in names if len(names) > 1 else []:
                others = ", ".join(other for other in names if other != name)
                self.table.fix(self.table.parameters[name], f"it shares its memory with {others}")

    @property
    def layer(self) -> str:
        """The layer that is running; empty outside all layers."""
        return next((name for name in reversed(self._stack) if name), "")

    def enter(self, name: str) -> None:
        """A layer begins."""
        self._stack.append(name)

    def leave(self) -> None:
        """A layer ends."""
        self._stack.pop()

    def known(self, tensor: Tensor) -> Axes | None:
        """The axes of a tensor that was seen."""
        found = self._known.get(id(tensor))
        return found[1] if found is not None else None

    def _note(self, tensor: Tensor, axes: Axes) -> Axes:
        if id(tensor) not in self._known and (memory := memory_of(tensor)):
            self._memory.setdefault(memory, []).append(tensor)
        self._known[id(tensor)] = (tensor, axes)
        return axes

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and apply its rule."""
        given = kwargs or {}
        raw, name = _names_of(func)
        if not any(id(tensor) in self._known for tensor in tensors_in((args, given))):
            value = func(*args, **given)
            self._inherit(name, (args, given), value)
            return value
        if raw in VALUES or (name == "where" and len(args) + len(given) == 1):
            raise self._reads(name)
        call = Call(name, args, given, [], self.table, self.known, self._is_buffer)
        if args and isinstance(args[0], Tensor) and (raw in WRITES or (raw.endswith("_") and raw[:2] != "__")):
            call.remember(args[0], blank=id(args[0]) in self._blank)
        before, self.busy = self.busy, True
        try:
            value = func(*args, **given)
            call.results = [args[0]] if raw in ("__setitem__", "__set__") else list(tensors_in(value))
            if name in CREATES or not call.results:
                self._inherit(name, (), value)
            else:
                self._apply(call)
        finally:
            self.busy = before
        return value

    def _reads(self, how: str) -> ValuesRead:
        place = f"layer {self.layer}" if self.layer else self.module
        return ValuesRead(
            f"{place}: the forward pass looks at the values of a tensor ({how}); only the shapes of tensors may decide "
            "what is computed"
        )

    def _is_buffer(self, tensor: Tensor) -> bool:
        return id(tensor) in self._buffers

    def _inherit(self, name: str, given: Any, value: Any) -> None:
        """What is made of buffers alone is as they are; what is new and empty will be written to."""
        made_of_buffers = any(id(tensor) in self._buffers for tensor in tensors_in(given))
        for tensor in tensors_in(given):
            self._blank.pop(id(tensor), None)
        for tensor in tensors_in(value):
            if made_of_buffers and name not in CREATES:
                self._buffers[id(tensor)] = tensor
            if name in BLANK:
                self._blank[id(tensor)] = tensor

    def _apply(self, call: Call) -> None:
        reason = f"{call.name} has no rule" + (f" (in {self.layer})" if self.layer else "")
        found = _axes_by_rule(call)
        for tensor in tensors_in((call.args, call.kwargs)):
            axes = self.known(tensor)
            if axes is not None and (found is None or id(tensor) not in call.read):
                self.table.fix_numbered(axes)
                self.table.fix(axes, reason)
        for place, result in enumerate(call.results):
            axes = self.table.fresh(tuple(result.shape), reason) if found is None else found[place]
            if axes is None:
                continue
            self._settle_memory(call, result, axes, reason)
            self._note(result, axes)
            self.table.seen.append(axes)

    def _settle_memory(self, call: Call, result: Tensor, axes: Axes, reason: str) -> None:
        """Fix all tensors that see a memory which was written to, where the axes are not what they were."""
        before = self.known(result)
        written = any(tensor is result for tensor in tensors_in((call.args, call.kwargs)))
        if not written or (before is not None and before.nodes == axes.nodes):
            return
        others = [tensor for tensor in self._memory.get(memory_of(result), []) if tensor is not result]
        base = result._base if result._is_view() else None
        if base is not None and self.known(base) is None:
            self._note(base, self.table.fresh(tuple(base.shape), reason))
        if others or base is not None:
            for each in (axes, *(self.known(tensor) for tensor in others)):
                self.table.fix(each, f"{call.name} writes to memory that other tensors see")

    def unseen(self, func: Any, given: Any, value: Any) -> None:
        """An operation ran that no rule was asked about: what it touched is fixed."""
        name = str(func).removeprefix("aten.").partition(".")[0]
        touched = [axes for tensor in tensors_in(given) if (axes := self.known(tensor)) is not None]
        if not touched:
            self._inherit(name, given, value)
            return
        if name in ("_local_scalar_dense", "item", "nonzero"):
            self.refused = self._reads("in compiled code")
            raise self.refused
        reason = f"{name} is computed out of sight" + (f" (in {self.layer})" if self.layer else "")
        for axes in touched:
            self.table.fix_numbered(axes)
            self.table.fix(axes, reason)
        for result in tensors_in(value):
            if self.known(result) is None:
                self.table.seen.append(self._note(result, self.table.fresh(tuple(result.shape), reason)))


class Underneath(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells a watcher of everything that is computed while it does not ask a rule."""

    def __init__(self, watcher: Watcher):
        super().__init__()  # type: ignore[no-untyped-call]
        self._watcher = watcher

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Spare the wrapper that imports the compiler, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and report it."""
        with torch._C.DisableTorchFunction():
            value = func(*args, **(kwargs or {}))
            if not self._watcher.busy:
                self._watcher.unseen(func, (args, kwargs), value)
        return value


def _axes_by_rule(call: Call) -> Sequence[Axes | None] | None:
    """What the rule says of every result; `None` where it cannot, or where what it says does not fit."""
    rule = RULES.get(call.name)
    try:
        found = rule(call) if rule is not None else None
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None  # arguments that the rule does not foresee
    listed = [found] * len(call.results) if isinstance(found, Axes) else found
    if listed is None or len(listed) != len(call.results):
        return None
    return listed if all(_fits(call, *pair) for pair in zip(listed, call.results, strict=True)) else None


def _fits(call: Call, axes: Axes | None, result: Tensor) -> bool:
    return axes is None or (
        axes.shape == tuple(result.shape)
        and len(axes.nodes) == len(axes.shape)
        and all(n is None or call.table.size(n) == size for n, size in zip(axes.nodes, axes.shape, strict=True))
    )


def _names_of(func: Any) -> tuple[str, str]:
    """The name of an operation as it is and without underscores; of a property, its own."""
    raw = str(getattr(func, "__name__", func))
    if raw not in ("__get__", "__set__"):
        return raw, raw.strip("_")
    name = str(getattr(getattr(func, "__self__", None), "__name__", raw))
    return (raw, "set") if raw == "__set__" and name in ("data", "real", "imag") else (name, name)
