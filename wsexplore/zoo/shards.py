"""A matrix with a row per network, in memory or in safetensors files of which rows are read as they are used."""

import hashlib
import json
import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from safetensors import SafetensorError, safe_open
from torch import Tensor

DTYPES = {"float32": torch.float32, "float16": torch.float16}
CODES = {torch.float32: "F32", torch.float16: "F16"}
SHARD = 512 << 20
"""Bytes of one file, about."""

PIECE = 4 << 20
"""Bytes of float32 that are read, hashed or looked through at once."""

HEADER = 192
"""Bytes before the values of a file that is written here; the header is padded with spaces, as safetensors does."""

LONGEST_HEADER = 1 << 20
SCATTERED = 64
"""Rows that are read from all over a file before it is released; the system brings in far more than these rows."""


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """Rows that lie together: a tensor, and the file behind it if there is one."""

    values: Float[Tensor, "rows columns"]
    mapped: mmap.mmap | None = None

    def release(self) -> None:
        """Let the system forget what was read of the file; it is read again when it is used again."""
        if self.mapped is not None:
            self.mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix that is never changed, float32 or float16.

    Attributes:
        parts: its rows, in order.
        told: the digest that its file tells.
    """

    parts: tuple[Part, ...]
    told: str | None = None

    @classmethod
    def of(cls, values: Float[Tensor, "rows columns"]) -> "Matrix":
        """A matrix in memory."""
        return cls((Part(values),))

    @classmethod
    def in_files(
        cls, files: Sequence[tuple[Path, int]], name: str, columns: int, dtype: torch.dtype, digest: str
    ) -> "Matrix":
        """The matrix whose rows lie in these files, so many in each, as the tensor called `name`.

        Raises:
            ValueError: a file is no safetensors file, or holds anything else.
        """
        return cls(tuple(_mapped(file, name, (rows, columns), dtype) for file, rows in files), digest)

    @cached_property
    def digest(self) -> str:
        """Hash of the values as float32, so that it does not depend on where they lie or how they are cut."""
        if self.told is not None:
            return self.told
        hashed = hashlib.sha256()
        for _, piece in self.pieces():
            hashed.update(piece.to(torch.float32).contiguous().numpy().data)
        return hashed.hexdigest()

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def columns(self) -> int:
        """Numbers in one row."""
        return int(self.parts[0].values.shape[1])

    @cached_property
    def _starts(self) -> Int[Array, " parts_and_end"]:
        starts: Int[Array, " parts_and_end"] = np.cumsum([0, *(len(part.values) for part in self.parts)])
        return starts

    def whole(self) -> Float[Tensor, "rows columns"]:
        """All rows as float32; nothing is copied where they lie in one part as float32."""
        if len(self.parts) == 1:
            return self.parts[0].values.to(torch.float32)
        return self.take(np.arange(len(self)))

    def take(self, numbers: Int[Array, " taken"]) -> Float[Tensor, "taken columns"]:
        """A copy of some rows as float32; only these are read."""
        taken = torch.empty(len(numbers), self.columns)
        homes = np.searchsorted(self._starts, numbers, side="right") - 1
        for home in np.unique(homes):
            part, places = self.parts[home], np.flatnonzero(homes == home)
            size = len(places)
            if part.mapped is not None:
                size = self._at_once if _slice(numbers[places]) else SCATTERED
            for start in range(0, len(places), size):
                some = places[start : start + size]
                rows = numbers[some] - self._starts[home]
                read = part.values[_slice(rows) or torch.from_numpy(rows)]
                taken[_slice(some) or torch.from_numpy(some)] = read.to(torch.float32)
                part.release()
        return taken

    def pieces(self) -> Iterator[tuple[int, Float[Tensor, "rows columns"]]]:
        """All rows, a few at a time, each with the number of its first."""
        for start, part in zip(self._starts, self.parts, strict=False):
            for place, piece in enumerate(torch.split(part.values, self._at_once)):
                yield int(start) + place * self._at_once, piece
                part.release()

    @property
    def _at_once(self) -> int:
        return max(1, PIECE // (4 * max(1, self.columns)))


def _slice(numbers: Int[Array, " rows"]) -> slice | None:
    """The same rows as a slice, if they follow one another."""
    if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return None


def _mapped(file: Path, name: str, shape: tuple[int, int], dtype: torch.dtype) -> Part:
    """The matrix in a safetensors file; the system reads pages of it as they are used."""
    with file.open("rb") as stream:
        length = struct.unpack("<Q", (stream.read(8) + bytes(8))[:8])[0]
        if not 0 < length <= min(file.stat().st_size - 8, LONGEST_HEADER):
            raise ValueError(f"{file} is no safetensors file of a zoo; fetch or make it again")
        _check_header(file, name, shape, dtype)
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    if (8 + length) % dtype.itemsize:
        raise ValueError(f"the numbers in {file} do not begin at a whole place; make it again")
    kind = np.float32 if dtype == torch.float32 else np.float16
    values = np.frombuffer(mapped, kind, shape[0] * shape[1], 8 + length).reshape(shape)
    return Part(torch.from_numpy(values), mapped)


def _check_header(file: Path, name: str, shape: tuple[int, int], dtype: torch.dtype) -> None:
    """Refuse a file that safetensors cannot read or that holds anything else than this one matrix."""
    try:
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
            if names != [name]:
                raise ValueError(f"{file} holds {', '.join(names)[:200] or 'nothing'} instead of one matrix {name!r}")
            found = opened.get_slice(name)
            held, code = tuple(found.get_shape()), found.get_dtype()
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} cannot be read: {error}; fetch or make it again") from None
    if held != shape or code != CODES[dtype]:
        raise ValueError(f"{file} holds {held} {code}, its manifest says {shape} {CODES[dtype]}; make it again")


class ShardWriter:
    """Writes a matrix row by row into files of about `SHARD` bytes; a small one into the file `<name>.safetensors`.

    Attributes:
        files: name and number of rows of each file, after `close`.
    """

    def __init__(self, folder: Path, name: str, columns: int, dtype: torch.dtype):
        self.files: list[tuple[str, int]] = []
        self._folder, self._name, self._columns, self._dtype = folder, name, columns, dtype
        self._most = max(1, SHARD // max(1, columns * dtype.itemsize))
        self._hashed = hashlib.sha256()
        self._stream: IO[bytes] | None = None
        self._begin()

    def append(self, values: Float[Tensor, "rows columns"]) -> None:
        """Write further rows; they are already of the dtype."""
        for piece in torch.split(values, max(1, PIECE // (4 * max(1, self._columns)))):
            self._hashed.update(piece.to(torch.float32).contiguous().numpy().data)
        while len(values):
            name, rows = self.files[-1]
            fitting = values[: self._most - rows].contiguous()
            assert self._stream is not None
            self._stream.write(fitting.numpy().data)
            self.files[-1] = (name, rows + len(fitting))
            values = values[len(fitting) :]
            if len(values):
                self._end()
                self._begin()

    def finish(self) -> str:
        """Complete the last file; the digest of the matrix."""
        self._end()
        if len(self.files) == 1:
            name, rows = self.files[0]
            (self._folder / name).rename(self._folder / f"{self._name}.safetensors")
            self.files = [(f"{self._name}.safetensors", rows)]
        return self._hashed.hexdigest()

    def close(self) -> None:
        """Give up the open file, whatever happened."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _begin(self) -> None:
        self.files.append((f"{self._name}-{len(self.files) + 1:05d}.safetensors", 0))
        self._stream = (self._folder / self.files[-1][0]).open("wb")
        self._stream.write(bytes(HEADER))

    def _end(self) -> None:
        """Write the header, whose length was left free, once the number of rows is known."""
        assert self._stream is not None
        rows = self.files[-1][1]
        facts = {
            "dtype": CODES[self._dtype],
            "shape": [rows, self._columns],
            "data_offsets": [0, rows * self._columns * self._dtype.itemsize],
        }
        header = json.dumps({self._name: facts}).encode().ljust(HEADER - 8)
        self._stream.seek(0)
        self._stream.write(struct.pack("<Q", len(header)) + header)
        self.close()


def not_finite(matrix: Matrix) -> Int[Array, " rows"]:
    """Numbers of the rows that hold a value that is not finite."""
    found = [np.zeros(0, np.int64)]
    for start, piece in matrix.pieces():
        found.append(np.flatnonzero(~piece.isfinite().all(1).numpy()) + start)
    return np.concatenate(found)
