"""Networks that lie in a file each: one architecture for all, a network at a time, and why one is left out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch

from wsexplore.nets import Architecture
from wsexplore.zoo.readers.fit import Fit, Shapes, fit, in_natural_order
from wsexplore.zoo.readers.found import Batch, Wishes
from wsexplore.zoo.readers.infer import Inferred, infer
from wsexplore.zoo.readers.tensors import Network

Opener = Callable[[int], AbstractContextManager[Network]]
TRIES = 20
"""Networks that are looked at for one that tells the architecture."""


@dataclass
class Networks:
    """Networks of one architecture, read one after the other.

    Attributes:
        inferred: the architecture, by the first network that can be read.
        open: a network by its row.
        sorted: whether the tensors have no order of their own and are taken in that of their names.
    """

    inferred: Inferred
    open: Opener
    sorted: bool = False
    _fits: dict[tuple[Any, ...], Fit | None] = field(default_factory=dict)

    @property
    def architecture(self) -> Architecture:
        """Of every network."""
        return self.inferred.fit.architecture

    def read(self, rows: Sequence[int]) -> Batch:
        """The weights and running statistics of some rows; what cannot be read is left out with its reason."""
        architecture = self.architecture
        weights = torch.zeros(len(rows), architecture.layout.size)
        buffers = architecture.initial_buffers().repeat(len(rows), 1)
        left_out: dict[int, str] = {}
        for place, row in enumerate(rows):
            try:
                with self.open(row) as network:
                    chosen = self._fit(shapes_of(network, sort=self.sorted))
                    weights[place] = chosen.weights(network)
                    buffers[place] = chosen.statistics(network)
            except ValueError as error:
                left_out[place] = str(error)
        return Batch(weights, buffers if architecture.buffers.size else None, left_out)

    def _fit(self, shapes: Shapes) -> Fit:
        key = tuple(shapes.items())
        if key not in self._fits:
            self._fits[key] = fit(self.architecture, shapes)
        chosen = self._fits[key]
        if chosen is None:
            raise ValueError(f"another architecture than {self.architecture.name} {self.architecture.config}")
        return chosen


def networks(
    rows: Sequence[int],
    opener: Opener,
    wishes: Wishes,
    hints: Callable[[int], Mapping[str, Any]] = lambda row: {},
    *,
    sort: bool = False,
) -> Networks:
    """The networks of these rows; the first whose architecture is known tells that of all.

    Raises:
        ValueError: none of the first few can be read and is known.
    """
    reason = ""
    for row in rows[:TRIES]:
        try:
            with opener(row) as network:
                inferred = infer(shapes_of(network, sort=sort), wishes, hints(row))
        except ValueError as error:
            reason = reason or str(error)
            continue
        return Networks(inferred, opener, sort)
    raise ValueError(reason or "there is no network in it")


def shapes_of(network: Network, *, sort: bool) -> Shapes:
    """Shapes by name, in the order of the file or of the names."""
    shapes = network.shapes
    return {name: shapes[name] for name in in_natural_order(list(shapes))} if sort else shapes
