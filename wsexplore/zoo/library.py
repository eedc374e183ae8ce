"""Where zoos and what was made of them lie: what ships, and what the user keeps."""

from pathlib import Path

from wsexplore.settings import settings

LONGEST = 240
"""Letters of a folder's name, at most, so that what is written beside it can be named too."""


def shelf(kind: str) -> dict[str, Path]:
    """Folders of a kind by name; what the user keeps hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    for home in (settings().data_dir, settings().user):
        if (home / kind).is_dir():
            folders = sorted(path for path in (home / kind).iterdir() if path.is_dir())
            found |= {path.name: path for path in folders if not path.name.startswith(".")}
    return found


def item(kind: str, name: str) -> Path:
    """The folder of a named item.

    Raises:
        ValueError: there is none; the sentence lists what there is.
    """
    known = shelf(kind)
    if name not in known:
        raise ValueError(f"there are no {kind} called {name!r}; there is {', '.join(known) or 'nothing yet'}")
    return known[name]


def find(kind: str, path: str | Path) -> Path:
    """The folder `path`, or the item of that name.

    Raises:
        ValueError: neither exists.
    """
    if not isinstance(path, str | Path) or len(Path(path).name) > LONGEST:
        raise ValueError(f"a folder or a name of at most {LONGEST} letters is needed, got {str(path)[:40]!r}")
    folder = Path(path)
    if folder.exists() or folder.with_name(f".{folder.name}.old").exists():
        return folder
    if isinstance(path, str) and Path(path).name == path:
        return item(kind, path)
    raise ValueError(
        f"there is no folder {folder}; check the path, or name one of {', '.join(shelf(kind)) or 'nothing'}"
    )


def keep_path(kind: str, name: str) -> Path:
    """Where the user's own item of this name is written.

    Raises:
        ValueError: the name is not a plain word.
    """
    if not name or not name[0].isalnum() or not all(part.isalnum() or part in "-_." for part in name) or len(name) > 60:
        raise ValueError(f"{name!r} is no name for a folder; use letters, digits, - and _, at most 60")
    return settings().user / kind / name
