"""Coordinate ascent as the papers write it: the plain way that the matching here is measured against."""

from collections.abc import Mapping

import numpy as np
from numpy import ndarray as Array
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def plain_ascent(
    reference: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    outline: Mapping[str, tuple[str | None, ...]],
    sizes: Mapping[str, int],
    *,
    seed: int,
    sweeps: int = 100,
) -> dict[str, Array]:
    """Algorithm 1 of Git Re-Basin (ICLR 2023) in double precision: one assignment per group, in random order."""
    ours, theirs = ({name: value.double().numpy() for name, value in one.items()} for one in (reference, other))
    order = {group: np.arange(size) for group, size in sizes.items()}
    members = {
        group: [(name, axis) for name, groups in outline.items() for axis, own in enumerate(groups) if own == group]
        for group in sizes
    }
    draw = np.random.default_rng(seed)
    for _ in range(sweeps):
        moved = False
        for group in draw.permutation(list(sizes)):
            gain = np.zeros((sizes[group], sizes[group]))
            for name, axis in members[group]:
                state = theirs[name]
                for place, own in enumerate(outline[name]):
                    if own is not None and place != axis:
                        state = np.take(state, _places(order[own], state.shape[place]), axis=place)
                gain += _rows(ours[name], axis, len(gain)) @ _rows(state, axis, len(gain)).T
            units = linear_sum_assignment(gain, maximize=True)[1]
            rows = np.arange(len(units))
            moved |= gain[rows, units].sum() > gain[rows, order[group]].sum() + 1e-12
            order[group] = units
        if not moved:
            break
    return order


def _places(units: Array, length: int) -> Array:
    """Places along an axis on which each unit has several, one after the other."""
    each = length // len(units)
    return (units[:, None] * each + np.arange(each)).ravel()


def _rows(value: Array, axis: int, units: int) -> Array:
    return np.moveaxis(value, axis, 0).reshape(units, -1)
