"""Kept zoos that were deleted: the last one can be brought back."""

import shutil
from pathlib import Path

from wsexplore.settings import settings
from wsexplore.zoo.library import item, keep_path

PARTS = ("zoos", "alignments", "projections", "maps")
"""What belongs to a zoo and is deleted with it."""


def is_kept(name: str) -> bool:
    """Whether a zoo of this name lies in the user's folder, not among what ships."""
    return (settings().user / "zoos" / name).is_dir()


def discard(name: str) -> None:
    """Delete a kept zoo and its maps; until the next call `restore` brings them back.

    Raises:
        ValueError: there is no such zoo, or it ships with wsexplore.
        OSError: the folder may not be moved.
    """
    item("zoos", name)
    if not is_kept(name):
        raise ValueError(f"the zoo {name} ships with wsexplore and cannot be deleted")
    shutil.rmtree(_trash(), ignore_errors=True)
    for kind in PARTS:
        home = settings().user / kind / name
        if home.is_dir():
            place = _trash() / kind / name
            place.parent.mkdir(parents=True, exist_ok=True)
            home.rename(place)


def discarded() -> str | None:
    """Name of the zoo that `restore` would bring back."""
    folders = sorted((_trash() / "zoos").glob("*")) if _trash().is_dir() else []
    return folders[0].name if folders else None


def restore() -> str:
    """Bring back the zoo that was deleted last, and return its name.

    Raises:
        ValueError: nothing was deleted, or there is another zoo of that name by now.
        OSError: the folder may not be moved.
    """
    name = discarded()
    if name is None:
        raise ValueError("nothing was deleted, so there is nothing to bring back")
    if keep_path("zoos", name).exists():
        raise ValueError(f"there is a new zoo called {name}; delete it or keep it elsewhere, then undo")
    for kind in PARTS:
        place = _trash() / kind / name
        if place.is_dir():
            home = keep_path(kind, name)
            shutil.rmtree(home, ignore_errors=True)
            home.parent.mkdir(parents=True, exist_ok=True)
            place.rename(home)
    shutil.rmtree(_trash(), ignore_errors=True)
    return name


def _trash() -> Path:
    return settings().user / "trash"
