"""Matching of attention heads and of the units within them, of convolution groups and their channels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.assignment import assign
from wsexplore.align.checks import check_word
from wsexplore.align.problem import Held, Problem, placed
from wsexplore.symmetry import permute_block

ROUNDS = 3
"""Passes over the groups of one family, where they meet in one parameter."""

HEADS = ("exact", "spectral")
"""Ways to pair the places of an owner."""


def improve_family(problem: Problem, owner: str, heads: str = "exact") -> Float[Tensor, " models"]:
    r"""Give the places of an owner, and the units within each, their best order; what that gains.

    "exact": for every pair of places (heads) the best order of their units is a small assignment, whose value is the
    gain of that pair; the places are then assigned. Where the units of different groups do not meet in one parameter,
    as in attention, this is exact for the family. Cost: heads squared assignments per group.

    "spectral": places are paired by $\sum |\sigma(A_i) - \sigma(B_j)|_2$, the distance of the singular values of the
    matrices that write to their units (queries, keys and values), and only the units of the pairs are assigned
    (Rinaldi et al., "TransFusion", ICML 2025). It was measured to be slower and less robust to noise than "exact".

    Neither lowers the inner product: an order that would is not taken.

    Raises:
        ValueError: `heads` is unknown.
    """
    check_word(heads, HEADS, "pairing of heads")
    inner = problem.families[owner]
    gained = torch.zeros(problem.models, dtype=torch.float64)
    for model in range(problem.models):
        one = problem.rows(torch.tensor([model]))
        gain, moved = _best(one, owner, inner, heads)
        if gain > 0:
            gained[model] = gain
            for group, units in moved.items():
                problem.units[group][model] = units
    return gained


def _best(
    problem: Problem, owner: str, inner: Sequence[str], heads: str
) -> tuple[float, dict[str, Int[Tensor, "..."]]]:
    blocks = [_Meeting.of(problem, held, owner, inner) for held in problem.held if owner in held.block.groups]
    count = next(block.goal.shape[0] for block in blocks)
    free = owner in problem.units
    partners = list(range(count))
    if free and heads == "spectral":
        partners = assign(-_spectral_distance(blocks).unsqueeze(0))[0].tolist()
    pairs = [(i, j) for i in range(count) for j in range(count) if partners[i] == j or (free and heads == "exact")]
    sizes = {group: problem.spec.sizes[group] for group in inner}
    orders = {group: torch.arange(size).expand(count, count, size).clone() for group, size in sizes.items()}
    coupled = any(len(block.groups) > 1 for block in blocks)
    for _ in range(ROUNDS if coupled else 1):
        for group, size in sizes.items():
            gain = torch.stack([_inner_gain(blocks, group, i, j, orders, size) for i, j in pairs])
            found = assign(gain)
            for (i, j), units in zip(pairs, found, strict=True):
                orders[group][i, j] = units
    score = torch.full((count, count), -np.inf, dtype=torch.float64)
    for i, j in pairs:
        score[i, j] = sum(block.value(i, j, {group: orders[group][i, j] for group in inner}) for block in blocks)
    if free and heads == "exact":
        partners = assign(score.unsqueeze(0))[0].tolist()
    order = torch.tensor(partners)
    reached = float(score[torch.arange(count), order].sum())
    current = problem.units[owner][0] if free else torch.arange(count)
    kept = sum(
        block.value(i, int(current[i]), {group: problem.units[group][0, i] for group in inner})
        for block in blocks
        for i in range(count)
    )
    scale = float(score[torch.isfinite(score)].abs().max())
    eps = torch.finfo(blocks[0].goal.dtype).eps
    if reached <= kept + 8 * eps * scale * count**0.5:
        return 0.0, {}
    moved: dict[str, Int[Tensor, ...]] = {owner: order} if free else {}
    return reached - kept, moved | {group: orders[group][torch.arange(count), order] for group in inner}


def _spectral_distance(blocks: Sequence["_Meeting"]) -> Float[Tensor, "owners owners"]:
    """Distances of the singular values of what writes to the units of two places, summed over the matrices."""
    count = blocks[0].goal.shape[0]
    total = torch.zeros(count, count, dtype=torch.float64)
    for block in blocks:
        if block.written and block.groups and block.goal.shape[-1] > 1:
            ours, theirs = (torch.linalg.svdvals(value.flatten(1, -2).double()) for value in (block.goal, block.state))
            total += torch.cdist(ours, theirs)
    return total


def _inner_gain(
    blocks: Sequence["_Meeting"], group: str, i: int, j: int, orders: Mapping[str, Tensor], size: int
) -> Float[Tensor, "units units"]:
    """Gain of every unit (column) in every place (row) of one group, for one pair of owners."""
    total = torch.zeros(size, size, dtype=blocks[0].goal.dtype)
    for block in blocks:
        if group in block.groups:
            total = total + block.gain(i, j, group, {other: orders[other][i, j] for other in block.groups})
    return total


class _Meeting:
    """One block of one network: the owner's axis first, then those of the groups within it, then the rest.

    It is `written` where the owner lies on the parameter's first axis, that of what a layer gives.
    """

    def __init__(self, groups: tuple[str, ...], goal: Tensor, state: Tensor, written: bool):
        self.groups, self.goal, self.state, self.written = groups, goal, state, written

    @classmethod
    def of(cls, problem: Problem, held: Held, owner: str, inner: Sequence[str]) -> "_Meeting":
        """All other groups stand where they are; this family as it came."""
        mine = {owner, *inner}
        others = {group: units for group, units in problem.units.items() if group not in mine}
        bound = {group: units for group, units in others.items() if group not in problem.plain}
        state = permute_block(held.state, bound, held.block, problem.spec)
        for place, (group, sign) in enumerate(zip(held.block.groups, held.classes, strict=True)):
            if group in problem.plain:
                state = placed(state, place, problem.units[group], problem.signs.get(sign) if sign else None)
        axes = [held.block.groups.index(owner)]
        groups = tuple(group for group in inner if group in held.block.groups)
        axes += [held.block.groups.index(group) for group in groups]

        def front(value: Tensor) -> Tensor:
            moved = value[0].movedim(axes, list(range(len(axes))))
            return moved.reshape(*moved.shape[: len(axes)], -1)

        return cls(groups, front(held.goal), front(state), axes[0] == 0)

    def _ordered(self, j: int, orders: Mapping[str, Tensor], but: str = "") -> Tensor:
        state = self.state[j]
        for axis, group in enumerate(self.groups):
            if group != but:
                state = state.index_select(axis, orders[group])
        return state

    def gain(self, i: int, j: int, group: str, orders: Mapping[str, Tensor]) -> Float[Tensor, "units units"]:
        """Inner products of the places of owner `i` with the units of owner `j`, along one group."""
        axis = self.groups.index(group)
        one = self.goal[i].movedim(axis, 0).flatten(1)
        return one @ self._ordered(j, orders, but=group).movedim(axis, 0).flatten(1).T

    def value(self, i: int, j: int, orders: Mapping[str, Tensor]) -> float:
        """Inner product of owner `i` with owner `j`, its units ordered."""
        return float((self.goal[i] * self._ordered(j, orders)).double().sum())
