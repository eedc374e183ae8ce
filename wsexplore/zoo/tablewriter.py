"""A table written as parquet, chunk by chunk."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, UInt64
from numpy import ndarray as Array

GROUP = 65_536
"""Rows that are written together."""


class TableWriter:
    """Writes tables of the same columns, one below the other, into one file.

    A column that is empty in some chunks takes the type that it has in the others.
    """

    def __init__(self, file: Path):
        self._file = file
        self._types: dict[str, Any] = {}
        self._seen = _Seen()
        self._waiting: list[pa.Table] = []
        self._parts: list[Path] = []
        self._stream: pq.ParquetWriter | None = None

    def append(self, table: pd.DataFrame) -> None:
        """Write further rows.

        Raises:
            ValueError: the columns or their types changed, or an id was there before.
        """
        try:
            rows = pa.Table.from_pandas(table, preserve_index=False)
        except pa.ArrowException as error:
            raise ValueError(f"the table cannot be written: {str(error).splitlines()[0]}") from None
        rows = self._alike(rows)
        again = self._seen.add(pd.util.hash_array(table["id"].to_numpy(dtype=object), categorize=False))
        if again.any():
            twice = table["id"][again].iloc[0]
            raise ValueError(f"the id {twice!r} comes twice; every network needs an id of its own")
        if self._waiting and not rows.schema.equals(self._waiting[0].schema):
            self._flush()
        self._waiting.append(rows)
        if sum(len(part) for part in self._waiting) >= GROUP:
            self._flush()

    def finish(self) -> None:
        """Write what waits; where empty columns got their type later, write all again with that type."""
        self._flush()
        self.close()
        if len(self._parts) == 1:
            self._parts[0].rename(self._file)
            return
        schema = pa.schema(list(self._types.items()))
        with pq.ParquetWriter(self._file, schema, compression="zstd") as stream:
            for part in self._parts:
                with pq.ParquetFile(part) as opened:
                    for place in range(opened.num_row_groups):
                        rows = opened.read_row_group(place).replace_schema_metadata(None)
                        stream.write_table(rows.cast(schema))
                part.unlink()

    def close(self) -> None:
        """Give up the open file, whatever happened."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _alike(self, rows: pa.Table) -> pa.Table:
        """The rows with the columns in the order of the first chunk."""
        types = {field.name: field.type for field in rows.schema}
        if not self._types:
            self._types = types
        if changed := sorted(set(types) ^ set(self._types)):
            raise ValueError(
                f"the column {changed[0]!r} is not in every chunk; give the same columns every time, "
                "empty where there is no value"
            )
        for name, kind in types.items():
            before = self._types[name]
            if pa.types.is_null(before):
                self._types[name] = kind
            elif kind != before and not pa.types.is_null(kind):
                raise ValueError(f"the column {name!r} held {before} and holds {kind} now; keep to one kind of values")
        return rows.select(list(self._types))

    def _flush(self) -> None:
        """Write what waits as one group, into another file if its types are others than those before."""
        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting = []
        if self._stream is not None and not self._stream.schema.equals(rows.schema):
            self.close()
        if self._stream is None:
            self._parts.append(self._file.with_name(f"{self._file.name}.{len(self._parts)}"))
            self._stream = pq.ParquetWriter(self._parts[-1], rows.schema, compression="zstd")
        self._stream.write_table(rows, row_group_size=max(1, len(rows)))


class _Seen:
    """Hashes of 64 bits that were there before, sorted in runs of falling length.

    That two of four million different ids share a hash has a chance below one in a million.
    """

    def __init__(self) -> None:
        self._runs: list[UInt64[Array, " hashes"]] = []

    def add(self, hashes: UInt64[Array, " hashes"]) -> Bool[Array, " hashes"]:
        """Which of these were there before; then all of them were."""
        found = np.zeros(len(hashes), bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            found |= run[places] == hashes
        if len(hashes):
            self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and len(self._runs[-1]) >= len(self._runs[-2]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]))
        return found
