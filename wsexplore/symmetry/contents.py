"""What a module holds, takes and returns."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")
"""Buffers that make a layer a normalisation; all its buffers of their shape hold one number per unit."""


def statistics_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The buffers that hold one number per unit: those of normalisation layers, and the vectors of `spectral_norm`."""
    seen: set[int] = set()
    for prefix, part in module.named_modules():
        held = {name: value for name, value in part.named_buffers(recurse=False) if value.is_floating_point()}
        shapes = {tuple(held[name].shape) for name in STATISTICS if name in held}
        for name, value in held.items():
            pair = name.endswith(("_u", "_v")) and {f"{name[:-1]}u", f"{name[:-1]}v"} <= held.keys()
            if id(value) not in seen and (pair or tuple(value.shape) in shapes):
                seen.add(id(value))
                yield f"{prefix}.{name}" if prefix else name, value


def found_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in what a module takes or returns, objects with fields included."""
    return _found_in(value, set())


def _found_in(value: Any, seen: set[int]) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen and not isinstance(value, str | bytes | int | float | complex | type | nn.Module):
        seen.add(id(value))
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple | set) else ()
        names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
        fields = [] if callable(value) else [getattr(value, name, None) for name in names]
        for part in (*parts, *fields):
            yield from _found_in(part, seen)


def takes_no(module: nn.Module, error: BaseException, place: str = "") -> ValueError:
    """What to say of a module that raised an error over an example."""
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    return ValueError(f"{type(module).__name__} does not take inputs like the example{place}: {reason}")


def memory_of(tensor: Tensor) -> int:
    """Where the numbers of a tensor lie; 0 where that cannot be said."""
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (NotImplementedError, RuntimeError):
        return 0
