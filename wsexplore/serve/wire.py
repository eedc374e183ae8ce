"""Networks as bytes: one safetensors file whose bytes depend on its contents only."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from wsexplore.generate import WeightFlow
from wsexplore.generate.finish import finite, statistics_of
from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.serve.request import SampleRequest
from wsexplore.serve.threads import single_threaded
from wsexplore.zoo import Recipe, Zoo

MEDIA_TYPE = "application/vnd.safetensors"

PIECE = 1 << 20
"""Bytes that are sent at once, about."""

LONGEST_HEADER = 100_000_000
"""Bytes of a header, as safetensors allows."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A zoo as it goes over the wire; the weights are copied piece by piece only as they are sent.

    Attributes:
        header: length, names, shapes and metadata.
        tensors: parameters and statistics in the order of the header, one network per row.
        metrics: what was measured.
    """

    header: bytes
    tensors: tuple[NDArray[np.float32], ...]
    metrics: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header) + sum(tensor.nbytes for tensor in self.tensors)

    def pieces(self) -> Iterator[bytes]:
        """The file from its beginning to its end."""
        for start in range(0, len(self.header), PIECE):
            yield self.header[start : start + PIECE]
        for tensor in self.tensors:
            rows = max(1, PIECE // max(1, 4 * tensor.shape[1]))
            for start in range(0, len(tensor), rows):
                yield tensor[start : start + rows].tobytes()

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())


def encode_sample(
    flow: WeightFlow, request: SampleRequest, weights: Float[Tensor, "models parameters"], metrics: dict[str, Any]
) -> Encoded:
    """The zoo of sampled networks as a file: what `encode` would give, without a table in between.

    Running statistics are estimated on the data set of the flow.

    Raises:
        ValueError: a weight is not finite, or statistics are needed and the flow names no data set.
    """
    columns, recipe = flow.told_of(len(weights), seed=request.seed, **request.chosen())
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not np.isfinite(weights.numpy().sum()):
        finite(weights)
    buffers = weights.new_empty(len(weights), 0)
    if flow.architecture.buffers.size:
        with single_threaded():
            buffers = statistics_of(flow.architecture, weights, flow.dataset)
    return _encoded(flow.architecture, weights, buffers, json.dumps(records), recipe, metrics)


def encode(zoo: Zoo, metrics: dict[str, Any]) -> Encoded:
    """A zoo as a safetensors file, like `wsexplore.zoo.to_safetensors` with one more entry `metrics`.

    `{name: tensor[i] for name, tensor in load_file(path).items()}` is the state dict of network `i`. The metadata hold
    architecture, recipe, table and metrics as JSON. Unlike the safetensors library, whose metadata come in random
    order, the same zoo always gives the same bytes.
    """
    table = zoo.table.to_json(orient="records", double_precision=15) or "[]"
    return _encoded(zoo.architecture, zoo.weights, zoo.buffers, table, zoo.recipe, metrics)


def _encoded(
    architecture: Architecture, weights: Tensor, buffers: Tensor, table: str, recipe: Recipe, metrics: dict[str, Any]
) -> Encoded:
    metadata = {
        "format": "wsexplore",
        "architecture": json.dumps(architecture.to_dict(), sort_keys=True),
        "recipe": json.dumps({part.name: getattr(recipe, part.name) for part in fields(recipe)}, sort_keys=True),
        "table": table,
        "metrics": json.dumps(metrics, sort_keys=True),
    }
    facts: dict[str, Any] = {"__metadata__": metadata}
    tensors, start = [], 0
    for layout, held in ((architecture.layout, weights.numpy()), (architecture.buffers, buffers.numpy())):
        for slot in layout.slots:
            tensors.append(held[:, slot.start : slot.stop])
            stop = start + tensors[-1].nbytes
            facts[slot.name] = {"dtype": "F32", "shape": [len(held), *slot.shape], "data_offsets": [start, stop]}
            start = stop
    text = json.dumps(facts, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return Encoded(struct.pack("<Q", len(text)) + text, tuple(tensors), metrics)


def decode(data: bytes) -> Zoo:
    """The zoo in a file that `encode` wrote; what comes from elsewhere is checked before it is believed.

    Raises:
        ValueError: the file is broken or does not hold what its header says.
    """
    try:
        metadata = _metadata(data)
        architecture = architecture_from_dict(json.loads(metadata["architecture"]))
        recipe = Recipe.from_dict(json.loads(metadata["recipe"]))
        table = pd.DataFrame(json.loads(metadata["table"]))
        state = load(data)
        names = {slot.name for slot in architecture.layout.slots}
        weights = architecture.layout.flatten({name: value for name, value in state.items() if name in names})
        rest = {name: value for name, value in state.items() if name not in names}
        buffers = architecture.buffers.flatten(rest) if rest or architecture.buffers.size else None
        if weights.dtype != torch.float32 or weights.ndim != 2:
            raise ValueError(f"the weights are {weights.ndim}-dimensional {weights.dtype}")
        return Zoo.from_weights(architecture, weights, table, recipe, buffers)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"what came is no zoo of wsexplore ({reason}); check the address") from None


def metrics_of(data: bytes) -> dict[str, Any]:
    """What was measured of the networks in a file that `encode` wrote.

    Raises:
        ValueError: the file is broken.
    """
    try:
        found = json.loads(_metadata(data)["metrics"])
    except KeyError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("what came holds no metrics")
    return found


def _metadata(data: bytes) -> dict[str, str]:
    length = struct.unpack("<Q", data[:8].ljust(8, b"\xff"))[0]
    if not 0 < length <= min(len(data) - 8, LONGEST_HEADER):
        raise ValueError("it is cut short or no safetensors file")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise ValueError("its header is broken") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError("its header has no metadata")
    return metadata
