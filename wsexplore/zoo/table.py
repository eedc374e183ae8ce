"""The table of a zoo: one row per network, and the predicate that selects rows."""

import re
import threading
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray as Array

SECONDS = 2.0
"""How long one predicate may take."""

METRICS = ["train_loss", "train_accuracy", "test_loss", "test_accuracy", "generalization_gap"]

LONGEST = 1000
"""Most characters of a predicate."""

WORDS = {"and", "or", "not", "in", "is", "null", "between", "like", "ilike", "true", "false"}
FUNCTIONS = {"abs", "round", "floor", "ceil", "sqrt", "ln", "log10", "exp", "least", "greatest", "coalesce"}
FUNCTIONS |= {"lower", "upper", "length", "isnan", "isfinite", "starts_with", "contains"}
STATEMENTS = {
    "select",
    "exists",
    "from",
    "table",
    "values",
    "union",
    "attach",
    "copy",
    "drop",
    "pragma",
    "install",
    "load",
    "set",
}
TOKEN = re.compile(
    r"""\s+ | (?P<text>'(?:[^']|'')*') | (?P<quoted>"[^"]+") | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
    | (?P<name>[A-Za-z_]\w*)(?!') | [=<>]=? | <> | != | -(?!-) | /(?!\*) | [+*%(),]""",
    re.VERBOSE,
)


def complete_table(table: pd.DataFrame | None, models: int) -> pd.DataFrame:
    """A copy of `table` with a plain index and the columns `id`, `run`, `epoch`, `seed`, filled in where missing.

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
    ids = [f"n{row:06d}" for row in range(models)]
    defaults: dict[str, Any] = {"id": ids, "run": range(models), "epoch": 0, "seed": 0}
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
    first = ["id", "run", "epoch", "seed"]
    return whole[first + [name for name in whole.columns if name not in first]]


def _whole_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    if bool((numbers.isna() | (numbers % 1 != 0)).any()):
        raise ValueError(f"column {column.name!r} must hold whole numbers; it holds {column.dtype} values that are not")
    return numbers.astype(np.int64)


def select_rows(table: pd.DataFrame, predicate: str) -> Int[Array, " rows"]:
    """Numbers of the rows for which an SQL predicate over the columns holds, in the table's order.

    The predicate may come from a link, so it may hold columns, numbers, texts, comparisons, the words in `WORDS` and
    the functions in `FUNCTIONS`, and nothing else. It runs in a database that can reach neither files nor the network,
    for at most two seconds.

    Raises:
        ValueError: it does not parse, names no column, is not a condition, holds anything else, or takes long.
    """
    if not predicate.strip():
        raise ValueError("the filter is empty; write a condition like test_accuracy > 0.9")
    _check_words(predicate, list(table.columns))
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
        raise ValueError(_sentence(predicate, error)) from None
    finally:
        timer.cancel()
        connection.close()


def _check_words(predicate: str, columns: list[str]) -> None:
    """Refuse a predicate of anything else than columns, values, comparisons and a few functions."""
    if len(predicate) > LONGEST:
        raise ValueError(f"the filter has {len(predicate):,} characters; write one of at most {LONGEST:,}")
    known, place = {column.lower() for column in columns}, 0
    while place < len(predicate):
        token = TOKEN.match(predicate, place)
        if token is None:
            raise ValueError(_more_than(predicate))
        place = token.end()
        name = token["name"] or (token["quoted"] or "").strip('"')
        if not name or name.lower() in known or (token["name"] and name.lower() in WORDS):
            continue
        if name.lower() in STATEMENTS:
            raise ValueError(_more_than(predicate))
        if re.match(r"\s*\(", predicate[place:]):
            if name.lower() not in FUNCTIONS:
                raise ValueError(f"the filter calls {name!r}; the functions are {', '.join(sorted(FUNCTIONS))}")
        else:
            raise ValueError(f"the filter names {name!r}, which is no column; the columns are {', '.join(columns)}")


def _more_than(predicate: str) -> str:
    return (
        f"the filter {predicate[:80]!r} is more than a condition; compare columns with and, or, not, like, in, between"
    )


def _sentence(predicate: str, error: duckdb.Error) -> str:
    first = str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]
    return f"the filter {predicate!r} cannot be read: {first}"
