"""Folders that are written whole or not at all, and checked before they are read."""

import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
from numpy import ndarray as Array
from safetensors import SafetensorError
from safetensors.numpy import load_file

VERSION = 2
"""Newest format of a folder; 2 has zoos in several files, and zoos with running statistics."""

PATIENCE = 5.0
"""Seconds that a reader waits for a writer."""

VERIFIED = 512 << 20
"""Bytes up to which a folder's hashes are checked whenever it is opened."""

MOST_WORDS = 64 << 20
"""Bytes of a manifest that are read."""


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A fresh folder beside `path` that takes its place when the body ends without an error.

    After an error, an interrupt or a kill the old `path` is as it was. What a killed process left behind is removed
    at the next write.

    Raises:
        ValueError: another process is writing `path`, or something else than a folder of wsexplore lies there.
        OSError: the disk is full, or the folder may not be written; one sentence says so.
    """
    path = check_target(path)
    try:
        with full_disk_said(path.name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(_lock(path), timeout=0):
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


def check_target(path: str | Path) -> Path:
    """The absolute path of a folder that may be written; links are followed.

    Long work calls it first, so that nothing is computed that cannot be kept.

    Raises:
        ValueError: the path is empty, a file, or a folder with anything else in it than what wsexplore wrote.
        OSError: the folder above it may not be written.
    """
    if not str(path):
        raise ValueError("the folder to write to has no name; give one")
    whole = Path(path).resolve()
    if whole.exists() and not whole.is_dir():
        raise ValueError(f"{path} is a file; name a folder to write to")
    if whole.is_dir() and any(whole.iterdir()) and not _is_ours(whole):
        raise ValueError(f"{path} holds other files than wsexplore's; choose another name, nothing was written")
    above = next(parent for parent in whole.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OSError(f"{above} may not be written; choose another folder")
    return whole


def _is_ours(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == "wsexplore"


@contextmanager
def full_disk_said(name: str) -> Iterator[None]:
    """Turn what the system and safetensors say of a full disk into one sentence.

    Raises:
        OSError: writing failed.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        found = re.search(r"os error (\d+)", str(error)) if isinstance(error, SafetensorError) else None
        number = int(found.group(1)) if found else getattr(error, "errno", None)
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(f"no space left to write {name}; free some and write it again") from None
        if isinstance(error, SafetensorError):
            raise OSError(f"{name} cannot be written: {error}") from None
        raise


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _swap(beside: Path, path: Path) -> None:
    old = path.with_name(f".{path.name}.old")
    if path.exists():
        path.rename(old)
    beside.rename(path)
    _sync_entry(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def _recover(path: Path) -> None:
    """Undo or finish what a killed writer of `path` left behind; the caller holds the lock."""
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.new-"):
            shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Bring every file to the disk, with the permissions that the user's new files have."""
    mode = (folder / "manifest.json").stat().st_mode & 0o777
    for file in folder.iterdir():
        file.chmod(mode)
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    _sync_entry(folder)


def _sync_entry(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, kind: str, payload: Mapping[str, Any], *, version: int = 1) -> None:
    """Write `manifest.json`: format, version, kind, size and hash of every other file, and `payload`.

    The version is the oldest format that describes the folder, so that an older wsexplore reads what it can.
    """
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
        for file in sorted(folder.iterdir())
        if file.name != "manifest.json"
    }
    manifest = {"format": "wsexplore", "version": version, "kind": kind, "files": files, **payload}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def read_manifest(folder: Path, kind: str, *, verify: bool | None = None) -> dict[str, Any]:
    """The manifest of a stored `kind`, after its files have been checked against it.

    Args:
        folder: what `atomic_folder` wrote.
        kind: "zoo", "projection", "alignment", "flow" or "encoder".
        verify: whether to compare hashes; `None` does so up to `VERIFIED` bytes. Sizes are always compared.

    Raises:
        ValueError: the folder or a file is missing, cut short, altered, a link to elsewhere, of another kind or of a
            newer version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        old = folder.absolute().with_name(f".{folder.name}.old")
        if not old.is_dir():
            raise ValueError(f"there is no {kind} at {folder}; check the path")
        _recover_in_turn(folder.absolute())
    manifest = _parse(folder, kind)
    files = manifest["files"]
    total = 0
    for name, facts in files.items():
        file = folder / name
        _refuse_link(file)
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


def _refuse_link(file: Path) -> None:
    """A folder from elsewhere must not make us read the user's other files."""
    if file.is_symlink() and file.resolve().parent != file.parent.resolve():
        raise ValueError(f"{file} is a link out of its folder; copy the file itself there")


def _recover_in_turn(folder: Path) -> None:
    """Recover once no writer is at work; a writer at work has the folder back in its place by then."""
    try:
        with filelock.FileLock(_lock(folder), timeout=PATIENCE):
            _recover(folder)
    except filelock.Timeout:
        raise ValueError(f"{folder.name} is being written by another process; open it again in a moment") from None


def read_arrays(folder: Path, name: str, manifest: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a safetensors file that the manifest lists.

    Raises:
        ValueError: it is not listed, or no safetensors file.
    """
    if name not in manifest["files"]:
        raise ValueError(f"the manifest of {folder} does not list {name}; make it again")
    try:
        arrays: dict[str, Array] = load_file(folder / name)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder / name} cannot be read: {error}; make it again") from None
    return arrays


def _parse(folder: Path, kind: str) -> dict[str, Any]:
    file = folder / "manifest.json"
    _refuse_link(file)
    if file.is_file() and file.stat().st_size > MOST_WORDS:
        raise ValueError(f"{file} has more than {MOST_WORDS:,} bytes, so it is no manifest; fetch or make it again")
    try:
        manifest = json.loads(file.read_text())
    except FileNotFoundError:
        raise ValueError(f"{folder} has no manifest.json, so it is no {kind} of wsexplore") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); fetch or make the {kind} again") from None
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
        other = str(manifest.get("kind"))
        raise ValueError(f"{folder} holds {_one(other)}, not {_one(kind)}; choose another folder")
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


def _one(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
