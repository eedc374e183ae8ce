"""Keywords as a recipe tells them."""

import shlex
from collections.abc import Iterable
from typing import Any


def told(arguments: dict[str, Any]) -> tuple[str, str]:
    """Keyword arguments as Python, and as options of a command."""
    words = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    flags = []
    for name, value in arguments.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            flags += [option] if value else []
        else:
            flags.append(f"{option} {value}")
    return words, " ".join(flags)


def quoted(names: Iterable[str]) -> str:
    """Ids as words of a command line; they may come from other people's files."""
    return " ".join(shlex.quote(name) for name in names)
