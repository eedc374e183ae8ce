"""Trial folders: the raw layout of the Model Zoos collection and of the zoos that follow it.

A zoo is a folder of trials. A trial has `params.json` (or `config.json`) with its hyper-parameters, `result.json` with
one JSON object per line and epoch, and a folder for each checkpoint, `checkpoint_000050/checkpoints`. Older zoos write
`checkpoint_50`, and some have no line for epoch 0; lines are therefore found by their `training_iteration`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wsexplore.zoo.readers.columns import flat, our_name, our_names, tidy
from wsexplore.zoo.readers.found import Found, Source, Wishes, hindered
from wsexplore.zoo.readers.networks import networks
from wsexplore.zoo.readers.states import open_network
from wsexplore.zoo.readers.tensors import Network
from wsexplore.zoo.readers.tree import TEXT, Tree, natural, parse_json

FORMAT = "trial folders (Model Zoos collection)"
CHECKPOINT = re.compile(r"checkpoint_(\d{1,9})")
FILES = (
    "checkpoints",
    "checkpoint.pt",
    "checkpoints.pt",
    "checkpoint.pth",
    "model.pt",
    "model.pth",
    "model.safetensors",
)
PARAMS = ("params.json", "config.json")
DEPTH = 3
"""Folders between the zoo and its trials, at most."""

KEPT = ("lr", "weight_decay", "optimizer", "activation", "init", "dropout", "batch_size", "momentum", "width", "seed")
"""Hyper-parameters that stay in the table even where all networks share them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run.

    Attributes:
        folder: where it lies.
        checkpoints: epoch -> file with the state dict.
    """

    folder: Path
    checkpoints: Mapping[int, Path]


@dataclass(frozen=True, slots=True)
class _Row:
    run: int
    trial: Trial
    epoch: int

    @property
    def file(self) -> Path:
        return self.trial.checkpoints[self.epoch]


def trials(tree: Tree, wishes: Wishes) -> Source | None:
    """Trial folders, or one of them."""
    if not tree.is_folder:
        return None
    every = list(_trials(tree, tree.root, DEPTH))
    if not every:
        return None
    rows = [
        _Row(run, trial, epoch) for run, trial in enumerate(every) for epoch in chosen(trial.checkpoints, wishes.epochs)
    ]
    dead = sum(not trial.checkpoints for trial in every)
    problems = [f"{dead:,} of {len(every):,} trials have no checkpoint"] if dead else []
    found = Found(
        FORMAT,
        tree.name,
        len(rows),
        None,
        sum(tree.size(row.file) for row in rows),
        {"trials": len(every), "epochs": sorted({row.epoch for row in rows}), **_about(tree)},
        tuple(problems),
    )
    if not rows:
        return hindered(found, f"{tree.name} holds {len(every):,} trials and no checkpoint of the epochs asked for")

    def open_row(row: int) -> AbstractContextManager[Network]:
        return open_network(tree, rows[row].file, trust=wishes.trust)

    def hints(row: int) -> Mapping[str, Any]:
        return {"activation": params(tree, rows[row].trial.folder).get("activation")}

    try:
        known = networks(range(len(rows)), open_row, wishes, hints)
    except ValueError as error:
        return hindered(found, str(error))
    whole = Found(
        FORMAT,
        tree.name,
        len(rows),
        known.architecture,
        found.bytes,
        found.says,
        (*problems, *known.inferred.assumed),
    )
    notes: dict[str, Any] = {}

    def table() -> pd.DataFrame:
        frame, shared, said = _table(tree, rows)
        notes.update({"shared": shared, **({"noticed": said} if said else {})})
        return frame

    return Source(whole, table, known.read, lambda: notes)


def chosen(epochs: Mapping[int, Any] | list[int], wanted: Any) -> list[int]:
    """The epochs of one run that the user asks for."""
    every = sorted(epochs)
    if wanted == "last":
        return every[-1:]
    return every if wanted is None else [epoch for epoch in every if epoch in wanted]


def _trials(tree: Tree, folder: Path, depth: int) -> Iterator[Trial]:
    inside = _folders(folder)
    checkpoints: dict[int, Path] = {}
    for path in inside:
        match = CHECKPOINT.fullmatch(path.name)
        file = next((path / name for name in FILES if (path / name).is_file()), None) if match else None
        if match and file is not None:
            checkpoints.setdefault(int(match[1]), file)
    described = any((folder / name).is_file() for name in PARAMS)
    recorded = (folder / "result.json").is_file()
    if checkpoints or (described and recorded) or (recorded and not inside):
        yield Trial(folder, checkpoints)
    elif depth:
        for path in inside:
            yield from _trials(tree, path, depth - 1)


def _folders(folder: Path) -> list[Path]:
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
    return sorted((path for path in inside if not path.name.startswith(".")), key=lambda path: natural(path.name))


def _about(tree: Tree) -> dict[str, Any]:
    """The description of the whole zoo, as far as it is short values."""
    if not tree.has("config.json"):
        return {}
    try:
        about = tree.json(tree.root / "config.json")
    except ValueError:
        return {}
    return our_names(flat(about)) if isinstance(about, dict) else {}


def params(tree: Tree, folder: Path) -> dict[str, Any]:
    """Hyper-parameters of a trial under our names; empty where they are missing or broken."""
    for name in PARAMS:
        if (folder / name).is_file():
            try:
                values = tree.json(folder / name)
            except ValueError:
                return {}
            return our_names(flat(values)) if isinstance(values, dict) else {}
    return {}


def results(tree: Tree, folder: Path) -> tuple[dict[int, dict[str, Any]], int]:
    """Metrics by epoch under our names, and how many lines are broken; of two lines for an epoch the later counts."""
    found: dict[int, dict[str, Any]] = {}
    broken = 0
    if not (folder / "result.json").is_file():
        return found, broken
    try:
        lines = tree.text(folder / "result.json", most=TEXT).splitlines()
    except ValueError:
        return found, 1
    for line in filter(str.strip, lines):
        try:
            values = parse_json(line, "a line")
        except ValueError:
            broken += 1
            continue
        epoch = values.get("training_iteration") if isinstance(values, dict) else None
        if not isinstance(epoch, int | float) or isinstance(epoch, bool) or not 0 <= epoch < 10**9:
            broken += 1
            continue
        config = values.pop("config", None)
        found[int(epoch)] = our_names(values) | (
            {"config": our_names(flat(config))} if isinstance(config, Mapping) else {}
        )
    return found, broken


def _table(tree: Tree, rows: list[_Row]) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    """The table, what all networks share, and what was noticed."""
    records: list[dict[str, Any]] = []
    own: dict[int, dict[str, Any]] = {}
    broken = unmeasured = 0
    last = -1
    lines: dict[int, dict[str, Any]] = {}
    for row in rows:
        if row.run != last:
            last = row.run
            lines, bad = results(tree, row.trial.folder)
            broken += bad
            nested: dict[str, Any] = next((line["config"] for line in lines.values() if "config" in line), {})
            own[row.run] = {**nested, **params(tree, row.trial.folder)}
        measured = {name: value for name, value in lines.get(row.epoch, {}).items() if name not in ("config", "epoch")}
        unmeasured += row.epoch not in lines
        names = {"id": f"r{row.run:05d}e{row.epoch:03d}", "run": row.run, "epoch": row.epoch}
        records.append({**own[row.run], **measured, **names, "trial": row.trial.folder.name[:200]})
    shared = {
        name: value
        for name, value in next(iter(own.values()), {}).items()
        if name not in KEPT and all(name in each and each[name] == value for each in own.values())
    }
    noticed = [f"{broken:,} lines of result.json are broken"] if broken else []
    noticed += [f"{unmeasured:,} checkpoints have no line in result.json"] if unmeasured else []
    measured_names = {name for record in records for name in record} - set(shared)
    kept = [{name: value for name, value in record.items() if name in measured_names} for record in records]
    return tidy(kept), {our_name(name): value for name, value in shared.items()}, noticed
