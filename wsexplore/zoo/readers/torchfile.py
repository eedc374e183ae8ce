"""Files of `torch.save`, new (zip) and old, read without running anything and without trusting a size in them."""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from wsexplore.zoo.readers.pickled import parse
from wsexplore.zoo.readers.tensors import MOST_VALUES, Stored, from_bytes
from wsexplore.zoo.readers.vocabulary import Make, Name, Vocabulary
from wsexplore.zoo.readers.words import MAKE

DTYPES: Mapping[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
OLD_MAGIC = 0x1950A86A20F9469CFC6C
DESCRIPTION = 64 << 20
"""Most bytes of the pickle that names the tensors."""

DIRECTORY = 256 << 20
"""Most bytes of the list of a zip file's entries."""


@dataclass(eq=False)
class TorchFile:
    """An open file of `torch.save`.

    Attributes:
        stream: the file; tensors are read from it as they are asked for.
        name: of the file, for sentences.
        things: modules whose objects are kept for their attributes.
        value: what was saved: plain values, and `Stored` for every tensor.
    """

    stream: BinaryIO
    name: str
    things: tuple[str, ...] = ()
    value: Any = None
    _zip: zipfile.ZipFile | None = None
    _records: dict[str, Any] = field(default_factory=dict)
    _last: tuple[str, bytes] = ("", b"")

    def start(self) -> None:
        """Read the description of what was saved.

        Raises:
            ValueError: the file is damaged, or only running its code could read it.
        """
        head = self.stream.read(4)
        try:
            if head[:2] == b"PK":
                self._start_zip()
            else:
                self._start_old()
        except (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, NotImplementedError, RuntimeError):
            raise ValueError(f"{self.name} is damaged or cut short; fetch it again") from None

    def _start_zip(self) -> None:
        if _directory_size(self.stream) > DIRECTORY:
            raise ValueError(f"the list of entries of {self.name} is too long for a file of weights")
        try:
            self._zip = zipfile.ZipFile(self.stream)
            entries = self._zip.infolist()
        except ValueError:
            raise zipfile.BadZipFile from None
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError(f"{self.name} holds compressed entries, which torch.save does not write")
        size = os.fstat(self.stream.fileno()).st_size
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError(f"{self.name} declares more bytes than it has; fetch it again")
        described = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
        if len(described) != 1 or described[0].filename.count("/") > 1:
            raise ValueError(f"{self.name} is a zip file, but not one that torch.save wrote")
        home = described[0].filename.removesuffix("data.pkl")
        if self._zip.NameToInfo.get(f"{home}byteorder") and self._record(f"{home}byteorder") != b"little":
            raise ValueError(f"{self.name} was written on a machine of other byte order; save it again on this one")
        if described[0].file_size > DESCRIPTION:
            raise ValueError(f"the description in {self.name} is too long for a file of weights")
        self._records = {
            entry.filename.removeprefix(f"{home}data/"): entry
            for entry in entries
            if entry.filename.startswith(f"{home}data/")
        }
        self.value, _ = parse(self._record(described[0]), self._vocabulary())

    def _record(self, entry: Any) -> bytes:
        assert self._zip is not None
        try:
            return self._zip.read(entry)
        except ValueError:
            raise zipfile.BadZipFile from None

    def _start_old(self) -> None:
        """The format before torch 1.6: pickles one after the other, then the storages."""
        size = self.stream.seek(0, os.SEEK_END)
        self.stream.seek(0)
        data = self.stream.read(min(size, DESCRIPTION))
        plain = Vocabulary({})
        place = 0
        magic = None
        with contextlib.suppress(ValueError):
            magic, place = parse(data, plain)
        if magic != OLD_MAGIC:
            raise ValueError(f"{self.name} is no file of torch.save; fetch it again")
        _, place = parse(data, plain, start=place)
        system, place = parse(data, plain, start=place)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ValueError(f"{self.name} was written on a machine of other byte order; save it again on this one")
        declared: dict[str, tuple[torch.dtype, int]] = {}
        self.value, place = parse(data, self._vocabulary(declared), start=place)
        keys, place = parse(data, plain, start=place)
        known = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        if not known or sorted(keys) != sorted(declared):
            raise ValueError(f"{self.name} is damaged: its list of storages is not what its tensors need")
        for key in keys:
            dtype, count = declared[key]
            self.stream.seek(place)
            found = int.from_bytes(self.stream.read(8), "little", signed=True)
            bytes_ = count * dtype.itemsize
            if found != count or place + 8 + bytes_ > size:
                raise ValueError(f"{self.name} is damaged or cut short; fetch it again")
            self._records[key] = (place + 8, bytes_)
            place += 8 + bytes_

    def _vocabulary(self, declared: dict[str, tuple[torch.dtype, int]] | None = None) -> Vocabulary:
        def stored(identifier: Any) -> "Storage":
            if not isinstance(identifier, tuple) or len(identifier) < 5 or identifier[0] != "storage":
                raise ValueError(f"{self.name} holds something else than tensors of this process")
            kind, key, count = identifier[1], identifier[2], identifier[4]
            if not isinstance(kind, Name) or not isinstance(key, str):
                raise ValueError(f"{self.name} describes a tensor in a form that is not read")
            if kind.name not in DTYPES:
                raise ValueError(f"{self.name} holds values of the kind {kind}; only plain numbers are read")
            if not isinstance(count, int) or not 0 <= count <= MOST_VALUES:
                raise ValueError(f"{self.name} declares a tensor of an impossible size")
            dtype = DTYPES[kind.name]
            if len(identifier) > 5 and identifier[5] is not None:
                raise ValueError(f"{self.name} holds views of storages in a form that is not read; save it again")
            if declared is not None:
                if declared.setdefault(key, (dtype, count)) != (dtype, count):
                    raise ValueError(f"{self.name} is damaged: one storage comes with two sizes")
            elif key not in self._records or self._records[key].file_size < count * dtype.itemsize:
                raise ValueError(f"{self.name} declares more values than it has; fetch it again")
            return Storage(self, key, dtype, count)

        made: dict[str, Make] = dict.fromkeys(TENSORS, _tensor) | dict.fromkeys(PARAMETERS, _first)
        return Vocabulary({**MAKE, **made, **dict.fromkeys(KINDS, _never)}, self.things, stored)

    def storage(self, key: str) -> bytes:
        """The bytes of one storage."""
        if self._last[0] != key:
            try:
                if self._zip is not None:
                    data = self._zip.read(self._records[key])
                else:
                    start, length = self._records[key]
                    self.stream.seek(start)
                    data = self.stream.read(length)
            except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error, RuntimeError):
                raise ValueError(f"{self.name} is damaged; fetch it again") from None
            self._last = (key, data)
        return self._last[1]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the values of tensors lie in a file."""

    file: TorchFile
    key: str
    dtype: torch.dtype
    count: int


@contextlib.contextmanager
def open_torch_file(path: Path, name: str, *, things: tuple[str, ...] = ()) -> Iterator[TorchFile]:
    """Open what `torch.save` wrote; its tensors can be loaded until the body ends.

    Args:
        path: the file.
        name: what to call it in sentences.
        things: modules whose objects are kept for their attributes.

    Raises:
        UnknownNameError: only running its code could read it.
        ValueError: it is damaged, or of another kind.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    with stream:
        file = TorchFile(stream, name, things)
        file.start()
        yield file


