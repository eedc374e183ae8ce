"""The table of a zoo: one row per network, in memory or in its file until it is asked for."""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.zoo.predicate import rows_where

METRICS = ["train_loss", "train_accuracy", "test_loss", "test_accuracy", "generalization_gap"]
FIRST = ["id", "run", "epoch", "seed"]
"""The columns that every table has, in front of the others."""


UNPACKED = 1 << 30
"""Most bytes of a table in memory."""

ROW = 1 << 10
"""Bytes of a row that are allowed where a table of `UNPACKED` would have fewer."""


def unpacked_size(stream: Any, names: Sequence[str] | None = None, *, most: int = UNPACKED) -> int:
    """Bytes that columns of a parquet file take in memory, measured and not as the file declares them.

    Counting stops above `most`. Texts are read as dictionaries and a few thousand rows at a time, so a text that is
    stored once and comes in every row is held once.

    Args:
        stream: of the file.
        names: of the columns, `None` for all.
        most: bytes above which the exact size is of no interest.
    """
    opened = pq.ParquetFile(stream)
    groups = (opened.metadata.row_group(place) for place in range(opened.metadata.num_row_groups))
    rows, schema = sum(group.num_rows for group in groups), opened.schema_arrow
    columns = [column for column in schema if names is None or column.name in names]
    widths = [_width(column.type) for column in columns]
    total = rows * sum(max(8, width) for width in widths if width is not None)
    uneven = [column for column, width in zip(columns, widths, strict=True) if width is None]
    for column in uneven:
        text = _is_text(column.type) or pa.types.is_dictionary(column.type)
        if total > most:
            break
        opened = pq.ParquetFile(stream, read_dictionary=[column.name] if text else None)
        for batch in opened.iter_batches(16_384 if text else 16, columns=[column.name], use_threads=False):
            total += sum(map(_bytes_of, batch.columns))
            if total > most:
                break
    return int(total)


def _width(kind: pa.DataType) -> int | None:
    """Bytes of a value, `None` where values differ in size."""
    if pa.types.is_null(kind) or pa.types.is_dictionary(kind):
        return 0 if pa.types.is_null(kind) else None
    try:
        return int(kind.bit_width) // 8
    except ValueError:
        return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind))


def _bytes_of(values: pa.Array) -> int:
    if not pa.types.is_dictionary(values.type):
        return 8 * len(values) + int(values.nbytes)
    inside = values.dictionary
    width = _width(inside.type)
    if width is not None:
        return len(values) * max(8, width)
    if not _is_text(inside.type):
        return len(values) * (8 + int(inside.nbytes))
    return 8 * len(values) + int(pc.sum(pc.binary_length(inside).take(values.indices)).as_py() or 0)


def complete_table(table: pd.DataFrame | None, models: int, *, first: int = 0) -> pd.DataFrame:
    """A copy of `table` with a plain index and the columns `id`, `run`, `epoch`, `seed`, filled in where missing.

    Args:
        table: one row per network.
        models: number of networks.
        first: number of networks in the tables before this one, from which ids and runs are counted on.

    Raises:
        ValueError: another number of rows than networks, an id twice, a column whose name is not a plain word, or one
            of the field's columns with values that are no numbers.
    """
    whole = pd.DataFrame(index=range(models)) if table is None else table.reset_index(drop=True).copy()
    if len(whole) != models:
        raise ValueError(f"the table has {len(whole):,} rows for {models:,} networks; give one row per network")
    for name in whole.columns:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
            raise ValueError(f"column {name!r} cannot be used in a filter; name it with letters, digits and _")
    if not whole.columns.is_unique:
        raise ValueError(f"the column {whole.columns[whole.columns.duplicated()][0]!r} comes twice; name it otherwise")
    numbers = range(first, first + models)
    ids = [f"n{row:06d}" for row in numbers]
    defaults: dict[str, Any] = {"id": ids, "run": numbers, "epoch": 0, "seed": 0}
    for name, value in defaults.items():
        if name not in whole:
            whole[name] = value
    whole["id"] = whole["id"].astype(str)
    if not whole["id"].is_unique:
        twice = whole["id"][whole["id"].duplicated()].iloc[0]
        raise ValueError(f"the id {twice!r} comes twice; every network needs an id of its own")
    for name in ("run", "epoch", "seed"):
        whole[name] = _whole_numbers(whole[name])
    for name in whole.columns.intersection(METRICS):
        if not pd.api.types.is_numeric_dtype(whole[name]):
            raise ValueError(f"column {name!r} holds {whole[name].iloc[0]!r}; it must hold numbers")
    return whole[FIRST + [name for name in whole.columns if name not in FIRST]]


