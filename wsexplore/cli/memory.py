"""The option `--memory`: so many bytes, said with a unit."""

import re
from typing import Annotated

import typer

UNITS = {"": 1, "b": 1}
UNITS |= {f"{letter}{end}": 1000**power for power, letter in enumerate("kmgt", start=1) for end in ("", "b")}
UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)}
LEAST, MOST = 1 << 20, 1 << 50

Memory = Annotated[
    str, typer.Option(metavar="SIZE", help="Most memory that networks may take at once, like 512MiB or 2GiB.")
]


def parse_memory(text: str) -> int:
    """Bytes of a size like `512MiB`, `1.5 GB` or `2g`; units of 1000, with an i of 1024.

    Raises:
        ValueError: it is no size, or none from 1 MiB to 1024 TiB.
    """
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if found is None or found[2] not in UNITS:
        raise ValueError(f"--memory takes a size like 512MiB or 2GiB, got {text[:60]!r}")
    size = int(float(found[1]) * UNITS[found[2]])
    if not LEAST <= size <= MOST:
        raise ValueError(f"--memory takes at least 1 MiB and at most 1024 TiB, got {text[:60]!r}")
    return size
