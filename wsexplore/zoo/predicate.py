"""The predicate that selects rows of a zoo's table."""

import re
import threading
from collections.abc import Callable, Sequence

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray as Array

SECONDS = 2.0
"""How long one predicate may take."""

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


def select_rows(table: pd.DataFrame, predicate: str) -> Int[Array, " rows"]:
    """Numbers of the rows for which an SQL predicate over the columns holds, in the table's order.

    The predicate may come from a link, so it may hold columns, numbers, texts, comparisons, the words in `WORDS` and
    the functions in `FUNCTIONS`, and nothing else. It runs in a database that can reach neither files nor the network,
    for at most two seconds.

    Raises:
        ValueError: it does not parse, names no column, is not a condition, holds anything else, or takes long.
    """
    return rows_where(list(table.columns), lambda names: table[names], predicate)


def rows_where(
    columns: Sequence[str], read: Callable[[list[str]], pd.DataFrame], predicate: str
) -> Int[Array, " rows"]:
    """`select_rows` for a table of which only the columns that the predicate names are read.

    Args:
        columns: names of all columns.
        read: gives some of the columns.
        predicate: as in `select_rows`.

    Raises:
        ValueError: as in `select_rows`.
    """
    if not predicate.strip():
        raise ValueError("the filter is empty; write a condition like test_accuracy > 0.9")
    part = read(_checked_columns(predicate, columns) or list(columns[:1]))
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})
    timer = threading.Timer(SECONDS, connection.interrupt)
    try:
        connection.register("zoo", part)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        timer.start()
        kind = connection.execute(f"DESCRIBE SELECT (\n{predicate}\n) AS kept FROM zoo").fetchall()[0][1]
        if kind != "BOOLEAN":
            raise ValueError(
                f"the filter {predicate!r} is a value of type {kind}; write a condition like test_accuracy > 0.9"
            )
        found = connection.execute(f"SELECT coalesce((\n{predicate}\n), false) AS kept FROM zoo").fetchnumpy()
        rows: Int[Array, " rows"] = np.flatnonzero(np.asarray(found["kept"], dtype=bool))
        return rows
    except duckdb.InterruptException:
        raise ValueError(f"the filter takes longer than {SECONDS:g} seconds; write a simpler one") from None
    except duckdb.Error as error:
        raise ValueError(_sentence(predicate, error)) from None
    finally:
        timer.cancel()
        connection.close()


def _checked_columns(predicate: str, columns: Sequence[str]) -> list[str]:
    """The columns that a predicate names, if it is made of columns, values, comparisons and a few functions only."""
    if len(predicate) > LONGEST:
        raise ValueError(f"the filter has {len(predicate):,} characters; write one of at most {LONGEST:,}")
    known: dict[str, list[str]] = {}
    for column in columns:
        known.setdefault(column.lower(), []).append(column)
    named: dict[str, None] = {}
    place = 0
    while place < len(predicate):
        token = TOKEN.match(predicate, place)
        if token is None:
            raise ValueError(_more_than(predicate))
        place = token.end()
        name = token["name"] or (token["quoted"] or "").strip('"')
        if name.lower() in known:
            if len(alike := known[name.lower()]) > 1:
                raise ValueError(f"the columns {' and '.join(alike)} differ in case only; rename one to filter by it")
            named[alike[0]] = None
            continue
        if not name or (token["name"] and name.lower() in WORDS):
            continue
        if name.lower() in STATEMENTS:
            raise ValueError(_more_than(predicate))
        if re.match(r"\s*\(", predicate[place:]):
            if name.lower() not in FUNCTIONS:
                raise ValueError(f"the filter calls {name!r}; the functions are {', '.join(sorted(FUNCTIONS))}")
        else:
            raise ValueError(f"the filter names {name!r}, which is no column; the columns are {', '.join(columns)}")
    return list(named)


def _more_than(predicate: str) -> str:
    return (
        f"the filter {predicate[:80]!r} is more than a condition; compare columns with and, or, not, like, in, between"
    )


def _sentence(predicate: str, error: duckdb.Error) -> str:
    first = str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]
    return f"the filter {predicate!r} cannot be read: {first}"
