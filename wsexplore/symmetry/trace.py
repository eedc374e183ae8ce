"""The symmetry spec of any module, found by following its axes through one forward pass.

The module is run once on an example, and every operation is watched (`torch.overrides.TorchFunctionMode`): it says
which axes move together, and a union-find joins them. Axes that reach the input, the output or an operation without a
rule are fixed, with the reason. What is left may be permuted or rescaled.

Watching covers more than `torch.fx` (whose proxies fail on loops over shapes, on recurrent and attention layers and on
most of other people's code) and `torch.export` (which takes seconds and cuts such layers into pieces). What it cannot
see is what the module would do with other values, so a module whose path depends on values is refused.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from wsexplore.symmetry.axes import Axes, AxisTable
from wsexplore.symmetry.build import spec_from
from wsexplore.symmetry.rules import RULES, Call, tensors_in
from wsexplore.symmetry.spec import PermutationSpec

STATISTICS = ("running_mean", "running_var")
"""Buffers of a normalisation layer that hold one number per unit."""

VALUES = frozenset(
    {"bool", "item", "int", "float", "tolist", "index", "nonzero", "numpy", "equal", "allclose", "complex"}
)
"""Operations by which a number leaves the tensors, so that the path through a module may depend on it."""

CREATES = frozenset(
    {"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros", "new_ones",
     "new_full", "new_empty", "new_tensor"}
)  # fmt: skip
"""Operations whose results take only the shape of what goes in: they are constants."""


def symmetry_of(module: nn.Module, example_input: Tensor | tuple[Any, ...]) -> PermutationSpec:
    """The symmetry spec of `module`, traced through one forward pass in evaluation mode.

    Args:
        module: it is not changed.
        example_input: one batch, or several inputs as a tuple; their shapes matter, not their values.

    Raises:
        ValueError: the module does not take the example, has a layer without units, or its path depends on values.
    """
    for name, parameter in module.named_parameters():
        if not parameter.numel():
            raise ValueError(f"{name} has shape {tuple(parameter.shape)}: a layer without units has no symmetry")
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    watcher = _Watcher(module, inputs)
    training = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad(), _layers_named(module, watcher), watcher:
            module.eval()
            outputs = module(*inputs)
    except ValueError:
        raise
    except Exception as error:  # a module raises what it likes when its input does not fit
        place = f" in {watcher.layer}" if watcher.layer else ""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{type(module).__name__} does not take inputs like the example{place}: {reason}") from None
    finally:
        for part, mode in training:
            part.training = mode
    for tensor in _found(outputs):
        known = watcher.known(tensor)
        if known is not None:
            watcher.table.fix(known, "output of the network")
    return spec_from(watcher.table)


def _found(outputs: Any) -> Iterator[Tensor]:
    """Every tensor in what a module returns, objects with fields included."""
    yield from tensors_in(outputs)
    if not isinstance(outputs, Tensor | list | tuple | dict) and hasattr(outputs, "__dict__"):
        yield from tensors_in(vars(outputs))


@contextmanager
def _layers_named(module: nn.Module, watcher: "_Watcher") -> Iterator[None]:
    """Tell the watcher which layer is running."""
    handles: list[RemovableHandle] = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(_entering(watcher, name)))
        handles.append(part.register_forward_hook(lambda *_: watcher.leave()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _entering(watcher: "_Watcher", name: str) -> Callable[..., None]:
    return lambda *_: watcher.enter(name)


class _Watcher(TorchFunctionMode):
    """Runs every operation and notes, beside every tensor, what its axes are."""

    def __init__(self, module: nn.Module, inputs: tuple[Any, ...]):
        super().__init__()
        self.table = AxisTable()
        self._known: dict[int, tuple[Tensor, Axes]] = {}
        self._stack: list[str] = []
        for name, parameter in module.named_parameters():
            self.table.parameters[name] = self._note(parameter, self.table.fresh(tuple(parameter.shape)))
        for name, buffer in module.named_buffers():
            if name.rpartition(".")[2] in STATISTICS:
                self.table.parameters[name] = self._note(buffer, self.table.fresh(tuple(buffer.shape)))
                self.table.statistics.add(name)
        for tensor in tensors_in(inputs):
            self._note(tensor, self.table.fresh(tuple(tensor.shape), "input of the network"))

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
        self._known[id(tensor)] = (tensor, axes)
        return axes

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and apply its rule."""
        given = kwargs or {}
        name = _name_of(func)
        concerned = any(self.known(tensor) is not None for tensor in tensors_in((args, given)))
        if name in VALUES and concerned:
            raise ValueError(
                f"{self._where}the forward pass looks at the values of a tensor ({name}); only the shapes of "
                "tensors may decide what is computed"
            )
        value = func(*args, **given)
        results = list(tensors_in(value))
        if concerned and results and name not in CREATES:
            self._apply(name, args, given, results)
        return value

    @property
    def _where(self) -> str:
        return f"layer {self.layer}: " if self.layer else ""

    def _apply(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], results: list[Tensor]) -> None:
        call = Call(name, args, kwargs, results, self.table, self.known)
        rule = RULES.get(name)
        found = rule(call) if rule is not None else None
        reason = f"{name} has no rule" + (f" (in {self.layer})" if self.layer else "")
        if found is None:
            for tensor in tensors_in((args, kwargs)):
                axes = self.known(tensor)
                if axes is not None:
                    self.table.fix(axes, reason)
            found = [self.table.fresh(tuple(result.shape), reason) for result in results]
        for result, axes in zip(results, found if isinstance(found, list) else [found] * len(results), strict=True):
            if tuple(result.shape) != axes.shape:
                self.table.fix(axes, reason)
                axes = self.table.fresh(tuple(result.shape), reason)
            self._note(result, axes)
            self.table.seen.append(axes)


def _name_of(func: Any) -> str:
    """The name of an operation without underscores; of a property, its own."""
    name = str(getattr(func, "__name__", func))
    if name == "__get__":
        return str(getattr(func.__self__, "__name__", ""))
    return name.strip("_")
