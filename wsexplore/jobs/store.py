"""Jobs on the disk: a folder each, with a record and the files it names; whole or not at all, for several apps."""

import hashlib
import json
import logging
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock

from wsexplore.jobs.codec import Broken, Unkept, decode, encode
from wsexplore.jobs.record import Status
from wsexplore.jobs.words import Entry, Stored, stored_of, words_of

MOST_RECORDS = 64
"""Jobs that are kept; the oldest ended ones go first."""

MOST_BYTES = 512 << 20
"""Bytes that all of them may take."""

LONGEST = 4 << 20
"""Bytes of a record, at most."""

PATIENCE = 10.0
"""Seconds that one app waits for another one's write."""

WORKING = ("waiting", "running")
NAME = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


class Store:
    """The records of one app in a folder that others may share.

    While an app lives it holds a lock of its own; each record names the lock of the app that works on it. A record
    whose job runs and whose lock nobody holds was interrupted.
    """

    def __init__(self, home: Path, stamp: str):
        self._home, self._stamp = home, stamp
        self._own = uuid.uuid4().hex
        self._alive = filelock.FileLock(self._lock_of(self._own), thread_local=False)

    def close(self) -> None:
        """No job is worked on here any more."""
        if self._alive.is_locked:
            self._alive.release()
            with suppress(OSError):
                self._lock_of(self._own).unlink()

    def found(self) -> list[Stored]:
        """All records that this code can go on from, the newest last, and none that another app works on."""
        names = [path.name for path in _folders(self._home)]
        for path in self._home.glob(".*.lock") if names else ():
            self._works(path.name[1:-5])
        names.sort(key=lambda name: _time_of(self._home / name))
        return [stored for stored in map(self.find, names) if stored is not None]

    def find(self, job_id: str) -> Stored | None:
        """The record of a job; `None` where there is none, it is broken, or another app works on it."""
        record = self._record(job_id)
        if record is None or record["stamp"] != self._stamp:
            return None
        try:
            stored = stored_of(job_id, record)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            self.drop(job_id)
            return None
        if stored.status.ended:
            return None if stored.status.state == "done" and stored.result is None else stored
        if self._works(record["owner"]):
            return None
        return replace(stored, status=replace(stored.status, state="interrupted"))

    def read(self, stored: Stored) -> Status | None:
        """The record with its values; `None`, and no such record any more, where a file is broken."""
        try:
            values = [self._value(stored.status.id, entry) for entry in (stored.partial, stored.result)]
        except (Broken, OSError):
            self.drop(stored.status.id)
            return None
        return replace(stored.status, partial=values[0], result=values[1])

    def claim(self, job_id: str) -> bool:
        """Whether this app may write the record: no other one works on it."""
        record = self._record(job_id)
        return record is None or record["state"] not in WORKING or not self._works(record["owner"])

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While the block runs no other app writes records.

        Raises:
            OSError: another app has been writing for `PATIENCE` seconds.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._home / ".turn.lock", timeout=PATIENCE, thread_local=False):
            yield

    def put(self, job_id: str, value: Any) -> Entry | None:
        """Write a value beside the record, which does not name it yet; `None` where it cannot be kept.

        Raises:
            OSError: the disk is full, or may not be written.
        """
        try:
            data = encode(value)
        except Unkept as error:
            log.info("a result is not kept: %s", error)
            return None
        entry = Entry(f"{uuid.uuid4().hex[:12]}.safetensors", len(data), hashlib.sha256(data).hexdigest())
        folder = self._folder(job_id)
        (folder / entry.file).write_bytes(data)
        return entry

    def write(self, status: Status, partial: Entry | None, result: Entry | None) -> None:
        """Write the record, which takes the place of the old one at once, and remove files that it does not name.

        Raises:
            OSError: the disk is full, or may not be written.
        """
        folder = self._folder(status.id)
        text = json.dumps({"stamp": self._stamp, "owner": self._own, **words_of(Stored(status, partial, result))})
        beside = folder / f".record-{uuid.uuid4().hex[:8]}"
        beside.write_text(json.dumps({"sha256": _digest(text), "record": text}))
        beside.replace(folder / "record.json")
        named = {"record.json", *(entry.file for entry in (partial, result) if entry is not None)}
        for file in folder.iterdir():
            if file.name not in named:
                with suppress(OSError):
                    file.unlink()
        self._prune()

    def drop(self, job_id: str) -> None:
        """Remove all that there is of a job, unless another app works on it."""
        if self.claim(job_id):
            with suppress(OSError):
                (self._home / job_id / "record.json").unlink()
            shutil.rmtree(self._home / job_id, ignore_errors=True)

    def _folder(self, job_id: str) -> Path:
        """Where a job is written; this app is known to live from now on."""
        folder = self._home / job_id
        folder.mkdir(parents=True, exist_ok=True)
        if not self._alive.is_locked:
            self._alive.acquire(timeout=0)
        return folder

    def _lock_of(self, owner: str) -> Path:
        return self._home / f".{owner}.lock"

    def _works(self, owner: object) -> bool:
        """Whether another app that is alive wrote this name into a record."""
        if not isinstance(owner, str) or not NAME.fullmatch(owner) or owner == self._own:
            return False
        path = self._lock_of(owner)
        if not path.exists():
            return False
        lock = filelock.FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError:
            return False
        lock.release()
        with suppress(OSError):
            path.unlink()
        return False

    def _record(self, job_id: str) -> dict[str, Any] | None:
        """What a record says, as it lies there; a broken one is as if it were not there."""
        path = self._home / job_id / "record.json"
        try:
            if not NAME.fullmatch(job_id) or path.stat().st_size > LONGEST:
                return None
            whole = json.loads(path.read_text())
            if _digest(whole["record"]) != whole["sha256"]:
                return None
            record = json.loads(whole["record"])
            return record if isinstance(record, dict) and {"stamp", "owner", "state"} <= record.keys() else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def _value(self, job_id: str, entry: Entry | None) -> Any:
        if entry is None:
            return None
        path = self._home / job_id / entry.file
        if path.stat().st_size != entry.size:
            raise Broken(f"{entry.file} is cut")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise Broken(f"{entry.file} was altered")
        return decode(data)

    def _prune(self) -> None:
        """Remove the oldest ended jobs until the folder is within its bounds."""
        folders = sorted(_folders(self._home), key=_time_of, reverse=True)
        total = 0
        for place, folder in enumerate(folders):
            with suppress(OSError):
                total += sum(file.stat().st_size for file in folder.iterdir())
            if place >= MOST_RECORDS or total > MOST_BYTES:
                record = self._record(folder.name)
                if record is None or record["state"] not in WORKING or record["owner"] != self._own:
                    self.drop(folder.name)


def _folders(home: Path) -> list[Path]:
    try:
        return [path for path in home.iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _time_of(folder: Path) -> float:
    """When a job was written last."""
    try:
        return (folder / "record.json").stat().st_mtime
    except OSError:
        return 0.0
