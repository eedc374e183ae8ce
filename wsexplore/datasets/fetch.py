"""Files of published data sets: from the folder `WSEXPLORE_DATA`, or downloaded and checked."""

import gzip
import zlib
from pathlib import Path

import pooch

from wsexplore.settings import settings


def on_disk(file: str) -> Path | None:
    """This file or folder of `WSEXPLORE_DATA`, where it is there."""
    folder = settings().data
    return folder / file if folder is not None and (folder / file).exists() else None


def fetch(name: str, file: str, *, url: str, checksum: str | None, wanted: str | None = None) -> Path:
    """A file of a data set, downloaded once.

    Args:
        name: of the data set.
        file: to fetch.
        url: of the folder it is published in, with its last `/`.
        checksum: as published, "sha256:..." or "md5:..."; None where none was published and the caller checks.
        wanted: what `WSEXPLORE_DATA` should hold, for the message; by default `name/file`.

    Raises:
        ValueError: it cannot be downloaded, or is not what was published.
    """
    try:
        path = pooch.retrieve(f"{url}{file}", checksum, fname=file, path=settings().cache / name)
    except (OSError, ValueError) as error:
        where = settings().data or "the folder WSEXPLORE_DATA (not set)"
        raise ValueError(
            f"data set {name}: {file} is neither in {where} nor to be downloaded ({type(error).__name__}); "
            f"set WSEXPLORE_DATA to a folder that holds {wanted or f'{name}/{file}'}"
        ) from None
    return Path(path)


def unzipped(path: Path, limit: int) -> bytes:
    """The content of a gzip file.

    Raises:
        ValueError: it is broken, or unpacks to more than `limit` bytes.
    """
    try:
        with gzip.open(path, "rb") as stream:
            body = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name} is broken ({error}); fetch it again") from None
    if len(body) > limit:
        raise ValueError(f"{path.name} unpacks to more than {limit:,} bytes; fetch it again")
    return body
