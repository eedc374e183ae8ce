"""Other people's zoos become ours: recognised, then read in slices and written as they are read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor

from wsexplore.nets import ACTIVATIONS, trust_factory
from wsexplore.zoo.files import check_target
from wsexplore.zoo.readers import hub
from wsexplore.zoo.readers.folder import folder
from wsexplore.zoo.readers.found import Batch, Epochs, Found, Reader, Source, Wishes
from wsexplore.zoo.readers.matrix import matrix
from wsexplore.zoo.readers.native import exported, native
from wsexplore.zoo.readers.nnet import nnet
from wsexplore.zoo.readers.policies import policies
from wsexplore.zoo.readers.preprocessed import preprocessed
from wsexplore.zoo.readers.provenance import recipe_of
from wsexplore.zoo.readers.sane import sane
from wsexplore.zoo.readers.tree import Tree, sentence
from wsexplore.zoo.readers.trials import trials
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.writer import zoo_writer
from wsexplore.zoo.zoo import Zoo

OnStep = Callable[[float, str], None]
Dtype = Literal["float32", "float16"]
Slice = tuple[Tensor, pd.DataFrame, Tensor | None]
READERS: tuple[Reader, ...] = (native, exported, trials, matrix, sane, preprocessed, nnet, folder, policies)
"""In the order in which they are asked; the first that knows the format reads it."""

CHUNK = 32 << 20
"""Bytes of weights that are read at once."""

REASONS = 5
"""Different reasons for leaving networks out that are told apart."""

HALF = float(torch.finfo(torch.float16).max)
FORMATS = (
    "trial folders with checkpoints, dataset.pt, weights.npy with metrics.csv.gz, .nnet, a folder of .pt, .pth or "
    ".safetensors, or a zoo of wsexplore"
)


def recognise(
    path: str | Path,
    *,
    epochs: Sequence[int] | Literal["last"] | None = None,
    trust: bool = False,
    factory: str | None = None,
    architecture: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> Found:
    """What lies at a path, seen without reading weights.

    Args: as in `import_zoo`.

    Raises:
        ValueError: nothing lies there, or nothing that any reader knows.
    """
    wishes = _wishes(epochs, trust, factory, architecture, config)
    tree = None
    if str(path).startswith(hub.PREFIX):
        try:
            return hub.look(str(path))
        except hub.Unreachable:
            tree, _ = hub.fetched(str(path), _silent)
    with _opened(tree or Tree.of(path), wishes) as source:
        return source.found


def import_zoo(
    path: str | Path,
    *,
    out: str | Path | None = None,
    dtype: Dtype = "float32",
    epochs: Sequence[int] | Literal["last"] | None = None,
    trust: bool = False,
    factory: str | None = None,
    architecture: str | None = None,
    config: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Zoo:
    """Read somebody else's zoo.

    Networks that are damaged, of another architecture, or not finite are left out; the recipe says how many and why.
    Accuracies become fractions of 1, and metrics and hyper-parameters get our names where we have one.

    Args:
        path: a folder or a file of any format of `wsexplore.zoo.readers`, or `hf:owner/name@revision`.
        out: folder to write; without it the zoo is held in memory.
        dtype: of the weights in the folder.
        epochs: checkpoints to take, or "last" for the last of every run.
        trust: unpickle state dicts that run code when they are read. Only for files of people you trust.
        factory: `package.module:function` that makes the module, where no family here fits; its code is run.
        architecture: the family, where the files do not tell.
        config: fields of the architecture that the files do not tell.
        on_step: takes `(fraction, message)`; may raise to cancel, and then nothing is written.

    Raises:
        ValueError: the format is not known, the files are broken, or they do not say enough.
        OSError: the disk is full.
    """
    step = on_step or _silent
    if out is not None:
        check_target(out)
    wishes = _wishes(epochs, trust, factory, architecture, config)
    notes: dict[str, Any] = {}
    if str(path).startswith(hub.PREFIX):
        tree, notes = hub.fetched(str(path), step)
    else:
        tree = Tree.of(path)
    step(0.0, f"looking into {tree.name}")
    with _opened(tree, wishes) as source:
        if source.found.obstacle or source.found.architecture is None:
            raise ValueError(source.found.obstacle or f"the architecture of {tree.name} is not known")
        asked: dict[str, Any] = {
            "epochs": epochs if epochs is None or epochs == "last" else list(epochs),
            "dtype": dtype,
            "trust": trust,
        }
        asked |= {"factory": factory, "architecture": architecture, "config": dict(config or {})}
        recipe = recipe_of(str(path), tree, source.found.format, asked)
        recipe.arguments.update(notes)
        counts = Counts()
        with _reading(tree):
            table = _with_ids(source.table())
        slices = _kept(tree, source, table, counts, dtype, step)
        return _written(source, slices, recipe, counts, out, dtype)


def _silent(fraction: float, message: str) -> None:
    pass


def _wishes(epochs: Any, trust: bool, factory: str | None, architecture: str | None, config: Any) -> Wishes:
    fields = dict(config or {})
    if factory:
        trust_factory(factory)
        architecture, fields = "factory", {**fields, "factory": factory}
    chosen: Epochs = epochs if epochs is None or epochs == "last" else tuple(epochs)
    if isinstance(chosen, tuple) and not all(type(epoch) is int and epoch >= 0 for epoch in chosen):
        raise ValueError(f"epochs are whole numbers from 0, or last; got {epochs!r}"[:200])
    return Wishes(chosen, trust, architecture or "", fields)


@contextmanager
def _opened(tree: Tree, wishes: Wishes) -> Iterator[Source]:
    """The source at a tree, by the first reader that knows the format.

    Raises:
        ValueError: none does.
    """
    for reader in READERS:
        with _reading(tree):
            source = reader(tree, wishes)
        if source is not None:
            try:
                yield source
            finally:
                source.close()
            return
    raise ValueError(f"{tree.name} is no zoo that can be read; the formats are {FORMATS}")


def _with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an id for every network; one that comes again gets a number."""
    if "id" not in table:
        return table.assign(id=[f"n{row:06d}" for row in range(len(table))])
    ids = table["id"].astype(str)
    again = ids.groupby(ids).cumcount()
    changed = ids.where(again == 0, ids + "~" + (again + 1).astype(str))
    if not changed.is_unique:
        changed = pd.Series([f"n{row:06d}" for row in range(len(table))])
    return table.assign(id=changed)


