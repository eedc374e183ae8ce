"""Which units of an architecture may be permuted and rescaled, as data."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from torch import Tensor, nn

Kind = Literal["positive", "sign", "nonzero"]
"""Factors that leave the function alone: positive ones (ReLU), 1 and -1 (tanh), or all but zero (no activation)."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One level of an axis.

    Attributes:
        size: places on this level.
        group: what permutes (or rescales) them; `None` for places that stay.
        power: of the factors, where it rescales: 1 or -1.
    """

    size: int
    group: str | None = None
    power: int = 1


Piece = tuple[Factor, ...]
"""Some places of an axis, row-major: 64 features may be 4 heads of 16 units, or 16 channels of 4 pixels."""

Axis = tuple[Piece, ...]
"""Pieces one after the other; most axes have one."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of one parameter that is one piece on each axis.

    Attributes:
        name: of the parameter.
        slices: where the block lies.
        shape: one number per factor.
        factors: of all axes, one after the other.
    """

    name: str
    slices: tuple[slice, ...]
    shape: tuple[int, ...]
    factors: tuple[Factor, ...]

    @property
    def groups(self) -> tuple[str | None, ...]:
        """The group of each factor."""
        return tuple(factor.group for factor in self.factors)


@dataclass(frozen=True)
class Rescaling:
    """The factors by which the units of one architecture may be multiplied, layer by layer.

    Attributes:
        axes: parameter name to its axes; the groups of their factors are classes of this rescaling.
        shapes: class to the shape of its factors: `(units,)`, or `(owners, units)` where each head has its own.
        kinds: class to what its factors may be.
        owners: class to the owner, at each of whose places it has factors of its own.
        fixed: what cannot be rescaled, and why. Running statistics never are, so they are not told of.
    """

    axes: Mapping[str, tuple[Axis, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    kinds: Mapping[str, Kind]
    owners: Mapping[str, str] = field(default_factory=dict)
    fixed: tuple[tuple[str, str], ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the layers that make their units."""
        return tuple(self.shapes)

    @cached_property
    def blocks(self) -> Mapping[str, tuple[Block, ...]]:
        """What the classes multiply, parameter by parameter."""
        return {name: blocks_of(name, axes) for name, axes in self.axes.items()}

    def members(self, name: str, power: int) -> list[tuple[str, int]]:
        """Every `(parameter, axis)` that a class multiplies (power 1) or divides (power -1)."""
        return [
            (parameter, place)
            for parameter, axes in self.axes.items()
            for place, axis in enumerate(axes)
            if any(factor.group == name and factor.power == power for piece in axis for factor in piece)
        ]


