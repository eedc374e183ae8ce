"""Files of a stranger's folder: walked without leaving it, and never read beyond a bound."""

import csv
import gzip
import io
import json
import os
import stat
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from wsexplore.zoo.table import UNPACKED, unpacked_size

MOST_FILES = 5_000_000
DEEPEST = 8
"""Folders below the first that are looked into."""

TEXT = 256 << 20
"""Most bytes of a table, before and after decompression."""

SENTENCE = 600
"""Most characters of an error."""

MOST_ROWS = 50_000_000
"""Most rows of a table."""

NOTE = 16 << 20
"""Most bytes of a description in JSON."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A file, or a folder of files, none of which may lead out of it.

    Attributes:
        root: what the user named, with links resolved.
        home: folder that every file must lie in after links are resolved. It is `root`, except in a cache of the
            hub, whose snapshots are links to blobs beside them.
    """

    root: Path
    home: Path

    @classmethod
    def of(cls, path: str | Path) -> "Tree":
        """The tree at a path.

        Raises:
            ValueError: nothing lies there, or something that is neither a file nor a folder.
        """
        text = str(path)
        if not text or "\0" in text:
            raise ValueError("the path to import is empty or holds a null character; name a file or a folder")
        try:
            given = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  the hub's links must stay links
            root = given if _snapshot(given) else given.resolve()
            kind = root.stat().st_mode
        except (OSError, RuntimeError):
            raise ValueError(f"there is nothing to import at {text[:200]}; check the path") from None
        if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
            raise ValueError(f"{text[:200]} is neither a file nor a folder; name one of them")
        home = _snapshot(given) or (root if stat.S_ISDIR(kind) else root.parent)
        return cls(root, home)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.root.is_dir()

    @property
    def name(self) -> str:
        """The name that the user sees."""
        return self.root.name

    def has(self, name: str) -> bool:
        """Whether a file of this name lies directly in the folder."""
        return self.is_folder and (self.root / name).is_file()

    def files(self, folder: Path | None = None, *, depth: int = DEEPEST) -> Iterator[Path]:
        """Every file below a folder, in the order of their names; hidden folders are left out.

        Raises:
            ValueError: there are more than `MOST_FILES`.
        """
        for count, path in enumerate(_walk(folder or self.root, depth)):
            if count >= MOST_FILES:
                raise ValueError(f"{self.name} holds more than {MOST_FILES:,} files; name a folder with fewer")
            yield path

    def checked(self, file: Path) -> Path:
        """The file, if it is a regular one inside the tree.

        Raises:
            ValueError: it is missing, a link that leads out of the tree, or no regular file.
        """
        try:
            whole = file.resolve(strict=True)
            kind = whole.stat().st_mode
        except (OSError, RuntimeError):
            raise ValueError(f"{self.short(file)} cannot be opened; fetch it again") from None
        if not whole.is_relative_to(self.home):
            raise ValueError(
                f"{self.short(file)} is a link that leads out of the folder; put the file itself there, or leave it out"
            )
        if not stat.S_ISREG(kind):
            raise ValueError(f"{self.short(file)} is no regular file; leave it out")
        return whole

    def size(self, file: Path) -> int:
        """Bytes of a file; 0 where it cannot be read or leads out of the tree."""
        try:
            return self.checked(file).stat().st_size
        except (ValueError, OSError):
            return 0

    def short(self, file: Path) -> str:
        """A file's path below the tree, for sentences."""
        return (str(file.relative_to(self.root)) if file.is_relative_to(self.root) else file.name)[:200] or self.name

    def content(self, file: Path, *, most: int) -> bytes:
        """A file's content.

        Raises:
            ValueError: it is larger than `most`.
        """
        whole = self.checked(file)
        try:
            with whole.open("rb") as stream:
                data = stream.read(most + 1)
        except OSError as error:
            raise ValueError(f"{self.short(file)} cannot be read: {error.strerror}") from None
        if len(data) > most:
            raise ValueError(f"{self.short(file)} is larger than {_sized(most)}; that is no file of this format")
        return data

    def head(self, file: Path, *, count: int) -> bytes:
        """The first bytes of a file, at most `count`.

        Raises:
            ValueError: it cannot be read, or leads out of the tree.
        """
        try:
            with self.checked(file).open("rb") as stream:
                return stream.read(count)
        except OSError as error:
            raise ValueError(f"{self.short(file)} cannot be read: {error.strerror}") from None

    def text(self, file: Path, *, most: int = TEXT) -> str:
        """A text file's content; `.gz` is unpacked.

        Raises:
            ValueError: it is no UTF-8 text, broken, or larger than `most` before or after it is unpacked.
        """
        data = self.content(file, most=most)
        if file.suffix == ".gz":
            try:
                with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                    data = stream.read(most + 1)
            except (OSError, EOFError, zlib.error):
                raise ValueError(f"{self.short(file)} is no gzip file, or cut short; fetch it again") from None
            if len(data) > most:
                raise ValueError(
                    f"{self.short(file)} unpacks to more than {most >> 20:,} MiB; that is no table of a zoo"
                )
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{self.short(file)} is no UTF-8 text; fetch it again") from None

    def json(self, file: Path, *, most: int = NOTE) -> Any:
        """A JSON file's content.

        Raises:
            ValueError: it is not JSON.
        """
        return parse_json(self.text(file, most=most), self.short(file))

    def frame(self, file: Path, *, most: int = TEXT) -> pd.DataFrame:
        """A table: `.csv`, `.csv.gz`, `.tsv` or `.parquet`.

        Raises:
            ValueError: it cannot be read.
        """
        if file.suffix == ".parquet":
            return _parquet(io.BytesIO(self.content(file, most=most)), self.short(file))
        return parse_csv(self.text(file, most=most), self.short(file), separator="\t" if ".tsv" in file.name else ",")


