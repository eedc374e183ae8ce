"""USPS: handwritten digits of postal codes, as gzipped text."""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsexplore.datasets.fetch import fetch, on_disk, unzipped
from wsexplore.datasets.samples import Raw

URL = "https://hastie.su.domains/ElemStatLearn/datasets/"
CONTENT = {
    "zip.train.gz": "2cc216e7da7dd0cd381c17183347bb4a9f06630c9512abdc6401a855ae8d575a",
    "zip.test.gz": "74bb82c5a296d6087871338c6bb8058fdb0af287a5b31a17f025c74abaea877f",
}
"""sha256 of the numbers of each file in thousandths, as little-endian 16-bit integers.

No checksum of the files was published. These are of the values in the R package ElemStatLearn, whose counts by class
are the book's. A download with other values is refused.
"""
LARGEST = 1 << 26
"""Most bytes that a file may unpack to; the larger has 14,512,253."""


def read_usps() -> Raw:
    """Ink as fractions of 1: the files say -1 for paper and 1 for ink."""
    train, test = (_part(file) for file in CONTENT)
    return Raw(train, test, tuple(str(digit) for digit in range(10)))


def _part(file: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if (path := on_disk(f"usps/{file}")) is not None:
        return _split(_numbers(path))
    path = fetch("usps", file, url=URL, checksum=None)
    try:
        numbers = _numbers(path)
        if hashlib.sha256(np.rint(numbers * 1000).astype("<i2").tobytes()).hexdigest() != CONTENT[file]:
            raise ValueError(f"the downloaded {file} holds other values than were published; try again later")
    except ValueError:
        path.unlink(missing_ok=True)
        raise
    return _split(numbers)


def _numbers(path: Path) -> NDArray[np.float64]:
    """A row per image: its digit, then 256 values in -1 to 1."""
    try:
        text = unzipped(path, LARGEST).decode("ascii")
        rows = np.loadtxt(io.StringIO(text), dtype=np.float64, comments=None, ndmin=2) if text.strip() else None
    except (UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path.name} is no table of numbers ({error}); fetch it again") from None
    if rows is None or rows.shape[1] != 257:
        found = 0 if rows is None else rows.shape[1]
        raise ValueError(f"{path.name} has {found} numbers in a row, not a digit and 256 values; fetch it again")
    if not np.isin(rows[:, 0], np.arange(10)).all():
        raise ValueError(f"{path.name} has labels other than 0 to 9; fetch it again")
    if not (np.abs(rows[:, 1:]) <= 1).all():
        raise ValueError(f"{path.name} has values outside of -1 to 1; fetch it again")
    return rows


def _split(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return (rows[:, 1:].reshape(-1, 16, 16) + 1) / 2, rows[:, 0].astype(np.int64)
