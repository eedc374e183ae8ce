"""Weight statistics per layer: the baseline that every learned representation must beat."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.zoo import Zoo

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = ("mean", "std", *(f"q{round(100 * level)}" for level in QUANTILES))
BLOCK = 8 << 20
"""Bytes of float32 weights that are read at once."""


def weight_statistics(zoo: Zoo) -> pd.DataFrame:
    """Mean, standard deviation and quantiles of every parameter of every network.

    The features of Unterthiner et al., "Predicting Neural Network Accuracy from Weights" (2020): they do not change
    when hidden units are permuted. Weights are read a block of rows at a time, so only the result grows with the zoo.

    Returns:
        Column `id`, then seven columns per parameter: `<name>.mean`, `.std`, `.q0`, `.q25`, `.q50`, `.q75`, `.q100`.

    Raises:
        ValueError: the zoo is empty.
    """
    if len(zoo) == 0:
        raise ValueError("the zoo is empty; statistics need at least one network")
    slots = zoo.architecture.layout.slots
    found = np.empty((len(zoo), len(NAMES) * len(slots)), np.float32)
    for start, weights in row_blocks(zoo):
        parts = [_described(weights[:, slot.start : slot.stop]) for slot in slots]
        found[start : start + len(weights)] = torch.cat(parts, 1).numpy()
    columns = [f"{slot.name}.{name}" for slot in slots for name in NAMES]
    return with_ids(zoo, found, columns)


def row_blocks(zoo: Zoo) -> Iterator[tuple[int, Float[Tensor, "rows parameters"]]]:
    """All weights of a zoo in order, about `BLOCK` bytes at a time, each with the number of its first row."""
    size = max(1, BLOCK // (4 * max(1, zoo.architecture.layout.size)))
    for start in range(0, len(zoo), size):
        yield start, zoo.rows(np.arange(start, min(start + size, len(zoo))))


def with_ids(zoo: Zoo, values: Float[np.ndarray, "models columns"], columns: list[str]) -> pd.DataFrame:
    """A table of these columns behind the column `id`."""
    frame = pd.DataFrame(values, columns=columns, copy=False)
    frame.insert(0, "id", zoo.entries.part(["id"])["id"].to_numpy())
    return frame


def _described(values: Float[Tensor, "rows entries"]) -> Float[Tensor, "rows statistics"]:
    """The seven numbers of each row; quantiles are interpolated between neighbours."""
    ordered, last = values.sort(1).values, values.shape[1] - 1
    columns = [values.mean(1), values.std(1, correction=0)]
    for level in QUANTILES:
        low = int(level * last)
        columns.append(torch.lerp(ordered[:, low], ordered[:, min(low + 1, last)], level * last - low))
    return torch.stack(columns, 1)
