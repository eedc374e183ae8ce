"""That a spec is right, shown on a module: a random element of its group leaves the outputs alone."""

from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.symmetry.action import permute, random_permutation
from wsexplore.symmetry.rules import tensors_in
from wsexplore.symmetry.scaling import random_scaling, rescale
from wsexplore.symmetry.spec import PermutationSpec


def largest_change(
    spec: PermutationSpec, module: nn.Module, example_input: Tensor | tuple[Any, ...], *, seed: int, rescale_too: bool
) -> float:
    """Largest change of any output under a random element of the group, relative to the largest output."""
    twin = permute(module, random_permutation(spec, seed=seed), spec)
    if rescale_too:
        twin = rescale(twin, random_scaling(spec, seed=seed), spec)
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    modes = [(part, part.training) for part in module.modules()]
    with torch.no_grad():
        ours, theirs = list(tensors_in(module.eval()(*inputs))), list(tensors_in(twin.eval()(*inputs)))
    for part, mode in modes:
        part.training = mode
    top = max((float(tensor.abs().max()) for tensor in ours if tensor.numel()), default=0.0)
    change = max(
        (float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True) if one.numel()), default=0.0
    )
    return change / max(top, torch.finfo(torch.float64).tiny)
