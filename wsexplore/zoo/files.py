"""Folders that are written whole or not at all, and checked before they are read."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

VERSION = 1
VERIFIED = 512 << 20
"""Bytes up to which a folder's hashes are checked whenever it is opened."""


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A fresh folder beside `path` that takes its place when the body ends without an error.

    After an error, an interrupt or a kill the old `path` is as it was. What a killed process left behind is removed
    at the next write.

    Raises:
        ValueError: another process is writing `path`, or `path` is a file.
        OSError: the disk is full, or the folder may not be written; one sentence says so.
    """
    path = Path(path).absolute()
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder to write to")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
            _recover(path)
            beside = path.with_name(f".{path.name}.new-{uuid.uuid4().hex[:8]}")
            beside.mkdir()
            try:
                yield beside
                _sync(beside)
                _swap(beside, path)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except filelock.Timeout:
        raise ValueError(
            f"{path.name} is being written by another process; wait until it has finished or choose another name"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(error.errno, f"no space left to write {path.name}; free some and write it again") from None
        raise


def _swap(beside: Path, path: Path) -> None:
    old = path.with_name(f".{path.name}.old")
    if path.exists():
        path.rename(old)
    beside.rename(path)
    _sync_entry(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _recover(path: Path) -> None:
    """Undo or finish what a killed writer of `path` left behind."""
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)
    for left in path.parent.glob(f".{path.name}.new-*"):
        shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    _sync_entry(folder)


def _sync_entry(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, kind: str, payload: Mapping[str, Any]) -> None:
    """Write `manifest.json`: format, version, kind, size and hash of every other file, and `payload`."""
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
        for file in sorted(folder.iterdir())
        if file.name != "manifest.json"
    }
    manifest = {"format": "wsexplore", "version": VERSION, "kind": kind, "files": files, **payload}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def read_manifest(folder: Path, kind: str, *, verify: bool | None = None) -> dict[str, Any]:
    """The manifest of a stored `kind`, after its files have been checked against it.

    Args:
        folder: what `atomic_folder` wrote.
        kind: "zoo", "projection", "alignment" or "flow".
        verify: whether to compare hashes; `None` does so up to `VERIFIED` bytes. Sizes are always compared.

    Raises:
        ValueError: the folder or a file is missing, cut short, altered, of another kind or of a newer version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        old = folder.absolute().with_name(f".{folder.name}.old")
        if not old.is_dir():
            raise ValueError(f"there is no {kind} at {folder}; check the path")
        _recover(folder.absolute())
    manifest = _parse(folder, kind)
    files = manifest["files"]
    total = 0
    for name, facts in files.items():
        file = folder / name
        if not file.is_file():
            raise ValueError(f"{folder} lacks {name}, which its manifest lists; fetch or make the {kind} again")
        size = file.stat().st_size
        if size != facts["bytes"]:
            raise ValueError(
                f"{file} has {size:,} bytes, its manifest says {facts['bytes']:,}; fetch or make the {kind} again"
            )
        total += size
    if verify or (verify is None and total <= VERIFIED):
        for name, facts in files.items():
            if sha256_of(folder / name) != facts["sha256"]:
                raise ValueError(f"{folder / name} was altered: its hash is not the manifest's; fetch or make it again")
    return manifest


def _parse(folder: Path, kind: str) -> dict[str, Any]:
    file = folder / "manifest.json"
    try:
        manifest = json.loads(file.read_text())
    except FileNotFoundError:
        raise ValueError(f"{folder} has no manifest.json, so it is no {kind} of wsexplore") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"{file} is not JSON; fetch or make the {kind} again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != "wsexplore":
        raise ValueError(f"{file} does not describe a folder of wsexplore")
    version = manifest.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"{file} has no format version; fetch or make the {kind} again")
    if version > VERSION:
        raise ValueError(
            f"{folder} is written in format version {version}, this wsexplore reads up to {VERSION}; update wsexplore"
        )
    if manifest.get("kind") != kind:
        raise ValueError(f"{folder} holds a {manifest.get('kind')}, not a {kind}; choose another folder")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_entry(name, facts) for name, facts in files.items()):
        raise ValueError(f"the list of files in {file} is broken; fetch or make the {kind} again")
    return manifest


def _is_entry(name: str, facts: object) -> bool:
    plain = name not in ("", ".", "..", "manifest.json") and Path(name).name == name and "\\" not in name
    return (
        plain and isinstance(facts, dict) and type(facts.get("bytes")) is int and isinstance(facts.get("sha256"), str)
    )


def sha256_of(file: Path) -> str:
    """Hash of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
