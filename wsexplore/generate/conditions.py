"""What a sample can ask for: columns of the zoo's table as numbers that a velocity network reads."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

MOST_CLASSES = 100
"""Different values that a column of words may have."""

DECADES = 100.0
"""Ratio of the largest to the smallest value from which a column is read by its logarithm."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: of the column.
        values: the words it holds, sorted; empty for a column of numbers.
        low: smallest number.
        high: largest number.
        mean: of the numbers, or of their logarithms.
        spread: standard deviation of the same.
        logarithmic: whether logarithms are read.
    """

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    spread: float = 1.0
    logarithmic: bool = False

    @property
    def width(self) -> int:
        """Numbers that the network reads of it."""
        return len(self.values) or 2

    @classmethod
    def of(cls, name: str, values: "pd.Series[Any]") -> "Column":
        """A column of a table.

        Raises:
            ValueError: it is empty in places, has one value alone, or too many words.
        """
        if values.isna().any():
            raise ValueError(
                f"column {name} is empty for {int(values.isna().sum()):,} networks; select the others first"
            )
        if values.nunique() < 2:
            raise ValueError(f"column {name} has one value alone, so nothing can be asked of it; leave it out")
        if not pd.api.types.is_float_dtype(values) and values.nunique() <= MOST_CLASSES:
            return cls(name, tuple(sorted({_word(value) for value in values}, key=_order)))
        if not pd.api.types.is_numeric_dtype(values):
            raise ValueError(
                f"column {name} has {values.nunique():,} different words, at most {MOST_CLASSES} are learnt"
            )
        numbers = values.to_numpy(float)
        if not np.isfinite(numbers).all():
            raise ValueError(f"column {name} has values that are not finite; select the other networks first")
        low, high = float(numbers.min()), float(numbers.max())
        logarithmic = low > 0 and high / low >= DECADES
        read = np.log10(numbers) if logarithmic else numbers
        return cls(name, (), low, high, float(read.mean()), float(read.std()), logarithmic)

    def read(self, values: Sequence[Any]) -> Float[np.ndarray, "networks width"]:
        """Rows that the network reads; a value of `None` leaves the column open.

        Raises:
            ValueError: a word is unknown, or a value is no finite number.
        """
        rows = np.zeros((len(values), self.width), np.float32)
        for row, value in enumerate(values):
            if value is None:
                continue
            if self.values:
                if _word(value) not in self.values:
                    raise ValueError(f"{self.name} {value!r} is unknown; choose one of {', '.join(self.values[:12])}")
                rows[row, self.values.index(_word(value))] = 1
            else:
                rows[row] = 1, self._standard(value)
        return rows

    def _standard(self, value: Any) -> float:
        number = (
            float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else math.nan
        )
        if not math.isfinite(number) or (self.logarithmic and number <= 0):
            above = " above 0" if self.logarithmic else ""
            raise ValueError(
                f"{self.name} must be a number{above}, seen from {self.low:g} to {self.high:g}, got {value!r}"
            )
        return ((math.log10(number) if self.logarithmic else number) - self.mean) / self.spread


@dataclass(frozen=True, slots=True)
class Conditions:
    """The columns that a flow was fitted to listen to.

    Attributes:
        columns: in the order in which the network reads them.
    """

    columns: tuple[Column, ...] = ()

    @classmethod
    def of(cls, table: pd.DataFrame, names: Sequence[str]) -> "Conditions":
        """Columns of a table, by name.

        Raises:
            ValueError: a column is missing or cannot be learnt.
        """
        if missing := [name for name in names if name not in table]:
            raise ValueError(f"the zoo has no column {', '.join(missing)}; it has {', '.join(map(str, table))}")
        return cls(tuple(Column.of(name, table[name]) for name in names))

    @property
    def width(self) -> int:
        """Numbers that the network reads of one sample; 0 without conditions."""
        return sum(column.width for column in self.columns)

    def rows(self, table: pd.DataFrame) -> Float[Tensor, "networks width"]:
        """What the network reads of the networks of a table."""
        parts = [column.read(table[column.name].tolist()) for column in self.columns]
        return torch.from_numpy(np.concatenate(parts, 1)) if parts else torch.empty(len(table), 0)

    def asked(self, condition: Mapping[str, Any], n: int) -> Float[Tensor, "n width"]:
        """What the network reads of `n` samples that are asked for alike; columns that are not named stay open.

        Raises:
            ValueError: a name is no condition of the flow, or a value cannot be one.
        """
        known = [column.name for column in self.columns]
        if unknown := sorted(set(condition) - set(known)):
            has = f"it listens to {', '.join(known)}" if known else "it was fitted without conditions"
            raise ValueError(f"the flow does not listen to {', '.join(unknown)}; {has}")
        parts = [column.read([condition.get(column.name)]) for column in self.columns]
        one = torch.from_numpy(np.concatenate(parts, 1)) if parts else torch.empty(1, 0)
        return one.expand(n, -1).contiguous()

    def drawn(self, count: int, share: float, generator: torch.Generator) -> Float[Tensor, "count width"]:
        """Random wishes: words and numbers that were seen, evenly, some columns left open as by `dropped`."""
        rows = torch.zeros(count, self.width)
        place = 0
        for column in self.columns:
            part = rows[:, place : place + column.width]
            if column.values:
                part.scatter_(1, torch.randint(column.width, (count, 1), generator=generator), 1.0)
            else:
                ends = torch.from_numpy(column.read([column.low, column.high])[:, 1])
                part[:, 0] = 1
                part[:, 1] = ends[0] + (ends[1] - ends[0]) * torch.rand(count, generator=generator)
            place += column.width
        return self.dropped(rows, share, generator)

    def dropped(
        self, rows: Float[Tensor, "networks width"], share: float, generator: torch.Generator
    ) -> Float[Tensor, "networks width"]:
        """With probability `share` all columns of a network are left open, and each by itself with the same."""
        if not self.columns or share == 0:
            return rows
        whole = torch.rand(len(rows), 1, generator=generator) >= share
        each = torch.rand(len(rows), len(self.columns), generator=generator) >= share
        widths = torch.tensor([column.width for column in self.columns])
        return rows * (whole & each).repeat_interleave(widths, dim=1).to(rows)

    def to_list(self) -> list[dict[str, Any]]:
        """The columns as JSON values."""
        return [{**asdict(column), "values": list(column.values)} for column in self.columns]

    @classmethod
    def from_list(cls, facts: list[dict[str, Any]]) -> "Conditions":
        """The inverse of `to_list`.

        Raises:
            ValueError: a number is missing or not finite.
        """
        columns = []
        for one in facts:
            numbers = {name: float(one[name]) for name in ("low", "high", "mean", "spread")}
            if not all(math.isfinite(value) for value in numbers.values()) or numbers["spread"] <= 0:
                raise ValueError("a condition has numbers that are not finite")
            values = tuple(str(value) for value in one["values"])
            columns.append(Column(str(one["name"]), values, **numbers, logarithmic=bool(one["logarithmic"])))
        return cls(tuple(columns))


def _word(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(operator.index(value))
    except TypeError:
        return str(value)


def _order(word: str) -> tuple[int, float, str]:
    return (0, float(word), word) if word.lstrip("-").isdigit() else (1, 0.0, word)