@dataclass
class Counts:
    """How many networks were taken, and how many were left out for which reason."""

    networks: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first: str = ""

    def leave_out(self, reasons: Mapping[int, str]) -> None:
        """Count what is left out; beyond a few reasons the rest is counted together."""
        for reason in map(sentence, reasons.values()):
            self.first = self.first or reason
            key = reason if reason in self.reasons or len(self.reasons) < REASONS else "other reasons"
            self.reasons[key] = self.reasons.get(key, 0) + 1


@contextmanager
def _reading(tree: Tree) -> Iterator[None]:
    """Turn what the system says of a file that cannot be read into one sentence.

    Raises:
        ValueError: a file went away, may not be read, or needs more memory than there is.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(f"{tree.name} cannot be read: {error.strerror or type(error).__name__}") from None
    except (MemoryError, RecursionError):
        raise ValueError(f"{tree.name} needs more memory to read than there is") from None
    except ValueError as error:
        raise ValueError(sentence(error)) from error


def _kept(tree: Tree, source: Source, table: pd.DataFrame, counts: Counts, dtype: str, step: OnStep) -> Iterator[Slice]:
    """The networks that can be taken, slice by slice; the others are counted.

    Raises:
        ValueError: not one can be taken.
    """
    assert source.found.architecture is not None
    chunk = max(1, min(4096, CHUNK // (4 * max(1, source.found.architecture.layout.size))))
    for start in range(0, len(table), chunk):
        rows = range(start, min(start + chunk, len(table)))
        with _reading(tree):
            batch = source.read(rows)
        left_out = {**_not_finite(batch, dtype), **_unknown_activations(source, table, rows), **batch.left_out}
        counts.leave_out(left_out)
        chosen = [place for place in range(len(rows)) if place not in left_out]
        counts.networks += len(chosen)
        if chosen:
            buffers = batch.buffers[chosen] if batch.buffers is not None else None
            yield batch.weights[chosen], table.iloc[[start + place for place in chosen]].reset_index(drop=True), buffers
        step(rows.stop / len(table), f"{counts.networks:,} networks read")
    if not counts.networks:
        raise ValueError(f"none of the {len(table):,} networks can be taken: {counts.first}")


def _unknown_activations(source: Source, table: pd.DataFrame, rows: range) -> dict[int, str]:
    if "activation" not in table or source.found.architecture is None:
        return {}
    if "activation" not in source.found.architecture.row_fields:
        return {}
    values = table["activation"].iloc[rows.start : rows.stop].tolist()
    bad = [place for place, value in enumerate(values) if isinstance(value, str) and value not in ACTIVATIONS]
    return {place: f"its activation is none of {', '.join(ACTIVATIONS)}" for place in bad}


def _not_finite(batch: Batch, dtype: str) -> dict[int, str]:
    values = [batch.weights] if batch.buffers is None else [batch.weights, batch.buffers]
    bad = torch.stack([~part.isfinite().all(1) for part in values]).any(0)
    found = dict.fromkeys(torch.nonzero(bad).flatten().tolist(), "its weights are not finite")
    if dtype == "float16":
        large = (batch.weights.abs() > HALF).any(1) & ~bad
        found |= dict.fromkeys(torch.nonzero(large).flatten().tolist(), "its weights are too large for float16")
    return found


def _written(
    source: Source, slices: Iterator[Slice], recipe: Recipe, counts: Counts, out: str | Path | None, dtype: Dtype
) -> Zoo:
    """The zoo of these slices, on disk or in memory. The recipe's arguments get the counts before they are written."""
    known = source.found.architecture
    assert known is not None

    def counted(each: Iterator[Slice]) -> Iterator[Slice]:
        yield from each
        recipe.arguments.update(source.notes())
        recipe.arguments["networks"] = {"found": source.found.networks, "taken": counts.networks}
        if counts.reasons:
            recipe.arguments["left_out"] = counts.reasons
        if noticed := [*source.found.problems, *recipe.arguments.get("noticed", [])]:
            recipe.arguments["noticed"] = noticed

    if out is None:
        parts = list(counted(slices))
        table = pd.concat([rows for _, rows, _ in parts], ignore_index=True)
        buffers = torch.cat([part for _, _, part in parts if part is not None]) if known.buffers.size else None
        return Zoo.from_weights(known, torch.cat([weights for weights, _, _ in parts]), table, recipe, buffers)
    with zoo_writer(Path(out), known, recipe=recipe, dtype=dtype) as writer:
        for weights, rows, buffers in counted(slices):
            writer.append(weights, rows, buffers=buffers)
    return Zoo.open(out)
