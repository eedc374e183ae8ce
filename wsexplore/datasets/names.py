"""The names of data sets: which one, in grey or colour, how large."""

import re
from dataclasses import dataclass

from wsexplore.datasets.catalogue import DATASETS

_OWN = re.compile(r"(folder|text):(.+?)(:gray)?(?:@([0-9]{1,9}))?(?:#([0-9a-f]{16}))?", re.DOTALL)
_REGISTERED = re.compile(r"([^:@#]+)(:gray)?(?:@([0-9]{1,9}))?")

SIDES = (4, 256)
"""Smallest and largest side that images are resized to."""


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of a data set asks for.

    Attributes:
        base: a registered name, "folder" or "text".
        path: where a user's own data lies.
        gray: whether colour images lose their colour.
        size: side of the images, or longest text; None leaves them as they are.
        digest: the content that a user's own data must have; empty where any will do.
    """

    base: str
    path: str = ""
    gray: bool = False
    size: int | None = None
    digest: str = ""


def parse_name(name: str) -> Name:
    """What a name asks for: `mnist`, `usps@28`, `cifar10:gray@28`, `folder:PATH@32`, `text:PATH.csv`.

    A path that itself ends in `@` and a number, or in `:gray`, is written with a `/` behind it.

    Raises:
        ValueError: the name is unknown or asks for what its data set does not have.
    """
    if own := _OWN.fullmatch(name):
        base, path, gray, size, digest = own.groups()
        asked = Name(base, path, gray is not None, int(size) if size else None, digest or "")
        kind = "image" if base == "folder" else "text"
    else:
        base = re.split("[:@#]", name, maxsplit=1)[0]
        if base not in DATASETS:
            raise ValueError(
                f"data set {name!r} is unknown; choose one of {', '.join(DATASETS)}, "
                "or your own with folder:PATH or text:PATH.csv"
            )
        found = _REGISTERED.fullmatch(name)
        if found is None:
            raise ValueError(f"data set {name!r} is not understood; write {base}, {base}@28 or {base}:gray@28")
        asked = Name(base, gray=found[2] is not None, size=int(found[3]) if found[3] else None)
        kind = DATASETS[base].kind
    _check(name, asked, kind)
    return asked


def is_registered(name: str) -> bool:
    """Whether a name belongs to the registry, so that reading it opens no file that the name chooses."""
    return re.split("[:@#]", name, maxsplit=1)[0] in DATASETS


def _check(name: str, asked: Name, kind: str) -> None:
    grey = asked.base in DATASETS and len(DATASETS[asked.base].shape) != 3
    if asked.gray and (kind != "image" or grey):
        raise ValueError(f"{name!r}: {asked.base} has no colour to leave out; write the name without :gray")
    if asked.size is None or kind == "text":
        return
    if kind != "image":
        raise ValueError(f"{name!r}: {asked.base} holds no images; only images can be resized")
    if not SIDES[0] <= asked.size <= SIDES[1]:
        raise ValueError(f"{name!r}: images are resized to a side of {SIDES[0]} to {SIDES[1]} pixels, not {asked.size}")
