"""Networks in the text format `.nnet` (Stanford, 2016): the ACAS-Xu networks and others.

After comment lines: numbers of layers, inputs, outputs and the widest layer; the widths; a flag; minima and maxima of
the inputs; means and ranges of the inputs and, last, of the outputs; then for every layer the rows of its matrix, then
its biases, one per line. The networks take inputs brought to mean 0 and range 1; ReLU is between the layers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from wsexplore.nets import Architecture, architecture
from wsexplore.zoo.readers.columns import identity, tidy
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.tree import Tree

FORMAT = "text networks (.nnet)"
ACAS = re.compile(r"ACASXU_.*?_(\d)_(\d)(?:_batch_\d+)?")
LARGEST = 256 << 20
"""Most bytes of one file."""

HEAD = 1 << 20
"""Bytes in which the header ends."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before its weights: widths of the layers, and how inputs and outputs were scaled."""

    widths: tuple[int, ...]
    scaling: dict[str, list[float]]


def nnet(tree: Tree, wishes: Wishes) -> Source | None:
    """One text network, or a folder of them."""
    files = [tree.root] if not tree.is_folder else list(tree.files())
    files = [file for file in files if file.suffix == ".nnet"]
    if not files:
        return None
    size = sum(tree.size(file) for file in files)
    found = Found(FORMAT, tree.name, len(files), None, size, _about(tree, files[0]))
    headers: dict[Path, Header] = {}
    reason = ""
    for file in files:
        try:
            headers[file] = _header(_head(tree, file), tree.short(file), tree.size(file))
        except ValueError as error:
            reason = reason or str(error)
    if not headers:
        return hindered(found, reason)
    widths = next(iter(headers.values())).widths
    known = architecture("mlp", **{"widths": list(widths), "activation": "relu", **wishes.config})
    scalings = [header.scaling for header in headers.values()]
    shared = scalings[0] if all(scaling == scalings[0] for scaling in scalings) else None
    other = sum(header.widths != widths for header in headers.values())
    problems = [f"{other:,} networks have other widths than {list(widths)}"] if other else []
    problems += [f"{len(files) - len(headers):,} files are broken: {reason}"] if reason else []
    found = Found(FORMAT, tree.name, len(files), known, size, found.says, tuple(problems))

    def table() -> pd.DataFrame:
        scaled = {file: header.scaling for file, header in headers.items()} if shared is None else {}
        return tidy(
            [{**facts, **_spread(scaled.get(file))} for file, facts in zip(files, _facts(tree, files), strict=True)]
        )

    def read(wanted: Sequence[int]) -> Batch:
        return _read(tree, known, [files[row] for row in wanted])

    return Source(found, table, read, lambda: {"scaling": shared} if shared else {})


def _read(tree: Tree, known: Architecture, files: list[Path]) -> Batch:
    weights = torch.zeros(len(files), known.layout.size)
    left_out: dict[int, str] = {}
    for place, file in enumerate(files):
        try:
            lines = _lines(tree, file)
            header = _header(lines, tree.short(file), tree.size(file))
            if list(header.widths) != known.config["widths"]:
                raise ValueError(f"another architecture than mlp {known.config['widths']}")
            weights[place] = _weights(lines, known, tree.short(file))
        except ValueError as error:
            left_out[place] = str(error)
    return Batch(weights, None, left_out)


def _lines(tree: Tree, file: Path) -> Iterator[str]:
    return (line for line in tree.text(file, most=LARGEST).splitlines() if not line.startswith("//"))


def _head(tree: Tree, file: Path) -> Iterator[str]:
    text = tree.head(file, count=HEAD).decode("utf-8", "replace")
    return (line for line in text.splitlines() if not line.startswith("//"))


def _numbers(lines: Iterator[str], name: str, count: int | None = None) -> list[float]:
    """The numbers of the next line.

    Raises:
        ValueError: the file ends, or the line holds anything else, or not as many.
    """
    line = next(lines, None)
    try:
        values = [float(part) for part in (line or "").split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"{name} has a line that is no list of numbers: {(line or '')[:40]!r}") from None
    if line is None or (count is not None and len(values) != count):
        raise ValueError(f"{name} is cut short, or a line has {len(values):,} numbers where {count} belong")
    return values


def _header(lines: Iterator[str], name: str, size: int) -> Header:
    """What a file of `size` bytes declares.

    Raises:
        ValueError: it is no header, or declares more weights than the file can hold at two bytes each.
    """
    first = _numbers(lines, name)
    widths = _numbers(lines, name)
    sizes = tuple(int(width) for width in widths if width == width and 1 <= width <= 1_000_000 and width % 1 == 0)
    if (
        len(first) < 3
        or len(sizes) != len(widths)
        or len(sizes) < 2
        or first[:3] != [len(sizes) - 1, sizes[0], sizes[-1]]
    ):
        raise ValueError(f"{name} does not start with the sizes of a .nnet network; fetch it again")
    declared = sum((before + 1) * after for before, after in pairwise(sizes))
    if size < 2 * declared:
        raise ValueError(f"{name} declares {declared:,} weights and has {size:,} bytes; fetch it again")
    _numbers(lines, name)
    inputs = sizes[0]
    minima, maxima = _numbers(lines, name, inputs), _numbers(lines, name, inputs)
    means, ranges = _numbers(lines, name, inputs + 1), _numbers(lines, name, inputs + 1)
    names = ("input_minima", "input_maxima", "means", "ranges")
    return Header(sizes, dict(zip(names, (minima, maxima, means, ranges), strict=True)))


def _weights(lines: Iterator[str], known: Architecture, name: str) -> Tensor:
    parts = []
    for slot in known.layout.slots:
        if len(slot.shape) == 2:
            parts.append(np.array([_numbers(lines, name, slot.shape[1]) for _ in range(slot.shape[0])]).reshape(-1))
        else:
            parts.append(np.array([_numbers(lines, name, 1)[0] for _ in range(slot.shape[0])]))
    values = np.concatenate(parts)
    values[np.abs(values) > np.finfo(np.float32).max] = np.inf
    return torch.from_numpy(values.astype(np.float32))


def _facts(tree: Tree, files: list[Path]) -> list[dict[str, Any]]:
    """A row for each file: its name, and the numbers in it that differ between files."""
    names = [file.stem for file in files]
    matches = [ACAS.fullmatch(name) for name in names]
    rows: list[dict[str, Any]] = [{"id": identity(tree.short(file))} for file in files]
    if all(matches):
        for row, match in zip(rows, matches, strict=True):
            assert match is not None
            row |= {"previous_advisory": int(match[1]), "tau": int(match[2])}
        return rows
    numbers = [re.findall(r"\d{1,9}", name) for name in names]
    if len({len(found) for found in numbers}) == 1:
        for place in range(len(numbers[0])):
            if len({found[place] for found in numbers}) > 1:
                for row, found in zip(rows, numbers, strict=True):
                    row[f"number_{place + 1}"] = int(found[place])
    return rows


def _spread(scaling: dict[str, list[float]] | None) -> dict[str, float]:
    if scaling is None:
        return {}
    return {f"{name}_{place}": value for name, values in scaling.items() for place, value in enumerate(values)}


def _about(tree: Tree, file: Path) -> dict[str, Any]:
    try:
        text = tree.head(file, count=HEAD).decode("utf-8", "replace")
    except ValueError:
        return {}
    lines = [line for line in text.splitlines()[:20] if line.startswith("//")]
    return {"comment": " ".join(line.strip("/ ") for line in lines)[:500]} if lines else {}