@dataclass(frozen=True)
class PermutationSpec:
    """The symmetry group of one architecture: what permutes its units, and what rescales them.

    A group permutes the places of one factor on every axis that has it. A group *within* another one permutes each of
    its owner's places in its own way: the units of every attention head, the channels of every convolution group.

    Attributes:
        axes: parameter name to its axes.
        sizes: group name to its number of units (of one copy, where it is within another).
        within: group name to the owner, whose every place has its own permutation of the group. An owner that is no
            group itself stays in order.
        copies: group name to the number of places of its owner.
        fixed: what cannot be permuted, and why.
        buffers: the same as `axes` for the running statistics of normalisation layers.
        rescaling: the factors by which units may be multiplied.
    """

    axes: Mapping[str, tuple[Axis, ...]]
    sizes: Mapping[str, int]
    within: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    fixed: tuple[tuple[str, str], ...] = ()
    buffers: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    rescaling: Rescaling = field(default_factory=lambda: Rescaling({}, {}, {}))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in the order of the layers that make their units."""
        return tuple(self.sizes)

    @cached_property
    def blocks(self) -> Mapping[str, tuple[Block, ...]]:
        """Parameters and running statistics, cut where an axis has several pieces."""
        return {name: blocks_of(name, axes) for name, axes in {**self.axes, **self.buffers}.items()}

    @cached_property
    def outline(self) -> Mapping[str, tuple[str | None, ...]]:
        """Parameter name to the group whose units lie along each axis, in blocks; `None` where it is more involved."""
        return {name: tuple(_only_group(axis) for axis in axes) for name, axes in self.axes.items()}

    @classmethod
    def of_outline(
        cls,
        outline: Mapping[str, tuple[str | None, ...]],
        sizes: Mapping[str, int],
        shapes: Mapping[str, tuple[int, ...]],
        fixed: tuple[tuple[str, str], ...] = (),
    ) -> "PermutationSpec":
        """A spec of permutations alone, in which every axis has one group or none.

        Args:
            outline: parameter name to the group of each axis.
            sizes: group name to its units; an axis may be as many times longer as a unit has places.
            shapes: of the parameters.
            fixed: what cannot be permuted, and why.
        """
        axes = {
            name: tuple(
                ((Factor(length),),)
                if group is None
                else ((Factor(sizes[group], group), *([Factor(rest)] if (rest := length // sizes[group]) > 1 else [])),)
                for group, length in zip(groups, shapes[name], strict=True)
            )
            for name, groups in outline.items()
        }
        return cls(axes, sizes, fixed=fixed)

    def shape_of(self, group: str) -> tuple[int, ...]:
        """The shape of a group's part of a permutation: `(units,)`, or `(owners, units)` within an owner."""
        return (self.copies[group], self.sizes[group]) if group in self.within else (self.sizes[group],)

    def members(self, group: str) -> list[tuple[str, int]]:
        """Every `(parameter, axis)` that `group` permutes."""
        return [
            (name, place)
            for name, axes in self.axes.items()
            for place, axis in enumerate(axes)
            if any(factor.group == group for piece in axis for factor in piece)
        ]

    def verify(
        self, module: nn.Module, example_input: Tensor | tuple[Any, ...], *, seed: int = 0, rescale: bool = True
    ) -> float:
        """Largest change of the outputs of `module` under a random element, relative to the largest output.

        It is 0 up to rounding: about 1e-6 in single precision, 1e-15 in double precision. It is 0, too, where the
        spec has neither groups nor classes, so that nothing is moved.

        Args:
            module: of this spec; it is not changed.
            example_input: a batch, or several inputs as a tuple.
            seed: of the element.
            rescale: multiply units, too, by factors from 1/2 to 2 and signs.

        Raises:
            ValueError: the spec is of another module, the example does not fit, or nothing that is a number comes out.
        """
        from wsexplore.symmetry.verify import largest_change

        return largest_change(self, module, example_input, seed=seed, rescale_too=rescale)


def check_module(spec: PermutationSpec, module: nn.Module) -> None:
    """Check that a spec is of this module.

    Raises:
        ValueError: it is not; the parameter or running statistic is named.
    """
    held = {name: tuple(value.shape) for name, value in [*module.named_parameters(), *module.named_buffers()]}
    check_shapes({**spec.axes, **spec.buffers}, held)


def check_shapes(axes: Mapping[str, tuple[Axis, ...]], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that the networks hold every parameter that a spec speaks of, in the shape that it has there.

    Raises:
        ValueError: one is missing or has another shape.
    """
    for name, of_name in axes.items():
        wanted = tuple(sum(math.prod(factor.size for factor in piece) for piece in axis) for axis in of_name)
        if name not in shapes:
            raise ValueError(f"the spec does not fit the networks: they have no {name}, it is of another architecture")
        if tuple(shapes[name]) != wanted:
            raise ValueError(
                f"the spec does not fit the networks: {name} has shape {tuple(shapes[name])}, in the spec {wanted}"
            )


def blocks_of(name: str, axes: tuple[Axis, ...]) -> tuple[Block, ...]:
    """A parameter cut into blocks that are one piece on each axis."""
    cuts = []
    for axis in axes:
        start, spans = 0, []
        for piece in axis:
            stop = start + math.prod(factor.size for factor in piece)
            spans.append((slice(start, stop), piece))
            start = stop
        cuts.append(spans)
    return tuple(
        Block(
            name,
            tuple(span for span, _ in chosen),
            tuple(factor.size for _, piece in chosen for factor in piece),
            tuple(factor for _, piece in chosen for factor in piece),
        )
        for chosen in itertools.product(*cuts)
    )


def _only_group(axis: Axis) -> str | None:
    first, *others = axis[0]
    return first.group if len(axis) == 1 and all(factor.group is None for factor in others) else None
