"""What samples were asked for, where they were asked to differ from the zoo."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from wsexplore.zoo import Zoo

ASKED = "asked_"
"""How columns begin that tell what a sample was asked for."""

WISHES = ("temperature", "condition", "region")
"""What can be asked."""


def wishes_of(samples: Zoo | None, asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was asked that makes samples differ from the zoo; empty where they are to be like it.

    Args:
        samples: networks whose table tells it, where `asked` does not: the columns that `WeightFlow.sample` writes.
        asked: "temperature", a number; "condition", values by column; and "region", whether samples were drawn from a
            part of the zoo.

    Raises:
        ValueError: `asked` names something else, or the condition is no mapping.
    """
    if asked is None:
        asked = {} if samples is None else _told(samples.table)
    if unknown := sorted(set(asked) - set(WISHES)):
        raise ValueError(f"samples are asked for by {', '.join(WISHES)}, got {', '.join(unknown)}")
    condition = asked.get("condition") or {}
    if not isinstance(condition, Mapping):
        raise ValueError(f"a condition gives a value for each column, got {condition!r}")
    wishes: dict[str, Any] = {}
    if asked.get("temperature", 1) != 1:
        wishes["temperature"] = _plain(asked["temperature"])
    if condition:
        wishes["condition"] = {str(column): _plain(value) for column, value in condition.items()}
    if asked.get("region"):
        wishes["region"] = True
    return wishes


def wishes_sentence(name: str, wishes: Mapping[str, Any]) -> str:
    """One sentence to begin a verdict with."""
    parts = [f"at temperature {_read(wishes['temperature'])}"] if "temperature" in wishes else []
    parts += [f"with {column} {_read(value)}" for column, value in wishes.get("condition", {}).items()]
    parts += ["from a region of the zoo"] if "region" in wishes else []
    told = " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return (
        f"These samples were asked for {told}, so where they differ from the zoo it may come of that and not of the "
        f"{name}."
    )


def _told(table: pd.DataFrame) -> dict[str, Any]:
    """What the table of sampled networks says; a column "temperature" of other networks means something else."""
    told: dict[str, Any] = {}
    if "temperature" in table and "solver" in table:
        told["temperature"] = _values(table["temperature"]) or 1.0
    condition = {
        str(column).removeprefix(ASKED): _values(table[column])
        for column in table
        if str(column).startswith(ASKED) and table[column].notna().any()
    }
    return told | {"condition": condition}


def _values(column: "pd.Series[Any]") -> Any:
    """The only value, or the different ones in order."""
    values = list(column.dropna().unique())
    return values[0] if len(values) == 1 else sorted(values, key=lambda value: (str(type(value)), value))


def _plain(value: Any) -> Any:
    """JSON values of numpy's numbers."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _read(value: Any) -> str:
    """A value, or several, as words."""
    if isinstance(value, list):
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
        if numbers and len(value) > 1:
            return f"{_read(min(value))} to {_read(max(value))}"
        return ", ".join(map(_read, value[:5])) + (f" and {len(value) - 5} others" if len(value) > 5 else "")
    return f"{value:.4g}" if isinstance(value, float) else str(value)
