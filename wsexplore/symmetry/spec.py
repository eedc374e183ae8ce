"""Which units of an architecture may be permuted, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class PermutationSpec:
    """The permutation group of one architecture.

    An axis `units` times as long as its group is made of equal blocks, one per unit: so a linear layer reads the
    channels that a flatten has spread over the pixels.

    Attributes:
        axes: parameter name to the group that permutes each of its axes (`None`: fixed).
        sizes: group name to its number of units.
        fixed: what cannot be permuted, and why.
        buffers: the same as `axes` for the running statistics of normalisation layers.
    """

    axes: Mapping[str, tuple[str | None, ...]]
    sizes: Mapping[str, int]
    fixed: tuple[tuple[str, str], ...] = ()
    buffers: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in the order of the layers that make their units."""
        return tuple(self.sizes)

    def members(self, group: str) -> list[tuple[str, int]]:
        """Every `(parameter, axis)` that `group` permutes."""
        return [(name, axis) for name, axes in self.axes.items() for axis, g in enumerate(axes) if g == group]

    def verify(self, module: nn.Module, example_input: Tensor, *, seed: int = 0) -> float:
        """Largest difference in the outputs of `module` after a random element of the group; 0 up to rounding."""
        from wsexplore.symmetry.action import permute, random_permutation

        twin = permute(module, random_permutation(self, seed=seed), self)
        training = module.training
        with torch.no_grad():
            difference = (module.eval()(example_input) - twin.eval()(example_input)).abs().max()
        module.train(training)
        return float(difference)
