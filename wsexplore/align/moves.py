"""What is done to each network of a zoo: rescaled to a representative, units put in places, units flipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.checks import check_canonical
from wsexplore.align.flips import sign_classes
from wsexplore.align.matching import Matching
from wsexplore.nets import Architecture
from wsexplore.symmetry import (
    PermutationSpec,
    canonical_scaling,
    compose,
    permute_buffers,
    permute_weights,
    rescale_weights,
)
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The places and signs of the units of many networks.

    Attributes:
        permutations: per group the old unit at each new place, int32, one row per network.
        signs: per class 1 or -1 for each new place, int8; only classes that may be flipped.
        canonical: the representative that a network is brought to before it is permuted.
    """

    permutations: dict[str, Int[Array, "models ..."]]
    signs: dict[str, Int[Array, "models _"]]
    canonical: str = "none"

    @classmethod
    def none(cls, models: int, spec: PermutationSpec, *, signs: bool, canonical: str) -> "Moves":
        """Every unit where it is."""
        classes = sign_classes(spec, [g for g in spec.groups if g not in spec.within]) if signs else {}
        return cls(
            {
                group: np.broadcast_to(
                    np.arange(spec.sizes[group], dtype=np.int32), (models, *spec.shape_of(group))
                ).copy()
                for group in spec.groups
            },
            {name: np.ones((models, spec.sizes[group]), np.int8) for name, group in classes.items()},
            canonical,
        )

    def take(self, rows: Int[Array, " rows"]) -> "Moves":
        """Those of some networks."""
        return Moves(
            {group: units[rows] for group, units in self.permutations.items()},
            {name: signs[rows] for name, signs in self.signs.items()},
            self.canonical,
        )

    def put(self, rows: Int[Array, " rows"], found: Matching) -> None:
        """Keep what was found for some networks."""
        for group, units in self.permutations.items():
            units[rows] = found.permutations[group].numpy()
        for name, signs in self.signs.items():
            if name in found.signs:
                signs[rows] = found.signs[name].numpy()

    def follow(self, rows: Int[Array, " rows"], found: Matching, spec: PermutationSpec) -> bool:
        """Do what was found for networks that had been moved already; whether anything moved."""
        current = self._tensors(rows)
        both = compose(current, found.permutations, spec)
        changed = any(bool((both[group] != current[group]).any()) for group in both)
        classes = sign_classes(spec, [g for g in spec.groups if g not in spec.within]) if self.signs else {}
        for group, units in self.permutations.items():
            units[rows] = both[group].numpy()
        for name, signs in self.signs.items():
            carried = torch.take_along_dim(torch.from_numpy(signs[rows]), found.permutations[classes[name]], -1)
            fresh = found.signs.get(name)
            after = carried if fresh is None else (carried * fresh).to(torch.int8)
            changed |= bool((after.numpy() != signs[rows]).any())
            signs[rows] = after.numpy()
        return changed

    def _tensors(self, rows: Int[Array, " rows"]) -> dict[str, Int[Tensor, "rows ..."]]:
        return {group: torch.from_numpy(units[rows].astype(np.int64)) for group, units in self.permutations.items()}

    def weights(
        self,
        weights: Float[Tensor, "rows parameters"],
        rows: Int[Array, " rows"],
        spec: PermutationSpec,
        architecture: Architecture,
    ) -> Float[Tensor, "rows parameters"]:
        """The weights of some networks, moved."""
        layout = architecture.layout
        start = represented(weights, spec, architecture, self.canonical)
        moved = permute_weights(start, self._tensors(rows), spec, layout)
        return rescale_weights(moved, self._flips(rows), spec, layout) if self.signs else moved

    def buffers(
        self,
        buffers: Float[Tensor, "rows buffers"],
        rows: Int[Array, " rows"],
        spec: PermutationSpec,
        architecture: Architecture,
    ) -> Float[Tensor, "rows buffers"]:
        """Running statistics of some networks, moved with their units."""
        layout = architecture.buffers
        return permute_buffers(buffers, self._tensors(rows), spec, layout) if layout.size else buffers

    def _flips(self, rows: Int[Array, " rows"]) -> Mapping[str, Float[Tensor, "rows _"]]:
        return {name: torch.from_numpy(signs[rows].astype(np.float32)) for name, signs in self.signs.items()}


def represented(
    weights: Float[Tensor, "rows parameters"], spec: PermutationSpec, architecture: Architecture, form: str
) -> Float[Tensor, "rows parameters"]:
    """Networks at the representative of their rescalings.

    Raises:
        ValueError: the form is unknown, or "sorted".
    """
    check_canonical(form)
    if form == "none":
        return weights
    factors = canonical_scaling(weights, spec, architecture.layout, form=form)
    return rescale_weights(weights, factors, spec, architecture.layout)


Moved = tuple[Int[Array, " rows"], Tensor, Tensor, Tensor]
"""Row numbers, the weights as they were, the weights and the running statistics in their new order."""


def moved_networks(zoo: Zoo, moves: Moves, spec: PermutationSpec, size: int) -> Iterator[Moved]:
    """The networks as they are moved, a few at a time."""
    for start in range(0, len(zoo), size):
        rows = np.arange(start, min(start + size, len(zoo)))
        weights, architecture = zoo.rows(rows), zoo.architecture
        buffers = moves.buffers(zoo.buffer_rows(rows), rows, spec, architecture)
        yield rows, weights, moves.weights(weights, rows, spec, architecture), buffers
