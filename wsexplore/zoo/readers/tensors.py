"""Tensors of a file before they are read: name, shape and kind are known, values come when asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MOST_VALUES = 1 << 31
"""Values of one tensor, at most."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file.

    Attributes:
        shape: as the file declares it.
        dtype: of the stored values.
        load: reads it. Raises `ValueError` where the file is damaged.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    load: Callable[[], Tensor]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def is_weight(self) -> bool:
        """Whether the values are real numbers that float32 can hold."""
        return self.dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64)

    def item(self) -> float | int | None:
        """The value of a tensor of one value, else `None`."""
        return self.load().reshape(-1)[0].item() if self.size == 1 else None


@dataclass(frozen=True, slots=True)
class Network:
    """One network in a file.

    Attributes:
        tensors: by name, in the order of the file.
        facts: numbers and words that lie beside it.
    """

    tensors: Mapping[str, Stored]
    facts: Mapping[str, Any]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def from_bytes(data: bytes | bytearray, dtype: torch.dtype) -> Tensor:
    """The values in some bytes, one after the other.

    Raises:
        ValueError: the bytes end within a value.
    """
    if not data:
        return torch.zeros(0, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype)


NESTS = ("model_state_dict", "state_dict", "model_state", "model", "net", "network", "weights", "params")
"""Names under which a checkpoint keeps the state dict."""

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What wrappers of a module put before every name."""

DEEPEST = 6


def network_of(value: Any) -> Network | None:
    """The network in what a file holds: a state dict, or a checkpoint with one inside.

    Prefixes that all names share and that come from wrappers are taken off. Numbers and words beside the state dict
    are its facts.
    """
    facts: dict[str, Any] = {}
    for _ in range(DEEPEST):
        if not isinstance(value, Mapping):
            return None
        weights = {
            str(name): part for name, part in value.items() if isinstance(part, Stored) and not _is_fact(name, part)
        }
        if any(part.shape for part in weights.values()) and not any(
            isinstance(value.get(nest), Mapping) for nest in NESTS
        ):
            facts |= _facts(value)
            return Network(_without_prefix(weights), facts)
        facts |= _facts(value)
        value = next((value[nest] for nest in NESTS if isinstance(value.get(nest), Mapping)), None)
    return None


def _is_fact(name: object, tensor: Stored) -> bool:
    return name == "label" or (tensor.shape == () and "." not in str(name))


def _facts(value: Mapping[Any, Any], prefix: str = "", depth: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in value.items():
        if not isinstance(name, str) or len(found) > 200:
            continue
        if isinstance(part, str | int | float | bool):
            found[prefix + name] = part
        elif isinstance(part, Stored) and _is_fact(name, part) and part.size == 1:
            found[prefix + name] = part.item()
        elif isinstance(part, Mapping) and depth and name in ("config", "last_result", "metrics", "args", "hparams"):
            found |= _facts(part, depth=depth - 1)
    return found


def _without_prefix(tensors: dict[str, Stored]) -> dict[str, Stored]:
    for _ in range(DEEPEST):
        shared = next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in tensors)), None)
        if shared is None:
            break
        tensors = {name.removeprefix(shared): tensor for name, tensor in tensors.items()}
    return tensors
