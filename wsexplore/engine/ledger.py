"""The folder of a piece of work cut into shards: its plan, and a receipt for every shard that is done."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of the work.

    Attributes:
        arguments: JSON values, all that the part's result depends on.
    """

    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Hash of the arguments."""
        return hashlib.sha256(json.dumps(self.arguments, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A finished shard.

    Attributes:
        shard: its name.
        sha256: of the file that it wrote.
    """

    shard: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """A folder with the plan and, for every finished shard, its file and its receipt."""

    folder: Path

    @classmethod
    @contextmanager
    def open(cls, folder: Path | None, plan: Mapping[str, Any]) -> "Iterator[Ledger]":
        """The ledger of `folder`, locked against a second process; a temporary one where `folder` is `None`.

        Raises:
            ValueError: it belongs to work with another plan, or another process is at work in it.
        """
        if folder is None:
            with tempfile.TemporaryDirectory(prefix="wsexplore-") as temporary:
                yield cls(Path(temporary))
            return
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder / ".lock", timeout=0):
                ledger = cls(folder)
                ledger._claim(plan)
                yield ledger
        except filelock.Timeout:
            raise ValueError(
                f"another process is at work in {folder}; wait until it has finished or choose another name"
            ) from None

    def _claim(self, plan: Mapping[str, Any]) -> None:
        file, text = self.folder / "plan.json", json.dumps(plan, sort_keys=True)
        if not file.exists():
            write_whole(file, text)
        elif (held := file.read_text()) != text:
            raise ValueError(
                f"{self.folder} holds unfinished work with other arguments ({_differs(held, plan)}); repeat those, or "
                "delete the folder"
            )

    def file(self, shard: Shard) -> Path:
        """Where the shard's result lies once it is done."""
        return self.folder / f"{shard.name}.safetensors"

    def sign(self, shard: Shard) -> Receipt:
        """The receipt of a shard whose file has just been written."""
        receipt = Receipt(shard.name, _hash(self.file(shard)))
        write_whole(self.folder / f"{shard.name}.json", json.dumps(asdict(receipt)))
        return receipt

    def receipt(self, shard: Shard) -> Receipt | None:
        """The receipt of a shard, or `None` where it is not done or its file is no longer what was signed."""
        try:
            receipt = Receipt(**json.loads((self.folder / f"{shard.name}.json").read_text()))
            return receipt if receipt == Receipt(shard.name, _hash(self.file(shard))) else None
        except (OSError, ValueError, TypeError):
            return None

    def discard(self) -> None:
        """Remove the folder once its results are kept elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _differs(held: str, plan: Mapping[str, Any]) -> str:
    """The first argument in which a stored plan differs."""
    try:
        known = json.loads(held)
        old, new = ({**p, **p.get("arguments", {})} for p in (known, json.loads(json.dumps(plan))))
        name = next(n for n in sorted({*old, *new} - {"arguments", "cli", "python"}) if old.get(n) != new.get(n))
    except (ValueError, TypeError, AttributeError, StopIteration):
        return "its plan cannot be read"
    return f"{name} was {old.get(name)!r}, now {new.get(name)!r}"[:200]


def write_whole(file: Path, text: str) -> None:
    """Write a text file; a kill leaves all of it or nothing."""
    beside = file.with_name(f"{file.name}.writing")
    beside.write_text(text)
    beside.replace(file)


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
