"""A folder of state dicts, a file each, with a table beside them if there is one.

This is also the layout of the zoos of implicit representations (DWSNets, NFN): a state dict `seq.N.weight` per image,
and `*_splits.json` that says which image belongs to which split and label.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from wsexplore.zoo.readers.columns import flat, identity, our_names, tidy
from wsexplore.zoo.readers.found import Found, Source, Wishes, hindered
from wsexplore.zoo.readers.networks import networks
from wsexplore.zoo.readers.states import SUFFIXES, open_network
from wsexplore.zoo.readers.tensors import Network
from wsexplore.zoo.readers.tree import Tree

FORMAT = "folder of state dicts"
TABLES = ("table.csv", "table.parquet", "metrics.csv", "metrics.parquet", "table.csv.gz", "metrics.csv.gz", "table.tsv")
KEYS = ("file", "filename", "file_name", "path", "name", "id", "checkpoint")
"""Columns of a table by which it may be joined to the files."""

EPOCH = re.compile(r"(?:^|[-_.])(?:epoch|ep)[-_=]?(\d{1,9})(?=$|[-_.])", re.IGNORECASE)
MOST_FACTS = 1 << 20
"""Networks whose own words are read into the table, at most."""


def folder(tree: Tree, wishes: Wishes) -> Source | None:
    """State dicts, a file each; or a single one."""
    every = list(tree.files()) if tree.is_folder else [tree.root]
    files = [file for file in every if file.suffix.lower() in SUFFIXES]
    if not files and tree.is_folder:
        return None
    rows, said = _rows(tree, files)
    if wishes.epochs is not None:
        rows = _of_epochs(rows, wishes)
    found = Found(
        FORMAT if tree.is_folder else "state dict",
        tree.name,
        len(rows),
        None,
        sum(tree.size(row["file"]) for row in rows),
        said,
    )
    if not rows:
        return hindered(found, f"{tree.name} holds no state dict of the epochs asked for")
    facts: dict[int, Mapping[str, Any]] = {}

    @contextmanager
    def open_row(row: int) -> Iterator[Network]:
        with open_network(tree, rows[row]["file"], trust=wishes.trust) as network:
            facts[row] = network.facts
            yield network

    try:
        joined, problems = _joined(tree, rows, said.get("table", ""))
        sort = any(row["file"].suffix == ".safetensors" for row in rows)
        known = networks(range(len(rows)), open_row, wishes, lambda row: _hint(joined[row], facts.get(row)), sort=sort)
    except ValueError as error:
        return hindered(found, str(error))

    def table() -> pd.DataFrame:
        for row in range(min(len(rows), MOST_FACTS)):
            if row not in facts:
                _look(open_row(row))
        named = [
            {
                "id": row["id"],
                "run": row["run"],
                "epoch": row["epoch"],
                **({"folder": row["folder"]} if several else {}),
            }
            for row in rows
        ]
        own = [our_names(flat(facts.get(row, {}))) for row in range(len(rows))]
        return tidy([_merged(base, theirs, ours) for base, theirs, ours in zip(named, joined, own, strict=True)])

    several = len({row["folder"] for row in rows}) > 1

    whole = replace(found, architecture=known.architecture, problems=(*problems, *known.inferred.assumed))
    return Source(whole, table, known.read)


def _look(network: AbstractContextManager[Network]) -> None:
    """Open a network for the words that lie beside it; one that cannot be opened is told of when it is read."""
    try:
        with network:
            pass
    except ValueError:
        pass


def _hint(joined: Mapping[str, Any], facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"activation": {**our_names(flat(facts or {})), **joined}.get("activation")}


def _merged(base: dict[str, Any], table: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A row: the table's word before the file's own, and the run and epoch of either before those of the name."""
    said = {**own, **{name: value for name, value in table.items() if value is not None}}
    return {**base, **{name: value for name, value in said.items() if name != "id"}}


