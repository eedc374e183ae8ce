"""Our own folders and files: copied, or a zoo that was exported as one safetensors file."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.zoo.readers.columns import finished
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.safefile import SafeFile, open_safe_file
from wsexplore.zoo.readers.tree import Tree, parse_json
from wsexplore.zoo.table import complete_table
from wsexplore.zoo.zoo import Zoo

TABLE = 256 << 20


def native(tree: Tree, wishes: Wishes) -> Source | None:
    """A folder that wsexplore wrote."""
    if not tree.has("manifest.json"):
        return None
    try:
        manifest = tree.json(tree.root / "manifest.json")
    except ValueError:
        return None
    if not isinstance(manifest, dict) or manifest.get("format") != "wsexplore":
        return None
    for file in tree.files(depth=0):
        tree.checked(file)
    zoo = Zoo.open(tree.root)
    rows = _rows(zoo.table, wishes)
    found = Found(
        "zoo of wsexplore",
        tree.name,
        len(rows),
        zoo.architecture,
        sum(tree.size(file) for file in tree.files(depth=0)),
        {"made by": zoo.recipe.action, "fingerprint": zoo.fingerprint[:12]},
    )
    if not rows:
        return hindered(found, f"{tree.name} holds no network of the epochs asked for")

    def read(wanted: Sequence[int]) -> Batch:
        numbers = [rows[row] for row in wanted]
        return Batch(zoo.rows(numbers), _buffers(zoo, numbers))

    return Source(
        found,
        lambda: zoo.table.iloc[rows].reset_index(drop=True),
        read,
        lambda: {"source": {"fingerprint": zoo.fingerprint, "recipe": zoo.recipe.to_dict()}},
    )


def _buffers(zoo: Zoo, rows: list[int]) -> Any:
    return zoo.buffer_rows(rows) if zoo.architecture.buffers.size else None


def _rows(table: pd.DataFrame, wishes: Wishes) -> list[int]:
    if wishes.epochs is None:
        return list(range(len(table)))
    if wishes.epochs == "last":
        return sorted(int(row) for row in table.groupby("run")["epoch"].idxmax())
    return [row for row, epoch in enumerate(table["epoch"]) if epoch in wishes.epochs]


def exported(tree: Tree, wishes: Wishes) -> Source | None:
    """A single safetensors file that `to_safetensors` wrote: each parameter stacked over networks."""
    if tree.is_folder or tree.root.suffix != ".safetensors":
        return None
    file = open_safe_file(tree.checked(tree.root), tree.name)
    if file.metadata.get("format") != "wsexplore":
        return None
    known = architecture_from_dict(
        parse_json(file.metadata.get("architecture", ""), "the architecture in its metadata")
    )
    models = _models(file, known, tree.name)
    table = _table(file, models, tree.name)
    rows = _rows(table, wishes)
    size = tree.size(tree.root)
    found = Found("safetensors export of wsexplore", tree.name, len(rows), known, size, {"networks": models})
    if not rows:
        return hindered(found, f"{tree.name} holds no network of the epochs asked for")
    stacks: dict[str, torch.Tensor] = {}

    def read(wanted: Sequence[int]) -> Batch:
        numbers = torch.tensor([rows[row] for row in wanted])
        for name in (slot.name for layout in (known.layout, known.buffers) for slot in layout.slots):
            if name not in stacks and name in file.tensors:
                stacks[name] = file.tensors[name].load()
        weights = known.layout.flatten({slot.name: stacks[slot.name][numbers].float() for slot in known.layout.slots})
        if not known.buffers.size:
            return Batch(weights)
        first = known.buffers.unflatten(known.initial_buffers().expand(len(numbers), -1))
        parts = {name: stacks[name][numbers].float() if name in stacks else part for name, part in first.items()}
        return Batch(weights, known.buffers.flatten(parts))

    return Source(found, lambda: table.iloc[rows].reset_index(drop=True), read)


def _models(file: SafeFile, known: Architecture, name: str) -> int:
    slots = {slot.name: slot.shape for slot in known.layout.slots}
    shapes = {key: tensor.shape for key, tensor in file.tensors.items()}
    counts = {shapes[key][0] for key in slots if shapes.get(key)}
    statistics = {slot.name: slot.shape for slot in known.buffers.slots}
    fits = all(key in shapes and shapes[key][1:] == shape for key, shape in slots.items())
    fits = fits and all(shapes[key][1:] == statistics[key] for key in statistics if key in shapes)
    if not fits or len(counts) != 1 or set(shapes) - set(slots) - set(statistics):
        raise ValueError(f"the tensors of {name} are not those of the {known.name} in its metadata; export it again")
    if not all(file.tensors[key].is_weight for key in slots):
        raise ValueError(f"{name} holds weights that are no real numbers; export it again")
    return counts.pop()


def _table(file: SafeFile, models: int, name: str) -> pd.DataFrame:
    text = file.metadata.get("table", "[]")
    records = parse_json(text, f"the table in the metadata of {name}") if len(text) <= TABLE else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError(f"the table in the metadata of {name} is no list of records; export it again")
    plain = [
        {key: value for key, value in record.items() if value is None or isinstance(value, str | int | float | bool)}
        for record in records
    ]
    table = pd.DataFrame(plain) if plain else None
    return finished(complete_table(table, models))
