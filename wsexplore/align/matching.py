"""Weight matching: the order of one network's units in which it lies closest to another."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from wsexplore.nets import Layout
from wsexplore.symmetry import PermutationSpec, compose, identity, permute_weights

SWEEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """The permutations of many networks that bring each closest to one reference.

    Attributes:
        permutations: per group the old unit at each new place, one row per network.
        objective: inner product with the reference before the first sweep and after each; it never falls. A network
            that has converged keeps its last value.
    """

    permutations: dict[str, Int[Tensor, "models _"]]
    objective: Float[Array, "models sweeps"]


def match_weights(
    reference: nn.Module | Mapping[str, Tensor],
    other: nn.Module | Mapping[str, Tensor],
    spec: PermutationSpec,
    *,
    sweeps: int = SWEEPS,
    seed: int = 0,
) -> dict[str, Int[Tensor, " _"]]:
    r"""The permutation of `other` that brings it closest to `reference`.

    Maximises $\sum_k \langle \theta^A_k, (P\theta^B)_k \rangle$ by coordinate ascent: one linear assignment per group,
    in random order, until a whole sweep changes nothing. The objective never falls, so the loop ends in a local
    optimum; with one hidden layer it is the global one (Ainsworth et al., "Git Re-Basin", ICLR 2023, Algorithm 1).

    Args:
        reference: a module, or its parameters by name.
        other: likewise.
        spec: of both.
        sweeps: at most so many passes over the groups.
        seed: of the order of the groups.

    Raises:
        ValueError: the two differ in names or shapes of parameters, or do not fit the spec.
    """
    a, b = _parameters(reference), _parameters(other)
    shapes = {name: tuple(value.shape) for name, value in a.items()}
    if shapes != {name: tuple(value.shape) for name, value in b.items()} or set(spec.axes) - set(shapes):
        raise ValueError("the two networks differ in their parameters; match networks of one architecture")
    layout = Layout.of_shapes(shapes)
    matching = match_population(
        layout.flatten(b).unsqueeze(0), layout.flatten(a), spec, layout, sweeps=sweeps, seed=seed
    )
    return {group: units[0] for group, units in matching.permutations.items()}


def _parameters(network: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = network.named_parameters() if isinstance(network, nn.Module) else network.items()
    return {name: value.detach() for name, value in named}


@torch.no_grad()
def match_population(
    weights: Float[Tensor, "models parameters"],
    reference: Float[Tensor, "*models_or_none parameters"],
    spec: PermutationSpec,
    layout: Layout,
    *,
    sweeps: int = SWEEPS,
    seed: int = 0,
) -> Matching:
    """Match every network of a population to one reference, or each to its own, all at once.

    The same algorithm as `match_weights`; the inner products of all networks are batched matrix products in double
    precision, and a network that no longer changes leaves the batch. What is found for one network does not depend on
    the others.

    Args:
        weights: one network per row.
        reference: the network to match, or one per row.
        spec: of the architecture.
        layout: of the architecture.
        sweeps: at most so many passes over the groups.
        seed: of the order of the groups, the same for all networks.
    """
    draw = np.random.default_rng(seed)
    current, goal = weights.double(), reference.double().expand(len(weights), -1)
    permutations = {group: units.repeat(len(weights), 1) for group, units in identity(spec).items()}
    objective = [(current * goal).sum(1)]
    active = torch.arange(len(weights))
    for _ in range(sweeps):
        if len(active) == 0 or not spec.groups:
            break
        moved = torch.zeros(len(active), dtype=torch.bool)
        part, aims = current[active], layout.unflatten(goal[active] if reference.dim() > 1 else goal[:1])
        for place in draw.permutation(len(spec.groups)):
            group = spec.groups[place]
            units, better = _best_order(aims, layout.unflatten(part), spec, group)
            step = {**{g: u.expand(len(active), -1) for g, u in identity(spec).items()}, group: units}
            part = permute_weights(part, step, spec, layout)
            permutations[group][active] = compose({group: permutations[group][active]}, step)[group]
            moved |= better
        current[active] = part
        objective.append((current * goal).sum(1))
        active = active[moved] if len(spec.groups) > 1 else active[:0]
    return Matching(permutations, torch.stack(objective, dim=1).numpy())


def _best_order(
    goal: Mapping[str, Tensor], state: Mapping[str, Tensor], spec: PermutationSpec, group: str
) -> tuple[Int[Tensor, "models units"], Bool[Tensor, " models"]]:
    """The order of one group's units that is best while all other groups stay, and whether it is better than none."""
    size = spec.sizes[group]
    gain: Tensor | None = None
    for name, axis in spec.members(group):
        a = _by_unit(goal[name], axis, size)
        b = _by_unit(state[name], axis, size)
        part = torch.matmul(a, b.transpose(1, 2))
        gain = part if gain is None else gain + part
    assert gain is not None
    orders = torch.stack([torch.from_numpy(linear_sum_assignment(one, maximize=True)[1]) for one in gain.numpy()])
    reached = gain.gather(2, orders.unsqueeze(2)).squeeze(2).sum(1)
    kept = gain.diagonal(dim1=1, dim2=2).sum(1)
    better = reached > kept + 1e-9 * gain.abs().amax((1, 2))
    return torch.where(better.unsqueeze(1), orders, torch.arange(size)), better


def _by_unit(value: Float[Tensor, "..."], axis: int, size: int) -> Float[Tensor, "models units rest"]:
    """A stack of one parameter as one row per unit; an axis of blocks gives each unit its block."""
    return value.movedim(axis + 1, 1).reshape(len(value), size, -1)
