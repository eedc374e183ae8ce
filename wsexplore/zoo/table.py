"""The table of a zoo: one row per network, and the predicate that selects rows."""

import re
import threading
from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray as Array

SECONDS = 2.0
"""How long one predicate may take."""


def complete_table(table: pd.DataFrame | None, models: int) -> pd.DataFrame:
    """A copy of `table` with a plain index and the columns `id`, `run`, `epoch`, `seed`, filled in where missing.

    Raises:
        ValueError: another number of rows than networks, an id twice, or a column whose name is not a plain word.
    """
    whole = pd.DataFrame(index=range(models)) if table is None else table.reset_index(drop=True).copy()
    if len(whole) != models:
        raise ValueError(f"the table has {len(whole):,} rows for {models:,} networks; give one row per network")
    for name in whole.columns:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
            raise ValueError(f"column {name!r} cannot be used in a filter; name it with letters, digits and _")
    ids = [f"n{row:06d}" for row in range(models)]
    defaults: dict[str, Any] = {"id": ids, "run": range(models), "epoch": 0, "seed": 0}
    for name, value in defaults.items():
        if name not in whole:
            whole[name] = value
    whole["id"] = whole["id"].astype(str)
    if not whole["id"].is_unique:
        twice = whole["id"][whole["id"].duplicated()].iloc[0]
        raise ValueError(f"the id {twice!r} comes twice; every network needs an id of its own")
    first = ["id", "run", "epoch", "seed"]
    return whole[first + [name for name in whole.columns if name not in first]]


def select_rows(table: pd.DataFrame, predicate: str) -> Int[Array, " rows"]:
    """Numbers of the rows for which an SQL predicate over the columns holds, in the table's order.

    The predicate may come from a link, so it runs in a database that can reach neither files nor the network, as one
    boolean expression, for at most two seconds.

    Raises:
        ValueError: it does not parse, names no column, is not a condition, reads more than the columns, or takes long.
    """
    if not predicate.strip():
        raise ValueError("the filter is empty; write a condition like test_accuracy > 0.9")
    _refuse_queries(predicate)
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
    timer = threading.Timer(SECONDS, connection.interrupt)
    try:
        connection.register("zoo", table)
        connection.execute("CREATE TEMP TABLE numbered AS SELECT *, row_number() OVER () - 1 AS __row FROM zoo")
        connection.unregister("zoo")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        timer.start()
        kind = connection.execute(f"SELECT typeof(\n{predicate}\n) FROM numbered LIMIT 1").fetchone()
        if kind is not None and kind[0] != "BOOLEAN":
            raise ValueError(
                f"the filter {predicate!r} is a value of type {kind[0]}; write a condition like test_accuracy > 0.9"
            )
        found = connection.execute(f"SELECT __row FROM numbered WHERE (\n{predicate}\n) ORDER BY __row").fetchnumpy()
        rows: Int[Array, " rows"] = np.asarray(found["__row"], dtype=np.int64)
        return rows
    except duckdb.InterruptException:
        raise ValueError(f"the filter takes longer than {SECONDS:g} seconds; write a simpler one") from None
    except duckdb.Error as error:
        raise ValueError(_sentence(predicate, error, table.columns)) from None
    finally:
        timer.cancel()
        connection.close()


def _refuse_queries(predicate: str) -> None:
    """A condition over columns needs no query inside it, no second statement and no comment."""
    bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "''", predicate)
    if re.search(r";|--|/\*|\$|\b(select|from|union|attach|copy|pragma|install|load|set|call)\b", bare, re.IGNORECASE):
        raise ValueError(
            f"the filter {predicate!r} is more than a condition; compare columns with and, or, not, like, in, between"
        )


def _sentence(predicate: str, error: duckdb.Error, columns: Iterable[str]) -> str:
    if isinstance(error, duckdb.BinderException) and "column" in str(error).lower():
        found = re.search(r'column "?([^"\s]+)"?', str(error))
        name = found.group(1) if found else predicate
        return f"the filter names {name!r}, which is no column; the columns are {', '.join(columns)}"
    first = str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]
    return f"the filter {predicate!r} cannot be read: {first}"
