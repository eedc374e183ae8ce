"""The matrix layout of the Small CNN Zoo (Unterthiner et al. 2020): all weights of all networks in one array.

`weights.npy` holds a network per row, `metrics.csv.gz` a line per network, `layout.csv` the columns of each variable:
for every layer the bias before the kernel, kernels as height x width x inputs x outputs, dense matrices as inputs x
outputs. Networks are three convolutions of stride 2 without padding, a global average and a linear layer, on grey
images with values from -1 to 1.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.nets import ACTIVATIONS, Architecture, architecture
from wsexplore.zoo.readers.columns import finished, our_names
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.tree import Tree

FORMAT = "matrix of weights (Small CNN Zoo)"
WEIGHTS = ("weights.npy", "all_weights.npy")
METRICS = ("metrics.csv.gz", "metrics.csv", "all_metrics.csv.gz", "all_metrics.csv")
SIDES = {"mnist": 28, "fashion_mnist": 28, "cifar10": 32, "svhn_cropped": 32}
LINE = 8 << 10
"""Most bytes of a line of the metrics."""

PUBLISHED = (
    ("conv0/bias:0", 0, 16, (16,)),
    ("conv0/kernel:0", 16, 160, (3, 3, 1, 16)),
    ("conv1/bias:0", 160, 176, (16,)),
    ("conv1/kernel:0", 176, 2480, (3, 3, 16, 16)),
    ("conv2/bias:0", 2480, 2496, (16,)),
    ("conv2/kernel:0", 2496, 4800, (3, 3, 16, 16)),
    ("dense/bias:0", 4800, 4810, (10,)),
    ("dense/kernel:0", 4810, 4970, (16, 10)),
)
"""Layout of the published matrices, for a folder without `layout.csv`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the networks: columns `start` to `stop` of the matrix."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]


def matrix(tree: Tree, wishes: Wishes) -> Source | None:
    """A matrix of weights with its metrics."""
    name = next((name for name in WEIGHTS if tree.has(name)), None)
    if name is None:
        return None
    metrics = next((each for each in METRICS if tree.has(each)), None)
    data = _mapped(tree, tree.root / name)
    size = tree.size(tree.root / name) + (tree.size(tree.root / metrics) if metrics else 0)
    found = Found(FORMAT, tree.name, len(data), None, size, {"parameters": data.shape[1]})
    if metrics is None:
        return hindered(found, f"{tree.name} has {name} but no metrics.csv.gz; put it beside the weights")
    frame = tree.frame(tree.root / metrics, most=min(1 << 30, (len(data) + 1) * LINE))
    if len(frame) != len(data):
        return hindered(found, f"{metrics} has {len(frame):,} lines for {len(data):,} networks; fetch both again")
    table = _table(frame)
    try:
        variables = _layout(tree, data.shape[1])
        known, assumed = _architecture(variables, frame, wishes)
        order = _order(variables, known)
    except ValueError as error:
        return hindered(found, str(error))
    rows = _rows(table, wishes)
    found = replace(found, architecture=known, networks=len(rows), problems=assumed, says=_says(frame, data.shape[1]))
    if not len(rows):
        return hindered(found, f"{tree.name} holds no network of the epochs asked for")

    def read(wanted: Sequence[int]) -> Batch:
        numbers = rows[list(wanted)]
        part = np.asarray(data[numbers], dtype=np.float32)[:, order]
        return Batch(torch.from_numpy(np.ascontiguousarray(part)))

    return Source(found, lambda: table.iloc[rows].reset_index(drop=True), read)


def _mapped(tree: Tree, file: Path) -> Array:
    """The array in the file, after its header has been checked against the file's size.

    Raises:
        ValueError: it is no matrix of floating-point numbers, or cut short.
    """
    path, name = tree.checked(file), tree.short(file)
    broken = f"{name} is no array of numpy with a network per row, or cut short; fetch it again"
    try:
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            reads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = reads[version](stream)
            start = stream.tell()
    except Exception:  # numpy reads its header as Python literals and raises whatever its parser does
        raise ValueError(broken) from None
    if len(shape) != 2 or dtype.kind != "f" or dtype.itemsize > 8 or not all(type(part) is int for part in shape):
        raise ValueError(f"{name} holds {dtype} values of {len(shape)} axes; it must be a matrix of real numbers")
    if min(shape) < 1 or start + shape[0] * shape[1] * dtype.itemsize > path.stat().st_size:
        raise ValueError(broken)
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape, order="F" if fortran else "C")


def _layout(tree: Tree, columns: int) -> list[Variable]:
    """The variables in the order of the matrix.

    Raises:
        ValueError: they overlap, leave gaps, or do not fill the matrix.
    """
    if tree.has("layout.csv"):
        frame = tree.frame(tree.root / "layout.csv", most=1 << 20)
        if {"varname", "start_idx", "end_idx", "shape"} - set(frame.columns):
            raise ValueError("layout.csv needs the columns varname, start_idx, end_idx and shape")
        lines = zip(frame["varname"], frame["start_idx"], frame["end_idx"], frame["shape"], strict=True)
        variables = [Variable(str(name), _whole(a), _whole(b), _shape(text)) for name, a, b, text in lines]
    elif columns == PUBLISHED[-1][2]:
        variables = [Variable(*entry) for entry in PUBLISHED]
    else:
        raise ValueError(f"layout.csv is missing, and {columns:,} columns are not those of the published zoos; add it")
    place = 0
    for variable in sorted(variables, key=lambda each: each.start):
        values = math.prod(variable.shape)
        if variable.start != place or variable.stop - variable.start != values:
            raise ValueError(f"layout.csv does not say where the {values:,} values of {variable.name[:60]} lie")
        place = variable.stop
    if place != columns:
        raise ValueError(f"layout.csv describes {place:,} columns, the matrix has {columns:,}")
    return sorted(variables, key=lambda each: each.start)


