"""CIFAR-10: small colour photographs, in the binary batches of its authors."""

import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsexplore.datasets.fetch import fetch, on_disk
from wsexplore.datasets.samples import Raw

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
URL = "https://www.cs.toronto.edu/~kriz/"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""As published beside the archive."""
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
RECORD = 1 + 3 * 32 * 32
"""Bytes of one image: its label, then its red, green and blue values."""
LARGEST = 10_000 * RECORD
"""Bytes of a whole batch."""


def read_cifar10() -> Raw:
    """The images as bytes, (channels, height, width).

    The batches are read from `cifar-10-batches-bin` of `WSEXPLORE_DATA`, or straight from the downloaded archive:
    nothing is unpacked to disk.
    """
    if (folder := on_disk(FOLDER)) is not None:
        return _read(lambda file: _from_folder(folder, file))
    path = fetch("cifar10", ARCHIVE, url=URL, checksum=f"md5:{MD5}", wanted=f"{FOLDER}/*.bin")
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {member.name: member for member in archive if member.isfile() and member.size <= LARGEST}
            return _read(lambda file: _from_archive(archive, members, file))
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ValueError(f"{path.name} is broken ({error}); remove it from the cache and try again") from None


def _read(read: Callable[[str], bytes]) -> Raw:
    def part(files: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        rows = np.concatenate([_records(file, read(file)) for file in files])
        return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)

    return Raw(part(TRAIN), part(TEST), CLASSES)


def _from_folder(folder: Path, file: str) -> bytes:
    path = folder / file
    if not path.is_file():
        raise ValueError(f"{file} is missing in {FOLDER}; unpack {ARCHIVE} again")
    try:
        with path.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); unpack {ARCHIVE} again") from None


def _from_archive(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], file: str) -> bytes:
    member = members.get(f"{FOLDER}/{file}")
    stream = archive.extractfile(member) if member is not None else None
    if stream is None:
        raise ValueError(f"{file} is missing in {ARCHIVE}; remove it from the cache and try again")
    return stream.read(LARGEST + 1)


def _records(file: str, body: bytes) -> NDArray[np.uint8]:
    if not body or len(body) % RECORD or len(body) > LARGEST:
        raise ValueError(
            f"{file} has {min(len(body), LARGEST + 1):,} bytes, which is no whole number of images of {RECORD:,} bytes "
            f"up to 10,000; unpack {ARCHIVE} again"
        )
    rows = np.frombuffer(body, np.uint8).reshape(-1, RECORD)
    if rows[:, 0].max() >= len(CLASSES):
        raise ValueError(
            f"{file} has labels up to {rows[:, 0].max()}, there are {len(CLASSES)} classes; unpack it again"
        )
    return rows
