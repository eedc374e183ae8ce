"""Results as bytes and back, bit for bit: a tree of JSON and the arrays beside it, and nothing that runs."""

import importlib
import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy import ndarray as Array
from safetensors.numpy import load, save
from torch import Tensor

from wsexplore.jobs.fits import fit
from wsexplore.jobs.frames import frame_of, parts_of

MOST = 256 << 20
"""Bytes of a result that are kept."""

DEEPEST = 64
"""Levels of a tree."""

MODULE = re.compile(r"wsexplore\.(?!cli\b)[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
"""Modules whose dataclasses are built: all but the commands."""

KINDS = "biufcmMSU"
"""Kinds of numpy's types that hold no objects."""

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}


class Unkept(ValueError):
    """The value holds something that cannot be kept."""


class Broken(ValueError):
    """The bytes are not what `encode` wrote."""


def encode(value: Any) -> bytes:
    """A safetensors file with the arrays of `value`, and its tree in the header.

    Numbers, texts, bytes, `None`, tuples, lists, dicts, numpy arrays without objects, dense torch tensors (which come
    back on the CPU), pandas frames, and frozen dataclasses of `wsexplore` are kept, nested as they like. An array that
    occurs twice is kept once.

    Raises:
        Unkept: something else is in it, or it is too large.
    """
    writer = _Writer()
    try:
        tree = json.dumps(writer.tree(value, DEEPEST), allow_nan=False, separators=(",", ":"))
    except Unkept:
        raise
    except Exception as error:  # whatever a strange value answers with, it is not kept
        raise Unkept(f"it cannot be written: {error}") from None
    if len(tree) > MOST:
        raise Unkept("its tree is too large")
    return save(writer.arrays, {"tree": tree})


def decode(data: bytes) -> Any:
    """The value that `encode` wrote; `decode(encode(x))` is `x`, bit for bit.

    Only frozen dataclasses of `wsexplore` are built, from exactly their fields.

    Raises:
        Broken: the bytes are cut, altered or never were such a file.
    """
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        tree = json.loads(header["__metadata__"]["tree"])
        return _Reader(load(data)).value(tree, DEEPEST)
    except Exception as error:  # whatever strange bytes provoke, they are no result
        raise Broken(f"the result cannot be read: {error}") from None


class _Writer:
    """Makes the tree, and gathers the arrays as bytes."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._seen: dict[int, tuple[Any, str]] = {}
        self._size = 0

    def tree(self, value: Any, depth: int) -> Any:
        if depth < 0:
            raise Unkept("it is nested too deeply")
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": struct.pack("<d", value).hex()}
        if kind in (list, tuple):
            return {kind.__name__: [self.tree(part, depth - 1) for part in value]}
        if kind is dict:
            return {"dict": [[_key(key), self.tree(part, depth - 1)] for key, part in value.items()]}
        if kind is bytes:
            return {"bytes": self._keep(value, len(value), lambda: np.frombuffer(value, np.uint8))}
        if kind in (Array, np.memmap):
            return {"array": [self._numpy(value), value.dtype.str, list(value.shape)]}
        if isinstance(value, np.generic):
            return {"scalar": [self._numpy(held := np.asarray(value)), held.dtype.str]}
        if kind is Tensor:
            return {"tensor": [self._torch(value), str(value.dtype).removeprefix("torch."), list(value.shape)]}
        if kind is pd.DataFrame:
            return {"frame": self.tree(parts_of(value), depth - 1)}
        return {"object": [_name_of(kind), {name: self.tree(getattr(value, name), depth - 1) for name in _names(kind)}]}

    def _numpy(self, value: Array) -> str:
        if value.dtype.kind not in KINDS or value.dtype.itemsize == 0:
            raise Unkept(f"it holds an array of {value.dtype}")
        return self._keep(value, value.nbytes, lambda: np.ascontiguousarray(value).reshape(-1).view(np.uint8))

    def _torch(self, value: Tensor) -> str:
        if value.layout is not torch.strided or str(value.dtype).removeprefix("torch.") not in DTYPES:
            raise Unkept(f"it holds a tensor of {value.dtype}")
        return self._keep(value, value.numel() * value.element_size(), lambda: _bytes_of(value))

    def _keep(self, value: Any, size: int, read: Callable[[], Array]) -> str:
        """The name of an array's bytes; the value is held, so that its id is not given to another."""
        if id(value) not in self._seen:
            self._size += size
            if self._size > MOST:
                raise Unkept(f"it is larger than {MOST >> 20} MiB")
            name = str(len(self.arrays))
            self.arrays[name], self._seen[id(value)] = read(), (value, name)
        return self._seen[id(value)][1]