def _rows(tree: Tree, files: list[Path]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each file: id, run and epoch by its name, and the folder it lies in."""
    rows: list[dict[str, Any]] = []
    runs: dict[tuple[str, str], int] = {}
    for file in files:
        short = tree.short(file)
        match = EPOCH.search(file.stem)
        stem = EPOCH.sub("", file.stem) if match else file.stem + "\0"
        run = runs.setdefault((str(file.parent), stem), len(runs))
        place = identity(tree.short(file.parent)) if file.parent != tree.root else ""
        rows.append(
            {"file": file, "id": identity(short), "run": run, "epoch": int(match[1]) if match else 0, "folder": place}
        )
    said: dict[str, Any] = {"files": len(files)}
    if (name := next((name for name in TABLES if tree.has(name)), None)) is not None:
        said["table"] = name
    return rows, said


def _of_epochs(rows: list[dict[str, Any]], wishes: Wishes) -> list[dict[str, Any]]:
    if wishes.epochs == "last":
        last: dict[int, int] = {}
        for row in rows:
            last[row["run"]] = max(last.get(row["run"], 0), row["epoch"])
        return [row for row in rows if row["epoch"] == last[row["run"]]]
    return [row for row in rows if wishes.epochs is not None and row["epoch"] in wishes.epochs]


def _joined(tree: Tree, rows: list[dict[str, Any]], name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """For every file what the table and the splits say of it, under our names."""
    said: list[dict[str, Any]] = [_split for _split in _splits(tree, rows)]
    if not name:
        return said, []
    frame = tree.frame(tree.root / name)
    key = next((column for column in frame.columns if str(column).lower() in KEYS), None)
    if key is None:
        raise ValueError(f"{name} has no column {', '.join(KEYS[:4])} that says which line belongs to which file")
    lines = {_key(value): place for place, value in enumerate(frame[key].tolist())}
    if len(lines) < len(frame):
        raise ValueError(f"{name} names a file twice in its column {str(key)[:40]!r}; each network needs one line")
    others = frame.drop(columns=key)
    records = others.astype(object).where(others.notna(), None).to_dict("records")
    missing = 0
    for row, found in zip(rows, said, strict=True):
        short = tree.short(row["file"])
        names = (short, short.rpartition(".")[0], row["file"].name, row["file"].stem)
        place = next((lines[each] for each in names if each in lines), None)
        missing += place is None
        if place is not None:
            found |= our_names({str(column): _item(value) for column, value in records[place].items()})
    if missing == len(rows):
        raise ValueError(f"no line of {name} names a file of the folder in its column {str(key)[:40]!r}")
    return said, [f"{missing:,} networks have no line in {name}"] if missing else []


def _key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).removeprefix("./")


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _splits(tree: Tree, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split and label of every file by a `*_splits.json`, as the zoos of implicit representations have it."""
    found: list[dict[str, Any]] = [{} for _ in rows]
    file = next((path for path in tree.files(depth=0) if path.name.endswith("_splits.json")), None)
    described = tree.json(file, most=256 << 20) if file is not None else None
    if not isinstance(described, dict):
        return found
    places = {tree.short(row["file"]): place for place, row in enumerate(rows)}
    for split, parts in described.items():
        paths = parts.get("path") if isinstance(parts, dict) else None
        if not isinstance(paths, list):
            continue
        others = {name: part for name, part in parts.items() if isinstance(part, list) and len(part) == len(paths)}
        for line, path in enumerate(paths):
            place = _ending(str(path), places)
            if place is not None:
                values = {name: _number(part[line]) for name, part in others.items() if name != "path"}
                found[place] |= our_names({"split": split, **values})
    return found


def _ending(path: str, places: Mapping[str, int]) -> int | None:
    """The file whose path below the folder is the longest end of a path on somebody else's machine."""
    parts = path.split("/")[-20:]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((places[end] for end in ends if end in places), None)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16 else value
