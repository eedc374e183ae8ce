"""That a spec is right, shown on a module: a random element of its group leaves the outputs alone."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.symmetry.action import permute, random_permutation
from wsexplore.symmetry.contents import found_in, statistics_of, takes_no
from wsexplore.symmetry.scaling import random_scaling, rescale
from wsexplore.symmetry.spec import PermutationSpec


def largest_change(
    spec: PermutationSpec, module: nn.Module, example_input: Tensor | tuple[Any, ...], *, seed: int, rescale_too: bool
) -> float:
    """Largest change of any output under a random element of the group, relative to the largest number of that output.

    An output that is a million times smaller than the largest is taken for its rounding errors: it counts as if it
    were of that size. The change is infinite where an output has another shape, or is not a number in other places.

    Raises:
        ValueError: the spec is of another module, the module does not take the example, it holds or returns what is
            not a number, so that nothing could be compared, or it returns no tensor.
    """
    _check_numbers(module)
    twin = permute(module, random_permutation(spec, seed=seed), spec)
    if rescale_too:
        twin = rescale(twin, random_scaling(spec, seed=seed), spec)
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    ours, theirs = _outputs(module, inputs), _outputs(twin, inputs)
    if not ours:
        raise ValueError(f"{type(module).__name__} returns no tensor")
    if not any(bool(torch.isfinite(tensor).any()) for tensor in ours):
        raise ValueError(f"{type(module).__name__} returns no finite number on this example: nothing can be compared")
    if len(ours) != len(theirs):
        return float("inf")
    floor = max(_size(tensor) for tensor in ours) * 1e-6
    return max(_change(one, other, floor) for one, other in zip(ours, theirs, strict=True))


def _check_numbers(module: nn.Module) -> None:
    for name, value in [*module.named_parameters(), *statistics_of(module)]:
        if bool(torch.isnan(value).any()):
            raise ValueError(f"{name} holds what is not a number, so what {type(module).__name__} computes says little")


def _outputs(module: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    """What a module returns in evaluation mode, with the same random numbers each time."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return [tensor.detach().clone() for tensor in found_in(module.eval()(*inputs))]
    except (Exception, SystemExit) as error:  # a module raises what it likes when its input does not fit
        raise takes_no(module, error) from None
    finally:
        for part, mode in modes:
            part.training = mode


def _size(tensor: Tensor) -> float:
    """The largest of the numbers that are finite."""
    finite = tensor[torch.isfinite(tensor)]
    return float(finite.abs().max()) if finite.numel() else 0.0


def _change(one: Tensor, other: Tensor, floor: float) -> float:
    if one.shape != other.shape:
        return float("inf")
    usual = torch.isfinite(one)
    if not torch.equal(usual, torch.isfinite(other)) or not torch.equal(_kinds(one[~usual]), _kinds(other[~usual])):
        return float("inf")
    wide = torch.complex128 if one.is_complex() else torch.float64
    change = _size(one.to(wide)[usual] - other.to(wide)[usual])
    return change / max(_size(one), floor, torch.finfo(torch.float64).tiny) if change else 0.0


def _kinds(odd: Tensor) -> Tensor:
    """Infinities by their sign, and what is no number, as numbers."""
    return torch.nan_to_num(odd, nan=0.0, posinf=1.0, neginf=-1.0)


def shaken(module: nn.Module, *, seed: int) -> nn.Module:
    """A copy of a module with noise on every parameter and running statistic, so that no symmetry holds by accident.

    A fresh network has biases of 0 and normalisations that do nothing, which hides a wrong spec.
    """
    draw = torch.Generator().manual_seed(seed)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in [*twin.named_parameters(), *statistics_of(twin)]:
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=draw).to(value)
            if name.endswith("running_var"):
                value.mul_(torch.exp(0.3 * noise))
            else:
                spread = float(value.std()) if value.dim() > 1 and value.numel() > 1 else 1.0
                value.add_(0.3 * (spread or 1.0) * noise)
    return twin
