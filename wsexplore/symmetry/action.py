"""The permutation group acting on weights. A permutation maps each new place to the old unit that fills it."""

import copy
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from wsexplore.nets import Layout
from wsexplore.symmetry.spec import PermutationSpec

Permutation = Mapping[str, Int[Tensor, "..."]]
"""Group name to the old unit at each new place, of one network `(units,)` or of many `(models, units)`."""


def identity(spec: PermutationSpec) -> dict[str, Int[Tensor, " _"]]:
    """The permutation that moves nothing."""
    return {group: torch.arange(size) for group, size in spec.sizes.items()}


def random_permutation(spec: PermutationSpec, *, seed: int, models: int | None = None) -> dict[str, Int[Tensor, "..."]]:
    """A uniformly drawn element of the group, or one for each of `models` networks."""
    draw = torch.Generator().manual_seed(seed)
    rows = 1 if models is None else models
    drawn = {
        group: torch.stack([torch.randperm(size, generator=draw) for _ in range(rows)])
        for group, size in spec.sizes.items()
    }
    return {group: units[0] if models is None else units for group, units in drawn.items()}


def compose(first: Permutation, second: Permutation) -> dict[str, Int[Tensor, "..."]]:
    """The permutation that does `first`, then `second`."""
    return {group: torch.take_along_dim(units, second[group], -1) for group, units in first.items()}


def inverse(permutation: Permutation) -> dict[str, Int[Tensor, "..."]]:
    """The permutation that undoes `permutation`."""
    return {group: units.argsort(-1) for group, units in permutation.items()}


def permute_weights(
    weights: Float[Tensor, "*models parameters"], permutation: Permutation, spec: PermutationSpec, layout: Layout
) -> Float[Tensor, "*models parameters"]:
    """The same functions with their hidden units in another order.

    Args:
        weights: of one network or one per row.
        permutation: one for all of them, or one per row.
        spec: of their architecture.
        layout: of their architecture.

    Raises:
        ValueError: a group is missing, or its numbers are not a permutation of its units.
    """
    check_permutation(permutation, spec)
    single = weights.dim() == 1
    stacked = weights.unsqueeze(0) if single else weights
    moved = {}
    for name, value in layout.unflatten(stacked).items():
        for axis, group in enumerate(spec.axes.get(name, ())):
            if group is not None:
                value = _take(value, permutation[group].to(value.device), axis + 1)
        moved[name] = value
    result = layout.flatten(moved)
    return result.squeeze(0) if single else result


def _take(value: Tensor, units: Tensor, axis: int) -> Tensor:
    """Reorder one axis of a stack; an axis longer than its group moves in equal blocks."""
    length = value.shape[axis]
    places = units.unsqueeze(-1) * (length // units.shape[-1]) + torch.arange(
        length // units.shape[-1], device=units.device
    )
    places = places.flatten(-2)
    if places.dim() == 1:
        return value.index_select(axis, places)
    shape = [1] * value.dim()
    shape[0], shape[axis] = len(places), length
    return torch.take_along_dim(value, places.view(shape), axis)


def permute(module: nn.Module, permutation: Permutation, spec: PermutationSpec) -> nn.Module:
    """A copy of `module` that computes the same function with its hidden units in another order.

    Running statistics of normalisation layers move with their units.

    Raises:
        ValueError: a group is missing, or its numbers are not a permutation of its units.
    """
    check_permutation(permutation, spec)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in [*twin.named_parameters(), *twin.named_buffers()]:
            for axis, group in enumerate(spec.axes.get(name, spec.buffers.get(name, ()))):
                if group is not None:
                    value.copy_(_take(value.unsqueeze(0), permutation[group], axis + 1).squeeze(0))
    return twin


def check_permutation(permutation: Permutation, spec: PermutationSpec) -> None:
    """Check that every group has a permutation of its units.

    Raises:
        ValueError: one has not; the group is named.
    """
    for group, size in spec.sizes.items():
        if group not in permutation:
            raise ValueError(f"the permutation lacks the group {group}; give one for each of {', '.join(spec.groups)}")
        units = permutation[group]
        if units.shape[-1] != size or not bool(
            (units.sort(-1).values == torch.arange(size, device=units.device)).all()
        ):
            raise ValueError(f"the numbers of group {group} are no permutation of 0 to {size - 1}")


def orbit(
    weights: Float[Tensor, " parameters"], spec: PermutationSpec, layout: Layout, *, copies: int, seed: int
) -> Float[Tensor, "copies parameters"]:
    """Randomly permuted copies of one network: different weights, one function."""
    drawn = random_permutation(spec, seed=seed, models=copies)
    return permute_weights(weights.expand(copies, -1), drawn, spec, layout)


def log_orbit_size(spec: PermutationSpec) -> float:
    """Natural logarithm of the number of ways to order the hidden units."""
    return sum(math.lgamma(size + 1) for size in spec.sizes.values())
