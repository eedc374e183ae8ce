"""Checks of a configuration's fields; each says in one sentence what is wrong and what would be right.

A configuration may come from a file, so every number has a range and everything shown of a value is short.
"""

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any


def with_defaults(family: str, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every field that it leaves out.

    Raises:
        ValueError: a field is unknown.
    """
    if unknown := sorted(set(config) - set(defaults)):
        raise ValueError(f"{family} has no field {shown(', '.join(unknown))}; it has {', '.join(defaults)}")
    return {**defaults, **config}


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number of a range, both ends included.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low:,} to {high:,}, got {shown(value)}")
    return value


def wholes(name: str, value: object, example: list[int], low: int, high: int, *, count: tuple[int, int]) -> list[int]:
    """A list of whole numbers of a range, of a length in the range `count`.

    Raises:
        ValueError: it is none.
    """
    fewest, most = count
    if (
        not isinstance(value, list | tuple)
        or not fewest <= len(value) <= most
        or not all(isinstance(n, int) and not isinstance(n, bool) and low <= n <= high for n in value)
    ):
        numbers = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise ValueError(
            f"{name} must be {numbers} whole numbers from {low:,} to {high:,}, like {example}; got {shown(value)}"
        )
    return list(value)


def real(name: str, value: object, low: float, high: float) -> float:
    """A finite number of a range, both ends included.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def one_of(name: str, value: object, choices: Sequence[Any]) -> Any:
    """One of a few values.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in choices:
        known = ", ".join(str(choice) for choice in choices)
        raise ValueError(f"{name} {shown(value)} is unknown; choose one of {known}")
    return value


def image(value: object) -> list[int]:
    """The shape of an image: channels, height, width.

    Raises:
        ValueError: it is none.
    """
    shape = wholes("input", value, [3, 32, 32], 1, 4096, count=(3, 3))
    if math.prod(shape) > 1 << 24:
        raise ValueError(f"input may have at most {1 << 24:,} values, got {shown(value)}")
    return shape


def shown(value: object) -> str:
    """A value as Python writes it, cut to a line."""
    return reprlib.repr(value)