def sentence(error: object) -> str:
    """What an error says, as one line of text that can be shown: no control characters, not too long."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return text if len(text) <= SENTENCE else f"{text[:SENTENCE]}…"


def parse_json(text: str, name: str) -> Any:
    """JSON values of a text.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name} is not JSON; fetch it again") from None


def parse_csv(text: str, name: str, *, separator: str = ",") -> pd.DataFrame:
    """The table of a CSV text.

    Raises:
        ValueError: it has no header, a name twice, or rows of other lengths.
    """
    try:
        header = next(csv.reader(io.StringIO(text), delimiter=separator), [])
        if len(set(header)) < len(header) or not header or len(header) > 10_000:
            raise ValueError(f"{name} needs a first line of different column names; it has {len(header):,} columns")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return pd.read_csv(io.StringIO(text), sep=separator, index_col=False, low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, Warning, csv.Error, OverflowError):
        raise ValueError(f"{name} is no table with as many values in every line; fetch it again") from None


def _parquet(stream: io.BytesIO, name: str) -> pd.DataFrame:
    try:
        opened = pq.ParquetFile(stream)
        groups = [opened.metadata.row_group(place) for place in range(opened.metadata.num_row_groups)]
        declared = sum(group.total_byte_size for group in groups)
        large = not 0 <= declared <= TEXT or not 0 <= opened.metadata.num_rows <= MOST_ROWS
        if large or unpacked_size(stream) > UNPACKED:
            raise ValueError(
                f"{name} unpacks to more than {_sized(TEXT if large else UNPACKED)}; that is no table of a zoo"
            )
        frame: pd.DataFrame = opened.read().to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError):
        raise ValueError(f"{name} is no parquet file, or broken; fetch it again") from None
    return frame


def _sized(count: int) -> str:
    return f"{count >> 20:,} MiB" if count >> 20 else f"{count >> 10:,} KiB"


def _snapshot(given: Path) -> Path | None:
    """The repository folder of the hub's cache that a snapshot, or a file of one, belongs to."""
    for folder in (given, given.parent):
        if folder.parent.name == "snapshots" and (folder.parent.parent / "blobs").is_dir():
            return folder.parent.parent.resolve()
    return None


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: natural(entry.name))
    except OSError:
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if depth > 0 and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names as people do: `layer2` before `layer10`."""
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for letter in name + "\0":
        if letter.isascii() and letter.isdigit():
            digits += letter
            continue
        if digits:
            parts.append((0, int(digits) if len(digits) < 19 else 0, digits))
            digits = ""
        parts.append((1, 0, letter))
    return parts
