"""The permutation group acting on weights. A permutation maps each new place to the old unit that fills it."""

import copy
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from wsexplore.nets import Layout
from wsexplore.symmetry.spec import Block, PermutationSpec, check_module, check_shapes

Permutation = Mapping[str, Int[Tensor, "..."]]
"""Group name to the old unit at each new place, of one network or, with an axis in front, of many.

The shape is `(units,)`, and `(owners, units)` for a group within another: the owners move first, then the units of
each new owner.
"""


def identity(spec: PermutationSpec) -> dict[str, Int[Tensor, "..."]]:
    """The permutation that moves nothing."""
    return {group: torch.arange(spec.sizes[group]).expand(spec.shape_of(group)).clone() for group in spec.groups}


def random_permutation(spec: PermutationSpec, *, seed: int, models: int | None = None) -> dict[str, Int[Tensor, "..."]]:
    """A uniformly drawn element of the group, or one for each of `models` networks."""
    draw = torch.Generator().manual_seed(seed)
    rows = 1 if models is None else models
    drawn = {}
    for group, size in spec.sizes.items():
        shape = (rows, *spec.shape_of(group))
        count = rows * spec.copies.get(group, 1)
        drawn[group] = torch.stack([torch.randperm(size, generator=draw) for _ in range(count)]).view(shape)
    return {group: units[0] if models is None else units for group, units in drawn.items()}


def compose(
    first: Permutation, second: Permutation, spec: PermutationSpec | None = None
) -> dict[str, Int[Tensor, "..."]]:
    """The permutation that does `first`, then `second`.

    Args:
        first: as below, one or many.
        second: likewise.
        spec: needed only where groups lie within others.
    """
    return {
        group: torch.take_along_dim(_carried(units, group, second, spec), second[group], -1)
        for group, units in first.items()
    }


def inverse(permutation: Permutation, spec: PermutationSpec | None = None) -> dict[str, Int[Tensor, "..."]]:
    """The permutation that undoes `permutation`; `spec` is needed only where groups lie within others."""
    owners = {
        group: permutation[owner].argsort(-1)
        for group, owner in (spec.within if spec is not None else {}).items()
        if owner in permutation
    }
    return {
        group: (units if group not in owners else _rows(units, owners[group])).argsort(-1)
        for group, units in permutation.items()
    }


def _carried(units: Tensor, group: str, second: Permutation, spec: PermutationSpec | None) -> Tensor:
    """The rows of a group within another, after its owners have moved."""
    owner = None if spec is None else spec.within.get(group)
    return units if owner is None or owner not in second else _rows(units, second[owner])


