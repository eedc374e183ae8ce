"""Zoos that were prepared as one pickle: `dataset*.pt` of the Model Zoos collection and of hyper-representations.

The pickle holds data sets of the authors' own classes. They are read as data: of every object only the attributes are
kept, and no class of theirs is needed or run.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from wsexplore.nets import Architecture, architecture
from wsexplore.zoo.readers.columns import tidy
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.infer import small_cnns, unsaid_activation
from wsexplore.zoo.readers.networks import networks
from wsexplore.zoo.readers.sane import Layer, layers_by, weights_of
from wsexplore.zoo.readers.splits import Line, Split, split_of, splits_in
from wsexplore.zoo.readers.tensors import Network, Stored, network_of
from wsexplore.zoo.readers.torchfile import open_torch_file
from wsexplore.zoo.readers.tree import Tree
from wsexplore.zoo.readers.vocabulary import UnknownNameError

FORMAT = "prepared data sets of networks (dataset.pt)"
THINGS = (
    "checkpoints_to_datasets",
    "ghrp",
    "SANE",
    "shrp",
    "model_definitions",
    "torch.utils.data",
    "torch.nn.modules",
    "torchvision.transforms",
    "__main__",
)
"""Modules whose objects are read for their attributes."""


@dataclass(frozen=True, slots=True)
class _Row:
    split: Split
    place: int

    @property
    def value(self) -> Any:
        return self.split.networks[self.place]


def preprocessed(tree: Tree, wishes: Wishes) -> Source | None:
    """One prepared data set of networks, or a folder with one."""
    file = tree.root
    if tree.is_folder:
        some = [path for path in tree.files(depth=0) if path.name.startswith("dataset") and path.suffix == ".pt"]
        if len(some) != 1:
            return None
        file = some[0]
    if file.suffix not in (".pt", ".pth"):
        return None
    stack = ExitStack()
    try:
        value = stack.enter_context(open_torch_file(tree.checked(file), tree.short(file), things=THINGS)).value
    except UnknownNameError:
        return None
    splits = splits_in(value)
    if not splits:
        stack.close()
        return None
    found = Found(FORMAT, tree.name, 0, None, tree.size(file), {"splits": {name: 0 for name in splits}})
    try:
        return _source(found, [split_of(name, thing) for name, thing in splits.items()], wishes, stack, tree)
    except ValueError as error:
        stack.close()
        return hindered(found, str(error))


def _source(found: Found, splits: list[Split], wishes: Wishes, stack: ExitStack, tree: Tree) -> Source:
    rows = [_Row(split, place) for split in splits for place in _wanted(split, wishes)]
    said = {"splits": {split.name: len(split.networks) for split in splits}}
    found = replace(found, networks=len(rows), says=said)
    if not rows:
        raise ValueError(f"{tree.name} holds no network of the epochs asked for")
    activations = [row.split.facts[row.place].get("activation") for row in rows]
    first = rows[0].value
    problems: tuple[str, ...] = ()
    read: Callable[[Sequence[int]], Batch]
    if isinstance(first, Mapping):
        known = networks(
            range(len(rows)),
            lambda row: _Entered(rows[row].value),
            wishes,
            lambda row: {"activation": activations[row]},
        )
        kind, problems, read = known.architecture, known.inferred.assumed, known.read
    else:
        kind, layers = _vectors(rows, wishes, activations[0])
        told = {"activation": activations[0]} if activations[0] is not None else {}
        problems = unsaid_activation(kind, {**told, **wishes.config})
        read = partial(_read_rows, kind, layers, rows)

    def table() -> pd.DataFrame:
        runs: dict[tuple[str, str], int] = {}
        records = []
        for row in rows:
            trial = row.split.trials[row.place]
            run = runs.setdefault((row.split.name, trial), len(runs))
            epoch = row.split.epochs[row.place]
            names = {
                "id": f"r{run:05d}e{epoch:03d}",
                "run": run,
                "epoch": epoch,
                "split": row.split.name,
                "trial": trial,
            }
            records.append({**row.split.facts[row.place], **names})
        return tidy(records)

    return Source(replace(found, architecture=kind, problems=problems), table, read, close=stack.close)


class _Entered:
    """A network that is already in an open file."""

    def __init__(self, value: Any):
        self.value = value

    def __enter__(self) -> Network:
        network = network_of(self.value)
        if network is None:
            raise ValueError("it is no state dict")
        return network

    def __exit__(self, *_: object) -> None:
        pass


def _wanted(split: Split, wishes: Wishes) -> list[int]:
    every = range(len(split.networks))
    if wishes.epochs is None:
        return list(every)
    if wishes.epochs == "last":
        last: dict[str, int] = {}
        for trial, epoch in zip(split.trials, split.epochs, strict=True):
            last[trial] = max(last.get(trial, 0), epoch)
        return [place for place in every if split.epochs[place] == last[split.trials[place]]]
    return [place for place in every if split.epochs[place] in wishes.epochs]


def _vectors(rows: list[_Row], wishes: Wishes, activation: Any) -> tuple[Architecture, list[Layer] | None]:
    """The architecture of networks that are flat vectors or tokens, with the layers that tokens fill.

    Raises:
        ValueError: their length or reference does not tell it.
    """
    attributes = rows[0].split.attributes
    first = rows[0].value
    shape = first.shape if isinstance(first, Stored) else first.matrix.shape[1:] if isinstance(first, Line) else ()
    spoken = {"activation": activation} if isinstance(activation, str) else {}
    if len(shape) == 2:
        reference = network_of(attributes.get("reference_checkpoint"))
        if reference is None:
            raise ValueError("the networks are tokens, and the reference that says their layers is not with them")
        if attributes.get("standardize") == "l2_ind":
            raise ValueError(
                "every network was divided by norms that were not kept, so its weights cannot be given back"
            )
        done = attributes.get("standardize")
        mode = "standardize" if done is True else "minmax" if done == "minmax" else None
        norms = attributes.get("layers")
        inferred = networks([0], lambda row: _Entered(attributes["reference_checkpoint"]), wishes, lambda row: spoken)
        layers = layers_by(reference.shapes, {**(norms if isinstance(norms, dict) else {}), "mode": mode})
        return inferred.architecture, layers
    if attributes.get("use_bias") is False:
        raise ValueError(
            "the networks were prepared without their biases, so they compute nothing; take those with them"
        )
    if len(shape) != 1:
        raise ValueError("the networks are neither state dicts nor flat vectors")
    candidates = (
        [architecture(wishes.architecture, **wishes.config)]
        if wishes.architecture
        else small_cnns({**spoken, **wishes.config})
    )
    fitting = [each for each in candidates if each.layout.size == shape[0] and not each.buffers.size]
    if len(fitting) != 1:
        raise ValueError(
            f"the networks are vectors of {shape[0]:,} values, which {len(fitting)} known architectures have; name one "
            "with --architecture and --config"
        )
    return fitting[0], None


def _read_rows(known: Architecture, layers: list[Layer] | None, rows: list[_Row], wanted: Sequence[int]) -> Batch:
    values = [rows[row].value for row in wanted]
    weights, left_out = torch.zeros(len(values), known.layout.size), {}
    matrices: dict[int, Tensor] = {}
    for place, value in enumerate(values):
        try:
            if isinstance(value, Line):
                matrix = matrices.get(id(value.matrix))
                if matrix is None:
                    matrix = matrices[id(value.matrix)] = value.matrix.load()
                weights[place] = matrix[value.row].to(torch.float32)
            else:
                weights[place] = _flat_weights(value, layers, known.layout.size)
        except ValueError as error:
            left_out[place] = str(error)
    return Batch(weights, None, left_out)


def _flat_weights(value: Any, layers: list[Layer] | None, size: int) -> Tensor:
    if not isinstance(value, Stored) or not value.is_weight:
        raise ValueError("it is no vector of real numbers")
    values = value.load()
    flat = weights_of(values, layers) if layers is not None and values.ndim == 2 else values.to(torch.float32)
    if flat.shape != (size,):
        raise ValueError(f"it has {flat.numel():,} weights, the others have {size:,}")
    return flat