def _directory_size(stream: BinaryIO) -> int:
    """Bytes of a zip file's list of entries, as its end declares it."""
    size = stream.seek(0, os.SEEK_END)
    tail_start = max(0, size - (1 << 16) - 1024)
    stream.seek(tail_start)
    tail = stream.read()
    stream.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + 22 > len(tail):
        raise zipfile.BadZipFile
    declared: int = struct.unpack_from("<I", tail, place + 12)[0]
    far = tail.rfind(b"PK\x06\x06", 0, place)
    if far >= 0 and far + 56 <= len(tail):
        declared = max(declared if declared != 0xFFFFFFFF else 0, struct.unpack_from("<Q", tail, far + 40)[0])
    return declared


def _tensor(arguments: tuple[Any, ...]) -> Stored:
    """A tensor by storage, offset, size and strides, none of which may reach beyond the storage."""
    storage, offset, size, stride = arguments[:4]
    if not isinstance(size, list | tuple) or not isinstance(stride, list | tuple):
        raise ValueError("a tensor in it is described in a form that is not read")
    shape, steps = tuple(size), tuple(stride)
    numbers = (offset, *shape, *steps)
    if not isinstance(storage, Storage) or len(shape) != len(steps) or len(shape) > 16:
        raise ValueError("a tensor in it is described in a form that is not read")
    if not all(type(number) is int and 0 <= number <= MOST_VALUES for number in numbers):
        raise ValueError("a tensor in it has an impossible shape")
    count = 1
    for length in shape:
        count *= length
    last = offset + sum((length - 1) * step for length, step in zip(shape, steps, strict=True)) if count else offset
    if count > storage.count or (count and last >= storage.count) or offset > storage.count:
        raise ValueError("a tensor in it declares more values than are stored")

    def load() -> Tensor:
        values = from_bytes(storage.file.storage(storage.key)[: storage.count * storage.dtype.itemsize], storage.dtype)
        if len(values) < storage.count:
            raise ValueError(f"{storage.file.name} is damaged or cut short; fetch it again")
        return values.as_strided(shape, steps, offset) if count else values[:0].reshape(shape)

    return Stored(shape, storage.dtype, load)


def _first(arguments: tuple[Any, ...]) -> Any:
    return arguments[0]


def _never(_: tuple[Any, ...]) -> Any:
    raise TypeError


TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
KINDS = tuple(f"torch.{name}" for name in (*DTYPES, *(str(dtype).partition(".")[2] for dtype in DTYPES.values())))