def _whole(value: Any) -> int:
    try:
        return int(value) if abs(float(value)) < 1e12 else -1
    except (ValueError, TypeError, OverflowError):
        return -1


def _shape(text: Any) -> tuple[int, ...]:
    numbers = re.findall(r"\d{1,9}", str(text)) if re.fullmatch(r"[(\[]?[\d,\s]*[)\]]?", str(text)) else ["0"]
    return tuple(int(number) for number in numbers)


def _layers(variables: list[Variable]) -> list[tuple[Variable, Variable]]:
    """Kernel and bias of every layer, in order.

    Raises:
        ValueError: a layer has one without the other.
    """
    layers: dict[str, dict[str, Variable]] = {}
    for variable in variables:
        owner, _, leaf = variable.name.rpartition("/")
        layers.setdefault(owner, {})[leaf.partition(":")[0]] = variable
    if any(set(layer) != {"kernel", "bias"} for layer in layers.values()):
        raise ValueError("layout.csv must name a kernel and a bias for every layer")
    return [(layer["kernel"], layer["bias"]) for layer in layers.values()]


def _architecture(
    variables: list[Variable], frame: pd.DataFrame, wishes: Wishes
) -> tuple[Architecture, tuple[str, ...]]:
    layers = _layers(variables)
    kernels = [kernel.shape for kernel, _ in layers if len(kernel.shape) == 4]
    dense = [kernel.shape for kernel, _ in layers if len(kernel.shape) == 2]
    if len(kernels) + len(dense) != len(layers) or [len(k.shape) for k, _ in layers] != [4] * len(kernels) + [2] * len(
        dense
    ):
        raise ValueError("the layers of the matrix are not convolutions followed by linear layers")
    if not kernels or not dense or any(shape[0] != shape[1] for shape in kernels):
        raise ValueError("the layers of the matrix are not square convolutions followed by linear layers")
    data = str(frame["config.dataset"].iloc[0]) if "config.dataset" in frame else ""
    activation = str(frame["config.activation"].iloc[0]) if "config.activation" in frame else "relu"
    fields: dict[str, Any] = {
        "input": [kernels[0][2], *[SIDES.get(data, 32)] * 2],
        "channels": [shape[3] for shape in kernels],
        "kernel": [shape[0] for shape in kernels],
        "stride": 2,
        "padding": 0,
        "pool": 1,
        "hidden": [shape[1] for shape in dense[:-1]],
        "classes": dense[-1][1],
        "activation": activation if activation in ACTIVATIONS else "relu",
        "head": "average",
    }
    assumed = (
        () if data in SIDES else (f"the data set {data[:40]!r} is not among {', '.join(SIDES)}; 32 x 32 was taken",)
    )
    return architecture("cnn", **{**fields, **wishes.config}), assumed


def _order(variables: list[Variable], known: Architecture) -> Int[Array, " parameters"]:
    """For every weight of ours its column in the matrix.

    Raises:
        ValueError: a variable has another shape than the architecture's parameter.
    """
    columns: list[Array] = []
    slots = iter(known.layout.slots)
    for kernel, bias in _layers(variables):
        places = np.arange(kernel.start, kernel.stop, dtype=np.int64).reshape(kernel.shape)
        ours = places.transpose(3, 2, 0, 1) if places.ndim == 4 else places.T
        for values in (ours, np.arange(bias.start, bias.stop, dtype=np.int64)):
            slot = next(slots, None)
            if slot is None or slot.shape != values.shape:
                raise ValueError(f"the layers of the matrix do not fit {known.name} {known.config}")
            columns.append(values.reshape(-1))
    return np.concatenate(columns)


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """The metrics under our names; networks of one folder of the original run are one run."""
    names: dict[str, str] = {}
    for name in frame.columns:
        ours = next(iter(our_names({name: 0})), None)
        if ours is not None and ours not in names.values():
            names[name] = ours
    table = frame[list(names)].rename(columns=names)
    for name in table.columns:
        if not (pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_string_dtype(table[name])):
            table[name] = table[name].astype(str)
    table["run"] = pd.factorize(frame["modeldir"])[0] if "modeldir" in frame else np.arange(len(frame))
    return finished(table.copy())


def _rows(table: pd.DataFrame, wishes: Wishes) -> Int[Array, " rows"]:
    if wishes.epochs is None or "epoch" not in table:
        return np.arange(len(table))
    if wishes.epochs == "last":
        return np.sort(table.groupby("run")["epoch"].idxmax().to_numpy(dtype=np.int64))
    return np.flatnonzero(table["epoch"].isin(wishes.epochs).to_numpy())


def _says(frame: pd.DataFrame, columns: int) -> dict[str, Any]:
    said: dict[str, Any] = {"parameters": columns}
    for name in ("config.dataset", "config.dnn_architecture", "step"):
        if name in frame:
            said[name.removeprefix("config.")] = [str(value)[:40] for value in frame[name].unique()[:20]]
    return said
