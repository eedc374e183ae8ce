"""The networks that a generator was fitted on, aligned, and how others are brought beside them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import Alignment, align_permutations, spec_of
from wsexplore.generate.nearest import CANDIDATES, Nearest, nearest
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo

AXES = 32
"""Principal coordinates of the zoo in which magnitudes are computed."""

FITTED = 500
"""Networks that the principal coordinates are fitted to, at most."""


@dataclass(frozen=True, eq=False)
class Ground:
    """An aligned zoo: one frame in which weights of different networks may be compared number by number.

    Attributes:
        alignment: of the zoo to one of its networks, by weight matching.
        zoo: aligned.
        spec: the permutation symmetry.
    """

    alignment: Alignment
    zoo: Zoo
    spec: PermutationSpec

    @classmethod
    def of(cls, zoo: Zoo, *, reference: int = 0, seed: int = 0) -> "Ground":
        """Align a zoo to one of its rows."""
        alignment = align_permutations(zoo, reference=reference, seed=seed)
        return cls(alignment, alignment.apply(zoo), spec_of(zoo.architecture))

    def place(self, networks: Zoo) -> Float[Tensor, "networks parameters"]:
        """Weights of further networks, each aligned to the reference or as it is, whichever is nearer to the zoo.

        Networks that were made in the aligned frame lie well in it. With several hidden layers, aligning such again may
        end in another optimum and move them away.
        """
        raw, moved = networks.weights, self.alignment.place(networks.weights, networks.architecture)
        nearer = torch.cdist(raw, self.zoo.weights).amin(1) <= torch.cdist(moved, self.zoo.weights).amin(1)
        return torch.where(nearer.unsqueeze(1), raw, moved)

    def nearest(
        self,
        weights: Float[Tensor, "networks parameters"],
        *,
        left_out: list[Int[Array, " _"]] | None = None,
        candidates: int = CANDIDATES,
    ) -> Nearest:
        """The nearest network of the zoo to each of some placed networks, modulo permutation; see `nearest`."""
        layout = self.zoo.architecture.layout
        return nearest(weights, self.zoo.weights, self.spec, layout, left_out=left_out, candidates=candidates)

    def cosine(
        self, weights: Float[Tensor, "networks parameters"], *, left_out: list[Int[Array, " _"]] | None = None
    ) -> Float[Array, " networks"]:
        """The largest cosine of each placed network with a network of the zoo, both without the zoo's mean.

        A measure without a scale: 1 for a copy, also for a stretched one.
        """
        ours, theirs = weights - self.mean, self.zoo.weights - self.mean
        tiny = torch.finfo(torch.float32).tiny
        lengths = ours.norm(dim=1, keepdim=True).clamp(min=tiny), theirs.norm(dim=1).clamp(min=tiny)
        cosines = ours @ theirs.T / lengths[0] / lengths[1]
        for place, rows in enumerate(left_out or []):
            cosines[place, torch.from_numpy(rows)] = -1.0
        found: Float[Array, " networks"] = cosines.amax(1).clamp(-1, 1).numpy()
        return found

    def dispersion(self, weights: Float[Tensor, "networks parameters"]) -> float:
        """Root mean square distance to the zoo's mean, over the same of the zoo."""
        return float((weights - self.mean).square().sum(1).mean().sqrt()) / max(self.spread, 1e-30)

    @cached_property
    def mean(self) -> Float[Tensor, " parameters"]:
        """Mean of the aligned networks."""
        return self.zoo.weights.mean(0)

    @cached_property
    def spread(self) -> float:
        """Root of the summed variances of all weights."""
        return float(self.zoo.weights.var(0).sum().sqrt())

    def axes(self, rows: Int[Array, " rows"]) -> Float[Tensor, "parameters axes"]:
        """At most 32 principal axes of at most 500 of some networks of the zoo, from their inner products."""
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, FITTED).round().astype(np.int64))]
        centred = (self.zoo.weights[torch.from_numpy(chosen)] - self.mean).double()
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        kept = min(AXES, int((values > 1e-9 * values[-1]).sum()))
        best = vectors[:, -kept:].flip(1) / values[-kept:].flip(0).sqrt()
        found: Tensor = (centred.T @ best).float()
        return found


def of_runs(zoo: Zoo, networks: Zoo) -> list[Int[Array, " _"]]:
    """For each of some networks, all rows of the zoo that are of its run."""
    runs = zoo.table["run"].to_numpy()
    return [np.flatnonzero(runs == run) for run in networks.table["run"]]
