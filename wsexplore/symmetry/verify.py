"""That a spec is right, shown on a module: a random element of its group leaves the outputs alone."""

from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.symmetry.action import permute, random_permutation
from wsexplore.symmetry.scaling import random_scaling, rescale
from wsexplore.symmetry.spec import PermutationSpec
from wsexplore.symmetry.watch import found_in


def largest_change(
    spec: PermutationSpec, module: nn.Module, example_input: Tensor | tuple[Any, ...], *, seed: int, rescale_too: bool
) -> float:
    """Largest change of any output under a random element of the group, relative to the largest number of that output.

    It is infinite where an output has another shape, or is not a number in other places.

    Raises:
        ValueError: the module returns no tensor.
    """
    twin = permute(module, random_permutation(spec, seed=seed), spec)
    if rescale_too:
        twin = rescale(twin, random_scaling(spec, seed=seed), spec)
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    ours, theirs = _outputs(module, inputs), _outputs(twin, inputs)
    if not ours:
        raise ValueError(f"{type(module).__name__} returns no tensor")
    if len(ours) != len(theirs):
        return float("inf")
    return max(_change(one, other) for one, other in zip(ours, theirs, strict=True))


def _outputs(module: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    """What a module returns in evaluation mode, with the same random numbers each time."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return [tensor.detach().clone() for tensor in found_in(module.eval()(*inputs))]
    finally:
        for part, mode in modes:
            part.training = mode


def _change(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return float("inf")
    if not one.numel():
        return 0.0
    one, other = (t.to(torch.complex128 if t.is_complex() else torch.float64) for t in (one, other))
    usual = torch.isfinite(one)
    if not torch.equal(usual, torch.isfinite(other)) or not torch.equal(
        torch.nan_to_num(one[~usual]), torch.nan_to_num(other[~usual])
    ):
        return float("inf")
    if not bool(usual.any()):
        return 0.0
    change = float((one - other)[usual].abs().max())
    return change / max(float(one[usual].abs().max()), torch.finfo(torch.float64).tiny) if change else 0.0