def _rows(units: Tensor, owners: Tensor) -> Tensor:
    return torch.take_along_dim(units, owners.unsqueeze(-1), -2)


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
        ValueError: a group is missing, its numbers are not a permutation of its units, or the spec is of another
            architecture.
    """
    check_shapes(spec.axes, {slot.name: slot.shape for slot in layout.slots})
    check_permutation(permutation, spec)
    return _permuted(weights, permutation, spec, layout)


def permute_buffers(
    buffers: Float[Tensor, "*models buffers"], permutation: Permutation, spec: PermutationSpec, layout: Layout
) -> Float[Tensor, "*models buffers"]:
    """Running statistics in the order of their units; `layout` is that of the buffers.

    Raises:
        ValueError: as for `permute_weights`.
    """
    check_permutation(permutation, spec)
    return _permuted(buffers, permutation, spec, layout) if layout.size else buffers.clone()


def _permuted(values: Tensor, permutation: Permutation, spec: PermutationSpec, layout: Layout) -> Tensor:
    single = values.dim() == 1
    stacked = values.unsqueeze(0) if single else values
    for group in spec.groups:
        many = permutation[group].dim() > len(spec.shape_of(group))
        if many and len(permutation[group]) != len(stacked):
            raise ValueError(f"there are {len(stacked)} networks and {len(permutation[group])} permutations of {group}")
    moved = {}
    for name, value in layout.unflatten(stacked).items():
        moved[name] = permute_parameter(value, permutation, spec.blocks.get(name, ()), spec)
    result = layout.flatten(moved)
    return result.squeeze(0) if single else result


def permute_parameter(
    value: Float[Tensor, "models ..."], permutation: Permutation, blocks: Sequence[Block], spec: PermutationSpec
) -> Float[Tensor, "models ..."]:
    """One parameter of many networks with its units in another order; groups that are absent stay."""
    if not any(group in permutation for block in blocks for group in block.groups):
        return value
    if len(blocks) == 1:
        return permute_block(value.reshape(len(value), *blocks[0].shape), permutation, blocks[0], spec).reshape(
            value.shape
        )
    result = value.clone()
    for block in blocks:
        part = value[(slice(None), *block.slices)]
        moved = permute_block(part.reshape(len(value), *block.shape), permutation, block, spec)
        result[(slice(None), *block.slices)] = moved.reshape(part.shape)
    return result


def permute_block(
    value: Float[Tensor, "models ..."], permutation: Permutation, block: Block, spec: PermutationSpec
) -> Float[Tensor, "models ..."]:
    """One block with an axis per factor; owners move before what lies within them."""
    inner = []
    for place, group in enumerate(block.groups):
        if group is not None and group in permutation:
            if group in spec.within:
                inner.append((place, group))
            else:
                value = _take(value, permutation[group].to(value.device), place + 1)
    for place, group in inner:
        owner = block.groups.index(spec.within[group])
        value = _take_within(value, permutation[group].to(value.device), owner + 1, place + 1)
    return value


def _take(value: Tensor, units: Tensor, axis: int) -> Tensor:
    if units.dim() == 1:
        return value.index_select(axis, units)
    shape = [1] * value.dim()
    shape[0], shape[axis] = len(units), units.shape[-1]
    return torch.take_along_dim(value, units.view(shape), axis)


def _take_within(value: Tensor, units: Tensor, owner: int, axis: int) -> Tensor:
    """Reorder one axis in its own way for each place of another; `units` is `(owners, units)` or one per network."""
    shape = [1] * value.dim()
    shape[owner], shape[axis] = units.shape[-2:]
    if units.dim() == 3:
        shape[0] = len(units)
    ordered = units if owner < axis else units.transpose(-1, -2)
    return torch.take_along_dim(value, ordered.reshape(shape), axis)


def permute(module: nn.Module, permutation: Permutation, spec: PermutationSpec) -> nn.Module:
    """A copy of `module` that computes the same function with its hidden units in another order.

    Running statistics of normalisation layers move with their units.

    Raises:
        ValueError: a group is missing, its numbers are not a permutation of its units, or the spec is of another
            module.
    """
    check_module(spec, module)
    check_permutation(permutation, spec)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in [*twin.named_parameters(), *twin.named_buffers()]:
            if blocks := spec.blocks.get(name):
                value.copy_(permute_parameter(value.unsqueeze(0), permutation, blocks, spec).squeeze(0))
    return twin


def check_permutation(permutation: Permutation, spec: PermutationSpec) -> None:
    """Check that every group has a permutation of its units.

    Raises:
        ValueError: one has not, or there is a permutation of an unknown group; the group is named.
    """
    if unknown := sorted(set(permutation) - set(spec.sizes)):
        raise ValueError(f"there is no group {unknown[0]}; the groups are {', '.join(spec.groups) or 'none'}")
    for group, size in spec.sizes.items():
        if group not in permutation:
            raise ValueError(f"the permutation lacks the group {group}; give one for each of {', '.join(spec.groups)}")
        units, shape = permutation[group], spec.shape_of(group)
        if not isinstance(units, Tensor):
            raise ValueError(f"the permutation of {group} is a tensor of whole numbers, got {type(units).__name__}")
        fits = tuple(units.shape[-len(shape) :]) == shape and units.dim() <= len(shape) + 1
        counted = torch.arange(size, device=units.device)
        if not fits or units.is_floating_point() or not bool((units.sort(-1).values == counted).all()):
            raise ValueError(f"the numbers of group {group} are no permutation of 0 to {size - 1}")


def orbit(
    weights: Float[Tensor, " parameters"], spec: PermutationSpec, layout: Layout, *, copies: int, seed: int
) -> Float[Tensor, "copies parameters"]:
    """Randomly permuted copies of one network: different weights, one function."""
    drawn = random_permutation(spec, seed=seed, models=copies)
    return permute_weights(weights.expand(copies, -1), drawn, spec, layout)