class _Reader:
    """Builds the value of a tree."""

    def __init__(self, arrays: Mapping[str, Array]):
        self._arrays = arrays

    def value(self, tree: Any, depth: int) -> Any:
        if depth < 0:
            raise Broken("it is nested too deeply")
        if tree is None or type(tree) in (bool, int, float, str):
            return tree
        ((kind, held),) = tree.items()
        below = partial(self.value, depth=depth - 1)
        match kind:
            case "float":
                return struct.unpack("<d", bytes.fromhex(held))[0]
            case "list":
                return [below(part) for part in held]
            case "tuple":
                return tuple(below(part) for part in held)
            case "dict":
                return {_key(key): below(part) for key, part in held}
            case "bytes":
                return self._arrays[held].tobytes()
            case "array":
                name, dtype, shape = held
                return self._bytes(name).view(_dtype(dtype)).reshape(shape)
            case "scalar":
                name, dtype = held
                return self._bytes(name).view(_dtype(dtype)).reshape(())[()]
            case "tensor":
                name, dtype, shape = held
                return _tensor(self._bytes(name), DTYPES[dtype]).reshape(shape)
            case "frame":
                return frame_of(below(held))
            case "object":
                name, parts = held
                found = _class_of(name)
                if sorted(parts) != sorted(_names(found)):
                    raise Broken(f"{name} has other fields")
                values = {field: below(part) for field, part in parts.items()}
                if not fit(found, values):
                    raise Broken(f"a field of {name} is of another type")
                return found(**values)
        raise Broken(f"there is no {kind!r}")

    def _bytes(self, name: str) -> Array:
        found = self._arrays[name]
        if found.dtype != np.uint8 or found.ndim != 1:
            raise Broken("an array is not kept as bytes")
        return found.copy()


def _bytes_of(value: Tensor) -> Array:
    flat = value.detach().cpu().resolve_conj().resolve_neg().reshape(-1).contiguous()
    return flat.view(torch.uint8).numpy() if len(flat) else np.empty(0, np.uint8)


def _tensor(held: Array, dtype: torch.dtype) -> Tensor:
    """The numbers whose bytes are given; torch views no empty bytes as numbers."""
    return torch.from_numpy(held).view(dtype) if len(held) else torch.empty(0, dtype=dtype)


def _key(key: Any) -> Any:
    if type(key) not in (str, int, bool, type(None)):
        raise Unkept(f"a dict has the key {key!r}")
    return key


def _dtype(name: str) -> np.dtype[Any]:
    found = np.dtype(name)
    if found.kind not in KINDS:
        raise Broken(f"there are no arrays of {name}")
    return found


def _names(kind: type) -> list[str]:
    """Fields of a dataclass that may be kept."""
    if not (is_dataclass(kind) and kind.__dataclass_params__.frozen and MODULE.fullmatch(kind.__module__)):  # type: ignore[attr-defined]
        raise Unkept(f"it holds a {kind.__module__}.{kind.__qualname__}")
    found = fields(kind)
    if not all(field.init for field in found):
        raise Unkept(f"it holds a {kind.__qualname__}, which has fields of its own making")
    return [field.name for field in found]


def _name_of(kind: type) -> str:
    _names(kind)
    if _class_of(name := f"{kind.__module__}:{kind.__qualname__}") is not kind:
        raise Unkept(f"{name} is not what its module calls so")
    return name


def _class_of(name: str) -> type:
    """The dataclass of a name like "wsexplore.landscape.barrier:Barrier"."""
    module, _, called = name.partition(":")
    if not MODULE.fullmatch(module) or not called.isidentifier():
        raise Broken(f"{name!r} is no class that results are made of")
    found = getattr(importlib.import_module(module), called)
    if not isinstance(found, type) or found.__module__ != module:
        raise Broken(f"{name!r} is no class that results are made of")
    _names(found)
    return found
