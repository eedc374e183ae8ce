"""Files of safetensors: the header is checked against the file, values are read when asked for."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wsexplore.zoo.readers.tensors import MOST_VALUES, Stored, from_bytes

DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
HEADER = 100 << 20
"""Most bytes of a header, as in the format's own library."""


@dataclass(frozen=True, slots=True)
class SafeFile:
    """The tensors of a safetensors file and its words about them."""

    tensors: dict[str, Stored]
    metadata: dict[str, str]


def open_safe_file(path: Path, name: str) -> SafeFile:
    """Read the header of a safetensors file.

    Raises:
        ValueError: it is cut short, no safetensors file, or declares tensors that do not lie in it.
    """
    broken = f"{name} is no safetensors file, or damaged; fetch it again"
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = struct.unpack("<Q", (stream.read(8) + bytes(8))[:8])[0]
            if not 2 <= length <= min(size - 8, HEADER):
                raise ValueError(broken)
            header = json.loads(stream.read(length))
    except (OSError, RecursionError, ValueError):
        raise ValueError(broken) from None
    if not isinstance(header, dict):
        raise ValueError(broken)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(broken)
    start = 8 + length
    tensors = {key: _stored(path, name, key, entry, start, size) for key, entry in header.items()}
    return SafeFile(tensors, metadata)


def _stored(path: Path, name: str, key: str, entry: Any, start: int, size: int) -> Stored:
    if not isinstance(entry, dict) or entry.get("dtype") not in DTYPES:
        raise ValueError(f"{name} holds a tensor of a kind that is not read; only plain numbers are")
    dtype = DTYPES[entry["dtype"]]
    shape: list[int] = entry["shape"] if _are_lengths(entry.get("shape")) else [-1]
    offsets: list[int] = entry["data_offsets"] if _are_lengths(entry.get("data_offsets")) else []
    if shape == [-1] or len(offsets) != 2:
        raise ValueError(f"{name} declares a tensor of an impossible shape")
    begin, end = offsets
    if math.prod(shape) > MOST_VALUES or math.prod(shape) * dtype.itemsize != end - begin or start + end > size:
        raise ValueError(f"{name} declares more or fewer values than it has; fetch it again")

    def load() -> Tensor:
        try:
            with path.open("rb") as stream:
                stream.seek(start + begin)
                data = stream.read(end - begin)
        except OSError as error:
            raise ValueError(f"{name} cannot be read: {error.strerror}") from None
        if len(data) < end - begin:
            raise ValueError(f"{name} was cut short while it was read; fetch it again")
        return from_bytes(data, dtype).reshape(shape)

    return Stored(tuple(shape), dtype, load)


def _are_lengths(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 16
        and all(type(part) is int and 0 <= part < 1 << 62 for part in value)
    )
