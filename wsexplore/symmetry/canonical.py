"""One representative for all weights of a function: rescaled to least or unit norm, units in a fixed order."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Layout
from wsexplore.symmetry.action import permute_weights
from wsexplore.symmetry.scaling import block_factor, rescale_weights
from wsexplore.symmetry.spec import Block, PermutationSpec

SWEEPS = 500
CLOSE = 1e-9
"""Scales that change by less than this share are at rest."""


@torch.no_grad()
def minimum_norm(
    weights: Float[Tensor, "*models parameters"], spec: PermutationSpec, layout: Layout
) -> dict[str, Float[Tensor, "..."]]:
    r"""The factors that bring each network to the least norm of all weights that compute its function.

    $\sum_e \theta_e^2 \exp(2 \sum_c p_{ec} \lambda_c)$ is convex in the log factors $\lambda$, so cyclic updates
    $\lambda_u = \frac14 \log(\text{out}_u / \text{in}_u)$ reach its minimum; with one hidden layer the first is exact.
    Biases count (Laurent, Aldea and Franchi, ICLR 2024, leave them out); running statistics do not. Units without
    incoming or outgoing weights keep their scale, for there the infimum is not reached.

    Returns:
        Class to positive factors, for `rescale_weights`. Signs are left alone.
    """
    return _balanced(weights, spec, layout, _least)


@torch.no_grad()
def unit_norm(
    weights: Float[Tensor, "*models parameters"], spec: PermutationSpec, layout: Layout
) -> dict[str, Float[Tensor, "..."]]:
    """The factors that give every unit incoming weights (its bias among them) of norm 1, layer after layer.

    Returns:
        Class to positive factors, for `rescale_weights`. Units without incoming weights keep their scale, and so do
        those that several layers write to (a residual stream without normalisation): no scales may exist for them.
    """
    writers = {
        name: {block.name for block in _written(spec, name) if len(spec.rescaling.axes[block.name]) > 1}
        for name in spec.rescaling.classes
    }
    free = [name for name, wrote in writers.items() if len(wrote) < 2]
    return _balanced(weights, spec, layout, lambda into, out: -0.5 * torch.log(into), free)


def _written(spec: PermutationSpec, name: str) -> list[Block]:
    """The blocks that a class multiplies."""
    return [
        block
        for blocks in spec.rescaling.blocks.values()
        for block in blocks
        if any(factor.group == name and factor.power > 0 for factor in block.factors)
    ]


Update = Callable[[Tensor, Tensor], Tensor]
"""From the squared norms of what comes in and what goes out of each unit to the change of its log factor."""


def _least(into: Tensor, out: Tensor) -> Tensor:
    return 0.25 * (torch.log(out) - torch.log(into))


def _balanced(
    weights: Tensor, spec: PermutationSpec, layout: Layout, update: Update, free: Sequence[str] | None = None
) -> dict[str, Tensor]:
    single = weights.dim() == 1
    stacked = (weights.unsqueeze(0) if single else weights).double()
    rescaling = spec.rescaling
    among = rescaling.classes if free is None else free
    classes = [name for name in among if rescaling.kinds[name] != "sign"]
    squares: dict[str, list[tuple[Block, Tensor]]] = {name: [] for name in classes}
    for name, value in layout.unflatten(stacked).items():
        for block in rescaling.blocks.get(name, ()):
            part = value[(slice(None), *block.slices)].reshape(len(value), *block.shape) ** 2
            for group in {group for group in block.groups if group in squares}:
                squares[str(group)].append((block, part))
    logs = {name: torch.zeros(len(stacked), *rescaling.shapes[name], dtype=torch.float64) for name in classes}
    for _ in range(SWEEPS):
        largest = 0.0
        for name in classes:
            sums, both = _sums(squares[name], name, logs, spec)
            change = torch.nan_to_num(update(sums[1], sums[-1]), nan=0.0, posinf=0.0, neginf=0.0)
            change = change / 2 if both else change
            logs[name] += change
            largest = max(largest, float(change.abs().max()) if change.numel() else 0.0)
        if largest < CLOSE:
            break
    factors = {name: torch.exp(log).to(weights.dtype) for name, log in logs.items()}
    return {name: factor[0] if single else factor for name, factor in factors.items()}


def _sums(
    blocks: list[tuple[Block, Tensor]], name: str, logs: Mapping[str, Tensor], spec: PermutationSpec
) -> tuple[dict[int, Tensor], bool]:
    """Squared norms of what is multiplied and of what is divided by each factor; whether one parameter is both."""
    rescaling = spec.rescaling
    factors = {other: torch.exp(log) for other, log in logs.items()}
    sums = {1: torch.zeros_like(logs[name]), -1: torch.zeros_like(logs[name])}
    both = False
    for block, square in blocks:
        scaled = square * block_factor(factors, rescaling, block, square) ** 2
        places = [place for place, factor in enumerate(block.factors) if factor.group == name]
        both |= len(places) > 1
        for place in places:
            total = _kept(scaled, block, place, rescaling.owners.get(name))
            sums[int(math.copysign(1, block.factors[place].power))] += total
    return sums, both


@torch.no_grad()
def sorted_order(
    weights: Float[Tensor, "*models parameters"], spec: PermutationSpec, layout: Layout
) -> dict[str, Tensor]:
    """The permutation that puts the units of every group in falling order of the norm of all their weights.

    The norm of a unit does not depend on the order of the others, so permuted copies of one network become equal
    (where no two units have the same norm). Owners, such as attention heads, are sorted by the norm of what they own.
    """
    single = weights.dim() == 1
    stacked = (weights.unsqueeze(0) if single else weights).double()
    norms: dict[str, Tensor] = {}
    for name, value in layout.unflatten(stacked).items():
        for block in spec.blocks.get(name, ()):
            square = value[(slice(None), *block.slices)].reshape(len(value), *block.shape) ** 2
            for place, group in enumerate(block.groups):
                if group is not None and group in spec.sizes:
                    part = _kept(square, block, place, spec.within.get(group))
                    norms[group] = norms[group] + part if group in norms else part
    orders = {group: norms[group].argsort(dim=-1, descending=True, stable=True) for group in spec.groups}
    for group, owner in spec.within.items():
        if owner in orders:
            orders[group] = torch.take_along_dim(orders[group], orders[owner].unsqueeze(-1), -2)
    return {group: order[0] if single else order for group, order in orders.items()}


def _kept(square: Tensor, block: Block, place: int, owner: str | None) -> Tensor:
    """Sums over everything but one factor, and its owner before it."""
    kept = [place] if owner is None else [block.groups.index(owner), place]
    rest = [axis + 1 for axis in range(len(block.shape)) if axis not in kept]
    total = square.sum(rest) if rest else square
    return total.transpose(-1, -2) if len(kept) == 2 and kept[0] > kept[1] else total


FORMS = ("none", "minimum-norm", "unit-norm", "sorted")
"""Names of representatives."""


def canonical(
    weights: Float[Tensor, "*models parameters"], spec: PermutationSpec, layout: Layout, *, form: str
) -> Float[Tensor, "*models parameters"]:
    """The same functions at their representatives.

    Args:
        weights: of one network or one per row.
        spec: of their architecture.
        layout: of their architecture.
        form: "none", "minimum-norm", "unit-norm", or "sorted" (minimum norm, then units by falling norm).

    Raises:
        ValueError: the form is unknown.
    """
    scaled = rescale_weights(weights, canonical_scaling(weights, spec, layout, form=form), spec, layout)
    return permute_weights(scaled, sorted_order(scaled, spec, layout), spec, layout) if form == "sorted" else scaled


def canonical_scaling(
    weights: Float[Tensor, "*models parameters"], spec: PermutationSpec, layout: Layout, *, form: str
) -> dict[str, Float[Tensor, "..."]]:
    """The factors that bring networks to their representative; none for "none".

    Raises:
        ValueError: the form is unknown.
    """
    if form not in FORMS:
        raise ValueError(f"canonical form {form!r} is unknown; choose one of {', '.join(FORMS)}")
    if form == "none":
        return {}
    return unit_norm(weights, spec, layout) if form == "unit-norm" else minimum_norm(weights, spec, layout)
