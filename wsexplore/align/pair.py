"""Two networks matched, and everything worth seeing of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.alignment import spec_of
from wsexplore.align.matching import match_population
from wsexplore.nets import Layout
from wsexplore.symmetry import PermutationSpec, permute_weights
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class PairMatch:
    """A second network matched to a first.

    Attributes:
        group: the layer whose units are shown, the first that can be permuted.
        first: weight matrices of the first network, layer by layer.
        second: of the second network as trained.
        matched: of the second network after its units were permuted.
        order: old unit of the second network at each place of `group`.
        similarity_before: cosine of every unit of the first with every unit of the second, as trained.
        similarity_after: the same after matching; the best partners lie on the diagonal.
        objective: inner product of the two weight vectors before the first sweep and after each.
        moved: units of all groups that got another place.
        units: units of all groups.
        logit_difference: largest change of any output of the second network: rounding only.
    """

    group: str
    first: list[Float[Array, "_ _"]]
    second: list[Float[Array, "_ _"]]
    matched: list[Float[Array, "_ _"]]
    order: Int[Array, " units"]
    similarity_before: Float[Array, "units units"]
    similarity_after: Float[Array, "units units"]
    objective: Float[Array, " sweeps"]
    moved: int
    units: int
    logit_difference: float

    def order_frame(self) -> pd.DataFrame:
        """Which unit of the second network stands at each place, and how like its partner it is."""
        return pd.DataFrame(
            {
                "place": np.arange(len(self.order)),
                "unit_of_second": self.order,
                "similarity_before": np.diag(self.similarity_before),
                "similarity_after": np.diag(self.similarity_after),
            }
        )

    def objective_frame(self) -> pd.DataFrame:
        """The objective by sweep."""
        return pd.DataFrame({"sweep": np.arange(len(self.objective)), "inner_product": self.objective})


def match_pair(zoo: Zoo, first: int, second: int, *, inputs: Float[Tensor, "..."], seed: int = 0) -> PairMatch:
    """Match one network of a zoo to another by weight matching.

    Args:
        zoo: it holds both.
        first: row of the network that stays.
        second: row of the network whose units are permuted.
        inputs: samples on which the outputs before and after are compared.
        seed: of the order in which groups are visited.

    Raises:
        ValueError: a row is out of range, or the architecture has no units to permute.
    """
    architecture, layout = zoo.architecture_of(second), zoo.architecture.layout
    spec = spec_of(architecture)
    if not spec.groups:
        raise ValueError("this architecture has no hidden units that may be permuted, so there is nothing to align")
    ends = zoo.rows([first, second])
    found = match_population(ends[1:], ends[0], spec, layout, seed=seed)
    matched = permute_weights(ends[1:], found.permutations, spec, layout)
    with torch.no_grad():
        outputs = architecture.forward(torch.cat([ends[1:], matched]), inputs)
    orders = {group: units[0].numpy() for group, units in found.permutations.items()}
    group = spec.groups[0]
    rows = [_units(weights, spec, layout, group) for weights in (ends[0], ends[1], matched[0])]
    return PairMatch(
        group=group,
        first=_matrices(ends[0], layout),
        second=_matrices(ends[1], layout),
        matched=_matrices(matched[0], layout),
        order=orders[group],
        similarity_before=(rows[0] @ rows[1].T).numpy(),
        similarity_after=(rows[0] @ rows[2].T).numpy(),
        objective=found.objective[0],
        moved=sum(int((order != np.arange(len(order))).sum()) for order in orders.values()),
        units=sum(len(order) for order in orders.values()),
        logit_difference=float((outputs[0] - outputs[1]).abs().max()),
    )


def _matrices(weights: Float[Tensor, " parameters"], layout: Layout) -> list[Float[Array, "_ _"]]:
    return [value.flatten(1).numpy() for value in layout.unflatten(weights).values() if value.dim() > 1]


def _units(
    weights: Float[Tensor, " parameters"], spec: PermutationSpec, layout: Layout, group: str
) -> Float[Tensor, "units weights"]:
    """One row per unit of a group, of unit length: all weights that go into it and come out of it."""
    values = layout.unflatten(weights)
    parts = [values[name].movedim(axis, 0).reshape(spec.sizes[group], -1) for name, axis in spec.members(group)]
    return torch.nn.functional.normalize(torch.cat(parts, dim=1), dim=1)
