"""The folder beside the one to write, in which what is done so far outlives a stop."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from wsexplore.zoo import check_target


@contextmanager
def work_beside(out: str | Path | None) -> Iterator[Path | None]:
    """A folder beside the one to write, for what is done so far; it stays when the work is stopped, not on a full disk.

    Where the work is refused, a folder that was not there before goes, too, unless another process is at work in it.

    Raises:
        ValueError: `out` cannot be written.
        KeyboardInterrupt: with a sentence that says where what is done is kept.
    """
    if out is None:
        yield None
        return
    target = check_target(out)
    folder = target.with_name(f"{target.name}.partial")
    fresh = not folder.exists()
    try:
        yield folder
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except ValueError:
        if fresh and folder.exists() and not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except KeyboardInterrupt:
        if folder.exists():
            kept = f"what is done is kept in {folder.name}, and the same command goes on from there"
            raise KeyboardInterrupt(kept) from None
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            return False
    except filelock.Timeout:
        return True
