"""Tokens of SANE turned back into weights, and the folders of samples that SANE prepares.

A token is a row of a layer: the weights of one output unit, then its bias, cut into pieces of equal length and filled
up with zeros. Layers were brought to mean 0 and deviation 1, or to -1 to 1, by the numbers in
`dataset_normalization_*.json`. Samples are windows of tokens, and hold a network only where a window is as long as one.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture, architecture
from wsexplore.zoo.readers.columns import our_names, tidy
from wsexplore.zoo.readers.fit import Shapes
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.infer import small_cnns, unsaid_activation
from wsexplore.zoo.readers.states import open_value
from wsexplore.zoo.readers.tensors import Stored
from wsexplore.zoo.readers.tree import Tree, natural

FORMAT = "samples prepared by SANE"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Layer:
    """How the tokens of one layer become weight and bias: `value * scale + shift`."""

    weight: tuple[int, ...]
    biased: bool
    scale: float = 1.0
    shift: float = 0.0

    @property
    def content(self) -> int:
        """Values of one output unit."""
        return int(torch.Size(self.weight[1:]).numel()) + self.biased


def weights_of(tokens: Float[Tensor, "tokens size"], layers: Sequence[Layer]) -> Float[Tensor, " parameters"]:
    """The flat weights of a network, each layer's weight before its bias.

    Raises:
        ValueError: there are more or fewer tokens than the layers need.
    """
    size, place = tokens.shape[1], 0
    parts: list[Tensor] = []
    for layer in layers:
        count = layer.weight[0] * -(-layer.content // size)
        rows = tokens[place : place + count]
        if len(rows) < count:
            raise ValueError(f"a network has {len(tokens):,} tokens, its layers need more")
        values = rows.reshape(layer.weight[0], -1)[:, : layer.content].to(torch.float32) * layer.scale + layer.shift
        parts.append(values[:, : layer.content - layer.biased].reshape(-1))
        if layer.biased:
            parts.append(values[:, -1])
        place += count
    if place != len(tokens):
        raise ValueError(f"a network has {len(tokens):,} tokens, its layers need {place:,}")
    return torch.cat(parts)


def layers_by(shapes: Shapes, norms: Mapping[str, Any]) -> list[Layer]:
    """The layers of a state dict of these shapes, with their normalisation undone.

    Raises:
        ValueError: the normalisation was not kept, or is broken.
    """
    layers = []
    for name, shape in shapes.items():
        if not name.endswith("weight") or len(shape) < 2:
            continue
        norm = norms.get(name)
        scale, shift = 1.0, 0.0
        if norms.get("mode") is not None:
            scale, shift = _undone(norm, str(norms["mode"]), name)
        layers.append(Layer(shape, name.removesuffix("weight") + "bias" in shapes, scale, shift))
    return layers


def _undone(norm: Any, mode: str, name: str) -> tuple[float, float]:
    keys = {"standardize": ("std", "mean"), "minmax": ("max", "min")}.get(mode)
    if keys is None or not isinstance(norm, Mapping) or not all(isinstance(norm.get(key), int | float) for key in keys):
        raise ValueError(f"the normalisation of {name[:60]} is not known, so its weights cannot be given back")
    if mode == "standardize":
        return float(norm["std"]), float(norm["mean"])
    half = (float(norm["max"]) - float(norm["min"])) / 2
    return half, float(norm["min"]) + half


def sane(tree: Tree, wishes: Wishes) -> Source | None:
    """A folder of samples prepared by SANE."""
    if not tree.is_folder:
        return None
    splits = [split for split in SPLITS if (tree.root / f"dataset_torch.{split}").is_dir()]
    if not splits:
        return None
    files: dict[str, list[Path]] = {}
    for split in splits:
        inside = tree.files(tree.root / f"dataset_torch.{split}", depth=0)
        files[split] = sorted((f for f in inside if f.name.startswith("sample_")), key=lambda f: natural(f.name))
    size = sum(tree.size(file) for group in files.values() for file in group)
    found = Found(FORMAT, tree.name, 0, None, size, {"samples": {split: len(group) for split, group in files.items()}})
    try:
        parts = [_split(tree, split, files[split], wishes) for split in splits if files[split]]
        if not parts:
            raise ValueError(f"{tree.name} holds no sample")
        known = parts[0].architecture
        if any(part.architecture != known for part in parts):
            raise ValueError("the splits hold networks of different architectures; import them one by one")
    except ValueError as error:
        return hindered(found, str(error))
    rows = [(part, file) for part in parts for file in part.files]
    unaligned = (
        "the networks were aligned when SANE prepared them, so their units lie in another order than in training"
    )
    problems = (unaligned, *unsaid_activation(known, wishes.config))
    found = replace(found, networks=len(rows), architecture=known, problems=problems)

    def read(wanted: Sequence[int]) -> Batch:
        weights, left_out = torch.zeros(len(wanted), known.layout.size), {}
        for place, row in enumerate(wanted):
            part, file = rows[row]
            try:
                weights[place] = weights_of(_sample(tree, file).tokens, part.layers)
            except ValueError as error:
                left_out[place] = str(error)
        return Batch(weights, None, left_out)

    def table() -> pd.DataFrame:
        return tidy([record for part in parts for record in _records(tree, part)])

    return Source(found, table, read)


@dataclass(frozen=True, slots=True)
class _Split:
    name: str
    files: list[Path]
    layers: list[Layer]
    architecture: Architecture
    properties: list[str]


@dataclass(frozen=True, slots=True)
class _Sample:
    tokens: Tensor
    mask: Tensor
    positions: Tensor
    properties: list[float]


def _split(tree: Tree, split: str, files: list[Path], wishes: Wishes) -> _Split:
    """One split: which samples are different networks, and how their tokens become weights.

    Raises:
        ValueError: the samples do not hold whole networks, or what was done to them cannot be undone.
    """
    info = _described(tree, f"dataset_info_{split}.json")
    norms = _described(tree, f"dataset_normalization_{split}.json")
    if info.get("standardize") == "l2_ind":
        raise ValueError(
            "SANE divided every layer of every network by a norm of its own and kept none, so the weights cannot be "
            "given back; import the zoo that the samples were made from"
        )
    sample = _sample(tree, files[0])
    most = info.get("max_positions")
    whole = isinstance(most, list) and most and isinstance(most[0], int | float) and most[0] + 1 == len(sample.tokens)
    if not whole or sample.positions[:, 0].tolist() != list(range(len(sample.tokens))):
        raise ValueError(
            f"the samples are windows of {len(sample.tokens):,} tokens cut from longer networks, so no network is "
            "whole in them; import the zoo that they were made from"
        )
    if not _are_places(sample.positions, len(sample.tokens)):
        raise ValueError(f"the positions in {tree.short(files[0])} lie beyond its tokens; fetch it again")
    known = _architecture(sample, [name for name in norms if name != "mode"], wishes)
    shapes = {slot.name: slot.shape for slot in known.layout.slots}
    names = [name for name in shapes if name.endswith("weight") and len(shapes[name]) > 1]
    theirs = [name for name in norms if name != "mode"]
    if norms.get("mode") is not None and len(theirs) != len(names):
        raise ValueError(f"the normalisation names {len(theirs)} layers, the networks have {len(names)}")
    renamed = {"mode": norms.get("mode"), **{ours: norms.get(name) for ours, name in zip(names, theirs, strict=False)}}
    count = info.get("num_samples")
    kept = files[:count] if isinstance(count, int) and 0 < count <= len(files) else files
    said = info.get("properties")
    properties = [str(name) for name in said] if isinstance(said, list) else []
    return _Split(split, kept, layers_by(shapes, renamed), known, properties)


def _described(tree: Tree, name: str) -> dict[str, Any]:
    if not tree.has(name):
        raise ValueError(f"{name} is missing, so the weights cannot be given back; fetch it again")
    values = tree.json(tree.root / name)
    if not isinstance(values, dict):
        raise ValueError(f"{name} is no description of samples; fetch it again")
    return values


def _sample(tree: Tree, file: Path) -> _Sample:
    with open_value(tree, file) as value:
        parts = [value.get(key) if isinstance(value, dict) else None for key in ("w", "m", "p", "props")]
        if not all(isinstance(part, Stored) for part in parts):
            raise ValueError(f"{tree.short(file)} is no sample of tokens, masks and positions")
        tokens, mask, positions, properties = (part.load() for part in parts if isinstance(part, Stored))
    tokens = tokens[0] if tokens.ndim == 3 and len(tokens) else tokens
    fits = tokens.ndim == 2 and mask.shape == tokens.shape and positions.shape == (len(tokens), 3) and len(tokens)
    if not fits or not tokens.is_floating_point():
        raise ValueError(f"{tree.short(file)} is no sample of tokens, masks and positions that fit")
    return _Sample(tokens, mask.bool(), positions.long(), properties.reshape(-1)[:100].tolist())


def _are_places(positions: Tensor, count: int) -> bool:
    return not positions.is_floating_point() and int(positions.min()) >= 0 and int(positions.max()) < count


def _architecture(sample: _Sample, names: list[str], wishes: Wishes) -> Architecture:
    """The one architecture whose layers have as many units and values as the tokens.

    Raises:
        ValueError: none has, or more than one.
    """
    contents: list[tuple[int, int]] = []
    for layer in range(int(sample.positions[:, 1].max()) + 1):
        rows = sample.positions[:, 1] == layer
        units = int(sample.positions[rows, 2].max()) + 1 if bool(rows.any()) else 1
        contents.append((units, int(sample.mask[rows].sum()) // max(units, 1)))
    candidates = (
        [architecture(wishes.architecture, **wishes.config)] if wishes.architecture else _usual(contents, wishes)
    )
    fitting = [each for each in candidates if _contents(each) == contents]
    if len(fitting) != 1:
        raise ValueError(
            f"the layers {', '.join(name[:40] for name in names[:8])} have {contents[:8]} units and values, which "
            f"{len(fitting)} known architectures have; name one with --architecture and --config"
        )
    return fitting[0]


def _usual(contents: list[tuple[int, int]], wishes: Wishes) -> list[Architecture]:
    usual = small_cnns(wishes.config)
    widths = [contents[0][1] - 1, *(units for units, _ in contents)]
    with suppress(ValueError):  # the user's fields, or these widths, are not those of a perceptron
        usual.append(architecture("mlp", **{"widths": widths, **wishes.config}))
    return usual


def _contents(known: Architecture) -> list[tuple[int, int]]:
    shapes = {slot.name: slot.shape for slot in known.layout.slots}
    return [(layer.weight[0], layer.content) for layer in layers_by(shapes, {})]


def _records(tree: Tree, part: _Split) -> list[dict[str, Any]]:
    """A row for each sample. A run ends where the epoch no longer rises."""
    records: list[dict[str, Any]] = []
    run, before = -1, 0.0
    for place, file in enumerate(part.files):
        try:
            values = _sample(tree, file).properties
        except ValueError:
            values = []
        facts = our_names(dict(zip(part.properties, values, strict=False)))
        epoch = facts.get("epoch", 0)
        run += not (records and epoch > before)
        before = epoch
        records.append({"id": f"{part.name}{place:06d}", "split": part.name, **facts, "run": run})
    return records
