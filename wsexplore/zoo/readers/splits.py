"""The data sets in a prepared pickle: their networks, and what is known of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wsexplore.zoo.readers.columns import our_names
from wsexplore.zoo.readers.tensors import Stored
from wsexplore.zoo.readers.vocabulary import Thing

SPLITS = ("trainset", "valset", "testset")
LABEL = re.compile(r"epoch[_ ](\d{1,9})")


@dataclass
class Split:
    """One data set of networks.

    Attributes:
        name: train, val or test.
        networks: state dicts, vectors, lines of a matrix or tokens.
        epochs: of every network.
        trials: folder of the run of every network.
        facts: metrics and hyper-parameters of every network, under our names.
        attributes: everything that the data set holds.
    """

    name: str
    networks: list[Any]
    epochs: list[int]
    trials: list[str]
    facts: list[dict[str, Any]]
    attributes: dict[str, Any] = field(default_factory=dict)


def splits_in(value: Any) -> dict[str, Thing]:
    """The data sets in a file by the name of their split."""
    if isinstance(value, Thing):
        return {"all": value} if _held(value) is not None else {}
    if not isinstance(value, Mapping):
        return {}
    return {name.removesuffix("set"): value[name] for name in SPLITS if isinstance(value.get(name), Thing)}


def _held(thing: Thing) -> Any:
    attributes = thing.attributes
    return next((attributes[key] for key in ("data_in", "data", "weights_in") if attributes.get(key) is not None), None)


def split_of(name: str, thing: Thing) -> Split:
    """The networks of one data set with what is known of each.

    Raises:
        ValueError: it holds images, files elsewhere, or lists that do not fit each other.
    """
    held = _held(thing)
    if "tensors" in thing.attributes:
        raise ValueError(
            "this dataset.pt holds the images that networks were trained on; name the folder of the networks"
        )
    if held is None and "samples" in thing.attributes:
        raise ValueError(
            "this dataset.pt is a list of files elsewhere; name the folder with dataset_torch.train beside it"
        )
    nested = isinstance(held, list) and bool(held) and isinstance(held[0], list)
    values = [part for run in held for part in run] if nested and isinstance(held, list) else held
    if isinstance(values, Stored):
        if len(values.shape) != 2 or not values.is_weight:
            raise ValueError("the networks in it are no matrix of real numbers with a network per row")
        rows = [Line(values, place) for place in range(values.shape[0])]
        values = rows
    if not isinstance(values, list):
        raise ValueError(f"the split {name} holds no list of networks")
    attributes = thing.attributes
    counts = [len(run) for run in held] if nested and isinstance(held, list) else [1] * len(values)
    trials = _trials(attributes, counts, len(values))
    properties = attributes.get("properties")
    facts: list[dict[str, Any]] = [{} for _ in values]
    for key, column in properties.items() if isinstance(properties, Mapping) else ():
        flat = _flat(column, nested=nested)
        if len(flat) != len(values):
            raise ValueError(
                f"the split {name} has {len(values):,} networks and {len(flat):,} values of {str(key)[:40]}"
            )
        for record, value in zip(facts, flat, strict=True):
            record[str(key)] = value.item() if isinstance(value, Stored) else value
    epochs = _epochs(attributes, facts, len(values), nested=nested)
    return Split(name, values, epochs, trials, [our_names(record) for record in facts], attributes)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a matrix of weights."""

    matrix: Stored
    row: int


def _flat(column: Any, *, nested: bool) -> list[Any]:
    if isinstance(column, Stored):
        return list(column.load().reshape(-1).tolist())
    values = column if isinstance(column, list) else []
    return [part for run in values for part in (run if isinstance(run, list) else [run])] if nested else values


def _trials(attributes: Mapping[str, Any], counts: list[int], models: int) -> list[str]:
    """The run of every network, by the path of its folder."""
    paths = attributes.get("paths")
    labels = attributes.get("labels_in")
    for said in (paths, labels):
        if isinstance(said, list) and len(said) == models and all(isinstance(part, str) for part in said):
            return [_trial(part) for part in said]
        if isinstance(said, list) and len(said) == len(counts) and all(isinstance(part, str) for part in said):
            return [_trial(part) for part, count in zip(said, counts, strict=True) for _ in range(count)]
    return [str(run) for run, count in enumerate(counts) for _ in range(count)]


def _trial(path: str) -> str:
    parts = [part for part in path.partition("#_#")[0].replace("\\", "/").split("/") if part]
    kept = [part for part in parts if not part.startswith("checkpoint")]
    return kept[-1][:200] if kept else ""


def _epochs(attributes: Mapping[str, Any], facts: list[dict[str, Any]], models: int, *, nested: bool) -> list[int]:
    epochs = _flat(attributes.get("epochs"), nested=nested)
    if len(epochs) == models and all(isinstance(part, int) and 0 <= part < 10**9 for part in epochs):
        return epochs
    said = [record.get("training_iteration") for record in facts]
    if all(isinstance(part, int | float) and 0 <= part < 10**9 for part in said):
        return [int(part) for part in said if part is not None]
    labels = attributes.get("labels_in")
    texts = labels if isinstance(labels, list) and len(labels) == models else [""] * models
    matches = [LABEL.search(part) if isinstance(part, str) else None for part in texts]
    return [int(match[1]) if match else 0 for match in matches]
