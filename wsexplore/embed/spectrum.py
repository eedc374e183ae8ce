"""Singular values per layer: features that also know how the units of a layer depend on each other."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.embed.statistics import row_blocks, with_ids
from wsexplore.zoo import Zoo

LARGEST = 16
"""Singular values that are kept of each parameter, from the largest down."""

WHOLE = ("norm", "stable_rank", "entropy")


def spectral_statistics(zoo: Zoo) -> pd.DataFrame:
    r"""Singular values of every parameter with two or more axes, as a matrix of first axis times the rest.

    The `LARGEST` singular values $\sigma_1 \ge \sigma_2 \ge \dots$ are kept, or all where there are fewer. Norm, stable
    rank and entropy are of the whole spectrum. None of them changes when the units before or behind the parameter are
    permuted, nor when signs of units are flipped. Weights are read a block of rows at a time.

    Returns:
        Column `id`, then per parameter `<name>.s1`, `.s2`, ..., `.norm` (Frobenius, $\sqrt{\sum \sigma^2}$),
        `.stable_rank` ($\sum \sigma^2 / \sigma_1^2$) and `.entropy` (of $\sigma^2 / \sum \sigma^2$, in nats); the last
        two are 0 for a matrix of zeros.

    Raises:
        ValueError: the zoo is empty, or no parameter has two axes.
    """
    if len(zoo) == 0:
        raise ValueError("the zoo is empty; a spectrum needs at least one network")
    slots = [slot for slot in zoo.architecture.layout.slots if len(slot.shape) > 1 and slot.stop > slot.start]
    if not slots:
        raise ValueError(f"no parameter of {zoo.architecture.name} has two axes, so there are no singular values")
    columns: list[str] = []
    for slot in slots:
        count = min(LARGEST, slot.shape[0], (slot.stop - slot.start) // slot.shape[0])
        columns += [f"{slot.name}.{name}" for name in (*(f"s{place + 1}" for place in range(count)), *WHOLE)]
    found = np.empty((len(zoo), len(columns)), np.float32)
    for start, weights in row_blocks(zoo):
        parts = [
            _spectrum(weights[:, slot.start : slot.stop].reshape(len(weights), slot.shape[0], -1)) for slot in slots
        ]
        found[start : start + len(weights)] = torch.cat(parts, 1).numpy()
    return with_ids(zoo, found, columns)


def _spectrum(matrices: Float[Tensor, "rows outputs inputs"]) -> Float[Tensor, "rows columns"]:
    values = torch.linalg.svdvals(matrices)
    energy = values.square()
    total, tiny = energy.sum(1, keepdim=True), torch.finfo(values.dtype).tiny
    share = energy / total.clamp_min(tiny)
    entropy = torch.special.entr(share).sum(1, keepdim=True)
    return torch.cat([values[:, :LARGEST], total.sqrt(), total / energy[:, :1].clamp_min(tiny), entropy], 1)
