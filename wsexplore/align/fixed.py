"""Groups that stay in order while the others are matched: the residual stream of a transformer, say."""

from collections.abc import Collection
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from wsexplore.symmetry import PermutationSpec


def without(spec: PermutationSpec, fixed: Collection[str]) -> PermutationSpec:
    """The spec without some groups; what lies within a fixed owner is still free.

    Raises:
        ValueError: a group is unknown.
    """
    names = [fixed] if isinstance(fixed, str) else list(fixed)
    if unknown := [group for group in names if group not in spec.sizes]:
        raise ValueError(f"group {unknown[0]!r} is unknown; choose among {', '.join(spec.groups) or 'none'}")
    if not names:
        return spec
    return replace(
        spec,
        sizes={group: size for group, size in spec.sizes.items() if group not in names},
        within={group: owner for group, owner in spec.within.items() if group not in names},
        copies={group: count for group, count in spec.copies.items() if group not in names},
    )


def standing(spec: PermutationSpec, free: PermutationSpec, models: int) -> dict[str, Int[Tensor, "models ..."]]:
    """Every unit where it is, for the groups of `spec` that `free` is without."""
    return {
        group: torch.arange(spec.sizes[group]).expand(models, *spec.shape_of(group)).clone()
        for group in spec.groups
        if group not in free.sizes
    }