def _whole_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    if bool((numbers.isna() | (numbers % 1 != 0)).any()):
        raise ValueError(f"column {column.name!r} must hold whole numbers; it holds {column.dtype} values that are not")
    return numbers.astype(np.int64)


class TableFile:
    """A parquet file with a row per network, of which columns are read when they are asked for, and then kept.

    The file stays mapped, so that a new file of the same name does not change what is read.
    """

    def __init__(self, file: Path, models: int):
        """Read names and number of the rows.

        Raises:
            ValueError: the file cannot be read, or has another number of rows.
        """
        self._file, self._models = file, models
        self._kept: dict[str, pd.Series[Any]] = {}
        try:
            self._mapped = pa.memory_map(str(file))
            found = pq.ParquetFile(self._mapped)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(self._unreadable(error)) from None
        groups = [found.metadata.row_group(place).num_rows for place in range(found.metadata.num_row_groups)]
        if found.metadata.num_rows != models or sum(groups) != models or any(rows < 0 for rows in groups):
            raise ValueError(
                f"the table {file} has {found.metadata.num_rows:,} rows for {models:,} networks; fetch or make it again"
            )
        self.names: list[str] = list(found.schema_arrow.names)
        if set(FIRST) - set(self.names):
            self.names = list(self.frame.columns)

    def __len__(self) -> int:
        return self._models

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The whole table, checked.

        Raises:
            ValueError: it cannot be read or is not the table of a zoo.
        """
        return complete_table(self._read(None), self._models)

    def part(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns."""
        if "frame" in self.__dict__:
            return self.frame[list(names)]
        for name in names:
            if name not in self._kept:
                self._kept[name] = self._read([name])[name]
        return pd.DataFrame({name: self._kept[name] for name in names})

    def _read(self, names: list[str] | None) -> pd.DataFrame:
        try:
            most = max(UNPACKED, ROW * self._models)
            if unpacked_size(self._mapped, names, most=most) > most:
                raise ValueError(
                    f"the table {self._file} unpacks to more than {most >> 20:,} MiB; fetch or make it again"
                )
            frame: pd.DataFrame = pq.ParquetFile(self._mapped).read(columns=names).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise ValueError(self._unreadable(error)) from None
        return frame

    def _unreadable(self, error: Exception) -> str:
        return f"{self._file} cannot be read: {str(error).splitlines()[0]}; fetch or make it again"


@dataclass(frozen=True, eq=False)
class Entries:
    """The rows of a zoo in its table.

    Attributes:
        source: a table in memory, or one in its file.
        index: rows of the source, `None` for all.
    """

    source: pd.DataFrame | TableFile
    index: Int[Array, " models"] | None = None

    def __len__(self) -> int:
        return len(self.source) if self.index is None else len(self.index)

    @property
    def names(self) -> list[str]:
        """Names of the columns; a table in its file is not read for them."""
        return list(self.source.columns if isinstance(self.source, pd.DataFrame) else self.source.names)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All columns of these rows."""
        return self._taken(self.source if isinstance(self.source, pd.DataFrame) else self.source.frame)

    def part(self, names: Sequence[str]) -> pd.DataFrame:
        """Some columns of these rows."""
        if isinstance(self.source, pd.DataFrame) or "frame" in self.__dict__:
            return self.frame[list(names)]
        return self._taken(self.source.part(names))

    def where(self, predicate: str) -> Int[Array, " rows"]:
        """Numbers of the rows for which a predicate holds; see `select_rows`."""
        return rows_where(self.names, self.part, predicate)

    @property
    def digest(self) -> str:
        """Hash of names, kinds and values of the columns."""
        stream = io.BytesIO()
        arrow = pa.Table.from_pandas(self.frame, preserve_index=False).replace_schema_metadata(None)
        with pa.ipc.new_stream(stream, arrow.schema) as writer:
            writer.write_table(arrow.combine_chunks())
        return hashlib.sha256(stream.getvalue()).hexdigest()

    def take(self, numbers: Int[Array, " rows"]) -> "Entries":
        """Some of these rows."""
        if isinstance(self.source, TableFile):
            return Entries(self.source, numbers if self.index is None else self.index[numbers])
        return Entries(self.frame.iloc[numbers].reset_index(drop=True))

    def _taken(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.index is None else frame.iloc[self.index].reset_index(drop=True)
