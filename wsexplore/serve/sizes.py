"""How many networks run together: numbers at which the kernels round alike."""

import time
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Sizes that are tried; a block that fills none of them is padded to the next."""

DRAWS = 2
"""Random networks that every size is tried with."""

Rows = Callable[[Float[Tensor, "models parameters"]], Float[Tensor, "models parameters"]]


def agreeing_sizes(run: Rows, parameters: int, most: int) -> Mapping[int, float]:
    """Sizes of blocks in which a network gets the same bits, whatever its place, and the seconds of one run of each.

    A kernel adds in an order that depends on the shapes alone, so one that rounds otherwise shows it on random
    numbers. Every size up to `most` is run with the same network in every row. Of the groups of sizes that agree to
    the bit, the largest is chosen, between equals the one with the largest block. The choice is the same on every
    machine whose kernels are the same.

    Args:
        run: the map from noise to networks that the blocks will go through.
        parameters: numbers of one network.
        most: largest block.
    """
    rows = torch.randn(DRAWS, parameters, generator=torch.Generator().manual_seed(0))
    groups: dict[frozenset[tuple[int, bytes]], dict[int, float]] = {}
    for size in (size for size in LADDER if size <= most):
        seen, seconds = set[tuple[int, bytes]](), float("inf")
        for draw, row in enumerate(rows):
            block = row.expand(size, -1).contiguous()
            start = time.perf_counter()
            found = run(block)
            seconds = min(seconds, time.perf_counter() - start)
            seen |= {(draw, place.numpy().tobytes()) for place in found}
        if len(seen) == DRAWS:
            groups.setdefault(frozenset(seen), {})[size] = seconds
    return max(groups.values(), key=lambda group: (len(group), max(group)))
