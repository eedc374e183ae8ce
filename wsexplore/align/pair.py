"""Two networks matched, and everything worth seeing of it."""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.alignment import spec_of
from wsexplore.align.checks import check_canonical, check_finite
from wsexplore.align.flips import sign_classes
from wsexplore.align.matching import Matching
from wsexplore.align.methods import match
from wsexplore.align.moves import represented
from wsexplore.datasets import Dataset
from wsexplore.nets import Layout
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class PairMatch:
    """A second network matched to a first.

    Attributes:
        group: the group whose units are shown.
        groups: all groups that can be permuted.
        first: weight matrices of the first network, layer by layer.
        second: of the second network as trained (at its representative).
        matched: of the second network after its units were permuted.
        order: old unit of the second network at each place of `group`; those of a group within another are numbered
            through, owner after owner.
        flipped: whether the unit at each place had its sign changed.
        similarity_before: cosine of every unit of the first with every unit of the second, as trained.
        similarity_after: the same after matching; the best partners lie on the diagonal.
        gain: what each old unit (column) adds to the objective in each place (row), all other groups as matched.
        objective: inner product of the two weight vectors before the first sweep and after each.
        seconds: that matching took.
        moved: units of all groups that got another place.
        units: units of all groups.
        logit_difference: largest change of any output of the second network: rounding only.
    """

    group: str
    groups: tuple[str, ...]
    first: list[Float[Array, "_ _"]]
    second: list[Float[Array, "_ _"]]
    matched: list[Float[Array, "_ _"]]
    order: Int[Array, " units"]
    flipped: Array
    similarity_before: Float[Array, "units units"]
    similarity_after: Float[Array, "units units"]
    gain: Float[Array, "units units"]
    objective: Float[Array, " sweeps"]
    seconds: float
    moved: int
    units: int
    logit_difference: float

    def order_frame(self) -> pd.DataFrame:
        """Which unit of the second network stands at each place, and how like its partner it is."""
        return pd.DataFrame(
            {
                "place": np.arange(len(self.order)),
                "unit_of_second": self.order,
                "flipped": self.flipped,
                "similarity_before": np.diag(self.similarity_before),
                "similarity_after": np.diag(self.similarity_after),
            }
        )

    def objective_frame(self) -> pd.DataFrame:
        """The objective by sweep."""
        return pd.DataFrame({"sweep": np.arange(len(self.objective)), "inner_product": self.objective})


def match_pair(
    zoo: Zoo,
    first: int,
    second: int,
    *,
    inputs: Float[Tensor, "..."],
    method: str = "auto",
    data: Dataset | None = None,
    group: str | None = None,
    canonical: str = "none",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> PairMatch:
    """Match one network of a zoo to another.

    Args:
        zoo: it holds both.
        first: row of the network that stays.
        second: row of the network whose units are permuted.
        inputs: samples on which the outputs before and after are compared.
        method: a name in `METHODS`.
        data: for methods that run the networks.
        group: whose units are shown; by default the first.
        canonical: representative that rescaling brings both to first.
        seed: of the order in which groups are visited.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a row is out of range, a word is unknown, or the architecture has no units to permute.
    """
    architecture, layout = zoo.architecture_of(second), zoo.architecture.layout
    spec = spec_of(architecture)
    if not spec.groups:
        raise ValueError("this architecture has no hidden units that may be permuted, so there is nothing to align")
    if group is not None and group not in spec.groups:
        raise ValueError(f"no group is called {group!r}; choose one of {', '.join(spec.groups)}")
    check_canonical(canonical)
    ids = [f"network {zoo.table['id'].iloc[row]}" for row in (first, second)]
    trained = zoo.rows([first, second])
    check_finite(trained, layout, ids)
    ends = represented(trained, spec, architecture, canonical)
    buffers = zoo.buffer_rows([first, second])
    began = time.perf_counter()
    found = match(
        architecture,
        ends[1:],
        ends[0],
        spec,
        method=method,
        data=data,
        buffers=buffers[1:],
        reference_buffers=buffers[0],
        seed=seed,
        on_step=on_step,
    )
    seconds = time.perf_counter() - began
    matched = found.apply(ends[1:], spec, layout)
    moved_buffers = found.apply_buffers(buffers[1:], spec, architecture.buffers)
    with torch.no_grad():
        before = architecture.forward(trained[1:], inputs, buffers=buffers[1:])
        after = architecture.forward(matched, inputs, buffers=moved_buffers)
    shown = group or spec.groups[0]
    rows = [unit_rows(weights, spec, layout, shown) for weights in (ends[0], ends[1], matched[0])]
    unit = [torch.nn.functional.normalize(one, dim=1) for one in rows]
    orders = {name: numbered(found, spec, name) for name in spec.groups}
    return PairMatch(
        group=shown,
        groups=spec.groups,
        first=_matrices(ends[0], layout),
        second=_matrices(ends[1], layout),
        matched=_matrices(matched[0], layout),
        order=orders[shown],
        flipped=_flipped(found, spec, shown),
        similarity_before=(unit[0] @ unit[1].T).numpy(),
        similarity_after=(unit[0] @ unit[2].T).numpy(),
        gain=(rows[0] @ rows[2].T).numpy()[:, np.argsort(orders[shown])],
        objective=found.objective[0],
        seconds=seconds,
        moved=sum(int((order != np.arange(len(order))).sum()) for order in orders.values()),
        units=sum(len(order) for order in orders.values()),
        logit_difference=float((before - after).abs().max()),
    )


def numbered(found: Matching, spec: PermutationSpec, group: str) -> Int[Array, " units"]:
    """The old unit at each place of one group of the first network; units within owners are numbered through."""
    units = found.permutations[group][0]
    if group not in spec.within:
        return units.numpy()
    owner, size = spec.within[group], spec.sizes[group]
    owners = found.permutations[owner][0] if owner in spec.sizes else torch.arange(len(units))
    return (owners.unsqueeze(1) * size + units).flatten().numpy()


def _flipped(found: Matching, spec: PermutationSpec, group: str) -> Array:
    """Whether any class that lies on exactly these units was flipped at each place."""
    flips = np.zeros(len(numbered(found, spec, group)), dtype=bool)
    groups = sign_classes(spec, spec.groups)
    for name, signs in found.signs.items():
        if groups[name] == group:
            flips |= signs[0].numpy() < 0
    return flips


def unit_rows(
    weights: Float[Tensor, " parameters"], spec: PermutationSpec, layout: Layout, group: str
) -> Float[Tensor, "units weights"]:
    """One row per unit of a group: all weights that go into it and come out of it."""
    parts = []
    for name, value in layout.unflatten(weights).items():
        for block in spec.blocks.get(name, ()):
            if group in block.groups:
                part = value[block.slices].reshape(block.shape)
                axes = [block.groups.index(group)]
                if group in spec.within:
                    axes.insert(0, block.groups.index(spec.within[group]))
                count = int(torch.Size([block.shape[axis] for axis in axes]).numel())
                parts.append(part.movedim(axes, list(range(len(axes)))).reshape(count, -1))
    return torch.cat(parts, dim=1)


def _matrices(weights: Float[Tensor, " parameters"], layout: Layout) -> list[Float[Array, "_ _"]]:
    return [value.flatten(1).numpy() for value in layout.unflatten(weights).values() if value.dim() > 1]
