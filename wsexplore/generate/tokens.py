"""A network read as a set of unit tokens: what every hidden unit owns, found from the traced spec."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.nets import Layout
from wsexplore.symmetry import PermutationSpec

REST = "rest"
"""Name of the block that holds the parameters no group touches."""


@dataclass(frozen=True, slots=True)
class Block:
    """Tokens of one kind: the units of one permutation group, or the one token of all untouched parameters.

    Attributes:
        name: the group, or `REST`.
        units: number of tokens.
        features: numbers per token.
    """

    name: str
    units: int
    features: int


@dataclass(frozen=True, slots=True, eq=False)
class UnitTokens:
    """Where the entries of every token lie in the flat weight vector.

    A unit's token is every slice of a parameter that the unit indexes: for a hidden unit of an MLP its incoming
    weights, its bias and its outgoing weights. Parameters that no group touches form one more token.

    If every parameter belongs to one group at most, the map is a bijection, and permuting the units of the network
    permutes the tokens of a block and changes nothing else (`exclusive`). Otherwise an entry lies in several tokens,
    and permuting one group also reorders the features inside another group's tokens.

    Attributes:
        blocks: kinds of tokens, in order.
        gather: the parameter behind each token entry; blocks one after the other, units before features.
        scatter: the token entries that hold each parameter, padded with the number of entries.
        copies: how many tokens hold each parameter.
    """

    blocks: tuple[Block, ...]
    gather: Int[Tensor, " entries"]
    scatter: Int[Tensor, "parameters copies"]
    copies: Int[Tensor, " parameters"]

    @classmethod
    def of(cls, spec: PermutationSpec, layout: Layout) -> "UnitTokens":
        """The tokens of a traced architecture.

        Raises:
            ValueError: the spec names a parameter that the layout lacks, or is empty.
        """
        places = {slot.name: torch.arange(slot.start, slot.stop).view(slot.shape) for slot in layout.slots}
        members = {group: _members(spec, group) for group in spec.groups}
        if unknown := sorted(set(spec.outline) - set(places)):
            raise ValueError(f"the spec permutes {', '.join(unknown)}, which the architecture lacks")
        blocks, parts, touched = [], [], torch.zeros(layout.size, dtype=torch.bool)
        for group in (group for group in spec.groups if members[group]):
            units = int(spec.sizes[group])
            slices = [places[name].movedim(axis, 0).reshape(units, -1) for name, axis in members[group]]
            entries = torch.cat(slices, dim=1)
            touched[entries] = True
            blocks.append(Block(group, units, entries.shape[1]))
            parts.append(entries.flatten())
        if not touched.all():
            rest = (~touched).nonzero().flatten()
            blocks.append(Block(REST, 1, len(rest)))
            parts.append(rest)
        if not parts:
            raise ValueError("the architecture has no parameters, so there is nothing to generate")
        gather = torch.cat(parts)
        return cls(tuple(blocks), gather, *_inverse(gather, layout.size))

    @property
    def exclusive(self) -> bool:
        """Whether every parameter lies in exactly one token, so that the tokens are a bijection of the weights."""
        return int(self.copies.max()) == 1

    @property
    def count(self) -> int:
        """Number of tokens of one network."""
        return sum(block.units for block in self.blocks)

    def to(self, device: torch.device) -> "UnitTokens":
        """The same tokens with their indices on `device`, where the weights must be."""
        return replace(
            self, gather=self.gather.to(device), scatter=self.scatter.to(device), copies=self.copies.to(device)
        )

    def split(self, weights: Float[Tensor, "models parameters"]) -> list[Float[Tensor, "models _ _"]]:
        """The tokens of every network, one tensor per block."""
        entries = weights.index_select(1, self.gather)
        sizes = [block.units * block.features for block in self.blocks]
        parts = torch.split(entries, sizes, dim=1)
        return [
            part.view(len(weights), block.units, block.features) for part, block in zip(parts, self.blocks, strict=True)
        ]

    def join(self, tokens: list[Float[Tensor, "models _ _"]]) -> Float[Tensor, "models parameters"]:
        """The flat vectors of tokens: the mean over the tokens that hold a parameter. `join(split(w)) = w`."""
        entries = torch.cat([block.flatten(1) for block in tokens], dim=1)
        if self.exclusive:
            return entries.index_select(1, self.scatter[:, 0])
        padded = torch.nn.functional.pad(entries, (0, 1))
        copies = padded.index_select(1, self.scatter.flatten()).view(len(entries), *self.scatter.shape)
        return copies.sum(2) / self.copies

    def pool(self, values: Float[Tensor, " parameters"]) -> Float[Tensor, " parameters"]:
        """Every entry replaced by the mean over its block's units at the same feature: unchanged by permutations."""
        tokens = self.split(values.unsqueeze(0))
        return self.join([block.mean(1, keepdim=True).expand_as(block) for block in tokens]).squeeze(0)


def _members(spec: PermutationSpec, group: str) -> list[tuple[str, int]]:
    """The axes along which the units of a group lie one after the other."""
    return [(name, axis) for name, axes in spec.outline.items() for axis, g in enumerate(axes) if g == group]


def _inverse(gather: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """For every parameter the entries that hold it, and how many they are."""
    copies = torch.bincount(gather, minlength=size)
    order = gather.argsort(stable=True)
    first = copies.cumsum(0) - copies
    rank = torch.arange(len(gather)) - first[gather[order]]
    scatter = torch.full((size, int(copies.max())), len(gather))
    scatter[gather[order], rank] = order
    return scatter, copies
