"""The rescaling group acting on weights: units multiplied on the way in and divided on the way out."""

import copy
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.nets import Layout
from wsexplore.symmetry.spec import Block, PermutationSpec, Rescaling, check_module, check_shapes

Scaling = Mapping[str, Float[Tensor, "..."]]
"""Class name to the factor of each unit, of one network `(*shape)` or, with an axis in front, of many."""


def random_scaling(
    spec: PermutationSpec, *, seed: int, spread: float = math.log(2) / 2, models: int | None = None
) -> dict[str, Float[Tensor, "..."]]:
    """Random factors: log-normal where they may be any positive number, random signs where signs are free.

    Args:
        spec: of the architecture.
        seed: of the draw.
        spread: standard deviation of the logarithms.
        models: how many to draw; without it one, without an axis in front.
    """
    draw = torch.Generator().manual_seed(seed)
    drawn = {}
    for name, shape in spec.rescaling.shapes.items():
        full, kind = (*(() if models is None else (models,)), *shape), spec.rescaling.kinds[name]
        factors = torch.ones(full) if kind == "sign" else torch.exp(spread * torch.randn(full, generator=draw))
        if kind != "positive":
            factors = factors * (torch.randint(0, 2, full, generator=draw) * 2.0 - 1.0)
        drawn[name] = factors
    return drawn


def rescale_weights(
    weights: Float[Tensor, "*models parameters"], scaling: Scaling, spec: PermutationSpec, layout: Layout
) -> Float[Tensor, "*models parameters"]:
    """The same functions with their units rescaled; classes that are absent keep their scale.

    Running statistics keep theirs: nothing that goes into a normalisation with statistics may be rescaled.

    Raises:
        ValueError: a class is unknown, its factors are not what the activation admits, or the spec is of another
            architecture.
    """
    check_shapes(spec.axes, {slot.name: slot.shape for slot in layout.slots})
    check_scaling(scaling, spec.rescaling)
    return _rescaled(weights, scaling, spec.rescaling, layout)


def _rescaled(values: Tensor, scaling: Scaling, rescaling: Rescaling, layout: Layout) -> Tensor:
    single = values.dim() == 1
    stacked = values.unsqueeze(0) if single else values
    for name, factors in scaling.items():
        if factors.dim() > len(rescaling.shapes[name]) and len(factors) != len(stacked):
            raise ValueError(f"there are {len(stacked)} networks and {len(factors)} scalings of {name}")
    scaled = {name: _multiplied(value, scaling, rescaling, name) for name, value in layout.unflatten(stacked).items()}
    result = layout.flatten(scaled)
    return result.squeeze(0) if single else result


def rescale(module: nn.Module, scaling: Scaling, spec: PermutationSpec) -> nn.Module:
    """A copy of `module` that computes the same function with its units rescaled.

    Raises:
        ValueError: as for `rescale_weights`.
    """
    check_module(spec, module)
    check_scaling(scaling, spec.rescaling)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in twin.named_parameters():
            if name in spec.rescaling.blocks:
                value.copy_(_multiplied(value.unsqueeze(0), scaling, spec.rescaling, name).squeeze(0))
    return twin


def _multiplied(value: Tensor, scaling: Scaling, rescaling: Rescaling, name: str) -> Tensor:
    blocks = rescaling.blocks.get(name, ())
    if not any(group in scaling for block in blocks for group in block.groups):
        return value
    if len(blocks) == 1:
        factor = block_factor(scaling, rescaling, blocks[0], value)
        return (value.reshape(len(value), *blocks[0].shape) * factor).reshape(len(value), *value.shape[1:])
    result = value.clone()
    for block in blocks:
        part = value[(slice(None), *block.slices)]
        factor = block_factor(scaling, rescaling, block, value)
        result[(slice(None), *block.slices)] = (part.reshape(len(value), *block.shape) * factor).reshape(part.shape)
    return result


def block_factor(scaling: Scaling, rescaling: Rescaling, block: Block, like: Tensor) -> Tensor:
    """What a block is multiplied by: `(models or 1, *factors)`, with axes of one place where it does not change."""
    factor = torch.ones((1,) * (len(block.shape) + 1), dtype=like.dtype, device=like.device)
    for place, level in enumerate(block.factors):
        if level.group is not None and level.group in scaling:
            own = scaling[level.group].to(like)
            lead = own.dim() - len(rescaling.shapes[level.group])
            shape = [own.shape[0] if lead else 1] + [1] * len(block.shape)
            shape[place + 1] = level.size
            owner = rescaling.owners.get(level.group)
            if owner is not None:
                at = block.groups.index(owner)
                shape[at + 1] = own.shape[-2]
                own = own if at < place else own.transpose(-1, -2)
            factor = factor * own.reshape(shape) ** level.power
    return factor


def check_scaling(scaling: Scaling, rescaling: Rescaling) -> None:
    """Check that factors are what their class admits.

    Raises:
        ValueError: they are not; the class is named, with what it admits.
    """
    for name, factors in scaling.items():
        if name not in rescaling.shapes:
            why = next((reason for what, reason in rescaling.fixed if what.startswith(f"{name}.")), "")
            raise ValueError(f"{name} cannot be rescaled" + (f": {why}" if why else "; it is no layer of this network"))
        shape, kind = rescaling.shapes[name], rescaling.kinds[name]
        if tuple(factors.shape[factors.dim() - len(shape) :]) != shape or factors.dim() > len(shape) + 1:
            raise ValueError(f"the factors of {name} have shape {tuple(factors.shape)}, it takes {shape}")
        if not bool(torch.isfinite(factors).all()) or not bool((factors != 0).all()):
            raise ValueError(f"the factors of {name} must be finite and not zero")
        if kind == "positive" and not bool((factors > 0).all()):
            raise ValueError(f"{name} admits positive factors only: its activation does not let signs through")
        if kind == "sign" and not bool((factors.abs() == 1).all()):
            raise ValueError(f"{name} admits the factors 1 and -1 only: its activation does not let scales through")
